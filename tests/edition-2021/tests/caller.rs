//! A caller of the 2021 edition: what that edition means by a function holds in its coroutines too.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use asyncio::{AsyncGenerator, Generator};

fn block_on<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(value) = future
            .as_mut()
            .poll(&mut Context::from_waker(Waker::noop()))
        {
            return value;
        }
    }
}

// Every lifetime is captured, as in an `async fn`: none of these would compile with the rules of 2021 for `impl Trait`.

#[asyncio::coroutine]
async fn longest(a: &str, b: &str) -> usize {
    a.len().max(b.len())
}

#[asyncio::coroutine]
fn zip<'a, 'b>(a: &'a [u32], b: &'b [u32]) -> Generator<(&'a u32, &'b u32)> {
    for pair in a.iter().zip(b) {
        yield_!(pair);
    }
}

#[asyncio::coroutine]
fn as_iterator(a: &[u32], by: &u32) -> impl Iterator<Item = u32> {
    for x in a {
        yield_!(x * by);
    }
}

#[asyncio::coroutine]
async fn as_async_generator(a: &[u32], by: &u32) -> AsyncGenerator<u32> {
    for x in a {
        yield_!(x * by);
    }
}

#[asyncio::coroutine(boxed)]
async fn boxed(a: &str, b: &str) -> usize {
    await_!(longest(a, b))
}

#[test]
fn every_lifetime_is_captured() {
    let a = vec![1, 2];
    let made = {
        let b = vec![3, 4];
        assert_eq!(zip(&a, &b).map(|(a, b)| a * b).sum::<u32>(), 11);
        let by = 2;
        let doubled: Vec<u32> = as_iterator(&a, &by).collect();
        let mut g = as_async_generator(&a, &by);
        assert_eq!(block_on(g.anext()), Some(2));
        doubled
    };
    assert_eq!(made, [2, 4]);
    let one = String::from("one");
    assert_eq!(block_on(longest(&one, "three")), 5);
    assert_eq!(block_on(boxed(&one, "three")), 5);
}

struct Noted<'a>(&'a RefCell<Vec<&'static str>>, &'static str);

impl Noted<'_> {
    fn value(&self) -> u32 {
        7
    }
}

impl Drop for Noted<'_> {
    fn drop(&mut self) {
        self.0.borrow_mut().push(self.1);
    }
}

// In 2021 the temporaries of a body's last expression outlive its variables, in 2024 they do not.

#[asyncio::coroutine]
async fn ours(log: &RefCell<Vec<&'static str>>, _argument: Noted<'_>) -> u32 {
    let _variable = Noted(log, "variable");
    Noted(log, "temporary").value()
}

async fn theirs(log: &RefCell<Vec<&'static str>>, _argument: Noted<'_>) -> u32 {
    let _variable = Noted(log, "variable");
    Noted(log, "temporary").value()
}

#[asyncio::coroutine]
fn generator(log: &RefCell<Vec<&'static str>>) -> Generator<u32, (), u32> {
    let _variable = Noted(log, "variable");
    yield_!(1);
    Noted(log, "temporary").value()
}

#[test]
fn temporaries_live_as_long_as_in_an_async_fn_of_this_edition() {
    let logs = [RefCell::default(), RefCell::default(), RefCell::default()];
    block_on(ours(&logs[0], Noted(&logs[0], "argument")));
    block_on(theirs(&logs[1], Noted(&logs[1], "argument")));
    assert_eq!(*logs[1].borrow(), ["variable", "temporary", "argument"]);
    assert_eq!(logs[0], logs[1]);
    generator(&logs[2]).for_each(drop);
    assert_eq!(*logs[2].borrow(), ["variable", "temporary"]);
}

#[asyncio::coroutine]
fn words_in_macros(n: u32) -> Generator<u32, u32> {
    println!("{:?}", yield_!(n));
    assert_ne!(yield_!(100), Some(1));
    let v = Vec::from([yield_!(n + 1)]);
    yield_!(v[0].unwrap_or(9));
    if n > 0 {
        yield_from!(words_in_macros(n - 1));
    }
}

#[test]
fn words_and_recursion_work() {
    let mut g = words_in_macros(1);
    assert_eq!((g.next(), g.next()), (Some(1), Some(100)));
    assert_eq!(g.next(), Some(2));
    assert_eq!(g.send(5), Ok(5));
    assert_eq!(g.collect::<Vec<_>>(), [0, 100, 1, 9]);
}
