//! Streams: connections that are read and written with awaits, and servers of them.
//!
//! - [`connection`]: what the two ends share: the buffers, and what becomes of the connection;
//! - [`reader`], [`writer`]: the ends;
//! - [`server`]: what accepts connections;
//! - [`unix`]: the same over sockets that have a path.
//!
//! Sockets are async-io's own `Async<T>`: what a crate above it would add is done here.
//!
//! Mirrors `asyncio/streams.py`.

pub(crate) mod connection;
#[cfg(target_os = "linux")]
pub(crate) mod edge;
mod reader;
mod server;
mod socket;
#[cfg(unix)]
mod unix;
mod writer;

use std::fmt::Debug;
use std::future::Future;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::pin::Pin;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_io::Async;
use futures_io::{AsyncRead, AsyncWrite};

pub use reader::StreamReader;
pub use server::Server;
#[cfg(unix)]
pub use unix::{OpenUnixConnection, StartUnixServer, open_unix_connection, start_unix_server};
pub use writer::StreamWriter;

use crate::Task;
use crate::event_loop::{ExceptionContext, LoopState, guarded};
use crate::exceptions::{Exception, Panic};
use crate::futures::current_loop;
use crate::tasks::outside::outside_future;
use connection::{Connection, Names};
use server::{Clients, Listen};
use socket::{Io, Socket};

/// How long a line may be, unless told otherwise: 64 KiB, as in Python.
pub(crate) const DEFAULT_LIMIT: usize = 64 * 1024;

/// A socket, one of the two that share it.
struct Half<T: Io>(Arc<Socket<T>>);

/// A socket that can tell its peer that nothing more comes.
trait HalfClose {
    fn end(&self) -> io::Result<()>;
}

impl HalfClose for TcpStream {
    fn end(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

impl<T: Io> AsyncRead for Half<T>
where
    for<'a> &'a T: Read,
{
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_read(cx, into)
    }
}

impl<T: Io + HalfClose> AsyncWrite for Half<T>
where
    for<'a> &'a T: Write,
{
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.get_ref().end())
    }
}

fn connection<T>(socket: Socket<T>, limit: usize, names: Names) -> Arc<Connection>
where
    T: Io + HalfClose,
    for<'a> &'a T: Read + Write,
{
    let socket = Arc::new(socket);
    let source = Box::new(Half(socket.clone()));
    Connection::new(Some(source), Some(Box::new(Half(socket))), limit, names)
}

fn tcp_connection(socket: Socket<TcpStream>, limit: usize) -> Arc<Connection> {
    // As CPython does; a socket that cannot is none the worse.
    let _ = socket.get_ref().set_nodelay(true);
    let names = Names {
        peer: socket.get_ref().peer_addr().ok(),
        own: socket.get_ref().local_addr().ok(),
    };
    connection::<TcpStream>(socket, limit, names)
}

fn ends(connection: &Arc<Connection>) -> (StreamReader, StreamWriter) {
    (StreamReader::new(connection), StreamWriter::new(connection))
}

/// The error with what was being done.
fn context(error: &io::Error, doing: impl std::fmt::Display) -> io::Error {
    io::Error::new(error.kind(), format!("{doing}: {error}"))
}

#[track_caller]
fn check_limit(limit: usize) -> usize {
    assert!(limit > 0, "Limit cannot be <= 0");
    limit
}

/// The addresses of a host, by way of a thread unless it is an address itself.
async fn resolve(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    crate::to_thread(move || {
        let found = (host.as_str(), port).to_socket_addrs();
        found
            .map(Iterator::collect)
            .map_err(|error| context(&error, format_args!("cannot resolve {host:?}")))
    })
    .await
}

/// Connects to a host, by name or address. Mirrors `asyncio.open_connection`.
///
/// It works off asyncio's loop too. Python's `limit=` is [`OpenConnection::limit`].
///
/// # Errors
///
/// When the host is not found, or none of its addresses can be connected to.
///
/// # Cancellation
///
/// Raises, and the attempt is given up.
///
/// ```no_run
/// # async fn fetch() -> std::io::Result<()> {
/// let (reader, writer) = asyncio::open_connection("example.org", 80).await?;
/// writer.write("GET / HTTP/1.0\r\nHost: example.org\r\n\r\n");
/// let status = reader.readline().await?;
/// # Ok(())
/// # }
/// ```
pub fn open_connection(host: impl Into<String>, port: u16) -> OpenConnection {
    OpenConnection {
        host: host.into(),
        port,
        limit: DEFAULT_LIMIT,
    }
}

/// What [`open_connection`] gives, to be awaited.
#[derive(Clone, Debug)]
#[must_use = "it connects when it is awaited"]
pub struct OpenConnection {
    host: String,
    port: u16,
    limit: usize,
}

impl OpenConnection {
    /// How long a line may be: 64 KiB unless set.
    ///
    /// # Panics
    ///
    /// `Limit cannot be <= 0`.
    #[track_caller]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = check_limit(limit);
        self
    }

    async fn connect(self) -> io::Result<(StreamReader, StreamWriter)> {
        let mut failed: Vec<io::Error> = Vec::new();
        for address in resolve(self.host, self.port).await? {
            match outside_future(Async::<TcpStream>::connect(address)).await {
                Ok(socket) => return Ok(ends(&tcp_connection(Socket::adopt(socket)?, self.limit))),
                Err(error) => {
                    let doing = format!("Connect call failed {address}");
                    failed.push(context(&error, doing));
                }
            }
        }
        if failed.len() == 1 {
            return Err(failed.remove(0));
        }
        let kind = failed
            .first()
            .map_or(io::ErrorKind::NotFound, io::Error::kind);
        let all: Vec<_> = failed.iter().map(ToString::to_string).collect();
        let message = format!("Multiple exceptions: {}", all.join(", "));
        Err(io::Error::new(kind, message))
    }
}

impl IntoFuture for OpenConnection {
    type Output = io::Result<(StreamReader, StreamWriter)>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.connect())
    }
}

/// What a handler of connections may give: nothing, or a [`Result`] whose `Err` is reported.
pub trait HandlerOutput: 'static {
    /// What went wrong.
    fn failure(&self) -> Option<String>;
}

impl HandlerOutput for () {
    fn failure(&self) -> Option<String> {
        None
    }
}

impl<E: Debug + 'static> HandlerOutput for Result<(), E> {
    fn failure(&self) -> Option<String> {
        self.as_ref().err().map(|error| format!("{error:?}"))
    }
}

/// Starts a task for a connection.
type Serve = Rc<dyn Fn(Arc<Connection>)>;

/// Mirrors `client_connected_cb` of `StreamReaderProtocol.connection_made`.
fn serve<H, F>(event_loop: &Rc<LoopState>, handler: H, clients: Arc<Clients>) -> Serve
where
    H: Fn(StreamReader, StreamWriter) -> F + 'static,
    F: IntoFuture + 'static,
    F::IntoFuture: 'static,
    F::Output: HandlerOutput,
{
    let event_loop: Weak<LoopState> = Rc::downgrade(event_loop);
    Rc::new(move |connection| {
        let Some(event_loop) = event_loop.upgrade() else {
            return;
        };
        clients.attach(&connection);
        let (reader, writer) = ends(&connection);
        let mut served = None;
        guarded("Unhandled exception in client_connected_cb", || {
            served = Some(handler(reader, writer).into_future());
        });
        let Some(served) = served else {
            return connection.close();
        };
        let task = Task::spawn(&event_loop, served);
        let event_loop = Rc::downgrade(&event_loop);
        task.add_done_callback(move |task| {
            let failure = match task.exception() {
                Some(Exception::CancelledError(_)) => return connection.close(),
                Some(Exception::Panic(panic)) => Some(panic),
                None => {
                    let failure = task.result().failure();
                    failure.map(|failure| Panic::new(Box::new(failure)))
                }
            };
            let Some(failure) = failure else { return };
            connection.close();
            if let Some(event_loop) = event_loop.upgrade() {
                event_loop.report(ExceptionContext {
                    message: "Unhandled exception in client_connected_cb".to_owned(),
                    exception: Some(failure),
                    task: Some(task.any()),
                });
            }
        });
    })
}

struct TcpListening {
    socket: Socket<TcpListener>,
    serve: Serve,
    limit: usize,
}

impl Listen for TcpListening {
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let (socket, _) = ready!(self.socket.poll_input(cx, TcpListener::accept))?;
        socket.set_nonblocking(true)?;
        (self.serve)(tcp_connection(Socket::new(socket)?, self.limit));
        Poll::Ready(Ok(()))
    }

    fn address(&self) -> Option<SocketAddr> {
        self.socket.get_ref().local_addr().ok()
    }
}

/// Listens at a host's addresses, or at all of the machine's for `None`, and starts a task of
/// `handler` for each connection that comes. Mirrors `asyncio.start_server`.
///
/// The handler gives nothing or a [`Result`]; a panic or an `Err` is reported (`Unhandled exception
/// in client_connected_cb`) and closes the connection. The server belongs to the running loop.
/// Python's `limit=` and `start_serving=` are methods of [`StartServer`].
///
/// # Errors
///
/// When the host is not found, or an address cannot be listened at.
///
/// ```
/// # #[asyncio::main]
/// # async fn main() -> std::io::Result<()> {
/// use asyncio::{StreamReader, StreamWriter};
///
/// #[asyncio::coroutine]
/// async fn echo(reader: StreamReader, writer: StreamWriter) -> std::io::Result<()> {
///     loop {
///         let line = await_!(reader.readline())?;
///         if line.is_empty() {
///             return Ok(());
///         }
///         writer.write(line);
///         await_!(writer.drain())?;
///     }
/// }
///
/// let server = asyncio::start_server(echo, "127.0.0.1", 0).await?;
/// let port = server.addresses()[0].port();
/// let (reader, writer) = asyncio::open_connection("127.0.0.1", port).await?;
/// writer.write("hello\n");
/// assert_eq!(reader.readline().await?, b"hello\n");
/// # Ok(())
/// # }
/// ```
pub fn start_server<'a, H, F>(
    handler: H,
    host: impl Into<Option<&'a str>>,
    port: u16,
) -> StartServer<H>
where
    H: Fn(StreamReader, StreamWriter) -> F + 'static,
    F: IntoFuture + 'static,
    F::IntoFuture: 'static,
    F::Output: HandlerOutput,
{
    StartServer {
        handler,
        host: host.into().map(str::to_owned),
        port,
        limit: DEFAULT_LIMIT,
        start_serving: true,
    }
}

/// What [`start_server`] gives, to be awaited.
#[derive(Clone, Debug)]
#[must_use = "it listens when it is awaited"]
pub struct StartServer<H> {
    handler: H,
    host: Option<String>,
    port: u16,
    limit: usize,
    start_serving: bool,
}

impl<H> StartServer<H> {
    /// How long a line may be: 64 KiB unless set.
    ///
    /// # Panics
    ///
    /// `Limit cannot be <= 0`.
    #[track_caller]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = check_limit(limit);
        self
    }

    /// Whether it accepts at once, or when it is told to.
    pub fn start_serving(mut self, start_serving: bool) -> Self {
        self.start_serving = start_serving;
        self
    }

    async fn start<F>(self) -> io::Result<Server>
    where
        H: Fn(StreamReader, StreamWriter) -> F + 'static,
        F: IntoFuture + 'static,
        F::IntoFuture: 'static,
        F::Output: HandlerOutput,
    {
        let sockets: Vec<_> = match self.host {
            Some(host) => {
                let addresses = resolve(host, self.port).await?;
                addresses.into_iter().map(bind).collect::<io::Result<_>>()?
            }
            None => vec![bind_everywhere(self.port)?],
        };
        let event_loop = current_loop();
        let clients = Arc::<Clients>::default();
        let serve = serve(&event_loop, self.handler, clients.clone());
        let listeners = sockets.into_iter().map(|socket| {
            Rc::new(TcpListening {
                socket,
                serve: serve.clone(),
                limit: self.limit,
            }) as Rc<dyn Listen>
        });
        let server = Server::new(&event_loop, listeners.collect(), clients);
        if self.start_serving {
            server.start_serving();
        }
        Ok(server)
    }
}

fn bind(address: SocketAddr) -> io::Result<Socket<TcpListener>> {
    let bound = Async::<TcpListener>::bind(address);
    bound.and_then(Socket::adopt).map_err(|error| {
        let doing = format!("error while attempting to bind on address {address}");
        context(&error, doing)
    })
}

/// One socket for both families where there are both.
fn bind_everywhere(port: u16) -> io::Result<Socket<TcpListener>> {
    bind((std::net::Ipv6Addr::UNSPECIFIED, port).into())
        .or_else(|_| bind((std::net::Ipv4Addr::UNSPECIFIED, port).into()))
}

impl<H, F> IntoFuture for StartServer<H>
where
    H: Fn(StreamReader, StreamWriter) -> F + 'static,
    F: IntoFuture + 'static,
    F::IntoFuture: 'static,
    F::Output: HandlerOutput,
{
    type Output = io::Result<Server>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output>>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.start())
    }
}
