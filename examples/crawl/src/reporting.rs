//! The report of a crawl.

use std::collections::BTreeMap;
use std::io::{self, Write};

use hyper::StatusCode;

use crate::crawling::{Crawler, FetchStatistic};

/// Counts of various sorts.
#[derive(Default)]
struct Stats(BTreeMap<String, usize>);

impl Stats {
    fn add(&mut self, key: impl Into<String>, count: usize) {
        *self.0.entry(key.into()).or_default() += count;
    }

    fn report(&self, out: &mut impl Write) -> io::Result<()> {
        for (key, count) in &self.0 {
            writeln!(out, "{count:10} {key}")?;
        }
        Ok(())
    }
}

/// Writes a report on all URLs that are done.
///
/// # Errors
///
/// What `out` fails with.
pub fn report(crawler: &Crawler, out: &mut impl Write) -> io::Result<()> {
    let dt = crawler.elapsed().as_secs_f64();
    let done = crawler.done();
    let max_tasks = crawler.options().max_tasks;
    let speed = if dt > 0.0 {
        done.len() as f64 / dt / max_tasks as f64
    } else {
        0.0
    };
    let mut stats = Stats::default();
    writeln!(out, "*** Report ***")?;
    let mut show: Vec<_> = done.iter().collect();
    show.sort_by(|a, b| a.url.cmp(&b.url));
    for stat in show {
        url_report(stat, &mut stats, out)?;
    }
    let urls = done.len();
    writeln!(
        out,
        "Finished {urls} urls in {dt:.3} secs (max_tasks={max_tasks}) ({speed:.3} urls/sec/task)"
    )?;
    stats.report(out)?;
    writeln!(out, "Todo: {}", crawler.num_todo())?;
    writeln!(out, "Done: {urls}")
}

/// Writes a line on a URL, and counts it.
fn url_report(stat: &FetchStatistic, stats: &mut Stats, out: &mut impl Write) -> io::Result<()> {
    let url = &stat.url;
    if let Some(exception) = &stat.exception {
        stats.add("fail", 1);
        stats.add(format!("fail_{}", exception.kind()), 1);
        return writeln!(out, "{url} error {exception}");
    }
    let status = stat.status.expect("what has not failed was answered");
    if let Some(next_url) = &stat.next_url {
        stats.add("redirect", 1);
        return writeln!(out, "{url} {} redirect {next_url}", status.as_u16());
    }

    let content_type = stat.content_type.as_deref().unwrap_or("-");
    let size = stat.size;
    write!(out, "{url} {} {content_type} ", status.as_u16())?;
    if let Some(encoding) = stat.encoding {
        stats.add("html", 1);
        stats.add("html_bytes", size);
        return writeln!(
            out,
            "{encoding} {size} {}/{}",
            stat.num_new_urls, stat.num_urls
        );
    }
    if status == StatusCode::OK {
        stats.add("other", 1);
        stats.add("other_bytes", size);
    } else {
        stats.add("error", 1);
        stats.add("error_bytes", size);
        stats.add(format!("status_{}", status.as_u16()), 1);
    }
    writeln!(out, "{size}")
}
