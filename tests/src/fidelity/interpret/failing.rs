//! How the programs fail, and how that is shown.

use super::Outcome;
use asyncio::{Exception, Task};
use std::any::Any;
use std::panic::resume_unwind;

/// A program's exception.
#[derive(Clone, Debug)]
pub(super) struct Fail {
    pub(super) name: String,
    pub(super) panic: bool,
}

/// Marks panics that are a program's own.
const FAIL: &str = "fail ";

impl Fail {
    /// Raises it.
    pub(super) fn raise<T>(self) -> Result<T, Fail> {
        if self.panic {
            // Unlike `panic_any`, this does not call the panic hook: nothing is wrong.
            resume_unwind(Box::new(format!("{FAIL}{}", self.name)));
        }
        Err(self)
    }

    pub(super) fn from_panic(payload: Box<dyn Any + Send>) -> Result<Fail, Box<dyn Any + Send>> {
        match message(&*payload).strip_prefix(FAIL) {
            Some(name) => Ok(Fail {
                name: name.to_owned(),
                panic: true,
            }),
            None => Err(payload),
        }
    }
}

pub(super) fn message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else if let Some(text) = payload.downcast_ref::<&str>() {
        text
    } else {
        "?"
    }
}

pub(super) fn show(outcome: Outcome) -> String {
    outcome.unwrap_or_else(|fail| format!("!{}", fail.name))
}

pub(super) fn outcome(task: &Task<Outcome>) -> String {
    if !task.done() {
        return "pending".into();
    }
    if task.cancelled() {
        return "Cancelled".into();
    }
    if let Some(exception) = task.exception() {
        return exception_name(exception);
    }
    show(task.result().clone())
}

pub(super) fn future_outcome(future: &asyncio::Future<Outcome>) -> String {
    if future.cancelled() {
        "Cancelled".into()
    } else {
        show(future.result().clone())
    }
}

pub(super) fn exception_name(exception: Exception) -> String {
    match exception {
        Exception::CancelledError(_) => "Cancelled".into(),
        Exception::Panic(panic) => match panic.message().strip_prefix(FAIL) {
            Some(name) => format!("!{name}"),
            None => format!("crash {}", panic.message()),
        },
    }
}
