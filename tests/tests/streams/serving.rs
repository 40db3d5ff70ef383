//! Servers and their clients: where they listen, what their handlers end with, how they are closed.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use asyncio::{
    Event, StreamReader, StreamWriter, catch_cancelled, create_task, gather, get_running_loop,
    open_connection, sleep, start_server,
};

use super::{Crowd, echo};
use crate::loopback::{HOST, port};

#[asyncio::test]
async fn lines_go_there_and_back() {
    let server = start_server(echo, HOST, 0).await.unwrap();
    let (reader, writer) = open_connection("localhost", port(&server)).await.unwrap();
    assert_eq!(writer.peername(), Some(server.addresses()[0]));
    writer.writelines(["one\n", "two\n"]);
    assert_eq!(reader.readline().await.unwrap(), b"one\n");
    assert_eq!(reader.readline().await.unwrap(), b"two\n");
    writer.write_eof();
    assert_eq!(reader.readline().await.unwrap(), b"");
    assert!(reader.at_eof());
    server.close();
    writer.close();
    server.wait_closed().await;
}

#[asyncio::test]
async fn many_clients_are_served_at_once() {
    let _crowd = Crowd::enter();
    let server = start_server(echo, HOST, 0).await.unwrap();
    let port = port(&server);
    let clients = (0..40).map(move |n| async move {
        let (reader, writer) = open_connection(HOST, port).await.unwrap();
        writer.write(format!("{n}\n"));
        assert_eq!(
            reader.readline().await.unwrap(),
            format!("{n}\n").as_bytes()
        );
    });
    gather(clients).await;
}

#[asyncio::test]
async fn a_server_listens_where_it_is_told_to() {
    let serve = |_, _| async {};
    let name = HOST.to_owned();
    let ip: IpAddr = HOST.parse().unwrap();
    let one = vec![ip];
    for server in [
        start_server(serve, &name, 0).await.unwrap(),
        start_server(serve, name, 0).await.unwrap(),
        start_server(serve, ip, 0).await.unwrap(),
        start_server(serve, Some(HOST), 0).await.unwrap(),
        start_server(serve, [HOST, HOST], 0).await.unwrap(),
    ] {
        let listens: Vec<_> = server.addresses().iter().map(SocketAddr::ip).collect();
        assert_eq!(listens, one);
    }
    let several = start_server(serve, [HOST, "127.0.0.2"], 0).await.unwrap();
    assert_eq!(several.addresses().len(), 2);
    for everywhere in [
        start_server(serve, None, 0).await.unwrap(),
        start_server(serve, "", 0).await.unwrap(),
    ] {
        let address = everywhere.addresses()[0];
        assert!(address.ip().is_unspecified());
        open_connection(HOST, address.port()).await.unwrap();
    }
}

#[cfg(target_os = "linux")]
#[asyncio::test]
async fn a_burst_is_kept_until_it_is_accepted_as_far_as_the_backlog_goes() {
    /// More than most keep by themselves, and no more than a process may have files open anywhere.
    const BURST: usize = 130;
    async fn connected(port: u16) -> usize {
        let clients: Vec<_> = (0..BURST)
            .map(|_| create_task(async move { open_connection(HOST, port).await.unwrap() }))
            .collect();
        for _ in 0..2000 {
            sleep(0).await;
        }
        let connected = clients.iter().filter(|client| client.done()).count();
        for client in &clients {
            client.cancel();
        }
        gather(clients).return_exceptions().await;
        connected
    }
    let _crowd = Crowd::enter();
    let listen = || start_server(|_, _| async {}, HOST, 0).start_serving(false);
    let server = listen().await.unwrap();
    assert_eq!(connected(port(&server)).await, BURST);
    let server = listen().backlog(5).await.unwrap();
    // Linux keeps one more.
    assert_eq!(connected(port(&server)).await, 6);
}

/// Of a network that is for examples in texts: no machine has it.
const NOBODYS: &str = "192.0.2.1";

#[asyncio::test]
async fn an_address_that_the_machine_does_not_have_is_left_out() {
    let serve = |_, _| async {};
    let server = start_server(serve, [NOBODYS, HOST], 0).await.unwrap();
    assert_eq!(server.addresses().len(), 1);
    let error = start_server(serve, NOBODYS, 0).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrNotAvailable);
    assert_eq!(
        error.to_string(),
        "could not bind on any address out of [192.0.2.1:0]"
    );
}

#[asyncio::test]
async fn a_refused_connection_says_where() {
    let free = TcpListener::bind((HOST, 0)).unwrap().local_addr().unwrap();
    let error = open_connection(HOST, free.port()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let expected = format!("Connect call failed {free}");
    assert!(error.to_string().starts_with(&expected), "{error}");
}

#[asyncio::test]
async fn an_address_in_use_says_which() {
    let taken = TcpListener::bind((HOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port();
    let error = start_server(echo, HOST, port).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::AddrInUse);
    let expected = format!("error while attempting to bind on address {HOST}:{port}");
    assert!(error.to_string().starts_with(&expected), "{error}");
}

/// What is reported when a handler ends so, and what the client reads.
async fn reported<F: IntoFuture + 'static>(
    handler: impl Fn(StreamReader, StreamWriter) -> F + 'static,
) -> (Vec<String>, Vec<u8>)
where
    F::IntoFuture: 'static,
    F::Output: asyncio::HandlerOutput,
{
    let reports = std::rc::Rc::<std::cell::RefCell<Vec<String>>>::default();
    get_running_loop().set_exception_handler({
        let reports = reports.clone();
        move |_, context| {
            let exception = context.exception.as_ref().map(|panic| panic.message());
            let report = format!("{}: {}", context.message, exception.unwrap_or_default());
            reports.borrow_mut().push(report);
        }
    });
    let server = start_server(handler, HOST, 0).await.unwrap();
    let (reader, _writer) = open_connection(HOST, port(&server)).await.unwrap();
    let read = reader.read_to_end().await.unwrap();
    sleep(0).await;
    let reports = reports.take();
    (reports, read)
}

#[asyncio::test]
async fn what_a_handler_fails_with_is_reported_and_closes_the_connection() {
    let keep = std::rc::Rc::<std::cell::RefCell<Vec<StreamWriter>>>::default();
    let kept = keep.clone();
    let failing = move |_, writer: StreamWriter| {
        kept.borrow_mut().push(writer);
        async { Err::<(), _>("no luck") }
    };
    let message = "Unhandled exception in client_connected_cb";
    let (reports, read) = reported(failing).await;
    assert_eq!(reports, [format!("{message}: \"no luck\"")]);
    assert_eq!(read, b"");

    let kept = keep.clone();
    let panicking = move |_, writer: StreamWriter| {
        kept.borrow_mut().push(writer);
        async { panic!("oh no") }
    };
    let (reports, read) = reported::<std::pin::Pin<Box<dyn std::future::Future<Output = ()>>>>(
        move |reader, writer| Box::pin(panicking(reader, writer)),
    )
    .await;
    assert_eq!(reports, [format!("{message}: oh no")]);
    assert_eq!(read, b"");
}

#[asyncio::test]
async fn the_task_of_a_connection_is_known_by_where_its_server_was_started() {
    let handler = async |_, writer: StreamWriter| {
        writer.write(format!("{:?}", asyncio::current_task().unwrap()));
    };
    let server = start_server(handler, HOST, 0).await.unwrap();
    let (reader, _writer) = open_connection(HOST, port(&server)).await.unwrap();
    let task = String::from_utf8(reader.read_to_end().await.unwrap()).unwrap();
    assert!(task.contains(file!()), "{task}");
}

#[asyncio::test]
async fn a_server_goes_on_after_a_handler_that_panics_before_its_first_await() {
    let count = AtomicUsize::new(0);
    let handler = move |_, writer: StreamWriter| {
        assert!(count.fetch_add(1, Ordering::SeqCst) > 0, "at once");
        async move { writer.write("served") }
    };
    get_running_loop().set_exception_handler(|_, _| ());
    let server = start_server(handler, HOST, 0).await.unwrap();
    for expected in [&b""[..], b"served"] {
        let (reader, _writer) = open_connection(HOST, port(&server)).await.unwrap();
        assert_eq!(reader.read_to_end().await.unwrap(), expected);
    }
}

#[asyncio::test]
async fn serve_forever_ends_when_the_server_is_closed() {
    let server = start_server(echo, HOST, 0)
        .start_serving(false)
        .await
        .unwrap();
    assert!(!server.is_serving());
    let serving = create_task({
        let server = server.clone();
        async move { server.serve_forever().await }
    });
    sleep(0).await;
    assert!(server.is_serving());
    let (reader, writer) = open_connection(HOST, port(&server)).await.unwrap();
    writer.write("hello\n");
    assert_eq!(reader.readline().await.unwrap(), b"hello\n");
    server.close();
    assert!(!server.is_serving());
    assert!(server.addresses().is_empty());
    sleep(0).await;
    assert!(!serving.done(), "a connection is open");
    writer.write("still served\n");
    assert_eq!(reader.readline().await.unwrap(), b"still served\n");
    writer.close();
    assert!(catch_cancelled(serving).await.is_err());
}

#[asyncio::test]
async fn cancelling_serve_forever_closes_the_server() {
    let server = start_server(echo, HOST, 0).await.unwrap();
    let serving = create_task({
        let server = server.clone();
        async move { server.serve_forever().await }
    });
    sleep(0).await;
    serving.cancel();
    assert!(catch_cancelled(serving).await.is_err());
    assert!(!server.is_serving());
}

#[asyncio::test]
async fn the_clients_of_a_server_can_be_closed_and_aborted() {
    for abort in [false, true] {
        let accepted = Event::new();
        let accept = accepted.clone();
        let idle = move |reader: StreamReader, writer: StreamWriter| {
            accept.set();
            async move {
                let _ = reader.read(1).await;
                drop(writer);
            }
        };
        let server = start_server(idle, HOST, 0).await.unwrap();
        let (reader, _writer) = open_connection(HOST, port(&server)).await.unwrap();
        let reading = create_task(async move { reader.read(1).await });
        // One that is not accepted yet when the server is closed is reset.
        accepted.wait().await;
        server.close();
        let waiting = create_task({
            let server = server.clone();
            async move { server.wait_closed().await }
        });
        for _ in 0..50 {
            sleep(0).await;
        }
        if abort {
            server.abort_clients();
        } else {
            server.close_clients();
        }
        waiting.await;
        assert!(reading.await.is_ok_and(|read| read.is_empty()) || abort);
    }
}

#[asyncio::test]
async fn a_flood_of_connections_that_say_nothing_is_closed_with_the_server() {
    /// With both ends and the other tests' fewer than 256 files.
    const FLOOD: usize = 80;
    let _crowd = Crowd::enter();
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let handler = move |reader: StreamReader, writer: StreamWriter| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move {
            let _ = reader.read(1).await;
            drop(writer);
        }
    };
    let server = start_server(handler, HOST, 0).await.unwrap();
    let port = port(&server);
    let clients = gather((0..FLOOD).map(move |_| open_connection(HOST, port).into_future())).await;
    while count.load(Ordering::SeqCst) < FLOOD {
        sleep(0).await;
    }
    drop(clients);
    server.close();
    server.wait_closed().await;
}
