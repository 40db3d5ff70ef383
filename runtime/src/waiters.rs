//! What the operations of locks and queues wait at: one list, beneath them all.
//!
//! An operation that waits is a link of the list itself, so that nothing is allocated for it, and one
//! that is given up leaves at once, wherever it stands. Which waiter is woken, and what happens to a
//! wake-up that its waiter could not use, is the lock's or queue's to say.
//!
//! Mostly a task waits for nothing else meanwhile, and polls the operation itself. Then it and the link
//! know of each other by one word each, and neither needs more: see [`Node::begin`].
//!
//! What must stay true:
//!
//! - a link that is in a line is pinned, and leaves the line before its memory is anything else's: by
//!   the destructor of the operation, which has the line by a reference;
//! - the same goes for what the task knows of it: the link has a handle to the task as long as that
//!   knows of it, and takes that back itself;
//! - as long as it is in line it is reached by shared references only, and all that is in it is a
//!   cell;
//! - one that is done, woken or cancelled, never is pending again. So what is before `pending` in a
//!   line has not to be looked at again.

mod attempting;
mod place;
mod waiter;

use std::cell::Cell;
use std::ptr::NonNull;

use crate::tasks::Called;
use attempting::InLine;
pub(crate) use attempting::{Attempt, Attempting};
pub(crate) use place::Waiting;
use place::{Node, end_in_line};
use waiter::Stage;
pub(crate) use waiter::Waiter;

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

/// What a link leads to, for no longer than that is looked at.
#[inline]
fn at<T>(what: &NonNull<T>) -> &T {
    // SAFETY: for all in this file and those beneath it: what is in a line, or known to a task, is
    // there, see above. No such reference is kept while anybody is woken: that may run anything, and the
    // operation may be gone then.
    unsafe { what.as_ref() }
}

impl Waiters {
    /// Gets in line, when it is first polled, until it is woken: true. False when it has raised and is
    /// asked again: the caller is to look again whether there is something to wait for. `given_up` is
    /// called then, and when this is dropped before, and is told whether it was woken: it has left the line.
    /// A task that waits shows where the operation was called.
    pub(crate) fn wait<G: FnMut(bool)>(
        &self,
        called: Called,
        given_up: G,
    ) -> Attempting<InLine<'_, G>> {
        let in_line = InLine {
            waiters: self,
            has_waited: false,
            has_raised: false,
            given_up,
        };
        Attempting::new(in_line, called)
    }

    /// How many are in line.
    pub(crate) fn len(&self) -> usize {
        std::iter::successors(self.first.get(), |node| at(node).after.get()).count()
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
        if let Some(first) = first.filter(|first| !at(first).waiter.is_done()) {
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
        if let Some(first) = self.first.get() {
            self.pop_next_from(first);
        }
    }

    #[inline(never)]
    fn pop_next_from(&self, first: NonNull<Node>) {
        let mut first = first;
        loop {
            self.remove_first(first);
            if !at(&first).waiter.is_done() {
                return end_in_line(first, Stage::Woken);
            }
            match self.first.get() {
                Some(next) => first = next,
                None => return,
            }
        }
    }

    /// Wakes all, and empties the line.
    pub(crate) fn release_all(&self) {
        // Who comes when somebody is woken waits for the next time.
        let last = self.tickets.get();
        while let Some(first) = self.first.get() {
            if at(&first).ticket.get() > last {
                return;
            }
            self.remove_first(first);
            if !at(&first).waiter.is_done() {
                end_in_line(first, Stage::Woken);
            }
        }
    }

    /// Wakes all, and leaves them in line.
    pub(crate) fn wake_all(&self) {
        let last = self.tickets.get(); // as in `release_all`
        while let Some(next) = self.first_pending() {
            if at(&next).ticket.get() > last {
                return;
            }
            self.wake(next);
        }
    }

    fn first_pending(&self) -> Option<NonNull<Node>> {
        let mut next = self.pending.get();
        while let Some(node) = next.filter(|node| at(node).waiter.is_done()) {
            next = at(&node).after.get();
        }
        self.pending.set(next);
        next
    }

    /// Wakes one that is in line and pending.
    #[inline]
    fn wake(&self, node: NonNull<Node>) {
        self.woken.set(self.woken.get() + 1);
        end_in_line(node, Stage::Woken);
    }

    #[inline]
    fn push(&self, node: &Node) {
        let link = Some(NonNull::from(node));
        self.tickets.set(self.tickets.get() + 1);
        node.ticket.set(self.tickets.get());
        let last = self.last.replace(link);
        node.before.set(last);
        match last {
            Some(last) => at(&last).after.set(link),
            None => self.first.set(link),
        }
        if self.pending.get().is_none() {
            self.pending.set(link);
        }
    }

    /// Takes it out of the line, if it is in it.
    #[inline]
    fn leave(&self, node: &Node) {
        if node.ticket.get() != 0 {
            self.remove(node);
        }
    }

    /// Takes it out of the line, which it is in.
    fn remove(&self, node: &Node) {
        let Some(before) = node.before.take() else {
            return self.remove_first(NonNull::from(node));
        };
        at(&before).after.set(node.after.get());
        self.has_left(node, Some(before));
    }

    #[inline]
    fn remove_first(&self, first: NonNull<Node>) {
        self.first.set(at(&first).after.get());
        self.has_left(at(&first), None);
    }

    /// What was before it leads to what is after it.
    #[inline]
    fn has_left(&self, node: &Node, before: Option<NonNull<Node>>) {
        let after = node.after.take();
        node.ticket.set(0);
        match after {
            Some(after) => at(&after).before.set(before),
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
