//! What is read: so many bytes, or to the end.

use asyncio::{ReadError, create_task, open_connection, run, sleep};
use tests::panics;

use super::loopback::HOST;
use super::{Fed, LINES, ReceivedBytes};

/// Mirrors `test_streams.StreamTests.test_read_zero`.
#[test]
fn read_zero() {
    run(async {
        let fed = Fed::with(LINES, 1000).await;
        assert_eq!(fed.reader.read(0).await.unwrap(), b"");
        assert_eq!(fed.reader.received(), LINES.len());
    });
}

/// Mirrors `test_streams.StreamTests.test_read`.
#[test]
fn read() {
    run(async {
        let fed = Fed::new(1000).await;
        let reader = fed.reader.clone();
        let reading = create_task(async move { reader.read(30).await.unwrap() });
        sleep(0).await;
        fed.feed.write(LINES);
        assert_eq!(reading.await, LINES);
        assert_eq!(fed.reader.received(), 0);
    });
}

/// Mirrors `test_streams.StreamTests.test_read_eof`.
#[test]
fn read_eof() {
    run(async {
        let fed = Fed::new(1000).await;
        let reader = fed.reader.clone();
        let reading = create_task(async move { reader.read(1024).await.unwrap() });
        sleep(0).await;
        fed.feed.write_eof();
        assert_eq!(reading.await, b"");
    });
}

/// Mirrors `test_streams.StreamTests.test_read_until_eof`.
#[test]
fn read_until_eof() {
    run(async {
        let fed = Fed::new(1000).await;
        let reader = fed.reader.clone();
        let reading = create_task(async move { reader.read_to_end().await.unwrap() });
        sleep(0).await;
        fed.feed.write("chunk1\n");
        fed.feed.write("chunk2");
        fed.feed.write_eof();
        assert_eq!(reading.await, b"chunk1\nchunk2");
    });
}

/// Mirrors `test_streams.StreamTests.test_read_limit`.
#[test]
fn read_limit() {
    run(async {
        let fed = Fed::with(b"chunk", 3).await;
        assert_eq!(fed.reader.read(5).await.unwrap(), b"chunk");
    });
}

/// Mirrors `test_streams.StreamTests.test_at_eof`.
#[test]
fn at_eof() {
    run(async {
        let fed = Fed::new(1000).await;
        assert!(!fed.reader.at_eof());
        fed.feed_data(b"some data\n").await;
        assert!(!fed.reader.at_eof());
        fed.reader.readline().await.unwrap();
        assert!(!fed.reader.at_eof());
        fed.feed.write_eof();
        while !fed.reader.at_eof() {
            sleep(0).await;
        }
    });
}

/// Mirrors `test_streams.StreamTests.test_eof_feed_when_closing_writer`.
#[test]
fn eof_feed_when_closing_writer() {
    run(async {
        let fed = Fed::new(1000).await;
        fed.writer.close();
        fed.writer.wait_closed().await.unwrap();
        assert!(fed.reader.at_eof());
        assert_eq!(fed.reader.read(100).await.unwrap(), b"");
    });
}

/// Mirrors `test_streams.StreamTests.test_readexactly_zero_or_less`.
#[test]
fn readexactly_zero_or_less() {
    run(async {
        let fed = Fed::with(LINES, 1000).await;
        assert_eq!(fed.reader.readexactly(0).await.unwrap(), b"");
        assert_eq!(fed.reader.received(), LINES.len());
    });
}

/// Mirrors `test_streams.StreamTests.test_readexactly`.
#[test]
fn readexactly() {
    run(async {
        let fed = Fed::new(1000).await;
        let reader = fed.reader.clone();
        let n = 2 * LINES.len();
        let reading = create_task(async move { reader.readexactly(n).await.unwrap() });
        for _ in 0..3 {
            fed.feed.write(LINES);
            sleep(0).await;
        }
        assert_eq!(reading.await, [LINES, LINES].concat());
        assert_eq!(fed.reader.read(100).await.unwrap(), LINES);
    });
}

/// Mirrors `test_streams.StreamTests.test_readexactly_limit`.
#[test]
fn readexactly_limit() {
    run(async {
        let fed = Fed::with(b"chunk", 3).await;
        assert_eq!(fed.reader.readexactly(5).await.unwrap(), b"chunk");
    });
}

/// Mirrors `test_streams.StreamTests.test_readexactly_eof`.
#[test]
fn readexactly_eof() {
    run(async {
        let fed = Fed::ended(LINES, 1000).await;
        let n = 2 * LINES.len();
        let read = fed.reader.readexactly(n).await;
        let Err(ReadError::IncompleteRead(error)) = read else {
            panic!("{read:?}");
        };
        assert_eq!((error.partial.as_slice(), error.expected), (LINES, Some(n)));
        assert_eq!(
            error.to_string(),
            "18 bytes read on a total of 36 expected bytes"
        );
        assert_eq!(fed.reader.received(), 0);
    });
}

/// Mirrors `test_streams.StreamTests.test_invalid_limit`.
#[test]
fn invalid_limit() {
    run(async {
        let words = panics(|| drop(open_connection(HOST, 1).limit(0)));
        assert_eq!(words, "Limit cannot be <= 0");
    });
}

/// Mirrors `test_streams.StreamTests.test___repr__eof`.
#[test]
fn repr_eof() {
    run(async {
        let fed = Fed::ended(b"", 1000).await;
        while !fed.reader.at_eof() {
            sleep(0).await;
        }
        assert_eq!(format!("{:?}", fed.reader), "<StreamReader eof>");
    });
}

/// Mirrors `test_streams.StreamTests.test___repr__data`.
#[test]
fn repr_data() {
    run(async {
        let fed = Fed::with(b"data", 1000).await;
        assert_eq!(format!("{:?}", fed.reader), "<StreamReader 4 bytes>");
    });
}

/// Mirrors `test_streams.StreamTests.test___repr__`.
#[test]
fn repr() {
    run(async {
        let fed = Fed::new(1000).await;
        assert_eq!(format!("{:?}", fed.reader), "<StreamReader>");
    });
}
