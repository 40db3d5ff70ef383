//! What is suspended in a task: the leaves, and the frames that catch.
//!
//! Mostly that is one leaf that the task itself polls, and that has a place of its own. All others
//! stand in a line, last in first out. Leaves of a combinator may go in any order; each costs the same.

use std::num::NonZeroU64;
use std::task::Waker;

use super::super::{Called, Waits};
use crate::futures::Target;
use crate::sequence::Sequence;

/// A frame that catches, by the id of its point.
pub(crate) type Frame = NonZeroU64;

/// Something that is suspended in the task: a leaf, or a frame that catches.
pub(super) struct Point {
    /// The innermost frame that it is beneath.
    pub(super) frame: Option<Frame>,
    pub(super) kind: Kind,
    /// None when it is the task's own.
    pub(super) waker: Option<Waker>,
    pub(super) what: What,
}

/// What is known of a suspended leaf: where it stands, and what it waits for. Of a frame, where it
/// was called, and the tasks that it will wait for.
#[derive(Default)]
pub(super) struct What {
    pub(super) location: Option<Called>,
    pub(super) target: Option<Target>,
}

impl What {
    pub(super) fn target(&self) -> Option<&Target> {
        self.target.as_ref()
    }
}

/// What is suspended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Kind {
    /// A frame that catches.
    Frame,
    /// A leaf that something in the loop wakes.
    #[default]
    Leaf,
    /// A leaf that input, a thread or a process wakes.
    Outside,
}

/// The points of a task, in the order in which they were suspended, which is that of their ids.
///
/// Most tasks wait at one leaf at a time, which then needs no memory of its own. All others stand in a
/// line.
#[derive(Default)]
pub(super) struct Points {
    /// A leaf beneath no frame, with the task's own waker. The line is empty then.
    only: Only,
    line: Option<Box<Line>>,
    last_id: u64,
}

/// A place for one leaf, written and read word by word: to move it as a whole costs more than all
/// else that is done with it.
#[derive(Default)]
struct Only {
    /// None when there is no leaf here, and then nothing else counts, or is to be dropped.
    id: Option<NonZeroU64>,
    kind: Kind,
    what: What,
}

impl Only {
    fn is_there(&self) -> bool {
        self.id.is_some()
    }

    /// Its id and the rest, if there is one.
    fn get(&self) -> Option<(NonZeroU64, &Self)> {
        self.id.map(|id| (id, self))
    }
}

#[derive(Default)]
struct Line {
    points: Sequence<Point>,
    leaves: usize,
    outside: usize,
}

impl Line {
    fn push(&mut self, id: NonZeroU64, point: Point) {
        self.leaves += usize::from(point.kind != Kind::Frame);
        self.outside += usize::from(point.kind == Kind::Outside);
        self.points.push(id.get(), point);
    }

    fn remove(&mut self, id: NonZeroU64) -> Option<Point> {
        let point = self.points.remove(id.get())?;
        self.leaves -= usize::from(point.kind != Kind::Frame);
        self.outside -= usize::from(point.kind == Kind::Outside);
        Some(point)
    }

    fn get(&self, id: NonZeroU64) -> Option<&Point> {
        self.points.get(id.get())
    }

    /// From the innermost to the outermost.
    fn top_down(&self) -> impl Iterator<Item = (NonZeroU64, &Point)> {
        let points = self.points.iter().rev();
        points.filter_map(|(id, point)| Some((NonZeroU64::new(id)?, point)))
    }
}

impl Points {
    fn next_id(&mut self) -> NonZeroU64 {
        self.last_id += 1;
        NonZeroU64::new(self.last_id).unwrap_or(NonZeroU64::MAX)
    }

    /// Adds a leaf beneath no frame, with the task's own waker.
    #[inline]
    pub(super) fn add_plain(
        &mut self,
        kind: Kind,
        location: Option<Called>,
        target: Option<Target>,
    ) -> NonZeroU64 {
        if self.only.is_there()
            || self
                .line
                .as_ref()
                .is_some_and(|line| !line.points.is_empty())
        {
            return self.add_to_line(kind, What { location, target });
        }
        let id = self.next_id();
        self.only.id = Some(id);
        self.only.kind = kind;
        self.only.what.location = location;
        // Where no leaf is, there is no target that would have to be dropped.
        std::mem::forget(std::mem::replace(&mut self.only.what.target, target));
        id
    }

    #[inline(never)]
    fn add_to_line(&mut self, kind: Kind, what: What) -> NonZeroU64 {
        self.add(Point {
            frame: None,
            kind,
            waker: None,
            what,
        })
    }

    pub(super) fn add(&mut self, point: Point) -> NonZeroU64 {
        let id = self.next_id();
        self.line_mut().push(id, point);
        id
    }

    /// The line, with all there is in it.
    fn line_mut(&mut self) -> &mut Line {
        let line = self.line.get_or_insert_with(Box::default);
        if let Some(id) = self.only.id.take() {
            line.push(
                id,
                Point {
                    frame: None,
                    kind: self.only.kind,
                    waker: None,
                    what: std::mem::take(&mut self.only.what),
                },
            );
        }
        line
    }

    /// The kind of a point; none when it is gone.
    #[inline]
    fn kind(&self, id: NonZeroU64) -> Option<Kind> {
        match self.only.get() {
            Some((only, leaf)) => (only == id).then_some(leaf.kind),
            None => Some(self.line.as_ref()?.get(id)?.kind),
        }
    }

    /// Whether the point is woken by this waker; none when it is gone. `is_own`: the waker is the task's.
    pub(super) fn is_woken_by(&self, id: NonZeroU64, waker: &Waker, is_own: bool) -> Option<bool> {
        if let Some(only) = self.only.id {
            return (only == id).then_some(is_own);
        }
        let point = self.line.as_ref()?.get(id)?;
        let known = point.waker.as_ref();
        Some(known.map_or(is_own, |known| waker.will_wake(known)))
    }

    pub(super) fn swap_waker(&mut self, id: NonZeroU64, waker: &mut Option<Waker>) {
        if let Some(point) = self.line_mut().points.get_mut(id.get()) {
            std::mem::swap(&mut point.waker, waker);
        }
    }

    pub(super) fn is_leaf(&self, id: NonZeroU64) -> bool {
        self.kind(id).is_some_and(|kind| kind != Kind::Frame)
    }

    /// Takes the leaf out that has a place of its own, if it is this: gives what that passed a
    /// cancellation on to, if it is to be dropped. That and what [`remove`](Self::remove) gives are to
    /// be dropped where nothing is borrowed: a waker or a target may be the last reference to something
    /// of the user's.
    #[inline]
    pub(super) fn remove_only(&mut self, id: NonZeroU64) -> Option<Option<Target>> {
        if self.only.id != Some(id) {
            return None;
        }
        self.only.id = None;
        match self.only.what.target {
            // That is no reference: it may stay where nobody looks any more.
            None | Some(Target::Waiting(_)) => Some(None),
            _ => Some(self.only.what.target.take()),
        }
    }

    /// What is shown of the waiters is all that is kept of them.
    pub(super) fn let_go(&mut self) {
        let only = self.only.is_there().then_some(&mut self.only.what);
        let line = self
            .line
            .iter_mut()
            .flat_map(|line| line.points.things_mut());
        for what in only.into_iter().chain(line.map(|point| &mut point.what)) {
            if let Some(Target::Waiting(waiter)) = &what.target {
                what.target = Some(Target::Gone(waiter.repr()));
            }
        }
    }

    /// Takes any other point out.
    pub(super) fn remove(&mut self, id: NonZeroU64) -> Option<Point> {
        self.line.as_mut()?.remove(id)
    }

    pub(super) fn last_mut(&mut self) -> Option<&mut What> {
        if self.only.is_there() {
            return Some(&mut self.only.what);
        }
        Some(&mut self.line.as_mut()?.points.last_mut()?.what)
    }

    pub(super) fn top(&self) -> Option<Top<'_>> {
        if let Some((id, leaf)) = self.only.get() {
            return Some(Top {
                id,
                waker: None,
                target: leaf.what.target(),
            });
        }
        let (id, point) = self.line.as_ref()?.top_down().next()?;
        Some(Top::of(id, point))
    }

    /// The innermost point beneath the frame, or the frame itself; of all when that is gone.
    pub(super) fn top_within(&self, scope: Option<Frame>) -> Option<Top<'_>> {
        let top = self.top()?;
        if self.is_within(Some(top.id), scope) {
            return Some(top);
        }
        let points = self.line.as_ref()?.top_down();
        points
            .map(|(id, point)| Top::of(id, point))
            .find(|top| self.is_within(Some(top.id), scope))
    }

    /// Whether what is at or beneath this point is beneath the frame. A frame that is gone has
    /// nothing beneath it, and keeps nobody out.
    pub(super) fn is_within(&self, mut at: Option<NonZeroU64>, scope: Option<Frame>) -> bool {
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

    /// Where what is awaited comes from, as far as the leaves know.
    #[inline]
    pub(super) fn waits(&self) -> Waits {
        let (outside, leaves) = match (self.only.get(), &self.line) {
            (Some((_, leaf)), _) => (usize::from(leaf.kind == Kind::Outside), 1),
            (None, Some(line)) => (line.outside, line.leaves),
            (None, None) => (0, 0),
        };
        match (outside, leaves) {
            (1.., _) => Waits::Outside,
            (0, 1..) => Waits::Inside,
            (0, 0) => Waits::Unknown,
        }
    }

    /// Whether there never was more than fits without memory of its own, and nothing is left.
    pub(super) fn is_unused(&self) -> bool {
        !self.only.is_there() && self.line.is_none()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn len(&self) -> usize {
        let line = self.line.as_ref();
        usize::from(self.only.is_there()) + line.map_or(0, |line| line.points.len())
    }

    /// What is known of each, the innermost first.
    pub(super) fn top_down(&self) -> impl Iterator<Item = &What> {
        let line = self.line.iter().flat_map(|line| line.top_down());
        let line = line.map(|(_, point)| &point.what);
        let only = self.only.get().map(|(_, leaf)| &leaf.what);
        only.into_iter().chain(line)
    }
}

/// What is to be known of the innermost point.
pub(super) struct Top<'a> {
    pub(super) id: NonZeroU64,
    /// None when it is the task's own.
    pub(super) waker: Option<&'a Waker>,
    /// What a cancellation is passed on to. What a frame has is only to be named.
    pub(super) target: Option<&'a Target>,
}

/// The point that is to raise.
pub(super) struct Raising {
    pub(super) id: NonZeroU64,
    pub(super) waker: Option<Waker>,
}

impl<'a> Top<'a> {
    pub(super) fn raising(&self) -> Raising {
        Raising {
            id: self.id,
            waker: self.waker.cloned(),
        }
    }

    fn of(id: NonZeroU64, point: &'a Point) -> Self {
        Self {
            id,
            waker: point.waker.as_ref(),
            target: point.what.target().filter(|_| point.kind != Kind::Frame),
        }
    }
}
