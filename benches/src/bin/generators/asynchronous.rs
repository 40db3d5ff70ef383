//! The rows of async generators.

use std::future::{Future, poll_fn, ready};
use std::hint::black_box;
use std::pin::pin;
use std::task::Poll;

use asyncio::AsyncGenerator;
use benches::workload::{Workload, row};
use futures::executor::block_on;
use futures::{Stream, StreamExt};

#[asyncio::coroutine]
async fn count(n: u64) -> AsyncGenerator<u64> {
    for i in 0..n {
        yield_!(i);
    }
}

#[asyncio::coroutine]
async fn awaiting(n: u64) -> AsyncGenerator<u64> {
    for i in 0..n {
        yield_!(await_!(ready(black_box(i))));
    }
}

fn async_stream_count(n: u64) -> impl Stream<Item = u64> {
    async_stream::stream! {
        for i in 0..n {
            yield i;
        }
    }
}

fn async_stream_awaiting(n: u64) -> impl Stream<Item = u64> {
    async_stream::stream! {
        for i in 0..n {
            yield ready(black_box(i)).await;
        }
    }
}

fn asynk_strim_count(n: u64) -> impl Stream<Item = u64> {
    asynk_strim::stream_fn(move |mut yielder| async move {
        for i in 0..n {
            yielder.yield_item(i).await;
        }
    })
}

fn asynk_strim_awaiting(n: u64) -> impl Stream<Item = u64> {
    asynk_strim::stream_fn(move |mut yielder| async move {
        for i in 0..n {
            yielder.yield_item(ready(black_box(i)).await).await;
        }
    })
}

#[fauxgen::generator(yield = u64)]
async fn fauxgen_count(n: u64) {
    for i in 0..n {
        r#yield!(i);
    }
}

#[fauxgen::generator(yield = u64)]
async fn fauxgen_awaiting(n: u64) {
    for i in 0..n {
        r#yield!(ready(black_box(i)).await);
    }
}

/// A stream written by hand.
fn by_hand(n: u64) -> impl Stream<Item = u64> + Unpin {
    let mut next = 0;
    futures::stream::poll_fn(move |_| {
        if next == n {
            return Poll::Ready(None);
        }
        next += 1;
        Poll::Ready(Some(next - 1))
    })
}

fn consume(stream: impl Stream<Item = u64> + Unpin) -> u64 {
    let mut stream = stream;
    block_on(async {
        let mut sum = 0;
        while let Some(x) = stream.next().await {
            sum ^= black_box(x);
        }
        sum
    })
}

/// As many awaits that are ready as there are items, and nothing else: what the rows of `await` cannot be below.
fn awaits(n: u64) -> u64 {
    let mut work = pin!(async {
        let mut sum = 0;
        for i in 0..n {
            sum ^= black_box(ready(black_box(i)).await);
        }
        sum
    });
    block_on(poll_fn(|cx| work.as_mut().poll(cx)))
}

/// All of them.
pub(crate) const ROWS: &[Workload] = &[
    row("async", "by hand", |n| consume(by_hand(n))),
    row("async", "asyncio", |n| consume(count(n))),
    row("async", "asyncio, in place", |n| {
        consume(pin!(count(n).in_place()))
    }),
    row("async", "asyncio, boxed", |n| {
        consume(black_box(count(n).boxed()))
    }),
    row("async", "async-stream, pinned", |n| {
        consume(pin!(async_stream_count(n)))
    }),
    row("async", "async-stream, Box::pin", |n| {
        consume(Box::pin(async_stream_count(n)))
    }),
    row("async", "asynk-strim, pinned", |n| {
        consume(pin!(asynk_strim_count(n)))
    }),
    row("async", "fauxgen, pinned", |n| {
        consume(pin!(fauxgen_count(n)))
    }),
    row("async, awaiting", "the awaits alone", awaits),
    row("async, awaiting", "asyncio", |n| consume(awaiting(n))),
    row("async, awaiting", "asyncio, in place", |n| {
        consume(pin!(awaiting(n).in_place()))
    }),
    row("async, awaiting", "async-stream, pinned", |n| {
        consume(pin!(async_stream_awaiting(n)))
    }),
    row("async, awaiting", "async-stream, Box::pin", |n| {
        consume(Box::pin(async_stream_awaiting(n)))
    }),
    row("async, awaiting", "asynk-strim, pinned", |n| {
        consume(pin!(asynk_strim_awaiting(n)))
    }),
    row("async, awaiting", "fauxgen, pinned", |n| {
        consume(pin!(fauxgen_awaiting(n)))
    }),
    row("create an async one, resume once, drop", "asyncio", |n| {
        (0..n).fold(0, |sum, i| {
            let mut s = count(black_box(i + 5));
            sum ^ block_on(black_box(&mut s).next()).unwrap_or_default()
        })
    }),
    row(
        "create an async one, resume once, drop",
        "asyncio, in place",
        |n| {
            (0..n).fold(0, |sum, i| {
                let mut s = pin!(count(black_box(i + 5)).in_place());
                sum ^ block_on(black_box(&mut s).next()).unwrap_or_default()
            })
        },
    ),
    row(
        "create an async one, resume once, drop",
        "async-stream, pinned",
        |n| {
            (0..n).fold(0, |sum, i| {
                let mut s = pin!(async_stream_count(black_box(i + 5)));
                sum ^ block_on(black_box(&mut s).next()).unwrap_or_default()
            })
        },
    ),
    row(
        "create an async one, resume once, drop",
        "async-stream, Box::pin",
        |n| {
            (0..n).fold(0, |sum, i| {
                let mut s = Box::pin(async_stream_count(black_box(i + 5)));
                sum ^ block_on(black_box(&mut s).next()).unwrap_or_default()
            })
        },
    ),
];
