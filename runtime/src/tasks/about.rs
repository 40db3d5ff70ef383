//! What a task knows of the future that it polls: its type, and the function that it is a coroutine of.
//!
//! The type is known to the task's allocation; the function, if it is a
//! [`Coroutine`](crate::Coroutine), from its first poll on.

use std::any::TypeId;
use std::task::{Context, Waker};

use super::TaskRef;
use super::current::{self, Entered};
use crate::coroutines::{self, asking};

/// What is asked of the current task while it is polled for the first time.
pub(super) fn learn(type_id: TypeId, function: &'static coroutines::About) -> bool {
    note(type_id, function);
    false
}

/// Asks the coroutine of a task that has not been polled, without running it.
pub(super) fn ask(task: &TaskRef) {
    let core = task.core();
    // Only what answers may be polled before its time. A name is no proof, but it is enough for a question: a future that only
    // has the name of a coroutine is polled once too often, as any future may be.
    let is_coroutine = task
        .coroutine()
        .starts_with("asyncio::coroutines::Coroutine<");
    if core.has_started() || core.function().is_some() || !is_coroutine {
        return;
    }
    let _entered = Entered::task(Some(task));
    let mut cx = Context::from_waker(Waker::noop());
    let _ = asking::ask(
        |type_id, function| {
            note(type_id, function);
            true
        },
        || task.poll(&mut cx),
    );
}

/// The first coroutine that is polled in the current task is its own, if it has the type of its own.
fn note(type_id: TypeId, function: &'static coroutines::About) {
    current::with_task(|task| {
        if task.coroutine_type() == type_id {
            task.core().set_function(function);
        }
    });
}
