//! What `yield_!` is inside an async generator.
//!
//! The first thing that a body awaits gives it its [`AsyncWords`], which are the address of the slot in its own frame. What the body
//! awaits sees the caller's own waker, so the slot cannot be found by way of that, as a [`Generator`](crate::Generator)'s is.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use super::closing::raise_exit;
use super::frame::{Slot, Stage, handed_over};
use crate::generators::words::{Exchange, Nothing, Receives, Same, Something, this_thread};

/// The words of an async generator that yields `Y` and is sent `S`; `K` is what it receives.
pub struct AsyncWords<Y, S, K> {
    slot: NonNull<Slot<Y, S>>,
    types: Same<Y, S>,
    receives: PhantomData<fn(K)>,
}

impl<Y, S, K> Clone for AsyncWords<Y, S, K> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<Y, S, K> Copy for AsyncWords<Y, S, K> {}

// SAFETY: the body that keeps the words goes to another thread only together with the slot, which holds values of these types.
unsafe impl<Y: Send, S: Send, K> Send for AsyncWords<Y, S, K> {}
// SAFETY: the words are nothing but an address. It is followed only by the body itself, or where it is checked that the body is running
// on this thread.
unsafe impl<Y: Send, S: Send, K> Sync for AsyncWords<Y, S, K> {}

impl<Y> Exchange<Y, ()> {
    /// The words of an async generator that is sent nothing: the first thing its body awaits. This inherent method is found before the
    /// trait's.
    ///
    /// # Safety
    ///
    /// It is awaited first, directly in the body of an async generator of these types; and the words are used only in that body, each
    /// future they give awaited where it is made.
    #[inline]
    pub unsafe fn async_words(self) -> TakeAddress<Y, (), Nothing> {
        TakeAddress(PhantomData, PhantomData)
    }
}

/// The words of any other async generator.
pub trait AsyncExchangeAny<Y, S> {
    /// The words of an async generator that is sent an `S`.
    ///
    /// # Safety
    ///
    /// As of the inherent method.
    unsafe fn async_words(self) -> TakeAddress<Y, S, Something>;
}

impl<Y, S> AsyncExchangeAny<Y, S> for Exchange<Y, S> {
    #[inline]
    unsafe fn async_words(self) -> TakeAddress<Y, S, Something> {
        TakeAddress(PhantomData, PhantomData)
    }
}

/// The future that gives an async generator's body its words.
#[must_use]
pub struct TakeAddress<Y, S, K>(Same<Y, S>, PhantomData<fn(K)>);

impl<Y, S, K> Future for TakeAddress<Y, S, K> {
    type Output = AsyncWords<Y, S, K>;

    #[inline]
    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: by the contract of `async_words` this is the first poll of a body, which was handed the address of its slot.
        let slot = unsafe { NonNull::new_unchecked(handed_over().cast::<Slot<Y, S>>().cast_mut()) };
        Poll::Ready(AsyncWords {
            slot,
            types: PhantomData,
            receives: PhantomData,
        })
    }
}

impl<Y, S, K: Receives<S>> AsyncWords<Y, S, K> {
    /// `yield_!(value)`, up to where the body stands still: the future is awaited next.
    #[inline(always)]
    pub fn yield_here(self, value: Y) -> Suspended {
        self.slot().yield_(value);
        Suspended { resumed: false }
    }

    #[inline(always)]
    fn slot<'a>(self) -> &'a mut Slot<Y, S> {
        // SAFETY: by the contract of `async_words`, it is the running body that uses its words: the slot is alive, and only the body
        // reaches it now. Nobody keeps the reference or runs anything foreign while it has it.
        unsafe { &mut *self.slot.as_ptr() }
    }
}

/// The future of a `yield_!` in an async generator, the value of which is in the slot already.
///
/// It does not know the slot, so that the body need not keep the address twice.
#[must_use]
pub struct Suspended {
    resumed: bool,
}

/// What a `yield_!` gives when the generator is resumed.
pub struct Resumed(());

impl Resumed {
    /// Whether that was only to close the generator: then the body awaits [`exit`] where it stands.
    #[inline(always)]
    pub fn closing<Y, S, K: Receives<S>>(&self, words: AsyncWords<Y, S, K>) -> bool {
        words.slot().stage == Stage::Closing
    }

    /// What was sent.
    #[inline(always)]
    pub fn sent<Y, S, K: Receives<S>>(self, words: AsyncWords<Y, S, K>) -> K::Sent {
        K::receive(&mut words.slot().sent)
    }
}

impl Future for Suspended {
    type Output = Resumed;

    #[inline(always)]
    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Resumed> {
        if self.resumed {
            return Poll::Ready(Resumed(()));
        }
        self.resumed = true;
        Poll::Pending
    }
}

/// Raises in the body of a generator that is being closed, where it stands.
pub fn exit() -> Exit {
    Exit
}

/// The future of [`exit`], which never comes to an end.
#[must_use]
pub struct Exit;

impl Future for Exit {
    type Output = ();

    // Outside the body, so that the way of all other values has no registers to save.
    #[cold]
    #[inline(never)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        raise_exit(cx);
        Poll::Pending
    }
}

/// Which thread an async generator's body is running on, for the words that have to check.
///
/// It lives in the body's own frame.
#[derive(Default)]
pub struct AsyncCurrent {
    /// Zero but while the body runs.
    thread: AtomicUsize,
}

impl AsyncCurrent {
    /// Not running.
    #[must_use]
    pub const fn new() -> Self {
        AsyncCurrent {
            thread: AtomicUsize::new(0),
        }
    }

    /// The words that look here first.
    pub const fn words<Y, S, K>(&self, words: AsyncWords<Y, S, K>) -> AsyncChecked<'_, Y, S, K> {
        AsyncChecked {
            current: self,
            words,
        }
    }

    /// The body, keeping up to date which thread it runs on.
    ///
    /// # Safety
    ///
    /// The future is awaited directly in the body of the async generator whose words look here.
    pub const unsafe fn run<F>(&self, body: F) -> AsyncRunning<'_, F> {
        AsyncRunning {
            current: self,
            body,
        }
    }
}

/// The words of an async generator some of which are in the arguments of other macros.
pub struct AsyncChecked<'c, Y, S, K> {
    current: &'c AsyncCurrent,
    words: AsyncWords<Y, S, K>,
}

impl<Y, S, K> Clone for AsyncChecked<'_, Y, S, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Y, S, K> Copy for AsyncChecked<'_, Y, S, K> {}

impl<'c, Y, S, K: Receives<S>> AsyncChecked<'c, Y, S, K> {
    /// `yield_!(value)` in another macro's argument.
    pub fn yield_(self, value: Y) -> AsyncCheckedYield<'c, Y, S, K> {
        AsyncCheckedYield {
            value: Some(value),
            words: self,
        }
    }

    /// `yield_!(value)` in the body of a generator that has others in the arguments of macros.
    pub async fn yield_here(self, value: Y) -> CheckedResumed<K::Sent> {
        CheckedResumed(self.yield_(value).await)
    }
}

/// What a `yield_!` that checks gives when the generator is resumed. Its future has raised itself if that was to close the generator.
pub struct CheckedResumed<T>(T);

impl<T> CheckedResumed<T> {
    /// Never.
    pub fn closing<W>(&self, _: W) -> bool {
        false
    }

    /// What was sent.
    pub fn sent<W>(self, _: W) -> T {
        self.0
    }
}

/// The future of a `yield_!` in such a generator.
#[must_use]
pub struct AsyncCheckedYield<'c, Y, S, K> {
    value: Option<Y>,
    words: AsyncChecked<'c, Y, S, K>,
}

/// The value is moved to the slot, never pinned.
impl<Y, S, K> Unpin for AsyncCheckedYield<'_, Y, S, K> {}

impl<Y, S, K: Receives<S>> Future for AsyncCheckedYield<'_, Y, S, K> {
    type Output = K::Sent;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<K::Sent> {
        let Self { value, words } = &mut *self;
        assert!(
            words.current.thread.load(Relaxed) == this_thread(),
            "`yield_!` was polled by something else than its own generator: a macro moved it elsewhere"
        );
        // The number is that of the thread the body runs on, for as long as it runs: so it is running here, and whoever polls this is
        // called by it. That is the contract of the words.
        let slot = words.words.slot();
        if let Some(value) = value.take() {
            slot.yield_checked(value);
            return Poll::Pending;
        }
        match slot.stage {
            // The value is still there: not resumed yet.
            Stage::Yielded => Poll::Pending,
            Stage::Closing => {
                raise_exit(cx);
                Poll::Pending
            }
            _ => Poll::Ready(K::receive(&mut slot.sent)),
        }
    }
}

/// The future of a body that has words in other macros' arguments.
#[must_use]
pub struct AsyncRunning<'c, F> {
    current: &'c AsyncCurrent,
    body: F,
}

impl<F: Future> Future for AsyncRunning<'_, F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        struct Leave<'c>(&'c AsyncCurrent);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.thread.store(0, Relaxed);
            }
        }
        // As in `Running::poll`: no shared reference to all of it.
        // SAFETY: `body` is pinned with the future, and the other is not.
        let AsyncRunning { current, body } = unsafe { self.get_unchecked_mut() };
        let current = *current;
        // SAFETY: as above.
        let body = unsafe { Pin::new_unchecked(body) };
        current.thread.store(this_thread(), Relaxed);
        let _leave = Leave(current);
        body.poll(cx)
    }
}
