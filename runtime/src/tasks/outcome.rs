//! What becomes of a task after a step: it waits, or has ended. And how one ends that is left.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use super::current::Entered;
use super::flags;
use super::header::TaskRef;
use super::{AnyTask, Called};
use crate::diagnostics;
use crate::event_loop::{ExceptionContext, LoopState, tell};
use crate::exceptions::{CancelledError, Exception, KeyboardInterrupt, Panic};
use crate::futures::{State, plain_end};

/// How a step left the coroutine.
pub(super) enum Outcome {
    Finished,
    Cancelled(CancelledError),
    Panicked(Panic),
    Suspended,
}

impl TaskRef {
    /// The coroutine waits: a cancellation that came during the step goes on to what it waits for.
    fn suspend(&self, event_loop: &Rc<LoopState>) {
        let core = self.core();
        if let Some(cancellation) = core.cancellation.peek() {
            cancellation.pass_on(self, event_loop);
        }
        if !core.is_scheduled() {
            event_loop.waits(self);
        }
    }

    pub(super) fn has_ended(&self, event_loop: &Rc<LoopState>, outcome: Outcome) {
        match outcome {
            Outcome::Suspended => self.suspend(event_loop),
            Outcome::Finished => self.finish_any(event_loop, State::Finished, None),
            Outcome::Cancelled(error) => self.finish_any(
                event_loop,
                State::Cancelled,
                Some(Exception::CancelledError(error)),
            ),
            Outcome::Panicked(panic) => {
                if panic.is::<KeyboardInterrupt>() {
                    event_loop.interrupt(panic.clone());
                }
                self.finish_any(event_loop, State::Finished, Some(Exception::Panic(panic)));
            }
        }
    }

    /// It ends with its value or, if it was cancelled without a message, with the place of that.
    #[inline(always)]
    pub(super) fn finish(&self, event_loop: &Rc<LoopState>, cancelled_at: Option<Called>) {
        let core = self.core();
        // What is dropped here may be anybody's waker, and set a flag.
        core.clear();
        let bits = core.flags.get();
        if bits & (flags::OWNED | flags::LINKED | flags::HAS_ERRORS) != flags::OWNED {
            let (state, failure) = plain_end(cancelled_at);
            return self.finish_any(event_loop, state, failure);
        }
        // Where its links were is its value: what is left is the loop's reference.
        core.flags.put(bits & !flags::OWNED);
        // SAFETY: the loop owned it by this reference, which is given up.
        let owned = unsafe { TaskRef::from_raw(self.raw()) };
        self.future().complete_plain(cancelled_at);
        self.give_back(owned);
    }

    #[inline(never)]
    fn finish_any(&self, event_loop: &Rc<LoopState>, state: State, failure: Option<Exception>) {
        let core = self.core();
        core.clear();
        let owned = event_loop.remove_task(self);
        let fails_with_value = core.flags.has(flags::HAS_ERRORS)
            && state == State::Finished
            && failure.is_none()
            && self.gave_error();
        self.future().complete(state, failure);
        if fails_with_value {
            self.future().failed_with_value();
        }
        drop(owned);
    }

    /// The loop is about to go: what the task waits for may go after it, and cannot say so then.
    pub(crate) fn let_go(&self) {
        self.core().cancellation.let_go();
    }

    /// Drops the coroutine of a task whose loop is gone.
    pub(crate) fn destroy(&self) {
        if self.future().is_done() {
            return;
        }
        if !self.flags().has(flags::MAIN) {
            let context = ExceptionContext {
                task: Some(AnyTask(self.clone())),
                ..ExceptionContext::of("Task was destroyed but it is pending!")
            };
            tell(None, context);
        }
        let core = self.core();
        self.drop_guarded(&mut || core.in_context(|| self.drop_coroutine()));
        // Those that hold the task itself would keep it, and it them.
        self.drop_guarded(&mut || self.future().drop_callbacks());
        core.clear();
    }

    /// Drops, as this task, something that it holds, outside of its steps: a panic is nobody's.
    pub(super) fn drop_guarded(&self, dropping: &mut dyn FnMut()) {
        let _entered = Entered::task(Some(self));
        if let Err(payload) = catch_unwind(AssertUnwindSafe(dropping)) {
            diagnostics::error(format_args!(
                "Exception ignored in: {:?}\n{}",
                AnyTask(self.clone()),
                Panic::new(payload)
            ));
        }
    }

    /// Takes the task of a `run_until_complete` out of the loop.
    pub(crate) fn leave(&self, event_loop: &Rc<LoopState>) {
        self.core().clear();
        event_loop.no_longer_waits(self);
        let owned = event_loop.remove_task(self);
        drop(owned);
    }
}
