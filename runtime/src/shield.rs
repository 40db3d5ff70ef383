//! `shield`: an await that is cancelled without what it awaits.

use std::rc::Rc;

use crate::children::{AnyChild, Child};
use crate::event_loop::EventLoop;
use crate::event_loop::ready::Callback;
use crate::exceptions::Exception;
use crate::futures::{Cancel, Future, current_loop};

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
    let inner = Rc::new(Child::of(awaitable));
    let inner_loop = inner.core().event_loop().upgrade();
    let current = inner_loop.unwrap_or_else(current_loop);
    let outer = Future::on(&EventLoop {
        inner: current.clone(),
    });
    if let AnyChild::Task(task) = inner.any() {
        outer.shields(task.key());
    }
    let pass_on = {
        let (inner, outer) = (inner.clone(), outer.clone());
        move |is_late: bool| {
            if outer.cancelled() {
                // The inner failure has been seen as much as anybody wants to.
                inner.core().see();
                return;
            }
            match inner.take() {
                Ok(value) => outer.set_result(value),
                Err(Exception::CancelledError(error)) if inner.core().is_cancelled() => {
                    let error = if is_late {
                        error.without_message()
                    } else {
                        error
                    };
                    outer.promise().cancel(&error);
                }
                Err(failure) => outer.fail(failure),
            }
        }
    };
    if inner.core().is_done() {
        // As in Python, a shield around what is done is that, with no iteration in between.
        pass_on(false);
        return outer;
    }
    let on_done: Box<dyn FnOnce()> = match inner.any() {
        AnyChild::Task(_) => Box::new(move || pass_on(true)),
        AnyChild::Other(_) => {
            // No loop lets go of what waits for it.
            let held = current.hold(Box::new(move || pass_on(true)));
            Box::new(move || held.call())
        }
    };
    let id = inner.core().add_callback(Callback::Call(on_done));
    outer.add_done_callback(move |_| {
        if !inner.core().is_done() {
            inner.core().remove_callback(id);
        }
    });
    outer
}
