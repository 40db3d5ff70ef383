//! What the crawler reports of the embedded site is what the site's table says, with any number of workers.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use crawl::crawling::{Crawler, FetchStatistic, Options};
use crawl::site::{Expected, Outcome, Site};
use url::Url;

/// Crawls the site and returns it with the crawler.
fn crawl(options: Options) -> (Rc<Site>, Rc<Crawler>) {
    asyncio::run(async {
        let site = Site::start().await.unwrap();
        let crawler = Rc::new(Crawler::new([site.root().clone()], options));
        Rc::clone(&crawler).crawl().await;
        (site, crawler)
    })
}

fn outcome(statistic: &FetchStatistic) -> Outcome {
    match statistic {
        FetchStatistic {
            exception: Some(_), ..
        } => Outcome::Failed,
        FetchStatistic {
            status: Some(status),
            next_url: Some(next_url),
            ..
        } => Outcome::Redirected {
            status: status.as_u16(),
            next_url: next_url.clone(),
        },
        FetchStatistic {
            status: Some(status),
            content_type,
            size,
            num_urls,
            ..
        } => Outcome::Answered {
            status: status.as_u16(),
            content_type: content_type.clone(),
            size: *size,
            num_urls: *num_urls,
        },
        FetchStatistic { status: None, .. } => {
            panic!("neither an answer nor a failure: {statistic:?}")
        }
    }
}

fn assert_reports_what_the_table_says(options: Options) {
    let (site, crawler) = crawl(options.clone());
    let mut reported = BTreeMap::new();
    for statistic in crawler.done().iter() {
        let url = statistic.url.clone();
        let found = Expected {
            outcome: outcome(statistic),
            requests: site.requests(&url),
        };
        let earlier = reported.insert(url, found);
        assert!(earlier.is_none(), "{} is reported twice", statistic.url);
    }

    let expected = site.expected(&options);
    let urls: std::collections::BTreeSet<&Url> = expected.keys().chain(reported.keys()).collect();
    let wrong: Vec<_> = urls
        .into_iter()
        .map(|url| (url, expected.get(url), reported.get(url)))
        .filter(|(_, expected, reported)| expected != reported)
        .map(|(url, expected, reported)| {
            format!("{url}\n  expected {expected:?}\n  reported {reported:?}\n")
        })
        .collect();
    assert!(wrong.is_empty(), "with {options:?}:\n{}", wrong.concat());
    assert_eq!(
        (crawler.num_seen(), crawler.num_todo()),
        (reported.len(), 0)
    );
}

#[test]
fn one_worker_reports_what_the_table_says() {
    assert_reports_what_the_table_says(Options {
        max_tasks: 1,
        ..Options::default()
    });
}

#[test]
fn the_default_number_of_workers_reports_what_the_table_says() {
    assert_reports_what_the_table_says(Options::default());
}

#[test]
fn a_hundred_workers_report_what_the_table_says() {
    assert_reports_what_the_table_says(Options {
        max_tasks: 100,
        ..Options::default()
    });
}

#[test]
fn redirects_are_followed_as_far_as_the_limit_allows() {
    for max_redirect in [0, 1, 11, 20] {
        assert_reports_what_the_table_says(Options {
            max_redirect,
            ..Options::default()
        });
    }
}

#[test]
fn a_url_that_fails_is_tried_as_often_as_the_limit_allows() {
    for max_tries in [1, 2, 5] {
        assert_reports_what_the_table_says(Options {
            max_tries,
            ..Options::default()
        });
    }
}

#[test]
fn every_new_link_is_counted_once() {
    let (_, crawler) = crawl(Options::default());
    let new: usize = crawler
        .done()
        .iter()
        .map(|statistic| statistic.num_new_urls)
        .sum();
    let followed = crawler
        .done()
        .iter()
        .filter(|statistic| statistic.next_url.is_some())
        .count();
    // What is seen was a root, new in a page, or where a redirect led.
    assert!(
        (new..=1 + new + followed).contains(&crawler.num_seen()),
        "{new} {followed} {}",
        crawler.num_seen()
    );
}

#[test]
fn urls_that_are_excluded_are_not_asked_for() {
    let exclude = Some("/book/|/slow/".parse().unwrap());
    let (site, crawler) = crawl(Options {
        exclude,
        ..Options::default()
    });
    assert!(
        crawler
            .done()
            .iter()
            .all(|statistic| !statistic.url.path().starts_with("/book/"))
    );
    assert_eq!(site.requests(&site.root().join("/book/").unwrap()), 0);
    assert_eq!(site.requests(&site.root().join("/ring/0").unwrap()), 1);
}

#[test]
fn an_answer_that_takes_too_long_is_a_failed_try() {
    asyncio::run(async {
        let site = Site::start().await.unwrap();
        let slow = site.root().join("/slow/250").unwrap();
        let options = Options {
            timeout: Duration::from_millis(20),
            max_tries: 2,
            ..Options::default()
        };
        let crawler = Rc::new(Crawler::new([slow], options));
        crawler.clone().crawl().await;
        let done = crawler.done();
        assert_eq!(done.len(), 1);
        let exception = done[0].exception.as_ref().expect("it took too long");
        assert_eq!(exception.kind(), "timeout");
    });
}
