//! The echo server, with peers of every kind.

use asyncio::testing::block;
use asyncio::{Server, catch_cancelled, create_task, gather, open_connection, sleep};
use examples::peers::{Running, python_program};
use services::echo;
use services::stopping::shut_down;

const HOST: &str = "127.0.0.1";
const IDLE: f64 = 5.0;

async fn serve() -> (Server, u16) {
    let server = echo::serve(HOST, 0, IDLE).await.unwrap();
    let port = server.addresses()[0].port();
    (server, port)
}

#[asyncio::test]
async fn a_megabyte_comes_back_to_each_of_ten() {
    let (server, port) = serve().await;
    let clients = (0..10_u8).map(|n| async move {
        let sent = vec![n; 1 << 20];
        let (reader, writer) = open_connection(HOST, port).await.unwrap();
        let read = create_task(async move { reader.read_to_end().await.unwrap() });
        writer.write(&sent);
        writer.drain().await.unwrap();
        writer.write_eof();
        assert!(read.await == sent);
    });
    gather(clients).await;
    shut_down(&server, IDLE).await;
}

#[asyncio::test(virtual_clock)]
async fn a_connection_that_says_nothing_is_closed_after_the_idle_time() {
    let (server, port) = serve().await;
    let (reader, writer) = open_connection(HOST, port).await.unwrap();
    for _ in 0..3 {
        writer.write("hello");
        assert_eq!(reader.readexactly(5).await.unwrap(), b"hello");
        block(IDLE - 0.1);
    }
    writer.write("again");
    assert_eq!(reader.readexactly(5).await.unwrap(), b"again");
    block(IDLE + 0.1);
    assert_eq!(reader.read(1).await.unwrap(), b"");
    shut_down(&server, IDLE).await;
}

#[asyncio::test(virtual_clock)]
async fn a_peer_that_never_reads_is_closed_after_the_idle_time() {
    let (server, port) = serve().await;
    let (reader, writer) = open_connection(HOST, port).await.unwrap();
    // More than the buffers of both sides hold; so neither can go on.
    let flood = create_task({
        let writer = writer.clone();
        async move {
            loop {
                writer.write(vec![b'x'; 1 << 20]);
                if writer.drain().await.is_err() {
                    break;
                }
            }
        }
    });
    for _ in 0..20 {
        for _ in 0..200 {
            sleep(0).await;
        }
        block(1);
    }
    flood.await;
    drop(reader);
    shut_down(&server, IDLE).await;
}

#[asyncio::test]
async fn the_end_of_the_server_is_the_end_of_its_connections() {
    let (server, port) = serve().await;
    let (reader, writer) = open_connection(HOST, port).await.unwrap();
    writer.write("hello");
    assert_eq!(reader.readexactly(5).await.unwrap(), b"hello");
    shut_down(&server, IDLE).await;
    assert_eq!(reader.read(1).await.unwrap(), b"");
}

#[asyncio::test]
async fn a_client_that_is_cancelled_leaves_the_server_as_it_was() {
    let (server, port) = serve().await;
    let client = create_task(async move {
        let (reader, writer) = open_connection(HOST, port).await.unwrap();
        writer.write("half a mess");
        reader.readexactly(100).await.unwrap();
    });
    for _ in 0..50 {
        sleep(0).await;
    }
    client.cancel();
    assert!(catch_cancelled(client).await.is_err());
    // Nobody is left to be waited for.
    server.close();
    server.wait_closed().await;
}

#[asyncio::test]
async fn cpythons_client_hears_itself() {
    let (server, port) = serve().await;
    let args = ["--client", "--port", &port.to_string()].map(str::to_owned);
    let Some(mut client) = python_program("tcp_echo", args) else {
        return;
    };
    let output = asyncio::to_thread(move || client.output().unwrap()).await;
    assert!(output.status.success());
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.ends_with("data received: This is the message. It will be echoed.\n"));
    shut_down(&server, IDLE).await;
}

#[asyncio::test]
async fn cpythons_server_is_heard() {
    let Some(mut command) = python_program("tcp_echo", ["--server", "--port", "0"]) else {
        return;
    };
    let mut server = Running::start(&mut command);
    let (reader, writer) = open_connection(HOST, server.address().port())
        .await
        .unwrap();
    let sent = vec![b'x'; 1 << 20];
    let read = create_task(async move { reader.read_to_end().await.unwrap() });
    writer.write(&sent);
    writer.write_eof();
    assert!(read.await == sent);
}
