//! What `yield_!` is inside an async generator.
//!
//! The first thing that a body awaits gives it its [`AsyncWords`], which are the address of the slot in its own frame. What the body
//! awaits sees the caller's own waker, so the slot cannot be found by way of that, as a [`Generator`](crate::Generator)'s is: the frame
//! hands it over just before it polls the body. A `yield_!` takes it anew when the body is resumed. There it is what the compiler has just
//! seen to be handed over, so that the value goes from the body to the caller as any local variable would.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use super::closing::raise_exit;
use super::frame::{Slot, Stage, hand_over, handed_over};
use crate::generators::words::{Exchange, Nothing, Receives, Same, Something, address_of_thread};

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

impl<Y, S, K> AsyncWords<Y, S, K> {
    /// The words of the body that is being resumed; none where it has just come to a `yield_!`.
    ///
    /// # Safety
    ///
    /// It exchanges these types, and nothing else has run since it was handed the address of its slot, or came to the `yield_!`.
    #[inline(always)]
    unsafe fn handed_over() -> Option<Self> {
        // By contract it is the address of a slot of these types.
        let slot = NonNull::new(handed_over().cast::<Slot<Y, S>>().cast_mut())?;
        Some(AsyncWords {
            slot,
            types: PhantomData,
            receives: PhantomData,
        })
    }
}

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
        match unsafe { AsyncWords::handed_over() } {
            Some(words) => Poll::Ready(words),
            None => unreachable!("a body is handed the address of its slot before it is polled"),
        }
    }
}

impl<Y, S, K: Receives<S>> AsyncWords<Y, S, K> {
    /// `yield_!(value)` that stands in the body itself, up to where that stands still: the future is awaited next.
    ///
    /// It gives the words of the resumption, for what comes next: they are the same, but these the compiler knows to be.
    #[inline(always)]
    pub fn yield_here(self, value: Y) -> Suspended<Y, S, K> {
        self.slot().yield_(value);
        // Last: nothing is written from here to the first poll of the future, so the compiler knows what that finds.
        hand_over(ptr::null());
        Suspended(PhantomData, PhantomData)
    }

    /// The same in a block of the body that something else polls, which may have run anything before.
    #[inline(always)]
    pub fn yield_within(self, value: Y) -> SuspendedWithin<Y, S, K> {
        self.slot().yield_(value);
        SuspendedWithin(self)
    }

    #[inline(always)]
    fn slot<'a>(self) -> &'a mut Slot<Y, S> {
        // SAFETY: by the contract of `async_words`, it is the running body that uses its words: the slot is alive, and only the body
        // reaches it now. Nobody keeps the reference or runs anything foreign while it has it.
        unsafe { &mut *self.slot.as_ptr() }
    }
}

/// What a `yield_!` gives when the generator is resumed.
pub struct Resumed<W> {
    /// The words from here on.
    pub words: W,
}

impl<Y, S, K: Receives<S>> Resumed<AsyncWords<Y, S, K>> {
    /// What was sent.
    #[inline(always)]
    pub fn sent(self) -> K::Sent {
        K::receive(&mut self.words.slot().sent)
    }
}

/// The future of a `yield_!` in an async generator, the value of which is in the slot already.
///
/// It need not keep whether it was polled before: the first time nothing is handed over, since `yield_here` has seen to that, and the
/// second time the address of the slot is.
#[must_use]
pub struct Suspended<Y, S, K>(Same<Y, S>, PhantomData<fn(K)>);

impl<Y, S, K: Receives<S>> Future for Suspended<Y, S, K> {
    type Output = Resumed<AsyncWords<Y, S, K>>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: by the contract of `async_words` it is the body that polls the `yield_!` it stands at, before it does anything else:
        // right after `yield_here`, or when it is resumed, right after it was handed the address of its slot.
        let Some(words) = (unsafe { AsyncWords::handed_over() }) else {
            return Poll::Pending;
        };
        if words.slot().stage == Stage::Closing {
            raise_exit(cx);
            // As it was: the compiler cannot know that the call has yielded nothing.
            words.slot().stage = Stage::Closing;
            return Poll::Pending;
        }
        Poll::Ready(Resumed { words })
    }
}

/// The same of one that the body does not poll itself.
#[must_use]
pub struct SuspendedWithin<Y, S, K>(AsyncWords<Y, S, K>);

impl<Y, S, K: Receives<S>> Future for SuspendedWithin<Y, S, K> {
    type Output = Resumed<AsyncWords<Y, S, K>>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let words = self.0;
        match words.slot().stage {
            // The value is still there: not resumed yet.
            Stage::Yielded => Poll::Pending,
            Stage::Closing => {
                raise_exit(cx);
                Poll::Pending
            }
            _ => Poll::Ready(Resumed { words }),
        }
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
    pub async fn yield_here(self, value: Y) -> CheckedResumed<Self, K::Sent> {
        let sent = self.yield_(value).await;
        CheckedResumed { words: self, sent }
    }

    /// The same in a block of the body that something else polls.
    pub fn yield_within(
        self,
        value: Y,
    ) -> impl Future<Output = CheckedResumed<Self, K::Sent>> + use<'c, Y, S, K> {
        self.yield_here(value)
    }
}

/// What a `yield_!` that checks gives when the generator is resumed.
pub struct CheckedResumed<W, T> {
    /// The words from here on.
    pub words: W,
    sent: T,
}

impl<W, T> CheckedResumed<W, T> {
    /// What was sent.
    pub fn sent(self) -> T {
        self.sent
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
            words.current.thread.load(Relaxed) == address_of_thread(),
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
        current.thread.store(address_of_thread(), Relaxed);
        let _leave = Leave(current);
        body.poll(cx)
    }
}
