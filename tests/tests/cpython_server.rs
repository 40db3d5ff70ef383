//! CPython's tests of servers, told anew.

#[path = "common/loopback.rs"]
mod loopback;

use std::future::Future as _;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::rc::Rc;
use std::task::{Context, Waker};

use asyncio::{
    AnyTask, Event, Future, Server, StreamReader, StreamWriter, Task, catch_cancelled, create_task,
    get_running_loop, open_connection, run, sleep, start_server, to_thread,
};
use loopback::{HOST, port};
use tests::panics;

/// Answers one line, and cancels the task of the program.
async fn answer_and_cancel(
    reader: StreamReader,
    writer: StreamWriter,
    program: Rc<Future<AnyTask>>,
) {
    reader.readline().await.unwrap();
    program.result().cancel();
    writer.write("1");
    writer.close();
    writer.wait_closed().await.unwrap();
}

#[asyncio::coroutine]
async fn serve_forever_within(server: Server) {
    #[async_with(server = server)]
    {
        await_!(server.serve_forever());
    }
}

fn say_hello_to(mut socket: impl Read + Write) {
    let hello = [vec![b'1'; 5 * 1024], vec![b'\n']].concat();
    socket.write_all(&hello).unwrap();
    socket.read_exact(&mut [0]).unwrap();
}

async fn assert_closed(server: &Server) {
    assert!(server.addresses().is_empty());
    assert!(!server.is_serving());
    let serve = || {
        let mut serving = Box::pin(server.serve_forever());
        let _ = serving
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()));
    };
    assert!(panics(serve).contains("is closed"));
}

/// Mirrors `test_server.BaseStartServer.test_start_server_1`.
#[test]
fn start_server_1() {
    run(async {
        let program = Rc::new(Future::new());
        let serve = {
            let program = program.clone();
            move |reader, writer| answer_and_cancel(reader, writer, program.clone())
        };
        let server = start_server(serve, HOST, 0)
            .start_serving(false)
            .await
            .unwrap();
        assert!(!server.is_serving());
        let address = server.addresses()[0];
        let main = create_task(serve_forever_within(server.clone()));
        program.set_result(main.any());
        let client = create_task(to_thread(move || {
            say_hello_to(TcpStream::connect(address).unwrap());
        }));
        assert!(catch_cancelled(main).await.is_err());
        client.await;
        assert_closed(&server).await;
    });
}

async fn echo_nothing(reader: StreamReader, writer: StreamWriter) {
    reader.read_to_end().await.unwrap();
    writer.close();
    writer.wait_closed().await.unwrap();
}

fn wait_closed(server: &Server) -> Task<()> {
    let server = server.clone();
    create_task(async move { server.wait_closed().await })
}

/// Mirrors `test_server.TestServer2.test_wait_closed_basic`.
#[test]
fn wait_closed_basic() {
    run(async {
        let accepted = Event::new();
        let serve = {
            let accepted = accepted.clone();
            move |reader, writer| {
                accepted.set();
                echo_nothing(reader, writer)
            }
        };
        let server = start_server(serve, HOST, 0).await.unwrap();
        let mut waiting = vec![wait_closed(&server)];
        sleep(0).await;
        assert!(!waiting[0].done());

        let (_reader, writer) = open_connection(HOST, port(&server)).await.unwrap();
        // A client is connected before the server has taken it in.
        accepted.wait().await;
        waiting.push(wait_closed(&server));
        sleep(0).await;
        assert!(!waiting.iter().any(Task::done));

        server.close();
        sleep(0).await;
        waiting.push(wait_closed(&server));
        sleep(0).await;
        assert!(!waiting.iter().any(Task::done));

        writer.close();
        writer.wait_closed().await.unwrap();
        for each in waiting {
            each.await;
        }
        server.wait_closed().await;
    });
}

/// Mirrors `test_server.TestServer2.test_wait_closed_race`.
#[test]
fn wait_closed_race() {
    run(async {
        let server = start_server(echo_nothing, HOST, 0).await.unwrap();
        let waiting = wait_closed(&server);
        sleep(0).await;
        assert!(!waiting.done());
        let (_reader, writer) = open_connection(HOST, port(&server)).await.unwrap();
        let event_loop = get_running_loop();
        event_loop.call_soon({
            let server = server.clone();
            move || server.close()
        });
        event_loop.call_soon(move || writer.close());
        server.wait_closed().await;
    });
}

/// Mirrors `test_server.TestServer2.test_close_clients`.
#[test]
fn close_clients() {
    run(async {
        let server = start_server(echo_nothing, HOST, 0).await.unwrap();
        let (_reader, _writer) = open_connection(HOST, port(&server)).await.unwrap();
        let waiting = wait_closed(&server);
        sleep(0).await;
        assert!(!waiting.done());
        server.close();
        server.close_clients();
        sleep(0).await;
        sleep(0).await;
        assert!(waiting.done());
    });
}

/// Mirrors `test_server.TestServer2.test_abort_clients`.
#[test]
fn abort_clients() {
    run(async {
        let served = Future::new();
        let serve = {
            let served = served.clone();
            move |reader: StreamReader, writer: StreamWriter| {
                let served = served.clone();
                async move {
                    served.set_result((reader, writer.clone()));
                    let _ = writer.wait_closed().await;
                }
            }
        };
        let server = start_server(serve, HOST, 0).await.unwrap();
        let (_reader, _writer) = open_connection(HOST, port(&server)).await.unwrap();
        let (_, writer) = served.await;
        while writer.get_write_buffer_size() == 0 {
            writer.write(vec![b'a'; 1 << 16]);
        }
        let waiting = wait_closed(&server);
        sleep(0).await;
        assert!(!waiting.done());
        server.close();
        server.abort_clients();
        sleep(0).await;
        sleep(0).await;
        assert!(waiting.done());
    });
}

#[cfg(unix)]
mod unix {
    use std::os::unix::net::{UnixListener, UnixStream};
    use std::path::PathBuf;

    use asyncio::start_unix_server;
    use tempfile::TempDir;

    use super::*;

    fn path() -> (TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        (folder, path)
    }

    async fn nothing(_: StreamReader, _: StreamWriter) {}

    /// Mirrors `test_server.SelectorStartServerTests.test_start_unix_server_1`.
    #[test]
    fn start_unix_server_1() {
        run(async {
            let (_folder, path) = path();
            let program = Rc::new(Future::new());
            let serve = {
                let program = program.clone();
                move |reader, writer| answer_and_cancel(reader, writer, program.clone())
            };
            let server = start_unix_server(serve, &path)
                .start_serving(false)
                .await
                .unwrap();
            let started = Event::new();
            let main = create_task({
                let (server, started) = (server.clone(), started.clone());
                async move {
                    assert!(!server.is_serving());
                    server.start_serving();
                    assert!(server.is_serving());
                    started.set();
                    serve_forever_within(server).await;
                }
            });
            program.set_result(main.any());
            started.wait().await;
            let client = create_task(to_thread(move || {
                say_hello_to(UnixStream::connect(path).unwrap());
            }));
            assert!(catch_cancelled(main).await.is_err());
            client.await;
            assert_closed(&server).await;
        });
    }

    /// Mirrors `test_server.UnixServerCleanupTests.test_unix_server_addr_cleanup`.
    #[test]
    fn unix_server_addr_cleanup() {
        run(async {
            let (_folder, path) = path();
            let server = start_unix_server(nothing, &path).await.unwrap();
            assert!(path.exists());
            server.close();
            assert!(!path.exists());
        });
    }

    /// Mirrors `test_server.UnixServerCleanupTests.test_unix_server_cleanup_gone`.
    #[test]
    fn unix_server_cleanup_gone() {
        run(async {
            let (_folder, path) = path();
            let server = start_unix_server(nothing, &path).await.unwrap();
            std::fs::remove_file(&path).unwrap();
            server.close();
            assert!(!path.exists());
        });
    }

    /// Mirrors `test_server.UnixServerCleanupTests.test_unix_server_cleanup_replaced`.
    #[test]
    fn unix_server_cleanup_replaced() {
        run(async {
            let (_folder, path) = path();
            let server = start_unix_server(nothing, &path).await.unwrap();
            std::fs::remove_file(&path).unwrap();
            let _other = UnixListener::bind(&path).unwrap();
            server.close();
            assert!(path.exists());
        });
    }

    /// Mirrors `test_server.UnixServerCleanupTests.test_unix_server_cleanup_prevented`.
    #[test]
    fn unix_server_cleanup_prevented() {
        run(async {
            let (_folder, path) = path();
            let server = start_unix_server(nothing, &path)
                .cleanup_socket(false)
                .await
                .unwrap();
            server.close();
            assert!(path.exists());
        });
    }
}
