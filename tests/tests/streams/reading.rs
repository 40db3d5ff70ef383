//! What is read: lines, separators and limits, and input that is awaited or not.

use std::io::ErrorKind;
use std::net::TcpListener;

use asyncio::{
    IncompleteReadError, LimitOverrunError, ReadError, StreamReader, catch_cancelled, create_task,
    get_running_loop, open_connection, sleep,
};
use futures::StreamExt;

use crate::loopback::{HOST, pair};

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
async fn a_reader_of_anything_has_its_limit() {
    let reader = StreamReader::with_limit(4, &b"1234\n12345\n6"[..]);
    assert_eq!(reader.readline().await.unwrap(), b"1234\n");
    let error = reader.readline().await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidData);
    assert_eq!(reader.readline().await.unwrap(), b"6");
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
