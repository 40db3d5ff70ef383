//! What the examples say, and what else holds of the two runtimes together.

use std::collections::HashSet;
use std::process::Command;

use async_compat::CompatExt;
use asyncio::testing::block;
use asyncio::{catch_cancelled, create_task, sleep, wait_for};
use examples::programs::executable;
use web::server::{HttpServer, Options};

fn output(name: &str, args: &[&str]) -> String {
    let output = Command::new(executable(name)).args(args).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}");
    said
}

#[test]
fn on_tokio_counts_every_word_once() {
    // 0 + 1 + .. + 49 texts.
    let expected = "8575 words\nbe: 2450\nnot: 1225\nor: 1225\nthat: 1225\nto: 2450\n";
    assert_eq!(output("on_tokio", &[]), expected);
}

#[test]
fn tokio_inside_fetches_them_all() {
    let said = output("tokio_inside", &[]);
    let lengths: Vec<_> = said
        .lines()
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let expected: Vec<_> = (1..=20).map(|n| n.to_string()).collect();
    assert_eq!(lengths, expected, "{said}");
}

#[test]
fn tokio_inside_takes_urls_and_tells_of_each_what_went_wrong() {
    let help = output("tokio_inside", &["--help"]);
    assert!(help.contains("[URLS]..."), "{help}");
    let said = output("tokio_inside", &["rubbish", "http://127.0.0.1:1/"]);
    let lines: Vec<_> = said.lines().collect();
    assert!(lines[0].ends_with(" rubbish"), "{said}");
    assert!(lines[1].ends_with(" http://127.0.0.1:1/"), "{said}");
}

#[test]
fn coroutines_are_run_by_several_threads_of_tokio() {
    #[asyncio::coroutine(send)]
    async fn here(barrier: std::sync::Arc<std::sync::Barrier>) -> std::thread::ThreadId {
        await_!(asyncio::sleep(0));
        // Only when they are on as many threads do they all arrive.
        barrier.wait();
        std::thread::current().id()
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(3)
        .build()
        .unwrap();
    let barrier = std::sync::Arc::new(std::sync::Barrier::new(3));
    let spawned = [0, 1, 2].map(|_| runtime.spawn(here(barrier.clone())));
    let threads: HashSet<_> = spawned
        .into_iter()
        .map(|task| runtime.block_on(task).unwrap())
        .collect();
    assert_eq!(threads.len(), 3);
}

#[asyncio::test(virtual_clock)]
async fn a_request_of_reqwest_is_timed_out_and_cancelled_as_anything() {
    let options = Options {
        grace: 1.0,
        ..Options::default()
    };
    let server = HttpServer::start("127.0.0.1", 0, options).await.unwrap();
    let client = reqwest::Client::new();
    let ask = |client: reqwest::Client, url: String| {
        async move { client.get(url).send().await?.bytes().await }.compat()
    };
    let answer = ask(client.clone(), server.url("/bytes/1000")).await;
    assert_eq!(answer.unwrap().len(), 1000);

    let slow = server.url("/slow/100");
    let timed = create_task(wait_for(ask(client.clone(), slow.clone()), 10));
    while server.requests() < 2 {
        sleep(0).await;
    }
    block(11);
    assert!(timed.await.is_err());

    let cancelled = create_task(ask(client.clone(), slow));
    while server.requests() < 3 {
        sleep(0).await;
    }
    cancelled.cancel();
    assert!(catch_cancelled(cancelled).await.is_err());
    drop(client);
    let stopped = create_task({
        let server = server.clone();
        async move { server.shut_down().await }
    });
    stopped.await;
}
