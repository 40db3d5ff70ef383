//! Coroutines on tokio's runtime, with its threads: where a program goes that outgrows one thread.
//!
//! ```text
//! cargo run --example on_tokio
//! ```
//!
//! What a coroutine function gives is a plain future, and `Send` when what it holds is; `(send)` has the
//! compiler say so at the function, and not where it is spawned. Time-outs, streams and threads work
//! there as they do on asyncio's loop; tasks, locks and queues of asyncio belong to its loop: on tokio,
//! use tokio's.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use asyncio::{Generator, open_connection, timeout, to_thread};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Mutex;

/// How many clients there are, each with a text of its own.
const CLIENTS: usize = 50;

type Counts = Arc<Mutex<BTreeMap<String, usize>>>;

/// The words of a text: a generator is as good here as there.
#[asyncio::coroutine]
fn words(text: &str) -> Generator<String> {
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        if !word.is_empty() {
            yield_!(word.to_lowercase());
        }
    }
}

/// A line is a text, whose words are counted; the answer is how many they are. On tokio's socket.
#[asyncio::coroutine(send)]
async fn serve(socket: TcpStream, counts: Counts) -> io::Result<()> {
    let mut socket = BufReader::new(socket);
    let mut line = String::new();
    while await_!(socket.read_line(&mut line))? > 0 {
        let text = std::mem::take(&mut line);
        // More work than a thread that serves others should do.
        let found = await_!(to_thread(move || words(&text).collect::<Vec<_>>()));
        let answer = format!("{}\n", found.len());
        let mut counts = await_!(counts.lock());
        for word in found {
            *counts.entry(word).or_default() += 1;
        }
        drop(counts);
        await_!(socket.write_all(answer.as_bytes()))?;
    }
    Ok(())
}

#[asyncio::coroutine(send)]
async fn listen(listener: TcpListener, counts: Counts) -> io::Result<()> {
    loop {
        let (socket, _) = await_!(listener.accept())?;
        tokio::spawn(serve(socket, Arc::clone(&counts)));
    }
}

/// Asks the server, over asyncio's streams.
#[asyncio::coroutine(send)]
async fn ask(port: u16, text: String) -> io::Result<usize> {
    let asked = timeout(30, async move |_| {
        let (reader, writer) = await_!(open_connection("127.0.0.1", port))?;
        writer.write(format!("{text}\n"));
        await_!(writer.drain())?;
        let answer = await_!(reader.readline())?;
        let answer = String::from_utf8_lossy(&answer);
        answer.trim().parse().map_err(io::Error::other)
    });
    await_!(asked)?
}

#[asyncio::coroutine(send)]
async fn count() -> io::Result<()> {
    let counts = Counts::default();
    let listener = await_!(TcpListener::bind("127.0.0.1:0"))?;
    let port = listener.local_addr()?.port();
    let server = tokio::spawn(listen(listener, Arc::clone(&counts)));
    let clients: Vec<_> = (0..CLIENTS)
        .map(|n| tokio::spawn(ask(port, "To be, or not to be: that. ".repeat(n))))
        .collect();
    let mut total = 0;
    for client in clients {
        total += await_!(client).map_err(io::Error::other)??;
    }
    server.abort();
    println!("{total} words");
    for (word, count) in await_!(counts.lock()).iter() {
        println!("{word}: {count}");
    }
    Ok(())
}

fn main() -> io::Result<()> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(4)
        .enable_all()
        .build()?
        .block_on(count())
}
