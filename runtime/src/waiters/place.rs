//! A link of the line: the waiter, its task, and where it stands.

use std::cell::Cell;
use std::marker::PhantomPinned;
use std::num::NonZeroU64;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::Context;

use pin_project_lite::pin_project;

use super::waiter::{Stage, Waiter, end};
use super::{Link, Waiters, at};
use crate::exceptions::CancelledError;
use crate::futures::Target;
use crate::tasks::cancellation::{Suspension, forget_nothing};
use crate::tasks::{Called, Suspended, TaskRef, chain, current, wake_known};

/// A waiter in a line, as the task knows it that is suspended there.
#[derive(Clone, Copy)]
pub(crate) struct Waiting(NonNull<Node>);

impl Waiting {
    /// # Safety
    ///
    /// To be kept by a task only, and as long as it is there, the link is: until that leaves, or the
    /// task's loop goes, which [lets go](crate::tasks::TaskRef::let_go) of it.
    #[inline]
    unsafe fn new(node: &Node) -> Self {
        Self(NonNull::from(node))
    }

    /// A pointer whose three lowest bits are zero.
    #[inline]
    pub(crate) fn into_pointer(self) -> *const () {
        self.0.as_ptr().cast_const().cast()
    }

    /// # Safety
    ///
    /// It is from [`into_pointer`](Self::into_pointer), and kept as [`new`](Self::new) says.
    #[inline]
    pub(crate) unsafe fn from_pointer(pointer: *const ()) -> Self {
        // SAFETY: as the caller promises.
        Self(unsafe { NonNull::new_unchecked(pointer.cast_mut().cast()) })
    }

    /// As [`Waiter::cancel`].
    pub(crate) fn cancel(self, error: &CancelledError) -> bool {
        let waiter = &at(&self.0).waiter;
        if waiter.is_done() {
            return false;
        }
        waiter.error.set(Some(error.clone()));
        end_in_line(self.0, Stage::Cancelled);
        true
    }

    pub(crate) fn repr(self) -> &'static str {
        at(&self.0).waiter.repr()
    }

    /// Where the operation was called, unless it was said to [stand elsewhere](Self::stands_at).
    pub(crate) fn place(self) -> Option<Called> {
        at(&self.0).place.get()
    }

    pub(crate) fn stands_at(self, place: Called) {
        at(&self.0).place.set(Some(place));
    }
}

/// A waiter in a line. The alignment leaves a task three bits beside the pointer.
#[repr(align(8))]
pub(super) struct Node {
    pub(super) waiter: Waiter,
    /// The task that waits here and polls this itself, and by which number it knows of this; none
    /// once that has left, or where it is less simple: then the waiter knows who is to be woken.
    task: Cell<Option<(TaskRef, NonZeroU64)>>,
    place: Cell<Option<Called>>,
    pub(super) before: Link,
    pub(super) after: Link,
    /// Its number in the line; zero when it is in none.
    pub(super) ticket: Cell<u64>,
    _pinned: PhantomPinned,
}

impl Node {
    #[inline]
    fn task(&self) -> Option<&(TaskRef, NonZeroU64)> {
        // SAFETY: nothing in this file changes it as long as it uses this.
        unsafe { &*self.task.as_ptr() }.as_ref()
    }

    /// Gets in line for a task that polls this itself; false if it is not so simple. `wait_at` is one of
    /// [`Suspension`]'s.
    #[inline]
    fn begin(
        &self,
        task: &TaskRef,
        cx: &Context<'_>,
        waiters: &Waiters,
        called: Called,
        wait_at: impl FnOnce(&Suspension, Waiting) -> Option<NonZeroU64>,
    ) -> bool {
        if !task.is_woken_by(cx.waker()) || !task.is_owned() {
            return false;
        }
        self.place.set(Some(called));
        // SAFETY: the task knows of it until this leaves, which it does when it is over or dropped; it
        // can, as it has a handle.
        let waiting = unsafe { Waiting::new(self) };
        let Some(id) = wait_at(&task.core().cancellation, waiting) else {
            return false;
        };
        chain::leaf(Some(called));
        forget_nothing(self.task.replace(Some((task.clone(), id))));
        waiters.push(self);
        true
    }

    /// Whether it was woken, and nothing else is to be seen to in the task that polls it, which is the one
    /// that began: then it leaves everything that knows of it.
    #[inline]
    fn is_over(&self, task: &TaskRef, waiters: &Waiters) -> bool {
        // SAFETY: the task keeps it no longer than this is there.
        let waiting = unsafe { Waiting::new(self) };
        let is_over = self.waiter.was_woken()
            && match self.task() {
                Some((known, id)) => {
                    known.is(task) && task.core().cancellation.end_wait(waiting, *id)
                }
                None => false,
            };
        if is_over {
            waiters.leave(self);
            if let Some((handle, _)) = self.task.take() {
                task.give_back(handle);
            }
        }
        is_over
    }

    /// From now on it is the point that leaves, and the waiter that knows who is to be woken.
    fn hand_over(&self, point: &mut Suspended) {
        if let Some((task, id)) = self.task.take() {
            point.take_over(&task, id);
            if !self.waiter.is_done() {
                forget_nothing(self.waiter.task.replace(Some(task)));
            }
        }
    }
}

pin_project! {
    /// A node and the point of the task that waits there, if that is not simply known to it.
    pub(super) struct Place {
        #[pin]
        node: Node,
        point: Suspended,
    }
}

impl Place {
    /// A constant, to be written as the row of zeros that it is.
    pub(super) const fn new() -> Self {
        let node = Node {
            waiter: Waiter::new(),
            task: Cell::new(None),
            place: Cell::new(None),
            before: Cell::new(None),
            after: Cell::new(None),
            ticket: Cell::new(0),
            _pinned: PhantomPinned,
        };
        Self {
            node,
            point: Suspended::new(),
        }
    }

    /// The first poll: true if it need not wait.
    #[inline(never)]
    pub(super) fn begin(
        self: Pin<&mut Self>,
        waiters: &Waiters,
        cx: &Context<'_>,
        called: Called,
    ) -> bool {
        let node = self.as_ref().project_ref().node.get_ref();
        let begin = |task: &TaskRef| node.begin(task, cx, waiters, called, Suspension::wait_at);
        current::with_task(begin) != Some(true) && self.begin_beside_others(waiters, cx, called)
    }

    /// The same in a task that knows of more.
    #[inline(never)]
    fn begin_beside_others(
        self: Pin<&mut Self>,
        waiters: &Waiters,
        cx: &Context<'_>,
        called: Called,
    ) -> bool {
        let node = self.as_ref().project_ref().node.get_ref();
        let begin = |task: &TaskRef| {
            node.begin(task, cx, waiters, called, |suspension, waiting| {
                suspension.wait_beside_others(task, cx, waiting)
            })
        };
        current::with_task(begin) != Some(true) && self.poll_any(waiters, cx, called)
    }

    /// Any other poll: true when it is woken, or has raised before. It is in no line then, and there is
    /// nothing in here that would have to be dropped.
    #[inline]
    pub(super) fn is_over(
        self: Pin<&mut Self>,
        waiters: &Waiters,
        cx: &Context<'_>,
        called: Called,
    ) -> bool {
        let node = self.as_ref().project_ref().node.get_ref();
        let is_over = |task: &TaskRef| node.is_over(task, waiters);
        current::with_task(is_over) == Some(true) || self.poll_any(waiters, cx, called)
    }

    #[cold]
    #[inline(never)]
    fn poll_any(self: Pin<&mut Self>, waiters: &Waiters, cx: &Context<'_>, called: Called) -> bool {
        let this = self.project();
        let node = this.node.into_ref().get_ref();
        node.hand_over(this.point);
        // Before the waker is cloned, which may be anybody's: who is in line is not passed over.
        if node.ticket.get() == 0 && !node.waiter.is_done() {
            node.place.set(Some(called));
            waiters.push(node);
        }
        // SAFETY: it is a point of the task from now on until `point` leaves, which it does when this
        // is woken, cancelled or dropped.
        let target = || Target::Waiting(unsafe { Waiting::new(node) });
        let polled = node.waiter.poll_any(cx, this.point, Some(called), target);
        if polled.is_ready() {
            waiters.leave(node);
        }
        polled.is_ready()
    }

    #[inline]
    pub(super) fn was_woken(&self) -> bool {
        self.node.waiter.was_woken()
    }

    /// Is in no line any more, and says whether it was woken.
    pub(super) fn leave(self: Pin<&mut Self>, waiters: &Waiters) -> bool {
        let node = self.into_ref().project_ref().node.get_ref();
        waiters.leave(node);
        node.waiter.was_woken()
    }

    /// The task knows nothing of it any more. What it drops with that is anybody's, and may panic.
    pub(super) fn give_up(self: Pin<&mut Self>) {
        let this = self.project();
        let node = this.node.into_ref().get_ref();
        let error = node.waiter.error.take();
        match node.task.take() {
            Some((task, id)) => task.core().cancellation.give_up(&task, id, error),
            None => this.point.give_up(error),
        }
    }
}

/// As [`end`], of one in a line.
#[inline]
pub(super) fn end_in_line(node: NonNull<Node>, stage: Stage) {
    match at(&node).task() {
        Some((task, _)) => {
            at(&node).waiter.state.set(stage);
            wake_known(task);
        }
        None => end_other(node, stage),
    }
}

#[inline(never)]
fn end_other(node: NonNull<Node>, stage: Stage) {
    end(NonNull::from(&at(&node).waiter), stage);
}
