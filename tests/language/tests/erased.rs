//! A generator behind a box knows whether it has begun and ended, whoever resumes, delegates to or ends it.
#![forbid(unsafe_code)]

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;

use asyncio::{Generator, StopIteration};

/// Counts how often it is dropped, and panics if told to.
struct Dropped {
    count: Rc<Cell<u32>>,
    panics: bool,
}

impl Drop for Dropped {
    fn drop(&mut self) {
        self.count.set(self.count.get() + 1);
        assert!(!self.panics, "in a destructor");
    }
}

/// What a generator does after its second value.
#[derive(Clone, Copy, PartialEq)]
enum End {
    Returns,
    Panics,
    PanicsInADestructor,
}

#[asyncio::coroutine]
fn two(count: Rc<Cell<u32>>, end: End) -> Generator<u32, u32, u32> {
    let text = String::from("on the heap");
    let panics = end == End::PanicsInADestructor;
    let _dropped = Dropped { count, panics };
    let a = yield_!(1);
    let b = yield_!(2);
    assert!(end != End::Panics, "in the generator");
    a.unwrap_or(0) + b.unwrap_or(0) + u32::from(text.is_empty())
}

#[asyncio::coroutine]
fn lent(g: &mut Generator<u32, u32, u32>) -> Generator<u32, u32, u32> {
    yield_!(0);
    yield_from!(g)
}

fn message<T: std::fmt::Debug>(resume: impl FnOnce() -> T) -> String {
    let payload = catch_unwind(AssertUnwindSafe(resume)).unwrap_err();
    match payload.downcast::<&str>() {
        Ok(text) => (*text).to_owned(),
        Err(payload) => *payload.downcast::<String>().unwrap(),
    }
}

fn assert_ended(mut g: Generator<u32, u32, u32>, dropped: &Cell<u32>) {
    assert_eq!(dropped.get(), 1);
    assert!(g.is_finished());
    assert_eq!(g.next(), None);
    assert_eq!(g.send(5), Err(StopIteration { value: None }));
    g.close();
    assert_eq!(g.next(), None);
    drop(g);
    assert_eq!(dropped.get(), 1);
}

#[test]
fn returns_once() {
    let dropped = Rc::default();
    let mut g: Generator<u32, u32, u32> = two(Rc::clone(&dropped), End::Returns).boxed();
    assert_eq!((g.next(), g.send(3)), (Some(1), Ok(2)));
    assert_eq!(g.send(4), Err(StopIteration { value: Some(7) }));
    assert_ended(g, &dropped);
}

#[test]
fn has_ended_when_it_panics() {
    for (end, words) in [
        (End::Panics, "in the generator"),
        (End::PanicsInADestructor, "in a destructor"),
    ] {
        let dropped = Rc::default();
        let mut g: Generator<u32, u32, u32> = two(Rc::clone(&dropped), end).boxed();
        assert_eq!((g.next(), g.next()), (Some(1), Some(2)));
        assert_eq!(message(|| g.next()), words);
        assert_ended(g, &dropped);
    }
}

#[test]
fn has_not_begun_when_it_is_sent_something_too_early() {
    let dropped = Rc::default();
    let mut g: Generator<u32, u32, u32> = two(Rc::clone(&dropped), End::Returns).boxed();
    for _ in 0..2 {
        let words = "can't send non-None value to a just-started generator";
        assert_eq!(message(|| g.send(1)), words);
    }
    assert!(!g.is_finished());
    assert_eq!((g.next(), g.next()), (Some(1), Some(2)));
    g.close();
    assert_ended(g, &dropped);
}

#[test]
fn has_ended_when_it_is_closed_before_it_begins() {
    let dropped = Rc::default();
    let mut g: Generator<u32, u32, u32> = two(Rc::clone(&dropped), End::Returns).boxed();
    g.close();
    assert_eq!(g.next(), None);
    // Its body never began: there was nothing in it to drop.
    assert_eq!(dropped.get(), 0);
}

#[test]
fn is_ended_by_the_one_that_it_was_lent_to() {
    for begun in [false, true] {
        for end in [End::Returns, End::Panics, End::PanicsInADestructor] {
            let dropped = Rc::default();
            let mut g: Generator<u32, u32, u32> = two(Rc::clone(&dropped), end).boxed();
            if begun {
                assert_eq!(g.next(), Some(1));
            }
            let mut outer = lent(&mut g).boxed();
            let values = outer.by_ref().take(if begun { 2 } else { 3 }).count();
            assert_eq!(values, if begun { 2 } else { 3 });
            if end == End::Returns {
                assert_eq!(outer.send(4), Err(StopIteration { value: Some(4) }));
            } else {
                message(|| outer.next());
            }
            drop(outer);
            assert_ended(g, &dropped);
        }
    }
}

#[test]
fn is_ended_with_the_one_that_it_was_lent_to() {
    let dropped = Rc::default();
    let mut g: Generator<u32, u32, u32> = two(Rc::clone(&dropped), End::Returns).boxed();
    assert_eq!(g.next(), Some(1));
    let mut outer = lent(&mut g).boxed();
    assert_eq!((outer.next(), outer.next()), (Some(0), Some(2)));
    drop(outer);
    assert_ended(g, &dropped);
}

#[test]
fn goes_on_where_the_one_that_it_was_lent_to_did_not_get_to_it() {
    let dropped = Rc::default();
    let mut g: Generator<u32, u32, u32> = two(Rc::clone(&dropped), End::Returns).boxed();
    assert_eq!(g.next(), Some(1));
    assert_eq!(lent(&mut g).next(), Some(0));
    assert_eq!(
        (g.send(3), g.send(4)),
        (Ok(2), Err(StopIteration { value: Some(7) }))
    );
    assert_ended(g, &dropped);
}

#[test]
fn may_have_begun_before_and_be_lent_pinned() {
    let dropped = Rc::default();
    let mut g = two(Rc::clone(&dropped), End::Returns);
    assert_eq!(g.next(), Some(1));
    let mut g: Generator<u32, u32, u32> = g.boxed();
    assert_eq!(g.next(), Some(2));
    {
        let pinned = pin!(g);
        let mut again = pinned.pinned().boxed();
        assert_eq!(again.send(9), Err(StopIteration { value: Some(9) }));
        assert_eq!(again.next(), None);
    }
    assert_eq!(dropped.get(), 1);
}
