//! Tasks that read, write and run processes are cancelled anywhere: no process stays a zombie, no
//! descriptor stays open, and nobody waits for ever.
#![cfg(target_os = "linux")]

use std::cell::Cell;
use std::collections::BTreeSet;
use std::fs;
use std::process::Stdio;
use std::rc::Rc;

use asyncio::{
    StreamReader, StreamWriter, create_datagram_endpoint, create_subprocess_exec, create_task,
    gather, open_connection, sleep, start_server, wait_for,
};

const HOST: &str = "127.0.0.1";

/// The open descriptors of this process, by what they are.
fn descriptors() -> Vec<String> {
    let all = fs::read_dir("/proc/self/fd").expect("on Linux");
    let mut names: Vec<_> = all
        .filter_map(|fd| fs::read_link(fd.ok()?.path()).ok())
        .map(|name| name.to_string_lossy().into_owned())
        .filter(|name| !name.starts_with("/proc/"))
        .collect();
    names.sort();
    names
}

/// The numbers of the children of this process: those that run, and those that nobody has waited
/// for.
fn children() -> BTreeSet<u32> {
    let tasks = fs::read_dir("/proc/self/task").expect("on Linux");
    let lists =
        tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("children")).ok());
    let lists: Vec<_> = lists.collect();
    let numbers = lists.iter().flat_map(|list| list.split_whitespace());
    numbers.filter_map(|number| number.parse().ok()).collect()
}

async fn echo(reader: StreamReader, writer: StreamWriter) -> std::io::Result<()> {
    loop {
        let block = reader.read(1000).await?;
        if block.is_empty() {
            return Ok(());
        }
        writer.write(block);
        writer.drain().await?;
    }
}

/// Talks to a server, as long as it is let.
async fn talk(port: u16) {
    let (reader, writer) = open_connection(HOST, port).await.unwrap();
    loop {
        writer.write([7; 3000]);
        writer.drain().await.unwrap();
        reader.readexactly(3000).await.unwrap();
    }
}

/// Sends itself messages.
async fn send() {
    let endpoint = create_datagram_endpoint()
        .local_addr(HOST, 0)
        .await
        .unwrap();
    let own = endpoint.sockname().unwrap();
    loop {
        endpoint.sendto("message", own).await.unwrap();
        endpoint.recvfrom().await.unwrap();
        // It never has to wait for itself, and would leave no turn to the others.
        sleep(0).await;
    }
}

/// Runs processes that end when their input does.
async fn run_processes() {
    loop {
        let cat = create_subprocess_exec("cat", [""; 0])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .await
            .unwrap();
        let (output, _) = cat.communicate("some input").await.unwrap();
        assert_eq!(output, b"some input");
    }
}

/// A number of a sequence that is the same in each run.
fn draw(seed: &Cell<u64>, below: u64) -> u64 {
    let next = seed
        .get()
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    seed.set(next);
    (next >> 33) % below
}

async fn round(seed: &Rc<Cell<u64>>) {
    let server = start_server(echo, HOST, 0).await.unwrap();
    let port = server.addresses()[0].port();
    let tasks: Vec<_> = (0..30)
        .map(|number| match number % 3 {
            0 => create_task(talk(port)),
            1 => create_task(send()),
            _ => create_task(run_processes()),
        })
        .collect();
    let cancelled = tasks.iter().map(|task| {
        let (task, seed) = (task.clone(), seed.clone());
        async move {
            // Turns in which others run too: a different place in each.
            for _ in 0..draw(&seed, 60) {
                sleep(0).await;
            }
            if draw(&seed, 3) == 0 {
                let _ = wait_for(sleep(1), 0.001).await;
            }
            task.cancel();
        }
    });
    gather(cancelled.collect::<Vec<_>>()).await;
    for result in gather(tasks).return_exceptions().await {
        assert!(matches!(result, Err(asyncio::Exception::CancelledError(_))));
    }
    server.close();
    server.close_clients();
    server.wait_closed().await;
}

#[asyncio::test]
async fn what_is_cancelled_leaves_no_process_and_no_descriptor() {
    let seed = Rc::new(Cell::new(20_260_701));
    // What the process makes once: the reactor, the thread that reaps.
    round(&seed).await;
    while !children().is_empty() {
        sleep(0.001).await;
    }
    let before = descriptors().len();
    for _ in 0..10 {
        round(&seed).await;
    }
    // Those whose input has ended end by themselves, and are waited for by the reaper; nothing may
    // keep them, or it never comes to an end here.
    while !children().is_empty() || descriptors().len() > before {
        sleep(0.001).await;
    }
}
