//! What the words are in the arguments of other macros, which could take apart what they are given: their futures find out whether it is
//! their generator that polls them.
//!
//! The body is run by [`Running`], which keeps up to date, in the body's own [`Current`], which slot it is being resumed through and on
//! which thread.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::ptr;
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use super::yield_from::Each;
use super::{Receives, Words, exchange};
use crate::Generator;
use crate::generators::frame::{Resume as _, Resumed, Slot, yielded_twice};
use crate::generators::places::Body;

/// The slot that a generator is being resumed through, for the words that have to check.
///
/// It lives in the body's own frame, and the body's types say what the slot exchanges.
pub struct Current<Y, S> {
    /// Null but while the body runs.
    slot: AtomicPtr<Slot<Y, S>>,
    /// The thread it runs on, which is the only one that may follow the pointer.
    thread: AtomicUsize,
}

impl<Y, S> Current<Y, S> {
    /// No slot yet.
    #[must_use]
    pub const fn new() -> Self {
        Current {
            slot: AtomicPtr::new(ptr::null_mut()),
            thread: AtomicUsize::new(0),
        }
    }

    /// The words that find the slot here. `words` only says the types.
    pub const fn words<K>(&self, _: Words<Y, S, K>) -> Checked<'_, Y, S, K> {
        Checked {
            current: self,
            receives: PhantomData,
        }
    }

    /// The body, keeping the slot up to date.
    ///
    /// # Safety
    ///
    /// The future is awaited directly in the body of a generator of these types.
    pub const unsafe fn run<F>(&self, body: F) -> Running<'_, Y, S, F> {
        Running {
            current: self,
            body,
        }
    }

    /// Hands `exchange` the slot, if it is the one that `cx` leads to. Nothing foreign may run in there.
    #[inline]
    fn with_slot<T>(&self, cx: &Context<'_>, exchange: impl FnOnce(&mut Slot<Y, S>) -> T) -> T {
        let slot = self.slot.load(Relaxed);
        let is_ours = !slot.is_null()
            && ptr::eq(slot.cast_const().cast(), cx.waker().data())
            && self.thread.load(Relaxed) == address_of_thread();
        if !is_ours {
            yielded_elsewhere();
        }
        // SAFETY: the pointer is not null, so the body is running, and the slot it is resumed through is alive. It is running on this
        // thread, so whoever calls this is called by it, and no other reference into the slot is alive.
        exchange(unsafe { &mut *slot })
    }
}

impl<Y, S> Current<Y, S> {
    /// What was sent, for a delegation that is to go on; nothing when its generator was not resumed yet.
    fn take_sent(&self, cx: &Context<'_>, begun: bool) -> Option<Option<S>> {
        let sent = self.with_slot(cx, |slot| match slot.yielded {
            Some(_) => None,
            None => Some(slot.sent.take()),
        });
        if sent.is_none() && !begun {
            yielded_twice();
        }
        sent
    }
}

impl<Y, S> Default for Current<Y, S> {
    fn default() -> Self {
        Self::new()
    }
}

/// A number that no other living thread has.
pub(crate) fn address_of_thread() -> usize {
    thread_local!(static HERE: u8 = const { 0 });
    HERE.with(|here| ptr::from_ref(here).addr())
}

#[cold]
fn yielded_elsewhere() -> ! {
    panic!(
        "`yield_!` was polled by something else than its own generator: a macro moved it elsewhere"
    );
}

/// The future of a body that has words in other macros' arguments.
#[must_use]
pub struct Running<'c, Y, S, F> {
    current: &'c Current<Y, S>,
    body: F,
}

impl<Y, S, F: Future> Future for Running<'_, Y, S, F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        struct Leave<'c, Y, S>(&'c Current<Y, S>);
        impl<Y, S> Drop for Leave<'_, Y, S> {
            #[inline]
            fn drop(&mut self) {
                self.0.slot.store(ptr::null_mut(), Relaxed);
            }
        }
        // Field by field: a shared reference to all of it would be one to what the body borrows of itself.
        // SAFETY: `body` is pinned with the future, and the other is not.
        let Running { current, body } = unsafe { self.get_unchecked_mut() };
        let current = *current;
        // SAFETY: as above.
        let body = unsafe { Pin::new_unchecked(body) };
        current.thread.store(address_of_thread(), Relaxed);
        // By the contract of `run`, the context leads to a slot of these types.
        current
            .slot
            .store(cx.waker().data().cast::<Slot<Y, S>>().cast_mut(), Relaxed);
        let _leave = Leave(current);
        body.poll(cx)
    }
}

/// The words of a generator in the arguments of other macros.
pub struct Checked<'c, Y, S, K> {
    current: &'c Current<Y, S>,
    receives: PhantomData<fn(K)>,
}

impl<Y, S, K> Clone for Checked<'_, Y, S, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Y, S, K> Copy for Checked<'_, Y, S, K> {}

impl<'c, Y, S, K: Receives<S>> Checked<'c, Y, S, K> {
    /// `yield_!(value)`.
    #[inline]
    pub fn yield_(self, value: Y) -> CheckedYield<'c, Y, S, K> {
        CheckedYield {
            value: Some(value),
            words: self,
        }
    }
}

/// The future of a `yield_!` in another macro's argument.
#[must_use]
pub struct CheckedYield<'c, Y, S, K> {
    value: Option<Y>,
    words: Checked<'c, Y, S, K>,
}

/// The value is moved to the slot, never pinned.
impl<Y, S, K> Unpin for CheckedYield<'_, Y, S, K> {}

impl<Y, S, K: Receives<S>> Future for CheckedYield<'_, Y, S, K> {
    type Output = K::Sent;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<K::Sent> {
        let CheckedYield { value, words } = &mut *self;
        words
            .current
            .with_slot(cx, |slot| exchange::<Y, S, K>(slot, value))
    }
}

/// The future of a `yield_from!(iterable)` in another macro's argument.
#[must_use]
pub struct CheckedEach<'c, I, Y, S, K> {
    each: Each<I, S, K>,
    words: Checked<'c, Y, S, K>,
}

/// The iterator is used by reference, never pinned.
impl<I, Y, S, K> Unpin for CheckedEach<'_, I, Y, S, K> {}

impl<'c, I, Y, S, K> CheckedEach<'c, I, Y, S, K> {
    pub(super) fn new(each: Each<I, S, K>, words: Checked<'c, Y, S, K>) -> Self {
        CheckedEach { each, words }
    }
}

impl<I: Iterator<Item = Y>, Y, S, K: Receives<S>> Future for CheckedEach<'_, I, Y, S, K> {
    type Output = K::Sent;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<K::Sent> {
        let this = self.get_mut();
        // The iterator is foreign code: the slot is borrowed before and after it runs.
        let current = this.words.current;
        let Some(mut sent) = current.take_sent(cx, this.each.begun) else {
            return Poll::Pending;
        };
        if let Some(sent) = this.each.interrupted(&mut sent) {
            return Poll::Ready(sent);
        }
        match this.each.items.next() {
            Some(item) => {
                current.with_slot(cx, |slot| slot.leave(item));
                Poll::Pending
            }
            None => Poll::Ready(K::receive(&mut None)),
        }
    }
}

/// The future of a `yield_from!(generator)` in another macro's argument.
///
/// It drives the inner generator itself instead of joining the chain: nothing of it may be pointed at, since the macro could drop it.
#[must_use]
pub struct CheckedDelegation<'c, Y, S, R, B, K> {
    inner: Generator<Y, S, R, B>,
    begun: bool,
    words: Checked<'c, Y, S, K>,
}

/// The inner generator is resumed as one that can be moved.
impl<Y, S, R, B, K> Unpin for CheckedDelegation<'_, Y, S, R, B, K> {}

impl<'c, Y, S, R, B, K> CheckedDelegation<'c, Y, S, R, B, K> {
    pub(super) fn new(inner: Generator<Y, S, R, B>, words: Checked<'c, Y, S, K>) -> Self {
        CheckedDelegation {
            inner,
            begun: false,
            words,
        }
    }
}

impl<Y, S, R, B: Body<Y, S, R>, K> Future for CheckedDelegation<'_, Y, S, R, B, K> {
    type Output = R;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        let this = self.get_mut();
        let begun = std::mem::replace(&mut this.begun, true);
        let Some(sent) = this.words.current.take_sent(cx, begun) else {
            return Poll::Pending;
        };
        match this.inner.frame().resume(sent.filter(|_| begun)) {
            Resumed::Yielded(value) => {
                this.words
                    .current
                    .with_slot(cx, |slot| slot.yielded = Some(value));
                Poll::Pending
            }
            Resumed::Returned(value) => Poll::Ready(value),
            Resumed::Finished => panic!(
                "`yield_from!` a generator that has finished: it has no value left to return"
            ),
        }
    }
}
