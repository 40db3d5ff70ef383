//! A frame whose type is erased, in its box.
//!
//! A generator begins once and ends once, and is resumed many times in between. A frame asks at each resumption whether it has begun and
//! whether it has ended; where its type is known, the optimiser mostly knows the answers. Behind a box it cannot know them. So the box
//! holds the function that is to resume the frame next: one that asks, or one that need not.

use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use super::delegation::Chain;
use super::frame::{Frame, Resume, Resumed, State};

/// A frame, and what resumes it.
pub struct Boxed<Y, S, R, F: ?Sized> {
    /// [`further`](Self::further) only while the frame is suspended, and after its end never anything but [`finished`].
    entry: Entry<Y, S, R>,
    /// Pinned with the box.
    frame: F,
}

/// Resumes the frame of the [`Boxed`] that the pointer leads to.
///
/// # Safety
///
/// It is the function in that `Boxed`, which is pinned and borrowed for this call. If it panics, a frame that is suspended is finished
/// before anything else is done with it.
type Entry<Y, S, R> = unsafe fn(NonNull<()>, Option<S>) -> Resumed<Y, R>;

/// The [`Entry`] of a frame of any type that has ended.
unsafe fn finished<Y, S, R>(_: NonNull<()>, _: Option<S>) -> Resumed<Y, R> {
    Resumed::Finished
}

impl<Y, S, R, F: Resume<Y, S, R>> Boxed<Y, S, R, F> {
    /// A box of `frame`.
    pub(super) fn pin(frame: F) -> Pin<Box<Self>> {
        let entry = Self::first;
        Box::pin(Boxed { entry, frame })
    }

    /// The [`Entry`] of a frame that may not have begun.
    unsafe fn first(this: NonNull<()>, sent: Option<S>) -> Resumed<Y, R> {
        // SAFETY: by the contract of `Entry`. The reference is not used after the call below.
        let boxed = unsafe { this.cast::<Self>().as_mut() };
        // SAFETY: pinned with the box.
        if !unsafe { Pin::new_unchecked(&mut boxed.frame) }.begin(sent.is_some()) {
            boxed.entry = finished;
            return Resumed::Finished;
        }
        boxed.entry = Self::further;
        // SAFETY: as by our own contract.
        unsafe { Self::further(this, sent) }
    }

    /// The [`Entry`] of a frame that is suspended.
    #[inline(never)]
    unsafe fn further(this: NonNull<()>, sent: Option<S>) -> Resumed<Y, R> {
        // SAFETY: by the contract of `Entry`.
        let boxed = unsafe { this.cast::<Self>().as_mut() };
        // SAFETY: the frame is pinned with the box and suspended; whoever called this finishes it on a panic.
        let resumed = unsafe { Pin::new_unchecked(&mut boxed.frame).advance(sent) };
        if !matches!(resumed, Resumed::Yielded(_)) {
            boxed.entry = finished;
        }
        resumed
    }
}

impl<Y, S, R, F: Frame<Y, S, R> + ?Sized> Boxed<Y, S, R, F> {
    #[inline]
    fn frame(self: Pin<&mut Self>) -> Pin<&mut F> {
        // SAFETY: pinned with the box.
        unsafe { self.map_unchecked_mut(|this| &mut this.frame) }
    }

    #[inline]
    fn has_finished(self: Pin<&mut Self>) {
        // SAFETY: the frame is not touched.
        unsafe { self.get_unchecked_mut() }.entry = finished;
    }
}

/// Finishes a frame that panics.
struct FinishOnPanic<'a, Y, S, R, F: Frame<Y, S, R> + ?Sized>(Pin<&'a mut Boxed<Y, S, R, F>>);

impl<Y, S, R, F: Frame<Y, S, R> + ?Sized> Drop for FinishOnPanic<'_, Y, S, R, F> {
    // The guard is to be seen by nothing that is not inlined, or it would be in memory at each resumption.
    #[inline(always)]
    fn drop(&mut self) {
        panicked(self.0.as_mut());
    }
}

#[cold]
#[inline(never)]
fn panicked<Y, S, R, F: Frame<Y, S, R> + ?Sized>(boxed: Pin<&mut Boxed<Y, S, R, F>>) {
    // One that panics because it is sent something too early has not begun.
    if boxed.state() != State::Created {
        boxed.finish();
    }
}

impl<Y, S, R, F: Frame<Y, S, R> + ?Sized> Resume<Y, S, R> for Boxed<Y, S, R, F> {
    #[inline]
    fn resume(self: Pin<&mut Self>, sent: Option<S>) -> Resumed<Y, R> {
        let mut guard = FinishOnPanic(self);
        // SAFETY: the frame is not moved.
        let boxed = unsafe { guard.0.as_mut().get_unchecked_mut() };
        let entry = boxed.entry;
        // SAFETY: it is this box's, and the guard finishes its frame on a panic.
        let resumed = unsafe { entry(NonNull::from(boxed).cast(), sent) };
        std::mem::forget(guard);
        resumed
    }

    #[inline]
    unsafe fn advance(self: Pin<&mut Self>, sent: Option<S>) -> Resumed<Y, R> {
        self.resume(sent)
    }
}

impl<Y, S, R, F: Frame<Y, S, R> + ?Sized> Frame<Y, S, R> for Boxed<Y, S, R, F> {
    fn begin(self: Pin<&mut Self>, is_sent: bool) -> bool {
        self.frame().begin(is_sent)
    }

    unsafe fn poll_delegated(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let mut guard = FinishOnPanic(self);
        // SAFETY: as by our own contract.
        let polled = unsafe { guard.0.as_mut().frame().poll_delegated(cx) };
        if polled.is_ready() {
            guard.0.as_mut().has_finished();
        }
        std::mem::forget(guard);
        polled
    }

    fn surrender(self: Pin<&mut Self>) -> Chain {
        self.frame().surrender()
    }

    fn finish(mut self: Pin<&mut Self>) {
        // First, since a destructor in the frame may panic.
        self.as_mut().has_finished();
        self.frame().finish();
    }

    #[inline]
    fn state(&self) -> State {
        self.frame.state()
    }

    fn name(&self) -> &'static str {
        self.frame.name()
    }
}
