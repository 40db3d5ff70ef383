//! A client that keeps its connections for the next request: hyper-util's, on our loop.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use asyncio::{Semaphore, TimeoutError, wait_for};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper::{Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::connect::{Connected, Connection};
use hyper_util::client::legacy::{Client, Error};
use services::duplex::Duplex;
use smol_hyper::rt::FuturesIo;
use tower_service::Service;

use crate::rt::{LoopExecutor, LoopTimer, Socket};

/// Connects to where a URL says.
#[derive(Clone, Copy, Debug)]
pub struct Connector;

impl Service<Uri> for Connector {
    type Response = Connecting;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Connecting>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        Box::pin(connect(uri))
    }
}

#[asyncio::coroutine]
async fn connect(uri: Uri) -> io::Result<Connecting> {
    if uri.scheme_str() != Some("http") {
        return Err(io::Error::other("only http: is spoken here"));
    }
    let Some(host) = uri.host() else {
        return Err(io::Error::other("the URL has no host"));
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let port = uri.port_u16().unwrap_or(80);
    let (reader, writer) = await_!(asyncio::open_connection(host, port))?;
    Ok(Connecting(FuturesIo::new(Duplex::new(reader, writer))))
}

/// A socket, of which the client wants to know more than to read and write it.
#[derive(Debug)]
pub struct Connecting(Socket);

impl Connection for Connecting {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Connecting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl Write for Connecting {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// The client that hyper-util makes of that.
pub type HttpClient = Client<Connector, Full<Bytes>>;

/// Makes a client, which keeps a connection that is not used for `idle`.
pub fn client(idle: Duration) -> HttpClient {
    Client::builder(LoopExecutor)
        .timer(LoopTimer)
        .pool_timer(LoopTimer)
        .pool_idle_timeout(idle)
        .build(Connector)
}

/// Asks for something, and gives the whole answer.
///
/// # Errors
///
/// When there is none.
#[asyncio::coroutine]
pub async fn ask(
    client: &HttpClient,
    request: Request<Full<Bytes>>,
) -> Result<(StatusCode, Bytes), FetchError> {
    let response: Response<Incoming> = await_!(client.request(request))?;
    let status = response.status();
    let body = await_!(response.into_body().collect())?.to_bytes();
    Ok((status, body))
}

/// Why there is no answer.
#[derive(Debug)]
pub enum FetchError {
    /// The URL is none.
    Url(hyper::http::Error),
    /// The server cannot be reached, or does not answer.
    Request(Error),
    /// The answer breaks off.
    Body(hyper::Error),
    /// It takes too long.
    Timeout,
}

impl std::fmt::Display for FetchError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            FetchError::Url(error) => write!(f, "{error}"),
            FetchError::Request(error) => match std::error::Error::source(error) {
                Some(source) => write!(f, "{error}: {source}"),
                None => write!(f, "{error}"),
            },
            FetchError::Body(error) => write!(f, "{error}"),
            FetchError::Timeout => write!(f, "no answer in time"),
        }
    }
}

impl std::error::Error for FetchError {}

impl From<hyper::http::Error> for FetchError {
    fn from(error: hyper::http::Error) -> Self {
        FetchError::Url(error)
    }
}

impl From<Error> for FetchError {
    fn from(error: Error) -> Self {
        FetchError::Request(error)
    }
}

impl From<hyper::Error> for FetchError {
    fn from(error: hyper::Error) -> Self {
        FetchError::Body(error)
    }
}

impl From<TimeoutError> for FetchError {
    fn from(_: TimeoutError) -> Self {
        FetchError::Timeout
    }
}

/// What became of a URL.
pub type Fetched = Result<(StatusCode, Bytes), FetchError>;

/// Fetches a URL, when the semaphore lets it.
#[asyncio::coroutine]
async fn fetch(client: HttpClient, semaphore: Semaphore, url: String, timeout: f64) -> Fetched {
    let _turn = await_!(semaphore.acquire());
    let request = Request::get(url).body(Full::default())?;
    await_!(wait_for(ask(&client, request), timeout))?
}

/// Fetches them all at once, but no more than `limit` at a time.
#[asyncio::coroutine]
pub async fn fetch_all(urls: Vec<String>, limit: usize, timeout: f64) -> Vec<Fetched> {
    let client = client(Duration::from_secs(30));
    let semaphore = Semaphore::new(limit);
    let fetches = urls
        .into_iter()
        .map(|url| fetch(client.clone(), semaphore.clone(), url, timeout));
    await_!(asyncio::gather(fetches))
}
