//! How a task takes a step: its coroutine runs to where it next suspends, or ends.
//!
//! Most steps are of tasks of which little is known: [`TaskRef::step`]. All others go the longer way, by a
//! [`Coroutine`], which may live on the stack of `run_until_complete`: [`Main`].

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Context, Poll};

use super::called::Called;
use super::cancellation::{Cancellation, Leftover};
use super::core::TaskCore;
use super::current::Entered;
use super::errors::Errors;
use super::header::TaskRef;
use super::outcome::Outcome;
use super::{about, chain, flags};
use crate::contextvars;
use crate::coroutines::asking;
use crate::coroutines::quiet::quietly;
use crate::event_loop::LoopState;
use crate::exceptions::{CancelledError, Panic};

/// The coroutine of a task that lives elsewhere: on the stack of `run_until_complete`.
pub(crate) trait Body {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()>;
    fn drop_future(&mut self);
    fn drop_value(&mut self);
    /// Whether it gave an `Err` that is the task's exception.
    fn gave_error(&self, errors: &Errors) -> bool;
}

/// The task of a `run_until_complete`, with its coroutine.
pub(crate) struct Main<'a> {
    task: TaskRef,
    body: &'a mut dyn Body,
}

impl<'a> Main<'a> {
    pub(crate) fn new<T>(task: &super::Task<T>, body: &'a mut dyn Body) -> Self
    where
        T: 'static,
    {
        Self {
            task: task.erased(),
            body,
        }
    }
}

impl Drop for Main<'_> {
    /// It ends with the call, also when the loop was stopped before it was done.
    fn drop(&mut self) {
        if !self.task.future().is_done() {
            let core = self.task.core();
            self.task
                .drop_guarded(&mut || core.in_context(|| self.body.drop_future()));
        }
    }
}

impl TaskRef {
    /// Whether it gave up its turn in the step that was just taken: the caller queues it again.
    #[inline]
    pub(crate) fn takes_turns(&self) -> bool {
        let again = self.flags().has(flags::AGAIN);
        if again {
            self.flags().clear(flags::AGAIN);
        }
        again
    }

    /// Runs the coroutine to where it next suspends. Mirrors `Task.__step`.
    /// [`takes_turns`](Self::takes_turns) is to be asked after it.
    #[inline]
    pub(crate) fn step(&self, event_loop: &Rc<LoopState>, main: Option<&mut Main<'_>>) {
        let core = self.core();
        // What is known of it is looked at once, and noted once: where a coroutine is, it is not done.
        let bits = core.flags.get();
        let is_calm = core.cancellation.begin_step();
        let kind = bits & (flags::MAIN | flags::HAS_CONTEXT | flags::COROUTINE);
        if kind != flags::COROUTINE || !is_calm {
            core.flags.clear(flags::SCHEDULED);
            return self.step_any(event_loop, main);
        }
        let bits_without = bits & !(flags::SCHEDULED | flags::COROUTINE);
        core.flags
            .put(bits_without | flags::STEPPING | flags::STARTED);
        let (polled, is_calm, unwound) = {
            let _entered = Entered::task(Some(self));
            let _values = contextvars::Entered::new(core);
            // SAFETY: the flag was there, is taken, and is put back.
            let polled = unsafe { self.poll_caught(bits & flags::STARTED == 0) };
            let bits = core.flags.get() & !flags::STEPPING;
            let has_ended = bits & flags::VALUE != 0;
            core.flags
                .put(bits | if has_ended { 0 } else { flags::COROUTINE });
            let is_calm = core.is_calm();
            let is_raised = !is_calm && matches!(polled, Ok(Poll::Pending));
            let unwound = if is_raised { self.unwind_plain() } else { None };
            (polled, is_calm, unwound)
        };
        match (polled, unwound) {
            (Ok(Poll::Pending), None) if is_calm => {
                if !core.is_scheduled() {
                    event_loop.waits(self);
                }
            }
            (Ok(Poll::Ready(())), None) if is_calm => {
                self.finish(event_loop, None);
            }
            (_, Some(Ok(place))) => self.finish(event_loop, Some(place)),
            (_, Some(Err(payload))) => {
                self.has_ended(event_loop, Outcome::Panicked(Panic::new(payload)));
            }
            (polled, None) => self.conclude(event_loop, polled),
        }
    }

    /// As [`step`](Self::step), for those that are not one after the other; in debug mode what the task is
    /// within is kept.
    #[inline(never)]
    pub(crate) fn step_apart(&self, event_loop: &Rc<LoopState>, main: Option<&mut Main<'_>>) {
        let _kept = event_loop.debug.get().then(|| chain::keep(self));
        self.step(event_loop, main);
    }

    /// # Safety
    ///
    /// As for [`poll_taken`](Self::poll_taken), and this does not unwind.
    #[inline]
    unsafe fn poll_caught(&self, is_first: bool) -> std::thread::Result<Poll<()>> {
        // SAFETY: as the caller promises.
        let poll =
            || self.with_waker(|waker| unsafe { self.poll_taken(&mut Context::from_waker(waker)) });
        if is_first {
            asking::put(about::learn);
        }
        let polled = catch_unwind(AssertUnwindSafe(poll));
        if is_first {
            asking::take_back();
        }
        polled
    }

    /// The end of a step that panicked, or was cancelled in another way than most.
    #[inline(never)]
    fn conclude(&self, event_loop: &Rc<LoopState>, polled: std::thread::Result<Poll<()>>) {
        let core = self.core();
        let mut coroutine = Coroutine {
            task: self,
            main: None,
        };
        let outcome = {
            let _entered = Entered::task(Some(self));
            core.flags.set(flags::STEPPING);
            let outcome = core.in_context(|| coroutine.conclude(core, polled));
            core.flags.clear(flags::STEPPING);
            outcome
        };
        self.has_ended(event_loop, outcome);
    }

    /// In a step that suspended: where a cancellation of which no more is known than its place has come
    /// to its end, drops the coroutine.
    #[inline(never)]
    fn unwind_plain(&self) -> Option<std::thread::Result<Called>> {
        let core = self.core();
        let place = core.cancellation.take_plain()?;
        core.flags.set(flags::STEPPING);
        let dropped = catch_unwind(AssertUnwindSafe(|| self.drop_coroutine()));
        core.flags.clear(flags::STEPPING);
        Some(dropped.map(|()| place))
    }

    /// A step of a task that was cancelled before, or that few are like.
    #[inline(never)]
    fn step_any(&self, event_loop: &Rc<LoopState>, main: Option<&mut Main<'_>>) {
        let core = self.core();
        if self.future().is_done() {
            return;
        }
        let mut coroutine = Coroutine {
            task: self,
            main: main.filter(|main| main.task.is(self)),
        };
        if let Some(cancellation) = core.cancellation.peek() {
            cancellation.begin_step();
        }
        let outcome = {
            let _entered = Entered::task(Some(self));
            core.flags.set(flags::STEPPING);
            let outcome = core.in_context(|| coroutine.run(core));
            core.flags.clear(flags::STEPPING);
            outcome
        };
        self.has_ended(event_loop, outcome);
    }
}

/// The coroutine of a task, during a step.
struct Coroutine<'a, 'm> {
    task: &'a TaskRef,
    main: Option<&'a mut Main<'m>>,
}

impl Coroutine<'_, '_> {
    #[inline]
    fn run(&mut self, core: &TaskCore) -> Outcome {
        let started = core.has_started();
        core.flags.set(flags::STARTED);
        if !started {
            let cancellation = core.cancellation.peek();
            if let Some(error) = cancellation.and_then(Cancellation::take_to_raise) {
                // As in Python, the body of a task that was cancelled before never runs; and
                // nobody is told that it was never awaited.
                return quietly(|| self.unwind(error));
            }
        }
        let (task, main) = (self.task, &mut self.main);
        let mut poll = || {
            task.with_waker(|waker| {
                let mut cx = Context::from_waker(waker);
                match main {
                    Some(main) => main.body.poll(&mut cx),
                    None => task.poll(&mut cx),
                }
            })
        };
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if started {
                poll()
            } else {
                asking::ask(about::learn, poll)
            }
        }));
        match polled {
            Ok(Poll::Pending) if core.is_calm() => Outcome::Suspended,
            Ok(Poll::Ready(())) if core.is_calm() => Outcome::Finished,
            polled => self.conclude(core, polled),
        }
    }

    /// What has become of it, when it was cancelled or panicked.
    fn conclude(&mut self, core: &TaskCore, polled: std::thread::Result<Poll<()>>) -> Outcome {
        if let Err(payload) = polled {
            core.cancellation.clear_marks();
            let panic = Panic::new(payload);
            // A second panic, of a destructor, is not worth more than the first.
            let _ = self.drop_future();
            return Outcome::Panicked(panic);
        }
        if let Some(error) = core.cancellation.take_in_flight() {
            return self.unwind(error);
        }
        if matches!(polled, Ok(Poll::Ready(()))) {
            return match core.cancellation.take_unraised() {
                // Cancelled during its last step, or while nothing of ours could raise it. As in
                // Python an exception is worth more than that, and a value is not.
                Some(error) if !self.gave_error(core) => self.unwind(error),
                _ => Outcome::Finished,
            };
        }
        match core.cancellation.leftover() {
            Leftover::Raise(error) => self.unwind(error),
            Leftover::Nothing => Outcome::Suspended,
        }
    }

    fn gave_error(&self, core: &TaskCore) -> bool {
        match &self.main {
            Some(main) => {
                let Some(errors) = core.errors() else {
                    return false;
                };
                let errors = errors.borrow();
                errors
                    .as_ref()
                    .is_some_and(|errors| main.body.gave_error(errors))
            }
            None => self.task.gave_error(),
        }
    }

    /// Drops the coroutine, and with it what it holds: destructors are `finally`.
    fn unwind(&mut self, error: CancelledError) -> Outcome {
        match self.drop_future() {
            Ok(()) => Outcome::Cancelled(error),
            Err(panic) => Outcome::Panicked(panic),
        }
    }

    fn drop_future(&mut self) -> Result<(), Panic> {
        catch_unwind(AssertUnwindSafe(|| match &mut self.main {
            Some(main) => {
                main.body.drop_future();
                main.body.drop_value();
            }
            None => {
                self.task.drop_coroutine();
                // SAFETY: this is within a step of it: it is not done.
                unsafe { self.task.drop_value() };
            }
        }))
        .map_err(Panic::new)
    }
}
