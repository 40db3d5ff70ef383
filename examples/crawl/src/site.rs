//! A site to crawl, served by this process itself: hundreds of pages, with all that a crawler can meet.
//!
//! `pages` is the table of what each path answers, `serve` answers so, and [`Site::expected`] says
//! what a crawler has to report. That last one reads the table and never a page: each link stands in the
//! table twice, as the page writes it and as the path that is meant by it.

mod expected;
mod pages;
mod serve;

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use async_net::TcpListener;
use encoding_rs::Encoding;
use socket2::{Domain, Socket, Type};
use url::Url;

pub use expected::{Expected, Outcome};

/// What a path answers.
#[derive(Debug)]
enum Answer {
    /// A page with links.
    Page {
        links: Vec<Link>,
        encoding: &'static Encoding,
    },
    /// Something without links.
    File {
        content_type: Option<&'static str>,
        size: usize,
    },
    /// `location` as it is written, and the path or URL that is meant, if it may be crawled.
    Redirect {
        status: u16,
        location: String,
        target: Option<String>,
    },
    /// An error, or a redirect that does not say where to.
    Status(u16),
    /// The answer, after a while.
    Slow(Duration, Box<Answer>),
    /// The connection is closed, without an answer or in the middle of one.
    HangUp { halfway: bool },
    /// So many times the connection is closed, then comes the answer.
    Flaky { failures: u32, then: Box<Answer> },
}

/// Something in a page, and what a crawler has to follow there: a path, a URL or nothing.
#[derive(Debug)]
struct Link {
    markup: String,
    target: Option<String>,
}

/// A site on the loopback interface, as long as the event loop runs.
#[derive(Debug)]
pub struct Site {
    root: Url,
    answers: BTreeMap<String, Answer>,
    requests: RefCell<HashMap<String, u32>>,
    /// Holds a port at which nobody listens.
    _refusing: Socket,
}

#[asyncio::coroutines]
impl Site {
    /// Starts to serve, at a port that is free.
    ///
    /// # Errors
    ///
    /// What the sockets fail with.
    #[coroutine]
    pub fn start() -> io::Result<Rc<Self>> {
        let listener = yield_from!(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let root = root_url(listener.local_addr()?);

        let refusing = Socket::new(Domain::IPV4, Type::STREAM, None)?;
        refusing.bind(&SocketAddr::from((Ipv4Addr::LOCALHOST, 0)).into())?;
        let refusing_port = refusing
            .local_addr()?
            .as_socket()
            .expect("an IPv4 socket")
            .port();
        let refused = root_url(SocketAddr::from((Ipv4Addr::LOCALHOST, refusing_port)));

        let site = Rc::new(Site {
            answers: pages::answers(&root, &refused),
            root,
            requests: RefCell::default(),
            _refusing: refusing,
        });
        asyncio::create_task(serve::serve(Rc::clone(&site), listener));
        Ok(site)
    }

    /// The URL to start from.
    pub fn root(&self) -> &Url {
        &self.root
    }

    /// How often a URL has been asked for.
    pub fn requests(&self, url: &Url) -> u32 {
        let path = &url[url::Position::BeforePath..];
        if url.port() == self.root.port() {
            self.requests.borrow().get(path).copied().unwrap_or(0)
        } else {
            0
        }
    }
}

fn root_url(address: SocketAddr) -> Url {
    format!("http://{address}/")
        .parse()
        .expect("an address makes a URL")
}
