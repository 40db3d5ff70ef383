//! What the behaviour tests share.
#![allow(dead_code, reason = "each test file uses what it needs")]

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use asyncio::Runner;
use asyncio::testing::Clock;

/// Runs `main` on the virtual clock.
#[track_caller]
pub(crate) fn run<T>(main: impl Future<Output = T>) -> T {
    Runner::new().clock(Clock::virtual_clock()).run(main)
}

/// What a panic said, when `f` panics.
#[track_caller]
pub(crate) fn message_of<T>(f: impl FnOnce() -> T) -> String {
    match catch_unwind(AssertUnwindSafe(f)) {
        Ok(_) => panic!("it did not panic"),
        Err(payload) => text_of(payload.as_ref()),
    }
}

/// What a panic with this payload said.
pub(crate) fn text_of(payload: &(dyn Any + Send)) -> String {
    if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else if let Some(error) = payload.downcast_ref::<asyncio::CancelledError>() {
        format!("{error:?}")
    } else {
        "no text".to_owned()
    }
}

/// Counts how many of its tokens are there.
#[derive(Clone, Default)]
pub(crate) struct Counter(Rc<Cell<usize>>);

/// One of a [`Counter`]'s, until it is dropped.
pub(crate) struct Token(Rc<Cell<usize>>);

impl Counter {
    pub(crate) fn token(&self) -> Token {
        self.0.set(self.0.get() + 1);
        Token(self.0.clone())
    }

    pub(crate) fn alive(&self) -> usize {
        self.0.get()
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// Calls what it holds when it is dropped.
pub(crate) struct OnDrop<F: FnMut()>(pub(crate) F);

impl<F: FnMut()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A trace that tasks write.
#[derive(Clone, Default)]
pub(crate) struct Trace(Rc<RefCell<Vec<String>>>);

impl Trace {
    pub(crate) fn note(&self, text: impl Into<String>) {
        self.0.borrow_mut().push(text.into());
    }

    pub(crate) fn take(&self) -> Vec<String> {
        self.0.take()
    }
}
