//! What the operations of locks and queues wait at: one list, beneath them all.
//!
//! A place in it is given up when it is dropped, on every way out. Which waiter is woken, and what
//! happens to a wake-up that its waiter could not use, is the lock's or queue's to say.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;
use std::panic::Location;
use std::rc::Rc;
use std::task::Poll;

use crate::event_loop::{context, wake};
use crate::exceptions::CancelledError;
use crate::futures::{Cancel, State, Target};
use crate::tasks::cancellation::{self, Onward};
use crate::tasks::{Suspended, TaskRef};

/// The future that an operation of a lock, a queue or a `wait` is suspended at: CPython's
/// `loop.create_future()` of such places, with one waiter and no value.
///
/// It is done as soon as it is woken or cancelled, so that whoever goes through a list of waiters
/// knows whom to skip, before their tasks have stepped.
pub(crate) struct Waiter {
    state: Cell<State>,
    waker: RefCell<Option<std::task::Waker>>,
    error: RefCell<Option<CancelledError>>,
    /// Names the tasks that it waits for, if it does.
    tasks: OnceCell<Box<NameTasks>>,
}

type NameTasks = dyn Fn(&mut dyn FnMut(&TaskRef));

impl Waiter {
    pub(crate) fn new() -> Rc<Self> {
        Rc::new(Self {
            state: Cell::new(State::Pending),
            waker: RefCell::default(),
            error: RefCell::default(),
            tasks: OnceCell::new(),
        })
    }

    /// It waits for the tasks that this names.
    pub(crate) fn for_tasks(&self, each: impl Fn(&mut dyn FnMut(&TaskRef)) + 'static) {
        let _ = self.tasks.set(Box::new(each));
    }

    pub(crate) fn is_done(&self) -> bool {
        self.state.get() != State::Pending
    }

    /// Python's `if not waiter.done(): waiter.set_result(None)`; whether it did.
    pub(crate) fn wake(&self) -> bool {
        self.end(State::Finished)
    }

    fn end(&self, state: State) -> bool {
        if self.is_done() {
            return false;
        }
        self.state.set(state);
        let waker = self.waker.take();
        if let Some(waker) = waker {
            wake(waker);
        }
        true
    }

    /// Whether it was woken: what it was woken for is its own, even if it is cancelled meanwhile.
    pub(crate) fn was_woken(&self) -> bool {
        self.state.get() == State::Finished
    }

    pub(crate) fn was_cancelled(&self) -> bool {
        self.state.get() == State::Cancelled
    }

    /// Suspends until it is woken.
    pub(crate) fn wait(self: &Rc<Self>) -> impl Future<Output = ()> + use<> {
        self.wait_at(None)
    }

    /// As [`wait`](Self::wait), for who awaits what a call at this place gave.
    pub(crate) fn wait_at(
        self: &Rc<Self>,
        location: Option<&'static Location<'static>>,
    ) -> impl Future<Output = ()> + use<> {
        let this = self.clone();
        let mut point = Suspended::default();
        std::future::poll_fn(move |cx| {
            if cancellation::is_held_back(cx) {
                return Poll::Pending;
            }
            let error = this.error.borrow_mut().take();
            if let Some(error) = error {
                point.leave();
                return cancellation::raise(cx, error);
            }
            if let Some(raised) = point.poll_raise(cx) {
                return raised.map(|never| match never {});
            }
            if this.is_done() {
                point.leave();
                return Poll::Ready(());
            }
            assert!(
                context::running().is_some(),
                "no running event loop: locks, queues and what waits for tasks need one"
            );
            let known = this.waker.replace(None);
            let waker = known
                .filter(|known| known.will_wake(cx.waker()))
                .unwrap_or_else(|| cx.waker().clone());
            this.waker.replace(Some(waker));
            point.suspend(cx, location, || Some(Target::Other(this.clone())));
            Poll::Pending
        })
    }
}

impl Cancel for Waiter {
    fn cancel_onward(&self, error: &CancelledError, _: &mut Onward) -> bool {
        if self.is_done() {
            return false;
        }
        self.error.replace(Some(error.clone()));
        self.end(State::Cancelled)
    }

    fn each_awaited(&self, name: &mut dyn FnMut(&TaskRef)) {
        if let Some(each) = self.tasks.get() {
            each(name);
        }
    }

    fn repr(&self) -> Option<String> {
        Some(format!(
            "<Future {}>",
            match self.state.get() {
                State::Pending => "pending",
                State::Cancelled => "cancelled",
                State::Finished => "finished result=None",
            }
        ))
    }
}

/// Waiters in the order in which they came.
#[derive(Default)]
pub(crate) struct Waiters(RefCell<VecDeque<Rc<Waiter>>>);

impl Waiters {
    /// Gets in line.
    pub(crate) fn enter(&self) -> Place<'_> {
        let waiter = Waiter::new();
        self.0.borrow_mut().push_back(waiter.clone());
        Place {
            waiters: self,
            waiter,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.0.borrow().len()
    }

    pub(crate) fn all_cancelled(&self) -> bool {
        self.0.borrow().iter().all(|waiter| waiter.was_cancelled())
    }

    /// Wakes the first in line, unless that one is woken or cancelled already.
    pub(crate) fn wake_first(&self) {
        let first = self.0.borrow().front().cloned();
        if let Some(first) = first {
            first.wake();
        }
    }

    /// Wakes the first that is neither woken nor cancelled; whether there was one.
    pub(crate) fn wake_next(&self) -> bool {
        let next = {
            let waiters = self.0.borrow();
            waiters.iter().find(|waiter| !waiter.is_done()).cloned()
        };
        next.is_some_and(|next| next.wake())
    }

    /// As [`wake_next`](Self::wake_next), and takes it and those before it out of the line.
    pub(crate) fn pop_next(&self) {
        loop {
            let next = self.0.borrow_mut().pop_front();
            match next {
                Some(waiter) if !waiter.wake() => {}
                _ => return,
            }
        }
    }

    /// Wakes all, and leaves them in line.
    pub(crate) fn wake_all(&self) {
        let all: Vec<_> = self.0.borrow().iter().cloned().collect();
        for waiter in all {
            waiter.wake();
        }
    }

    /// Wakes all, and empties the line.
    pub(crate) fn release_all(&self) {
        for waiter in self.0.take() {
            waiter.wake();
        }
    }
}

/// A place in a line, given up when it is dropped.
pub(crate) struct Place<'a> {
    waiters: &'a Waiters,
    waiter: Rc<Waiter>,
}

impl Place<'_> {
    pub(crate) async fn wait(&self) {
        self.waiter.wait().await;
    }

    /// Whether it was woken, even if it is cancelled now.
    pub(crate) fn was_woken(&self) -> bool {
        self.waiter.was_woken()
    }

    fn leave(&self) {
        let mut waiters = self.waiters.0.borrow_mut();
        // The longest-waiting leave first.
        let place = waiters
            .iter()
            .position(|waiter| Rc::ptr_eq(waiter, &self.waiter));
        let left = place.and_then(|place| waiters.remove(place));
        drop(waiters);
        drop(left);
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.leave();
    }
}
