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

use std::cell::{Cell, OnceCell, RefCell};
use std::num::NonZeroU64;
use std::panic::{Location, panic_any};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::{TaskKey, TaskRef, Waits};
use crate::event_loop::context;
use crate::event_loop::remote::Message;
use crate::event_loop::{LoopState, wake, wake_by_ref};
use crate::exceptions::CancelledError;
use crate::futures::{Cancel, Target};

/// What a task knows of its own cancellation.
#[derive(Default)]
pub(crate) struct Cancellation {
    /// `Task.cancelling()`.
    requested: Cell<u32>,
    /// Whether a cancellation is on its way down through this task.
    is_passing_on: Cell<bool>,
    /// There once it was cancelled: as long as it is not, that is all that a step looks at.
    trouble: OnceCell<Box<Marks>>,
    points: RefCell<Points>,
    /// The frame that is polled right now.
    frame: Cell<Option<Frame>>,
}

/// What a task that was cancelled has besides.
struct Marks {
    /// CPython's `_must_cancel`: to be raised when the task next steps, unless taken back.
    must_cancel: RefCell<Option<Wish>>,
    mark: RefCell<Mark>,
    /// What was polled last while the mark is in flight, and how often without anything between.
    held_back: Cell<(*const (), usize)>,
}

impl Default for Marks {
    fn default() -> Self {
        Self {
            must_cancel: RefCell::default(),
            mark: RefCell::default(),
            held_back: Cell::new((std::ptr::null(), 0)),
        }
    }
}

/// A frame that catches, by the id of its point.
pub(crate) type Frame = NonZeroU64;

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

#[derive(Default)]
enum Mark {
    #[default]
    Clear,
    ToRaise {
        wish: Wish,
        /// The point that is to raise it; none when any may.
        point: Option<NonZeroU64>,
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
    what: What,
}

/// What is known of a suspended leaf: where it stands, and what it waits for.
struct What {
    location: Option<&'static Location<'static>>,
    target: Option<Target>,
}

impl What {
    fn target(&self) -> Option<&Target> {
        self.target.as_ref()
    }
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
/// Most tasks wait at one leaf at a time, which then needs no memory of its own. All others stand in a
/// line; one that leaves from its middle leaves a gap: many leaves beneath one combinator may go in
/// any order, and none costs more for that.
#[derive(Default)]
struct Points {
    /// A leaf beneath no frame, with the task's own waker. The line is empty then.
    only: Option<(NonZeroU64, Kind, What)>,
    line: Option<Box<Line>>,
    last_id: u64,
}

#[derive(Default)]
struct Line {
    /// The last one is never a gap.
    points: Vec<(NonZeroU64, Option<Point>)>,
    gaps: usize,
    leaves: usize,
    outside: usize,
}

impl Line {
    fn push(&mut self, id: NonZeroU64, point: Point) {
        self.leaves += usize::from(point.kind != Kind::Frame);
        self.outside += usize::from(point.kind == Kind::Outside);
        self.points.push((id, Some(point)));
    }

    fn index(&self, id: NonZeroU64) -> Option<usize> {
        match self.points.last() {
            Some((last, _)) if *last == id => Some(self.points.len() - 1),
            _ => self.points.binary_search_by_key(&id, |(id, _)| *id).ok(),
        }
    }

    fn remove(&mut self, id: NonZeroU64) -> Option<Point> {
        let index = self.index(id)?;
        let point = self.points[index].1.take()?;
        self.leaves -= usize::from(point.kind != Kind::Frame);
        self.outside -= usize::from(point.kind == Kind::Outside);
        self.gaps += 1;
        while matches!(self.points.last(), Some((_, None))) {
            self.points.pop();
            self.gaps -= 1;
        }
        if self.gaps > self.points.len() / 2 {
            self.points.retain(|(_, point)| point.is_some());
            self.gaps = 0;
        }
        Some(point)
    }

    fn get(&self, id: NonZeroU64) -> Option<&Point> {
        self.points[self.index(id)?].1.as_ref()
    }
}

impl Points {
    fn next_id(&mut self) -> NonZeroU64 {
        self.last_id += 1;
        NonZeroU64::new(self.last_id).unwrap_or(NonZeroU64::MAX)
    }

    /// Adds a leaf beneath no frame, with the task's own waker.
    #[inline]
    fn add_plain(&mut self, kind: Kind, what: What) -> NonZeroU64 {
        if self.only.is_none() && self.line.as_ref().is_none_or(|line| line.points.is_empty()) {
            let id = self.next_id();
            self.only = Some((id, kind, what));
            return id;
        }
        self.add(Point {
            frame: None,
            kind,
            waker: None,
            what,
        })
    }

    fn add(&mut self, point: Point) -> NonZeroU64 {
        let id = self.next_id();
        self.line_mut().push(id, point);
        id
    }

    /// The line, with all there is in it.
    fn line_mut(&mut self) -> &mut Line {
        let line = self.line.get_or_insert_with(Box::default);
        if let Some((id, kind, what)) = self.only.take() {
            line.push(
                id,
                Point {
                    frame: None,
                    kind,
                    waker: None,
                    what,
                },
            );
        }
        line
    }

    /// The kind of a point; none when it is gone.
    #[inline]
    fn kind(&self, id: NonZeroU64) -> Option<Kind> {
        match &self.only {
            Some((only, kind, _)) => (*only == id).then_some(*kind),
            None => Some(self.line.as_ref()?.get(id)?.kind),
        }
    }

    fn is_leaf(&self, id: NonZeroU64) -> bool {
        self.kind(id).is_some_and(|kind| kind != Kind::Frame)
    }

    #[inline]
    fn remove(&mut self, id: NonZeroU64) -> Option<Left> {
        match &self.only {
            Some((only, ..)) if *only == id => self.only.take().map(|(.., what)| Left::Only(what)),
            Some(_) => None,
            None => self.line.as_mut()?.remove(id).map(Left::Point),
        }
    }

    fn top(&self) -> Option<Top<'_>> {
        if let Some((id, _, what)) = &self.only {
            return Some(Top {
                id: *id,
                waker: None,
                what,
            });
        }
        let (id, point) = self.line.as_ref()?.points.last()?;
        Some(Top::of(*id, point.as_ref()?))
    }

    /// The innermost point beneath the frame, or the frame itself; of all when that is gone.
    fn top_within(&self, scope: Option<Frame>) -> Option<Top<'_>> {
        let top = self.top()?;
        if self.is_within(Some(top.id), scope) {
            return Some(top);
        }
        let points = self.line.as_ref()?.points.iter().rev();
        points
            .filter_map(|(id, point)| Some(Top::of(*id, point.as_ref()?)))
            .find(|top| self.is_within(Some(top.id), scope))
    }

    /// Whether what is at or beneath this point is beneath the frame. A frame that is gone has
    /// nothing beneath it, and keeps nobody out.
    fn is_within(&self, mut at: Option<NonZeroU64>, scope: Option<Frame>) -> bool {
        let Some(line) = &self.line else {
            return true;
        };
        let Some(scope) = scope.filter(|scope| line.get(*scope).is_some()) else {
            return true;
        };
        while let Some(id) = at {
            if id == scope {
                return true;
            }
            at = line.get(id).and_then(|point| point.frame);
        }
        false
    }

    /// Whether there never was more than fits without memory of its own, and nothing is left.
    fn is_unused(&self) -> bool {
        self.only.is_none() && self.line.is_none()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn len(&self) -> usize {
        let line = self.line.as_ref();
        usize::from(self.only.is_some()) + line.map_or(0, |line| line.points.len() - line.gaps)
    }

    /// What is known of each, the innermost first.
    fn top_down(&self) -> impl Iterator<Item = &What> {
        let line = self.line.iter().flat_map(|line| line.points.iter().rev());
        let line = line.filter_map(|(_, point)| Some(&point.as_ref()?.what));
        self.only.iter().map(|(.., what)| what).chain(line)
    }
}

/// A point that has left. To be dropped where nothing is borrowed: a waker or a target in it may be
/// the last reference to something of the user's.
enum Left {
    Only(#[expect(dead_code, reason = "to be dropped")] What),
    Point(#[expect(dead_code, reason = "to be dropped")] Point),
}

/// What is to be known of the innermost point.
struct Top<'a> {
    id: NonZeroU64,
    /// None when it is the task's own.
    waker: Option<&'a Waker>,
    what: &'a What,
}

impl<'a> Top<'a> {
    fn of(id: NonZeroU64, point: &'a Point) -> Self {
        Self {
            id,
            waker: point.waker.as_ref(),
            what: &point.what,
        }
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
            self.take_must_cancel();
        }
        left
    }

    /// Whether it was never cancelled.
    #[inline]
    pub(crate) fn is_calm(&self) -> bool {
        self.trouble.get().is_none()
    }

    fn trouble(&self) -> &Marks {
        self.trouble.get_or_init(Box::default)
    }

    fn must_cancel(&self, wish: Wish) {
        self.trouble().must_cancel.replace(Some(wish));
    }

    fn take_must_cancel(&self) -> Option<Wish> {
        self.trouble.get()?.must_cancel.take()
    }

    fn mark(&self, mark: Mark) {
        self.trouble().mark.replace(mark);
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
            let point = points.top_within(wish.scope).map(|top| top.id);
            drop(points);
            if !self.raise_at(point, task, event_loop, &wish) {
                self.must_cancel(wish);
            }
            return;
        }
        self.requested.set(self.requested.get() + 1);
        let first = onward.steps.len();
        if is_running || !self.deliver(task, event_loop, &wish, onward) {
            self.must_cancel(wish);
        }
        if onward.steps.len() > first {
            self.is_passing_on.set(true);
            onward.steps.push(Onwards::Told(task.clone()));
        }
    }

    /// After a step: a cancellation that came during it goes to what the task now waits for.
    pub(super) fn pass_on(&self, task: &TaskRef, event_loop: &Rc<LoopState>) {
        let Some(trouble) = self.trouble.get() else {
            return;
        };
        let Some(wish) = trouble.must_cancel.take() else {
            let scope = match &*trouble.mark.borrow() {
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
                self.must_cancel(wish);
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
            Some(top) => (Some(top.id), top.what.target().cloned()),
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
        point: Option<NonZeroU64>,
        task: &TaskRef,
        event_loop: &Rc<LoopState>,
        wish: &Wish,
    ) -> bool {
        let is_marked = |trouble: &Marks| !matches!(*trouble.mark.borrow(), Mark::Clear);
        if task.core().scheduled.get()
            || self.trouble.get().is_some_and(|trouble| is_marked(trouble))
        {
            return false;
        }
        self.mark(Mark::ToRaise {
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
            Some(top) => top.waker.cloned(),
            None => None,
        };
        if let Some(waker) = waker {
            wake(waker);
        }
    }

    #[inline]
    pub(super) fn begin_step(&self) {
        if let Some(trouble) = self.trouble.get() {
            self.begin_troubled_step(trouble);
        }
    }

    fn begin_troubled_step(&self, trouble: &Marks) {
        if let Some(wish) = trouble.must_cancel.take() {
            let mut mark = trouble.mark.borrow_mut();
            if matches!(*mark, Mark::Clear) {
                let points = self.points.borrow();
                let point = points.top_within(wish.scope).map(|top| top.id);
                *mark = Mark::ToRaise {
                    wish,
                    point,
                    tries: 0,
                };
            }
        }
    }

    #[inline]
    pub(super) fn take_to_raise(&self) -> Option<CancelledError> {
        let mut mark = self.trouble.get()?.mark.borrow_mut();
        if !matches!(*mark, Mark::ToRaise { .. }) {
            return None;
        }
        match std::mem::take(&mut *mark) {
            Mark::ToRaise { wish, .. } => Some(wish.error),
            _ => None,
        }
    }

    #[inline]
    pub(super) fn take_in_flight(&self) -> Option<CancelledError> {
        let mut mark = self.trouble.get()?.mark.borrow_mut();
        if !matches!(*mark, Mark::InFlight(_)) {
            return None;
        }
        match std::mem::take(&mut *mark) {
            Mark::InFlight(error) => Some(error),
            _ => None,
        }
    }

    /// What was to be raised when the coroutine returned.
    pub(super) fn take_unraised(&self) -> Option<CancelledError> {
        let marked = self.take_to_raise();
        marked.or_else(|| self.take_must_cancel().map(|wish| wish.error))
    }

    /// After a step that suspended without raising what it was to raise.
    ///
    /// With nothing of ours suspended it is raised at what the task waits for, whatever that is.
    /// Else the point that was meant was not polled, by a combinator of another make: the next try
    /// lets any point raise it, and the one after that nobody asks.
    pub(super) fn leftover(&self) -> Leftover {
        let Some(trouble) = self.trouble.get() else {
            return Leftover::Nothing;
        };
        let mut mark = trouble.mark.borrow_mut();
        let Mark::ToRaise { point, tries, .. } = &mut *mark else {
            return Leftover::Nothing;
        };
        *tries += 1;
        *point = None;
        if *tries < 3 && !self.points.borrow().is_empty() {
            return Leftover::Nothing;
        }
        match std::mem::take(&mut *mark) {
            Mark::ToRaise { wish, .. } => Leftover::Raise(wish.error),
            _ => Leftover::Nothing,
        }
    }

    fn in_flight(&self) -> bool {
        let trouble = self.trouble.get();
        trouble.is_some_and(|trouble| matches!(*trouble.mark.borrow(), Mark::InFlight(_)))
    }

    pub(super) fn clear_marks(&self) {
        if let Some(trouble) = self.trouble.get() {
            trouble.mark.take();
            trouble.must_cancel.take();
        }
    }

    pub(super) fn clear(&self) {
        self.clear_marks();
        if !self.points.borrow().is_unused() {
            let points = self.points.take();
            drop(points);
        }
    }

    /// Where what is awaited comes from, as far as the leaves know that are suspended.
    pub(super) fn waits(&self) -> Waits {
        let points = self.points.borrow();
        let (outside, leaves) = match (&points.only, &points.line) {
            (Some((_, kind, _)), _) => (usize::from(*kind == Kind::Outside), 1),
            (None, Some(line)) => (line.outside, line.leaves),
            (None, None) => (0, 0),
        };
        match (outside, leaves) {
            (1.., _) => Waits::Outside,
            (0, 1..) => Waits::Inside,
            (0, 0) => Waits::Unknown,
        }
    }

    /// Where the innermost suspended leaf stands in the program.
    pub(super) fn location(&self) -> Option<&'static Location<'static>> {
        self.points
            .borrow()
            .top_down()
            .find_map(|what| what.location)
    }

    /// Names the tasks that this one waits for.
    pub(super) fn each_awaited(&self, name: &mut dyn FnMut(&TaskRef)) {
        let points = self.points.borrow();
        for target in points.top_down().filter_map(What::target) {
            target.each_awaited(name);
        }
    }

    /// The repr of what the task waits for.
    pub(super) fn waits_for(&self) -> Option<String> {
        let target = self.points.borrow().top()?.what.target()?.clone();
        // As Python's reprs do where they would go round in circles; here also where they would go on
        // for as long as the tasks are that await each other.
        super::repr::nested(|| target.repr()).or_else(|| Some("...".to_owned()))
    }

    /// Whether this point is the one to raise: it is named, or it is new and the one that is
    /// named cannot.
    fn is_to_raise(&self, id: Option<NonZeroU64>) -> bool {
        let Some(trouble) = self.trouble.get() else {
            return false;
        };
        let Mark::ToRaise { point, wish, .. } = &*trouble.mark.borrow() else {
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
        let Some(trouble) = self.trouble.get() else {
            return false;
        };
        let Mark::ToRaise { point, wish, .. } = &*trouble.mark.borrow() else {
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
    #[inline]
    fn remove(&self, id: NonZeroU64) -> Option<Left> {
        self.points.borrow_mut().remove(id)
    }

    /// What was suspended here is so no more.
    pub(crate) fn forget(&self, id: NonZeroU64) {
        let point = self.remove(id);
        drop(point);
    }

    /// Registers what is suspended now.
    #[inline]
    fn add(&self, task: &TaskRef, cx: &Context<'_>, kind: Kind, what: What) -> NonZeroU64 {
        let frame = self.frame.get();
        if frame.is_none() && kind != Kind::Frame && task.is_woken_by(cx.waker()) {
            return self.points.borrow_mut().add_plain(kind, what);
        }
        let point = Point {
            frame,
            kind,
            waker: foreign_waker(task, cx),
            what,
        };
        self.points.borrow_mut().add(point)
    }

    /// Has a point be woken as it is polled now; false when it is gone.
    fn rewake(&self, task: &TaskRef, cx: &Context<'_>, id: NonZeroU64) -> bool {
        let is_known =
            {
                let points = self.points.borrow();
                match &points.only {
                    Some((only, ..)) => (*only == id).then(|| task.is_woken_by(cx.waker())),
                    None => points
                        .line
                        .as_ref()
                        .and_then(|line| line.get(id))
                        .map(|point| match &point.waker {
                            Some(known) => cx.waker().will_wake(known),
                            None => task.is_woken_by(cx.waker()),
                        }),
                }
            };
        if is_known == Some(false) {
            // Cloned, and the old one dropped, while nothing is borrowed: they may be anybody's.
            let mut waker = foreign_waker(task, cx);
            let mut points = self.points.borrow_mut();
            let line = points.line_mut();
            let index = line.index(id);
            if let Some((_, Some(point))) = index.map(|index| &mut line.points[index]) {
                std::mem::swap(&mut point.waker, &mut waker);
            }
            drop(points);
        }
        is_known.is_some()
    }

    /// Notes that something was polled with a waker that is not the task's while the mark is in
    /// flight; true when that was only to be expected.
    ///
    /// A combinator that polls its branches itself does so, a few times each. What does so without
    /// end blocks on one of them, in a destructor.
    fn hold_back(&self, waker: &Waker) -> bool {
        let held_back = &self.trouble().held_back;
        let (last, times) = held_back.get();
        let times = if last == waker.data() { times + 1 } else { 0 };
        held_back.set((waker.data(), times));
        times < MANY + self.points.borrow().len()
    }
}

/// The waker of what is polled, unless it is the task's own.
fn foreign_waker(task: &TaskRef, cx: &Context<'_>) -> Option<Waker> {
    (!task.is_woken_by(cx.waker())).then(|| cx.waker().clone())
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
            core.cancellation.mark(Mark::InFlight(error));
        }
        let held_back = &core.cancellation.trouble().held_back;
        held_back.set((std::ptr::null(), 0));
        !task.is_woken_by(cx.waker())
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
#[inline]
#[track_caller]
pub(crate) fn is_held_back(cx: &Context<'_>) -> bool {
    is_in_trouble() && is_troubled_held_back(cx)
}

/// Whether the current task was ever cancelled: if not, nothing is raised in it or held back.
#[inline]
pub(super) fn is_in_trouble() -> bool {
    trouble() == Trouble::Some
}

/// What a leaf asks before anything else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No task is running.
    NoTask,
    /// It was never cancelled: nothing is raised in it or held back.
    None,
    Some,
}

#[inline]
pub(crate) fn trouble() -> Trouble {
    match context::with_current_task(|task| task.core().is_calm()) {
        None => Trouble::NoTask,
        Some(true) => Trouble::None,
        Some(false) => Trouble::Some,
    }
}

#[cold]
#[track_caller]
fn is_troubled_held_back(cx: &Context<'_>) -> bool {
    let foreign = context::with_current_task(|task| {
        let core = task.core();
        core.cancellation.in_flight().then(|| {
            let is_foreign = !task.is_woken_by(cx.waker());
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
    registered: Option<(TaskKey, NonZeroU64)>,
}

impl Suspended {
    /// Whether a cancellation is to be raised here: then the leaf is to give what this gives.
    #[inline]
    pub(crate) fn poll_raise(
        &mut self,
        cx: &Context<'_>,
    ) -> Option<Poll<std::convert::Infallible>> {
        if is_in_trouble() {
            self.poll_troubled(cx)
        } else {
            None
        }
    }

    #[cold]
    fn poll_troubled(&mut self, cx: &Context<'_>) -> Option<Poll<std::convert::Infallible>> {
        let id = self.id();
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

    #[inline]
    fn id(&self) -> Option<NonZeroU64> {
        self.registered.as_ref().map(|(_, id)| *id)
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
        target: impl FnOnce() -> Option<Target>,
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
        target: impl FnOnce() -> Option<Target>,
    ) {
        context::with_current_task(|task| {
            if let Some((key, id)) = &self.registered {
                if !key.is_of(task) {
                    // It was suspended in another task before.
                    self.leave();
                } else if task.core().cancellation.rewake(task, cx, *id) {
                    return;
                }
            }
            let what = What {
                location,
                target: target(),
            };
            let id = task.core().cancellation.add(task, cx, kind, what);
            self.registered = Some((task.key(), id));
        });
    }

    /// Deregisters.
    #[inline]
    pub(crate) fn leave(&mut self) {
        let Some((key, id)) = self.registered.take() else {
            return;
        };
        let mut key = Some(key);
        let left = context::with_current_task(|task| {
            let here = key.take_if(|key| key.is_of(task))?;
            task.take_back(here);
            task.core().cancellation.remove(id)
        });
        drop(left);
        if let Some(key) = key {
            Self::leave_elsewhere(key, id);
        }
    }

    /// Deregisters from another task than the current one.
    #[cold]
    fn leave_elsewhere(key: TaskKey, id: NonZeroU64) {
        let address = key.address();
        if address.is_home() {
            // Also of a task that is not the loop's any more: what it knows of must be there.
            if let Some(task) = key.upgrade() {
                task.core().cancellation.forget(id);
            }
        } else {
            // A loop that is gone has nothing to forget.
            let _ = address.send(Message::Leave(key, id));
        }
    }
}

impl Drop for Suspended {
    #[inline]
    fn drop(&mut self) {
        // A call, as this is dropped in many places, and seldom before it was left.
        #[cold]
        fn leave(suspended: &mut Suspended) {
            suspended.leave();
        }
        if self.registered.is_some() {
            leave(self);
        }
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
        let id = self.point.id();
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
