//! `yield_from!` in generators: values, sends, throws, return values and ends go through, at any depth.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::rc::Rc;

use asyncio::{Generator, StopIteration};

#[asyncio::coroutine]
fn inner() -> Generator<u32, u32, String> {
    let a = yield_!(1);
    let b = yield_!(2);
    format!("{a:?} {b:?}")
}

#[asyncio::coroutine]
fn outer() -> Generator<u32, u32, usize> {
    let before = yield_!(0);
    assert_eq!(before, Some(10));
    let returned = yield_from!(inner());
    assert_eq!(returned, "Some(11) None");
    let rest = yield_from!([7, 8]);
    assert_eq!(rest, None);
    returned.len()
}

#[test]
fn values_sends_and_the_return_value_pass_through() {
    let mut g = outer();
    assert_eq!(g.next(), Some(0));
    assert_eq!(g.send(10), Ok(1));
    assert_eq!(g.send(11), Ok(2));
    assert_eq!(g.send(None), Ok(7));
    assert_eq!(g.next(), Some(8));
    assert_eq!(g.send(None), Err(StopIteration { value: Some(13) }));
}

#[test]
fn it_is_the_same_when_erased_or_pinned() {
    let mut g = outer().boxed();
    assert_eq!(g.next(), Some(0));
    assert_eq!(g.send(10), Ok(1));
    let pinned = std::pin::pin!(outer());
    let mut g = pinned.pinned();
    assert_eq!(g.next(), Some(0));
    assert_eq!(g.send(10), Ok(1));
}

#[test]
fn what_is_sent_to_a_plain_iterator_ends_the_delegation() {
    #[asyncio::coroutine]
    fn over() -> Generator<u32, &'static str, Vec<Option<&'static str>>> {
        let first = yield_from!(0..10);
        let second = yield_from!(10..12);
        vec![first, second]
    }
    let mut g = over();
    assert_eq!(g.next(), Some(0));
    assert_eq!(g.next(), Some(1));
    assert_eq!(g.send("stop"), Ok(10));
    assert_eq!(g.next(), Some(11));
    assert_eq!(
        g.send(None),
        Err(StopIteration {
            value: Some(vec![Some("stop"), None])
        })
    );
}

type E = Result<(), &'static str>;

#[asyncio::coroutine]
fn catching() -> Generator<u32, E, E> {
    loop {
        if let Some(Err("fatal")) = yield_!(1) {
            return Err("told");
        }
    }
}

#[asyncio::coroutine]
fn catching_outside() -> Generator<u32, E, Result<&'static str, &'static str>> {
    let inner = yield_from!(catching());
    yield_!(if inner == Err("told") { 99 } else { 0 }).transpose()?;
    yield_from!([5, 6]).transpose()?;
    Ok("end")
}

#[test]
fn throws_go_to_the_innermost() {
    let mut g = catching_outside();
    assert_eq!(g.next(), Some(1));
    assert_eq!(g.throw("minor"), Ok(1));
    assert_eq!(g.throw("fatal"), Ok(99));
    assert_eq!(g.next(), Some(5));
    assert_eq!(
        g.throw("into the iterator"),
        Err(StopIteration {
            value: Some(Err("into the iterator"))
        })
    );
}

#[asyncio::coroutine]
fn by_reference() -> Generator<u32, u32, u32> {
    let mut g = counting();
    let first = g.next().unwrap_or(0);
    yield_from!(&mut g);
    first
}

#[asyncio::coroutine]
fn counting() -> Generator<u32, u32> {
    yield_from!(0..2);
    yield_from!(nested());
}

#[asyncio::coroutine]
fn nested() -> Generator<u32, u32> {
    yield_from!(5..7);
}

#[test]
fn a_started_generator_can_be_delegated_to_by_reference() {
    let mut g = by_reference();
    assert_eq!(g.by_ref().collect::<Vec<_>>(), [1, 5, 6]);
}

#[test]
fn a_generator_that_was_delegating_brings_its_own_chain() {
    #[asyncio::coroutine]
    fn over(g: Generator<u32, u32>) -> Generator<u32, u32> {
        yield_from!(g);
        yield_!(100);
    }
    let mut started = counting();
    assert_eq!(
        (started.next(), started.next(), started.next()),
        (Some(0), Some(1), Some(5))
    );
    assert_eq!(over(started.boxed()).collect::<Vec<_>>(), [6, 100]);
}

#[test]
#[should_panic = "has finished"]
fn delegating_to_a_finished_generator_panics() {
    #[asyncio::coroutine]
    fn over(mut g: Generator<u32, u32>) -> Generator<u32, u32> {
        while g.next().is_some() {}
        yield_from!(g);
    }
    over(counting().boxed()).next();
}

struct Node {
    value: u32,
    children: Vec<Node>,
}

impl Node {
    #[asyncio::coroutine]
    fn walk(&self) -> Generator<u32> {
        yield_!(self.value);
        for child in &self.children {
            yield_from!(child.walk());
        }
        yield_!(self.value + 100);
    }

    #[asyncio::coroutine]
    fn walk_by_loops(&self) -> Generator<u32> {
        yield_!(self.value);
        for child in &self.children {
            for value in child.walk_by_loops() {
                yield_!(value);
            }
        }
    }
}

#[test]
fn a_method_recurses_through_a_field() {
    let node = |value, children| Node { value, children };
    let tree = node(1, vec![node(2, vec![]), node(3, vec![node(4, vec![])])]);
    assert_eq!(
        tree.walk().collect::<Vec<_>>(),
        [1, 2, 102, 3, 4, 104, 103, 101]
    );
    assert_eq!(tree.walk_by_loops().collect::<Vec<_>>(), [1, 2, 3, 4]);
}

#[asyncio::coroutine]
fn hanoi(n: u32, from: char, to: char, via: char) -> Generator<(char, char), (), u32> {
    if n == 0 {
        return 0;
    }
    let a = yield_from!(hanoi(n - 1, from, via, to));
    yield_!((from, to));
    a + 1 + yield_from!(hanoi(n - 1, via, to, from))
}

#[test]
fn a_function_recurses_and_returns() {
    let mut g = hanoi(4, 'a', 'b', 'c');
    assert_eq!(g.by_ref().count(), 15);
    fn is_send<T: Send>(_: T) {}
    is_send(g);
}

#[asyncio::coroutine]
fn shown_as_an_iterator(n: u32) -> impl Iterator<Item = u32> {
    yield_!(n);
    if n > 0 {
        for x in shown_as_an_iterator(n - 1) {
            yield_!(x);
        }
        yield_from!(shown_as_an_iterator(0));
    }
}

#[test]
fn a_function_that_shows_an_iterator_recurses_too() {
    assert_eq!(shown_as_an_iterator(2).collect::<Vec<_>>(), [2, 1, 0, 0, 0]);
}

#[asyncio::coroutine]
fn is_even(n: u32) -> Generator<u32> {
    yield_!(n);
    if n > 0 {
        yield_from!(is_odd(n - 1).boxed());
    }
}

#[asyncio::coroutine]
fn is_odd(n: u32) -> Generator<u32> {
    yield_!(n);
    if n > 0 {
        yield_from!(is_even(n - 1));
    }
}

#[test]
fn mutual_recursion_takes_one_box() {
    assert_eq!(is_even(3).collect::<Vec<_>>(), [3, 2, 1, 0]);
}

/// A list, as the degenerate tree it is: in an arena, so that the tree itself does not recurse when it is dropped.
struct Tree {
    next: Vec<Option<usize>>,
}

#[asyncio::coroutine]
fn descend(tree: &Tree, at: usize) -> Generator<usize, (), usize> {
    yield_!(at);
    let mut depth = 1;
    if let Some(next) = tree.next[at] {
        depth += yield_from!(descend(tree, next));
    }
    depth
}

fn degenerate(depth: usize) -> Tree {
    Tree {
        next: (1..=depth).map(|n| (n < depth).then_some(n)).collect(),
    }
}

/// Under memcheck a step takes a hundred times as long.
const DEEP: usize = if cfg!(valgrind) { 20_000 } else { 1_000_000 };

#[test]
fn a_tree_a_million_deep_is_walked_without_overflowing_the_stack() {
    let tree = degenerate(DEEP);
    let mut g = descend(&tree, 0);
    let mut seen = 0;
    let returned = loop {
        match g.send(None) {
            Ok(at) => {
                assert_eq!(at, seen);
                seen += 1;
            }
            Err(StopIteration { value }) => break value,
        }
    };
    assert_eq!((seen, returned), (DEEP, Some(DEEP)));
}

#[test]
fn a_chain_a_million_deep_is_dropped_without_overflowing_the_stack() {
    let tree = degenerate(DEEP);
    let mut g = descend(&tree, 0);
    assert_eq!(g.by_ref().take(DEEP).count(), DEEP);
    drop(g);
    let mut erased = descend(&tree, 0).boxed();
    assert_eq!(erased.by_ref().take(DEEP).count(), DEEP);
    erased.close();
    assert_eq!(erased.next(), None);
}

struct Noted(Rc<RefCell<Vec<u32>>>, u32);
impl Drop for Noted {
    fn drop(&mut self) {
        self.0.borrow_mut().push(self.1);
    }
}

#[asyncio::coroutine]
fn noting(log: Rc<RefCell<Vec<u32>>>, n: u32) -> Generator<u32> {
    let _noted = Noted(log.clone(), n);
    if n == 0 {
        yield_!(0);
        panic!("at the bottom");
    }
    yield_from!(noting(log, n - 1));
}

#[test]
fn a_panic_at_the_bottom_unwinds_the_whole_chain_in_order() {
    let log = Rc::default();
    let mut g = noting(Rc::clone(&log), 3);
    assert_eq!(g.next(), Some(0));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| g.next()));
    assert_eq!(
        *panicked.unwrap_err().downcast::<&str>().unwrap(),
        "at the bottom"
    );
    assert_eq!(*log.borrow(), [0, 1, 2, 3]);
    assert_eq!(g.next(), None);
}

/// Panics when it is dropped, the first time that one is.
struct Bomb(Rc<RefCell<Vec<u32>>>, u32);
impl Drop for Bomb {
    fn drop(&mut self) {
        self.0.borrow_mut().push(self.1);
        assert!(self.1 != 1, "in a destructor");
    }
}

#[asyncio::coroutine]
fn with_a_bomb(log: Rc<RefCell<Vec<u32>>>, n: u32) -> Generator<u32> {
    let _bomb = Bomb(log.clone(), n);
    if n == 0 {
        yield_!(0);
    } else {
        yield_from!(with_a_bomb(log, n - 1));
    }
}

#[test]
fn a_destructor_that_panics_leaves_the_others_to_be_run_in_order() {
    let log = Rc::default();
    let mut g = with_a_bomb(Rc::clone(&log), 3);
    assert_eq!(g.next(), Some(0));
    let closed = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| g.close()));
    assert_eq!(
        *closed.unwrap_err().downcast::<&str>().unwrap(),
        "in a destructor"
    );
    assert_eq!(*log.borrow(), [0, 1, 2, 3]);
    assert_eq!(g.next(), None);
    drop(g);
    assert_eq!(log.borrow().len(), 4);
}

#[test]
fn a_generator_left_in_the_middle_goes_on_where_it_was() {
    let mut g = counting();
    g.next();
    #[asyncio::coroutine]
    fn some_of(g: &mut Generator<u32, u32>) -> Generator<u32, u32> {
        yield_!(50);
        yield_from!(g);
    }
    let mut g = g.boxed();
    assert_eq!(some_of(&mut g).take(2).collect::<Vec<_>>(), [50, 1]);
    // The outer generator was dropped in the middle: as in Python, it has closed the inner one.
    assert_eq!(g.next(), None);
}
