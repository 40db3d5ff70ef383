//! What is written, and how it ends.

use std::io::ErrorKind;

use asyncio::{StreamWriter, create_task, gather, open_connection, run, sleep, start_server};

use super::Fed;
use super::loopback::{HOST, pair, port};

/// Mirrors `test_streams.StreamTests.test_multiple_drain`.
#[test]
fn multiple_drain() {
    run(async {
        let fed = Fed::new(1000).await;
        while fed.writer.get_write_buffer_size() <= 64 * 1024 {
            fed.writer.write(vec![0; 1 << 20]);
        }
        let drained = (0..10).map(|_| {
            let writer = fed.writer.clone();
            async move { writer.drain().await }
        });
        let drained = gather(drained);
        for _ in 0..3 {
            sleep(0).await;
        }
        assert!(!drained.done());
        let reader = fed.fed.clone();
        create_task(async move { reader.read_to_end().await });
        for each in drained.await {
            each.unwrap();
        }
    });
}

/// Mirrors `test_streams.StreamTests.test_drain_raises`.
#[test]
fn drain_raises() {
    run(async {
        // A server that closes while the client writes on.
        let hang_up = |_, writer: StreamWriter| async move { writer.close() };
        let server = start_server(hang_up, HOST, 0).await.unwrap();
        let (_reader, writer) = open_connection(HOST, port(&server)).await.unwrap();
        let error = loop {
            writer.write("foo\n");
            if let Err(error) = writer.drain().await {
                break error;
            }
        };
        use ErrorKind::{BrokenPipe, ConnectionReset};
        assert!(
            matches!(error.kind(), BrokenPipe | ConnectionReset),
            "{error}"
        );
        server.close();
    });
}

/// Mirrors `test_streams.StreamTests.test_wait_closed_on_close`.
#[test]
fn wait_closed_on_close() {
    run(async {
        let ((reader, writer), (_, served)) = pair(1000).await;
        served.write("HTTP/1.0 200 OK\r\n");
        assert_eq!(reader.readline().await.unwrap(), b"HTTP/1.0 200 OK\r\n");
        assert!(!writer.is_closing());
        writer.close();
        assert!(writer.is_closing());
        writer.wait_closed().await.unwrap();
    });
}

/// Mirrors `test_streams.StreamTests.test_wait_closed_on_close_with_unread_data`.
#[test]
fn wait_closed_on_close_with_unread_data() {
    run(async {
        let ((reader, writer), (_, served)) = pair(1000).await;
        served.write("HTTP/1.0 200 OK\r\nunread");
        assert_eq!(reader.readline().await.unwrap(), b"HTTP/1.0 200 OK\r\n");
        writer.close();
        writer.wait_closed().await.unwrap();
    });
}

/// Mirrors `test_streams.StreamTests.test_async_writer_api_exception_after_close`.
#[test]
fn async_writer_api_exception_after_close() {
    run(async {
        let ((_reader, writer), _served) = pair(1000).await;
        writer.close();
        writer.write("data");
        let error = writer.drain().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    });
}
