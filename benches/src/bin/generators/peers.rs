//! The rows of the peers, and of loops written by hand.

use std::hint::black_box;
use std::pin::pin;

use benches::workload::{Workload, row};
use fauxgen::Generator as _;
use genawaiter::rc::{Co as RcCo, Gen as RcGen};
use genawaiter::stack::{Co as StackCo, let_gen_using};
use next_gen::prelude::*;

struct ByHand {
    next: u64,
    end: u64,
}

impl Iterator for ByHand {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        (self.next < self.end).then(|| {
            self.next += 1;
            self.next - 1
        })
    }
}

/// What `echo` is as a type with a method.
struct EchoByHand {
    last: u64,
}

impl EchoByHand {
    fn send(&mut self, value: Option<u64>) -> Option<u64> {
        self.last = value? ^ 1;
        Some(self.last)
    }
}

/// Descends with a stack of its own, and a box a frame, as the generators have.
#[expect(clippy::vec_box, reason = "the allocations are measured")]
struct WalkByHand {
    stack: Vec<Box<u64>>,
}

impl Iterator for WalkByHand {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let top = **self.stack.last()?;
        if top > 1 {
            self.stack.push(Box::new(top - 1));
        } else {
            self.stack.clear();
        }
        Some(top)
    }
}

async fn stack_count(n: u64, co: StackCo<'_, u64>) {
    for i in 0..n {
        co.yield_(i).await;
    }
}

async fn stack_echo(co: StackCo<'_, u64, u64>) {
    let mut last = 0;
    loop {
        last = co.yield_(last).await ^ 1;
    }
}

async fn rc_count(n: u64, co: RcCo<u64>) {
    for i in 0..n {
        co.yield_(i).await;
    }
}

async fn rc_echo(co: RcCo<u64, u64>) {
    let mut last = 0;
    loop {
        last = co.yield_(last).await ^ 1;
    }
}

fn rc_deep(depth: u64, n: u64) -> Box<dyn Iterator<Item = u64>> {
    Box::new(
        RcGen::new(|co| async move {
            if depth > 1 {
                for x in rc_deep(depth - 1, n) {
                    co.yield_(x).await;
                }
            } else {
                for i in 0..n {
                    co.yield_(i).await;
                }
            }
        })
        .into_iter(),
    )
}

fn rc_walk(depth: u64) -> Box<dyn Iterator<Item = u64>> {
    Box::new(
        RcGen::new(|co| async move {
            co.yield_(depth).await;
            if depth > 1 {
                for x in rc_walk(depth - 1) {
                    co.yield_(x).await;
                }
            }
        })
        .into_iter(),
    )
}

#[generator(yield(u64))]
fn next_gen_count(n: u64) {
    for i in 0..n {
        yield_!(i);
    }
}

#[generator(yield(u64), resume(u64))]
fn next_gen_echo() {
    let mut last = 0;
    loop {
        last = yield_!(last) ^ 1;
    }
}

#[fauxgen::generator(yield = u64)]
fn fauxgen_count(n: u64) {
    for i in 0..n {
        r#yield!(i);
    }
}

#[fauxgen::generator(yield = u64, arg = u64)]
fn fauxgen_echo() {
    let mut last = 0;
    loop {
        last = r#yield!(last) ^ 1;
    }
}

#[inline(always)]
fn free(items: impl Iterator<Item = u64>) -> u64 {
    let mut sum = 0;
    for x in items {
        sum ^= x;
    }
    sum
}

#[inline(always)]
fn kept(items: impl Iterator<Item = u64>) -> u64 {
    let mut sum = 0;
    for x in items {
        sum ^= black_box(x);
    }
    sum
}

fn by_hand(n: u64) -> ByHand {
    ByHand { next: 0, end: n }
}

fn walks(depth: u64, n: u64, walk: impl Fn(u64) -> Box<dyn Iterator<Item = u64>>) -> u64 {
    (0..n / depth).fold(0, |sum, _| sum ^ kept(walk(depth)))
}

fn hand_walks(depth: u64, n: u64) -> u64 {
    (0..n / depth).fold(0, |sum, _| {
        let stack = vec![Box::new(depth)];
        sum ^ kept(WalkByHand { stack })
    })
}

/// All of them.
pub(crate) const ROWS: &[Workload] = &[
    row("plain, optimiser free", "by hand", |n| free(by_hand(n))),
    row("plain, optimiser free", "genawaiter, stack", |n| {
        let_gen_using!(g, |co| stack_count(n, co));
        free(g.into_iter())
    }),
    row("plain, optimiser free", "genawaiter, rc", |n| {
        free(RcGen::new(|co| rc_count(n, co)).into_iter())
    }),
    row("plain, optimiser free", "next-gen, pinned", |n| {
        mk_gen!(let g = next_gen_count(n));
        free(g.into_iter())
    }),
    row("plain, optimiser free", "fauxgen, pinned", |n| {
        free(pin!(fauxgen_count(n)))
    }),
    row("plain", "by hand", |n| kept(by_hand(n))),
    row("plain", "genawaiter, stack", |n| {
        let_gen_using!(g, |co| stack_count(n, co));
        kept(g.into_iter())
    }),
    row("plain", "genawaiter, rc", |n| {
        kept(RcGen::new(|co| rc_count(n, co)).into_iter())
    }),
    row("plain", "next-gen, pinned", |n| {
        mk_gen!(let g = next_gen_count(n));
        kept(g.into_iter())
    }),
    row("plain", "next-gen, box", |n| {
        mk_gen!(let g = box next_gen_count(n));
        kept(g.into_iter())
    }),
    row("plain", "fauxgen, pinned", |n| kept(pin!(fauxgen_count(n)))),
    row("send", "by hand", |n| {
        let mut g = EchoByHand { last: 0 };
        (0..n).fold(0, |sum, i| {
            sum ^ g.send(Some(black_box(i))).unwrap_or_default()
        })
    }),
    row("send", "genawaiter, stack", |n| {
        use genawaiter::GeneratorState::Yielded;
        let_gen_using!(g, stack_echo);
        let mut sum = 0;
        if let Yielded(x) = g.resume_with(0) {
            sum ^= x;
        }
        for i in 0..n {
            if let Yielded(x) = g.resume_with(black_box(i)) {
                sum ^= x;
            }
        }
        sum
    }),
    row("send", "genawaiter, rc", |n| {
        use genawaiter::GeneratorState::Yielded;
        let mut g = RcGen::new(rc_echo);
        let mut sum = 0;
        if let Yielded(x) = g.resume_with(0) {
            sum ^= x;
        }
        for i in 0..n {
            if let Yielded(x) = g.resume_with(black_box(i)) {
                sum ^= x;
            }
        }
        sum
    }),
    row("send", "next-gen, pinned", |n| {
        mk_gen!(let mut g = next_gen_echo());
        let mut sum = 0;
        if let GeneratorState::Yielded(x) = g.as_mut().resume(0) {
            sum ^= x;
        }
        for i in 0..n {
            if let GeneratorState::Yielded(x) = g.as_mut().resume(black_box(i)) {
                sum ^= x;
            }
        }
        sum
    }),
    row("send", "fauxgen, pinned", |n| {
        let mut g = pin!(fauxgen_echo());
        let mut sum = 0;
        if let fauxgen::GeneratorState::Yielded(x) = g.as_mut().resume(0) {
            sum ^= x;
        }
        for i in 0..n {
            if let fauxgen::GeneratorState::Yielded(x) = g.as_mut().resume(black_box(i)) {
                sum ^= x;
            }
        }
        sum
    }),
    row("erased", "by hand, Box<dyn Iterator>", |n| {
        let g: Box<dyn Iterator<Item = u64>> = black_box(Box::new(by_hand(n)));
        kept(g)
    }),
    row("erased", "genawaiter, rc, Box<dyn Iterator>", |n| {
        let g: Box<dyn Iterator<Item = u64>> =
            black_box(Box::new(RcGen::new(|co| rc_count(n, co)).into_iter()));
        kept(g)
    }),
    row("erased", "next-gen, Box<dyn Iterator>", |n| {
        mk_gen!(let g = box next_gen_count(n));
        let g: Box<dyn Iterator<Item = u64>> = black_box(Box::new(g.into_iter()));
        kept(g)
    }),
    row("erased", "fauxgen, Box<dyn Iterator>", |n| {
        let g: Box<dyn Iterator<Item = u64>> = black_box(Box::new(Box::pin(fauxgen_count(n))));
        kept(g)
    }),
    row("from depth 10", "genawaiter, rc, nested loops", |n| {
        kept(rc_deep(10, n))
    })
    .step(1_000),
    row("from depth 1,000", "genawaiter, rc, nested loops", |n| {
        kept(rc_deep(1_000, n))
    })
    .step(10_000),
    row("walk of depth 10", "by hand, a stack of boxes", |n| {
        hand_walks(10, n)
    })
    .step(10),
    row("walk of depth 10", "genawaiter, rc, nested loops", |n| {
        walks(10, n, rc_walk)
    })
    .step(10),
    row("walk of depth 1,000", "by hand, a stack of boxes", |n| {
        hand_walks(1_000, n)
    })
    .step(1_000),
    row("walk of depth 1,000", "genawaiter, rc, nested loops", |n| {
        walks(1_000, n, rc_walk)
    })
    .step(1_000),
    row("walk of depth 100,000", "by hand, a stack of boxes", |n| {
        hand_walks(100_000, n)
    })
    .step(100_000),
    row("create and drop", "genawaiter, rc", |n| {
        for i in 0..n {
            drop(black_box(RcGen::new(|co| rc_count(black_box(i), co))));
        }
        0
    }),
    row("create and drop", "next-gen, box", |n| {
        for i in 0..n {
            mk_gen!(let g = box next_gen_count(black_box(i)));
            drop(black_box(g));
        }
        0
    }),
    row("create and drop", "fauxgen", |n| {
        for i in 0..n {
            drop(black_box(fauxgen_count(black_box(i))));
        }
        0
    }),
    row("create, resume once, drop", "genawaiter, stack", |n| {
        let mut sum = 0;
        for i in 0..n {
            let_gen_using!(g, |co| stack_count(black_box(i + 5), co));
            sum ^= black_box(&mut *g).into_iter().next().unwrap_or_default();
        }
        sum
    }),
    row("create, resume once, drop", "genawaiter, rc", |n| {
        let mut sum = 0;
        for i in 0..n {
            let mut g = RcGen::new(|co| rc_count(black_box(i + 5), co));
            if let genawaiter::GeneratorState::Yielded(x) = black_box(&mut g).resume() {
                sum ^= x;
            }
        }
        sum
    }),
    row("create, resume once, drop", "next-gen, pinned", |n| {
        let mut sum = 0;
        for i in 0..n {
            mk_gen!(let mut g = next_gen_count(black_box(i + 5)));
            if let GeneratorState::Yielded(x) = black_box(&mut g).as_mut().resume(()) {
                sum ^= x;
            }
        }
        sum
    }),
    row("create, resume once, drop", "next-gen, box", |n| {
        let mut sum = 0;
        for i in 0..n {
            mk_gen!(let mut g = box next_gen_count(black_box(i + 5)));
            if let GeneratorState::Yielded(x) = black_box(&mut g).as_mut().resume(()) {
                sum ^= x;
            }
        }
        sum
    }),
    row("create, resume once, drop", "fauxgen, pinned", |n| {
        let mut sum = 0;
        for i in 0..n {
            let mut g = pin!(fauxgen_count(black_box(i + 5)));
            if let fauxgen::GeneratorState::Yielded(x) = black_box(&mut g).as_mut().resume(()) {
                sum ^= x;
            }
        }
        sum
    }),
];
