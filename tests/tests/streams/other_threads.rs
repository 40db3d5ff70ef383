//! Streams work on other executors and threads, whatever has become of their loop.

use std::net::TcpListener;

use asyncio::{StreamWriter, open_connection};

use crate::loopback::{HOST, pair};

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
