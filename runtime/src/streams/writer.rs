//! The end that writes.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;
use std::net::SocketAddr;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_io::AsyncWrite;

use super::DEFAULT_LIMIT;
use super::connection::{Connection, Marks, Names, Place};
use super::transport::Sink;
use crate::tasks::outside::poll_outside;
use crate::tasks::{Suspended, called};

/// The end of a connection, or of a process's pipe, that is written to.
///
/// A handle: a clone is the same stream, and when the last one is dropped the connection is closed,
/// after what is still to be sent. It is [`Send`], and works off asyncio's loop too. It is a
/// `futures::io::AsyncWrite`, whose `poll_close` is [`write_eof`](Self::write_eof). Mirrors
/// `asyncio.StreamWriter`.
///
/// ```
/// # #[asyncio::main]
/// # async fn main() -> std::io::Result<()> {
/// # let server = asyncio::start_server(|reader, writer| async move { writer.write(reader.read_to_end().await?); Ok::<_, std::io::Error>(()) }, "127.0.0.1", 0).await?;
/// # let address = server.addresses()[0];
/// let (reader, writer) = asyncio::open_connection("127.0.0.1", address.port()).await?;
/// writer.write("over, ");
/// writer.write("and out");
/// writer.drain().await?;
/// writer.write_eof();
/// assert_eq!(reader.read_to_end().await?, b"over, and out");
/// writer.close();
/// writer.wait_closed().await?;
/// # Ok(())
/// # }
/// ```
pub struct StreamWriter {
    connection: Arc<Connection>,
    /// Of the trait's methods.
    point: Suspended,
    place: Option<Place>,
}

impl Drop for StreamWriter {
    fn drop(&mut self) {
        self.connection.remove_writer();
    }
}

impl StreamWriter {
    pub(super) fn new(connection: &Arc<Connection>) -> Self {
        connection.add_writer();
        Self {
            connection: connection.clone(),
            point: Suspended::default(),
            place: None,
        }
    }

    /// A writer to anything that is written to with the traits of `futures::io`: a pipe in
    /// `async_io::Async`, the standard output in `blocking::Unblock`. It is closed after what is to be
    /// sent when the last handle goes. Python's `StreamWriter` with `connect_write_pipe`.
    ///
    /// ```
    /// # #[cfg(unix)]
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// use asyncio::{StreamReader, StreamWriter};
    ///
    /// let (ours, theirs) = std::os::unix::net::UnixStream::pair()?;
    /// let writer = StreamWriter::from_async_write(async_io::Async::new(ours)?);
    /// let reader = StreamReader::from_async_read(async_io::Async::new(theirs)?);
    /// writer.write("hello\n");
    /// writer.drain().await?;
    /// assert_eq!(reader.readline().await?, b"hello\n");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    pub fn from_async_write(sink: impl AsyncWrite + Send + Unpin + 'static) -> Self {
        let names = Names::default();
        Self::new(&Connection::new(
            None,
            Some(Sink::Other(Box::new(sink))),
            DEFAULT_LIMIT,
            names,
        ))
    }

    pub(super) fn connection(&self) -> &Arc<Connection> {
        &self.connection
    }

    /// Writes what there is room for at once, and buffers the rest, which is sent by itself. To
    /// keep the buffer from growing without end, follow it with [`drain`](Self::drain).
    ///
    /// What is written after the connection is closed or lost is dropped; `drain` says so.
    ///
    /// # Panics
    ///
    /// `Cannot call write() after write_eof()`.
    ///
    /// Mirrors `StreamWriter.write`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let echo = |reader: asyncio::StreamReader, writer: asyncio::StreamWriter| async move {
    /// #     writer.write(reader.readline().await.unwrap());
    /// #     writer.close();
    /// # };
    /// # let server = asyncio::start_server(echo, "127.0.0.1", 0).await?;
    /// # let port = server.addresses()[0].port();
    /// let (reader, writer) = asyncio::open_connection("127.0.0.1", port).await?; // to an echo
    /// writer.write("hello\n");
    /// writer.drain().await?;
    /// assert_eq!(reader.readline().await?, b"hello\n");
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn write(&self, data: impl AsRef<[u8]>) {
        self.connection().write(data.as_ref());
    }

    /// Writes one after the other.
    ///
    /// # Panics
    ///
    /// As [`write`](Self::write).
    ///
    /// Mirrors `StreamWriter.writelines`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let echo = |reader: asyncio::StreamReader, writer: asyncio::StreamWriter| async move {
    /// #     writer.write(reader.readline().await.unwrap());
    /// #     writer.close();
    /// # };
    /// # let server = asyncio::start_server(echo, "127.0.0.1", 0).await?;
    /// # let port = server.addresses()[0].port();
    /// let (reader, writer) = asyncio::open_connection("127.0.0.1", port).await?; // to an echo
    /// writer.writelines(["hel", "lo\n"]);
    /// writer.drain().await?;
    /// assert_eq!(reader.readline().await?, b"hello\n");
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn writelines<I>(&self, data: I)
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        let all = data.into_iter().fold(Vec::new(), |mut all, line| {
            all.extend_from_slice(line.as_ref());
            all
        });
        self.write(all);
    }

    /// Waits while more is buffered than 64 KiB, until it is no more than 16 KiB, or as
    /// [`set_write_buffer_limits`](Self::set_write_buffer_limits) says; it does not yield if there
    /// is less. Several may wait.
    ///
    /// # Errors
    ///
    /// What the connection was lost by; `Connection lost` (of the kind `ConnectionReset`) when it
    /// was closed.
    ///
    /// # Cancellation
    ///
    /// Raises; what was written is still sent.
    ///
    /// Mirrors `StreamWriter.drain`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let echo = |reader: asyncio::StreamReader, writer: asyncio::StreamWriter| async move {
    /// #     writer.write(reader.readline().await.unwrap());
    /// #     writer.close();
    /// # };
    /// # let server = asyncio::start_server(echo, "127.0.0.1", 0).await?;
    /// # let port = server.addresses()[0].port();
    /// let (reader, writer) = asyncio::open_connection("127.0.0.1", port).await?; // to an echo
    /// writer.write("hello\n");
    /// writer.drain().await?; // there is room: it does not wait
    /// assert_eq!(reader.readline().await?, b"hello\n");
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn drain(&self) -> impl Future<Output = io::Result<()>> {
        Drain {
            connection: self.connection(),
            has_begun: false,
            draining: called(Location::caller(), self.draining()),
        }
    }

    async fn draining(&self) -> io::Result<()> {
        let connection = self.connection();
        let (is_closing, drained) = connection.with(|state| match state.failure() {
            Some(error) => (false, Some(Err(error))),
            None => (state.is_closing(), state.drained()),
        });
        if is_closing {
            // As CPython does, so that a loop of writes sees the connection go.
            crate::sleep(0).await;
        } else if let Some(drained) = drained {
            return drained;
        }
        connection.wait(|state| state.drained()).await
    }

    /// Sends what is buffered, and then the end: the peer reads no more, and may still write.
    ///
    /// Mirrors `StreamWriter.write_eof`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let echo = |reader: asyncio::StreamReader, writer: asyncio::StreamWriter| async move {
    /// #     writer.write(reader.readline().await.unwrap());
    /// #     writer.close();
    /// # };
    /// # let server = asyncio::start_server(echo, "127.0.0.1", 0).await?;
    /// # let port = server.addresses()[0].port();
    /// let (reader, writer) = asyncio::open_connection("127.0.0.1", port).await?; // to an echo
    /// writer.write("hello");
    /// writer.write_eof();
    /// assert_eq!(reader.read_to_end().await?, b"hello");
    /// # Ok(())
    /// # }
    /// ```
    pub fn write_eof(&self) {
        self.connection().write_eof();
    }

    /// Whether [`write_eof`](Self::write_eof) can be told from [`close`](Self::close): always, for
    /// sockets and pipes.
    ///
    /// Mirrors `StreamWriter.can_write_eof`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let echo = |reader: asyncio::StreamReader, writer: asyncio::StreamWriter| async move {
    /// #     writer.write(reader.readline().await.unwrap());
    /// #     writer.close();
    /// # };
    /// # let server = asyncio::start_server(echo, "127.0.0.1", 0).await?;
    /// # let port = server.addresses()[0].port();
    /// let (reader, writer) = asyncio::open_connection("127.0.0.1", port).await?; // to an echo
    /// # let _ = reader;
    /// assert!(writer.can_write_eof());
    /// # Ok(())
    /// # }
    /// ```
    pub fn can_write_eof(&self) -> bool {
        true
    }

    /// Closes the connection, both ends of it, after what is buffered is sent.
    ///
    /// Mirrors `StreamWriter.close`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let echo = |reader: asyncio::StreamReader, writer: asyncio::StreamWriter| async move {
    /// #     writer.write(reader.readline().await.unwrap());
    /// #     writer.close();
    /// # };
    /// # let server = asyncio::start_server(echo, "127.0.0.1", 0).await?;
    /// # let port = server.addresses()[0].port();
    /// let (reader, writer) = asyncio::open_connection("127.0.0.1", port).await?; // to an echo
    /// # let _ = reader;
    /// writer.close();
    /// writer.wait_closed().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn close(&self) {
        self.connection().close();
    }

    /// Closes the connection at once; what is buffered is dropped. Mirrors `transport.abort`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let echo = |reader: asyncio::StreamReader, writer: asyncio::StreamWriter| async move {
    /// #     writer.write(reader.readline().await.unwrap());
    /// #     writer.close();
    /// # };
    /// # let server = asyncio::start_server(echo, "127.0.0.1", 0).await?;
    /// # let port = server.addresses()[0].port();
    /// let (reader, writer) = asyncio::open_connection("127.0.0.1", port).await?; // to an echo
    /// # let _ = reader;
    /// writer.abort();
    /// assert!(writer.is_closing());
    /// # Ok(())
    /// # }
    /// ```
    pub fn abort(&self) {
        self.connection().abort();
    }

    /// Whether the connection is closed, or about to be.
    ///
    /// Mirrors `StreamWriter.is_closing`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let echo = |reader: asyncio::StreamReader, writer: asyncio::StreamWriter| async move {
    /// #     writer.write(reader.readline().await.unwrap());
    /// #     writer.close();
    /// # };
    /// # let server = asyncio::start_server(echo, "127.0.0.1", 0).await?;
    /// # let port = server.addresses()[0].port();
    /// let (reader, writer) = asyncio::open_connection("127.0.0.1", port).await?; // to an echo
    /// # let _ = reader;
    /// assert!(!writer.is_closing());
    /// writer.close();
    /// assert!(writer.is_closing());
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_closing(&self) -> bool {
        self.connection().with(|state| state.is_closing())
    }

    /// Waits until the connection is closed, and what was buffered sent.
    ///
    /// # Errors
    ///
    /// What the connection was lost by.
    ///
    /// # Cancellation
    ///
    /// Raises; the connection is closed all the same.
    ///
    /// Mirrors `StreamWriter.wait_closed`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let echo = |reader: asyncio::StreamReader, writer: asyncio::StreamWriter| async move {
    /// #     writer.write(reader.readline().await.unwrap());
    /// #     writer.close();
    /// # };
    /// # let server = asyncio::start_server(echo, "127.0.0.1", 0).await?;
    /// # let port = server.addresses()[0].port();
    /// let (reader, writer) = asyncio::open_connection("127.0.0.1", port).await?; // to an echo
    /// # let _ = reader;
    /// writer.write("hello\n");
    /// writer.close();
    /// writer.wait_closed().await?; // what was written is sent
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn wait_closed(&self) -> impl Future<Output = io::Result<()>> {
        let closed = self.connection().wait(|state| state.closed());
        called(Location::caller(), closed)
    }

    /// How many bytes are buffered. Mirrors `transport.get_write_buffer_size`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let echo = |reader: asyncio::StreamReader, writer: asyncio::StreamWriter| async move {
    /// #     writer.write(reader.readline().await.unwrap());
    /// #     writer.close();
    /// # };
    /// # let server = asyncio::start_server(echo, "127.0.0.1", 0).await?;
    /// # let port = server.addresses()[0].port();
    /// let (reader, writer) = asyncio::open_connection("127.0.0.1", port).await?; // to an echo
    /// # let _ = reader;
    /// assert_eq!(writer.get_write_buffer_size(), 0);
    /// # Ok(())
    /// # }
    /// ```
    pub fn get_write_buffer_size(&self) -> usize {
        self.connection().with(|state| state.unsent())
    }

    /// Sets how many bytes may be buffered before [`drain`](Self::drain) waits, and how many when it
    /// goes on: 64 KiB and a quarter of that at first. Without the one it is told by the other: the
    /// low one is a quarter of the high one. With `set_write_buffer_limits(0, None)` `drain` waits
    /// until all is sent. Mirrors `transport.set_write_buffer_limits`.
    ///
    /// # Panics
    ///
    /// When the low one is greater than the high one.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let server = asyncio::start_server(|_, _| async {}, "127.0.0.1", 0).await?;
    /// # let port = server.addresses()[0].port();
    /// let (_reader, writer) = asyncio::open_connection("127.0.0.1", port).await?;
    /// writer.set_write_buffer_limits(1 << 20, None);
    /// assert_eq!(writer.get_write_buffer_limits(), (1 << 18, 1 << 20));
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn set_write_buffer_limits(
        &self,
        high: impl Into<Option<usize>>,
        low: impl Into<Option<usize>>,
    ) {
        let marks = match (high.into(), low.into()) {
            (Some(high), Some(low)) => Marks { low, high },
            (Some(high), None) => Marks {
                low: high / 4,
                high,
            },
            (None, Some(low)) => Marks {
                low,
                high: low.saturating_mul(4),
            },
            (None, None) => Marks::default(),
        };
        let Marks { low, high } = marks;
        assert!(
            high >= low,
            "high ({high}) must be >= low ({low}) must be >= 0"
        );
        self.connection().with(|state| state.set_marks(marks));
    }

    /// The limits of [`set_write_buffer_limits`](Self::set_write_buffer_limits), the low one first.
    /// Mirrors `transport.get_write_buffer_limits`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let echo = |reader: asyncio::StreamReader, writer: asyncio::StreamWriter| async move {
    /// #     writer.write(reader.readline().await.unwrap());
    /// #     writer.close();
    /// # };
    /// # let server = asyncio::start_server(echo, "127.0.0.1", 0).await?;
    /// # let port = server.addresses()[0].port();
    /// let (reader, writer) = asyncio::open_connection("127.0.0.1", port).await?; // to an echo
    /// # let _ = reader;
    /// assert_eq!(writer.get_write_buffer_limits(), (16 * 1024, 64 * 1024));
    /// # Ok(())
    /// # }
    /// ```
    pub fn get_write_buffer_limits(&self) -> (usize, usize) {
        let marks = self.connection().with(|state| state.marks());
        (marks.low, marks.high)
    }

    /// The address of the other end; none but for TCP. Mirrors `get_extra_info('peername')`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let echo = |reader: asyncio::StreamReader, writer: asyncio::StreamWriter| async move {
    /// #     writer.write(reader.readline().await.unwrap());
    /// #     writer.close();
    /// # };
    /// # let server = asyncio::start_server(echo, "127.0.0.1", 0).await?;
    /// # let port = server.addresses()[0].port();
    /// let (reader, writer) = asyncio::open_connection("127.0.0.1", port).await?; // to an echo
    /// # let _ = reader;
    /// assert_eq!(writer.peername().unwrap().port(), port);
    /// # Ok(())
    /// # }
    /// ```
    pub fn peername(&self) -> Option<SocketAddr> {
        self.connection().names.peer
    }

    /// The address of this end; none but for TCP. Mirrors `get_extra_info('sockname')`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let echo = |reader: asyncio::StreamReader, writer: asyncio::StreamWriter| async move {
    /// #     writer.write(reader.readline().await.unwrap());
    /// #     writer.close();
    /// # };
    /// # let server = asyncio::start_server(echo, "127.0.0.1", 0).await?;
    /// # let port = server.addresses()[0].port();
    /// let (reader, writer) = asyncio::open_connection("127.0.0.1", port).await?; // to an echo
    /// # let _ = reader;
    /// assert_ne!(writer.sockname().unwrap().port(), port);
    /// # Ok(())
    /// # }
    /// ```
    pub fn sockname(&self) -> Option<SocketAddr> {
        self.connection().names.own
    }
}

pin_project_lite::pin_project! {
    /// What [`StreamWriter::drain`] gives: most often it has nothing to wait for, and does not begin.
    struct Drain<'a, F> {
        connection: &'a Connection,
        has_begun: bool,
        #[pin]
        draining: F,
    }
}

impl<F: Future<Output = io::Result<()>>> Future for Drain<'_, F> {
    type Output = io::Result<()>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        if !*this.has_begun && this.connection.is_drained() {
            return Poll::Ready(Ok(()));
        }
        *this.has_begun = true;
        this.draining.poll(cx)
    }
}

impl Clone for StreamWriter {
    fn clone(&self) -> Self {
        Self::new(&self.connection)
    }
}

impl PartialEq for StreamWriter {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(self.connection(), other.connection())
    }
}

impl Eq for StreamWriter {}

impl Hash for StreamWriter {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(self.connection()).hash(state);
    }
}

impl fmt::Debug for StreamWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<StreamWriter")?;
        if let Some(peer) = self.peername() {
            write!(f, " peername={peer}")?;
        }
        f.write_str(if self.is_closing() { " closing>" } else { ">" })
    }
}

impl StreamWriter {
    fn poll_wait(
        &mut self,
        cx: &mut Context<'_>,
        done: impl FnOnce(&mut super::connection::State) -> Option<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        let connection = &self.connection;
        let place = self.place.get_or_insert_with(|| Place::new(connection));
        let polled = poll_outside(&mut self.point, cx, |cx| place.poll(cx, done));
        if polled.is_ready() {
            self.place = None;
        }
        polled
    }
}

impl AsyncWrite for StreamWriter {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        this.poll_wait(cx, |state| {
            if state.takes_more() {
                state.drained()
            } else {
                Some(Err(state.lost_error()))
            }
        })
        .map_ok(|()| {
            this.write(data);
            data.len()
        })
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_wait(cx, |state| state.flushed())
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.write_eof();
        this.poll_wait(cx, |state| state.flushed())
    }
}
