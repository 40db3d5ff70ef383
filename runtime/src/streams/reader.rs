//! The end that reads.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::io;
use std::panic::Location;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use futures_core::Stream;
use futures_io::AsyncRead;

use super::connection::{Connection, FillError, Names, Reading, State};
use super::transport::Source;
use super::{DEFAULT_LIMIT, check_limit};
use crate::exceptions::{IncompleteReadError, LimitOverrunError, ReadError};
use crate::tasks::outside::{poll_outside, poll_outside_at};
use crate::tasks::{Called, Suspended, called};

/// The end of a connection, or of a process's pipe, that is read from.
///
/// A handle: a clone is the same stream. It is [`Send`], and works off asyncio's loop too. It is a
/// [`Stream`] of its lines, and a `futures::io::AsyncRead`. Mirrors `asyncio.StreamReader`.
///
/// Another executor's `block_on` in the midst of a task keeps that task's loop from running, and with it
/// all that the loop looks after: on Linux it waits for ever for a stream that was made there. To await
/// it is enough, and `to_thread` blocks elsewhere.
///
/// # Panics
///
/// One at a time may wait for input: `readline() called while another coroutine is already waiting
/// for incoming data`.
///
/// # Cancellation
///
/// All of its methods raise, and leave what has come in where it is.
///
/// ```
/// # #[asyncio::main]
/// # async fn main() -> std::io::Result<()> {
/// # let server = asyncio::start_server(|_, writer| async move { writer.write("one\ntwo") }, "127.0.0.1", 0).await?;
/// # let address = server.addresses()[0];
/// let (reader, _writer) = asyncio::open_connection("127.0.0.1", address.port()).await?;
/// assert_eq!(reader.readline().await?, b"one\n");
/// assert_eq!(reader.readline().await?, b"two"); // the other end has closed
/// assert!(reader.at_eof());
/// # Ok(())
/// # }
/// ```
pub struct StreamReader {
    connection: Arc<Connection>,
    /// Of the traits' methods.
    point: Suspended,
    reading: Reading,
}

/// Waits for input until `take` finds what it looks for.
struct Taking<'a, F> {
    connection: &'a Arc<Connection>,
    method: &'static str,
    called_at: Option<Called>,
    take: F,
    point: Suspended,
    reading: Reading,
}

impl<T, E: From<io::Error>, F> Future for Taking<'_, F>
where
    F: FnMut(&mut State) -> Option<Result<T, E>> + Unpin,
{
    type Output = Result<T, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let (connection, reading, take) = (this.connection, &mut this.reading, &mut this.take);
        let taken = poll_outside_at(&mut this.point, cx, this.called_at, |cx| {
            connection.poll_take(cx, reading, take)
        });
        taken.map(|taken| taken.unwrap_or_else(|error| Err(error.into_io(this.method).into())))
    }
}

impl<F> Drop for Taking<'_, F> {
    fn drop(&mut self) {
        self.connection.stop_reading(&mut self.reading);
    }
}

impl StreamReader {
    pub(super) fn new(connection: &Arc<Connection>) -> Self {
        Self {
            connection: connection.clone(),
            point: Suspended::default(),
            reading: Reading::default(),
        }
    }

    /// A reader of anything that is read with the traits of `futures::io`: a pipe in
    /// `async_io::Async`, the standard input in `blocking::Unblock`, bytes that are there already.
    /// Python's `StreamReader()` with `connect_read_pipe` or `feed_data`.
    ///
    /// What it waits for is taken for input from outside: a virtual clock does not jump meanwhile.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let lines = asyncio::StreamReader::from_async_read(&b"one\ntwo\n"[..]);
    /// assert_eq!(lines.readline().await?, b"one\n");
    /// assert_eq!(lines.readline().await?, b"two\n");
    /// assert!(lines.at_eof());
    /// # Ok::<_, std::io::Error>(())
    /// # }).unwrap();
    /// ```
    pub fn from_async_read(source: impl AsyncRead + Send + Unpin + 'static) -> Self {
        Self::with_limit(DEFAULT_LIMIT, source)
    }

    /// As [`from_async_read`](Self::from_async_read), with lines as long as `limit`: Python's
    /// `StreamReader(limit=limit)`.
    ///
    /// # Panics
    ///
    /// `Limit cannot be <= 0`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let lines = asyncio::StreamReader::with_limit(4, &b"a long line\n"[..]);
    /// assert!(lines.readline().await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn with_limit(limit: usize, source: impl AsyncRead + Send + Unpin + 'static) -> Self {
        let (limit, names) = (check_limit(limit), Names::default());
        Self::new(&Connection::new(
            Some(Source::Other(Box::new(source))),
            None,
            limit,
            names,
        ))
    }

    /// Waits until `take` finds something in what was received. Mirrors `_wait_for_data`.
    ///
    /// `called_at` is said by an operation that is nothing else.
    fn take<T, E, F>(
        &self,
        method: &'static str,
        called_at: Option<Called>,
        take: F,
    ) -> Taking<'_, F>
    where
        F: FnMut(&mut State) -> Option<Result<T, E>>,
    {
        Taking {
            connection: &self.connection,
            method,
            called_at,
            take,
            point: Suspended::default(),
            reading: Reading::default(),
        }
    }

    /// Reads up to `n` bytes, as soon as there is one; nothing at the end.
    ///
    /// # Errors
    ///
    /// What the connection was lost by.
    ///
    /// Mirrors `StreamReader.read`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let reader = asyncio::StreamReader::from_async_read(&b"hello"[..]);
    /// assert_eq!(reader.read(4).await?, b"hell");
    /// assert_eq!(reader.read(4).await?, b"o");
    /// assert_eq!(reader.read(4).await?, b"");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Raises; what has come in stays, to be read.
    #[track_caller]
    pub fn read(&self, n: usize) -> impl Future<Output = io::Result<Vec<u8>>> {
        self.reading(n, Some(Location::caller()))
    }

    fn reading(
        &self,
        n: usize,
        called_at: Option<Called>,
    ) -> impl Future<Output = io::Result<Vec<u8>>> {
        self.take("read", called_at, move |state| {
            let there = state.received.len();
            (n == 0 || there > 0 || state.is_eof).then(|| Ok(state.received.take(n.min(there))))
        })
    }

    /// Reads everything until the end: Python's `read()` without a number.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read).
    ///
    /// # Cancellation
    ///
    /// Raises; what was read so far is lost, as in Python.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let reader = asyncio::StreamReader::from_async_read(&b"one\ntwo\n"[..]);
    /// assert_eq!(reader.read_to_end().await?, b"one\ntwo\n");
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn read_to_end(&self) -> impl Future<Output = io::Result<Vec<u8>>> {
        called(Location::caller(), self.reading_to_end())
    }

    async fn reading_to_end(&self) -> io::Result<Vec<u8>> {
        let mut all = Vec::new();
        loop {
            let block = self.reading(self.connection.limit, None).await?;
            if block.is_empty() {
                return Ok(all);
            }
            all.extend(block);
        }
    }

    /// Reads exactly `n` bytes; they are not limited by the stream's limit.
    ///
    /// # Errors
    ///
    /// [`IncompleteReadError`], with what there was, when the stream ends before.
    ///
    /// Mirrors `StreamReader.readexactly`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let reader = asyncio::StreamReader::from_async_read(&b"hello"[..]);
    /// assert_eq!(reader.readexactly(4).await?, b"hell");
    /// assert!(reader.readexactly(4).await.is_err()); // there is one byte
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Raises; what has come in stays, to be read.
    #[track_caller]
    pub fn readexactly(&self, n: usize) -> impl Future<Output = Result<Vec<u8>, ReadError>> {
        self.take("readexactly", Some(Location::caller()), move |state| {
            let received = &mut state.received;
            if received.len() >= n {
                return Some(Ok(received.take(n)));
            }
            state.is_eof.then(|| {
                let partial = received.take(received.len());
                Err(ReadError::IncompleteRead(IncompleteReadError {
                    partial,
                    expected: Some(n),
                }))
            })
        })
    }

    /// Reads a line, with its `\n`; at the end what there is, and then nothing.
    ///
    /// # Errors
    ///
    /// As [`read`](Self::read), and [`LimitOverrunError`] within an [`io::Error`] (of the kind
    /// `InvalidData`) when the line is longer than the limit; it is dropped then, as far as it has
    /// come.
    ///
    /// Mirrors `StreamReader.readline`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let reader = asyncio::StreamReader::from_async_read(&b"one\ntwo"[..]);
    /// assert_eq!(reader.readline().await?, b"one\n");
    /// assert_eq!(reader.readline().await?, b"two");
    /// assert_eq!(reader.readline().await?, b"");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Raises; what has come in stays, to be read.
    #[track_caller]
    pub fn readline(&self) -> impl Future<Output = io::Result<Vec<u8>>> {
        called(Location::caller(), self.reading_line())
    }

    async fn reading_line(&self) -> io::Result<Vec<u8>> {
        match self.read_until("readline", &[b"\n"]).await {
            Ok(line) => Ok(line),
            Err(ReadError::IncompleteRead(error)) => Ok(error.partial),
            Err(ReadError::LimitOverrun(error)) => {
                self.connection.with(|state| {
                    let received = &mut state.received;
                    let is_complete = received.bytes().get(error.consumed) == Some(&b'\n');
                    received.consume(if is_complete {
                        error.consumed + 1
                    } else {
                        received.len()
                    });
                });
                Err(ReadError::LimitOverrun(error).into())
            }
            Err(ReadError::Io(error)) => Err(error),
        }
    }

    /// Reads until `separator`, and it with the rest.
    ///
    /// # Errors
    ///
    /// - [`IncompleteReadError`], with what there was, when the stream ends before;
    /// - [`LimitOverrunError`] when there is more before the separator than the limit: it stays
    ///   there, to be read otherwise.
    ///
    /// # Panics
    ///
    /// `Separator should be at least one-byte string`.
    ///
    /// Mirrors `StreamReader.readuntil`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let reader = asyncio::StreamReader::from_async_read(&b"one;two;"[..]);
    /// assert_eq!(reader.readuntil(";").await?, b"one;");
    /// assert_eq!(reader.readuntil(";").await?, b"two;");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Raises; what has come in stays, to be read.
    #[track_caller]
    pub fn readuntil(
        &self,
        separator: impl AsRef<[u8]>,
    ) -> impl Future<Output = Result<Vec<u8>, ReadError>> {
        called(Location::caller(), async move {
            self.read_until("readuntil", &[separator.as_ref()]).await
        })
    }

    /// Reads until the first of several separators, the one that is complete first: Python's
    /// `readuntil` with a tuple. As [`readuntil`](Self::readuntil) otherwise.
    ///
    /// # Errors
    ///
    /// As [`readuntil`](Self::readuntil).
    ///
    /// # Panics
    ///
    /// `Separator should contain at least one element`, and as [`readuntil`](Self::readuntil).
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> Result<(), asyncio::ReadError> {
    /// # let server = asyncio::start_server(|_, writer| async move { writer.write("one;two.three") }, "127.0.0.1", 0).await?;
    /// # let address = server.addresses()[0];
    /// let (reader, _writer) = asyncio::open_connection("127.0.0.1", address.port()).await?;
    /// assert_eq!(reader.readuntil_any([".", ";"]).await?, b"one;");
    /// assert_eq!(reader.readuntil_any([".", ";"]).await?, b"two.");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Raises; what has come in stays, to be read.
    #[track_caller]
    pub fn readuntil_any<I>(
        &self,
        separators: I,
    ) -> impl Future<Output = Result<Vec<u8>, ReadError>>
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        called(Location::caller(), self.reading_until_any(separators))
    }

    async fn reading_until_any<I>(&self, separators: I) -> Result<Vec<u8>, ReadError>
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        let separators: Vec<_> = separators.into_iter().collect();
        let separators: Vec<_> = separators.iter().map(AsRef::as_ref).collect();
        self.read_until("readuntil_any", &separators).await
    }

    async fn read_until(
        &self,
        method: &'static str,
        separators: &[&[u8]],
    ) -> Result<Vec<u8>, ReadError> {
        assert!(
            !separators.is_empty(),
            "Separator should contain at least one element"
        );
        assert!(
            separators.iter().all(|separator| !separator.is_empty()),
            "Separator should be at least one-byte string"
        );
        // No separator begins before this.
        let mut offset = 0;
        let read = self.take(method, None, |state| {
            find(state, self.connection.limit, separators, &mut offset)
        });
        read.await
    }

    /// Whether everything was read and nothing more will come.
    ///
    /// Mirrors `StreamReader.at_eof`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let reader = asyncio::StreamReader::from_async_read(&b"hello"[..]);
    /// assert!(!reader.at_eof());
    /// reader.read_to_end().await?;
    /// assert!(reader.at_eof());
    /// # Ok(())
    /// # }
    /// ```
    pub fn at_eof(&self) -> bool {
        self.connection.with(|state| {
            state.look();
            state.is_eof && state.received.len() == 0
        })
    }
}

/// The bytes until the first of the separators; none begins before `offset`.
fn find(
    state: &mut State,
    limit: usize,
    separators: &[&[u8]],
    offset: &mut usize,
) -> Option<Result<Vec<u8>, ReadError>> {
    let overrun = |message, consumed| {
        Some(Err(ReadError::LimitOverrun(LimitOverrunError {
            message,
            consumed,
        })))
    };
    let bytes = state.received.bytes();
    let start = (*offset).min(bytes.len());
    let found = separators.iter().filter_map(|separator| {
        let found = position(&bytes[start..], separator)?;
        Some((start + found + separator.len(), start + found))
    });
    // That which ends first; among those the one that Python finds first, the shortest.
    if let Some((end, begin)) = found.min_by_key(|&(end, begin)| (end, end - begin)) {
        if begin > limit {
            return overrun("Separator is found, but chunk is longer than limit", begin);
        }
        return Some(Ok(state.received.take(end)));
    }
    let longest = separators.iter().map(|separator| separator.len()).max();
    *offset = (bytes.len() + 1).saturating_sub(longest.unwrap_or(1));
    if *offset > limit {
        return overrun(
            "Separator is not found, and chunk exceed the limit",
            *offset,
        );
    }
    state.is_eof.then(|| {
        Err(ReadError::IncompleteRead(IncompleteReadError {
            partial: state.received.take(state.received.len()),
            expected: None,
        }))
    })
}

fn position(bytes: &[u8], separator: &[u8]) -> Option<usize> {
    match separator {
        [byte] => bytes.iter().position(|other| other == byte),
        _ => bytes
            .windows(separator.len())
            .position(|window| window == separator),
    }
}

impl FillError {
    #[cold]
    #[track_caller]
    fn into_io(self, method: &str) -> io::Error {
        match self {
            FillError::Io(error) => error,
            FillError::InUse => panic!(
                "{method}() called while another coroutine is already waiting for incoming data"
            ),
        }
    }
}

impl Clone for StreamReader {
    fn clone(&self) -> Self {
        Self::new(&self.connection)
    }
}

impl PartialEq for StreamReader {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.connection, &other.connection)
    }
}

impl Eq for StreamReader {}

impl Hash for StreamReader {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.connection).hash(state);
    }
}

impl fmt::Debug for StreamReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (received, is_eof) = self
            .connection
            .with(|state| (state.received.len(), state.is_eof));
        f.write_str("<StreamReader")?;
        if received > 0 {
            write!(f, " {received} bytes")?;
        }
        f.write_str(if is_eof { " eof>" } else { ">" })
    }
}

impl Drop for StreamReader {
    fn drop(&mut self) {
        self.connection.stop_reading(&mut self.reading);
    }
}

impl AsyncRead for StreamReader {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if into.is_empty() {
            return Poll::Ready(Ok(0));
        }
        let this = self.get_mut();
        let (connection, reading) = (&this.connection, &mut this.reading);
        poll_outside(&mut this.point, cx, |cx| {
            connection.poll_take(cx, reading, |state| {
                let received = &mut state.received;
                let n = into.len().min(received.len());
                (n > 0 || state.is_eof).then(|| {
                    into[..n].copy_from_slice(&received.bytes()[..n]);
                    received.consume(n);
                    n
                })
            })
        })
        .map_err(|error| error.into_io("poll_read"))
    }
}

/// Its lines, each with its `\n`.
impl Stream for StreamReader {
    type Item = io::Result<Vec<u8>>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let (connection, reading) = (&this.connection, &mut this.reading);
        let mut offset = 0;
        let found = poll_outside(&mut this.point, cx, |cx| {
            connection.poll_take(cx, reading, |state| {
                let found = find(state, connection.limit, &[b"\n"], &mut offset);
                if let Some(Err(ReadError::LimitOverrun(_))) = found {
                    state.received.consume(state.received.len());
                }
                found
            })
        });
        match std::task::ready!(found).map_err(|error| error.into_io("poll_next")) {
            Ok(Ok(line)) => Poll::Ready(Some(Ok(line))),
            Ok(Err(ReadError::IncompleteRead(end))) => {
                Poll::Ready((!end.partial.is_empty()).then_some(Ok(end.partial)))
            }
            Ok(Err(error)) => Poll::Ready(Some(Err(error.into()))),
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }
}
