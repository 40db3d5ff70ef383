//! Lines.

use std::io::ErrorKind;

use asyncio::{create_task, get_running_loop, run, sleep};

use super::{Fed, LINES, ReceivedBytes};

/// Mirrors `test_streams.StreamTests.test_read_line_breaks`.
#[test]
fn read_line_breaks() {
    run(async {
        let fed = Fed::with(b"line1\nline2", 1000).await;
        assert_eq!(fed.reader.read(5).await.unwrap(), b"line1");
        assert_eq!(fed.reader.received(), b"\nline2".len());
    });
}

/// Mirrors `test_streams.StreamTests.test_readline`.
#[test]
fn readline() {
    run(async {
        let fed = Fed::with(b"chunk1 ", 1000).await;
        let reader = fed.reader.clone();
        let reading = create_task(async move { reader.readline().await.unwrap() });
        sleep(0).await;
        for chunk in ["chunk2 ", "chunk3 ", "\n chunk4"] {
            fed.feed.write(chunk);
            sleep(0).await;
        }
        assert_eq!(reading.await, b"chunk1 chunk2 chunk3 \n");
        assert_eq!(fed.reader.read(100).await.unwrap(), b" chunk4");
    });
}

/// Mirrors `test_streams.StreamTests.test_readline_limit_with_existing_data`.
#[test]
fn readline_limit_with_existing_data() {
    run(async {
        let fed = Fed::with(b"li", 3).await;
        fed.feed_data(b"ne1\nline2\n").await;
        let error = fed.reader.readline().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        // The line that is too long is dropped, and no more.
        assert_eq!(fed.reader.received(), b"line2\n".len());
        let fed = Fed::with(b"li", 3).await;
        fed.feed_data(b"ne1").await;
        fed.feed_data(b"li").await;
        fed.reader.readline().await.unwrap_err();
        assert_eq!(fed.reader.received(), 0);
    });
}

/// Mirrors `test_streams.StreamTests.test_readline_limit`.
#[test]
fn readline_limit() {
    run(async {
        let fed = Fed::with(b"chunk1\nchunk2\n", 4).await;
        for left in [b"chunk2\n".len(), 0] {
            let error = fed.reader.readline().await.unwrap_err();
            assert!(error.to_string().contains("longer than limit"), "{error}");
            assert_eq!(fed.reader.received(), left);
        }
        let fed = Fed::with(b"chunk1\nchunk2\nchunk3\n", 7).await;
        assert_eq!(fed.reader.readline().await.unwrap(), b"chunk1\n");
    });
}

/// Mirrors `test_streams.StreamTests.test_readline_nolimit_nowait`.
#[test]
fn readline_nolimit_nowait() {
    run(async {
        let fed = Fed::with(LINES, 1000).await;
        let time = get_running_loop().time();
        assert_eq!(fed.reader.readline().await.unwrap(), b"line1\n");
        assert_eq!(fed.reader.received(), b"line2\nline3\n".len());
        assert!(get_running_loop().time() - time < 1.0);
    });
}

/// Mirrors `test_streams.StreamTests.test_readline_eof`.
#[test]
fn readline_eof() {
    run(async {
        let fed = Fed::ended(b"some data", 1000).await;
        assert_eq!(fed.reader.readline().await.unwrap(), b"some data");
    });
}

/// Mirrors `test_streams.StreamTests.test_readline_empty_eof`.
#[test]
fn readline_empty_eof() {
    run(async {
        let fed = Fed::ended(b"", 1000).await;
        assert_eq!(fed.reader.readline().await.unwrap(), b"");
    });
}

/// Mirrors `test_streams.StreamTests.test_readline_read_byte_count`.
#[test]
fn readline_read_byte_count() {
    run(async {
        let fed = Fed::with(LINES, 1000).await;
        fed.reader.readline().await.unwrap();
        assert_eq!(fed.reader.read(7).await.unwrap(), b"line2\nl");
        assert_eq!(fed.reader.received(), b"ine3\n".len());
    });
}
