//! Answers as the table says.

use std::convert::Infallible;
use std::rc::Rc;

use async_net::{TcpListener, TcpStream};
use futures_lite::{StreamExt, stream};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_TYPE, LOCATION};
use hyper::http::response::Builder;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use log::{debug, warn};
use smol_hyper::rt::FuturesIo;

use super::{Answer, Link, Site};

type Body = UnsyncBoxBody<Bytes, HangUp>;

/// Makes hyper close the connection.
#[derive(Debug, thiserror::Error)]
#[error("as the table says")]
pub(super) struct HangUp;

/// Serves every connection in a task of its own.
#[asyncio::coroutine]
pub(super) fn serve(site: Rc<Site>, listener: TcpListener) -> Infallible {
    loop {
        match yield_from!(listener.accept()) {
            Ok((socket, _)) => {
                asyncio::create_task(serve_connection(Rc::clone(&site), socket));
            }
            Err(error) => {
                // Too many open files, most likely: some will be closed.
                warn!("cannot accept a connection: {error}");
                yield_from!(asyncio::sleep(0.1));
            }
        }
    }
}

#[asyncio::coroutine]
fn serve_connection(site: Rc<Site>, socket: TcpStream) {
    #[allow(
        clippy::redundant_async_block,
        reason = "a request that hyper drops unanswered has called nothing that was never awaited"
    )]
    let answer = service_fn(|request| {
        let site = Rc::clone(&site);
        async move { answer(site, request).await }
    });
    if let Err(error) =
        yield_from!(http1::Builder::new().serve_connection(FuturesIo::new(socket), answer))
    {
        debug!("a connection ended: {error}");
    }
}

#[asyncio::coroutine]
fn answer(site: Rc<Site>, request: Request<Incoming>) -> Result<Response<Body>, HangUp> {
    let path = request
        .uri()
        .path_and_query()
        .map_or("/", |path| path.as_str());
    let earlier = {
        let mut requests = site.requests.borrow_mut();
        let count = requests.entry(path.to_owned()).or_default();
        *count += 1;
        *count - 1
    };

    let mut answer = site.answers.get(path).unwrap_or(&Answer::Status(404));
    loop {
        match answer {
            Answer::Slow(delay, then) => {
                yield_from!(asyncio::sleep(*delay));
                answer = then;
            }
            Answer::Flaky { failures, .. } if earlier < *failures => return Err(HangUp),
            Answer::Flaky { then, .. } => answer = then,
            Answer::HangUp { halfway: false } => return Err(HangUp),
            _ => break,
        }
    }

    let response = Response::builder().status(answer.status());
    let response = match answer {
        Answer::Page { encoding, .. } => {
            let content_type = format!("text/html; charset={}", encoding.name());
            full(response.header(CONTENT_TYPE, content_type), answer.body())
        }
        Answer::File {
            content_type: Some(content_type),
            ..
        } => full(response.header(CONTENT_TYPE, *content_type), answer.body()),
        Answer::Redirect { location, .. } => {
            full(response.header(LOCATION, location), answer.body())
        }
        Answer::HangUp { .. } => response.header(CONTENT_LENGTH, 1000).body(half(500)),
        _ => full(response, answer.body()),
    };
    Ok(response.expect("the table has only what HTTP allows"))
}

fn full(response: Builder, body: Vec<u8>) -> hyper::http::Result<Response<Body>> {
    response.body(
        Full::from(body)
            .map_err(|never| match never {})
            .boxed_unsync(),
    )
}

/// A body that breaks off, after the client has had the time to receive some of it.
fn half(size: usize) -> Body {
    let sent = stream::once(Ok(Frame::data(Bytes::from(vec![b'x'; size]))));
    let lost = stream::once_future(async {
        asyncio::sleep(0.01).await;
        Err(HangUp)
    });
    StreamBody::new(sent.chain(lost)).boxed_unsync()
}

impl Answer {
    pub(super) fn status(&self) -> u16 {
        match self {
            Answer::Status(status) | Answer::Redirect { status, .. } => *status,
            _ => 200,
        }
    }

    pub(super) fn body(&self) -> Vec<u8> {
        match self {
            Answer::Page { links, encoding } => {
                let markup: Vec<_> = links
                    .iter()
                    .map(|Link { markup, .. }| markup.as_str())
                    .collect();
                let text = format!(
                    "<!doctype html>\n<title>A page</title>\n{}\n",
                    markup.join("\n")
                );
                encoding.encode(&text).0.into_owned()
            }
            Answer::File { size, .. } => vec![b'x'; *size],
            Answer::Status(status) => format!("{status}\n").into_bytes(),
            _ => Vec::new(),
        }
    }
}
