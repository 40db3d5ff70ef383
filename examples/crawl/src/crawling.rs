//! The class that crawls.

use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::rc::Rc;
use std::time::{Duration, Instant};

use asyncio::Queue;
use encoding_rs::{Encoding, UTF_8};
use hyper::StatusCode;
use hyper::header::{CONTENT_TYPE, LOCATION};
use log::{debug, info, warn};
use mime::Mime;
use regex::Regex;
use url::{Host, Url};

use crate::links::hrefs;
use crate::session::{FetchError, Response, Session};

/// What is crawled, and how hard is tried.
#[derive(Clone, Debug)]
pub struct Options {
    /// URLs in which this is found are left out.
    pub exclude: Option<Regex>,
    /// Only the hosts of the roots are crawled, with or without `www.`; else all hosts that share the
    /// last two parts of their name with one.
    pub strict: bool,
    /// How many redirects in a row are followed.
    pub max_redirect: u32,
    /// How often a URL is tried when the network fails.
    pub max_tries: u32,
    /// How many workers there are, and so how many connections at most.
    pub max_tasks: usize,
    /// How long a try may take.
    pub timeout: Duration,
    /// How long a worker pauses before each URL.
    pub delay: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            exclude: None,
            strict: true,
            max_redirect: 10,
            max_tries: 4,
            max_tasks: 10,
            timeout: Duration::from_secs(30),
            delay: Duration::ZERO,
        }
    }
}

/// What became of a URL.
#[derive(Debug)]
pub struct FetchStatistic {
    /// The URL.
    pub url: Url,
    /// Where it redirects to.
    pub next_url: Option<Url>,
    /// The status of the answer, unless there was none.
    pub status: Option<StatusCode>,
    /// Why there was no answer.
    pub exception: Option<FetchError>,
    /// The length of the body.
    pub size: usize,
    /// The content type, without its parameters.
    pub content_type: Option<String>,
    /// The encoding of a page with links.
    pub encoding: Option<&'static str>,
    /// How many URLs it links to that may be crawled.
    pub num_urls: usize,
    /// How many of them nobody had seen before.
    pub num_new_urls: usize,
}

impl FetchStatistic {
    fn new(url: Url) -> Self {
        FetchStatistic {
            url,
            next_url: None,
            status: None,
            exception: None,
            size: 0,
            content_type: None,
            encoding: None,
            num_urls: 0,
            num_new_urls: 0,
        }
    }
}

/// Crawls a set of URLs.
///
/// Two sets of URLs are kept: `seen_urls`, and `done` with what became of them.
pub struct Crawler {
    options: Options,
    q: Queue<(Url, u32)>,
    seen_urls: RefCell<HashSet<Url>>,
    done: RefCell<Vec<FetchStatistic>>,
    session: Session,
    root_domains: HashSet<String>,
    t0: Cell<Instant>,
    t1: Cell<Option<Instant>>,
    on_done: Box<dyn Fn(&Crawler)>,
}

#[asyncio::coroutines]
impl Crawler {
    /// A crawler that starts from `roots`.
    pub fn new(roots: impl IntoIterator<Item = Url>, options: Options) -> Self {
        let mut crawler = Crawler {
            options,
            q: Queue::new(),
            seen_urls: RefCell::default(),
            done: RefCell::default(),
            session: Session::new(),
            root_domains: HashSet::new(),
            t0: Cell::new(Instant::now()),
            t1: Cell::new(None),
            on_done: Box::new(|_| ()),
        };
        for mut root in roots {
            root.set_fragment(None);
            match root.host() {
                Some(Host::Domain(host)) if !crawler.options.strict => {
                    crawler.root_domains.insert(lenient_host(host))
                }
                Some(host) => crawler.root_domains.insert(host.to_string()),
                None => continue,
            };
            if !crawler.seen_urls.borrow().contains(&root) {
                crawler.add_url(root, crawler.options.max_redirect);
            }
        }
        crawler
    }

    /// Calls `on_done` whenever a URL is done.
    #[must_use]
    pub fn on_done(mut self, on_done: impl Fn(&Crawler) + 'static) -> Self {
        self.on_done = Box::new(on_done);
        self
    }

    /// Fetches over this session.
    #[must_use]
    pub fn session(mut self, session: Session) -> Self {
        self.session = session;
        self
    }

    /// What became of the URLs that are done, in the order in which they were.
    pub fn done(&self) -> std::cell::Ref<'_, [FetchStatistic]> {
        std::cell::Ref::map(self.done.borrow(), Vec::as_slice)
    }

    /// How many URLs have been seen, done or not.
    pub fn num_seen(&self) -> usize {
        self.seen_urls.borrow().len()
    }

    /// How many URLs no worker has taken up yet.
    pub fn num_todo(&self) -> usize {
        self.q.qsize()
    }

    /// How long it crawled, or has been crawling.
    pub fn elapsed(&self) -> Duration {
        let t1 = self.t1.get().unwrap_or_else(Instant::now);
        t1 - self.t0.get()
    }

    /// The options it was made with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Whether a host should be crawled.
    ///
    /// The host of a root always is. For names, as against addresses, others may be, too, as
    /// [`Options::strict`] says.
    fn host_okay(&self, host: &Host<&str>) -> bool {
        let name = host.to_string();
        if self.root_domains.contains(&name) {
            return true;
        }
        match host {
            Host::Domain(_) if self.options.strict => match name.strip_prefix("www.") {
                Some(bare) => self.root_domains.contains(bare),
                None => self.root_domains.contains(&format!("www.{name}")),
            },
            Host::Domain(_) => self.root_domains.contains(&lenient_host(&name)),
            Host::Ipv4(_) | Host::Ipv6(_) => false,
        }
    }

    /// Records what became of a URL.
    fn record_statistic(&self, fetch_statistic: FetchStatistic) {
        self.done.borrow_mut().push(fetch_statistic);
        (self.on_done)(self);
    }

    /// The statistic of an answer, and the links in it.
    fn parse_links(&self, url: Url, response: &Response) -> (FetchStatistic, HashSet<Url>) {
        let mut links = HashSet::new();
        let content_type = response
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok());
        let content_type: Option<Mime> = content_type.and_then(|value| value.parse().ok());
        let mut encoding = None;

        if let Some(content_type) = &content_type {
            let is_page =
                ["text/html", "application/xhtml+xml"].contains(&content_type.essence_str());
            if is_page && response.status == StatusCode::OK {
                let charset = content_type.get_param(mime::CHARSET);
                let charset =
                    charset.and_then(|name| Encoding::for_label(name.as_str().as_bytes()));
                let (text, used, _) = charset.unwrap_or(UTF_8).decode(&response.body);
                encoding = Some(used.name());

                let urls = hrefs(&text, &url);
                info!("got {} distinct urls from {url}", urls.len());
                for mut defragmented in urls {
                    defragmented.set_fragment(None);
                    if self.url_allowed(&defragmented) {
                        links.insert(defragmented);
                    }
                }
            }
        }

        let stat = FetchStatistic {
            status: Some(response.status),
            size: response.body.len(),
            content_type: content_type.map(|content_type| content_type.essence_str().to_owned()),
            encoding,
            num_urls: links.len(),
            num_new_urls: links.difference(&self.seen_urls.borrow()).count(),
            ..FetchStatistic::new(url)
        };

        (stat, links)
    }

    /// Fetches one URL.
    #[coroutine]
    fn fetch(&self, url: Url, max_redirect: u32) {
        let mut tries = 1;
        let response = loop {
            let exception = match yield_from!(asyncio::wait_for(
                self.session.get(&url),
                self.options.timeout
            )) {
                Ok(Ok(response)) => {
                    if tries > 1 {
                        info!("try {tries} for {url} success");
                    }
                    break response;
                }
                Ok(Err(exception)) => exception,
                Err(timeout) => timeout.into(),
            };
            info!("try {tries} for {url} raised {exception}");
            if tries == self.options.max_tries {
                // All tries failed.
                info!("{url} failed after {tries} tries");
                self.record_statistic(FetchStatistic {
                    exception: Some(exception),
                    ..FetchStatistic::new(url)
                });
                return;
            }
            tries += 1;
        };

        if let Some(next_url) = redirect_target(&url, &response) {
            self.record_statistic(FetchStatistic {
                next_url: Some(next_url.clone()),
                status: Some(response.status),
                ..FetchStatistic::new(url.clone())
            });

            if self.seen_urls.borrow().contains(&next_url) || !self.url_allowed(&next_url) {
                return;
            }
            if max_redirect > 0 {
                info!("redirect to {next_url} from {url}");
                self.add_url(next_url, max_redirect - 1);
            } else {
                warn!("redirect limit reached for {next_url} from {url}");
            }
        } else {
            let (stat, links) = self.parse_links(url, &response);
            for link in links {
                if !self.seen_urls.borrow().contains(&link) {
                    self.add_url(link, self.options.max_redirect);
                }
            }
            self.record_statistic(stat);
        }
    }

    /// Takes up URLs for ever.
    #[coroutine]
    fn work(self: Rc<Self>) {
        while let Ok((url, max_redirect)) = yield_from!(self.q.get()) {
            assert!(self.seen_urls.borrow().contains(&url));
            yield_from!(asyncio::sleep(self.options.delay));
            yield_from!(self.fetch(url, max_redirect));
            self.q.task_done();
        }
    }

    fn url_allowed(&self, url: &Url) -> bool {
        if self
            .options
            .exclude
            .as_ref()
            .is_some_and(|exclude| exclude.is_match(url.as_str()))
        {
            return false;
        }
        if !["http", "https"].contains(&url.scheme()) {
            debug!("skipping non-http scheme in {url}");
            return false;
        }
        if !url.host().is_some_and(|host| self.host_okay(&host)) {
            debug!("skipping non-root host in {url}");
            return false;
        }
        true
    }

    /// Adds a URL that has not been seen before to the queue.
    fn add_url(&self, url: Url, max_redirect: u32) {
        debug!("adding {url} {max_redirect}");
        self.seen_urls.borrow_mut().insert(url.clone());
        self.q
            .put_nowait((url, max_redirect))
            .expect("the queue has no limit and is never shut down");
    }

    /// Runs until all is done.
    #[coroutine]
    pub fn crawl(self: Rc<Self>) {
        let work = |_| asyncio::create_task(Rc::clone(&self).work());
        let workers: Vec<_> = (0..self.options.max_tasks).map(work).collect();
        self.t0.set(Instant::now());
        // Also when the crawl itself is cancelled.
        let finish = async {
            self.t1.set(Some(Instant::now()));
            for worker in &workers {
                worker.cancel();
            }
        };
        yield_from!(asyncio::finally(self.q.join(), finish));
    }
}

fn lenient_host(host: &str) -> String {
    let mut parts: Vec<_> = host.rsplit('.').take(2).collect();
    parts.reverse();
    parts.join(".")
}

fn redirect_target(url: &Url, response: &Response) -> Option<Url> {
    if ![300, 301, 302, 303, 307, 308].contains(&response.status.as_u16()) {
        return None;
    }
    let location = response.headers.get(LOCATION)?.to_str().ok()?;
    let mut next_url = url.join(location).ok()?;
    next_url.set_fragment(None);
    Some(next_url)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crawler(root: &str, strict: bool) -> Crawler {
        Crawler::new(
            [root.parse().unwrap()],
            Options {
                strict,
                ..Options::default()
            },
        )
    }

    #[test]
    fn a_strict_crawler_keeps_to_the_host_with_or_without_www() {
        let crawler = crawler("http://Example.com/", true);
        for (url, allowed) in [
            ("http://example.com/a", true),
            ("https://EXAMPLE.com:8080/a", true),
            ("http://www.example.com/", true),
            ("http://docs.example.com/", false),
            ("http://example.org/", false),
            ("ftp://example.com/", false),
            ("mailto:guido@example.com", false),
        ] {
            assert_eq!(crawler.url_allowed(&url.parse().unwrap()), allowed, "{url}");
        }
    }

    #[test]
    fn a_lenient_crawler_keeps_to_the_last_two_parts_of_the_host() {
        let crawler = crawler("http://www.example.com/", false);
        for (url, allowed) in [
            ("http://docs.example.com/", true),
            ("http://example.com/", true),
            ("http://example.org/", false),
            ("http://badexample.com/", false),
        ] {
            assert_eq!(crawler.url_allowed(&url.parse().unwrap()), allowed, "{url}");
        }
    }

    #[test]
    fn addresses_match_only_themselves() {
        let crawler = crawler("http://127.0.0.1:8000/", false);
        assert!(crawler.url_allowed(&"http://127.0.0.1:9000/".parse().unwrap()));
        assert!(!crawler.url_allowed(&"http://10.0.0.1:8000/".parse().unwrap()));
    }

    #[test]
    fn a_root_named_twice_is_crawled_once() {
        let roots = [
            "http://example.com/",
            "http://example.com",
            "http://EXAMPLE.com/#part",
        ];
        let roots = roots.map(|root| root.parse().unwrap());
        let crawler = Crawler::new(roots, Options::default());
        assert_eq!((crawler.num_seen(), crawler.num_todo()), (1, 1));
    }
}
