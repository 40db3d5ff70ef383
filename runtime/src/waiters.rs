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

use std::cell::Cell;
use std::marker::PhantomPinned;
use std::mem::MaybeUninit;
use std::num::NonZeroU64;
use std::panic::Location;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll, Waker};

use pin_project_lite::pin_project;

use crate::event_loop::{context, wake};
use crate::exceptions::CancelledError;
use crate::futures::Target;
use crate::tasks::cancellation::{self, Suspension, Trouble, forget_nothing};
use crate::tasks::{Called, Suspended, TaskRef, Wake, chain, wake_known, wake_task};

/// The future that an operation of a lock, a queue or a `wait` is suspended at: CPython's
/// `loop.create_future()` of such places, with one waiter and no value.
///
/// It is done as soon as it is woken or cancelled, so that whoever goes through a list of waiters
/// knows whom to skip, before their tasks have stepped.
pub(crate) struct Waiter {
    state: Cell<Stage>,
    /// The task that polled it, by its own waker; else what else polled it.
    task: Cell<Option<TaskRef>>,
    other: Cell<Option<Waker>>,
    error: Cell<Option<CancelledError>>,
}

/// A word, so that a waiter is written as one row of zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
enum Stage {
    Pending,
    Cancelled,
    Woken,
}

impl Default for Waiter {
    fn default() -> Self {
        Self::new()
    }
}

impl Waiter {
    const fn new() -> Self {
        Self {
            state: Cell::new(Stage::Pending),
            task: Cell::new(None),
            other: Cell::new(None),
            error: Cell::new(None),
        }
    }

    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.state.get() != Stage::Pending
    }

    /// Python's `if not waiter.done(): waiter.set_result(None)`.
    #[inline]
    pub(crate) fn wake(&self) {
        if !self.is_done() {
            end(NonNull::from(self), Stage::Woken);
        }
    }

    /// Whether it was woken: what it was woken for is its own, even if it is cancelled meanwhile.
    #[inline]
    fn was_woken(&self) -> bool {
        self.state.get() == Stage::Woken
    }

    /// Raises the error in who waits; false when it is done.
    pub(crate) fn cancel(&self, error: &CancelledError) -> bool {
        if self.is_done() {
            return false;
        }
        self.error.set(Some(error.clone()));
        end(NonNull::from(self), Stage::Cancelled);
        true
    }

    /// As `wait_for=` of a task's repr shows it.
    pub(crate) fn repr(&self) -> &'static str {
        match self.state.get() {
            Stage::Pending => "<Future pending>",
            Stage::Cancelled => "<Future cancelled>",
            Stage::Woken => "<Future finished result=None>",
        }
    }

    /// Suspends until it is woken; raises when it is cancelled. `begin` is called when it begins to
    /// be pending in a task, and says what a cancellation is passed on to.
    #[inline]
    pub(crate) fn poll(
        &self,
        cx: &Context<'_>,
        point: &mut Suspended,
        location: Option<&'static Location<'static>>,
        begin: impl Fn() -> Target,
    ) -> Poll<()> {
        let polled =
            context::with_current_task(|task| self.poll_calm(task, cx, point, location, &begin));
        match polled.flatten() {
            Some(polled) => polled,
            None => self.poll_any(cx, point, location, begin),
        }
    }

    /// As [`poll`](Self::poll), in a task that polls this itself, and in which nothing is raised: the
    /// first poll, or the one after it was woken. None when it is another one.
    #[inline]
    fn poll_calm(
        &self,
        task: &TaskRef,
        cx: &Context<'_>,
        point: &mut Suspended,
        location: Option<&'static Location<'static>>,
        begin: impl Fn() -> Target,
    ) -> Option<Poll<()>> {
        if point.is_suspended() {
            self.is_over(task, point).then_some(Poll::Ready(()))
        } else {
            // Outside of tasks it may have been polled, and have somebody to wake, without a point.
            let has_begun = self.has_nobody() && self.begin_calm(task, cx, point, location, begin);
            has_begun.then_some(Poll::Pending)
        }
    }

    /// Whether there is nobody to be woken by the task's own waker.
    #[inline]
    fn has_nobody(&self) -> bool {
        let task = self.task.take();
        let is_none = task.is_none();
        forget_nothing(self.task.replace(task));
        is_none
    }

    #[inline]
    fn begin_calm(
        &self,
        task: &TaskRef,
        cx: &Context<'_>,
        point: &mut Suspended,
        location: Option<&'static Location<'static>>,
        begin: impl FnOnce() -> Target,
    ) -> bool {
        if self.is_done() || !task.core().is_calm() {
            return false;
        }
        let is_plain = point.suspend_plain(task, cx, location, begin);
        if is_plain {
            let none = self.task.replace(Some(task.clone()));
            forget_nothing(none);
        }
        is_plain
    }

    #[inline]
    fn is_over(&self, task: &TaskRef, point: &mut Suspended) -> bool {
        let is_over = self.was_woken() && task.core().is_calm();
        if is_over {
            point.leave_in(task);
        }
        is_over
    }

    #[cold]
    #[inline(never)]
    fn poll_any(
        &self,
        cx: &Context<'_>,
        point: &mut Suspended,
        location: Option<&'static Location<'static>>,
        begin: impl Fn() -> Target,
    ) -> Poll<()> {
        let trouble = cancellation::trouble();
        if trouble == Trouble::Some && cancellation::is_held_back(cx) {
            return Poll::Pending;
        }
        if self.state.get() == Stage::Cancelled {
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
        self.set_wake(cx);
        if self.is_done() {
            // The waker's clone has ended it, when there was nobody to be woken.
            drop((self.task.take(), self.other.take()));
            return self.poll_any(cx, point, location, begin);
        }
        point.suspend(cx, location, || Some(begin()));
        Poll::Pending
    }
}

impl Waiter {
    /// Has it wake who polls with `cx`.
    fn set_wake(&self, cx: &Context<'_>) {
        let (task, other) = (self.task.take(), self.other.take());
        let known = match (&task, &other) {
            (Some(task), _) => task.is_woken_by(cx.waker()),
            (None, Some(other)) => other.will_wake(cx.waker()),
            (None, None) => false,
        };
        if known {
            self.task.set(task);
            self.other.set(other);
        } else {
            match Wake::of(cx) {
                Wake::Task(task) => self.task.set(Some(task)),
                Wake::Other(waker) => self.other.set(Some(waker)),
            }
            drop((task, other));
        }
    }
}

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
        let waiter = &at(self.0).waiter;
        if waiter.is_done() {
            return false;
        }
        waiter.error.set(Some(error.clone()));
        end_in_line(self.0, Stage::Cancelled);
        true
    }

    pub(crate) fn repr(self) -> &'static str {
        at(self.0).waiter.repr()
    }

    /// Where the operation was called, unless it was said to [stand elsewhere](Self::stands_at).
    pub(crate) fn place(self) -> Option<Called> {
        at(self.0).place.get()
    }

    pub(crate) fn stands_at(self, place: Called) {
        at(self.0).place.set(Some(place));
    }
}

/// A waiter in a line. The alignment leaves a task three bits beside the pointer.
#[repr(align(8))]
struct Node {
    waiter: Waiter,
    /// The task that waits here and polls this itself, and by which number it knows of this; none
    /// once that has left, or where it is less simple: then the waiter knows who is to be woken.
    task: Cell<Option<(TaskRef, NonZeroU64)>>,
    place: Cell<Option<Called>>,
    before: Link,
    after: Link,
    /// Its number in the line; zero when it is in none.
    ticket: Cell<u64>,
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
    struct Place {
        #[pin]
        node: Node,
        point: Suspended,
    }
}

impl Place {
    /// A constant, to be written as the row of zeros that it is.
    const fn new() -> Self {
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
    fn begin(self: Pin<&mut Self>, waiters: &Waiters, cx: &Context<'_>, called: Called) -> bool {
        let node = self.as_ref().project_ref().node.get_ref();
        let begin = |task: &TaskRef| node.begin(task, cx, waiters, called, Suspension::wait_at);
        context::with_current_task(begin) != Some(true)
            && self.begin_beside_others(waiters, cx, called)
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
        context::with_current_task(begin) != Some(true) && self.poll_any(waiters, cx, called)
    }

    /// Any other poll: true when it is woken. It is in no line then, and there is nothing in here that
    /// would have to be dropped.
    #[inline]
    fn is_over(self: Pin<&mut Self>, waiters: &Waiters, cx: &Context<'_>, called: Called) -> bool {
        let node = self.as_ref().project_ref().node.get_ref();
        let is_over = |task: &TaskRef| node.is_over(task, waiters);
        context::with_current_task(is_over) == Some(true) || self.poll_any(waiters, cx, called)
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

    /// Is in no line any more, and says whether it was woken.
    fn leave(self: Pin<&mut Self>, waiters: &Waiters) -> bool {
        let node = self.into_ref().project_ref().node.get_ref();
        waiters.leave(node);
        node.waiter.was_woken()
    }

    /// The task knows nothing of it any more. What it drops with that is anybody's, and may panic.
    fn give_up(self: Pin<&mut Self>) {
        let this = self.project();
        let node = this.node.into_ref().get_ref();
        let error = node.waiter.error.take();
        match node.task.take() {
            Some((task, id)) => task.core().cancellation.give_up(&task, id, error),
            None => this.point.give_up(error),
        }
    }
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
fn at<'a, T>(what: NonNull<T>) -> &'a T {
    // SAFETY: for all in this file: what is in a line, or known to a task, is there, see above. No such
    // reference is kept while anybody is woken: that may run anything, and the operation may be gone
    // then.
    unsafe { what.as_ref() }
}

/// Ends a waiter that is not done, and wakes who waits.
#[inline]
fn end(waiter: NonNull<Waiter>, stage: Stage) {
    at(waiter).state.set(stage);
    let task = at(waiter).task.take();
    match task {
        Some(task) => wake_task(task),
        None => wake_other(waiter),
    }
}

#[cold]
fn wake_other(waiter: NonNull<Waiter>) {
    let other = at(waiter).other.take();
    if let Some(waker) = other {
        wake(waker);
    }
}

/// As [`end`], of one in a line.
#[inline]
fn end_in_line(node: NonNull<Node>, stage: Stage) {
    match at(node).task() {
        Some((task, _)) => {
            at(node).waiter.state.set(stage);
            wake_known(task);
        }
        None => end_other(node, stage),
    }
}

#[inline(never)]
fn end_other(node: NonNull<Node>, stage: Stage) {
    end(NonNull::from(&at(node).waiter), stage);
}

impl Waiters {
    /// Gets in line, when it is first polled, until it is woken. `given_up` is called when this is
    /// dropped before, and is told whether it was woken: it has left the line then. A task that waits
    /// shows where the operation was called.
    pub(crate) fn wait<G: FnMut(bool)>(
        &self,
        called: Called,
        given_up: G,
    ) -> Attempting<InLine<'_, G>> {
        let in_line = InLine {
            waiters: self,
            has_waited: false,
            given_up,
        };
        Attempting::new(in_line, called)
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
        if let Some(first) = self.first.get() {
            self.pop_next_from(first);
        }
    }

    #[inline(never)]
    fn pop_next_from(&self, first: NonNull<Node>) {
        let mut first = first;
        loop {
            self.remove_first(first);
            if !at(first).waiter.is_done() {
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
            if at(first).ticket.get() > last {
                return;
            }
            self.remove_first(first);
            if !at(first).waiter.is_done() {
                end_in_line(first, Stage::Woken);
            }
        }
    }

    /// Wakes all, and leaves them in line.
    pub(crate) fn wake_all(&self) {
        let last = self.tickets.get(); // as in `release_all`
        while let Some(next) = self.first_pending() {
            if at(next).ticket.get() > last {
                return;
            }
            self.wake(next);
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
            Some(last) => at(last).after.set(link),
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
        at(before).after.set(node.after.get());
        self.has_left(node, Some(before));
    }

    #[inline]
    fn remove_first(&self, first: NonNull<Node>) {
        self.first.set(at(first).after.get());
        self.has_left(at(first), None);
    }

    /// What was before it leads to what is after it.
    #[inline]
    fn has_left(&self, node: &Node, before: Option<NonNull<Node>>) {
        let after = node.after.take();
        node.ticket.set(0);
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

/// What is done at once, or is tried again after a wait in line.
pub(crate) trait Attempt {
    type Output;
    /// Does it, unless there is something to wait for.
    fn attempt(&mut self) -> Option<Self::Output>;
    /// Where that is waited for.
    fn waiters(&self) -> &Waiters;
    /// It is dropped while it waits, and has left the line; whether it was woken. A wake-up that is not
    /// used goes to the next one, if there still is something for that.
    fn given_up(&mut self, was_woken: bool);
}

/// Nothing but a place in a line, until it is woken.
pub(crate) struct InLine<'a, G> {
    waiters: &'a Waiters,
    has_waited: bool,
    given_up: G,
}

impl<G: FnMut(bool)> Attempt for InLine<'_, G> {
    type Output = ();

    #[inline]
    fn attempt(&mut self) -> Option<()> {
        let has_waited = std::mem::replace(&mut self.has_waited, true);
        has_waited.then_some(())
    }

    #[inline]
    fn waiters(&self) -> &Waiters {
        self.waiters
    }

    fn given_up(&mut self, was_woken: bool) {
        (self.given_up)(was_woken);
    }
}

pin_project! {
    /// An operation that is tried until it succeeds. It begins when it is first polled, and does not
    /// suspend if it succeeds then.
    pub(crate) struct Attempting<A: Attempt> {
        attempt: A,
        called: Called,
        is_waiting: bool,
        // There while it waits. It is made where it stands, and once the wait is over there is nothing
        // in it that would have to be dropped: to have the compiler see to that costs as much as the wait.
        #[pin]
        place: MaybeUninit<Place>,
    }

    impl<A: Attempt> PinnedDrop for Attempting<A> {
        fn drop(this: Pin<&mut Self>) {
            if this.is_waiting {
                this.give_up();
            }
        }
    }
}

impl<A: Attempt> Attempting<A> {
    #[inline]
    pub(crate) fn new(attempt: A, called: Called) -> Self {
        Self {
            attempt,
            called,
            is_waiting: false,
            place: MaybeUninit::uninit(),
        }
    }

    /// Who waited is dropped before it had its turn.
    #[cold]
    fn give_up(self: Pin<&mut Self>) {
        /// Says so, also when what goes with the place panics: the next in line may wait for that.
        struct GivenUp<'a, A: Attempt> {
            attempt: &'a mut A,
            was_woken: bool,
        }
        impl<A: Attempt> Drop for GivenUp<'_, A> {
            fn drop(&mut self) {
                self.attempt.given_up(self.was_woken);
            }
        }
        let this = self.project();
        // SAFETY: it waits, so there is a place, which is not looked at again once this is false.
        let mut place = unsafe { there(this.place) };
        // First of all, as what comes then may panic.
        let was_woken = place.as_mut().leave(this.attempt.waiters());
        *this.is_waiting = false;
        let _given_up = GivenUp {
            attempt: this.attempt,
            was_woken,
        };
        place.as_mut().give_up();
        // SAFETY: as above; it is in no line any more.
        unsafe { std::ptr::drop_in_place(place.get_unchecked_mut()) };
    }
}

/// # Safety
///
/// It was written.
#[inline]
unsafe fn there(place: Pin<&mut MaybeUninit<Place>>) -> Pin<&mut Place> {
    // SAFETY: as the caller promises; it is pinned with what holds it.
    unsafe { place.map_unchecked_mut(|place| place.assume_init_mut()) }
}

impl<A: Attempt> Future for Attempting<A> {
    type Output = A::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<A::Output> {
        let mut this = self.project();
        if *this.is_waiting {
            // SAFETY: it waits, so there is a place.
            let place = unsafe { there(this.place.as_mut()) };
            if !place.is_over(this.attempt.waiters(), cx, this.called) {
                return Poll::Pending;
            }
            *this.is_waiting = false;
        }
        loop {
            if let Some(done) = this.attempt.attempt() {
                return Poll::Ready(done);
            }
            // SAFETY: there is none, and what is written here stays where it is.
            unsafe { this.place.as_mut().get_unchecked_mut() }.write(const { Place::new() });
            *this.is_waiting = true;
            // SAFETY: it was just written.
            let place = unsafe { there(this.place.as_mut()) };
            if !place.begin(this.attempt.waiters(), cx, this.called) {
                return Poll::Pending;
            }
            *this.is_waiting = false;
        }
    }
}
