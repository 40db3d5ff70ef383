//! Both ends of a connection in one, for crates that ask for that.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use asyncio::{StreamReader, StreamWriter};
use futures_io::{AsyncRead, AsyncWrite};

/// A connection that is read and written as one thing, with the traits of `futures::io`: what
/// async-tungstenite takes as it is, and hyper within smol-hyper's `FuturesIo`.
#[derive(Debug)]
pub struct Duplex {
    reader: StreamReader,
    writer: StreamWriter,
}

impl Duplex {
    /// Joins the two ends of a connection.
    pub fn new(reader: StreamReader, writer: StreamWriter) -> Self {
        Duplex { reader, writer }
    }

    /// The end that writes, to close the connection by when it has been given away.
    pub fn writer(&self) -> &StreamWriter {
        &self.writer
    }
}

impl AsyncRead for Duplex {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.reader).poll_read(cx, into)
    }
}

impl AsyncWrite for Duplex {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.writer).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_flush(cx)
    }

    fn poll_close(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.writer).poll_close(cx)
    }
}
