//! How a cancellation goes from task to task.
//!
//! As many tasks may await each other as there is memory, more than calls may nest: so those that are
//! still to be told stand in a list, and none tells the next one itself.
//!
//! Whoever cancels many tasks at once, as the end of a loop does with all that are left, comes by the
//! same task again and again: by itself, and by all that await it, each of which counts there. But a
//! cancellation that follows at once on another of the same kind changes nothing beneath the task but the
//! counts. So it goes no further there, and how often it would have come is added to everything beneath
//! at the end, once. All together that costs as much as there are tasks that await each other, where
//! CPython's costs as much as there are ways through them.

use std::ops::Range;

use super::super::TaskRef;
use crate::exceptions::CancelledError;

/// A cancellation on its way. It allocates nothing until it is passed on.
pub(crate) struct Onward {
    /// Tasks that it is passed on to, those of the same one side by side.
    steps: Vec<Step>,
    /// The task beneath which all has been told, last of all.
    last_told: Index,
}

/// Of a step.
type Index = u32;

/// No step.
const NONE: Index = Index::MAX;

/// A task that a cancellation is passed on to, by one that awaits it.
struct Step {
    task: TaskRef,
    /// If it was passed on from there: to those from `next` on, and was to those from `first` on.
    first: Index,
    next: Index,
    end: Index,
    /// Whose turn it is when all beneath has been told.
    above: Index,
    /// Beneath which all was told before this one.
    told_before: Index,
    /// How often it came here again.
    again: u32,
    /// What its task said of an enclosing run.
    outer: u32,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing was passed on from here, or not yet.
    Leaf,
    Passing,
    Told,
}

impl Default for Onward {
    #[inline]
    fn default() -> Self {
        Self {
            steps: Vec::new(),
            last_told: NONE,
        }
    }
}

impl Onward {
    /// Cancels what `cancel` cancels, and then what that waits for, one after the other and each as
    /// far down as it goes: the order in which calls would.
    pub(crate) fn from(
        error: &CancelledError,
        cancel: &mut dyn FnMut(&mut Onward) -> bool,
    ) -> bool {
        Self::begin(None, error, cancel)
    }

    /// As [`from`](Self::from), for what cancels this task first.
    pub(crate) fn from_task(
        task: &TaskRef,
        error: &CancelledError,
        cancel: &mut dyn FnMut(&mut Onward) -> bool,
    ) -> bool {
        Self::begin(Some(task), error, cancel)
    }

    fn begin(
        task: Option<&TaskRef>,
        error: &CancelledError,
        cancel: &mut dyn FnMut(&mut Onward) -> bool,
    ) -> bool {
        let mut onward = Self::default();
        let cancelled = cancel(&mut onward);
        if !onward.steps.is_empty() {
            onward.go(error, task);
        }
        cancelled
    }

    /// Passes it on to this task; false when that is done.
    pub(crate) fn push(&mut self, task: &TaskRef) -> bool {
        task.future().see();
        let is_pending = !task.future().is_done();
        if is_pending {
            self.steps.push(Step::to(task));
        }
        is_pending
    }

    /// Where the next step will stand.
    fn end(&self) -> Index {
        Index::try_from(self.steps.len()).expect("fewer than 2^32 tasks await each other")
    }

    fn at(&mut self, index: Index) -> &mut Step {
        &mut self.steps[index as usize]
    }

    /// Goes where it was passed on so far, by this task if by any, and wherever it is passed on from
    /// there.
    #[inline(never)]
    fn go(&mut self, error: &CancelledError, from: Option<&TaskRef>) {
        let end = self.end();
        if let Some(task) = from {
            self.steps.push(Step::to(task));
            self.passes_on(end, 0..end, NONE);
            self.go_beneath(end, error);
        } else {
            for index in 0..end {
                self.visit(index, NONE, error);
                if self.at(index).stage == Stage::Passing {
                    self.go_beneath(index, error);
                }
            }
        }
        self.count_again();
    }

    fn go_beneath(&mut self, root: Index, error: &CancelledError) {
        let mut above = root;
        while above != NONE {
            let last_told = self.last_told;
            let step = self.at(above);
            if step.next < step.end {
                let index = step.next;
                step.next += 1;
                self.visit(index, above, error);
                if self.at(index).stage == Stage::Passing {
                    above = index;
                }
            } else {
                step.stage = Stage::Told;
                step.told_before = last_told;
                self.last_told = above;
                above = self.at(above).above;
            }
        }
    }

    /// Cancels the task of this step, which may pass it on.
    fn visit(&mut self, index: Index, above: Index, error: &CancelledError) {
        let task = self.at(index).task.clone();
        match self.step_of(&task).map(|known| self.at(known)) {
            None => {
                let first = self.end();
                task.cancel_here(None, error, self);
                let passed_on = first..self.end();
                if !passed_on.is_empty() {
                    self.passes_on(index, passed_on, above);
                }
            }
            Some(known) if known.stage == Stage::Told => {
                known.again = known.again.saturating_add(1);
            }
            // It has come back, through tasks that await each other: it goes no further.
            Some(_) => come_back(&task, error),
        }
    }

    /// The task of this step passes it on to those of these steps.
    fn passes_on(&mut self, index: Index, to: Range<Index>, above: Index) {
        let step = self.at(index);
        (step.first, step.next, step.end) = (to.start, to.start, to.end);
        step.above = above;
        step.stage = Stage::Passing;
        step.outer = step.task.core().cancellation.step.replace(index + 1);
    }

    /// By which step it was passed on by this task, if it was.
    fn step_of(&self, task: &TaskRef) -> Option<Index> {
        let number = task.core().cancellation.peek()?.step.get();
        let index = number.checked_sub(1)?;
        // It may be that of a step of an enclosing run: a waker may be anybody's, and cancel.
        let is_own = self.steps.get(index as usize)?.task.is(task);
        is_own.then_some(index)
    }

    /// Counts what came again, and has the tasks forget their steps.
    fn count_again(&mut self) {
        // Those beneath which all was told later come first: so before each comes whatever passes on to it.
        let mut index = self.last_told;
        while index != NONE {
            let step = self.at(index);
            let (beneath, again) = (step.first..step.end, step.again);
            let cancellation = &step.task.core().cancellation;
            cancellation.step.set(step.outer);
            cancellation.count(again);
            index = step.told_before;
            if again == 0 {
                continue;
            }
            for beneath in beneath {
                let task = self.at(beneath).task.clone();
                match self.step_of(&task).map(|known| self.at(known)) {
                    Some(known) => known.again = known.again.saturating_add(again),
                    None => task.core().cancellation.count(again),
                }
            }
        }
    }
}

impl Step {
    fn to(task: &TaskRef) -> Self {
        Self {
            task: task.clone(),
            first: 0,
            next: 0,
            end: 0,
            above: NONE,
            told_before: NONE,
            again: 0,
            outer: 0,
            stage: Stage::Leaf,
        }
    }
}

fn come_back(task: &TaskRef, error: &CancelledError) {
    task.event_loop().with_kept(|event_loop| {
        let cancellation = &task.core().cancellation;
        cancellation.come_back(task, event_loop, error);
    });
}
