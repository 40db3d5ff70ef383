//! An operation that waits in line until it can be done.

use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;

use super::Waiters;
use super::place::Place;
use crate::tasks::Called;

/// What is done at once, or is tried again after a wait in line.
pub(crate) trait Attempt {
    type Output;
    /// Does it, unless there is something to wait for.
    fn attempt(&mut self) -> Option<Self::Output>;
    /// Where that is waited for.
    fn waiters(&self) -> &Waiters;
    /// It is dropped while it waits, or has raised and is asked again, and has left the line; whether it was
    /// woken. A wake-up that is not used goes to the next one, if there still is something for that.
    fn given_up(&mut self, was_woken: bool);
}

/// Nothing but a place in a line, until it is woken: then this gives true. What raised and is asked again
/// is in line no more, and was not woken: then it gives false.
pub(crate) struct InLine<'a, G> {
    pub(super) waiters: &'a Waiters,
    pub(super) has_waited: bool,
    pub(super) has_raised: bool,
    pub(super) given_up: G,
}

impl<G: FnMut(bool)> Attempt for InLine<'_, G> {
    type Output = bool;

    #[inline]
    fn attempt(&mut self) -> Option<bool> {
        let has_waited = std::mem::replace(&mut self.has_waited, true);
        has_waited.then_some(!self.has_raised)
    }

    #[inline]
    fn waiters(&self) -> &Waiters {
        self.waiters
    }

    fn given_up(&mut self, was_woken: bool) {
        self.has_raised = !was_woken;
        (self.given_up)(was_woken);
    }
}

pin_project! {
    /// An operation that is tried until it succeeds. It begins when it is first polled, and does not
    /// suspend if it succeeds then.
    pub(crate) struct Attempting<A: Attempt> {
        attempt: A,
        called: Called,
        is_waiting: bool,
        // There while it waits. It is made where it stands, and once the wait is over there is nothing
        // in it that would have to be dropped: to have the compiler see to that costs as much as the wait.
        #[pin]
        place: MaybeUninit<Place>,
    }

    impl<A: Attempt> PinnedDrop for Attempting<A> {
        fn drop(this: Pin<&mut Self>) {
            if this.is_waiting {
                this.give_up();
            }
        }
    }
}

impl<A: Attempt> Attempting<A> {
    #[inline]
    pub(crate) fn new(attempt: A, called: Called) -> Self {
        Self {
            attempt,
            called,
            is_waiting: false,
            place: MaybeUninit::uninit(),
        }
    }

    /// Who waited is dropped before it had its turn.
    #[cold]
    fn give_up(self: Pin<&mut Self>) {
        /// Says so, also when what goes with the place panics: the next in line may wait for that.
        struct GivenUp<'a, A: Attempt> {
            attempt: &'a mut A,
            was_woken: bool,
        }
        impl<A: Attempt> Drop for GivenUp<'_, A> {
            fn drop(&mut self) {
                self.attempt.given_up(self.was_woken);
            }
        }
        let this = self.project();
        // SAFETY: it waits, so there is a place, which is not looked at again once this is false.
        let mut place = unsafe { there(this.place) };
        // First of all, as what comes then may panic.
        let was_woken = place.as_mut().leave(this.attempt.waiters());
        *this.is_waiting = false;
        let _given_up = GivenUp {
            attempt: this.attempt,
            was_woken,
        };
        place.as_mut().give_up();
        // SAFETY: as above; it is in no line any more.
        unsafe { std::ptr::drop_in_place(place.get_unchecked_mut()) };
    }
}

/// # Safety
///
/// It was written.
#[inline]
unsafe fn there(place: Pin<&mut MaybeUninit<Place>>) -> Pin<&mut Place> {
    // SAFETY: as the caller promises; it is pinned with what holds it.
    unsafe { place.map_unchecked_mut(|place| place.assume_init_mut()) }
}

impl<A: Attempt> Future for Attempting<A> {
    type Output = A::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<A::Output> {
        let mut this = self.project();
        if *this.is_waiting {
            // SAFETY: it waits, so there is a place.
            let mut place = unsafe { there(this.place.as_mut()) };
            if !(place.as_mut()).is_over(this.attempt.waiters(), cx, this.called) {
                return Poll::Pending;
            }
            *this.is_waiting = false;
            if !place.was_woken() {
                this.attempt.given_up(false);
            }
        }
        loop {
            if let Some(done) = this.attempt.attempt() {
                return Poll::Ready(done);
            }
            // SAFETY: there is none, and what is written here stays where it is.
            unsafe { this.place.as_mut().get_unchecked_mut() }.write(const { Place::new() });
            *this.is_waiting = true;
            // SAFETY: it was just written.
            let place = unsafe { there(this.place.as_mut()) };
            if !place.begin(this.attempt.waiters(), cx, this.called) {
                return Poll::Pending;
            }
            *this.is_waiting = false;
        }
    }
}
