//! How a cancellation goes from task to task.
//!
//! As many tasks may await each other as there is memory, more than calls may nest: so those that are
//! still to be told stand in a list, and none tells the next one itself.

use super::super::TaskRef;
use crate::exceptions::CancelledError;

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

    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// All that this task waits for stands here already.
    pub(super) fn told(&mut self, task: &TaskRef) {
        self.steps.push(Onwards::Told(task.clone()));
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
