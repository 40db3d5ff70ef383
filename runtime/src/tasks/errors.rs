//! A `Result` that is an exception.
//!
//! A coroutine function whose written return type is a `Result` tells the task that runs it when it
//! returns an `Err`, and how to look at one. A task that then ends in a value of that type, an `Err`,
//! has failed as one that panicked has: a cancellation that came too late does not replace it, and it
//! is logged if nobody asks for it.

use std::any::TypeId;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{TaskCore, current};
use crate::exceptions::Panic;

/// How to look at the values of one type of `Result`.
pub(crate) struct Errors {
    type_id: TypeId,
    /// The error in a value of the type; nothing in an `Ok`.
    error: unsafe fn(*const ()) -> Option<*const ()>,
    /// What the error says.
    describe: unsafe fn(*const ()) -> String,
}

impl Errors {
    fn of<T, E>(describe: fn(&E) -> String) -> Self {
        // SAFETY: a reference to what is `Sized` is passed as a pointer is, and the function is only
        // called with what `error` gives, which is such a reference.
        let describe = unsafe {
            std::mem::transmute::<fn(&E) -> String, unsafe fn(*const ()) -> String>(describe)
        };
        Self {
            type_id: typeid::of::<Result<T, E>>(),
            error: error_in::<T, E>,
            describe,
        }
    }

    fn find<T>(&self, value: &T) -> Option<*const ()> {
        if typeid::of::<T>() != self.type_id {
            return None;
        }
        // SAFETY: the value is of the type that the function is for, but for lifetimes, which have no
        // part in layout.
        unsafe { (self.error)(std::ptr::from_ref(value).cast()) }
    }

    /// What the error in `value` says; nothing when it is none, or of another type.
    ///
    /// # Safety
    ///
    /// The value holds nothing that is borrowed: the function may be for a type that borrows for
    /// longer.
    pub(super) unsafe fn describe<T>(&self, value: &T) -> Option<String> {
        let error = self.find(value)?;
        // SAFETY: it was found by what is for the same type, and lives as long as that can ask for,
        // as the caller promises.
        Some(unsafe { self.describe_found(error) })
    }

    /// # Safety
    ///
    /// The error was found in a value of the type, and is there.
    unsafe fn describe_found(&self, error: *const ()) -> String {
        // SAFETY: as the caller promises.
        let describe = || unsafe { (self.describe)(error) };
        let described = catch_unwind(AssertUnwindSafe(describe));
        // It may be asked for while another panic unwinds, or a task is dropped.
        described.unwrap_or_else(|payload| {
            drop(Panic::new(payload));
            "<exception repr() failed>".to_owned()
        })
    }

    /// Whether `value` is an `Err` of the type.
    pub(crate) fn is_error<T>(&self, value: &T) -> bool {
        self.find(value).is_some()
    }
}

/// # Safety
///
/// `value` points to a `Result<T, E>`, whatever its lifetimes.
unsafe fn error_in<T, E>(value: *const ()) -> Option<*const ()> {
    // SAFETY: as the caller promises; nothing of it is kept.
    let result = unsafe { &*value.cast::<Result<T, E>>() };
    result
        .as_ref()
        .err()
        .map(|error| std::ptr::from_ref(error).cast())
}

/// Tells the task that runs that one of its coroutines returns this, and that an `Err` is its
/// exception.
pub(crate) fn returned<T, E>(result: &Result<T, E>, describe: fn(&E) -> String) {
    if result.is_err() {
        current::with_task(|task| task.core().learn(|| Errors::of::<T, E>(describe)));
    }
}

impl TaskCore {
    /// The coroutine that ends last tells last: what is known is always of the newest type.
    fn learn(&self, errors: impl FnOnce() -> Errors) {
        let new = errors();
        let mut known = self.known_errors().borrow_mut();
        if known
            .as_ref()
            .is_none_or(|known| known.type_id != new.type_id)
        {
            *known = Some(new);
        }
    }
}
