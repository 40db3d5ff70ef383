//! The table: what each path of the site answers.

use std::collections::BTreeMap;
use std::time::Duration;

use encoding_rs::{UTF_8, WINDOWS_1252};
use url::Url;

use super::{Answer, Link};

const CHAPTERS: usize = 12;
const SECTIONS: usize = 20;
const RING: usize = 24;

/// The whole site. `root` is its own URL, `refused` one at which nobody listens.
pub(super) fn answers(root: &Url, refused: &Url) -> BTreeMap<String, Answer> {
    let mut site = Table::default();
    book(&mut site);
    ring(&mut site);
    redirects(&mut site);
    errors(&mut site, refused);
    slow_pages(&mut site);
    files(&mut site);
    ways_to_link(&mut site, root);
    let parts = [
        "book/",
        "ring/0",
        "redirects/",
        "errors/",
        "slow/",
        "files/",
        "links/",
    ];
    site.page("/", parts.map(|part| Link::to(format!("/{part}"))));
    site.0
}

#[derive(Default)]
struct Table(BTreeMap<String, Answer>);

impl Table {
    fn add(&mut self, path: impl Into<String>, answer: Answer) {
        let path = path.into();
        assert!(!self.0.contains_key(&path), "{path} answers two things");
        self.0.insert(path, answer);
    }

    fn page(&mut self, path: impl Into<String>, links: impl IntoIterator<Item = Link>) {
        self.add(path, page(links));
    }

    fn redirect(&mut self, path: impl Into<String>, status: u16, location: impl Into<String>) {
        let location = location.into();
        self.add(
            path,
            Answer::Redirect {
                status,
                target: Some(location.clone()),
                location,
            },
        );
    }
}

fn page(links: impl IntoIterator<Item = Link>) -> Answer {
    Answer::Page {
        links: links.into_iter().collect(),
        encoding: UTF_8,
    }
}

impl Link {
    fn to(path: impl Into<String>) -> Self {
        let path = path.into();
        Link {
            markup: format!(r#"<a href="{path}">{path}</a>"#),
            target: Some(path),
        }
    }

    fn followed(markup: impl Into<String>, target: impl Into<String>) -> Self {
        Link {
            markup: markup.into(),
            target: Some(target.into()),
        }
    }

    fn ignored(markup: impl Into<String>) -> Self {
        Link {
            markup: markup.into(),
            target: None,
        }
    }
}

/// Chapters of sections that refer to each other: back, on, up, and crosswise.
fn book(site: &mut Table) {
    let section = |chapter: usize, section: usize| format!("/book/{chapter}/{section}.html");
    site.page(
        "/book/",
        (0..CHAPTERS).map(|chapter| Link::to(format!("/book/{chapter}/"))),
    );
    for chapter in 0..CHAPTERS {
        let sections = (0..SECTIONS).map(|number| Link::to(section(chapter, number)));
        site.page(format!("/book/{chapter}/"), sections);
        for number in 0..SECTIONS {
            let mut links = vec![
                Link::followed(r#"<a href="./">chapter</a>"#, format!("/book/{chapter}/")),
                Link::followed(r#"<a href="../">book</a>"#, "/book/"),
                Link::to(section(
                    (chapter * 7 + number) % CHAPTERS,
                    (number * 3 + chapter) % SECTIONS,
                )),
                Link::to("/"),
            ];
            for neighbour in [number.wrapping_sub(1), number + 1] {
                if neighbour < SECTIONS {
                    let markup =
                        format!(r#"<a href="{neighbour}.html#top">section {neighbour}</a>"#);
                    links.push(Link::followed(markup, section(chapter, neighbour)));
                }
            }
            site.page(section(chapter, number), links);
        }
    }
}

/// Pages of which each knows only the next: no two can be fetched at the same time.
fn ring(site: &mut Table) {
    for number in 0..RING {
        site.page(
            format!("/ring/{number}"),
            [Link::to(format!("/ring/{}", (number + 1) % RING))],
        );
    }
}

fn redirects(site: &mut Table) {
    let mut links = Vec::new();
    let mut link = |path: &str| links.push(Link::to(path));

    for status in [300, 301, 302, 303, 307, 308] {
        let path = format!("/redirects/{status}");
        link(&path);
        site.redirect(&path, status, format!("/redirects/{status}/target"));
        site.page(format!("/redirects/{status}/target"), []);
    }

    // Chains of 1 to 12 redirects: with a limit of 10 the longest have an end that nobody gets to. No
    // other page links to their middles, or it would depend on the order how far they are followed.
    for length in 1..=12 {
        link(&format!("/redirects/chain/{length}/{length}"));
        for left in 1..=length {
            let next = format!("/redirects/chain/{length}/{}", left - 1);
            site.redirect(format!("/redirects/chain/{length}/{left}"), 302, next);
        }
        site.page(format!("/redirects/chain/{length}/0"), []);
    }

    link("/redirects/loop/a");
    site.redirect("/redirects/loop/a", 302, "/redirects/loop/b");
    site.redirect("/redirects/loop/b", 302, "/redirects/loop/c");
    site.redirect("/redirects/loop/c", 302, "/redirects/loop/a");
    link("/redirects/self");
    site.redirect("/redirects/self", 301, "/redirects/self");
    link("/redirects/home");
    site.redirect("/redirects/home", 301, "/");
    link("/redirects/missing");
    site.redirect("/redirects/missing", 302, "/redirects/missing/target");

    link("/redirects/relative");
    site.add(
        "/redirects/relative",
        Answer::Redirect {
            status: 302,
            location: "../redirects/relative/target#here".to_owned(),
            target: Some("/redirects/relative/target".to_owned()),
        },
    );
    site.page("/redirects/relative/target", []);
    link("/redirects/elsewhere");
    site.add(
        "/redirects/elsewhere",
        Answer::Redirect {
            status: 302,
            location: "http://example.invalid/".to_owned(),
            target: None,
        },
    );
    link("/redirects/nowhere");
    site.add("/redirects/nowhere", Answer::Status(302));

    site.page("/redirects/", links);
}

fn errors(site: &mut Table, refused: &Url) {
    let mut links = Vec::new();
    for status in [400, 401, 403, 410, 418, 429, 500, 501, 502, 503, 504] {
        links.push(Link::to(format!("/errors/{status}")));
        site.add(format!("/errors/{status}"), Answer::Status(status));
    }
    // What is not in the table answers 404.
    links.extend((0..10).map(|number| Link::to(format!("/errors/missing/{number}"))));

    let end = || page([Link::to("/errors/")]);
    for (path, answer) in [
        ("/errors/hang_up", Answer::HangUp { halfway: false }),
        ("/errors/hang_up_halfway", Answer::HangUp { halfway: true }),
        (
            "/errors/flaky",
            Answer::Flaky {
                failures: 1,
                then: Box::new(end()),
            },
        ),
        (
            "/errors/very_flaky",
            Answer::Flaky {
                failures: 3,
                then: Box::new(end()),
            },
        ),
        (
            "/errors/too_flaky",
            Answer::Flaky {
                failures: 4,
                then: Box::new(end()),
            },
        ),
    ] {
        links.push(Link::to(path));
        site.add(path, answer);
    }
    links.push(Link::to(refused.as_str()));
    site.page("/errors/", links);
}

fn slow_pages(site: &mut Table) {
    let path = |milliseconds: u64| format!("/slow/{milliseconds}");
    let delays = [50, 100, 150, 200, 250];
    site.page("/slow/", delays.map(|delay| Link::to(path(delay))));
    for delay in delays {
        let answer = page([Link::to("/slow/")]);
        site.add(
            path(delay),
            Answer::Slow(Duration::from_millis(delay), Box::new(answer)),
        );
    }
}

fn files(site: &mut Table) {
    let mut links = Vec::new();
    for (name, content_type, size) in [
        ("empty.txt", Some("text/plain"), 0),
        ("style.css", Some("text/css; charset=utf-8"), 800),
        ("logo.png", Some("image/png"), 4_000),
        ("paper.pdf", Some("application/pdf"), 200_000),
        ("video.mp4", Some("video/mp4"), 3_000_000),
        ("data.json", Some("application/json"), 1_234),
        ("untyped", None, 77),
        ("mistyped", Some("what is this?"), 78),
    ] {
        let path = format!("/files/{name}");
        links.push(Link::to(&path));
        site.add(path, Answer::File { content_type, size });
    }
    site.page("/files/", links);
}

/// All ways to write a link, and much that is none.
fn ways_to_link(site: &mut Table, root: &Url) {
    let mut links = Vec::new();
    let mut pages = Vec::new();
    let mut followed = |markup: &str, target: &str| {
        links.push(Link::followed(markup, target));
        pages.push(target.to_owned());
    };
    followed(
        "<a href='/links/single_quotes'>x</a>",
        "/links/single_quotes",
    );
    followed("<a href=/links/no_quotes>x</a>", "/links/no_quotes");
    followed("<A HREF = \"/links/upper_case\">x</A>", "/links/upper_case");
    followed(
        "<a class=\"y\"\n  href=\"/links/second_attribute\"\n>x</a>",
        "/links/second_attribute",
    );
    followed("<a href=\" /links/spaces \">x</a>", "/links/spaces");
    followed("<a href=relative>x</a>", "/links/relative");
    followed("<a href=./dots/../dotted>x</a>", "/links/dotted");
    followed("<a href=/links/fragment#part>x</a>", "/links/fragment");
    followed(
        "<a href=/links/query?b=2&amp;a=1>x</a>",
        "/links/query?b=2&a=1",
    );
    followed("<a href='/links/a space'>x</a>", "/links/a%20space");
    followed("<a href=/links/entit&#105;es>x</a>", "/links/entities");
    followed("<a href=/links/snowman/☃>x</a>", "/links/snowman/%E2%98%83");
    followed(
        "<link rel=alternate href=/links/link_element>",
        "/links/link_element",
    );
    followed(
        "<map><area href=/links/area_element></map>",
        "/links/area_element",
    );
    followed("<svg><a href=/links/svg>x</a></svg>", "/links/svg");
    followed(
        "<p><b><a href=/links/mis_nested></b></p>x</a>",
        "/links/mis_nested",
    );
    followed(
        &format!("<a href={root}links/absolute>x</a>"),
        "/links/absolute",
    );
    followed(
        &format!("<a href=//{}/links/no_scheme>x</a>", root.authority()),
        "/links/no_scheme",
    );
    links.push(Link::followed("<a href=''>this page</a>", "/links/"));
    links.push(Link::followed(
        "<a href='/links/relative'>again</a>",
        "/links/relative",
    ));

    links.extend([
        Link::ignored("<!-- <a href=/links/never/comment>x</a> -->"),
        Link::ignored("<script>'<a href=/links/never/script>x</a>'</script>"),
        Link::ignored("<style>/* <a href=/links/never/style>x</a> */</style>"),
        Link::ignored("<textarea><a href=/links/never/textarea>x</a></textarea>"),
        Link::ignored("&lt;a href=/links/never/text&gt;"),
        Link::ignored("<a data-href=/links/never/attribute title='href=/links/never/title'>x</a>"),
        Link::ignored("<a href=mailto:guido@example.invalid>x</a>"),
        Link::ignored("<a href=javascript:history.back()>x</a>"),
        Link::ignored("<a href=data:text/html,x>x</a>"),
        Link::ignored("<a href=ftp://127.0.0.1/>x</a>"),
        Link::ignored("<a href=http://example.invalid/>x</a>"),
        Link::ignored("<a href=http://[>x</a>"),
        Link::ignored(format!(
            "<a href=http://localhost:{}/>another name</a>",
            root.port().unwrap_or(80)
        )),
    ]);
    for path in pages {
        site.page(path, [Link::to("/")]);
    }

    links.push(Link::to("/links/based"));
    site.page(
        "/links/based",
        [
            Link::ignored("<base href=/links/base/>"),
            Link::followed("<a href=target>x</a>", "/links/base/target"),
        ],
    );
    site.page("/links/base/target", []);

    // One byte in windows-1252, two in UTF-8: as a path always the latter.
    links.push(Link::to("/links/latin"));
    let latin = vec![Link::followed(
        "<a href=/links/café>x</a>",
        "/links/caf%C3%A9",
    )];
    site.add(
        "/links/latin",
        Answer::Page {
            links: latin,
            encoding: WINDOWS_1252,
        },
    );
    site.page("/links/caf%C3%A9", []);

    site.page("/links/", links);
}
