//! The frame of an async generator: its body, pinned, and the slot it exchanges values through.

use std::cell::Cell;
use std::future::Future;
use std::marker::{PhantomData, PhantomPinned};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll};

use crate::generators::frame::{Named, State};
use crate::tasks::cancellation;

/// Where the body of an async generator and whoever asks it for a value exchange them.
pub(super) struct Slot<Y, S> {
    /// What the body yields: there from the moment the stage becomes [`Yielded`](Stage::Yielded) until the poll ends.
    value: MaybeUninit<Y>,
    /// What the body is sent.
    pub(super) sent: Option<S>,
    pub(super) stage: Stage,
    /// The body keeps the slot's address.
    _pinned: PhantomPinned,
}

impl<Y, S> Slot<Y, S> {
    /// Leaves a value for whoever polls the body.
    #[inline(always)]
    pub(super) fn yield_(&mut self, value: Y) {
        self.value.write(value);
        self.stage = Stage::Yielded;
    }

    /// Leaves a value, unless there is one already.
    pub(super) fn yield_checked(&mut self, value: Y) {
        if self.stage == Stage::Yielded {
            yielded_twice();
        }
        self.yield_(value);
    }
}

#[cold]
fn yielded_twice() -> ! {
    panic!("two `yield_!` of one async generator at once: a macro took one of them apart");
}

/// How far the body has come.
///
/// The first two are those that a body is most often resumed in: one comparison tells them from the others.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
pub(super) enum Stage {
    /// At a `yield_!`.
    Yielded,
    /// Not begun.
    Created,
    /// In the middle of something it awaits.
    Awaiting,
    /// It is being polled.
    Running,
    /// At a `yield_!` that raises when it is resumed, and being polled from there on.
    Closing,
    /// A cancellation was raised in it: nothing runs in it any more. It is dropped when it is next asked for, not at once, since
    /// whoever catches the cancellation clears its mark first.
    Doomed,
    /// Returned, panicked or closed: the body is gone.
    Finished,
}

/// An async generator's body in a place it does not move from.
pub trait AsyncFrame<Y, S> {
    /// Runs the body up to its next value. The `yield_!` it stands at, if it stands at one, evaluates to what is sent.
    fn poll_next(self: Pin<&mut Self>, sent: Option<S>, cx: &mut Context<'_>) -> Poll<Option<Y>>;
    /// Makes the `yield_!` it stands at raise when it is resumed; false if it stands at none.
    fn begin_closing(self: Pin<&mut Self>) -> bool;
    /// Drops the body where it is.
    fn finish(self: Pin<&mut Self>);
    /// Where the generator stands.
    fn state(&self) -> State;
    /// The name of the generator function.
    fn name(&self) -> &'static str;
}

/// The frame of an async generator function: `F` is its body, `N` its name.
///
/// The body keeps the address of `slot`. While it runs, `slot` is reached through that address alone; at all other times the body
/// does not use it.
pub struct AsyncFunction<Y, S, F, N> {
    slot: Slot<Y, S>,
    /// There until the stage is [`Finished`](Stage::Finished), and pinned whenever the frame is.
    body: ManuallyDrop<F>,
    name: PhantomData<fn() -> N>,
}

impl<Y, S, F, N> AsyncFunction<Y, S, F, N> {
    #[inline]
    pub(super) fn new(body: F) -> Self {
        let slot = Slot {
            value: MaybeUninit::uninit(),
            sent: None,
            stage: Stage::Created,
            _pinned: PhantomPinned,
        };
        AsyncFunction {
            slot,
            body: ManuallyDrop::new(body),
            name: PhantomData,
        }
    }

    /// Drops the body where it is.
    fn end(&mut self) {
        if self.slot.stage != Stage::Finished {
            // First, so that a destructor that panics is not run again.
            self.slot.stage = Stage::Finished;
            // SAFETY: the body was there, and is not any more.
            unsafe { ManuallyDrop::drop(&mut self.body) };
        }
    }

    /// Makes a body ready to be polled that stands at no `yield_!`, but has begun. Gives the context back, or nothing if there is no body
    /// left to poll: so the caller has nothing to keep over the call.
    #[cold]
    #[inline(never)]
    fn goes_on<'a, 'c>(&mut self, cx: &'a mut Context<'c>) -> Option<&'a mut Context<'c>> {
        // There is no `yield_!` that receives what is sent, or was sent before.
        self.slot.sent = None;
        match self.slot.stage {
            Stage::Closing => {}
            Stage::Doomed | Stage::Finished => {
                self.end();
                return None;
            }
            _ => self.slot.stage = Stage::Running,
        }
        Some(cx)
    }
}

impl<Y, S, F, N> Drop for AsyncFunction<Y, S, F, N> {
    fn drop(&mut self) {
        self.end();
    }
}

thread_local! {
    /// The slot of the body that is about to be polled, from where the body takes it before it does anything else. Null from a `yield_!`
    /// on: that is how the future of the `yield_!` knows its first poll.
    static HANDED_OVER: Cell<*const ()> = const { Cell::new(ptr::null()) };
}

#[inline]
pub(super) fn hand_over(slot: *const ()) {
    HANDED_OVER.set(slot);
}

/// The slot of the body that is polled, to its first await or from the `yield_!` it stands at; null where it has just come to one.
#[inline]
pub(super) fn handed_over() -> *const () {
    HANDED_OVER.get()
}

/// Ends a frame whose body panics.
struct EndOnPanic<'a, Y, S, F, N>(&'a mut AsyncFunction<Y, S, F, N>);

impl<Y, S, F, N> Drop for EndOnPanic<'_, Y, S, F, N> {
    fn drop(&mut self) {
        let slot = &mut self.0.slot;
        if slot.stage == Stage::Yielded {
            // SAFETY: the body left a value in this poll, and nobody has taken it.
            unsafe { slot.value.assume_init_drop() };
        }
        self.0.end();
    }
}

impl<Y, S, F, N> AsyncFrame<Y, S> for AsyncFunction<Y, S, F, N>
where
    F: Future<Output = ()>,
    N: Named,
{
    // Not always: in a function of its own the body is inlined, which has one caller then.
    #[inline]
    fn poll_next(
        self: Pin<&mut Self>,
        sent: Option<S>,
        mut cx: &mut Context<'_>,
    ) -> Poll<Option<Y>> {
        // SAFETY: neither the slot nor the body is moved out of the frame.
        let this = unsafe { self.get_unchecked_mut() };
        if this.slot.stage <= Stage::Created {
            this.slot.sent = sent;
            this.slot.stage = Stage::Running;
        } else {
            drop(sent);
            match this.goes_on(cx) {
                Some(same) => cx = same,
                None => return Poll::Ready(None),
            }
        }
        let guard = EndOnPanic(this);
        // Last of all, in one place: nothing foreign runs from here to the body, and the optimiser sees what that takes.
        hand_over((&raw mut guard.0.slot).cast_const().cast());
        // SAFETY: the frame is pinned, and the body with it.
        let polled = unsafe { Pin::new_unchecked(&mut *guard.0.body) }.poll(cx);
        match (polled, guard.0.slot.stage) {
            (Poll::Pending, Stage::Yielded) => {
                let guard = ManuallyDrop::new(guard);
                // SAFETY: the body has just left it there; the next poll begins by setting another stage.
                Poll::Ready(Some(unsafe { guard.0.slot.value.assume_init_read() }))
            }
            (Poll::Pending, _) => {
                ManuallyDrop::new(guard).0.slot.stage = if cancellation::in_flight() {
                    Stage::Doomed
                } else {
                    Stage::Awaiting
                };
                Poll::Pending
            }
            // The guard drops the value.
            (Poll::Ready(()), Stage::Yielded) => yielded_twice(),
            (Poll::Ready(()), _) => {
                ManuallyDrop::new(guard).0.end();
                Poll::Ready(None)
            }
        }
    }

    fn begin_closing(self: Pin<&mut Self>) -> bool {
        // SAFETY: the pinned parts are not touched.
        let slot = unsafe { &mut self.get_unchecked_mut().slot };
        let stands = slot.stage == Stage::Yielded;
        if stands {
            slot.stage = Stage::Closing;
        }
        stands
    }

    fn finish(self: Pin<&mut Self>) {
        // SAFETY: the body is dropped in place.
        unsafe { self.get_unchecked_mut() }.end();
    }

    fn state(&self) -> State {
        match self.slot.stage {
            Stage::Created => State::Created,
            Stage::Yielded | Stage::Awaiting | Stage::Running | Stage::Closing => State::Suspended,
            Stage::Doomed | Stage::Finished => State::Finished,
        }
    }

    fn name(&self) -> &'static str {
        N::NAME
    }
}
