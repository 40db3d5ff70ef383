//! The echo, chat and HTTP servers under load and faults.
//!
//! A round is a crowd of clients that are all connected at the same time and must all be served
//! rightly, among peers that are not fair ([`peers`]), and then a spell without file descriptors.
//! After a round everything must be as it was before it: no task, no descriptor and no memory may be
//! left. After the last round the server is shut down, in the middle of its work, and must end in time.
//!
//! `cargo test` does it in small; `cargo run --release -p soak` in earnest. On a virtual clock nothing
//! is waited for.
#![cfg(target_os = "linux")]

pub mod chat;
pub mod echo;
pub mod http;
pub mod measure;
pub mod peers;

use std::cell::Cell;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::rc::Rc;

use async_io::Async;
use asyncio::{Event, Semaphore, StreamReader, StreamWriter, Task, create_task, open_connection};

use measure::{Limit, Snapshot};

/// How much there is of it.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// How many clients there are at a time.
    pub clients: usize,
    /// How many peers that are not fair there are of each kind.
    pub unfair: usize,
    /// How often.
    pub rounds: usize,
    /// What the random numbers begin with.
    pub seed: u64,
}

const HOST: Ipv4Addr = Ipv4Addr::LOCALHOST;

/// How many may be on their way in at a time: the system keeps no more until they are accepted.
const COMING: usize = 64;

/// How many connections wait while there are no descriptors.
const WITHOUT_DESCRIPTORS: usize = 60;

/// What the clients of a round share.
#[derive(Clone)]
pub(crate) struct Crowd {
    port: u16,
    coming: Semaphore,
    absent: Rc<Cell<usize>>,
    complete: Event,
    end: Event,
}

impl Crowd {
    fn new(port: u16, size: usize) -> Self {
        Crowd {
            port,
            coming: Semaphore::new(COMING),
            absent: Rc::new(Cell::new(size)),
            complete: Event::new(),
            end: Event::new(),
        }
    }

    async fn connect(&self) -> io::Result<(StreamReader, StreamWriter)> {
        let _turn = self.coming.acquire().await;
        open_connection(HOST.to_string(), self.port).await
    }

    async fn socket(&self) -> io::Result<Async<TcpStream>> {
        let _turn = self.coming.acquire().await;
        Async::<TcpStream>::connect(SocketAddr::from((HOST, self.port))).await
    }

    /// Waits until all clients are there.
    async fn gathered(&self) {
        self.absent.set(self.absent.get() - 1);
        if self.absent.get() == 0 {
            self.complete.set();
        }
        self.complete.wait().await;
    }
}

/// Lets so many seconds pass.
pub(crate) async fn pass(seconds: f64) {
    if asyncio::get_running_loop().clock().is_virtual() {
        // It would not jump while sockets are waited for.
        asyncio::testing::block(seconds);
        for _ in 0..50 {
            asyncio::sleep(0).await;
        }
    } else {
        asyncio::sleep(seconds).await;
    }
}

/// Lets time pass until there are no more tasks than there were.
///
/// # Panics
///
/// If that takes longer than every time-out together.
pub(crate) async fn settle(tasks: usize) {
    for _ in 0..300 {
        if asyncio::all_tasks().len() <= tasks {
            return;
        }
        pass(0.5).await;
    }
    for task in asyncio::all_tasks() {
        eprintln!("{task:?}");
    }
    panic!("{} tasks are left", asyncio::all_tasks().len() - tasks);
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    for _ in 0..5_000_000 {
        if condition() {
            return;
        }
        asyncio::sleep(0).await;
    }
    panic!("it does not come to that: {what}");
}

/// A round: the unfair are there first, and stay until the fair have been served.
pub(crate) async fn round<F>(
    plan: &Plan,
    port: u16,
    seed: u64,
    client: impl Fn(Crowd, usize) -> F,
) -> io::Result<()>
where
    F: Future<Output = io::Result<()>> + 'static,
{
    let tasks = asyncio::all_tasks().len();
    let crowd = Crowd::new(port, plan.clients);
    let unfair = peers::unfair(&crowd, plan.unfair, seed);
    let fair: Vec<Task<_>> = (0..plan.clients)
        .map(|n| create_task(client(crowd.clone(), n)))
        .collect();
    asyncio::try_gather(fair).await?;
    crowd.end.set();
    asyncio::gather(unfair).await;
    settle(tasks).await;
    Ok(())
}

/// Connections that come while there is no descriptor to accept them by are accepted when there is.
pub(crate) async fn without_descriptors<F>(
    port: u16,
    serve: impl Fn(Async<TcpStream>) -> F,
) -> io::Result<()>
where
    F: Future<Output = io::Result<()>> + 'static,
{
    let tasks = asyncio::all_tasks().len();
    let mut clients = Vec::new();
    {
        let _few = Limit::to(measure::descriptors() + WITHOUT_DESCRIPTORS);
        while let Ok(client) = TcpStream::connect((HOST, port)) {
            clients.push(client);
        }
        assert!(clients.len() > 10, "{}", clients.len());
        for _ in 0..100 {
            asyncio::sleep(0).await;
        }
    }
    let served: Vec<Task<_>> = clients
        .into_iter()
        .map(|client| Ok(create_task(serve(Async::new(client)?))))
        .collect::<io::Result<_>>()?;
    // The server looks again after a second.
    until_passed(|| served.iter().all(Task::done)).await;
    asyncio::try_gather(served).await?;
    settle(tasks).await;
    Ok(())
}

async fn until_passed(mut condition: impl FnMut() -> bool) {
    for _ in 0..200 {
        if condition() {
            return;
        }
        pass(0.1).await;
    }
    panic!("some are not served");
}

/// How often more than planned a round is made to see whether what is kept has come to its most.
const MORE: usize = 6;

/// Takes what there is after each round, and compares.
#[derive(Debug)]
pub(crate) struct Figures {
    name: &'static str,
    planned: usize,
    taken: Vec<Snapshot>,
}

impl Figures {
    pub(crate) fn new(name: &'static str, plan: &Plan) -> Self {
        Self {
            name,
            planned: plan.rounds,
            taken: Vec::new(),
        }
    }

    /// The number of the next round, until as many as planned are over and nothing grows with them. The loop
    /// keeps the memory of its tasks for the next ones, so a round in which by chance more of them were alive at
    /// once leaves more of it: the rounds after it do not. What leaks grows with each.
    pub(crate) fn next_round(&self) -> Option<u64> {
        let over = self.taken.len();
        let goes_on = over < self.planned || over < self.planned + MORE && self.growth().is_some();
        goes_on.then_some(over as u64)
    }

    pub(crate) fn take(&mut self) {
        let snapshot = Snapshot::take();
        println!("{}: round {}: {snapshot}", self.name, self.taken.len());
        self.taken.push(snapshot);
    }

    /// What there is more of after the last round than after the first half (but the very first one, which makes the
    /// room that the others use).
    fn growth(&self) -> Option<String> {
        let half = self.taken.len() / 2;
        let (before, after) = (self.taken.get(1..=half)?, self.taken.last()?);
        let most = |what: fn(&Snapshot) -> usize| before.iter().map(what).max();
        // More room may be taken, but by no more blocks: far less than one for each client of a round.
        let has_grown = |what: fn(&Snapshot) -> usize, by: usize| {
            most(what).is_some_and(|most| what(after) > most + by)
        };
        let has_grown = has_grown(|it| it.tasks, 0)
            || has_grown(|it| it.descriptors, 0)
            || has_grown(|it| it.blocks, 32)
            || has_grown(|it| it.allocated, 1 << 20);
        let before = before.last()?;
        has_grown.then(|| format!("{}: {before} became {after}", self.name))
    }

    /// # Panics
    ///
    /// If anything still grows.
    pub(crate) fn assert_flat(&self) {
        if let Some(growth) = self.growth() {
            panic!("{growth}");
        }
    }
}
