//! How a task goes when its last handle does.

use super::super::core::TaskCore;
use super::super::flags;
use super::super::repr;
use super::{TaskRef, free};
use crate::event_loop::{ExceptionContext, tell};
use crate::exceptions::{Exception, Panic};
use crate::futures::FutureCore;

impl TaskRef {
    /// The last handle goes. Mostly there is nothing left to be dropped.
    pub(super) fn end(&self) {
        let has_nothing = self.flags().has(flags::VALUE)
            && !self.header().vtable.value_needs_drop
            && self.future().is_plain_end()
            && self.core().has_nothing();
        if !has_nothing {
            return self.end_any();
        }
        let header = self.header();
        if header
            .travelling
            .is_none_but_home(header.wakers().get().into())
        {
            // SAFETY: there is no other reference, nor can one come by it, and nothing is to be dropped.
            return unsafe { free(self.header) };
        }
        self.flags().set(flags::GONE);
        self.merge();
    }

    /// The last handle is about to go, and what was to be dropped at home is: frees the allocation or
    /// leaves that to others.
    #[inline(never)]
    fn merge(&self) {
        // SAFETY: the handle stands for a reference until it is merged.
        unsafe {
            let header = self.header.as_ref();
            header.flags().set(flags::MERGED);
            if header.travelling.merge(header.wakers().get().into()) {
                free(self.header);
            }
        }
    }

    /// The last handle goes: drops what is to be dropped at home.
    #[inline(never)]
    fn end_any(&self) {
        /// Frees the allocation or leaves that to others, also when a destructor panics.
        struct Merge<'a>(&'a TaskRef);
        impl Drop for Merge<'_> {
            fn drop(&mut self) {
                self.0.merge();
            }
        }
        /// Drops what waits for the task and how it failed, at last and in any case.
        struct EmptyFuture<'a>(&'a FutureCore);
        impl Drop for EmptyFuture<'_> {
            fn drop(&mut self) {
                self.0.empty();
            }
        }
        /// Drops what the core holds, also when the coroutine's or the value's destructor panics.
        struct EmptyCore<'a>(&'a TaskCore);
        impl Drop for EmptyCore<'_> {
            fn drop(&mut self) {
                // SAFETY: `end` makes it with the last handle, and whoever looks at something in the core
                // borrows one.
                unsafe { self.0.empty() };
            }
        }
        /// Drops the coroutine or the value, also when what it is reported to panics.
        struct EmptyBody<'a>(&'a TaskRef);
        impl Drop for EmptyBody<'_> {
            fn drop(&mut self) {
                let has_value = self.0.flags().has(flags::VALUE);
                if !has_value {
                    self.0.drop_coroutine();
                }
                if !has_value || self.0.header().vtable.value_needs_drop {
                    // SAFETY: `end_any` makes it with the last handle.
                    unsafe { self.0.drop_value() };
                }
            }
        }
        self.flags().set(flags::GONE);
        let _merge = Merge(self);
        let _future = EmptyFuture(self.future());
        let _core = EmptyCore(self.core());
        let _body = EmptyBody(self);
        if self.future().is_unseen() {
            self.report_unseen();
        }
    }

    #[cold]
    fn report_unseen(&self) {
        let future = self.future();
        let panic = match (future.failure(), self.error()) {
            (Some(Exception::Panic(panic)), _) => panic,
            (None, Some(error)) => Panic::said(error),
            _ => return,
        };
        let context = ExceptionContext {
            exception: Some(panic),
            // It has begun, and ended: nothing in there takes a handle to it.
            future: Some(repr::task(self)),
            ..ExceptionContext::of("Task exception was never retrieved")
        };
        tell(future.event_loop().upgrade().as_ref(), context);
    }
}
