//! Encryption of a connection, by rustls.
//!
//! A connection that is encrypted has another source and another sink: the two halves of a TLS
//! stream over those that it had. All else stays as it is. Mirrors `asyncio/sslproto.py`.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker, ready};

use futures_io::{AsyncRead, AsyncWrite};
use futures_rustls::rustls::{
    CipherSuite, ClientConfig, CommonState, ProtocolVersion, ServerConfig,
    pki_types::{CertificateDer, ServerName},
};
use futures_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use super::connection::{Connection, Place};
use super::transport::{Sink, Source};
use super::{StreamWriter, context};
use crate::event_loop::wake;
use crate::tasks::outside::outside;

/// CPython's `SSL_HANDSHAKE_TIMEOUT`, in seconds.
const HANDSHAKE_TIMEOUT: f64 = 60.0;

#[derive(Clone, Debug)]
pub(super) struct ClientTls {
    /// Nothing is encrypted without.
    pub(super) config: Option<Arc<ClientConfig>>,
    pub(super) server_hostname: Option<String>,
    pub(super) handshake_timeout: f64,
}

impl ClientTls {
    pub(super) fn new(host: Option<&str>) -> Self {
        Self {
            config: None,
            server_hostname: host.map(str::to_owned),
            handshake_timeout: HANDSHAKE_TIMEOUT,
        }
    }

    pub(super) async fn start(self, connection: &Arc<Connection>) -> io::Result<()> {
        let Some(config) = self.config else {
            return Ok(());
        };
        let Some(name) = self.server_hostname else {
            let message = "You must set server_hostname when using ssl without a host";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        };
        let name = ServerName::try_from(name.clone()).map_err(|error| {
            let message = format!("server_hostname {name:?}: {error}");
            io::Error::new(io::ErrorKind::InvalidInput, message)
        })?;
        let connect = |wire| async move {
            let connected = TlsConnector::from(config).connect(name, wire).await;
            connected.map(TlsStream::Client)
        };
        encrypt(connection, self.handshake_timeout, connect).await
    }
}

#[derive(Clone, Debug)]
pub(super) struct ServerTls {
    /// Nothing is encrypted without.
    pub(super) config: Option<Arc<ServerConfig>>,
    pub(super) handshake_timeout: f64,
}

impl Default for ServerTls {
    fn default() -> Self {
        Self {
            config: None,
            handshake_timeout: HANDSHAKE_TIMEOUT,
        }
    }
}

impl ServerTls {
    pub(super) async fn start(self, connection: &Arc<Connection>) -> io::Result<()> {
        let Some(config) = self.config else {
            return Ok(());
        };
        let accept = |wire| async move {
            let accepted = TlsAcceptor::from(config).accept(wire).await;
            accepted.map(TlsStream::Server)
        };
        encrypt(connection, self.handshake_timeout, accept).await
    }
}

/// Shakes hands over what the connection has, and gives it the encrypted stream instead.
async fn encrypt<F>(
    connection: &Arc<Connection>,
    timeout: f64,
    shake_hands: impl FnOnce(Wire) -> F,
) -> io::Result<()>
where
    F: Future<Output = io::Result<TlsStream<Wire>>>,
{
    /// A handshake that is not waited for to its end leaves no connection.
    struct Unfinished<'a>(Option<&'a Arc<Connection>>);
    impl Drop for Unfinished<'_> {
        fn drop(&mut self) {
            if let Some(connection) = self.0 {
                connection.abort();
            }
        }
    }

    connection.wait(|state| state.flushed()).await?;
    let (received, source, sink) = connection.take_ends()?;
    let mut unfinished = Unfinished(Some(connection));
    let mut handshake = Box::pin(shake_hands(Wire {
        received,
        source,
        sink,
    }));
    let mut place = Place::new(connection);
    let shaken = outside(|cx| {
        if let Poll::Ready(lost) =
            place.poll(cx, |state| state.is_lost().then(|| state.lost_error()))
        {
            return Poll::Ready(Err(lost));
        }
        handshake.as_mut().poll(cx)
    });
    let shaken = match crate::wait_for(shaken, timeout).await {
        Ok(shaken) => shaken.map_err(|error| context(&error, "SSL handshake failed")),
        Err(_) => Err(io::Error::new(
            io::ErrorKind::ConnectionAborted,
            format!(
                "SSL handshake is taking longer than {timeout} seconds: aborting the connection"
            ),
        )),
    };
    match shaken {
        Ok(stream) => {
            unfinished.0 = None;
            let info = TlsInfo::new(stream.get_ref().1);
            let (source, sink) = split(stream);
            connection.give_ends(source, sink, info);
            Ok(())
        }
        Err(error) => {
            connection.fail(&error);
            Err(error)
        }
    }
}

/// What a connection had: TLS stands on it.
struct Wire {
    /// Was received before.
    received: Vec<u8>,
    source: Source,
    sink: Sink,
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        if this.received.is_empty() {
            return this.source.poll_read(cx, into);
        }
        let n = into.len().min(this.received.len());
        into[..n].copy_from_slice(&this.received[..n]);
        this.received.drain(..n);
        Poll::Ready(Ok(n))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().sink.poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().sink.poll_flush(cx)
    }

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().sink.poll_close(cx)
    }
}

/// A TLS stream whose halves are polled apart. Either may have to read and to write for what it
/// does, so what the sockets wake is both.
struct Shared {
    stream: Mutex<TlsStream<Wire>>,
    both: Arc<Both>,
    waker: Waker,
}

#[derive(Default)]
struct Both {
    reader: Mutex<Option<Waker>>,
    writer: Mutex<Option<Waker>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // The connection's own lock is held around each use; a panic in between is TLS's own.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Both {
    fn leave(place: &Mutex<Option<Waker>>, waker: &Waker) {
        let old = lock(place).replace(waker.clone());
        drop(old);
    }
}

impl Wake for Both {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        for place in [&self.reader, &self.writer] {
            let waker = lock(place).take();
            if let Some(waker) = waker {
                wake(waker);
            }
        }
    }
}

struct TlsSource(Arc<Shared>);
struct TlsSink(Arc<Shared>);

fn split(stream: TlsStream<Wire>) -> (Source, Sink) {
    let both = Arc::<Both>::default();
    let shared = Arc::new(Shared {
        stream: Mutex::new(stream),
        waker: Waker::from(both.clone()),
        both,
    });
    (
        Source::Other(Box::new(TlsSource(shared.clone()))),
        Sink::Other(Box::new(TlsSink(shared))),
    )
}

impl TlsSink {
    fn poll<R>(
        &self,
        cx: &Context<'_>,
        poll: impl FnOnce(Pin<&mut TlsStream<Wire>>, &mut Context<'_>) -> Poll<R>,
    ) -> Poll<R> {
        Both::leave(&self.0.both.writer, cx.waker());
        let mut cx = Context::from_waker(&self.0.waker);
        poll(Pin::new(&mut *lock(&self.0.stream)), &mut cx)
    }
}

impl AsyncRead for TlsSource {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        Both::leave(&self.0.both.reader, cx.waker());
        let mut cx = Context::from_waker(&self.0.waker);
        let n = ready!(Pin::new(&mut *lock(&self.0.stream)).poll_read(&mut cx, into))?;
        Poll::Ready(Ok(n))
    }
}

impl AsyncWrite for TlsSink {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll(cx, |stream, cx| stream.poll_write(cx, data))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(cx, |stream, cx| stream.poll_flush(cx))
    }

    /// Says that nothing more comes, and then closes what is beneath.
    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll(cx, |stream, cx| stream.poll_close(cx))
    }
}

/// What was agreed on when a connection was encrypted: what [`StreamWriter::tls_info`] gives, with
/// the feature `tls`. Mirrors `get_extra_info('ssl_object')`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct TlsInfo {
    /// The protocol's version: Python's `ssl_object.version()`.
    pub version: Option<ProtocolVersion>,
    /// Python's `cipher`.
    pub cipher: Option<CipherSuite>,
    /// The protocol that is spoken inside, by ALPN: Python's `selected_alpn_protocol()`.
    pub alpn_protocol: Option<Vec<u8>>,
    /// The peer's certificate, and those that vouch for it: Python's `peercert`.
    pub peer_certificates: Vec<CertificateDer<'static>>,
}

impl TlsInfo {
    fn new(state: &CommonState) -> Self {
        let certificates = state.peer_certificates().unwrap_or_default();
        Self {
            version: state.protocol_version(),
            cipher: state.negotiated_cipher_suite().map(|suite| suite.suite()),
            alpn_protocol: state.alpn_protocol().map(<[u8]>::to_vec),
            peer_certificates: certificates
                .iter()
                .map(|certificate| certificate.clone().into_owned())
                .collect(),
        }
    }
}

impl StreamWriter {
    /// Encrypts a connection that is open, as its client: what protocols of mail and of databases
    /// do after a few lines in the clear. To be awaited; both ends go on with the same handles. The
    /// other side is [`accept_tls`](Self::accept_tls), or a server with
    /// [`ssl`](crate::StartServer::ssl). With the feature `tls`. Mirrors `StreamWriter.start_tls`.
    ///
    /// What was received and not read before is taken for the other side's part of the handshake.
    /// Nobody may be reading, and what is written meanwhile is sent encrypted.
    ///
    /// The provider of cryptography and the roots of trust are the configuration's:
    /// [`rustls`](crate::rustls) is the crate itself.
    ///
    /// # Errors
    ///
    /// `SSL handshake failed`, and why; of the kind `ConnectionAborted` when it takes longer than
    /// [`handshake_timeout`](StartTls::handshake_timeout); of the kind `InvalidInput` for a name
    /// that is none. The connection is lost then. Later, an input that ends without TLS's word for
    /// it is an error of the kind `UnexpectedEof` when it is read.
    ///
    /// # Panics
    ///
    /// `start_tls() called while another coroutine is already waiting for incoming data`.
    ///
    /// # Cancellation
    ///
    /// Raises, and the connection is closed at once.
    ///
    /// ```no_run
    /// # use std::sync::Arc;
    /// # async fn mail(config: Arc<asyncio::rustls::ClientConfig>) -> std::io::Result<()> {
    /// let (reader, writer) = asyncio::open_connection("mail.example.org", 143).await?;
    /// writer.write("a1 STARTTLS\r\n");
    /// while !reader.readline().await?.starts_with(b"a1 OK") {}
    /// writer.start_tls(Arc::clone(&config), "mail.example.org").await?;
    ///
    /// // The same from the first byte on:
    /// let secure = asyncio::open_connection("mail.example.org", 993).ssl(config).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn start_tls(
        &self,
        config: impl Into<Arc<ClientConfig>>,
        server_hostname: impl Into<String>,
    ) -> StartTls {
        StartTls {
            writer: self.clone(),
            side: Side::Client(ClientTls {
                config: Some(config.into()),
                server_hostname: Some(server_hostname.into()),
                handshake_timeout: HANDSHAKE_TIMEOUT,
            }),
        }
    }

    /// Encrypts a connection that is open, as its server: Python's `start_tls` in a server's
    /// handler. As [`start_tls`](Self::start_tls) otherwise.
    ///
    /// # Cancellation
    ///
    /// Raises, and the connection is closed at once.
    ///
    /// ```no_run
    /// # use std::sync::Arc;
    /// # async fn serve(config: Arc<asyncio::rustls::ServerConfig>) -> std::io::Result<()> {
    /// use asyncio::{StreamReader, StreamWriter};
    ///
    /// let handler = move |reader: StreamReader, writer: StreamWriter| {
    ///     let config = Arc::clone(&config);
    ///     async move {
    ///         reader.readline().await?; // STARTTLS
    ///         writer.write("OK\r\n");
    ///         writer.accept_tls(config).await?;
    ///         writer.write("nobody else reads this\r\n");
    ///         std::io::Result::Ok(())
    ///     }
    /// };
    /// let server = asyncio::start_server(handler, "127.0.0.1", 2525).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn accept_tls(&self, config: impl Into<Arc<ServerConfig>>) -> StartTls {
        StartTls {
            writer: self.clone(),
            side: Side::Server(ServerTls {
                config: Some(config.into()),
                handshake_timeout: HANDSHAKE_TIMEOUT,
            }),
        }
    }

    /// What was agreed on, when the connection is encrypted. Mirrors
    /// `get_extra_info('ssl_object')`, `'cipher'` and `'peercert'`.
    ///
    /// ```no_run
    /// # async fn fetch(config: std::sync::Arc<asyncio::rustls::ClientConfig>) -> std::io::Result<()> {
    /// let (_, writer) = asyncio::open_connection("example.org", 443).ssl(config).await?;
    /// if let Some(info) = writer.tls_info() {
    ///     println!("{:?}, {:?}", info.version, info.cipher);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn tls_info(&self) -> Option<TlsInfo> {
        self.connection().with(|state| state.tls_info())
    }
}

/// What [`StreamWriter::start_tls`] and [`StreamWriter::accept_tls`] give, to be awaited.
#[must_use = "the handshake begins when this is awaited"]
pub struct StartTls {
    writer: StreamWriter,
    side: Side,
}

enum Side {
    Client(ClientTls),
    Server(ServerTls),
}

impl StartTls {
    /// How long the handshake may take: 60 seconds unless set. Python's
    /// `ssl_handshake_timeout=`.
    ///
    /// ```no_run
    /// # async fn fetch(config: std::sync::Arc<asyncio::rustls::ClientConfig>) -> std::io::Result<()> {
    /// let (_, writer) = asyncio::open_connection("example.org", 25).await?;
    /// writer.start_tls(config, "example.org").handshake_timeout(5).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn handshake_timeout(mut self, timeout: impl crate::Delay) -> Self {
        let seconds = match &mut self.side {
            Side::Client(client) => &mut client.handshake_timeout,
            Side::Server(server) => &mut server.handshake_timeout,
        };
        *seconds = timeout.as_seconds();
        self
    }
}

impl fmt::Debug for StartTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StartTls").field(&self.writer).finish()
    }
}

impl IntoFuture for StartTls {
    type Output = io::Result<()>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    #[track_caller]
    fn into_future(self) -> Self::IntoFuture {
        let started = async move {
            let connection = self.writer.connection();
            match self.side {
                Side::Client(client) => client.start(connection).await,
                Side::Server(server) => server.start(connection).await,
            }
        };
        let place = std::panic::Location::caller();
        Box::pin(crate::tasks::called(place, started))
    }
}
