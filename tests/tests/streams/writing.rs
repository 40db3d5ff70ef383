//! What is written: back-pressure, closing and aborting.

use std::io::ErrorKind;

use asyncio::{create_task, gather, sleep};
use futures::{AsyncReadExt, AsyncWriteExt};

use crate::loopback::pair;

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
