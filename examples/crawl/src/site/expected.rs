//! What a crawler has to report of the site.

use std::collections::{BTreeMap, HashSet, VecDeque};

use url::Url;

use super::{Answer, Site};
use crate::crawling::Options;

/// What has to become of a URL.
#[derive(Debug, PartialEq, Eq)]
pub struct Expected {
    /// What it answers.
    pub outcome: Outcome,
    /// How often it is asked for.
    pub requests: u32,
}

/// How a URL ends up in the report.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// With this status, and the links that may be crawled counted.
    Answered {
        /// The status.
        status: u16,
        /// The content type without its parameters.
        content_type: Option<String>,
        /// The length of the body.
        size: usize,
        /// How many URLs it links to, each counted once.
        num_urls: usize,
    },
    /// As a redirect to there.
    Redirected {
        /// The status.
        status: u16,
        /// Where to.
        next_url: Url,
    },
    /// As failed.
    Failed,
}

/// URLs, and how many redirects in a row may be followed from each.
type Todo = VecDeque<(Url, u32)>;

impl Site {
    /// What a crawler with these options has to report.
    pub fn expected(&self, options: &Options) -> BTreeMap<Url, Expected> {
        self.walk(options, Todo::pop_front)
    }

    /// Walks all that can be reached; `take` says which URL is next.
    fn walk(
        &self,
        options: &Options,
        take: fn(&mut Todo) -> Option<(Url, u32)>,
    ) -> BTreeMap<Url, Expected> {
        let mut expected = BTreeMap::new();
        let mut seen = HashSet::from([self.root.clone()]);
        let mut todo = Todo::from([(self.root.clone(), options.max_redirect)]);
        while let Some((url, max_redirect)) = take(&mut todo) {
            let found = self.expect(&url, options);
            let next: Vec<(Url, u32)> = match self.settled(&url, options.max_tries) {
                Some(Answer::Redirect {
                    target: Some(target),
                    ..
                }) if max_redirect > 0 => {
                    vec![(self.url(target), max_redirect - 1)]
                }
                Some(Answer::Page { links, .. }) => {
                    let targets = links.iter().filter_map(|link| link.target.as_ref());
                    targets
                        .map(|target| (self.url(target), options.max_redirect))
                        .collect()
                }
                _ => Vec::new(),
            };
            todo.extend(next.into_iter().filter(|(url, _)| seen.insert(url.clone())));
            expected.insert(url, found);
        }
        expected
    }

    fn expect(&self, url: &Url, options: &Options) -> Expected {
        let Some(answer) = self.settled(url, options.max_tries) else {
            let asked = if url.port() == self.root.port() {
                options.max_tries
            } else {
                0
            };
            return Expected {
                outcome: Outcome::Failed,
                requests: asked,
            };
        };
        let outcome = match answer {
            Answer::Redirect {
                status, location, ..
            } => {
                let mut next_url = self.url(location);
                next_url.set_fragment(None);
                Outcome::Redirected {
                    status: *status,
                    next_url,
                }
            }
            _ => Outcome::Answered {
                status: answer.status(),
                content_type: match answer {
                    Answer::Page { .. } => Some("text/html".to_owned()),
                    Answer::File {
                        content_type: Some(written),
                        ..
                    } => {
                        let essence = written.split(';').next().unwrap_or(written);
                        essence.contains('/').then(|| essence.to_owned())
                    }
                    _ => None,
                },
                size: answer.body().len(),
                num_urls: match answer {
                    Answer::Page { links, .. } => links
                        .iter()
                        .filter_map(|link| link.target.as_ref())
                        .collect::<HashSet<_>>()
                        .len(),
                    _ => 0,
                },
            },
        };
        let failures = match self.answer(url) {
            Some(Answer::Flaky { failures, .. }) => *failures,
            _ => 0,
        };
        Expected {
            outcome,
            requests: failures + 1,
        }
    }

    /// What the path answers in the end, if it does within so many tries.
    fn settled(&self, url: &Url, max_tries: u32) -> Option<&Answer> {
        match self.answer(url)? {
            Answer::HangUp { .. } => None,
            Answer::Flaky { failures, then } => (*failures < max_tries).then_some(then),
            Answer::Slow(_, then) => Some(then),
            answer => Some(answer),
        }
    }

    /// The table's entry, unless nobody listens there.
    fn answer(&self, url: &Url) -> Option<&Answer> {
        if url.port() != self.root.port() {
            return None;
        }
        let path = &url[url::Position::BeforePath..];
        Some(self.answers.get(path).unwrap_or(&Answer::Status(404)))
    }

    fn url(&self, target: &str) -> Url {
        self.root.join(target).expect("the table has URLs")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_expected_does_not_depend_on_the_order_of_the_walk() {
        asyncio::run(async {
            let site = Site::start().await.unwrap();
            for max_redirect in [0, 1, 10, 20] {
                let options = Options {
                    max_redirect,
                    ..Options::default()
                };
                let breadth_first = site.walk(&options, Todo::pop_front);
                let depth_first = site.walk(&options, Todo::pop_back);
                assert_eq!(breadth_first, depth_first);
            }
        });
    }

    #[test]
    fn everything_in_the_table_is_reached_if_redirects_are_not_limited() {
        asyncio::run(async {
            let site = Site::start().await.unwrap();
            let options = Options {
                max_redirect: 100,
                max_tries: 10,
                ..Options::default()
            };
            let expected = site.expected(&options);
            for path in site.answers.keys() {
                assert!(expected.contains_key(&site.url(path)), "{path}");
            }
        });
    }

    #[test]
    fn a_chain_of_redirects_is_followed_as_far_as_the_limit_allows() {
        asyncio::run(async {
            let site = Site::start().await.unwrap();
            let expected = site.expected(&Options {
                max_redirect: 10,
                ..Options::default()
            });
            assert!(expected.contains_key(&site.url("/redirects/chain/10/0")));
            assert!(expected.contains_key(&site.url("/redirects/chain/11/1")));
            assert!(!expected.contains_key(&site.url("/redirects/chain/11/0")));
        });
    }
}
