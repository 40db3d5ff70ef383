//! What a task knows of the future that it polls: its type, and the function that it is a coroutine of.

use std::any::{TypeId, type_name};
use std::cell::Cell;
use std::task::{Context, Waker};

use super::{TaskRef, repr};
use crate::coroutines::{self, asking};
use crate::event_loop::context::{self, Entered};

/// The type of a task's future; and its function, if it is a [`Coroutine`](crate::Coroutine), from its first poll on.
#[derive(Clone)]
pub(crate) struct About {
    type_name: &'static str,
    type_id: TypeId,
    function: Cell<Option<&'static coroutines::About>>,
}

impl About {
    pub(crate) fn of<F>() -> Self {
        Self {
            type_name: type_name::<F>(),
            type_id: typeid::of::<F>(),
            function: Cell::new(None),
        }
    }

    /// The function's name, Python's `__qualname__`.
    pub(crate) fn name(&self) -> String {
        repr::qualified_name(self.type_name)
    }

    /// The file and the line that the function begins at.
    pub(crate) fn defined_at(&self) -> Option<(&'static str, u32)> {
        self.function.get().map(coroutines::About::location)
    }

    /// Polls the current task for the first time.
    pub(super) fn learn<T>(poll: impl FnOnce() -> T) -> T {
        asking::ask(
            |type_id, function| {
                note(type_id, function);
                false
            },
            poll,
        )
    }

    /// Asks the coroutine of a task that has not been polled, without running it.
    pub(super) fn ask(task: &TaskRef) {
        let core = task.core();
        // Only what answers may be polled before its time. A name is no proof, but it is enough for a question: a future that only
        // has the name of a coroutine is polled once too often, as any future may be.
        let is_coroutine = core
            .coroutine
            .type_name
            .starts_with("asyncio::coroutines::Coroutine<");
        if core.started.get() || core.coroutine.function.get().is_some() || !is_coroutine {
            return;
        }
        let _entered = Entered::task(Some(task));
        let mut cx = Context::from_waker(Waker::noop());
        let _ = asking::ask(
            |type_id, function| {
                note(type_id, function);
                true
            },
            || task.0.poll(&mut cx),
        );
    }
}

/// The first coroutine that is polled in the current task is its own, if it has the type of its own.
fn note(type_id: TypeId, function: &'static coroutines::About) {
    context::with_current_task(|task| {
        let about = &task.core().coroutine;
        if about.type_id == type_id {
            about.function.set(Some(function));
        }
    });
}
