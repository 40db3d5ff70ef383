//! `readuntil`, with one separator and with several.

use asyncio::{IncompleteReadError, ReadError, create_task, run, sleep};

use super::{Fed, ReceivedBytes};

/// Mirrors `test_streams.StreamTests.test_readuntil_separator`.
#[test]
fn readuntil_separator() {
    run(async {
        let fed = Fed::with(b"some data", 1000).await;
        let reader = fed.reader.clone();
        let none = create_task(async move { reader.readuntil("").await });
        sleep(0).await;
        let exception = none.exception().expect("it has panicked");
        let words = format!("{exception:?}");
        assert!(
            words.contains("Separator should be at least one-byte string"),
            "{words}"
        );
        let reader = fed.reader.clone();
        let none = create_task(async move { reader.readuntil_any([""; 0]).await });
        sleep(0).await;
        let exception = none.exception().expect("it has panicked");
        let words = format!("{exception:?}");
        assert!(
            words.contains("Separator should contain at least one element"),
            "{words}"
        );
    });
}

/// Mirrors `test_streams.StreamTests.test_readuntil_multi_chunks`.
#[test]
fn readuntil_multi_chunks() {
    run(async {
        let fed = Fed::with(b"lineAAA", 1000).await;
        assert_eq!(fed.reader.readuntil("AAA").await.unwrap(), b"lineAAA");
        fed.feed_data(b"lineAAA").await;
        assert_eq!(fed.reader.readuntil("AAA").await.unwrap(), b"lineAAA");
        fed.feed_data(b"lineAAAxxx").await;
        assert_eq!(fed.reader.readuntil("AAA").await.unwrap(), b"lineAAA");
        assert_eq!(fed.reader.read(10).await.unwrap(), b"xxx");
    });
}

/// Mirrors `test_streams.StreamTests.test_readuntil_multi_chunks_1`.
#[test]
fn readuntil_multi_chunks_1() {
    run(async {
        for (chunks, separator) in [
            (&["QWEaa", "XYaa", "a"][..], "aaa"),
            (&["QWEaa", "XYa", "aa"], "aaa"),
            (&["aaa"], "aaa"),
            (&["Xaaa"], "aaa"),
            (&["XXX", "a", "a", "a"], "aaa"),
        ] {
            let fed = Fed::new(1000).await;
            let reader = fed.reader.clone();
            let reading = create_task(async move { reader.readuntil(separator).await.unwrap() });
            for chunk in chunks {
                fed.feed.write(chunk);
                sleep(0).await;
            }
            assert_eq!(reading.await, chunks.concat().as_bytes());
        }
    });
}

/// Mirrors `test_streams.StreamTests.test_readuntil_eof`.
#[test]
fn readuntil_eof() {
    run(async {
        let data = b"some dataAA";
        let fed = Fed::ended(data, 1000).await;
        let expected = IncompleteReadError {
            partial: data.to_vec(),
            expected: None,
        };
        assert!(
            matches!(fed.reader.readuntil("AAA").await, Err(ReadError::IncompleteRead(error)) if error == expected)
        );
        assert_eq!(fed.reader.received(), 0);
    });
}

/// Mirrors `test_streams.StreamTests.test_readuntil_limit_found_sep`.
#[test]
fn readuntil_limit_found_sep() {
    run(async {
        let fed = Fed::with(b"some dataAA", 3).await;
        let read = fed.reader.readuntil("AAA").await;
        let Err(ReadError::LimitOverrun(error)) = read else {
            panic!("{read:?}");
        };
        assert_eq!(
            error.to_string(),
            "Separator is not found, and chunk exceed the limit"
        );
        assert_eq!(fed.reader.received(), b"some dataAA".len());
        let fed = Fed::with(b"some dataAAA", 3).await;
        let read = fed.reader.readuntil("AAA").await;
        let Err(ReadError::LimitOverrun(error)) = read else {
            panic!("{read:?}");
        };
        assert_eq!(
            error.to_string(),
            "Separator is found, but chunk is longer than limit"
        );
        assert_eq!(error.consumed, b"some data".len());
        assert_eq!(fed.reader.received(), b"some dataAAA".len());
    });
}

/// Mirrors `test_streams.StreamTests.test_readuntil_multi_separator`.
#[test]
fn readuntil_multi_separator() {
    run(async {
        // The one that ends first is taken.
        let fed = Fed::with(b"some data", 1000).await;
        let separators = [" ", "data"];
        assert_eq!(
            fed.reader.readuntil_any(separators).await.unwrap(),
            b"some "
        );
        assert_eq!(fed.reader.readuntil_any(separators).await.unwrap(), b"data");
        fed.feed_data(b"some data other").await;
        assert_eq!(
            fed.reader
                .readuntil_any(["data other", "data"])
                .await
                .unwrap(),
            b"some data"
        );
    });
}

/// Mirrors `test_streams.StreamTests.test_readuntil_multi_separator_limit`.
#[test]
fn readuntil_multi_separator_limit() {
    run(async {
        let fed = Fed::with(b"some dataA", 3).await;
        let read = fed.reader.readuntil_any(["A", "ome dataA"]).await;
        let Err(ReadError::LimitOverrun(error)) = read else {
            panic!("{read:?}");
        };
        assert_eq!(
            error.to_string(),
            "Separator is found, but chunk is longer than limit"
        );
        assert_eq!(fed.reader.received(), b"some dataA".len());
    });
}

/// Mirrors `test_streams.StreamTests.test_readuntil_multi_separator_negative_offset`.
#[test]
fn readuntil_multi_separator_negative_offset() {
    run(async {
        // What is there is shorter than the longest separator.
        let fed = Fed::new(1000).await;
        let reader = fed.reader.clone();
        let reading =
            create_task(async move { reader.readuntil_any(["A", "long sep"]).await.unwrap() });
        fed.feed.write("data");
        sleep(0).await;
        fed.feed.write("Z");
        sleep(0).await;
        fed.feed.write("Aaaa");
        assert_eq!(reading.await, b"dataZA");
        assert_eq!(fed.reader.readexactly(3).await.unwrap(), b"aaa");
    });
}

/// Mirrors `test_streams.StreamTests.test_readuntil_bytearray`.
#[test]
fn readuntil_bytearray() {
    run(async {
        let fed = Fed::with(b"some data\r\n", 1000).await;
        let separator = b"\r\n".to_vec();
        assert_eq!(
            fed.reader.readuntil(&separator).await.unwrap(),
            b"some data\r\n"
        );
        assert_eq!(separator, b"\r\n");
    });
}
