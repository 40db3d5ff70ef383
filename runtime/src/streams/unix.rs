//! Streams over sockets that have a path.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::net::{Shutdown, SocketAddr};
#[cfg(target_os = "linux")]
use std::os::fd::AsRawFd;
#[cfg(target_os = "linux")]
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::rc::Rc;

#[cfg(target_os = "linux")]
use socket2::SockAddr;

use super::client::{ClientOptions, client_methods};
use super::serve::{HandlerOutput, ServeOptions, server_methods};
use super::server::{Listen, Listener, Listening, Server};
use super::socket::Socket;
#[cfg(target_os = "linux")]
use super::{Came, edge};
use super::{Connected, StreamReader, StreamWriter, bound, connection, context};
use crate::futures::current_loop;
use crate::tasks::outside::outside_future;

impl Connected for UnixStream {
    fn end(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }

    /// A read ends at what was sent with a descriptor, or is told with its sender, whatever comes after
    /// it. For neither there is room here, which the kernel says.
    #[cfg(target_os = "linux")]
    fn receive(&self, into: &mut [u8]) -> io::Result<Came> {
        let mut part = libc::iovec {
            iov_base: into.as_mut_ptr().cast(),
            iov_len: into.len(),
        };
        // SAFETY: of this structure of numbers and pointers zeroes are a value, which asks for nothing.
        let mut asked: libc::msghdr = unsafe { std::mem::zeroed() };
        asked.msg_iov = &raw mut part;
        asked.msg_iovlen = 1;
        // SAFETY: what `asked` points to are one part and, by that, bytes that may be written to.
        let n = unsafe { libc::recvmsg(self.as_raw_fd(), &raw mut asked, 0) };
        let n = usize::try_from(n).map_err(|_| io::Error::last_os_error())?;
        Ok(Came {
            n,
            is_all: 0 < n && n < into.len() && asked.msg_flags & libc::MSG_CTRUNC == 0,
        })
    }
}

impl Listener for UnixListener {
    type Stream = UnixStream;

    fn accept(&self) -> io::Result<UnixStream> {
        let (socket, _) = self.accept()?;
        Ok(socket)
    }

    fn address(&self) -> Option<SocketAddr> {
        None
    }
}

/// Connects to the socket at a path; on Unix. Mirrors `asyncio.open_unix_connection`.
///
/// As [`open_connection`](crate::open_connection) otherwise.
///
/// ```
/// # #[asyncio::main]
/// # async fn main() -> std::io::Result<()> {
/// # let path = std::env::temp_dir().join(format!("asyncio-doc-{}", std::process::id()));
/// let greet = |_, writer: asyncio::StreamWriter| async move { writer.write("hello\n") };
/// let server = asyncio::start_unix_server(greet, &path).await?;
/// let (reader, _writer) = asyncio::open_unix_connection(&path).await?;
/// assert_eq!(reader.readline().await?, b"hello\n");
/// server.close();
/// assert!(!path.exists());
/// # Ok(())
/// # }
/// ```
///
/// # Cancellation
///
/// Raises, and the attempt is given up.
pub fn open_unix_connection(path: impl Into<PathBuf>) -> OpenUnixConnection {
    OpenUnixConnection {
        place: SocketPath(path.into()),
        options: ClientOptions::new(None),
    }
}

/// What [`open_unix_connection`] gives, to be awaited.
#[derive(Clone, Debug)]
#[must_use = "it connects when it is awaited"]
pub struct OpenUnixConnection {
    place: SocketPath,
    options: ClientOptions,
}

client_methods!(OpenUnixConnection);

#[derive(Clone, Debug)]
struct SocketPath(PathBuf);

impl SocketPath {
    async fn connect(self) -> io::Result<Socket<UnixStream>> {
        let socket = outside_future(connect(&self.0)).await;
        socket.map_err(|error| {
            let doing = format!("Connect call failed {}", self.0.display());
            context(&error, doing)
        })
    }
}

#[cfg(target_os = "linux")]
async fn connect(path: &Path) -> io::Result<Socket<UnixStream>> {
    if !path.as_os_str().as_bytes().starts_with(b"\0") {
        // What would be cut short is an error.
        std::os::unix::net::SocketAddr::from_pathname(path)?;
    }
    let socket = UnixStream::from(edge::begin(&SockAddr::unix(path)?)?);
    Socket::connected(socket, |socket| socket.peer_addr().map(drop)).await
}

#[cfg(not(target_os = "linux"))]
async fn connect(path: &Path) -> io::Result<Socket<UnixStream>> {
    Socket::<UnixStream>::connect(path).await
}

/// Listens at a path, and starts a task of `handler` for each connection that comes; on Unix. A
/// socket that another server has left there is replaced, and the server removes its own when it
/// is closed. Mirrors `asyncio.start_unix_server`.
///
/// As [`start_server`](crate::start_server) otherwise; see [`open_unix_connection`] for an
/// example.
///
/// # Cancellation
///
/// Raises, and nothing listens.
///
/// ```
/// # #[asyncio::main]
/// # async fn main() -> std::io::Result<()> {
/// # let path = std::env::temp_dir().join(format!("asyncio-doc-unix-{}", std::process::id()));
/// let greet = |_, writer: asyncio::StreamWriter| async move { writer.write("hello\n") };
/// let server = asyncio::start_unix_server(greet, &path).await?;
/// let (reader, _writer) = asyncio::open_unix_connection(&path).await?;
/// assert_eq!(reader.readline().await?, b"hello\n");
/// # Ok(())
/// # }
/// ```
pub fn start_unix_server<H, F>(handler: H, path: impl Into<PathBuf>) -> StartUnixServer<H>
where
    H: Fn(StreamReader, StreamWriter) -> F + 'static,
    F: IntoFuture + 'static,
    F::IntoFuture: 'static,
    F::Output: HandlerOutput,
{
    StartUnixServer {
        handler,
        place: Listened {
            path: path.into(),
            cleanup_socket: true,
        },
        options: ServeOptions::default(),
    }
}

/// What [`start_unix_server`] gives, to be awaited.
#[derive(Clone, Debug)]
#[must_use = "it listens when it is awaited"]
pub struct StartUnixServer<H> {
    handler: H,
    place: Listened,
    options: ServeOptions,
}

server_methods!(StartUnixServer);

impl<H> StartUnixServer<H> {
    /// Whether the server removes its socket when it is closed: yes, unless set. One that another
    /// has replaced meanwhile stays in any case.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// # let path = std::env::temp_dir().join(format!("asyncio-doc-kept-{}", std::process::id()));
    /// let greet = |_, writer: asyncio::StreamWriter| async move { writer.write("hello\n") };
    /// let server = asyncio::start_unix_server(greet, &path).cleanup_socket(false).await?;
    /// server.close();
    /// assert!(path.exists());
    /// # std::fs::remove_file(&path)?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn cleanup_socket(mut self, cleanup_socket: bool) -> Self {
        self.place.cleanup_socket = cleanup_socket;
        self
    }
}

#[derive(Clone, Debug)]
struct Listened {
    path: PathBuf,
    cleanup_socket: bool,
}

impl Listened {
    async fn listen(self) -> io::Result<[(Socket<UnixListener>, SocketFile); 1]> {
        let Self {
            path,
            cleanup_socket,
        } = self;
        let file = SocketFile::replace(&path)?;
        let socket = bound(UnixListener::bind(&path), path.display())?;
        if cleanup_socket {
            file.note();
        }
        Ok([(socket, file)])
    }
}

/// The file that stands for a socket. Another server may replace it, and then it is not ours.
struct SocketFile {
    path: PathBuf,
    inode: Cell<Option<(u64, u64)>>,
}

impl SocketFile {
    /// Removes what another server has left.
    fn replace(path: &Path) -> io::Result<Self> {
        let is_socket = path
            .symlink_metadata()
            .is_ok_and(|file| file.file_type().is_socket());
        if is_socket {
            std::fs::remove_file(path).map_err(|error| {
                let doing = format!("cannot replace the socket {}", path.display());
                context(&error, doing)
            })?;
        }
        Ok(Self {
            path: path.to_owned(),
            inode: Cell::new(None),
        })
    }

    fn inode(&self) -> Option<(u64, u64)> {
        let file = self.path.symlink_metadata().ok()?;
        Some((file.dev(), file.ino()))
    }

    fn note(&self) {
        self.inode.set(self.inode());
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.inode.get().is_some() && self.inode.get() == self.inode() {
            // Whoever has removed it meanwhile has done it for us.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}
