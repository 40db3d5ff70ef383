//! `shield`: an await that is cancelled without what it awaits.

use std::cell::Cell;
use std::rc::Rc;

use crate::children::{AnyChild, Child, OtherChild as _};
use crate::event_loop::callback::{Callback, Notified};
use crate::event_loop::{EventLoop, ExceptionContext};
use crate::exceptions::{Exception, Panic};
use crate::futures::{CallbackId, Cancel, Future, Shielded, current_loop};
use crate::tasks::TaskRef;

/// Awaits `awaitable`, and protects it from the cancellation of who awaits.
///
/// It is made a task, unless it is one, or a future or a gather. Cancelling who awaits the shield raises there, and the
/// task goes on; keep a handle to it to await it after all. If the task itself is cancelled, that
/// is raised in who awaits. Mirrors `asyncio.shield`.
///
/// # Cancellation
///
/// Raises, and leaves the task alone. What it fails with then is logged, if nobody asks.
///
/// ```
/// # asyncio::run(async {
/// let task = asyncio::create_task(async {
///     asyncio::sleep(0).await;
///     42
/// });
/// let waiting = asyncio::create_task(asyncio::shield(task.clone()));
/// asyncio::sleep(0).await;
/// waiting.cancel();
/// assert_eq!(task.await, 42);
/// assert!(waiting.cancelled());
/// # });
/// ```
#[track_caller]
pub fn shield<F: IntoFuture>(awaitable: F) -> Future<F::Output>
where
    F::IntoFuture: 'static,
    F::Output: 'static,
{
    let inner = Child::of(awaitable);
    let inner_loop = inner.core().event_loop().upgrade();
    let event_loop = EventLoop {
        inner: inner_loop.unwrap_or_else(current_loop),
    };
    let outer = Future::on(&event_loop);
    let shield = Rc::new(Shield {
        inner,
        outer: outer.clone(),
        told_by: Cell::new(None),
    });
    let inner = &shield.inner;
    if inner.core().is_done() {
        // As in Python, a shield around what is done is that, with no iteration in between.
        shield.inner_done(false);
        return outer;
    }
    let told_by = match inner.any() {
        AnyChild::Task(task) => task.future().add_notice(shield.clone(), INNER),
        AnyChild::Other(_) => {
            // No loop lets go of what waits for it.
            let told = shield.clone();
            let held = event_loop
                .inner
                .hold(Box::new(move || told.inner_done(true)));
            let done = Callback::Call(Box::new(move || held.call()));
            inner.core().add_callback(done)
        }
    };
    shield.told_by.set(Some(told_by));
    let shielded: Rc<dyn Shielded> = shield;
    outer.shields(&shielded);
    outer
}

/// What stands between the two: the inner one holds it until it is done.
struct Shield<T> {
    inner: Child<T>,
    outer: Future<T>,
    /// By which of the inner one's callbacks this is told.
    told_by: Cell<Option<CallbackId>>,
}

// The numbers of those that tell this that they are done.
const INNER: u32 = 0;
const OUTER: u32 = 1;

impl<T: 'static> Shield<T> {
    /// Mirrors `_inner_done_callback`.
    fn inner_done(&self, is_late: bool) {
        let (inner, outer) = (&self.inner, &self.outer);
        if outer.cancelled() {
            // The inner failure has been seen as much as anybody wants to.
            return inner.core().see();
        }
        match inner.take() {
            Err(Exception::CancelledError(error)) if inner.core().is_cancelled() => {
                let error = if is_late {
                    error.without_message()
                } else {
                    error
                };
                outer.promise().cancel(&error);
            }
            _ if outer.done() => self.is_too_late(),
            Ok(value) => outer.set_result(value),
            Err(failure) => outer.fail(failure),
        }
    }

    /// Somebody else has set the outer one's result: Python's `InvalidStateError`.
    #[cold]
    fn is_too_late(&self) {
        let said = format!("invalid state: {:?}", self.outer);
        if let Some(event_loop) = self.outer.core().event_loop().upgrade() {
            event_loop.report(ExceptionContext {
                exception: Some(Panic::said(said)),
                ..ExceptionContext::of("Exception in callback")
            });
        }
    }
}

impl<T: 'static> Notified for Shield<T> {
    fn notified(&self, number: u32) {
        if number == INNER {
            return self.inner_done(true);
        }
        debug_assert_eq!(number, OUTER);
        // Mirrors `_outer_done_callback`.
        if let Some(told_by) = self.told_by.take().filter(|_| !self.inner.core().is_done()) {
            self.inner.core().remove_callback(told_by);
        }
    }
}

impl<T: 'static> Shielded for Shield<T> {
    fn outer_done(self: Rc<Self>) -> Option<(Rc<dyn Notified>, u32)> {
        (!self.inner.core().is_done()).then_some((self, OUTER))
    }

    fn task(&self) -> Option<TaskRef> {
        match self.inner.any() {
            AnyChild::Task(task) => Some(task).filter(TaskRef::is_owned),
            AnyChild::Other(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As in CPython, which removes the callback: one future may be shielded as often as one likes.
    #[test]
    fn a_future_and_its_loop_keep_nothing_of_a_shield_that_was_cancelled() {
        crate::run(async {
            let inner = Future::<()>::new();
            let event_loop = current_loop();
            for _ in 0..3 {
                let outer = shield(&inner);
                assert_eq!(event_loop.count_held(), 1);
                assert_eq!(inner.core().is_waited_for(), 1);
                outer.cancel();
                crate::sleep(0).await;
                assert_eq!(event_loop.count_held(), 0);
                assert_eq!(inner.core().is_waited_for(), 0);
            }
            let outer = shield(&inner);
            inner.set_result(());
            outer.await;
            assert_eq!(event_loop.count_held(), 0);
        });
    }
}
