//! How a loop ends the tasks that are left in it.

use super::{EventLoop, ExceptionContext};
use crate::exceptions::{CancelledError, Exception, Panic};
use crate::gather::AllDone;
use crate::tasks::cancellation::Onward;
use crate::tasks::{AnyTask, Main, TaskRef};

/// Which tasks are cancelled and awaited when the loop is interrupted while a main task runs, before
/// the interrupt goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Interrupted {
    /// The main task: it lives on the caller's stack, and does not outlive the call.
    CancelsMain,
    /// Every task: nobody comes back to the loop.
    CancelsAll,
}

impl EventLoop {
    /// Cancels every task, runs the loop until they have ended, and reports those that failed.
    ///
    /// Mirrors `_cancel_all_tasks` of `asyncio.runners`.
    pub(crate) fn cancel_all_tasks(&self) {
        let tasks = self.inner.all_tasks();
        if tasks.is_empty() {
            return;
        }
        let all = self.cancelled(&tasks);
        self.check_runnable();
        self.run_until_done(&all.handle());
        self.report_failed(tasks);
    }

    /// An interrupt ended the loop's run: CPython leaves the main task in the loop, and cancels it
    /// with the others when the runner is closed. Here it is on the stack, so that is done now.
    pub(super) fn end_interrupted(&self, which: Interrupted, task: &TaskRef, main: &mut Main<'_>) {
        let tasks = match which {
            Interrupted::CancelsMain => vec![task.clone()],
            Interrupted::CancelsAll => self.inner.all_tasks(),
        };
        let all = self.cancelled(&tasks);
        let handle = all.handle();
        handle.on_done(self.stop_callback());
        while !handle.is_done() {
            self.inner.run(Some(main));
            // Interrupted again: then it ends as it is.
            let again = self.inner.take_interrupt();
            if again.is_some() {
                all.forget();
                return;
            }
        }
        self.report_failed(tasks);
    }

    /// Cancels the tasks; what this gives is done when they have ended.
    fn cancelled(&self, tasks: &[TaskRef]) -> AllDone {
        Onward::from(&CancelledError::new(), &mut |onward| {
            for task in tasks {
                onward.push(task);
            }
            true
        });
        AllDone::of(self, tasks)
    }

    fn report_failed(&self, tasks: Vec<TaskRef>) {
        for task in tasks.into_iter().map(AnyTask) {
            let panic = match task.exception() {
                Some(Exception::Panic(panic)) => Some(panic),
                Some(Exception::CancelledError(_)) => None,
                None => task.0.error().map(Panic::said),
            };
            if let Some(panic) = panic {
                self.inner.report(ExceptionContext {
                    exception: Some(panic),
                    task: Some(task),
                    ..ExceptionContext::of("unhandled exception during asyncio.run() shutdown")
                });
            }
        }
    }
}
