//! WebSockets over asyncio's streams.

use std::process::Command;

use async_tungstenite::tungstenite::Message;
use asyncio::{Server, gather, open_connection};
use examples::programs::executable;
use futures::StreamExt;
use services::stopping::shut_down;
use websocket::{MAX_MESSAGE, connect, serve};

const HOST: &str = "127.0.0.1";

async fn start() -> (Server, u16) {
    let server = serve(HOST, 0).await.unwrap();
    let port = server.addresses()[0].port();
    (server, port)
}

#[asyncio::test]
async fn a_hundred_clients_hear_themselves() {
    let (server, port) = start().await;
    let clients = (0..100).map(|client| async move {
        let mut socket = connect(HOST, port).await.unwrap();
        for n in 0..10 {
            let sent = if n % 2 == 0 {
                Message::text(format!("{client} says {n}"))
            } else {
                Message::binary(vec![n; 10_000])
            };
            socket.send(sent.clone()).await.unwrap();
            assert_eq!(socket.next().await.unwrap().unwrap(), sent);
        }
        socket.close(None).await.unwrap();
        // The server says goodbye as well.
        assert!(matches!(socket.next().await, Some(Ok(Message::Close(_)))));
        assert!(socket.next().await.is_none());
    });
    gather(clients).await;
    server.close();
    server.wait_closed().await;
}

#[asyncio::test]
async fn a_ping_is_answered_and_the_longest_message_comes_back() {
    let (server, port) = start().await;
    let mut socket = connect(HOST, port).await.unwrap();
    socket
        .send(Message::Ping("are you there".into()))
        .await
        .unwrap();
    assert_eq!(
        socket.next().await.unwrap().unwrap(),
        Message::Pong("are you there".into())
    );
    let longest = Message::binary(vec![7; MAX_MESSAGE]);
    socket.send(longest.clone()).await.unwrap();
    assert!(socket.next().await.unwrap().unwrap() == longest);
    drop(socket);
    shut_down(&server, 5.0).await;
}

#[asyncio::test]
async fn a_message_that_is_too_long_is_the_last() {
    let (server, port) = start().await;
    let mut socket = connect(HOST, port).await.unwrap();
    let sent = Message::binary(vec![7; MAX_MESSAGE + 1]);
    // The server may be gone before all of it is.
    let _ = socket.send(sent).await;
    while let Some(Ok(message)) = socket.next().await {
        assert!(matches!(message, Message::Close(_)), "{message}");
    }
    shut_down(&server, 5.0).await;
}

#[asyncio::test]
async fn who_vanishes_or_speaks_something_else_holds_nothing_up() {
    let (server, port) = start().await;
    let socket = connect(HOST, port).await.unwrap();
    socket.get_ref().writer().abort();
    let (reader, writer) = open_connection(HOST, port).await.unwrap();
    writer.write("GET / HTTP/1.1\r\n\r\n");
    let answer = reader.read_to_end().await.unwrap();
    assert!(!answer.starts_with(b"HTTP/1.1 101"), "{answer:?}");
    drop((socket, reader, writer));
    server.close();
    server.wait_closed().await;
}

#[test]
fn the_example_says_hello() {
    let output = Command::new(executable("websocket")).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(
        said.ends_with("\nhello from Ann\nhello from Bob\n"),
        "{said}"
    );
}

#[test]
fn the_example_takes_an_address_and_says_so() {
    let run = |arg: &str| Command::new(executable("websocket")).arg(arg).output();
    let help = String::from_utf8(run("--help").unwrap().stdout).unwrap();
    assert!(help.contains("[ADDRESS:PORT]"), "{help}");
    let wrong = run("here").unwrap();
    assert_eq!(wrong.status.code(), Some(2), "{wrong:?}");
}
