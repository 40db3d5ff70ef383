//! Connections to hosts, and servers at their addresses.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use super::client::{ClientOptions, client_methods};
use super::connection::Names;
#[cfg(target_os = "linux")]
use super::edge;
use super::resolve::resolve;
use super::serve::{HandlerOutput, ServeOptions, server_methods};
use super::server::{Listen, Listener, Listening, Server};
use super::socket::Socket;
use super::{Connected, StreamReader, StreamWriter, bound, connection, context, joined};
use crate::Delay;
use crate::futures::current_loop;
use crate::tasks::outside::outside_future;

impl Connected for TcpStream {
    fn end(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    fn begin(&self) -> Names {
        // As CPython does; a socket that cannot is none the worse.
        let _ = self.set_nodelay(true);
        Names {
            peer: self.peer_addr().ok(),
            own: self.local_addr().ok(),
        }
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    fn accept(&self) -> io::Result<TcpStream> {
        let (socket, _) = self.accept()?;
        Ok(socket)
    }

    fn address(&self) -> Option<SocketAddr> {
        self.local_addr().ok()
    }
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
        place: Destination {
            host,
            port,
            happy_eyeballs_delay: None,
        },
    }
}

/// What [`open_connection`] gives, to be awaited.
#[derive(Clone, Debug)]
#[must_use = "it connects when it is awaited"]
pub struct OpenConnection {
    place: Destination,
    options: ClientOptions,
}

#[derive(Clone, Debug)]
struct Destination {
    host: String,
    port: u16,
    happy_eyeballs_delay: Option<f64>,
}

client_methods!(OpenConnection);

impl OpenConnection {
    /// Tries a host's next address when the one before has not answered for so long, and takes the
    /// first that does, the two families in turn: "Happy Eyeballs", RFC 8305, which recommends a
    /// quarter of a second. Unless set, an address is tried when the one before has failed.
    ///
    /// ```no_run
    /// # async fn fetch() -> std::io::Result<()> {
    /// let (reader, writer) = asyncio::open_connection("example.org", 80)
    ///     .happy_eyeballs_delay(0.25)
    ///     .await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn happy_eyeballs_delay(mut self, delay: impl Delay) -> Self {
        self.place.happy_eyeballs_delay = Some(delay.as_seconds());
        self
    }
}

impl Destination {
    async fn connect(self) -> io::Result<Socket<TcpStream>> {
        let mut addresses = resolve(self.host, self.port).await?;
        if self.happy_eyeballs_delay.is_some() {
            addresses = in_turn(addresses);
        }
        let socket = first_to_answer(addresses, self.happy_eyeballs_delay, |address| {
            outside_future(connect(address))
        });
        socket.await
    }
}

#[cfg(target_os = "linux")]
async fn connect(address: SocketAddr) -> io::Result<Socket<TcpStream>> {
    let socket = TcpStream::from(edge::begin(&address.into())?);
    let outcome = |socket: &TcpStream| socket.take_error()?.map_or(Ok(()), Err);
    Socket::connected(socket, outcome).await
}

#[cfg(not(target_os = "linux"))]
async fn connect(address: SocketAddr) -> io::Result<Socket<TcpStream>> {
    Socket::<TcpStream>::connect(address).await
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

/// Where a server listens: what [`start_server`] takes for a host.
///
/// A name or an address, as text or an [`IpAddr`]; several of them; or `None`, or the empty text, for
/// all addresses of the machine, as in Python.
pub trait Hosts {
    /// As texts; none for all addresses.
    fn to_hosts(self) -> Vec<String>;
}

impl Hosts for &str {
    fn to_hosts(self) -> Vec<String> {
        self.to_owned().to_hosts()
    }
}

impl Hosts for String {
    fn to_hosts(self) -> Vec<String> {
        if self.is_empty() {
            Vec::new()
        } else {
            vec![self]
        }
    }
}

impl Hosts for &String {
    fn to_hosts(self) -> Vec<String> {
        self.clone().to_hosts()
    }
}

impl Hosts for IpAddr {
    fn to_hosts(self) -> Vec<String> {
        vec![self.to_string()]
    }
}

impl Hosts for Option<&str> {
    fn to_hosts(self) -> Vec<String> {
        self.unwrap_or_default().to_hosts()
    }
}

impl<T: ToString> Hosts for &[T] {
    fn to_hosts(self) -> Vec<String> {
        self.iter().map(ToString::to_string).collect()
    }
}

impl<T: ToString, const N: usize> Hosts for [T; N] {
    fn to_hosts(self) -> Vec<String> {
        self.as_slice().to_hosts()
    }
}

/// Listens at the addresses of a host, or of several, or at all of the machine's for `None`, and
/// starts a task of `handler` for each connection that comes. Mirrors `asyncio.start_server`.
///
/// The handler gives nothing or a [`Result`]; a panic or an `Err` is reported (`Unhandled exception
/// in client_connected_cb`) and closes the connection. The server belongs to the running loop.
/// Python's `limit=`, `backlog=` and `start_serving=` are methods of [`StartServer`].
///
/// # Errors
///
/// When a host is not found, or an address cannot be listened at; one that the machine does not have
/// is left out, if there is another.
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
///
/// # Cancellation
///
/// Raises, and nothing listens.
pub fn start_server<H, F>(handler: H, host: impl Hosts, port: u16) -> StartServer<H>
where
    H: Fn(StreamReader, StreamWriter) -> F + 'static,
    F: IntoFuture + 'static,
    F::IntoFuture: 'static,
    F::Output: HandlerOutput,
{
    StartServer {
        handler,
        place: Addresses {
            hosts: host.to_hosts(),
            port,
        },
        options: ServeOptions::default(),
    }
}

/// What [`start_server`] gives, to be awaited.
#[derive(Clone, Debug)]
#[must_use = "it listens when it is awaited"]
pub struct StartServer<H> {
    handler: H,
    place: Addresses,
    options: ServeOptions,
}

server_methods!(StartServer);

#[derive(Clone, Debug)]
struct Addresses {
    /// None for all addresses.
    hosts: Vec<String>,
    port: u16,
}

impl Addresses {
    async fn listen(self) -> io::Result<Vec<(Socket<TcpListener>, ())>> {
        if self.hosts.is_empty() {
            return Ok(vec![(bind_everywhere(self.port)?, ())]);
        }
        let mut addresses = Vec::new();
        for host in self.hosts {
            for address in resolve(host, self.port).await? {
                if !addresses.contains(&address) {
                    addresses.push(address);
                }
            }
        }
        bind_each(&addresses)
    }
}

/// At all of the addresses but those that the machine does not have: a family that is not enabled.
fn bind_each(addresses: &[SocketAddr]) -> io::Result<Vec<(Socket<TcpListener>, ())>> {
    let mut sockets = Vec::new();
    for &address in addresses {
        match bind(address) {
            Ok(socket) => sockets.push((socket, ())),
            Err(error) if error.kind() == io::ErrorKind::AddrNotAvailable => {}
            Err(error) => return Err(error),
        }
    }
    if sockets.is_empty() {
        let message = format!("could not bind on any address out of {addresses:?}");
        return Err(io::Error::new(io::ErrorKind::AddrNotAvailable, message));
    }
    Ok(sockets)
}

fn bind(address: SocketAddr) -> io::Result<Socket<TcpListener>> {
    bound(TcpListener::bind(address), address)
}

/// One socket for both families where there are both.
fn bind_everywhere(port: u16) -> io::Result<Socket<TcpListener>> {
    bind((Ipv6Addr::UNSPECIFIED, port).into())
        .or_else(|_| bind((Ipv4Addr::UNSPECIFIED, port).into()))
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
