//! Streams: connections that are read and written with awaits, and servers of them.
//!
//! - [`connection`](mod@connection): what the two ends share: the buffers, and what becomes of the connection;
//! - [`reader`], [`writer`]: the ends;
//! - [`client`], [`serve`]: what connects, and what is served; [`server`]: what accepts;
//! - [`tcp`], [`unix`]: the two kinds of addresses; [`resolve`]: names and addresses;
//! - [`datagram`]: sockets that have messages instead of streams;
//! - `tls`: encryption of any connection;
//! - [`transport`]: what a connection stands on;
//! - [`socket`]: how sockets are waited for; `edge`: the fast way, and where the loop sleeps; `bell`:
//!   what ends that.
//!
//! Mirrors `asyncio/streams.py`.

#[cfg(target_os = "linux")]
mod bell;
mod client;
mod connection;
mod datagram;
#[cfg(target_os = "linux")]
pub(crate) mod edge;
#[cfg(target_os = "linux")]
mod eventfd;
mod reader;
mod resolve;
mod serve;
mod server;
pub(crate) mod socket;
mod tcp;
#[cfg(feature = "tls")]
mod tls;
mod transport;
#[cfg(unix)]
mod unix;
mod writer;

/// What [`bell`] is made of.
#[cfg(target_os = "linux")]
mod sync {
    pub(super) use std::sync::atomic::{AtomicU8, Ordering};

    pub(super) use super::eventfd::Descriptor;
}

use std::fmt::Display;
use std::io::{self, Read, Write};
use std::sync::Arc;

pub use datagram::{CreateDatagramEndpoint, DatagramEndpoint, create_datagram_endpoint};
pub use reader::StreamReader;
pub use serve::HandlerOutput;
pub use server::Server;
pub use tcp::{Hosts, OpenConnection, StartServer, open_connection, start_server};
#[cfg(feature = "tls")]
pub use tls::{StartTls, TlsInfo};
#[cfg(unix)]
pub use unix::{OpenUnixConnection, StartUnixServer, open_unix_connection, start_unix_server};
pub use writer::StreamWriter;

use connection::{Connection, Names};
use socket::{Io, Socket};
use transport::{Sink, Source};

/// How long a line may be, unless told otherwise: 64 KiB, as in Python.
pub(crate) const DEFAULT_LIMIT: usize = 64 * 1024;

/// The socket of a connection.
trait Connected: Io {
    /// Tells its peer that nothing more comes.
    fn end(&self) -> io::Result<()>;

    /// Is called once, when it is connected; the addresses of its ends, if it has any.
    fn begin(&self) -> Names {
        Names::default()
    }

    /// Reads into a room that is not empty.
    #[cfg(target_os = "linux")]
    #[inline]
    fn receive(&self, into: &mut [u8]) -> io::Result<Came> {
        let n = rustix::io::read(self, &mut *into)?;
        Ok(Came {
            n,
            is_all: 0 < n && n < into.len(),
        })
    }
}

/// What a read gave.
#[cfg(target_os = "linux")]
struct Came {
    n: usize,
    /// It has emptied the socket.
    is_all: bool,
}

fn connection<T: Connected>(socket: Socket<T>, limit: usize) -> Arc<Connection>
where
    for<'a> &'a T: Read + Write,
{
    let names = socket.get_ref().begin();
    let socket = Arc::new(socket);
    let (source, sink) = (Source::Socket(socket.clone()), Sink::Socket(socket));
    Connection::new(Some(source), Some(sink), limit, names)
}

fn ends(connection: &Arc<Connection>) -> (StreamReader, StreamWriter) {
    (StreamReader::new(connection), StreamWriter::new(connection))
}

/// A socket that listens, or the error with where it was to.
fn bound<T: Io>(socket: io::Result<T>, at: impl Display) -> io::Result<Socket<T>> {
    socket.and_then(Socket::new).map_err(|error| {
        let doing = format!("error while attempting to bind on address {at}");
        context(&error, doing)
    })
}

/// The error with what was being done.
fn context(error: &io::Error, doing: impl Display) -> io::Error {
    io::Error::new(error.kind(), format!("{doing}: {error}"))
}

/// One error of all; `none` is said when there are none. Mirrors the end of `create_connection`.
fn joined(mut errors: Vec<io::Error>, none: &str) -> io::Error {
    let texts: Vec<_> = errors.iter().map(ToString::to_string).collect();
    let Some(first) = texts.first() else {
        return io::Error::new(io::ErrorKind::NotFound, none);
    };
    if texts.iter().all(|text| text == first) {
        return errors.swap_remove(0);
    }
    let message = format!("Multiple exceptions: {}", texts.join(", "));
    io::Error::new(errors[0].kind(), message)
}

#[track_caller]
pub(crate) fn check_limit(limit: usize) -> usize {
    assert!(limit > 0, "Limit cannot be <= 0");
    limit
}
