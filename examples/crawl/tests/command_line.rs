//! The program as its user meets it.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use examples::programs::executable;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::consts::SIGINT;

fn crawl(args: &[&str]) -> Output {
    Command::new(executable("crawl"))
        .args(args)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// The lines of a report on single URLs: the path, and what follows it. (The one URL at another port
/// is left out, its path is that of the root.)
fn url_lines(report: &str) -> BTreeMap<String, String> {
    let lines = report
        .lines()
        .filter(|line| line.starts_with("http://") && !line.contains("cannot connect"));
    lines
        .map(|line| {
            let (url, rest) = line.split_once(' ').unwrap();
            let path = &url["http://".len()..];
            (path[path.find('/').unwrap()..].to_owned(), rest.to_owned())
        })
        .collect()
}

/// A line of the report's end: the number before or after `name`.
fn count(report: &str, name: &str) -> usize {
    let line = report
        .lines()
        .find(|line| !line.starts_with("http") && line.contains(name));
    let line = line.unwrap_or_else(|| panic!("no {name} in\n{report}"));
    line.split_whitespace()
        .find_map(|word| word.parse().ok())
        .unwrap()
}

fn assert_reports_the_embedded_site(args: &[&str]) {
    let output = crawl(args);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let report = text(&output.stdout);
    let lines = url_lines(report);
    for (path, begins) in [
        ("/ring/23", "200 text/html UTF-8 "),
        ("/redirects/301", "301 redirect http://127.0.0.1:"),
        (
            "/redirects/elsewhere",
            "302 redirect http://example.invalid/",
        ),
        ("/redirects/nowhere", "302 - 4"),
        ("/errors/missing/9", "404 - 4"),
        ("/errors/500", "500 - 4"),
        (
            "/errors/hang_up",
            "error connection closed before message completed",
        ),
        ("/errors/hang_up_halfway", "error "),
        ("/errors/very_flaky", "200 text/html UTF-8 "),
        ("/errors/too_flaky", "error "),
        ("/slow/250", "200 text/html UTF-8 "),
        ("/files/logo.png", "200 image/png 4000"),
        ("/links/latin", "200 text/html windows-1252 "),
        ("/links/caf%C3%A9", "200 text/html UTF-8 "),
    ] {
        let line = lines
            .get(path)
            .unwrap_or_else(|| panic!("no {path} in\n{report}"));
        assert!(line.starts_with(begins), "{path}: {line}");
    }
    let done = count(report, "Done:");
    assert_eq!(count(report, "Todo:"), 0);
    assert_eq!(count(report, " fail_http"), 3);
    assert_eq!(count(report, " fail_connect"), 1);
    assert_eq!(
        done,
        report
            .lines()
            .filter(|line| line.starts_with("http://"))
            .count()
    );
    let counted = [" html", " other", " redirect", " error", " fail"];
    assert_eq!(
        done,
        counted
            .iter()
            .map(|name| count(report, name))
            .sum::<usize>()
    );
}

#[test]
fn without_a_url_the_embedded_site_is_crawled_and_reported() {
    assert_reports_the_embedded_site(&[]);
}

#[test]
fn the_report_is_the_same_with_one_worker_and_with_a_hundred() {
    let report = |max_tasks| {
        let output = crawl(&["--max-tasks", max_tasks]);
        // How many links are new on a page depends on who comes first.
        let known = |line: &String| !line.contains(" text/html ");
        let mut lines = url_lines(text(&output.stdout));
        lines.values_mut().for_each(|line| {
            let words = if known(line) { usize::MAX } else { 4 };
            *line = line.split(' ').take(words).collect::<Vec<_>>().join(" ");
            if let Some((status, _)) = line.split_once(" redirect ") {
                *line = status.to_owned();
            }
        });
        lines
    };
    assert_eq!(report("1"), report("100"));
}

#[test]
fn progress_is_plain_lines_when_nobody_watches() {
    let output = crawl(&[]);
    let progress = text(&output.stderr);
    assert!(
        progress.starts_with("crawling the embedded site at http://127.0.0.1:"),
        "{progress}"
    );
    assert!(progress.contains("\n50 of "), "{progress}");
    assert!(!progress.contains('\x1b'), "{progress}");
    assert_eq!(text(&crawl(&["--quiet"]).stderr).lines().count(), 1);
}

#[test]
fn ctrl_c_ends_it_with_the_report_so_far() {
    // The crawler does not ignore it, even if the tests are made to, as what a shell runs in the background
    // is: a handler does not outlive the start of a program, where being ignored does.
    let always = Arc::new(AtomicBool::new(true));
    signal_hook::flag::register_conditional_default(SIGINT, always).unwrap();
    let mut child = Command::new(executable("crawl"))
        .args(["--max-tasks", "2", "--delay", "0.05"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut progress = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("50 of ") {
        line.clear();
        assert_ne!(
            progress.read_line(&mut line).unwrap(),
            0,
            "it ended too soon"
        );
    }

    kill_process(Pid::from_child(&child), Signal::INT).unwrap();

    let mut rest = String::new();
    progress.read_to_string(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    let report = text(&output.stdout);
    assert!(output.status.success(), "{}: {rest}", output.status);
    let said = rest
        .lines()
        .filter(|line| !line.is_empty() && !line.ends_with("urls done"));
    assert_eq!(said.collect::<Vec<_>>(), ["Interrupted"]);
    let done = count(report, "Done:");
    assert!((50..400).contains(&done), "{done} done");
    assert!(count(report, "Todo:") > 0);
    assert_eq!(
        report
            .lines()
            .filter(|line| line.starts_with("http://"))
            .count(),
        done
    );
}

#[test]
fn a_host_that_refuses_is_reported_as_failed() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    drop(listener);
    let output = crawl(&["--quiet", "--max-tries", "2", &address]);
    let report = text(&output.stdout);
    assert!(output.status.success(), "{}", text(&output.stderr));
    assert!(
        report.contains(&format!("http://{address}/ error cannot connect: ")),
        "{report}"
    );
    assert_eq!(count(report, "fail_connect"), 1);
}

#[test]
fn bad_input_is_refused_with_one_clear_message() {
    for (args, message) in [
        (
            &["http://["][..],
            "error: invalid value 'http://[' for '[URL]...': invalid IPv6 address",
        ),
        (
            &["ftp://example.com"],
            "error: invalid value 'ftp://example.com' for '[URL]...': only http and https can be crawled, not ftp",
        ),
        (
            &["--max-task", "3"],
            "error: unexpected argument '--max-task' found",
        ),
        (
            &["--max-tasks", "0"],
            "error: invalid value '0' for '--max-tasks <N>': 0 is not in 1..=4294967295",
        ),
        (
            &["--max-tasks", "many"],
            "error: invalid value 'many' for '--max-tasks <N>': invalid digit found in string",
        ),
        (&["--delay", "-1"], "error: unexpected argument '-1' found"),
        (
            &["--timeout", "soon"],
            "error: invalid value 'soon' for '--timeout <SECONDS>': not a number of seconds",
        ),
    ] {
        let output = crawl(args);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {said}");
        assert_eq!(said.lines().next(), Some(message), "{args:?}: {said}");
        assert_eq!(text(&output.stdout), "", "{args:?}");
    }
}
