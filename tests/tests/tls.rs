//! Encrypted streams: from the first byte on, and later; what goes wrong with them.

#[path = "common/loopback.rs"]
mod loopback;

use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::sync::Arc;

use asyncio::rustls::pki_types::PrivateKeyDer;
use asyncio::rustls::{ClientConfig, ProtocolVersion, RootCertStore, ServerConfig};
use asyncio::{
    Server, StreamReader, StreamWriter, catch_cancelled, create_task, gather, open_connection,
    sleep, start_server,
};
use loopback::{HOST, port};

const NAME: &str = "localhost";

/// A certificate for `localhost`, and a client that trusts it.
fn configs() -> (ServerConfig, ClientConfig) {
    let made = rcgen::generate_simple_self_signed([NAME.to_owned()]).expect("a certificate");
    let key = PrivateKeyDer::Pkcs8(made.signing_key.serialize_der().into());
    let certificate = made.cert.der().clone();
    let mut roots = RootCertStore::empty();
    roots.add(certificate.clone()).expect("a certificate");
    let mut server = ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .expect("a key");
    let mut client = ClientConfig::builder()
        .with_root_certificates(roots)
        .with_no_client_auth();
    server.alpn_protocols = vec![b"echo".to_vec()];
    client.alpn_protocols = vec![b"other".to_vec(), b"echo".to_vec()];
    (server, client)
}

/// Answers with all that it is sent, as it comes.
async fn echo(reader: StreamReader, writer: StreamWriter) -> io::Result<()> {
    loop {
        let block = reader.read(1 << 14).await?;
        if block.is_empty() {
            return Ok(());
        }
        writer.write(block);
        writer.drain().await?;
    }
}

async fn echo_server() -> (Server, Arc<ClientConfig>) {
    let (server, client) = configs();
    let server = start_server(echo, HOST, 0).ssl(server).await.unwrap();
    (server, Arc::new(client))
}

#[asyncio::test]
async fn lines_go_there_and_back() {
    let (server, config) = echo_server().await;
    let (reader, writer) = open_connection(NAME, port(&server))
        .ssl(config)
        .await
        .unwrap();
    writer.write("one\n");
    writer.write("two\n");
    assert_eq!(reader.readline().await.unwrap(), b"one\n");
    assert_eq!(reader.readline().await.unwrap(), b"two\n");
    let agreed = writer.tls_info().expect("it is encrypted");
    assert_eq!(agreed.version, Some(ProtocolVersion::TLSv1_3));
    assert_eq!(agreed.alpn_protocol.as_deref(), Some(&b"echo"[..]));
    assert!(agreed.cipher.is_some() && agreed.peer_certificates.len() == 1);
    writer.close();
    writer.wait_closed().await.unwrap();
    server.close();
    server.wait_closed().await;
}

#[asyncio::test]
async fn what_is_sent_is_not_what_goes_over_the_wire() {
    let (config, listener) = (configs().1, TcpListener::bind((HOST, 0)).unwrap());
    let port = listener.local_addr().unwrap().port();
    let secret = b"a secret to be kept";
    let seen = std::thread::spawn(move || {
        let (mut socket, _) = listener.accept().unwrap();
        let mut seen = vec![0; 64];
        io::Read::read_exact(&mut socket, &mut seen).unwrap();
        seen
    });
    let opened = open_connection(NAME, port).ssl(config).await;
    assert!(opened.is_err(), "the other side has gone");
    let seen = seen.join().unwrap();
    assert_eq!(seen[0], 22, "a handshake comes first");
    assert!(!seen.windows(secret.len()).any(|window| window == secret));
}

#[asyncio::test]
async fn much_goes_both_ways_at_once_and_a_half_close_ends_one() {
    let (server, config) = echo_server().await;
    let (reader, writer) = open_connection(NAME, port(&server))
        .ssl(config)
        .await
        .unwrap();
    let total = 4 << 20;
    let sending = create_task(async move {
        let block: Vec<u8> = (0..=255).cycle().take(1 << 16).collect();
        for _ in 0..total >> 16 {
            writer.write(&block);
            writer.drain().await.unwrap();
        }
        writer.write_eof();
        writer
    });
    let received = reader.read_to_end().await.unwrap();
    assert_eq!(received.len(), total);
    let mut expected = (0..=255).cycle();
    assert!(received.iter().all(|&byte| Some(byte) == expected.next()));
    drop(sending.await);
    server.close();
}

#[asyncio::test]
async fn many_clients_shake_hands_at_once() {
    let (server, config) = echo_server().await;
    let port = port(&server);
    let clients = (0..50).map(|number: u32| {
        let config = config.clone();
        async move {
            let (reader, writer) = open_connection(NAME, port).ssl(config).await?;
            writer.write(format!("{number}\n"));
            let line = reader.readline().await?;
            io::Result::Ok(String::from_utf8(line).unwrap())
        }
    });
    for (number, line) in gather(clients).await.into_iter().enumerate() {
        assert_eq!(line.unwrap(), format!("{number}\n"));
    }
    server.close();
}

#[asyncio::test]
async fn a_connection_is_encrypted_after_a_few_lines_in_the_clear() {
    let (server_config, client_config) = configs();
    let server_config = Arc::new(server_config);
    let serve = move |reader: StreamReader, writer: StreamWriter| {
        let config = server_config.clone();
        async move {
            assert_eq!(reader.readline().await?, b"STARTTLS\n");
            // The client did not wait for an answer: its hello is here already.
            while reader.read(0).await?.is_empty() && !format!("{reader:?}").contains("bytes") {
                sleep(0).await;
            }
            writer.accept_tls(config).await?;
            let line = reader.readline().await?;
            writer.write(line);
            io::Result::Ok(())
        }
    };
    let server = start_server(serve, HOST, 0).await.unwrap();
    let (reader, writer) = open_connection(HOST, port(&server)).await.unwrap();
    assert!(writer.tls_info().is_none());
    writer.write("STARTTLS\n");
    writer.start_tls(client_config, NAME).await.unwrap();
    assert!(writer.tls_info().is_some());
    writer.write("secret\n");
    assert_eq!(reader.readline().await.unwrap(), b"secret\n");
    server.close();
}

#[asyncio::test]
async fn a_certificate_for_another_name_is_refused_and_the_server_goes_on() {
    let (server, config) = echo_server().await;
    let refused = open_connection(HOST, port(&server))
        .ssl(config.clone())
        .server_hostname("example.org")
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidData);
    let text = refused.to_string();
    assert!(text.starts_with("SSL handshake failed: "), "{text}");
    assert!(text.contains("not valid for name"), "{text}");
    let (reader, writer) = open_connection(HOST, port(&server))
        .ssl(config)
        .server_hostname(NAME)
        .await
        .unwrap();
    writer.write("still there\n");
    assert_eq!(reader.readline().await.unwrap(), b"still there\n");
    server.close();
}

#[asyncio::test]
async fn a_name_that_is_none_is_an_error() {
    let (server, config) = echo_server().await;
    let refused = open_connection(HOST, port(&server))
        .ssl(config)
        .server_hostname("not a name")
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    server.close();
}

#[asyncio::test]
async fn a_client_that_does_not_speak_tls_is_turned_away() {
    let (server, _) = echo_server().await;
    let (reader, writer) = open_connection(HOST, port(&server)).await.unwrap();
    writer.write("GET / HTTP/1.0\r\n\r\n");
    // An alert, or nothing if the connection is reset before.
    let answer = reader.read_to_end().await.unwrap_or_default();
    assert!(answer.is_empty() || answer[0] == 21, "{answer:?}");
    server.close();
    server.wait_closed().await;
}

#[asyncio::test]
async fn a_handshake_that_takes_too_long_is_given_up() {
    let listener = TcpListener::bind((HOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let given_up = open_connection(NAME, port)
        .ssl(configs().1)
        .ssl_handshake_timeout(0.01)
        .await
        .unwrap_err();
    assert_eq!(given_up.kind(), ErrorKind::ConnectionAborted);
    assert_eq!(
        given_up.to_string(),
        "SSL handshake is taking longer than 0.01 seconds: aborting the connection"
    );
}

#[asyncio::test]
async fn a_cancelled_handshake_closes_the_connection() {
    let listener = TcpListener::bind((HOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (_, writer) = open_connection(HOST, port).await.unwrap();
    let upgraded = writer.clone();
    let task = create_task(async move { upgraded.start_tls(configs().1, NAME).await });
    sleep(0).await;
    sleep(0).await;
    task.cancel();
    catch_cancelled(task).await.unwrap_err();
    assert!(writer.is_closing());
    let (mut socket, _) = listener.accept().unwrap();
    let mut sent = Vec::new();
    // It ends, whether or not with a reset.
    let _ = io::Read::read_to_end(&mut socket, &mut sent);
}

#[asyncio::test]
async fn a_stream_that_is_cut_off_is_an_error_and_one_that_is_closed_is_not() {
    let (server_config, client_config) = configs();
    let config = Arc::new(client_config);
    let serve = |reader: StreamReader, writer: StreamWriter| async move {
        writer.write("hello\n");
        match reader.readline().await?.as_slice() {
            b"cut\n" => writer.abort(),
            _ => writer.close(),
        }
        io::Result::Ok(())
    };
    let server = start_server(serve, HOST, 0)
        .ssl(server_config)
        .await
        .unwrap();
    for (word, is_error) in [("close\n", false), ("cut\n", true)] {
        let (reader, writer) = open_connection(NAME, port(&server))
            .ssl(config.clone())
            .await
            .unwrap();
        assert_eq!(reader.readline().await.unwrap(), b"hello\n");
        writer.write(word);
        let end = reader.read(1).await;
        if is_error {
            assert_eq!(end.unwrap_err().kind(), ErrorKind::UnexpectedEof);
        } else {
            assert_eq!(end.unwrap(), b"");
        }
    }
    server.close();
}

#[test]
fn it_works_on_other_executors_and_is_send() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let (server, config) = configs();
    let (tell, told) = std::sync::mpsc::channel();
    let serving = std::thread::spawn(move || {
        asyncio::run(async move {
            let server = start_server(echo, HOST, 0).ssl(server).await.unwrap();
            let stop = asyncio::Event::new();
            let remote = asyncio::get_running_loop().remote();
            tell.send((port(&server), remote)).unwrap();
            stop.wait().await;
        });
    });
    let (port, remote) = told.recv().unwrap();
    async_io::block_on(is_send(async move {
        let (reader, writer) = open_connection(NAME, port).ssl(config).await.unwrap();
        writer.write("from elsewhere\n");
        assert_eq!(reader.readline().await.unwrap(), b"from elsewhere\n");
    }));
    remote
        .call_soon_threadsafe(|| {
            for task in asyncio::all_tasks() {
                task.cancel();
            }
        })
        .unwrap();
    assert!(serving.join().is_err(), "its main task was cancelled");
}
