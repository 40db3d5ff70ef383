//! Cancellation that unwinds.
//!
//! `cancel()` passes a cancellation down to what the task waits for, at once, as CPython does. The
//! innermost awaitable then *raises*: it puts the task's mark in flight and returns `Pending`. The
//! frames above see the mark after polling it; the nearest one that catches takes the mark and
//! drops what raised. If none does, the task's step drops the coroutine.
//!
//! Four rules keep it watertight:
//!
//! - The mark has two states. *To be raised* is a wish, met by the awaitable that it names, or the
//!   next one that is polled if that one is gone. *In flight* means that it was raised: whoever is
//!   polled now returns `Pending` without polling anything itself, and whoever finds it after
//!   polling treats what it polled as raised, even if that gave a value.
//! - What is suspended registers with its task, last in first out: the leaves with what a
//!   cancellation is to be passed on to, the frames that catch with nothing. `cancel()` takes the
//!   top one, and wakes that one's waker as well as the task, since a combinator may stand between.
//! - A leaf that raises wakes its own waker, for the same reason.
//! - The mark is cleared before anything is dropped.
//!
//! Time-outs and task groups cancel the task that they are in, but only mean what is beneath them:
//! a combinator may hold other branches. A point knows the frame that it is beneath, and such a
//! cancellation is to be raised beneath the frame that is its *scope*.

use std::cell::{Cell, RefCell};
use std::panic::{Location, panic_any};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::{TaskKey, TaskRef, Waits};
use crate::event_loop::context;
use crate::event_loop::remote::Message;
use crate::event_loop::{LoopState, wake, wake_by_ref};
use crate::exceptions::CancelledError;
use crate::futures::Cancel;

/// What a task knows of its own cancellation.
pub(crate) struct Cancellation {
    /// `Task.cancelling()`.
    requested: Cell<u32>,
    /// CPython's `_must_cancel`: to be raised when the task next steps, unless taken back.
    must_cancel: RefCell<Option<Wish>>,
    mark: RefCell<Mark>,
    points: RefCell<Points>,
    /// What was polled last while the mark is in flight, and how often without anything between.
    held_back: Cell<(*const (), usize)>,
    /// Whether a cancellation is on its way down through this task.
    is_passing_on: Cell<bool>,
    /// The frame that is polled right now.
    frame: Cell<Option<Frame>>,
}

/// A frame that catches, by the id of its point.
pub(crate) type Frame = u64;

/// A cancellation, and the frame that it is meant for what is beneath of.
#[derive(Clone)]
pub(super) struct Wish {
    error: CancelledError,
    scope: Option<Frame>,
}

impl Wish {
    pub(super) fn new(error: &CancelledError, scope: Option<Frame>) -> Self {
        Self {
            error: error.clone(),
            scope,
        }
    }
}

/// The tasks that a cancellation is still to be passed on to: tasks that await each other may be
/// many, more than calls may nest.
#[derive(Default)]
pub(crate) struct Onward {
    /// What comes next is last.
    steps: Vec<Onwards>,
}

enum Onwards {
    Cancel(TaskRef),
    /// Everything that this one waits for has been told.
    Told(TaskRef),
}

impl Onward {
    /// Cancels what `cancel` cancels, and then what that waits for, one after the other and each as
    /// far down as it goes: the order in which calls would.
    pub(crate) fn from(error: &CancelledError, cancel: impl FnOnce(&mut Onward) -> bool) -> bool {
        let mut onward = Self::default();
        let cancelled = cancel(&mut onward);
        onward.steps.reverse();
        while let Some(step) = onward.steps.pop() {
            match step {
                Onwards::Told(task) => task.core().cancellation.is_passing_on.set(false),
                Onwards::Cancel(task) => {
                    let first = onward.steps.len();
                    task.cancel_here(None, error, &mut onward);
                    onward.steps[first..].reverse();
                }
            }
        }
        cancelled
    }

    /// Passes it on to this task; false when that is done.
    pub(crate) fn push(&mut self, task: &TaskRef) -> bool {
        task.future().see();
        let is_pending = !task.future().is_done();
        if is_pending {
            self.steps.push(Onwards::Cancel(task.clone()));
        }
        is_pending
    }
}

impl Default for Cancellation {
    fn default() -> Self {
        Self {
            requested: Cell::new(0),
            must_cancel: RefCell::default(),
            mark: RefCell::default(),
            points: RefCell::default(),
            held_back: Cell::new((std::ptr::null(), 0)),
            is_passing_on: Cell::new(false),
            frame: Cell::new(None),
        }
    }
}

#[derive(Default)]
enum Mark {
    #[default]
    Clear,
    ToRaise {
        wish: Wish,
        /// The point that is to raise it; none when any may.
        point: Option<u64>,
        /// How many steps have ended without it being raised.
        tries: u8,
    },
    InFlight(CancelledError),
}

/// Something that is suspended in the task: a leaf, or a frame that catches.
struct Point {
    /// The innermost frame that it is beneath.
    frame: Option<Frame>,
    kind: Kind,
    /// None when it is the task's own.
    waker: Option<Waker>,
    target: Option<Rc<dyn Cancel>>,
    location: Option<&'static Location<'static>>,
}

/// What is suspended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A frame that catches.
    Frame,
    /// A leaf that something in the loop wakes.
    Leaf,
    /// A leaf that input, a thread or a process wakes.
    Outside,
}

/// The points of a task, in the order in which they were suspended, which is that of their ids.
///
/// One that leaves from the middle leaves a gap: many leaves beneath one combinator may go in any
/// order, and none costs more for that.
#[derive(Default)]
struct Points {
    /// The last one is never a gap.
    line: Vec<(u64, Option<Point>)>,
    gaps: usize,
    leaves: usize,
    outside: usize,
    next_id: u64,
}

impl Points {
    fn add(&mut self, point: Point) -> u64 {
        let id = self.next_id;
        self.next_id += 1;
        self.leaves += usize::from(point.kind != Kind::Frame);
        self.outside += usize::from(point.kind == Kind::Outside);
        self.line.push((id, Some(point)));
        id
    }

    fn index(&self, id: u64) -> Option<usize> {
        match self.line.last() {
            Some((last, _)) if *last == id => Some(self.line.len() - 1),
            _ => self.line.binary_search_by_key(&id, |(id, _)| *id).ok(),
        }
    }

    fn get_mut(&mut self, id: u64) -> Option<&mut Point> {
        let index = self.index(id)?;
        self.line[index].1.as_mut()
    }

    fn is_leaf(&self, id: u64) -> bool {
        self.get(id).is_some_and(|point| point.kind != Kind::Frame)
    }

    fn remove(&mut self, id: u64) -> Option<Point> {
        let index = self.index(id)?;
        let point = self.line[index].1.take()?;
        self.leaves -= usize::from(point.kind != Kind::Frame);
        self.outside -= usize::from(point.kind == Kind::Outside);
        self.gaps += 1;
        while matches!(self.line.last(), Some((_, None))) {
            self.line.pop();
            self.gaps -= 1;
        }
        if self.gaps > self.line.len() / 2 {
            self.line.retain(|(_, point)| point.is_some());
            self.gaps = 0;
        }
        Some(point)
    }

    fn get(&self, id: u64) -> Option<&Point> {
        self.line[self.index(id)?].1.as_ref()
    }

    fn top(&self) -> Option<(u64, &Point)> {
        let (id, point) = self.line.last()?;
        Some((*id, point.as_ref()?))
    }

    /// The innermost point beneath the frame, or the frame itself; of all when that is gone.
    fn top_within(&self, scope: Option<Frame>) -> Option<(u64, &Point)> {
        let top = self.top()?;
        if self.is_within(Some(top.0), scope) {
            return Some(top);
        }
        let points = self.line.iter().rev();
        points
            .filter_map(|(id, point)| Some((*id, point.as_ref()?)))
            .find(|(id, _)| self.is_within(Some(*id), scope))
    }

    /// Whether what is at or beneath this point is beneath the frame. A frame that is gone has
    /// nothing beneath it, and keeps nobody out.
    fn is_within(&self, mut at: Option<u64>, scope: Option<Frame>) -> bool {
        let Some(scope) = scope.filter(|scope| self.get(*scope).is_some()) else {
            return true;
        };
        while let Some(id) = at {
            if id == scope {
                return true;
            }
            at = self.get(id).and_then(|point| point.frame);
        }
        false
    }

    fn len(&self) -> usize {
        self.line.len() - self.gaps
    }

    /// The innermost first.
    fn top_down(&self) -> impl Iterator<Item = &Point> {
        self.line
            .iter()
            .rev()
            .filter_map(|(_, point)| point.as_ref())
    }
}

/// What is left of a mark after a step that suspended.
pub(crate) enum Leftover {
    Nothing,
    Raise(CancelledError),
}

impl Cancellation {
    pub(crate) fn requested(&self) -> u32 {
        self.requested.get()
    }

    /// Mirrors `Task.uncancel`.
    pub(crate) fn uncancel(&self) -> u32 {
        let left = self.requested.get().saturating_sub(1);
        self.requested.set(left);
        if left == 0 {
            self.must_cancel.take();
        }
        left
    }

    /// Mirrors the second half of `Task.cancel`.
    pub(super) fn request(
        &self,
        task: &TaskRef,
        event_loop: &Rc<LoopState>,
        wish: Wish,
        is_running: bool,
        onward: &mut Onward,
    ) {
        if self.is_passing_on.get() {
            // It has come back, through tasks that await each other: it goes no further.
            let points = self.points.borrow();
            let point = points.top_within(wish.scope).map(|(id, _)| id);
            drop(points);
            if !self.raise_at(point, task, event_loop, &wish) {
                self.must_cancel.replace(Some(wish));
            }
            return;
        }
        self.requested.set(self.requested.get() + 1);
        let first = onward.steps.len();
        if is_running || !self.deliver(task, event_loop, &wish, onward) {
            self.must_cancel.replace(Some(wish));
        }
        if onward.steps.len() > first {
            self.is_passing_on.set(true);
            onward.steps.push(Onwards::Told(task.clone()));
        }
    }

    /// After a step: a cancellation that came during it goes to what the task now waits for.
    pub(super) fn pass_on(&self, task: &TaskRef, event_loop: &Rc<LoopState>) {
        let Some(wish) = self.must_cancel.take() else {
            let scope = match &*self.mark.borrow() {
                Mark::ToRaise { wish, .. } => wish.scope,
                _ => return,
            };
            self.wake_top(scope);
            event_loop.schedule(task);
            return;
        };
        let error = wish.error.clone();
        Onward::from(&error, |onward| {
            let is_delivered = self.deliver(task, event_loop, &wish, onward);
            if !is_delivered {
                self.must_cancel.replace(Some(wish));
            }
            is_delivered
        });
    }

    /// Cancels what the suspended task waits for; false when it is about to step anyway.
    fn deliver(
        &self,
        task: &TaskRef,
        event_loop: &Rc<LoopState>,
        wish: &Wish,
        onward: &mut Onward,
    ) -> bool {
        let (point, target) = match self.points.borrow().top_within(wish.scope) {
            Some((id, point)) => (Some(id), point.target.clone()),
            None => (None, None),
        };
        if let Some(target) = target {
            return target.cancel_onward(&wish.error, onward);
        }
        self.raise_at(point, task, event_loop, wish)
    }

    /// Has the suspended task raise it itself; false when it is about to step anyway.
    fn raise_at(
        &self,
        point: Option<u64>,
        task: &TaskRef,
        event_loop: &Rc<LoopState>,
        wish: &Wish,
    ) -> bool {
        if task.core().scheduled.get() || !matches!(*self.mark.borrow(), Mark::Clear) {
            return false;
        }
        self.mark.replace(Mark::ToRaise {
            wish: wish.clone(),
            point,
            tries: 0,
        });
        self.wake_top(wish.scope);
        event_loop.schedule(task);
        true
    }

    fn wake_top(&self, scope: Option<Frame>) {
        let waker = match self.points.borrow().top_within(scope) {
            Some((_, point)) => point.waker.clone(),
            None => None,
        };
        if let Some(waker) = waker {
            wake(waker);
        }
    }

    pub(super) fn begin_step(&self) {
        if let Some(wish) = self.must_cancel.take() {
            let mut mark = self.mark.borrow_mut();
            if matches!(*mark, Mark::Clear) {
                let points = self.points.borrow();
                let point = points.top_within(wish.scope).map(|(id, _)| id);
                *mark = Mark::ToRaise {
                    wish,
                    point,
                    tries: 0,
                };
            }
        }
    }

    fn take_mark(&self) -> Mark {
        self.mark.take()
    }

    pub(super) fn take_to_raise(&self) -> Option<CancelledError> {
        if !matches!(*self.mark.borrow(), Mark::ToRaise { .. }) {
            return None;
        }
        match self.take_mark() {
            Mark::ToRaise { wish, .. } => Some(wish.error),
            _ => None,
        }
    }

    pub(super) fn take_in_flight(&self) -> Option<CancelledError> {
        if !self.in_flight() {
            return None;
        }
        match self.take_mark() {
            Mark::InFlight(error) => Some(error),
            _ => None,
        }
    }

    /// What was to be raised when the coroutine returned.
    pub(super) fn take_unraised(&self) -> Option<CancelledError> {
        let marked = self.take_to_raise();
        marked.or_else(|| self.must_cancel.take().map(|wish| wish.error))
    }

    /// After a step that suspended without raising what it was to raise.
    ///
    /// With nothing of ours suspended it is raised at what the task waits for, whatever that is.
    /// Else the point that was meant was not polled, by a combinator of another make: the next try
    /// lets any point raise it, and the one after that nobody asks.
    pub(super) fn leftover(&self) -> Leftover {
        let mut mark = self.mark.borrow_mut();
        let Mark::ToRaise { point, tries, .. } = &mut *mark else {
            return Leftover::Nothing;
        };
        *tries += 1;
        *point = None;
        if *tries < 3 && self.points.borrow().len() > 0 {
            return Leftover::Nothing;
        }
        match std::mem::take(&mut *mark) {
            Mark::ToRaise { wish, .. } => Leftover::Raise(wish.error),
            _ => Leftover::Nothing,
        }
    }

    fn in_flight(&self) -> bool {
        matches!(*self.mark.borrow(), Mark::InFlight(_))
    }

    pub(super) fn clear_marks(&self) {
        self.mark.take();
        self.must_cancel.take();
    }

    pub(super) fn clear(&self) {
        self.clear_marks();
        let points = self.points.take();
        drop(points);
    }

    /// Where what is awaited comes from, as far as the leaves know that are suspended.
    pub(super) fn waits(&self) -> Waits {
        let points = self.points.borrow();
        match (points.outside, points.leaves) {
            (1.., _) => Waits::Outside,
            (0, 1..) => Waits::Inside,
            (0, 0) => Waits::Unknown(0),
        }
    }

    /// Where the innermost suspended leaf stands in the program.
    pub(super) fn location(&self) -> Option<&'static Location<'static>> {
        self.points
            .borrow()
            .top_down()
            .find_map(|point| point.location)
    }

    /// Names the tasks that this one waits for.
    pub(super) fn each_awaited(&self, name: &mut dyn FnMut(TaskKey)) {
        let points = self.points.borrow();
        for target in points.top_down().filter_map(|point| point.target.as_ref()) {
            target.each_awaited(name);
        }
    }

    /// The repr of what the task waits for.
    pub(super) fn waits_for(&self) -> Option<String> {
        let target = self.points.borrow().top()?.1.target.clone()?;
        // As Python's reprs do where they would go round in circles; here also where they would go on
        // for as long as the tasks are that await each other.
        super::repr::nested(|| target.repr()).or_else(|| Some("...".to_owned()))
    }

    /// Whether this point is the one to raise: it is named, or it is new and the one that is
    /// named cannot.
    fn is_to_raise(&self, id: Option<u64>) -> bool {
        let Mark::ToRaise { point, wish, .. } = &*self.mark.borrow() else {
            return false;
        };
        let points = self.points.borrow();
        let at = id.or(self.frame.get());
        match (point, id) {
            (None, _) => points.is_within(at, wish.scope),
            (Some(named), Some(id)) => *named == id,
            (Some(named), None) => !points.is_leaf(*named) && points.is_within(at, wish.scope),
        }
    }

    /// Whether a frame is to raise for what is beneath it, which is foreign and does not.
    fn is_to_raise_at(&self, frame: Option<Frame>) -> bool {
        let Mark::ToRaise { point, wish, .. } = &*self.mark.borrow() else {
            return false;
        };
        match point {
            Some(_) => *point == frame,
            None => self.points.borrow().is_within(frame, wish.scope),
        }
    }

    /// What this gives is to be dropped where nothing is borrowed: a waker or a target in it may be
    /// the last reference to something of the user's.
    #[must_use]
    fn remove(&self, id: u64) -> Option<Point> {
        self.points.borrow_mut().remove(id)
    }

    /// What was suspended here is so no more.
    pub(crate) fn forget(&self, id: u64) {
        let point = self.remove(id);
        drop(point);
    }

    /// Notes that something was polled with a waker that is not the task's while the mark is in
    /// flight; true when that was only to be expected.
    ///
    /// A combinator that polls its branches itself does so, a few times each. What does so without
    /// end blocks on one of them, in a destructor.
    fn hold_back(&self, waker: &Waker) -> bool {
        let (last, times) = self.held_back.get();
        let times = if last == waker.data() { times + 1 } else { 0 };
        self.held_back.set((waker.data(), times));
        times < MANY + self.points.borrow().len()
    }
}

/// More polls than a combinator makes of the same branch in one step.
const MANY: usize = 100_000;

/// Raises a cancellation in the current task, from a leaf that was polled with `cx`.
///
/// # Panics
///
/// With the error where no task is running.
pub(crate) fn raise<T>(cx: &Context<'_>, error: CancelledError) -> Poll<T> {
    let mut error = Some(error);
    let has_other_waker = context::with_current_task(|task| {
        let core = task.core();
        if let Some(error) = error.take() {
            core.cancellation.mark.replace(Mark::InFlight(error));
        }
        core.cancellation.held_back.set((std::ptr::null(), 0));
        !cx.waker().will_wake(&core.waker)
    });
    if has_other_waker == Some(true) {
        wake_by_ref(cx.waker());
    }
    match error {
        None => Poll::Pending,
        Some(error) => panic_any(error),
    }
}

/// Whether a cancellation is on its way up through the current task.
pub(crate) fn in_flight() -> bool {
    context::with_current_task(|task| task.core().cancellation.in_flight()) == Some(true)
}

/// Whether a cancellation is on its way up through the current task: then what is polled returns
/// `Pending` and polls nothing.
///
/// # Panics
///
/// When it is found that a destructor blocks on it: the loop cannot run, so it would for ever.
#[track_caller]
pub(crate) fn is_held_back(cx: &Context<'_>) -> bool {
    let foreign = context::with_current_task(|task| {
        let core = task.core();
        core.cancellation.in_flight().then(|| {
            let is_foreign = !cx.waker().will_wake(&core.waker);
            is_foreign.then(|| core.cancellation.hold_back(cx.waker()))
        })
    });
    match foreign.flatten() {
        None => false,
        Some(None) => true,
        Some(Some(true)) => {
            // Nobody else would: what polls this with a waker of its own may wait for that.
            wake_by_ref(cx.waker());
            true
        }
        Some(Some(false)) => {
            let task = crate::current_task().map(|task| format!("{task:?}"));
            panic!(
                "a destructor blocks on the event loop while a cancellation unwinds {}: \
                 to await in a cleanup, use `asyncio::finally`",
                task.unwrap_or_default()
            )
        }
    }
}

/// A panic overtakes a cancellation that was raised beside it.
pub(crate) fn overtaken_by_panic() {
    context::with_current_task(|task| task.core().cancellation.take_in_flight());
}

/// The registration of something that is suspended, with the task that it is suspended in.
///
/// Every leaf of asyncio holds one. It deregisters when it is dropped. It is only a key: what
/// holds it can be [`Send`].
#[derive(Debug, Default)]
pub(crate) struct Suspended {
    registered: Option<(TaskKey, u64)>,
}

impl Suspended {
    /// Whether a cancellation is to be raised here: then the leaf is to give what this gives.
    pub(crate) fn poll_raise(
        &mut self,
        cx: &Context<'_>,
    ) -> Option<Poll<std::convert::Infallible>> {
        let id = self.registered.map(|(_, id)| id);
        let error = context::with_current_task(|task| {
            let cancellation = &task.core().cancellation;
            if cancellation.is_to_raise(id) {
                cancellation.take_to_raise()
            } else {
                None
            }
        })??;
        self.leave();
        Some(raise(cx, error))
    }

    /// Whether it is registered.
    pub(crate) fn is_suspended(&self) -> bool {
        self.registered.is_some()
    }

    /// Registers a leaf, or its new waker. What a cancellation is passed on to is asked for once.
    pub(crate) fn suspend(
        &mut self,
        cx: &Context<'_>,
        location: Option<&'static Location<'static>>,
        target: impl FnOnce() -> Option<Rc<dyn Cancel>>,
    ) {
        self.register(cx, Kind::Leaf, location, target);
    }

    /// Registers a leaf that waits for what happens outside of the loop: while it does, a virtual
    /// clock does not jump.
    pub(crate) fn suspend_outside(
        &mut self,
        cx: &Context<'_>,
        location: Option<&'static Location<'static>>,
    ) {
        self.register(cx, Kind::Outside, location, || None);
    }

    fn register(
        &mut self,
        cx: &Context<'_>,
        kind: Kind,
        location: Option<&'static Location<'static>>,
        target: impl FnOnce() -> Option<Rc<dyn Cancel>>,
    ) {
        let Some(task) = context::current_task() else {
            return;
        };
        let core = task.core();
        if self.registered.is_some_and(|(key, _)| key != core.key) {
            // It was suspended in another task before.
            self.leave();
        }
        // Wakers are cloned and dropped while nothing is borrowed: they may be anybody's.
        let foreign_waker = || (!cx.waker().will_wake(&core.waker)).then(|| cx.waker().clone());
        let points = &core.cancellation.points;
        if let Some((_, id)) = self.registered {
            let is_known = points.borrow_mut().get_mut(id).map(|point| {
                let known = point.waker.as_ref().unwrap_or(&core.waker);
                cx.waker().will_wake(known)
            });
            match is_known {
                Some(true) => return,
                Some(false) => {
                    let mut waker = foreign_waker();
                    if let Some(point) = points.borrow_mut().get_mut(id) {
                        std::mem::swap(&mut point.waker, &mut waker);
                    }
                    return;
                }
                None => {}
            }
        }
        let point = Point {
            frame: core.cancellation.frame.get(),
            kind,
            waker: foreign_waker(),
            target: target(),
            location,
        };
        let id = points.borrow_mut().add(point);
        self.registered = Some((core.key, id));
    }

    /// Deregisters.
    pub(crate) fn leave(&mut self) {
        let Some((key, id)) = self.registered.take() else {
            return;
        };
        let here = context::with_current_task(|task| {
            let core = task.core();
            (core.key == key).then(|| core.cancellation.remove(id))
        });
        if let Some(Some(point)) = here {
            drop(point);
        } else if key.address.is_home() {
            if let Some(task) = key.task() {
                task.core().cancellation.forget(id);
            }
        } else {
            // A loop that is gone has nothing to forget.
            let _ = key.address.send(Message::Leave(key, id));
        }
    }
}

impl Drop for Suspended {
    fn drop(&mut self) {
        self.leave();
    }
}

/// A frame that catches what is raised beneath it.
#[derive(Default)]
pub(crate) struct Catch {
    point: Suspended,
}

impl Catch {
    /// Polls what is beneath. An error means that it raised: it must be dropped, and may be, since
    /// the mark is cleared already.
    pub(crate) fn poll<T>(
        &mut self,
        cx: &mut Context<'_>,
        beneath: impl FnOnce(&mut Context<'_>) -> Poll<T>,
    ) -> Poll<Result<T, CancelledError>> {
        if is_held_back(cx) {
            return Poll::Pending;
        }
        self.point.register(cx, Kind::Frame, None, || None);
        let id = self.point.registered.map(|(_, id)| id);
        let polled = {
            let _frame = Beneath::enter(id);
            beneath(cx)
        };
        let raised = context::with_current_task(|task| {
            let cancellation = &task.core().cancellation;
            cancellation.take_in_flight().or_else(|| {
                let is_meant = polled.is_pending() && cancellation.is_to_raise_at(id);
                is_meant.then(|| cancellation.take_to_raise()).flatten()
            })
        })
        .flatten();
        match (raised, polled) {
            (Some(error), _) => {
                self.point.leave();
                Poll::Ready(Err(error))
            }
            (None, Poll::Ready(value)) => {
                self.point.leave();
                Poll::Ready(Ok(value))
            }
            (None, Poll::Pending) => Poll::Pending,
        }
    }
}

/// A frame polls what is beneath it until this is dropped.
struct Beneath {
    outer: Option<Frame>,
}

impl Beneath {
    fn enter(frame: Option<Frame>) -> Self {
        let outer =
            context::with_current_task(|task| task.core().cancellation.frame.replace(frame));
        Self {
            outer: outer.flatten(),
        }
    }
}

impl Drop for Beneath {
    fn drop(&mut self) {
        context::with_current_task(|task| task.core().cancellation.frame.set(self.outer));
    }
}

/// The innermost frame of the current task that is polled right now: what is cancelled within it is
/// what runs here.
pub(crate) fn current_frame() -> Option<Frame> {
    context::with_current_task(|task| task.core().cancellation.frame.get()).flatten()
}

/// Awaits `future`; gives an error when a cancellation was raised in it.
///
/// This is Python's `try: ... except CancelledError:`. The cancellation ends here: to pass it on,
/// after tidying up, await [`CancelledError::raise`]. What raised is dropped when this gives its
/// error. It awaits in place, so `future` may borrow. Off an asyncio loop nothing is raised, and
/// this is `future` itself.
///
/// # Cancellation
///
/// Catches it. If this is dropped, `future` is dropped with it.
///
/// ```
/// # asyncio::run(async {
/// let task = asyncio::create_task(async {
///     match asyncio::catch_cancelled(asyncio::sleep(10)).await {
///         Ok(()) => "slept",
///         Err(_) => "was cancelled, and cleaned up",
///     }
/// });
/// asyncio::sleep(0).await;
/// task.cancel();
/// assert_eq!(task.await, "was cancelled, and cleaned up");
/// # });
/// ```
pub fn catch_cancelled<F: IntoFuture>(
    future: F,
) -> impl Future<Output = Result<F::Output, CancelledError>> + use<F> {
    CatchCancelled {
        catch: Catch::default(),
        future: Some(future.into_future()),
    }
}

pin_project_lite::pin_project! {
    struct CatchCancelled<F> {
        catch: Catch,
        #[pin]
        future: Option<F>,
    }
}

impl<F: Future> Future for CatchCancelled<F> {
    type Output = Result<F::Output, CancelledError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            panic!("`catch_cancelled` was polled after it was done");
        };
        let polled = this.catch.poll(cx, |cx| future.poll(cx));
        if polled.is_ready() {
            this.future.set(None);
        }
        polled
    }
}

/// Awaits `future`, then `cleanup`, on every way out: a value, a panic or a cancellation; then
/// goes on with that value, panic or cancellation.
///
/// This is Python's `try: ... finally:` with awaits in the second block. The cleanup can itself be
/// cancelled, by another `cancel()`, and its panic replaces the first, as in Python. It awaits in
/// place, so both may borrow.
///
/// # Cancellation
///
/// Runs `cleanup`, then goes on raising. If this is *dropped*, by a `select!` or on another
/// executor, both are dropped and `cleanup` does not run.
///
/// ```
/// # use std::cell::Cell;
/// # asyncio::run(async {
/// let closed = std::rc::Rc::new(Cell::new(false));
/// let task = asyncio::create_task(asyncio::finally(asyncio::sleep(10), {
///     let closed = closed.clone();
///     async move {
///         asyncio::sleep(0).await;
///         closed.set(true);
///     }
/// }));
/// asyncio::sleep(0).await;
/// task.cancel();
/// assert!(asyncio::catch_cancelled(task).await.is_err());
/// assert!(closed.get());
/// # });
/// ```
pub async fn finally<F: IntoFuture, C: IntoFuture<Output = ()>>(
    future: F,
    cleanup: C,
) -> F::Output {
    let guarded = catch_panic(catch_cancelled(future)).await;
    cleanup.await;
    match guarded {
        Ok(Ok(value)) => value,
        Ok(Err(cancelled)) => cancelled.raise().await,
        Err(payload) => std::panic::resume_unwind(payload),
    }
}

/// Awaits `future`; gives the payload when it panics.
pub(crate) async fn catch_panic<F: Future>(future: F) -> std::thread::Result<F::Output> {
    let mut future = Some(Box::pin(future));
    std::future::poll_fn(move |cx| {
        use std::panic::{AssertUnwindSafe, catch_unwind};
        let Some(inner) = &mut future else {
            return Poll::Pending;
        };
        let polled = catch_unwind(AssertUnwindSafe(|| inner.as_mut().poll(cx)));
        match polled {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(Poll::Ready(value)) => {
                let future = future.take();
                Poll::Ready(catch_unwind(AssertUnwindSafe(|| drop(future))).map(|()| value))
            }
            Err(payload) => {
                overtaken_by_panic();
                let future = future.take();
                // A second panic, of a destructor, is not worth more than the first.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(future)));
                Poll::Ready(Err(payload))
            }
        }
    })
    .await
}
