//! How the programs fail, and how that is shown.

use super::Outcome;
use asyncio::{Exception, Task};
use futures::FutureExt;
use std::any::Any;
use std::panic::{AssertUnwindSafe, resume_unwind};

/// A program's exception.
#[derive(Clone, Debug)]
pub(super) struct Fail {
    pub(super) name: String,
    pub(super) panic: bool,
}

/// Marks panics that are a program's own.
const FAIL: &str = "fail ";

/// Marks what a task panics with whose `Err` its group has moved out. In Python that is the error still.
const MOVED: &str = "moved ";

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
        Self::said(message(&*payload)).ok_or(payload)
    }

    fn said(message: &str) -> Option<Fail> {
        let panic = message.starts_with(FAIL);
        let name = message.strip_prefix(if panic { FAIL } else { MOVED })?;
        Some(Fail {
            name: name.to_owned(),
            panic,
        })
    }

    /// What it says as an `Err` that was moved out of its task.
    pub(super) fn when_moved(&self) -> String {
        format!("{MOVED}{}", self.name)
    }
}

/// Awaits what waits for tasks; of one whose `Err` its group has moved out, that is given.
pub(super) async fn unmoved<F: IntoFuture>(awaitable: F) -> Result<F::Output, Fail> {
    let result = AssertUnwindSafe(awaitable.into_future())
        .catch_unwind()
        .await;
    result.or_else(|payload| match Fail::from_panic(payload) {
        Ok(fail) => fail.raise(),
        Err(payload) => resume_unwind(payload),
    })
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
        Exception::Panic(panic) => match Fail::said(panic.message()) {
            Some(fail) => format!("!{}", fail.name),
            None => format!("crash {}", panic.message()),
        },
    }
}
