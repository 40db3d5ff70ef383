//! Servers: what accepts connections, and knows those it has accepted.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::panic::Location;
use std::rc::{Rc, Weak as WeakRc};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker, ready};

use slab::Slab;

use super::connection::Connection;
use super::serve::Serve;
use super::socket::{Io, Socket};
use super::{Connected, connection};
use crate::event_loop::callback::Callback;
use crate::event_loop::watches::WatchKey;
use crate::event_loop::{LoopState, wake};
use crate::tasks::outside::outside;
use crate::tasks::{Wake, called};
use crate::{AsyncExit, EventLoop, Future as AsyncioFuture, catch_cancelled, diagnostics};

/// How long a server that is out of descriptors waits before it accepts again, in seconds:
/// CPython's `ACCEPT_RETRY_DELAY`.
const RETRY_DELAY: f64 = 1.0;

/// A kind of sockets that listen.
pub(super) trait Listener: Io {
    type Stream: Connected;
    fn accept(&self) -> io::Result<Self::Stream>;
    fn address(&self) -> Option<SocketAddr>;
}

/// A socket that listens, and has served what it accepts.
pub(super) struct Listening<L: Listener, K> {
    pub(super) socket: Socket<L>,
    /// Dropped when the socket is closed.
    #[expect(dead_code, reason = "its destructor does the work")]
    pub(super) kept: K,
    pub(super) serve: Serve,
    pub(super) limit: usize,
}

/// A socket that listens, of any kind.
pub(super) trait Listen {
    /// Accepts a connection and has it served.
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;
    fn address(&self) -> Option<SocketAddr>;
}

impl<L: Listener, K> Listen for Listening<L, K>
where
    for<'a> &'a L::Stream: Read + Write,
{
    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let stream = ready!(self.socket.poll_input(cx, L::accept))?;
        (self.serve)(connection(Socket::new(stream)?, self.limit));
        Poll::Ready(Ok(()))
    }

    fn address(&self) -> Option<SocketAddr> {
        self.socket.get_ref().address()
    }
}

/// What accepts connections, and starts a task for each: what
/// [`start_server`](crate::start_server) gives.
///
/// A handle: a clone is the same server. The loop keeps it going: dropping the handles does not
/// close it. Mirrors `asyncio.Server`.
///
/// ```no_run
/// # async fn serve(_: asyncio::StreamReader, _: asyncio::StreamWriter) {}
/// #[asyncio::main]
/// async fn main() -> std::io::Result<()> {
///     let server = await_!(asyncio::start_server(serve, "127.0.0.1", 8888))?;
///     #[async_with(server = server)]
///     {
///         await_!(server.serve_forever());
///     }
///     Ok(())
/// }
/// ```
///
/// When the process is out of file descriptors it says so in the log, waits for a second, and
/// accepts again.
#[derive(Clone)]
pub struct Server {
    state: Rc<ServerState>,
}

struct ServerState {
    event_loop: WeakRc<LoopState>,
    /// None when it is closed.
    listeners: RefCell<Option<Vec<Rc<dyn Listen>>>>,
    watches: RefCell<Vec<WatchKey>>,
    is_serving: Cell<bool>,
    forever: RefCell<Option<AsyncioFuture<()>>>,
    clients: Arc<Clients>,
}

/// The connections of a server that are open.
#[derive(Default)]
pub(super) struct Clients(Mutex<Open>);

#[derive(Default)]
struct Open {
    connections: Slab<Weak<Connection>>,
    is_closed: bool,
    waiters: Slab<Waker>,
}

/// A connection's place among its server's, given up when it is dropped.
pub(super) struct Attached {
    clients: Arc<Clients>,
    key: usize,
}

impl Clients {
    fn lock(&self) -> MutexGuard<'_, Open> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn attach(self: &Arc<Self>, connection: &Arc<Connection>) {
        let key = self.lock().connections.insert(Arc::downgrade(connection));
        connection.attach(Attached {
            clients: self.clone(),
            key,
        });
    }

    fn connections(&self) -> Vec<Arc<Connection>> {
        let open = self.lock();
        let connections = open.connections.iter();
        connections
            .filter_map(|(_, connection)| connection.upgrade())
            .collect()
    }

    fn close(&self) {
        self.lock().is_closed = true;
        self.wake();
    }

    fn wake(&self) {
        let waiters: Vec<_> = {
            let open = self.lock();
            let waiters = open.waiters.iter();
            waiters.map(|(_, waker)| waker.clone()).collect()
        };
        waiters.into_iter().for_each(wake);
    }

    /// Waits until the server is closed and all connections are.
    async fn wait_closed(&self) {
        struct Place<'a>(&'a Clients, Option<usize>);
        impl Drop for Place<'_> {
            fn drop(&mut self) {
                if let Some(key) = self.1 {
                    let waker = self.0.lock().waiters.remove(key);
                    drop(waker);
                }
            }
        }
        let mut place = Place(self, None);
        outside(|cx| {
            // Before the lock is taken: a waker may be anybody's.
            let waker = cx.waker().clone();
            let mut open = self.lock();
            if open.is_closed && open.connections.is_empty() {
                return Poll::Ready(());
            }
            let old = match place.1 {
                Some(key) => Some(std::mem::replace(&mut open.waiters[key], waker)),
                None => {
                    place.1 = Some(open.waiters.insert(waker));
                    None
                }
            };
            drop(open);
            drop(old);
            Poll::Pending
        })
        .await;
    }
}

impl Drop for Attached {
    fn drop(&mut self) {
        let is_last = {
            let mut open = self.clients.lock();
            let connection = open.connections.remove(self.key);
            drop(connection);
            open.connections.is_empty()
        };
        if is_last {
            self.clients.wake();
        }
    }
}

impl Server {
    pub(super) fn new(
        event_loop: &Rc<LoopState>,
        listeners: Vec<Rc<dyn Listen>>,
        clients: Arc<Clients>,
    ) -> Self {
        Self {
            state: Rc::new(ServerState {
                event_loop: Rc::downgrade(event_loop),
                listeners: RefCell::new(Some(listeners)),
                watches: RefCell::default(),
                is_serving: Cell::new(false),
                forever: RefCell::default(),
                clients,
            }),
        }
    }

    /// Begins to accept, if it does not already; a server that was made with
    /// `start_serving(false)` waits for this. Mirrors `Server.start_serving`.
    ///
    /// # Panics
    ///
    /// `server is closed`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let handler = |_, writer: asyncio::StreamWriter| async move { writer.write("hello\n") };
    /// let server = asyncio::start_server(handler, "127.0.0.1", 0).start_serving(false).await?;
    /// assert!(!server.is_serving());
    /// server.start_serving();
    /// assert!(server.is_serving());
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn start_serving(&self) {
        let listeners = self.state.listeners.borrow().clone();
        let Some(listeners) = listeners else {
            panic!("server {self:?} is closed");
        };
        if self.state.is_serving.replace(true) {
            return;
        }
        let Some(event_loop) = self.state.event_loop.upgrade() else {
            return;
        };
        for listener in listeners {
            let key = accept_from(&event_loop, listener);
            self.state.watches.borrow_mut().push(key);
        }
    }

    /// Accepts until the task is cancelled or [`close`](Self::close) is called; then closes the
    /// server, waits until the connections are closed, and raises a
    /// [`CancelledError`](crate::CancelledError), as in Python: it does not return.
    ///
    /// # Panics
    ///
    /// `server is closed`; `server is already being awaited on serve_forever()`.
    ///
    /// # Cancellation
    ///
    /// Closes the server, waits until its connections are closed, and goes on raising.
    ///
    /// Mirrors `Server.serve_forever`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let handler = |_, writer: asyncio::StreamWriter| async move { writer.write("hello\n") };
    /// let server = asyncio::start_server(handler, "127.0.0.1", 0).await?;
    /// asyncio::get_running_loop().call_soon({
    ///     let server = server.clone();
    ///     move || server.close()
    /// });
    /// assert!(asyncio::catch_cancelled(server.serve_forever()).await.is_err());
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn serve_forever(&self) -> impl Future<Output = ()> {
        called(Location::caller(), self.serving_forever())
    }

    async fn serving_forever(&self) {
        assert!(
            self.state.forever.borrow().is_none(),
            "server {self:?} is already being awaited on serve_forever()"
        );
        self.start_serving();
        let Some(inner) = self.state.event_loop.upgrade() else {
            return;
        };
        let forever = AsyncioFuture::on(&EventLoop { inner });
        self.state.forever.replace(Some(forever.clone()));
        let served = {
            let _serving = Serving(&self.state);
            catch_cancelled(forever).await
        };
        if let Err(cancelled) = served {
            self.close();
            self.wait_closed().await;
            cancelled.raise::<()>().await;
        }
    }

    /// Accepts no more. The connections that are open stay so;
    /// [`serve_forever`](Self::serve_forever) ends.
    ///
    /// Mirrors `Server.close`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let handler = |_, writer: asyncio::StreamWriter| async move { writer.write("hello\n") };
    /// let server = asyncio::start_server(handler, "127.0.0.1", 0).await?;
    /// server.close();
    /// assert!(server.addresses().is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn close(&self) {
        let Some(listeners) = self.state.listeners.take() else {
            return;
        };
        let watches = self.state.watches.take();
        if let Some(event_loop) = self.state.event_loop.upgrade() {
            for key in watches {
                event_loop.unwatch(key);
            }
        }
        drop(listeners);
        self.state.is_serving.set(false);
        self.state.clients.close();
        let forever = self.state.forever.take();
        if let Some(forever) = forever {
            forever.cancel();
        }
    }

    /// Waits until the server is closed and so are all of its connections.
    ///
    /// # Cancellation
    ///
    /// Raises; the server goes on.
    ///
    /// Mirrors `Server.wait_closed`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let handler = |_, writer: asyncio::StreamWriter| async move { writer.write("hello\n") };
    /// let server = asyncio::start_server(handler, "127.0.0.1", 0).await?;
    /// server.close();
    /// server.wait_closed().await; // there is no connection
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn wait_closed(&self) -> impl Future<Output = ()> {
        called(Location::caller(), self.state.clients.wait_closed())
    }

    /// Closes the connections that are open, after what is still to be sent.
    ///
    /// Mirrors `Server.close_clients`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let server = asyncio::start_server(
    ///     |reader: asyncio::StreamReader, writer: asyncio::StreamWriter| async move {
    ///         writer.write("hello\n");
    ///         reader.read(1).await.map(drop)
    ///     },
    ///     "127.0.0.1",
    ///     0,
    /// )
    /// .await?;
    /// let port = server.addresses()[0].port();
    /// let (reader, _writer) = asyncio::open_connection("127.0.0.1", port).await?;
    /// assert_eq!(reader.readline().await?, b"hello\n");
    /// server.close_clients();
    /// assert_eq!(reader.read_to_end().await?, b"");
    /// # Ok(())
    /// # }
    /// ```
    pub fn close_clients(&self) {
        for connection in self.state.clients.connections() {
            connection.close();
        }
    }

    /// Closes the connections that are open, at once.
    ///
    /// Mirrors `Server.abort_clients`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let server = asyncio::start_server(
    ///     |reader: asyncio::StreamReader, writer: asyncio::StreamWriter| async move {
    ///         writer.write("hello\n");
    ///         reader.read(1).await.map(drop)
    ///     },
    ///     "127.0.0.1",
    ///     0,
    /// )
    /// .await?;
    /// let port = server.addresses()[0].port();
    /// let (reader, _writer) = asyncio::open_connection("127.0.0.1", port).await?;
    /// assert_eq!(reader.readline().await?, b"hello\n");
    /// server.abort_clients();
    /// let _end_or_reset = reader.read_to_end().await;
    /// # Ok(())
    /// # }
    /// ```
    pub fn abort_clients(&self) {
        for connection in self.state.clients.connections() {
            connection.abort();
        }
    }

    /// Whether it accepts.
    ///
    /// Mirrors `Server.is_serving`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let handler = |_, writer: asyncio::StreamWriter| async move { writer.write("hello\n") };
    /// let server = asyncio::start_server(handler, "127.0.0.1", 0).await?;
    /// assert!(server.is_serving());
    /// server.close();
    /// assert!(!server.is_serving());
    /// # Ok(())
    /// # }
    /// ```
    pub fn is_serving(&self) -> bool {
        self.state.is_serving.get()
    }

    /// Where it listens; nothing when it is closed, or on a path. Mirrors `Server.sockets`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let handler = |_, writer: asyncio::StreamWriter| async move { writer.write("hello\n") };
    /// let server = asyncio::start_server(handler, "127.0.0.1", 0).await?;
    /// assert_ne!(server.addresses()[0].port(), 0); // the one that it was given
    /// # Ok(())
    /// # }
    /// ```
    #[doc(alias = "sockets")]
    pub fn addresses(&self) -> Vec<SocketAddr> {
        let listeners = self.state.listeners.borrow();
        let listeners = listeners.as_deref().unwrap_or_default();
        listeners
            .iter()
            .filter_map(|listener| listener.address())
            .collect()
    }
}

/// `serve_forever` is awaited until this is dropped.
struct Serving<'a>(&'a ServerState);

impl Drop for Serving<'_> {
    fn drop(&mut self) {
        let forever = self.0.forever.take();
        drop(forever);
    }
}

/// Accepts what comes in. Mirrors `_accept_connection`.
fn accept_from(event_loop: &Rc<LoopState>, listener: Rc<dyn Listen>) -> WatchKey {
    let this = Rc::downgrade(event_loop);
    event_loop.watch(move |cx| match listener.poll_accept(cx) {
        Poll::Pending => Poll::Pending,
        Poll::Ready(Err(error)) if is_out_of_resources(&error) => {
            diagnostics::error(format_args!(
                "socket.accept() out of system resource: {error}"
            ));
            if let Some(event_loop) = this.upgrade() {
                let when = event_loop.time() + RETRY_DELAY;
                event_loop.insert_timer(when, Callback::Wake(Wake::of(cx)));
            }
            Poll::Pending
        }
        // An error may be that of one that was gone before it was accepted, say.
        Poll::Ready(_) => Poll::Ready(()),
    })
}

#[cfg(unix)]
fn is_out_of_resources(error: &io::Error) -> bool {
    const CODES: [i32; 4] = [libc::EMFILE, libc::ENFILE, libc::ENOBUFS, libc::ENOMEM];
    let code = error.raw_os_error();
    code.is_some_and(|code| CODES.contains(&code))
}

#[cfg(not(unix))]
fn is_out_of_resources(error: &io::Error) -> bool {
    /// `WSAEMFILE` and `WSAENOBUFS`.
    const CODES: [i32; 2] = [10024, 10055];
    let code = error.raw_os_error();
    code.is_some_and(|code| CODES.contains(&code))
}

/// Closes it, and waits until its connections are closed. Mirrors `async with server:`.
impl AsyncExit for Server {
    async fn aexit(&mut self) {
        self.close();
        self.wait_closed().await;
    }
}

impl PartialEq for Server {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.state, &other.state)
    }
}

impl Eq for Server {}

impl Hash for Server {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Rc::as_ptr(&self.state).hash(state);
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Server sockets={:?}>", self.addresses())
    }
}
