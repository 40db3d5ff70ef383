//! Streams on loopback: what is read and written, limits, back-pressure, ends and errors.

#[path = "common/loopback.rs"]
mod loopback;

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use asyncio::{
    Event, IncompleteReadError, LimitOverrunError, ReadError, StreamReader, StreamWriter,
    catch_cancelled, create_task, gather, get_running_loop, open_connection, sleep, start_server,
};
use futures::{AsyncReadExt, AsyncWriteExt, StreamExt};
use loopback::{HOST, pair, port};

async fn echo(reader: StreamReader, writer: StreamWriter) -> io::Result<()> {
    loop {
        let line = reader.readline().await?;
        if line.is_empty() {
            return Ok(());
        }
        writer.write(line);
        writer.drain().await?;
    }
}

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
async fn a_line_at_the_end_needs_no_newline_and_the_next_one_is_empty() {
    let ((reader, _client), (_, writer)) = pair(100).await;
    writer.write("whole\npart");
    writer.close();
    let lines: Vec<_> = reader.map(Result::unwrap).collect().await;
    assert_eq!(lines, [&b"whole\n"[..], b"part"]);
}

#[asyncio::test]
async fn a_line_longer_than_the_limit_is_dropped() {
    let ((reader, _client), (_, writer)) = pair(5).await;
    writer.write("too long\nshort\n");
    writer.close();
    let error = reader.readline().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert_eq!(
        error.to_string(),
        "Separator is found, but chunk is longer than limit"
    );
    assert_eq!(reader.readline().await.unwrap(), b"short\n");
}

#[asyncio::test]
async fn readuntil_over_the_limit_leaves_what_there_is() {
    let ((reader, _client), (_, writer)) = pair(3).await;
    writer.write("abcdefgh");
    writer.close();
    let error = reader.readuntil("--").await.unwrap_err();
    let ReadError::LimitOverrun(LimitOverrunError { consumed, .. }) = error else {
        panic!("{error:?}");
    };
    assert_eq!(consumed, 7);
    assert_eq!(reader.readexactly(consumed).await.unwrap(), b"abcdefg");
    assert_eq!(reader.read(10).await.unwrap(), b"h");
}

#[asyncio::test]
async fn a_separator_is_found_across_reads() {
    let ((reader, _client), (_, writer)) = pair(100).await;
    let read = create_task(async move { reader.readuntil("END").await.unwrap() });
    for part in ["one E", "N", "D two"] {
        writer.write(part);
        for _ in 0..20 {
            sleep(0).await;
        }
    }
    assert_eq!(read.await, b"one END");
}

#[asyncio::test]
async fn an_end_too_early_gives_what_there_was() {
    let ((reader, _client), (_, writer)) = pair(100).await;
    writer.write("abc");
    writer.close();
    match reader.readexactly(5).await {
        Err(ReadError::IncompleteRead(error)) => {
            let expected = IncompleteReadError {
                partial: b"abc".to_vec(),
                expected: Some(5),
            };
            assert_eq!(error, expected);
            assert_eq!(
                error.to_string(),
                "3 bytes read on a total of 5 expected bytes"
            );
        }
        other => panic!("{other:?}"),
    }
}

#[asyncio::test]
async fn a_cancelled_read_loses_nothing() {
    let ((reader, _client), (_, writer)) = pair(100).await;
    writer.write("half ");
    let reading = create_task({
        let reader = reader.clone();
        async move { reader.readline().await }
    });
    while format!("{reader:?}") == "<StreamReader>" {
        sleep(0).await;
    }
    reading.cancel();
    assert!(catch_cancelled(reading).await.is_err());
    writer.write("and half\n");
    assert_eq!(reader.readline().await.unwrap(), b"half and half\n");
}

#[asyncio::test]
#[should_panic(expected = "read() called while another coroutine is already waiting")]
async fn two_readers_at_once_are_a_mistake() {
    let ((reader, _client), _served) = pair(100).await;
    let first = reader.clone();
    let _first = create_task(async move { first.read(1).await });
    sleep(0).await;
    let _ = reader.read(1).await;
}

#[asyncio::test]
#[should_panic(expected = "Cannot call write() after write_eof()")]
async fn writing_after_the_end_is_a_mistake() {
    let ((_reader, writer), _served) = pair(100).await;
    writer.write_eof();
    writer.write("more");
}

#[asyncio::test]
async fn drain_waits_for_a_slow_reader_and_all_who_wait_go_on() {
    let ((_client, writer), (reader, _served)) = pair(1 << 16).await;
    let total = 8 << 20;
    writer.write(vec![7; total]);
    assert!(writer.get_write_buffer_size() > 64 << 10);
    let drained: Vec<_> = (0..3)
        .map(|_| {
            let writer = writer.clone();
            create_task(async move { writer.drain().await.unwrap() })
        })
        .collect();
    for _ in 0..50 {
        sleep(0).await;
    }
    assert!(drained.iter().all(|task| !task.done()));
    // What is written is sent while nobody waits for it.
    let received = reader.readexactly(total).await.unwrap();
    assert_eq!(received.len(), total);
    gather(drained).await;
    assert_eq!(writer.get_write_buffer_size(), 0);
}

#[asyncio::test]
async fn drain_keeps_to_the_limits_it_was_given() {
    let ((_reader, writer), (peer, _peer_writer)) = pair(1024).await;
    assert_eq!(writer.get_write_buffer_limits(), (16 << 10, 64 << 10));
    writer.set_write_buffer_limits(None, 1 << 20);
    assert_eq!(writer.get_write_buffer_limits(), (1 << 20, 4 << 20));
    while writer.get_write_buffer_size() < 3 << 20 {
        writer.write(vec![b'x'; 1 << 18]);
    }
    // Far more than it may be at first, and not too much.
    writer.drain().await.unwrap();
    assert!(writer.get_write_buffer_size() >= 3 << 20);
    // Set when more is buffered than it allows, it holds at once.
    writer.set_write_buffer_limits(0, None);
    assert_eq!(writer.get_write_buffer_limits(), (0, 0));
    let drained = create_task({
        let writer = writer.clone();
        async move { writer.drain().await }
    });
    sleep(0).await;
    assert!(!drained.done());
    let reading =
        create_task(async move { while !peer.read(1 << 16).await.unwrap().is_empty() {} });
    drained.await.unwrap();
    assert_eq!(writer.get_write_buffer_size(), 0);
    writer.close();
    reading.await;
}

#[asyncio::test]
#[should_panic(expected = "high (1) must be >= low (2) must be >= 0")]
async fn a_high_limit_below_the_low_one_is_a_mistake() {
    let ((_reader, writer), _peer) = pair(1024).await;
    writer.set_write_buffer_limits(1, 2);
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
async fn a_reader_of_anything_has_its_limit() {
    let reader = StreamReader::with_limit(4, &b"1234\n12345\n6"[..]);
    assert_eq!(reader.readline().await.unwrap(), b"1234\n");
    let error = reader.readline().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert_eq!(reader.readline().await.unwrap(), b"6");
}

#[asyncio::test]
async fn close_sends_what_is_buffered_first() {
    let ((_client, writer), (reader, _served)) = pair(1 << 16).await;
    let total = 4 << 20;
    writer.write(vec![7; total]);
    writer.close();
    assert!(writer.is_closing());
    assert_eq!(reader.read_to_end().await.unwrap().len(), total);
    writer.wait_closed().await.unwrap();
}

#[asyncio::test]
async fn dropping_the_last_writer_closes_the_connection() {
    let ((reader, _client), (_, writer)) = pair(100).await;
    let other = writer.clone();
    drop(writer);
    other.write("still there");
    drop(other);
    assert_eq!(reader.read_to_end().await.unwrap(), b"still there");
}

#[asyncio::test]
async fn abort_drops_what_is_buffered_and_ends_a_pending_read() {
    let ((reader, writer), (_peer, _served)) = pair(100).await;
    writer.write(vec![0; 8 << 20]);
    let reading = create_task(async move { reader.read(1).await });
    sleep(0).await;
    writer.abort();
    assert_eq!(reading.await.unwrap(), b"");
    writer.wait_closed().await.unwrap();
    assert_eq!(writer.get_write_buffer_size(), 0);
    let error = writer.drain().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    assert_eq!(error.to_string(), "Connection lost");
}

#[asyncio::test]
async fn a_peer_that_has_gone_is_an_error_of_drain() {
    let ((_reader, writer), (peer, served)) = pair(100).await;
    writer.write("unread, so that closing resets");
    while peer.read(1).await.unwrap().is_empty() {}
    drop(peer);
    served.abort();
    served.wait_closed().await.unwrap();
    let error = loop {
        writer.write(vec![0; 1 << 16]);
        if let Err(error) = writer.drain().await {
            break error;
        }
        sleep(0).await;
    };
    assert!(
        matches!(
            error.kind(),
            ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
        ),
        "{error:?}"
    );
    assert!(writer.wait_closed().await.is_err());
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

#[test]
fn streams_work_on_other_executors_and_are_send() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    let listener = TcpListener::bind((HOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let peer = std::thread::spawn(move || {
        let (socket, _) = listener.accept().unwrap();
        std::io::copy(&mut &socket, &mut &socket).unwrap()
    });
    let total = 4 << 20;
    async_io::block_on(is_send(async move {
        let (reader, writer) = open_connection(HOST, port).await.unwrap();
        writer.write(vec![7; total]);
        assert_eq!(reader.readexactly(total).await.unwrap().len(), total);
        writer.write_eof();
        assert_eq!(reader.read(1).await.unwrap(), b"");
    }));
    assert_eq!(peer.join().unwrap(), total as u64);
}

/// Sends a megabyte, and to its end, whoever runs it.
async fn send_much(writer: StreamWriter) {
    for _ in 0..16 {
        writer.write(vec![7; 1 << 16]);
        writer.drain().await.unwrap();
    }
    writer.close();
    writer.wait_closed().await.unwrap();
}

#[test]
fn streams_of_a_loop_that_is_gone_work_on_other_threads() {
    let ((reader, kept), (_, writer)) = asyncio::run(pair(1 << 20));
    let sending = std::thread::spawn(move || async_io::block_on(send_much(writer)));
    let received = async_io::block_on(reader.read_to_end()).unwrap();
    assert_eq!(received.len(), 1 << 20);
    kept.close();
    sending.join().unwrap();
}

#[asyncio::test]
async fn streams_of_a_loop_that_is_busy_work_on_other_threads() {
    let ((reader, kept), (_, writer)) = pair(1 << 20).await;
    let sending = std::thread::spawn(move || async_io::block_on(send_much(writer)));
    let receiving = std::thread::spawn(move || async_io::block_on(reader.read_to_end()));
    // The loop does nothing meanwhile.
    assert_eq!(receiving.join().unwrap().unwrap().len(), 1 << 20);
    kept.close();
    sending.join().unwrap();
}

#[asyncio::test]
async fn a_read_that_began_in_the_loop_goes_on_on_another_thread() {
    let ((reader, _kept), (_, writer)) = pair(100).await;
    let mut reading = Box::pin(async move { reader.readline().await });
    assert!(futures::poll!(&mut reading).is_pending());
    let reading = std::thread::spawn(move || async_io::block_on(reading));
    writer.write("hello\n");
    assert_eq!(reading.join().unwrap().unwrap(), b"hello\n");
}

#[asyncio::test]
async fn both_ends_are_futures_io() {
    let ((_reader, mut writer), (mut reader, _served)) = pair(100).await;
    let total = 1 << 20;
    let writing = create_task(async move {
        AsyncWriteExt::write_all(&mut writer, &vec![7; total])
            .await
            .unwrap();
        AsyncWriteExt::close(&mut writer).await.unwrap();
        writer
    });
    let mut received = Vec::new();
    AsyncReadExt::read_to_end(&mut reader, &mut received)
        .await
        .unwrap();
    assert_eq!(received.len(), total);
    drop(writing.await);
}

#[asyncio::test(virtual_clock)]
async fn a_virtual_clock_does_not_jump_while_input_is_awaited() {
    let ((reader, _client), (_, writer)) = pair(100).await;
    create_task(sleep(1000));
    let remote = get_running_loop().remote();
    std::thread::spawn(move || remote.call_soon_threadsafe(move || writer.write("at last\n")));
    assert_eq!(reader.readline().await.unwrap(), b"at last\n");
    assert_eq!(get_running_loop().time(), 0.0);
}

#[asyncio::test]
async fn a_flood_of_connections_that_say_nothing_is_closed_with_the_server() {
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
    let clients = gather((0..100).map(move |_| open_connection(HOST, port).into_future())).await;
    while count.load(Ordering::SeqCst) < 100 {
        sleep(0).await;
    }
    drop(clients);
    server.close();
    server.wait_closed().await;
}

/// Waits, with a sleeping loop, until another thread has said something to one of two: first to the one
/// that nobody listens to.
#[asyncio::test]
async fn input_that_nobody_waits_for_does_not_keep_the_loop_from_the_next() {
    use std::io::{Read, Write};

    let listener = TcpListener::bind((HOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let (idle, _idle_writer) = open_connection(HOST, port).await.unwrap();
    let (reader, writer) = open_connection(HOST, port).await.unwrap();
    let mut idle_peer = listener.accept().unwrap().0;
    let mut peer = listener.accept().unwrap().0;
    let talking = std::thread::spawn(move || {
        for n in 0..200_u32 {
            let mut go = [0];
            peer.read_exact(&mut go).unwrap();
            idle_peer.write_all(&[0]).unwrap();
            // The loop may be asleep by now or not.
            for _ in 0..n * 50 {
                std::hint::spin_loop();
            }
            std::thread::yield_now();
            peer.write_all(&[0]).unwrap();
        }
    });
    for _ in 0..200 {
        writer.write([0]);
        assert_eq!(reader.readexactly(1).await.unwrap(), [0]);
    }
    talking.join().unwrap();
    assert_eq!(idle.readexactly(200).await.unwrap(), [0; 200]);
}
