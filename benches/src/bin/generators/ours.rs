//! The rows of `asyncio`.

use std::hint::black_box;
use std::pin::pin;

use asyncio::Generator;

use super::workload::{Workload, row};

#[asyncio::coroutine]
fn count(n: u64) -> Generator<u64> {
    for i in 0..n {
        yield_!(i);
    }
}

#[asyncio::coroutine]
fn echo() -> Generator<u64, u64> {
    let mut last = 0;
    while let Some(sent) = yield_!(last) {
        last = sent ^ 1;
    }
}

#[asyncio::coroutine]
fn deep(depth: u64, n: u64) -> Generator<u64> {
    if depth > 1 {
        yield_from!(deep(depth - 1, n));
    } else {
        for i in 0..n {
            yield_!(i);
        }
    }
}

#[asyncio::coroutine]
fn walk(depth: u64) -> Generator<u64> {
    yield_!(depth);
    if depth > 1 {
        yield_from!(walk(depth - 1));
    }
}

fn walks(depth: u64, n: u64) -> u64 {
    let mut sum = 0;
    for _ in 0..n / depth {
        for x in walk(depth) {
            sum ^= black_box(x);
        }
    }
    sum
}

fn deep_all(depth: u64, n: u64) -> u64 {
    let mut sum = 0;
    for x in deep(depth, n) {
        sum ^= black_box(x);
    }
    sum
}

/// Takes the generator, as the peers' rows do: what `black_box` has seen the address of stays in memory.
fn sends(mut g: Generator<u64, u64>, n: u64) -> u64 {
    let mut sum = g.next().unwrap_or_default();
    for i in 0..n {
        sum ^= g.send(black_box(i)).unwrap_or_default();
    }
    sum
}

/// All of them.
pub(crate) const ROWS: &[Workload] = &[
    row("plain, optimiser free", "asyncio, pinned", |n| {
        let mut sum = 0;
        for x in pin!(count(n)) {
            sum ^= x;
        }
        sum
    }),
    row("plain, optimiser free", "asyncio, `for`", |n| {
        let mut sum = 0;
        for x in count(n) {
            sum ^= x;
        }
        sum
    }),
    row("plain", "asyncio, pinned", |n| {
        let mut sum = 0;
        for x in pin!(count(n)) {
            sum ^= black_box(x);
        }
        sum
    }),
    row("plain", "asyncio, `for`", |n| {
        let mut sum = 0;
        for x in count(n) {
            sum ^= black_box(x);
        }
        sum
    }),
    row("send", "asyncio, pinned", |n| {
        let g = pin!(echo());
        let mut g = g.pinned();
        let mut sum = g.next().unwrap_or_default();
        for i in 0..n {
            sum ^= g.send(black_box(i)).unwrap_or_default();
        }
        sum
    }),
    row("send", "asyncio", |n| {
        let mut g = echo();
        let mut sum = g.next().unwrap_or_default();
        for i in 0..n {
            sum ^= g.send(black_box(i)).unwrap_or_default();
        }
        sum
    }),
    row("erased", "asyncio, boxed", |n| {
        let g: Generator<u64> = black_box(count(n).boxed());
        let mut sum = 0;
        for x in g {
            sum ^= black_box(x);
        }
        sum
    }),
    row("erased", "asyncio, Box<dyn Iterator>", |n| {
        let g: Box<dyn Iterator<Item = u64>> = black_box(Box::new(count(n)));
        let mut sum = 0;
        for x in g {
            sum ^= black_box(x);
        }
        sum
    }),
    row("erased send", "asyncio, boxed", |n| {
        sends(black_box(echo().boxed()), n)
    }),
    row("from depth 10", "asyncio, yield_from!", |n| deep_all(10, n)).step(1_000),
    row("from depth 1,000", "asyncio, yield_from!", |n| {
        deep_all(1_000, n)
    })
    .step(100_000),
    row("from depth 100,000", "asyncio, yield_from!", |n| {
        deep_all(100_000, n)
    })
    .step(10_000_000),
    row("walk of depth 10", "asyncio, yield_from!", |n| walks(10, n)).step(10),
    row("walk of depth 1,000", "asyncio, yield_from!", |n| {
        walks(1_000, n)
    })
    .step(1_000),
    row("walk of depth 100,000", "asyncio, yield_from!", |n| {
        walks(100_000, n)
    })
    .step(100_000),
    row("create and drop", "asyncio", |n| {
        for i in 0..n {
            drop(black_box(count(black_box(i))));
        }
        0
    }),
    row("create, resume once, drop", "asyncio", |n| {
        let mut sum = 0;
        for i in 0..n {
            let mut g = count(black_box(i + 5));
            sum ^= black_box(&mut g).next().unwrap_or_default();
        }
        sum
    }),
    row("create, resume once, drop", "asyncio, pinned", |n| {
        let mut sum = 0;
        for i in 0..n {
            let mut g = pin!(count(black_box(i + 5)));
            sum ^= black_box(&mut g).next().unwrap_or_default();
        }
        sum
    }),
    row("create, resume once, drop", "asyncio, boxed", |n| {
        let mut sum = 0;
        for i in 0..n {
            let mut g = black_box(count(black_box(i + 5)).boxed());
            sum ^= g.next().unwrap_or_default();
        }
        sum
    }),
];
