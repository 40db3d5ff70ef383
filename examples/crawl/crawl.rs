//! A simple web crawler: the driver.
//!
//! ```text
//! cargo run --example crawl                              crawls a site that it serves itself
//! cargo run --example crawl -- example.com --max-tasks 3
//! cargo run --example crawl -- --help
//! ```
//!
//! Ctrl-C ends it with a report of what is done so far.

use std::io::{self, ErrorKind, IsTerminal};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use clap::Parser;
use crawl::crawling::{Crawler, Options};
use crawl::reporting::report;
use crawl::site::Site;
use indicatif::{ProgressBar, ProgressStyle};
use log::LevelFilter;
use regex::Regex;
use url::Url;

/// Crawls web sites, and reports what became of every URL.
#[derive(Parser)]
#[command(name = "crawl")]
struct Args {
    /// The URLs to start from; an embedded site if there are none
    #[arg(value_name = "URL", value_parser = fix_url)]
    roots: Vec<Url>,
    /// Limit redirection chains (for 301, 302 etc.)
    #[arg(long, value_name = "N", default_value_t = 10)]
    max_redirect: u32,
    /// Limit tries on network errors
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..))]
    max_tries: u32,
    /// Limit concurrent connections
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    max_tasks: u32,
    /// Give up a try after this long
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    timeout: Duration,
    /// Let each worker pause this long before each URL
    #[arg(long, value_name = "SECONDS", default_value = "0", value_parser = seconds)]
    delay: Duration,
    /// Exclude matching URLs
    #[arg(long, value_name = "REGEX")]
    exclude: Option<Regex>,
    /// Crawl all hosts that share the last two parts of their name with a root
    #[arg(long)]
    lenient: bool,
    /// Log what is done (repeat for more)
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
    /// Show no progress
    #[arg(short, long)]
    quiet: bool,
}

/// Parses a root, which may come without its `http://`.
fn fix_url(text: &str) -> Result<Url, String> {
    let url = if text.contains("://") {
        text.to_owned()
    } else {
        format!("http://{text}")
    };
    let url = Url::parse(&url).map_err(|error| error.to_string())?;
    match url.scheme() {
        "http" | "https" => Ok(url),
        scheme => Err(format!("only http and https can be crawled, not {scheme}")),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text
        .parse()
        .map_err(|_| "not a number of seconds".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

/// How it is shown how far the crawl is.
#[derive(Clone)]
enum Progress {
    Silent,
    /// A line now and then, where nobody watches.
    Lines,
    Bar(ProgressBar),
}

impl Progress {
    fn new(args: &Args) -> Self {
        if args.quiet || args.verbose > 0 {
            Progress::Silent
        } else if io::stderr().is_terminal() {
            let style =
                ProgressStyle::with_template("{wide_bar} {pos} of {len} urls done, {elapsed}");
            Progress::Bar(ProgressBar::new(0).with_style(style.expect("a valid template")))
        } else {
            Progress::Lines
        }
    }

    fn show(&self, crawler: &Crawler) {
        let (done, seen) = (crawler.done().len(), crawler.num_seen());
        match self {
            Progress::Bar(bar) => {
                bar.set_length(seen as u64);
                bar.set_position(done as u64);
            }
            Progress::Lines if done % 50 == 0 => eprintln!("{done} of {seen} urls done"),
            Progress::Lines | Progress::Silent => {}
        }
    }

    fn finish(&self) {
        if let Progress::Bar(bar) = self {
            bar.finish_and_clear();
        }
    }
}

/// Crawls until all is done or Ctrl-C is pressed, and reports.
#[asyncio::coroutine]
fn crawl(args: Args) -> io::Result<()> {
    let progress = Progress::new(&args);
    let shown = progress.clone();
    let options = Options {
        exclude: args.exclude,
        strict: !args.lenient,
        max_redirect: args.max_redirect,
        max_tries: args.max_tries,
        max_tasks: args.max_tasks as usize,
        timeout: args.timeout,
        delay: args.delay,
    };
    let mut roots = args.roots;
    if roots.is_empty() {
        let site = yield_from!(Site::start())?;
        eprintln!("crawling the embedded site at {}", site.root());
        roots.push(site.root().clone());
    }

    let crawler = Rc::new(Crawler::new(roots, options).on_done(move |crawler| shown.show(crawler)));
    let crawled = yield_from!(asyncio::catch_cancelled(crawler.clone().crawl()));
    progress.finish();
    if crawled.is_err() {
        eprintln!("\nInterrupted\n");
    }
    report(&crawler, &mut io::stdout().lock())
}

fn main() -> ExitCode {
    let args = Args::parse();
    let level = match args.verbose {
        0 => LevelFilter::Error,
        1 => LevelFilter::Info,
        _ => LevelFilter::Debug,
    };
    env_logger::builder()
        .filter_module("crawl", level)
        .filter_module("asyncio", level.max(LevelFilter::Warn))
        .init();

    match asyncio::run(crawl(args)) {
        Ok(()) => ExitCode::SUCCESS,
        // As when the report goes through `head`.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
