//! `Task.cancel`: how a cancellation comes to a task.

use std::panic::Location;

use super::super::flags::{self, Bits};
use super::super::{Called, TaskRef, current, repr};
use super::{Cancelled, Frame, Onward};
use crate::exceptions::CancelledError;
use crate::futures::{Awaited, Cancel, FutureCore};

impl Cancel for TaskRef {
    fn cancel_onward(&self, _: &CancelledError, onward: &mut Onward) -> bool {
        onward.push(self)
    }

    fn each_awaited(&self, name: &mut dyn FnMut(&TaskRef)) {
        name(self);
    }

    fn repr(&self) -> Option<String> {
        Some(repr::task(self))
    }
}

impl Awaited for TaskRef {
    fn future_core(&self) -> &FutureCore {
        self.future()
    }
}

impl TaskRef {
    /// Cancels the task. Mirrors `Task.cancel`.
    pub(crate) fn cancel(&self, error: CancelledError) -> bool {
        self.cancel_within(None, error)
    }

    /// As [`cancel`](Self::cancel), without a message.
    #[track_caller]
    #[inline]
    pub(crate) fn cancel_plain(&self) -> bool {
        let place = Location::caller();
        self.raise_plain(place) || self.cancel_at(place)
    }

    #[inline(never)]
    fn cancel_at(&self, place: Called) -> bool {
        self.cancel(CancelledError::raised_at(place, None))
    }

    /// Cancels a task that is suspended, is not woken yet, and of which little is known; false if it is
    /// another.
    #[inline]
    fn raise_plain(&self, place: Called) -> bool {
        const SUSPENDED: Bits = flags::OWNED | flags::STARTED | flags::COROUTINE;
        const OTHERS: Bits = flags::STEPPING | flags::SCHEDULED | flags::MAIN | flags::HAS_CONTEXT;
        let core = self.core();
        if core.flags.get() & (SUSPENDED | OTHERS) != SUSPENDED {
            return false;
        }
        let cancelled = self.event_loop().with(|event_loop| {
            let is_plain = core.cancellation.cancel_plain(place);
            if is_plain {
                event_loop.schedule_owned(self.clone());
            }
            is_plain
        });
        cancelled == Some(true)
    }

    /// Cancels what the task waits for beneath one of its frames.
    pub(crate) fn cancel_within(&self, scope: Option<Frame>, error: CancelledError) -> bool {
        Onward::from_task(self, &error, &mut |onward| {
            self.cancel_here(scope, &error, onward)
        })
    }

    /// Cancels this task alone; those that it waits for are left to `onward`.
    pub(super) fn cancel_here(
        &self,
        scope: Option<Frame>,
        error: &CancelledError,
        onward: &mut Onward,
    ) -> bool {
        self.future().see();
        if self.future().is_done() {
            return false;
        }
        if scope.is_none() && error.message().is_none() && self.raise_plain(error.location()) {
            return true;
        }
        self.event_loop().with_kept(|event_loop| {
            // It may not be the current one: an eager task's first step is inside of its maker's.
            let is_running = self.core().is_stepping()
                || current::with_task(|current| current.is(self)) == Some(true);
            let cancellation = &self.core().cancellation;
            let cancelled = Cancelled { error, scope };
            cancellation.request(self, event_loop, cancelled, is_running, onward);
        });
        true
    }
}
