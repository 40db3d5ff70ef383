//! A server that keeps its connections open, and lets what it has begun end before it ends itself.

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use asyncio::{Event, StreamReader, StreamWriter, TimeoutError, start_server, wait_for};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use log::{debug, info};
use services::duplex::Duplex;
use smol_hyper::rt::FuturesIo;

use crate::rt::LoopTimer;

/// What a response says, whole or piece by piece.
type Body = UnsyncBoxBody<Bytes, hyper::Error>;

/// How patient the server is.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many seconds a client has for the head of a request; and so for how long a connection is
    /// kept between two of them.
    pub head: f64,
    /// How many seconds what was begun has to end, when the server does.
    pub grace: f64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            head: 30.0,
            grace: 5.0,
        }
    }
}

/// An HTTP server.
#[derive(Clone)]
pub struct HttpServer {
    server: asyncio::Server,
    site: Rc<Site>,
}

struct Site {
    options: Options,
    stopping: Event,
    connections: Cell<usize>,
    requests: Cell<usize>,
}

#[asyncio::coroutines]
impl HttpServer {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened at.
    #[coroutine]
    pub async fn start(host: &str, port: u16, options: Options) -> io::Result<Self> {
        let site = Rc::new(Site {
            options,
            stopping: Event::new(),
            connections: Cell::new(0),
            requests: Cell::new(0),
        });
        let serving = Rc::clone(&site);
        let serve = move |reader, writer| Rc::clone(&serving).serve_connection(reader, writer);
        let server = await_!(start_server(serve, host, port))?;
        Ok(HttpServer { server, site })
    }

    /// Where it listens.
    ///
    /// # Panics
    ///
    /// If it does not listen any more.
    pub fn port(&self) -> u16 {
        self.server.addresses()[0].port()
    }

    /// The URL of one of its pages.
    pub fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port())
    }

    /// How many connections it has accepted.
    pub fn connections(&self) -> usize {
        self.site.connections.get()
    }

    /// How many requests it has taken.
    pub fn requests(&self) -> usize {
        self.site.requests.get()
    }

    /// Accepts no more; connections between two requests are closed, and those in the middle of one
    /// after it. What takes longer than the grace is aborted; whether anything did.
    #[coroutine]
    pub async fn shut_down(&self) -> bool {
        self.server.close();
        self.site.stopping.set();
        let closed = wait_for(self.server.wait_closed(), self.site.options.grace);
        if let Err(TimeoutError) = await_!(closed) {
            info!("the time is up: connections are aborted");
            self.server.abort_clients();
            await_!(self.server.wait_closed());
            return true;
        }
        false
    }
}

#[asyncio::coroutines]
impl Site {
    #[coroutine]
    async fn serve_connection(self: Rc<Self>, reader: StreamReader, writer: StreamWriter) {
        self.connections.set(self.connections.get() + 1);
        let site = Rc::clone(&self);
        let service = service_fn(move |request| Rc::clone(&site).answer(request));
        let socket = FuturesIo::new(Duplex::new(reader, writer));
        let mut connection = pin!(
            http1::Builder::new()
                .timer(LoopTimer)
                .header_read_timeout(Duration::from_secs_f64(self.options.head))
                .serve_connection(socket, service)
        );
        let mut stopping = pin!(self.stopping.wait());
        let mut is_stopping = false;
        let served = await_!(std::future::poll_fn(|cx| {
            if !is_stopping && stopping.as_mut().poll(cx).is_ready() {
                is_stopping = true;
                // The request that it is at is the last one.
                connection.as_mut().graceful_shutdown();
            }
            match connection.as_mut().poll(cx) {
                Poll::Ready(served) => Poll::Ready(served),
                Poll::Pending => Poll::Pending,
            }
        }));
        if let Err(error) = served {
            debug!("a connection ended: {error}");
        }
    }

    /// What is there to be asked for.
    #[coroutine]
    async fn answer(
        self: Rc<Self>,
        request: Request<Incoming>,
    ) -> Result<Response<Body>, Infallible> {
        self.requests.set(self.requests.get() + 1);
        let path = request.uri().path().to_owned();
        let (page, argument) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
        let response = match (request.method(), page, argument.parse::<f64>()) {
            (&Method::GET, "", _) => text(StatusCode::OK, "hello\n"),
            (&Method::GET, "page", Ok(number)) => text(StatusCode::OK, format!("page {number}\n")),
            (&Method::GET, "slow", Ok(seconds)) => {
                await_!(asyncio::sleep(seconds));
                text(StatusCode::OK, format!("after {seconds} seconds\n"))
            }
            (&Method::GET, "bytes", Ok(length)) => {
                // No more than anybody has the memory for.
                let length = length.clamp(0.0, 16e6) as usize;
                text(StatusCode::OK, vec![b'x'; length])
            }
            // Said again as it comes, however much it is.
            (&Method::POST, "echo", _) => Response::new(request.into_body().boxed_unsync()),
            _ => text(StatusCode::NOT_FOUND, format!("no {path}\n")),
        };
        Ok(response)
    }
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Response<Body> {
    let body = Full::from(text.into()).map_err(|never| match never {});
    let mut response = Response::new(body.boxed_unsync());
    *response.status_mut() = status;
    response
}
