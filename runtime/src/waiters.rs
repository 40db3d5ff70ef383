//! What the operations of locks and queues wait at: one list, beneath them all.
//!
//! A [`Wait`] is a link of the list itself, so that nothing is allocated for it, and one that is given
//! up leaves at once, wherever it stands. Which waiter is woken, and what happens to a wake-up that
//! its waiter could not use, is the lock's or queue's to say.
//!
//! What must stay true:
//!
//! - a wait that is in a line is pinned, and leaves the line before its memory is anything else's: by
//!   its destructor, which has the line by a reference;
//! - as long as it is in line it is reached by shared references only, and all that is in it is a
//!   cell;
//! - one that is done, woken or cancelled, never is pending again. So what is before `pending` in a
//!   line has not to be looked at again.

use std::cell::Cell;
use std::marker::PhantomPinned;
use std::panic::Location;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use crate::event_loop::context;
use crate::exceptions::CancelledError;
use crate::futures::{State, Target};
use crate::tasks::cancellation::{self, Trouble};
use crate::tasks::{Called, Suspended, Wake};

/// The future that an operation of a lock, a queue or a `wait` is suspended at: CPython's
/// `loop.create_future()` of such places, with one waiter and no value.
///
/// It is done as soon as it is woken or cancelled, so that whoever goes through a list of waiters
/// knows whom to skip, before their tasks have stepped.
pub(crate) struct Waiter {
    state: Cell<State>,
    wake: Cell<Option<Wake>>,
    error: Cell<Option<CancelledError>>,
}

impl Default for Waiter {
    fn default() -> Self {
        Self {
            state: Cell::new(State::Pending),
            wake: Cell::default(),
            error: Cell::default(),
        }
    }
}

impl Waiter {
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.state.get() != State::Pending
    }

    /// Python's `if not waiter.done(): waiter.set_result(None)`.
    pub(crate) fn wake(&self) {
        if let Some(wake) = self.end(State::Finished) {
            wake.wake();
        }
    }

    /// Ends it, unless it is done; what this gives is to be woken.
    #[inline]
    fn end(&self, state: State) -> Option<Wake> {
        if self.is_done() {
            return None;
        }
        self.state.set(state);
        self.wake.take()
    }

    /// Whether it was woken: what it was woken for is its own, even if it is cancelled meanwhile.
    #[inline]
    fn was_woken(&self) -> bool {
        self.state.get() == State::Finished
    }

    /// Raises the error in who waits; false when it is done.
    pub(crate) fn cancel(&self, error: &CancelledError) -> bool {
        let is_pending = !self.is_done();
        if let Some(wake) = self.end_cancelled(error) {
            wake.wake();
        }
        is_pending
    }

    fn end_cancelled(&self, error: &CancelledError) -> Option<Wake> {
        if !self.is_done() {
            self.error.set(Some(error.clone()));
        }
        self.end(State::Cancelled)
    }

    /// As `wait_for=` of a task's repr shows it.
    pub(crate) fn repr(&self) -> String {
        let state = match self.state.get() {
            State::Pending => "pending",
            State::Cancelled => "cancelled",
            State::Finished => "finished result=None",
        };
        format!("<Future {state}>")
    }

    /// Suspends until it is woken; raises when it is cancelled. `begin` is called when it begins to
    /// be pending in a task, and says what a cancellation is passed on to.
    #[inline]
    pub(crate) fn poll(
        &self,
        cx: &Context<'_>,
        point: &mut Suspended,
        location: Option<&'static Location<'static>>,
        begin: impl FnOnce() -> Target,
    ) -> Poll<()> {
        let trouble = cancellation::trouble();
        if trouble == Trouble::Some && cancellation::is_held_back(cx) {
            return Poll::Pending;
        }
        if self.state.get() == State::Cancelled {
            if let Some(error) = self.error.take() {
                point.leave();
                return cancellation::raise(cx, error);
            }
        }
        if trouble == Trouble::Some {
            if let Some(raised) = point.poll_raise(cx) {
                return raised.map(|never| match never {});
            }
        }
        if self.is_done() {
            point.leave();
            return Poll::Ready(());
        }
        assert!(
            trouble != Trouble::NoTask || context::is_running(),
            "no running event loop: locks, queues and what waits for tasks need one"
        );
        let wake = match self.wake.take() {
            Some(known) if known.is_of(cx) => known,
            known => {
                let wake = Wake::of(cx);
                drop(known);
                wake
            }
        };
        self.wake.set(Some(wake));
        point.suspend(cx, location, || Some(begin()));
        Poll::Pending
    }
}

/// A waiter in a [`Wait`], as the task knows it that is suspended there.
#[derive(Clone, Copy)]
pub(crate) struct Waiting(NonNull<Waiter>);

impl Waiting {
    /// # Safety
    ///
    /// To be kept among the points of a task only, and as long as it is there, the waiter is.
    unsafe fn new(waiter: &Waiter) -> Self {
        Self(NonNull::from(waiter))
    }

    fn waiter(&self) -> &Waiter {
        // SAFETY: as `new` was promised: the point is known, so the waiter is there.
        unsafe { self.0.as_ref() }
    }

    /// As [`Waiter::cancel`].
    pub(crate) fn cancel(self, error: &CancelledError) -> bool {
        let is_pending = !self.waiter().is_done();
        // No reference is kept while somebody is woken: that may run anything, and the waiter may be
        // gone then.
        let wake = self.waiter().end_cancelled(error);
        if let Some(wake) = wake {
            wake.wake();
        }
        is_pending
    }

    pub(crate) fn repr(&self) -> String {
        self.waiter().repr()
    }
}

/// A waiter in a line.
#[derive(Default)]
struct Node {
    waiter: Waiter,
    before: Link,
    after: Link,
    /// Its number in the line; zero when it is in none.
    ticket: Cell<u64>,
    _pinned: PhantomPinned,
}

type Link = Cell<Option<NonNull<Node>>>;

/// Waiters in the order in which they came.
#[derive(Default)]
pub(crate) struct Waiters {
    first: Link,
    last: Link,
    /// All before this one are done; none when all are.
    pending: Link,
    /// How many in the line were woken.
    woken: Cell<usize>,
    /// How many have ever come.
    tickets: Cell<u64>,
}

/// What a link leads to.
#[inline]
fn at<'a>(node: NonNull<Node>) -> &'a Node {
    // SAFETY: for all in this file: what is in a line is there, see above. No such reference is kept
    // while anybody is woken: that may run anything, and the wait may be gone then.
    unsafe { node.as_ref() }
}

impl Waiters {
    /// Gets in line, when it is first polled, until it is woken. `given_up` is called when this is
    /// dropped before, and is told whether it was woken: it has left the line then. A task that waits
    /// shows where the operation was called.
    pub(crate) fn wait<G: FnMut(bool)>(&self, called: Called, given_up: G) -> Wait<'_, G> {
        Wait {
            waiters: self,
            called,
            node: Node::default(),
            point: Suspended::default(),
            is_over: false,
            given_up,
        }
    }

    /// How many are in line.
    pub(crate) fn len(&self) -> usize {
        let first = self.first.get().map(at);
        std::iter::successors(first, |node| node.after.get().map(at)).count()
    }

    /// Whether nobody in line was woken, or could be.
    #[inline]
    pub(crate) fn all_cancelled(&self) -> bool {
        self.woken.get() == 0 && self.first_pending().is_none()
    }

    /// Wakes the first in line, unless that one is woken or cancelled already.
    #[inline]
    pub(crate) fn wake_first(&self) {
        let first = self.first.get();
        if let Some(first) = first.filter(|first| !at(*first).waiter.is_done()) {
            self.wake(first);
        }
    }

    /// Wakes the first that is neither woken nor cancelled; whether there was one.
    #[inline]
    pub(crate) fn wake_next(&self) -> bool {
        let next = self.first_pending();
        if let Some(next) = next {
            self.wake(next);
        }
        next.is_some()
    }

    /// As [`wake_next`](Self::wake_next), and takes it and those before it out of the line.
    #[inline]
    pub(crate) fn pop_next(&self) {
        self.pop_up_to(u64::MAX, true);
    }

    /// Wakes all, and empties the line.
    pub(crate) fn release_all(&self) {
        self.pop_up_to(self.tickets.get(), false);
    }

    /// Wakes all, and leaves them in line.
    pub(crate) fn wake_all(&self) {
        // Who comes when somebody is woken waits for the next time.
        let last = self.tickets.get();
        while let Some(next) = self.first_pending() {
            if at(next).ticket.get() > last {
                return;
            }
            self.wake(next);
        }
    }

    /// Takes all up to this ticket out of the line, or up to the first that can be woken, and wakes.
    #[inline]
    fn pop_up_to(&self, ticket: u64, only_one: bool) {
        while let Some(first) = self.first.get() {
            if at(first).ticket.get() > ticket {
                return;
            }
            self.remove(at(first));
            let is_pending = !at(first).waiter.is_done();
            if let Some(wake) = at(first).waiter.end(State::Finished) {
                wake.wake();
            }
            if only_one && is_pending {
                return;
            }
        }
    }

    fn first_pending(&self) -> Option<NonNull<Node>> {
        let mut next = self.pending.get();
        while let Some(node) = next.filter(|node| at(*node).waiter.is_done()) {
            next = at(node).after.get();
        }
        self.pending.set(next);
        next
    }

    /// Wakes one that is in line and pending.
    #[inline]
    fn wake(&self, node: NonNull<Node>) {
        self.woken.set(self.woken.get() + 1);
        if let Some(wake) = at(node).waiter.end(State::Finished) {
            wake.wake();
        }
    }

    fn push(&self, node: &Node) {
        let link = Some(NonNull::from(node));
        self.tickets.set(self.tickets.get() + 1);
        node.ticket.set(self.tickets.get());
        let last = self.last.replace(link);
        node.before.set(last);
        match last {
            Some(last) => at(last).after.set(link),
            None => self.first.set(link),
        }
        if self.pending.get().is_none() {
            self.pending.set(link);
        }
    }

    /// Takes it out of the line, which it is in.
    #[inline]
    fn remove(&self, node: &Node) {
        let (before, after) = (node.before.take(), node.after.take());
        node.ticket.set(0);
        match before {
            Some(before) => at(before).after.set(after),
            None => self.first.set(after),
        }
        match after {
            Some(after) => at(after).before.set(before),
            None => self.last.set(before),
        }
        if self.pending.get() == Some(NonNull::from(node)) {
            self.pending.set(after);
        }
        if node.waiter.was_woken() {
            self.woken.set(self.woken.get() - 1);
        }
    }
}

pin_project! {
    /// A place in a line, until it is woken.
    pub(crate) struct Wait<'a, G: FnMut(bool)> {
        waiters: &'a Waiters,
        called: Called,
        #[pin]
        node: Node,
        point: Suspended,
        is_over: bool,
        given_up: G,
    }

    impl<G: FnMut(bool)> PinnedDrop for Wait<'_, G> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            let node = this.node.into_ref().get_ref();
            let was_woken = node.waiter.was_woken();
            this.point.leave();
            if node.ticket.get() != 0 {
                this.waiters.remove(node);
            }
            if !*this.is_over {
                (this.given_up)(was_woken);
            }
        }
    }
}

impl<G: FnMut(bool)> Future for Wait<'_, G> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.project();
        let node = this.node.into_ref().get_ref();
        // SAFETY: it is a point of the task from now on until `point` leaves, which it does when this is
        // woken, cancelled or dropped.
        let target = || Target::Waiting(unsafe { Waiting::new(&node.waiter) });
        let polled = node.waiter.poll(cx, this.point, Some(*this.called), target);
        if polled.is_ready() {
            *this.is_over = true;
            if node.ticket.get() != 0 {
                this.waiters.remove(node);
            }
        } else if node.ticket.get() == 0 && !node.waiter.is_done() {
            this.waiters.push(node);
        }
        polled
    }
}
