//! An HTTP client: hyper's connections over the loop's sockets, kept open between requests.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

use async_net::TcpStream;
use asyncio::TimeoutError;
use futures_lite::{AsyncRead, AsyncWrite};
use futures_rustls::TlsConnector;
use futures_rustls::pki_types::ServerName;
use futures_rustls::rustls::crypto::ring;
use futures_rustls::rustls::{ClientConfig, RootCertStore};
use http_body_util::{BodyExt, Empty, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::{ACCEPT, HOST, HeaderMap, USER_AGENT};
use hyper::{Request, StatusCode};
use log::debug;
use smol_hyper::rt::FuturesIo;
use url::{Position, Url};

/// More than this of one body is not read.
const MAX_BODY: usize = 16 << 20;

/// A whole answer.
#[derive(Debug)]
pub struct Response {
    /// Its status.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// The server could not be reached.
    #[error("cannot connect: {0}")]
    Connect(#[from] io::Error),
    /// It did not answer as HTTP asks for, or hung up.
    #[error("{}", with_sources(.0))]
    Http(#[from] hyper::Error),
    /// The URL cannot be asked for.
    #[error("{0}")]
    Request(#[from] hyper::http::Error),
    /// The body is too long.
    #[error("the body has more than {} MiB", MAX_BODY >> 20)]
    TooLarge,
    /// It took too long.
    #[error("no answer in time")]
    Timeout,
}

impl FetchError {
    /// One word for it, by which failures are counted.
    pub fn kind(&self) -> &'static str {
        match self {
            FetchError::Connect(_) => "connect",
            FetchError::Http(_) => "http",
            FetchError::Request(_) => "request",
            FetchError::TooLarge => "too_large",
            FetchError::Timeout => "timeout",
        }
    }
}

impl From<TimeoutError> for FetchError {
    fn from(_: TimeoutError) -> Self {
        FetchError::Timeout
    }
}

/// hyper's errors say the half of it themselves, and the other in their source.
fn with_sources(error: &hyper::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}

/// Scheme, host and port: what one connection can serve.
type Origin = (String, String, u16);

type Connection = SendRequest<Empty<Bytes>>;

trait Socket: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket for S {}

/// Fetches URLs, over connections that it keeps for the next request to the same server.
pub struct Session {
    idle: RefCell<HashMap<Origin, Vec<Connection>>>,
    tls: TlsConnector,
}

#[asyncio::coroutines]
impl Session {
    /// A session that trusts the authorities that Mozilla trusts.
    pub fn new() -> Self {
        Self::trusting(RootCertStore {
            roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
        })
    }

    /// A session that trusts these authorities.
    pub fn trusting(authorities: RootCertStore) -> Self {
        let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring has the default versions of TLS")
            .with_root_certificates(authorities)
            .with_no_client_auth();
        Session {
            idle: RefCell::default(),
            tls: TlsConnector::from(Arc::new(config)),
        }
    }

    /// Fetches `url` with its whole body, and follows no redirect.
    #[coroutine]
    pub fn get(&self, url: &Url) -> Result<Response, FetchError> {
        let origin = origin(url)?;
        let request = Request::get(&url[Position::BeforePath..Position::AfterQuery])
            .header(HOST, &url[Position::BeforeHost..Position::AfterPort])
            .header(USER_AGENT, concat!("crawl/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, "*/*")
            .body(Empty::new())?;

        let mut connection = match yield_from!(self.reuse(&origin)) {
            Some(connection) => connection,
            None => yield_from!(self.connect(&origin))?,
        };
        let (head, body) = yield_from!(connection.send_request(request))?.into_parts();
        let body = match yield_from!(Limited::new(body, MAX_BODY).collect()) {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<LengthLimitError>() => return Err(FetchError::TooLarge),
            Err(error) => {
                return Err(FetchError::Http(
                    *error.downcast().expect("hyper's body fails with its error"),
                ));
            }
        };
        // Only now: a connection in the middle of a body is of no use to anybody else.
        self.idle
            .borrow_mut()
            .entry(origin)
            .or_default()
            .push(connection);
        Ok(Response {
            status: head.status,
            headers: head.headers,
            body,
        })
    }

    /// A connection that was kept and that the server has not closed since.
    #[coroutine]
    fn reuse(&self, origin: &Origin) -> Option<Connection> {
        loop {
            let mut connection = self.idle.borrow_mut().get_mut(origin)?.pop()?;
            if yield_from!(connection.ready()).is_ok() {
                return Some(connection);
            }
        }
    }

    #[coroutine]
    fn connect(&self, origin: &Origin) -> Result<Connection, FetchError> {
        let (scheme, host, port) = origin;
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let socket = yield_from!(TcpStream::connect((host, *port)))?;
        socket.set_nodelay(true)?;
        let socket: Box<dyn Socket> = if scheme == "https" {
            let name = ServerName::try_from(host.to_owned()).map_err(io::Error::other)?;
            Box::new(yield_from!(self.tls.connect(name, socket))?)
        } else {
            Box::new(socket)
        };
        let (connection, io) = yield_from!(handshake(FuturesIo::new(socket)))?;
        // It reads and writes for as long as its other half is kept.
        asyncio::create_task(async move {
            if let Err(error) = io.await {
                debug!("a connection ended: {}", with_sources(&error));
            }
        });
        Ok(connection)
    }
}

impl Default for Session {
    fn default() -> Self {
        Self::new()
    }
}

fn origin(url: &Url) -> io::Result<Origin> {
    match (url.host_str(), url.port_or_known_default()) {
        (Some(host), Some(port)) => Ok((url.scheme().to_owned(), host.to_owned(), port)),
        _ => Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "the URL has no host",
        )),
    }
}
