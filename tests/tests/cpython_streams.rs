//! CPython's tests of streams, told anew, over sockets where those have mocks.

#[path = "common/loopback.rs"]
mod loopback;

use std::cell::RefCell;
use std::io::{self, ErrorKind};
use std::rc::Rc;

use asyncio::{
    IncompleteReadError, ReadError, StreamReader, StreamWriter, catch_cancelled, create_task,
    gather, get_running_loop, open_connection, run, sleep, start_server,
};
use loopback::{HOST, pair, port};
use tests::panics;

const LINES: &[u8] = b"line1\nline2\nline3\n";

/// A reader, its writer, and the end that feeds it.
struct Fed {
    reader: StreamReader,
    writer: StreamWriter,
    feed: StreamWriter,
    /// What the writer writes to.
    fed: StreamReader,
}

impl Fed {
    async fn new(limit: usize) -> Self {
        let ((reader, writer), (fed, feed)) = pair(limit).await;
        Self {
            reader,
            writer,
            feed,
            fed,
        }
    }

    /// Has come in when this is done, unless there is something already.
    async fn feed_data(&self, data: &[u8]) {
        self.feed.write(data);
        while !data.is_empty() && self.reader.received() == 0 {
            // It looks for more where there is none.
            assert!(!self.reader.at_eof());
            sleep(0).await;
        }
    }

    async fn with(data: &[u8], limit: usize) -> Self {
        let fed = Self::new(limit).await;
        fed.feed_data(data).await;
        fed
    }

    async fn ended(data: &[u8], limit: usize) -> Self {
        let fed = Self::with(data, limit).await;
        fed.feed.write_eof();
        fed
    }
}

/// How many bytes were received and not read, which a reader's repr says.
trait ReceivedBytes {
    fn received(&self) -> usize;
}

impl ReceivedBytes for StreamReader {
    fn received(&self) -> usize {
        let repr = format!("{self:?}");
        let count = repr.split(' ').nth(1).and_then(|count| count.parse().ok());
        count.unwrap_or(0)
    }
}

/// Closes the feeding end such that reading fails: what it has not read makes a reset of it.
async fn reset(fed: &Fed) {
    fed.writer.write("unread");
    sleep(0).await;
    fed.feed.abort();
    while fed.reader.read(100).await.is_ok() {
        sleep(0).await;
    }
}

/// What a server says of a handler that does `serve`.
async fn reported<F, T>(serve: fn() -> F) -> Vec<String>
where
    F: IntoFuture<Output = T> + 'static,
    F::IntoFuture: 'static,
    T: asyncio::HandlerOutput,
{
    let messages = Rc::new(RefCell::<Vec<String>>::default());
    get_running_loop().set_exception_handler({
        let messages = messages.clone();
        move |_, context| messages.borrow_mut().push(context.message.clone())
    });
    let server = start_server(move |_, _| serve(), HOST, 0).await.unwrap();
    let (reader, _writer) = open_connection(HOST, port(&server)).await.unwrap();
    assert_eq!(reader.read_to_end().await.unwrap(), b"");
    for _ in 0..5 {
        sleep(0).await;
    }
    server.close();
    messages.take()
}

/// Mirrors `test_streams.StreamTests.test_open_connection`.
#[test]
fn opens_a_connection() {
    run(async {
        let hello = |_, writer: StreamWriter| async move { writer.write("hello\n") };
        let server = start_server(hello, HOST, 0).await.unwrap();
        let (reader, writer) = open_connection(HOST, port(&server)).await.unwrap();
        assert_eq!(reader.read_to_end().await.unwrap(), b"hello\n");
        writer.close();
        server.close();
    });
}

/// Mirrors `test_streams.StreamTests.test_open_connection_error`.
#[test]
fn open_connection_error() {
    run(async {
        let port = {
            let unused = std::net::TcpListener::bind((HOST, 0)).unwrap();
            unused.local_addr().unwrap().port()
        };
        let error = open_connection(HOST, port).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    });
}

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

/// Mirrors `test_streams.StreamTests.test_read_line_breaks`.
#[test]
fn read_line_breaks() {
    run(async {
        let fed = Fed::with(b"line1\nline2", 1000).await;
        assert_eq!(fed.reader.read(5).await.unwrap(), b"line1");
        assert_eq!(fed.reader.received(), b"\nline2".len());
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

/// Mirrors `test_streams.StreamTests.test_invalid_limit`.
#[test]
fn invalid_limit() {
    run(async {
        let words = panics(|| drop(open_connection(HOST, 1).limit(0)));
        assert_eq!(words, "Limit cannot be <= 0");
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

/// Mirrors `test_streams.StreamTests.test_read_exception`.
#[test]
fn read_exception() {
    run(async {
        let fed = Fed::with(b"line\n", 1000).await;
        assert_eq!(fed.reader.read(2).await.unwrap(), b"li");
        reset(&fed).await;
        fed.reader.read(2).await.unwrap_err();
    });
}

/// Mirrors `test_streams.StreamTests.test_readline_exception`.
#[test]
fn readline_exception() {
    run(async {
        let fed = Fed::new(1000).await;
        reset(&fed).await;
        fed.reader.readline().await.unwrap_err();
    });
}

/// Mirrors `test_streams.StreamTests.test_readexactly_exception`.
#[test]
fn readexactly_exception() {
    run(async {
        let fed = Fed::new(1000).await;
        reset(&fed).await;
        assert!(matches!(
            fed.reader.readexactly(2).await,
            Err(ReadError::Io(_))
        ));
    });
}

/// Mirrors `test_streams.StreamTests.test_exception_waiter`.
#[test]
fn exception_waiter() {
    run(async {
        let fed = Fed::new(1000).await;
        let reader = fed.reader.clone();
        let waiting = create_task(async move { reader.readline().await.is_err() });
        sleep(0).await;
        // What is unread when it is closed makes a reset of it.
        fed.writer.write("unread");
        sleep(0).await;
        fed.feed.abort();
        assert!(waiting.await);
    });
}

/// Mirrors `test_streams.StreamTests.test_exception_cancel`.
#[test]
fn exception_cancel() {
    run(async {
        let fed = Fed::new(1000).await;
        let reader = fed.reader.clone();
        let reading = create_task(async move { reader.readline().await.unwrap() });
        sleep(0).await;
        reading.cancel();
        assert!(catch_cancelled(reading).await.is_err());
        // Nobody waits for it any more, and nothing is lost.
        fed.feed.write("line\n");
        assert_eq!(fed.reader.readline().await.unwrap(), b"line\n");
    });
}

/// Mirrors `test_streams.StreamTests.test_start_server`.
#[test]
fn starts_a_server() {
    run(async {
        let upper = |reader: StreamReader, writer: StreamWriter| async move {
            let line = reader.readline().await?;
            writer.write(line.to_ascii_uppercase());
            writer.drain().await?;
            writer.close();
            writer.wait_closed().await
        };
        let server = start_server(upper, HOST, 0).await.unwrap();
        let (reader, writer) = open_connection(HOST, port(&server)).await.unwrap();
        writer.write("hello world!\n");
        assert_eq!(reader.readline().await.unwrap(), b"HELLO WORLD!\n");
        assert_eq!(reader.read_to_end().await.unwrap(), b"");
        server.close();
        server.wait_closed().await;
    });
}

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

/// Mirrors `test_streams.StreamTests.test_unhandled_exception`.
#[test]
fn unhandled_exception() {
    run(async {
        async fn fails() -> io::Result<()> {
            Err(io::Error::other("test"))
        }
        assert_eq!(
            reported(fails).await,
            ["Unhandled exception in client_connected_cb"]
        );
    });
}

/// Mirrors `test_streams.StreamTests.test_unhandled_cancel`.
#[test]
fn unhandled_cancel() {
    run(async {
        async fn is_cancelled() {
            asyncio::current_task().expect("a handler has one").cancel();
            sleep(1).await;
        }
        assert!(reported(is_cancelled).await.is_empty());
    });
}
