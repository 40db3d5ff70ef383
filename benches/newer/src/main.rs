//! The rows that take a newer compiler, served to `--bin generators`.
#![feature(async_iterator, coroutines, coroutine_trait, gen_blocks)]

#[path = "../../src/counting.rs"]
mod counting;
#[path = "../../src/bin/generators/ours.rs"]
mod ours;
#[path = "../../src/workload.rs"]
#[allow(dead_code, reason = "the other program is the client")]
mod workload;

use std::async_iter::AsyncIterator;
use std::hint::black_box;
use std::ops::{Coroutine, CoroutineState};
use std::pin::{Pin, pin};

use futures::StreamExt;
use futures::executor::block_on;
use workload::{Workload, row};

#[global_allocator]
static ALLOCATOR: counting::Counting = counting::Counting;

fn count(n: u64) -> impl Coroutine<Yield = u64, Return = ()> {
    #[coroutine]
    static move || {
        for i in 0..n {
            yield i;
        }
    }
}

fn echo() -> impl Coroutine<u64, Yield = u64, Return = ()> {
    #[coroutine]
    static move |_: u64| {
        let mut last = 0;
        loop {
            last = (yield last) ^ 1;
        }
    }
}

/// The same as ours: sent an `Option`, and ended by `None`.
fn echo_until_none() -> impl Coroutine<Option<u64>, Yield = u64, Return = ()> {
    #[coroutine]
    static move |_: Option<u64>| {
        let mut last = 0;
        while let Some(sent) = (yield last) {
            last = sent ^ 1;
        }
    }
}

fn gen_count(n: u64) -> impl Iterator<Item = u64> {
    gen move {
        for i in 0..n {
            yield i;
        }
    }
}

fn async_gen_count(n: u64) -> impl AsyncIterator<Item = u64> {
    async gen move {
        for i in 0..n {
            yield i;
        }
    }
}

fn async_gen_awaiting(n: u64) -> impl AsyncIterator<Item = u64> {
    async gen move {
        for i in 0..n {
            yield std::future::ready(black_box(i)).await;
        }
    }
}

fn consume(mut items: Pin<&mut impl AsyncIterator<Item = u64>>) -> u64 {
    let mut stream = futures::stream::poll_fn(|cx| items.as_mut().poll_next(cx));
    block_on(async {
        let mut sum = 0;
        while let Some(x) = stream.next().await {
            sum ^= black_box(x);
        }
        sum
    })
}

type Boxed = Pin<Box<dyn Coroutine<Yield = u64, Return = ()>>>;

fn deep(depth: u64, n: u64) -> Boxed {
    Box::pin(
        #[coroutine]
        static move || {
            if depth > 1 {
                let mut inner = deep(depth - 1, n);
                while let CoroutineState::Yielded(x) = inner.as_mut().resume(()) {
                    yield x;
                }
            } else {
                for i in 0..n {
                    yield i;
                }
            }
        },
    )
}

fn walk(depth: u64) -> Boxed {
    Box::pin(
        #[coroutine]
        static move || {
            yield depth;
            if depth > 1 {
                let mut inner = walk(depth - 1);
                while let CoroutineState::Yielded(x) = inner.as_mut().resume(()) {
                    yield x;
                }
            }
        },
    )
}

fn walks(depth: u64, n: u64) -> u64 {
    (0..n / depth).fold(0, |sum, _| sum ^ kept(walk(depth)))
}

#[inline(always)]
fn free(
    mut g: Pin<impl std::ops::DerefMut<Target = impl Coroutine<Yield = u64, Return = ()> + ?Sized>>,
) -> u64 {
    let mut sum = 0;
    while let CoroutineState::Yielded(x) = g.as_mut().resume(()) {
        sum ^= x;
    }
    sum
}

#[inline(always)]
fn kept(
    mut g: Pin<impl std::ops::DerefMut<Target = impl Coroutine<Yield = u64, Return = ()> + ?Sized>>,
) -> u64 {
    let mut sum = 0;
    while let CoroutineState::Yielded(x) = g.as_mut().resume(()) {
        sum ^= black_box(x);
    }
    sum
}

#[inline(always)]
fn sends(
    mut g: Pin<
        impl std::ops::DerefMut<Target = impl Coroutine<u64, Yield = u64, Return = ()> + ?Sized>,
    >,
    n: u64,
) -> u64 {
    let mut sum = 0;
    if let CoroutineState::Yielded(x) = g.as_mut().resume(0) {
        sum ^= x;
    }
    for i in 0..n {
        if let CoroutineState::Yielded(x) = g.as_mut().resume(black_box(i)) {
            sum ^= x;
        }
    }
    sum
}

mod peer {
    #[diapause::coroutine(yield = u64)]
    pub(crate) fn count(n: u64) {
        for i in 0u64..n {
            yield_!(i);
        }
    }

    #[diapause::coroutine(yield = u64, resume = u64)]
    pub(crate) fn echo() {
        let mut last: u64 = 0;
        loop {
            let sent = yield_!(last);
            last = sent ^ 1;
        }
    }

    #[diapause::coroutine(yield = u64)]
    pub(crate) fn deep(depth: u64, n: u64) {
        if depth > 1 {
            yield_all!(box deep(depth - 1, n));
        } else {
            for i in 0u64..n {
                yield_!(i);
            }
        }
    }

    #[diapause::coroutine(yield = u64)]
    pub(crate) fn walk(depth: u64) {
        yield_!(depth);
        if depth > 1 {
            yield_all!(box walk(depth - 1));
        }
    }
}

#[inline(always)]
fn paused(
    mut c: impl diapause::Coroutine<Yield = u64, Return = ()>,
    see: impl Fn(u64) -> u64,
) -> u64 {
    let mut sum = 0;
    let mut state = c.start();
    while let diapause::CoroutineState::Yielded(x) = state {
        sum ^= see(x);
        state = c.resume(());
    }
    sum
}

const ROWS: &[Workload] = &[
    row(
        "plain, optimiser free",
        "nightly's Coroutine, pinned",
        |n| free(pin!(count(n))),
    ),
    row("plain, optimiser free", "nightly's gen block", |n| {
        gen_count(n).fold(0, |sum, x| sum ^ x)
    }),
    row("plain", "nightly's gen block", |n| {
        gen_count(n).fold(0, |sum, x| sum ^ black_box(x))
    }),
    row("erased", "nightly's gen block, Box<dyn Iterator>", |n| {
        let g: Box<dyn Iterator<Item = u64>> = black_box(Box::new(gen_count(n)));
        g.fold(0, |sum, x| sum ^ black_box(x))
    }),
    row("async", "nightly's async gen block", |n| {
        consume(pin!(async_gen_count(n)))
    }),
    row("async, awaiting", "nightly's async gen block", |n| {
        consume(pin!(async_gen_awaiting(n)))
    }),
    row("plain, optimiser free", "diapause", |n| {
        paused(peer::count(n), |x| x)
    }),
    row("plain", "nightly's Coroutine, pinned", |n| {
        kept(pin!(count(n)))
    }),
    row("plain", "nightly's Coroutine, Box::pin", |n| {
        kept(Box::pin(count(n)))
    }),
    row("plain", "diapause", |n| paused(peer::count(n), black_box)),
    row("send", "nightly's Coroutine, pinned", |n| {
        sends(pin!(echo()), n)
    }),
    row("send", "nightly's Coroutine, Box::pin", |n| {
        sends(Box::pin(echo()), n)
    }),
    row("send", "diapause", |n| {
        use diapause::Coroutine;
        let mut c = peer::echo();
        let mut sum = 0;
        if let diapause::CoroutineState::Yielded(x) = c.start() {
            sum ^= x;
        }
        for i in 0..n {
            if let diapause::CoroutineState::Yielded(x) = c.resume(black_box(i)) {
                sum ^= x;
            }
        }
        sum
    }),
    row("erased", "nightly's Box<dyn Coroutine>", |n| {
        let g: Boxed = black_box(Box::pin(count(n)));
        kept(g)
    }),
    row("erased send", "nightly's Box<dyn Coroutine>", |n| {
        let g: Pin<Box<dyn Coroutine<u64, Yield = u64, Return = ()>>> = black_box(Box::pin(echo()));
        sends(g, n)
    }),
    row(
        "erased send",
        "nightly's Box<dyn Coroutine>, sent an Option",
        |n| {
            type Sent = Pin<Box<dyn Coroutine<Option<u64>, Yield = u64, Return = ()>>>;
            let mut g: Sent = black_box(Box::pin(echo_until_none()));
            let mut send = |value| match g.as_mut().resume(value) {
                CoroutineState::Yielded(x) => x,
                CoroutineState::Complete(()) => 0,
            };
            let mut sum = send(None);
            for i in 0..n {
                sum ^= send(Some(black_box(i)));
            }
            sum
        },
    ),
    row(
        "from depth 10",
        "nightly's Box<dyn Coroutine>, loops",
        |n| kept(deep(10, n)),
    )
    .step(1_000),
    row(
        "from depth 1,000",
        "nightly's Box<dyn Coroutine>, loops",
        |n| kept(deep(1_000, n)),
    )
    .step(10_000),
    row("from depth 10", "diapause, yield_all!", |n| {
        paused(peer::deep(10, n), black_box)
    })
    .step(1_000),
    row("from depth 1,000", "diapause, yield_all!", |n| {
        paused(peer::deep(1_000, n), black_box)
    })
    .step(10_000),
    row(
        "walk of depth 10",
        "nightly's Box<dyn Coroutine>, loops",
        |n| walks(10, n),
    )
    .step(10),
    row(
        "walk of depth 1,000",
        "nightly's Box<dyn Coroutine>, loops",
        |n| walks(1_000, n),
    )
    .step(1_000),
    row("walk of depth 10", "diapause, yield_all!", |n| {
        (0..n / 10).fold(0, |sum, _| sum ^ paused(peer::walk(10), black_box))
    })
    .step(10),
    row("walk of depth 1,000", "diapause, yield_all!", |n| {
        (0..n / 1_000).fold(0, |sum, _| sum ^ paused(peer::walk(1_000), black_box))
    })
    .step(1_000),
    row("create and drop", "nightly's Coroutine", |n| {
        for i in 0..n {
            drop(black_box(count(black_box(i))));
        }
        0
    }),
    row("create and drop", "nightly's Box<dyn Coroutine>", |n| {
        for i in 0..n {
            drop(black_box::<Boxed>(Box::pin(count(black_box(i)))));
        }
        0
    }),
    row(
        "create, resume once, drop",
        "nightly's Coroutine, pinned",
        |n| {
            let mut sum = 0;
            for i in 0..n {
                let mut g = pin!(count(black_box(i + 5)));
                if let CoroutineState::Yielded(x) = black_box(&mut g).as_mut().resume(()) {
                    sum ^= x;
                }
            }
            sum
        },
    ),
    row(
        "create, resume once, drop",
        "nightly's Box<dyn Coroutine>",
        |n| {
            let mut sum = 0;
            for i in 0..n {
                let mut g: Boxed = black_box(Box::pin(count(black_box(i + 5))));
                if let CoroutineState::Yielded(x) = g.as_mut().resume(()) {
                    sum ^= x;
                }
            }
            sum
        },
    ),
];

/// The same rows as in the other program, built by this compiler, so that the compilers can be told apart.
fn ours() -> impl Iterator<Item = Workload> {
    ours::ROWS.iter().map(|workload| Workload {
        name: match workload.name {
            "asyncio, pinned" => "asyncio, pinned (nightly)",
            "asyncio, `for`" => "asyncio, `for` (nightly)",
            "asyncio, boxed" => "asyncio, boxed (nightly)",
            "asyncio" => "asyncio (nightly)",
            _ => "",
        },
        ..*workload
    })
}

fn main() {
    let ours = ours().filter(|workload| !workload.name.is_empty());
    let rows: Vec<Workload> = ROWS.iter().copied().chain(ours).collect();
    workload::serve(&rows, std::env::args().any(|argument| argument == "--rows"));
}
