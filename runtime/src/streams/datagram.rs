//! Sockets that have messages instead of streams: UDP.
//!
//! Python's endpoint calls a protocol for what comes, and buffers without end what is sent; this
//! one is awaited, for both. Mirrors `loop.create_datagram_endpoint`.

use std::cell::Cell;
use std::fmt;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use slab::Slab;

use super::resolve::resolve;
use super::socket::Socket;
use super::{context, joined};
use crate::event_loop::wake;
use crate::tasks::called;
use crate::tasks::outside::outside;

/// No datagram is longer.
const LONGEST: usize = 64 * 1024;

/// Opens a socket for datagrams: UDP. It is told its own address, with
/// [`local_addr`](CreateDatagramEndpoint::local_addr), or that of whom it talks to, with
/// [`remote_addr`](CreateDatagramEndpoint::remote_addr), or both.
///
/// It works off asyncio's loop too. Mirrors `loop.create_datagram_endpoint`.
///
/// # Errors
///
/// When an address is not found, is in use, or there is none.
///
/// # Cancellation
///
/// Raises while a name is looked up.
///
/// ```
/// # #[asyncio::main]
/// # async fn main() -> std::io::Result<()> {
/// let server = asyncio::create_datagram_endpoint().local_addr("127.0.0.1", 0).await?;
/// let port = server.sockname()?.port();
/// let client = asyncio::create_datagram_endpoint().remote_addr("127.0.0.1", port).await?;
///
/// client.send("ping").await?;
/// let (data, address) = server.recvfrom().await?;
/// assert_eq!((data.as_slice(), address), (&b"ping"[..], client.sockname()?));
/// server.sendto("pong", address).await?;
/// assert_eq!(client.recvfrom().await?.0, b"pong");
/// # Ok(())
/// # }
/// ```
pub fn create_datagram_endpoint() -> CreateDatagramEndpoint {
    CreateDatagramEndpoint {
        local: None,
        remote: None,
        allow_broadcast: false,
    }
}

/// What [`create_datagram_endpoint`] gives, to be awaited.
#[derive(Clone, Debug)]
#[must_use = "the socket is opened when this is awaited"]
pub struct CreateDatagramEndpoint {
    local: Option<(String, u16)>,
    remote: Option<(String, u16)>,
    allow_broadcast: bool,
}

impl CreateDatagramEndpoint {
    /// Where it is reached: any free port and every address unless set. Port 0 is any free one.
    ///
    /// Mirrors `local_addr=`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let endpoint = asyncio::create_datagram_endpoint().local_addr("127.0.0.1", 0).await?;
    /// assert!(endpoint.sockname()?.ip().is_loopback());
    /// # Ok(())
    /// # }
    /// ```
    pub fn local_addr(mut self, host: impl Into<String>, port: u16) -> Self {
        self.local = Some((host.into(), port));
        self
    }

    /// Whom it talks to, and no one else: what others send is not received.
    ///
    /// Mirrors `remote_addr=`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let server = asyncio::create_datagram_endpoint().local_addr("127.0.0.1", 0).await?;
    /// let port = server.sockname()?.port();
    /// let client = asyncio::create_datagram_endpoint().remote_addr("127.0.0.1", port).await?;
    /// assert_eq!(client.peername()?, server.sockname()?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn remote_addr(mut self, host: impl Into<String>, port: u16) -> Self {
        self.remote = Some((host.into(), port));
        self
    }

    /// Whether it may send to a broadcast address.
    ///
    /// Mirrors `allow_broadcast=`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let endpoint = asyncio::create_datagram_endpoint()
    ///     .local_addr("0.0.0.0", 0)
    ///     .allow_broadcast(true)
    ///     .await?;
    /// assert!(!endpoint.is_closing());
    /// # Ok(())
    /// # }
    /// ```
    pub fn allow_broadcast(mut self, allow_broadcast: bool) -> Self {
        self.allow_broadcast = allow_broadcast;
        self
    }

    async fn create(self) -> io::Result<DatagramEndpoint> {
        if self.local.is_none() && self.remote.is_none() {
            let message = "a datagram endpoint needs local_addr or remote_addr";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let locals = addresses(self.local).await?;
        let remotes = addresses(self.remote).await?;
        let mut failed = Vec::new();
        for &remote in &remotes {
            for &local in &locals {
                let Some(local) = local_for(local, remote) else {
                    continue;
                };
                match open(local, remote, self.allow_broadcast) {
                    Ok(socket) => return Ok(DatagramEndpoint::new(socket)),
                    Err(error) => failed.push(error),
                }
            }
        }
        Err(joined(failed, "can not get address information"))
    }
}

impl IntoFuture for CreateDatagramEndpoint {
    type Output = io::Result<DatagramEndpoint>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    #[track_caller]
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(called(Location::caller(), self.create()))
    }
}

/// Those of a host; one that is none, where no host was said.
async fn addresses(host: Option<(String, u16)>) -> io::Result<Vec<Option<SocketAddr>>> {
    match host {
        None => Ok(vec![None]),
        Some((host, port)) => {
            let found = resolve(host, port).await?;
            Ok(found.into_iter().map(Some).collect())
        }
    }
}

/// Where to bind: of the same family as the other end.
fn local_for(local: Option<SocketAddr>, remote: Option<SocketAddr>) -> Option<SocketAddr> {
    match (local, remote) {
        (Some(local), Some(remote)) => (local.is_ipv6() == remote.is_ipv6()).then_some(local),
        (Some(local), None) => Some(local),
        (None, Some(SocketAddr::V6(_))) => Some((Ipv6Addr::UNSPECIFIED, 0).into()),
        (None, _) => Some((Ipv4Addr::UNSPECIFIED, 0).into()),
    }
}

fn open(
    local: SocketAddr,
    remote: Option<SocketAddr>,
    allow_broadcast: bool,
) -> io::Result<Socket<UdpSocket>> {
    let socket = UdpSocket::bind(local).map_err(|error| {
        let doing = format!("error while attempting to bind on address {local}");
        context(&error, doing)
    })?;
    if allow_broadcast {
        socket.set_broadcast(true)?;
    }
    if let Some(remote) = remote {
        socket.connect(remote).map_err(|error| {
            let doing = format!("Connect call failed {remote}");
            context(&error, doing)
        })?;
    }
    Socket::new(socket)
}

/// A socket for datagrams: what [`create_datagram_endpoint`] gives.
///
/// A handle: a clone is the same socket, which is closed when the last one is dropped. It is
/// [`Send`], and works off asyncio's loop too. Any number of tasks may wait for it; a datagram goes
/// to one of them. Mirrors `asyncio.DatagramTransport` and `asyncio.DatagramProtocol`.
#[derive(Clone)]
pub struct DatagramEndpoint {
    state: Arc<State>,
}

struct State {
    /// None when it is closed.
    socket: Mutex<Option<Arc<Socket<UdpSocket>>>>,
    receivers: Arc<Crowd>,
    senders: Arc<Crowd>,
}

/// Those who wait for the same: all are woken, and try.
#[derive(Default)]
struct Crowd(Mutex<Slab<Waker>>);

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing panics while it holds one of these.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Wake for Crowd {
    fn wake(self: Arc<Self>) {
        let all: Vec<_> = lock(&self.0)
            .iter()
            .map(|(_, waker)| waker.clone())
            .collect();
        all.into_iter().for_each(wake);
    }
}

/// A place in a crowd, given up when it is dropped.
struct Place<'a> {
    crowd: &'a Crowd,
    key: Option<usize>,
}

impl Place<'_> {
    fn leave(&mut self, waker: &Waker) {
        // Before the lock is taken: a waker may be anybody's.
        let waker = waker.clone();
        let mut all = lock(&self.crowd.0);
        let old = match self.key {
            Some(key) => Some(std::mem::replace(&mut all[key], waker)),
            None => {
                self.key = Some(all.insert(waker));
                None
            }
        };
        drop(all);
        drop(old);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            let waker = lock(&self.crowd.0).remove(key);
            drop(waker);
        }
    }
}

/// How a socket is polled for what `op` does.
type PollSocket<R> = fn(
    &Socket<UdpSocket>,
    &mut Context<'_>,
    &mut dyn FnMut(&UdpSocket) -> io::Result<R>,
) -> Poll<io::Result<R>>;

thread_local! {
    /// Where datagrams are received.
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl DatagramEndpoint {
    fn new(socket: Socket<UdpSocket>) -> Self {
        Self {
            state: Arc::new(State {
                socket: Mutex::new(Some(Arc::new(socket))),
                receivers: Arc::default(),
                senders: Arc::default(),
            }),
        }
    }

    fn socket(&self) -> io::Result<Arc<Socket<UdpSocket>>> {
        lock(&self.state.socket)
            .clone()
            .ok_or_else(|| io::Error::new(io::ErrorKind::NotConnected, "the endpoint is closed"))
    }

    async fn wait<R>(
        &self,
        crowd: &Arc<Crowd>,
        poll: PollSocket<R>,
        mut op: impl FnMut(&UdpSocket) -> io::Result<R> + Unpin,
    ) -> io::Result<R> {
        let waker = Waker::from(crowd.clone());
        let mut place = Place { crowd, key: None };
        outside(move |cx| {
            // Before it is tried: what comes in between wakes this one, too.
            place.leave(cx.waker());
            poll(&*self.socket()?, &mut Context::from_waker(&waker), &mut op)
        })
        .await
    }

    /// Waits for a datagram, and gives it with its sender.
    ///
    /// # Errors
    ///
    /// Of the kind `NotConnected` when the endpoint is closed. What the system reports of a
    /// datagram sent before, such as `ConnectionRefused` where nobody listens: Python's
    /// `error_received`; the endpoint goes on.
    ///
    /// # Cancellation
    ///
    /// Raises, and loses nothing.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let server = asyncio::create_datagram_endpoint().local_addr("127.0.0.1", 0).await?;
    /// let port = server.sockname()?.port();
    /// let client = asyncio::create_datagram_endpoint().remote_addr("127.0.0.1", port).await?;
    /// client.send("ping").await?;
    /// assert_eq!(server.recvfrom().await?, (b"ping".to_vec(), client.sockname()?));
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn recvfrom(&self) -> impl Future<Output = io::Result<(Vec<u8>, SocketAddr)>> {
        called(Location::caller(), self.receiving())
    }

    async fn receiving(&self) -> io::Result<(Vec<u8>, SocketAddr)> {
        self.wait(
            &self.state.receivers,
            |socket, cx, op| socket.poll_input(cx, op),
            |socket| {
                let mut room = ROOM.try_with(Cell::take).unwrap_or_default();
                room.resize(LONGEST, 0);
                let received = socket.recv_from(&mut room);
                let received = received.map(|(n, sender)| (room[..n].to_vec(), sender));
                let _ = ROOM.try_with(|kept| kept.set(room));
                received
            },
        )
        .await
    }

    /// Sends a datagram to an address, and waits while there is no room for it.
    ///
    /// # Errors
    ///
    /// Of the kind `NotConnected` when the endpoint is closed; when the datagram is too long, or
    /// the system reports one sent before; on many systems, when the endpoint has a
    /// [`remote_addr`](CreateDatagramEndpoint::remote_addr).
    ///
    /// # Cancellation
    ///
    /// Raises, and the datagram is not sent.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let endpoint = asyncio::create_datagram_endpoint().local_addr("127.0.0.1", 0).await?;
    /// endpoint.sendto("to myself", endpoint.sockname()?).await?;
    /// assert_eq!(endpoint.recvfrom().await?.0, b"to myself");
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn sendto(
        &self,
        data: impl AsRef<[u8]>,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<()>> {
        called(Location::caller(), async move {
            self.send_with(data.as_ref(), |socket, data| socket.send_to(data, address))
                .await
        })
    }

    /// Sends a datagram to the [`remote_addr`](CreateDatagramEndpoint::remote_addr): Python's
    /// `sendto` without an address. As [`sendto`](Self::sendto) otherwise.
    ///
    /// # Errors
    ///
    /// As [`sendto`](Self::sendto), and when there is no remote address.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let server = asyncio::create_datagram_endpoint().local_addr("127.0.0.1", 0).await?;
    /// let port = server.sockname()?.port();
    /// let client = asyncio::create_datagram_endpoint().remote_addr("127.0.0.1", port).await?;
    /// client.send("ping").await?;
    /// assert_eq!(server.recvfrom().await?.0, b"ping");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Cancellation
    ///
    /// Raises; the datagram is sent or not, but never a part of it.
    #[track_caller]
    pub fn send(&self, data: impl AsRef<[u8]>) -> impl Future<Output = io::Result<()>> {
        called(Location::caller(), async move {
            self.send_with(data.as_ref(), UdpSocket::send).await
        })
    }

    async fn send_with(
        &self,
        data: &[u8],
        send: impl Fn(&UdpSocket, &[u8]) -> io::Result<usize> + Unpin,
    ) -> io::Result<()> {
        let sent = self.wait(
            &self.state.senders,
            |socket, cx, op| socket.poll_output(cx, op),
            |socket| send(socket, data),
        );
        sent.await.map(drop)
    }

    /// Closes it; who waits for it gets an error. There is nothing that is still to be sent.
    ///
    /// Mirrors `transport.close`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let endpoint = asyncio::create_datagram_endpoint().local_addr("127.0.0.1", 0).await?;
    /// endpoint.close();
    /// assert!(endpoint.recvfrom().await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    pub fn close(&self) {
        let socket = lock(&self.state.socket).take();
        drop(socket);
        for crowd in [&self.state.receivers, &self.state.senders] {
            crowd.clone().wake();
        }
    }

    /// Whether it is closed.
    ///
    /// Mirrors `transport.is_closing`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let endpoint = asyncio::create_datagram_endpoint().local_addr("127.0.0.1", 0).await?;
    /// endpoint.close();
    /// assert!(endpoint.is_closing());
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_closing(&self) -> bool {
        lock(&self.state.socket).is_none()
    }

    /// Its own address. Mirrors `get_extra_info('sockname')`.
    ///
    /// # Errors
    ///
    /// Of the kind `NotConnected` when the endpoint is closed.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let endpoint = asyncio::create_datagram_endpoint().local_addr("127.0.0.1", 0).await?;
    /// assert_ne!(endpoint.sockname()?.port(), 0); // the one that it was given
    /// # Ok(())
    /// # }
    /// ```
    pub fn sockname(&self) -> io::Result<SocketAddr> {
        self.socket()?.get_ref().local_addr()
    }

    /// The [`remote_addr`](CreateDatagramEndpoint::remote_addr). Mirrors
    /// `get_extra_info('peername')`.
    ///
    /// # Errors
    ///
    /// Of the kind `NotConnected` when there is none, or the endpoint is closed.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let endpoint = asyncio::create_datagram_endpoint().local_addr("127.0.0.1", 0).await?;
    /// assert!(endpoint.peername().is_err()); // it talks to anybody
    /// # Ok(())
    /// # }
    /// ```
    pub fn peername(&self) -> io::Result<SocketAddr> {
        self.socket()?.get_ref().peer_addr()
    }
}

impl PartialEq for DatagramEndpoint {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.state, &other.state)
    }
}

impl Eq for DatagramEndpoint {}

impl Hash for DatagramEndpoint {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.state).hash(state);
    }
}

impl fmt::Debug for DatagramEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<DatagramEndpoint")?;
        match self.sockname() {
            Ok(name) => write!(f, " sockname={name}")?,
            Err(_) => f.write_str(" closed")?,
        }
        if let Ok(peer) = self.peername() {
            write!(f, " peername={peer}")?;
        }
        f.write_str(">")
    }
}
