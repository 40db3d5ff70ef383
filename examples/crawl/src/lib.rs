//! A web crawler in generator-based coroutines.
//!
//! It is a port of the crawler that A. Jesse Jiryu Davis and Guido van Rossum wrote for
//! [*500 Lines or Less*](https://aosabook.org/en/500L/a-web-crawler-with-asyncio-coroutines.html), when
//! Python's coroutines were still generators. Its parts have kept their names:
//!
//! | Python | here |
//! |---|---|
//! | `crawl.py`, the driver | `crawl.rs` |
//! | `crawling.py`, `Crawler` and `FetchStatistic` | [`crawling`] |
//! | `reporting.py` | [`reporting`] |
//! | `aiohttp.ClientSession` | [`session`], over hyper |
//! | a regular expression for `href=` | [`links`], over an HTML parser |
//! | — | [`site`]: something to crawl that needs no network |
//!
//! Two things are done otherwise, since the original fails there. A body that breaks off is a failed try
//! like any other, where it used to end the worker; and a redirect to a foreign host is not followed.

pub mod crawling;
pub mod links;
pub mod reporting;
pub mod session;
pub mod site;
