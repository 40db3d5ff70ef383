//! Connections that are opened, and the servers of them.

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::rc::Rc;

use asyncio::{
    StreamReader, StreamWriter, get_running_loop, open_connection, run, sleep, start_server,
};

use super::loopback::{HOST, port};

/// What a server says of a handler that does `serve`.
async fn reported<F, T>(serve: fn() -> F) -> Vec<String>
where
    F: IntoFuture<Output = T> + 'static,
    F::IntoFuture: 'static,
    T: asyncio::HandlerOutput,
{
    let messages = Rc::new(RefCell::<Vec<String>>::default());
    get_running_loop().set_exception_handler({
        let messages = messages.clone();
        move |_, context| messages.borrow_mut().push(context.message.clone())
    });
    let server = start_server(move |_, _| serve(), HOST, 0).await.unwrap();
    let (reader, _writer) = open_connection(HOST, port(&server)).await.unwrap();
    assert_eq!(reader.read_to_end().await.unwrap(), b"");
    for _ in 0..5 {
        sleep(0).await;
    }
    server.close();
    messages.take()
}

/// Mirrors `test_streams.StreamTests.test_open_connection`.
#[test]
fn opens_a_connection() {
    run(async {
        let hello = |_, writer: StreamWriter| async move { writer.write("hello\n") };
        let server = start_server(hello, HOST, 0).await.unwrap();
        let (reader, writer) = open_connection(HOST, port(&server)).await.unwrap();
        assert_eq!(reader.read_to_end().await.unwrap(), b"hello\n");
        writer.close();
        server.close();
    });
}

/// Mirrors `test_streams.StreamTests.test_open_connection_error`.
#[test]
fn open_connection_error() {
    run(async {
        let port = {
            let unused = std::net::TcpListener::bind((HOST, 0)).unwrap();
            unused.local_addr().unwrap().port()
        };
        let error = open_connection(HOST, port).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

/// Mirrors `test_streams.StreamTests.test_start_server`.
#[test]
fn starts_a_server() {
    run(async {
        let upper = |reader: StreamReader, writer: StreamWriter| async move {
            let line = reader.readline().await?;
            writer.write(line.to_ascii_uppercase());
            writer.drain().await?;
            writer.close();
            writer.wait_closed().await
        };
        let server = start_server(upper, HOST, 0).await.unwrap();
        let (reader, writer) = open_connection(HOST, port(&server)).await.unwrap();
        writer.write("hello world!\n");
        assert_eq!(reader.readline().await.unwrap(), b"HELLO WORLD!\n");
        assert_eq!(reader.read_to_end().await.unwrap(), b"");
        server.close();
        server.wait_closed().await;
    });
}

/// Mirrors `test_streams.StreamTests.test_unhandled_exception`.
#[test]
fn unhandled_exception() {
    run(async {
        async fn fails() -> io::Result<()> {
            Err(io::Error::other("test"))
        }
        assert_eq!(
            reported(fails).await,
            ["Unhandled exception in client_connected_cb"]
        );
    });
}

/// Mirrors `test_streams.StreamTests.test_unhandled_cancel`.
#[test]
fn unhandled_cancel() {
    run(async {
        async fn is_cancelled() {
            asyncio::current_task().expect("a handler has one").cancel();
            sleep(1).await;
        }
        assert!(reported(is_cancelled).await.is_empty());
    });
}
