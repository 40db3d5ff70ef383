//! Connections to hosts, and servers at their addresses.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use async_io::Async;

use super::client::{ClientOptions, client_methods};
use super::connection::{Connection, Names};
use super::resolve::resolve;
use super::serve::{HandlerOutput, Serve, ServeOptions, server_methods};
use super::server::{Listen, Server};
use super::socket::Socket;
use super::{HalfClose, StreamReader, StreamWriter, connection, context, joined};
use crate::Delay;
use crate::futures::current_loop;
use crate::tasks::outside::outside_future;

impl HalfClose for TcpStream {
    fn end(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
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
    let host = host.into();
    OpenConnection {
        options: ClientOptions::new(Some(&host)),
        host,
        port,
        happy_eyeballs_delay: None,
    }
}

/// What [`open_connection`] gives, to be awaited.
#[derive(Clone, Debug)]
#[must_use = "it connects when it is awaited"]
pub struct OpenConnection {
    host: String,
    port: u16,
    happy_eyeballs_delay: Option<f64>,
    options: ClientOptions,
}

client_methods!(OpenConnection);

impl OpenConnection {
    /// Tries a host's next address when the one before has not answered for so long, and takes the
    /// first that does, the two families in turn: "Happy Eyeballs", RFC 8305, which recommends a
    /// quarter of a second. Unless set, an address is tried when the one before has failed.
    pub fn happy_eyeballs_delay(mut self, delay: impl Delay) -> Self {
        self.happy_eyeballs_delay = Some(delay.as_seconds());
        self
    }

    async fn connect(self) -> io::Result<(StreamReader, StreamWriter)> {
        let mut addresses = resolve(self.host, self.port).await?;
        if self.happy_eyeballs_delay.is_some() {
            addresses = in_turn(addresses);
        }
        let socket = first_to_answer(addresses, self.happy_eyeballs_delay, |address| {
            outside_future(Async::<TcpStream>::connect(address))
        });
        let socket = Socket::adopt(socket.await?)?;
        let connection = tcp_connection(socket, self.options.limit);
        self.options.finish(connection).await
    }
}

impl IntoFuture for OpenConnection {
    type Output = io::Result<(StreamReader, StreamWriter)>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.connect())
    }
}

/// One family after the other, beginning with the first address's. Mirrors `_interleave_addrinfos`.
fn in_turn(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut first, mut other): (VecDeque<_>, VecDeque<_>) = addresses
        .into_iter()
        .partition(|address| address.is_ipv6() == is_v6);
    let mut turns = Vec::new();
    while !first.is_empty() || !other.is_empty() {
        turns.extend(first.pop_front());
        turns.extend(other.pop_front());
    }
    turns
}

/// The first connection there is. The next address is tried when all before have failed, or after
/// a delay. Mirrors `staggered_race`.
async fn first_to_answer<T, F>(
    addresses: Vec<SocketAddr>,
    delay: Option<f64>,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<T>
where
    F: Future<Output = io::Result<T>>,
{
    let mut next = addresses.into_iter();
    let mut failed = Vec::new();
    let mut tries: Vec<(SocketAddr, Pin<Box<F>>)> = Vec::new();
    let mut alarm = None;
    let connected = std::future::poll_fn(move |cx| {
        loop {
            let mut at = 0;
            while at < tries.len() {
                let (address, attempt) = &mut tries[at];
                match attempt.as_mut().poll(cx) {
                    Poll::Ready(Ok(connected)) => return Poll::Ready(Ok(connected)),
                    Poll::Ready(Err(error)) => {
                        let doing = format!("Connect call failed {address}");
                        failed.push(context(&error, doing));
                        drop(tries.remove(at));
                    }
                    Poll::Pending => at += 1,
                }
            }
            let is_due = match &mut alarm {
                _ if tries.is_empty() => true,
                Some(alarm) => Future::poll(Pin::as_mut(alarm), cx).is_ready(),
                None => false,
            };
            if !is_due {
                return Poll::Pending;
            }
            alarm = None;
            match next.next() {
                Some(address) => {
                    tries.push((address, Box::pin(connect(address))));
                    alarm = delay.map(|delay| Box::pin(crate::sleep(delay)));
                }
                None if tries.is_empty() => {
                    return Poll::Ready(Err(std::mem::take(&mut failed)));
                }
                None => {}
            }
        }
    });
    connected
        .await
        .map_err(|errors| joined(errors, "getaddrinfo() returned empty list"))
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
        options: ServeOptions::default(),
    }
}

/// What [`start_server`] gives, to be awaited.
#[derive(Clone, Debug)]
#[must_use = "it listens when it is awaited"]
pub struct StartServer<H> {
    handler: H,
    host: Option<String>,
    port: u16,
    options: ServeOptions,
}

server_methods!(StartServer);

impl<H> StartServer<H> {
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
        let limit = self.options.limit;
        let server = self.options.start(&current_loop(), self.handler, |serve| {
            let listening = sockets.into_iter().map(|socket| {
                Rc::new(TcpListening {
                    socket,
                    serve: serve.clone(),
                    limit,
                }) as Rc<dyn Listen>
            });
            listening.collect()
        });
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

#[cfg(test)]
mod tests {
    use std::future::{pending, ready};

    use super::*;
    use crate::testing::Clock;

    const ADDRESSES: [&str; 4] = ["[::1]:1", "[::2]:1", "1.1.1.1:1", "1.1.1.2:1"];

    fn addresses() -> Vec<SocketAddr> {
        ADDRESSES
            .map(|text| text.parse().expect("an address"))
            .into()
    }

    type Attempt = Pin<Box<dyn Future<Output = io::Result<&'static str>>>>;

    /// What is connected to, what it says when it fails, and when.
    fn race(
        delay: Option<f64>,
        connect: impl Fn(SocketAddr) -> Attempt,
    ) -> (Result<&'static str, String>, f64) {
        crate::Runner::new()
            .clock(Clock::virtual_clock())
            .run(async {
                let connected = first_to_answer(addresses(), delay, connect).await;
                let time = crate::get_running_loop().time();
                (connected.map_err(|error| error.to_string()), time)
            })
    }

    fn refuses(why: &'static str) -> Attempt {
        Box::pin(ready(Err(io::Error::other(why))))
    }

    #[test]
    fn the_families_take_turns() {
        let turns = in_turn(addresses())
            .into_iter()
            .map(|turn| turn.to_string());
        assert!(turns.eq(["[::1]:1", "1.1.1.1:1", "[::2]:1", "1.1.1.2:1"]));
    }

    #[test]
    fn an_address_that_fails_is_followed_by_the_next_at_once() {
        let (connected, time) = race(None, |address| match address.is_ipv6() {
            true => refuses("no"),
            false => Box::pin(ready(Ok("four"))),
        });
        assert_eq!((connected, time), (Ok("four"), 0.0));
    }

    #[test]
    fn an_address_that_says_nothing_is_overtaken_after_the_delay() {
        let silent = |address: SocketAddr| -> Attempt {
            match address.is_ipv6() {
                true => Box::pin(pending()),
                false => Box::pin(ready(Ok("four"))),
            }
        };
        assert_eq!(race(Some(0.25), silent), (Ok("four"), 0.5));
    }

    #[test]
    fn a_slow_address_may_still_win() {
        let slow = |address: SocketAddr| -> Attempt {
            match address.to_string().as_str() {
                "[::1]:1" => Box::pin(async {
                    crate::sleep(0.6).await;
                    Ok("first")
                }),
                _ => Box::pin(pending()),
            }
        };
        assert_eq!(race(Some(0.25), slow), (Ok("first"), 0.6));
    }

    #[test]
    fn the_errors_of_all_are_told() {
        let (failed, _) = race(Some(0.25), |_| refuses("no"));
        let each = ADDRESSES.map(|address| format!("Connect call failed {address}: no"));
        assert_eq!(
            failed,
            Err(format!("Multiple exceptions: {}", each.join(", ")))
        );
        assert_eq!(
            joined(
                vec![io::Error::other("same"), io::Error::other("same")],
                "none"
            )
            .to_string(),
            "same"
        );
    }
}
