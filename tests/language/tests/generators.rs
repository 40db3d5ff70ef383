//! Generators do what Python's do.
#![forbid(unsafe_code)]

use asyncio::{Generator, StopIteration};
use language::block_on;

#[asyncio::coroutine]
fn two() -> Generator<u32> {
    yield_!(1);
    yield_!(2);
}

#[test]
fn yields_in_order() {
    assert_eq!(two().collect::<Vec<_>>(), [1, 2]);
    let mut seen = Vec::new();
    for x in two() {
        seen.push(x);
    }
    assert_eq!(seen, [1, 2]);
}

#[asyncio::coroutine]
fn delegating() -> Generator<u32, (), &'static str> {
    yield_from!(two());
    yield_!(4);
    yield_from!([7, 8]);
    yield_from!(vec![9]);
    "done"
}

#[test]
fn delegates_to_generators_and_iterables() {
    assert_eq!(delegating().collect::<Vec<_>>(), [1, 2, 4, 7, 8, 9]);
    let mut g = delegating();
    while g.next().is_some_and(|x| x != 9) {}
    assert_eq!(
        g.send(None),
        Err(StopIteration {
            value: Some("done")
        })
    );
    assert_eq!(g.send(None), Err(StopIteration { value: None }));
}

enum Tree {
    Leaf,
    Node(Box<Tree>, u32, Box<Tree>),
}

#[asyncio::coroutine]
fn walk(tree: &Tree) -> Generator<&u32> {
    if let Tree::Node(left, value, right) = tree {
        yield_from!(walk(left));
        yield_!(value);
        for x in walk(right) {
            yield_!(x);
        }
    }
}

#[test]
fn recurses_without_boxing_by_hand() {
    let leaf = || Box::new(Tree::Leaf);
    let one = Box::new(Tree::Node(leaf(), 1, leaf()));
    let three = Box::new(Tree::Node(leaf(), 3, leaf()));
    let tree = Tree::Node(one, 2, three);
    assert_eq!(walk(&tree).copied().collect::<Vec<_>>(), [1, 2, 3]);
    fn is_send<T: Send>(_: T) {}
    is_send(walk(&tree));
}

#[asyncio::coroutine]
fn in_macros(n: u32) -> Generator<u32, u32> {
    println!("{:?}", yield_!(n));
    let v = vec![yield_!(n + 1), yield_!(n + 2)];
    assert_eq!(v, [Some(1), Some(2)]);
    println!("{:?}", yield_from!(in_macros_inner()));
    if n > 100 {
        yield_from!(in_macros(n - 1));
    }
}

#[asyncio::coroutine]
fn in_macros_inner() -> Generator<u32, u32, u32> {
    yield_!(1);
    5
}

#[test]
fn words_work_in_the_arguments_of_macros() {
    let mut g = in_macros(3);
    assert_eq!(g.next(), Some(3));
    assert_eq!(g.send(0), Ok(4));
    assert_eq!(g.send(1), Ok(5));
    assert_eq!(g.send(2), Ok(1));
    assert_eq!(g.next(), None);
}

#[asyncio::coroutine]
async fn fib(n: u64) -> u64 {
    if n < 2 {
        return n;
    }
    await_!(fib(n - 1)) + fib(n - 2).await
}

#[asyncio::coroutine]
fn old() -> u64 {
    yield_!();
    let x = yield_from!(fib(10));
    async { yield_from!(fib(1)) }.await;
    println!("{}", yield_from!(fib(1)));
    x
}

struct S(u32);
impl S {
    #[asyncio::coroutine(boxed)]
    fn boxed(&self, other: &str, (a, b): (u32, u32)) -> usize {
        self.0 as usize + other.len() + a as usize + b as usize
    }
    #[asyncio::coroutine]
    fn items(&mut self, mut n: u32) -> Generator<u32> {
        while n > 0 {
            n -= 1;
            self.0 += 1;
            yield_!(self.0);
        }
    }
    #[asyncio::coroutine(boxed)]
    fn items_boxed(&mut self, mut n: u32) -> Generator<&u32> {
        while n > 0 {
            n -= 1;
            self.0 += 1;
        }
        yield_!(&self.0);
    }
}

#[test]
fn coro() {
    assert_eq!(block_on(old()), 55);
    let mut s = S(1);
    assert_eq!(block_on(s.boxed("abc", (1, 2))), 7);
    assert_eq!(s.items(2).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(s.items_boxed(2).collect::<Vec<_>>(), [&5]);
}
