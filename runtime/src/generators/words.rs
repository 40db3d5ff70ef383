//! What `yield_!` and `yield_from!` are inside a generator.
//!
//! The expansion of a generator function makes one [`Words`] at the top of the body, and every word in the body becomes a method call
//! on it whose future is awaited on the spot. The words in the arguments of other macros, which could take apart what they are given,
//! are methods of [`checked::Checked`] instead, whose futures find out whether it is their generator that polls them.
//!
//! - here: the words of a generator's types, and what `yield_!` becomes;
//! - [`yield_from`]: what `yield_from!` becomes, of a generator or of anything else that can be iterated over;
//! - [`checked`]: what both become in the arguments of other macros.

mod checked;
mod yield_from;

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use super::frame::{Slot, yielded_twice};

pub use checked::Current;
pub(crate) use checked::address_of_thread;
pub use yield_from::{Delegate, From};

/// What a `yield_!` evaluates to.
pub trait Receives<S> {
    /// Its type.
    type Sent;
    /// The value of a `yield_!` whose generator was resumed with `sent`, which is taken.
    fn receive(sent: &mut Option<S>) -> Self::Sent;
    /// Whether a delegation to a plain iterator, which can be sent nothing, ends when its generator is resumed with `sent`.
    fn interrupts(sent: &Option<S>) -> bool;
}

/// A generator that is sent nothing: its `yield_!` gives `()`.
pub struct Nothing;

impl Receives<()> for Nothing {
    type Sent = ();
    #[inline]
    fn receive(_: &mut Option<()>) {}
    #[inline]
    fn interrupts(_: &Option<()>) -> bool {
        false
    }
}

/// A generator that is sent an `S`: its `yield_!` gives an `Option<S>`.
pub struct Something;

impl<S> Receives<S> for Something {
    type Sent = Option<S>;
    #[inline]
    fn receive(sent: &mut Option<S>) -> Option<S> {
        sent.take()
    }
    #[inline]
    fn interrupts(sent: &Option<S>) -> bool {
        sent.is_some()
    }
}

/// The words of a generator that yields `Y` and is sent `S`; `K` is what it receives.
pub struct Words<Y, S, K>(Same<Y, S>, PhantomData<fn(K)>);

/// Exactly the types `Y` and `S`: a longer lifetime in the place of a shorter one would let a body keep what it was only lent.
pub(crate) type Same<Y, S> = PhantomData<fn(Y, S) -> (Y, S)>;

impl<Y, S, K> Clone for Words<Y, S, K> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<Y, S, K> Copy for Words<Y, S, K> {}

/// The types that a generator exchanges, for the method call that finds out what it receives.
pub struct Exchange<Y, S>(Same<Y, S>);

impl<Y, S> Clone for Exchange<Y, S> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<Y, S> Copy for Exchange<Y, S> {}

impl<Y, S> Exchange<Y, S> {
    /// The types `Y` and `S`.
    #[must_use]
    pub const fn types() -> Self {
        Exchange(PhantomData)
    }
}

impl<Y> Exchange<Y, ()> {
    /// The words of a generator that is sent nothing. This inherent method is found before the trait's.
    ///
    /// # Safety
    ///
    /// They are used only directly in the body of a generator of these types: each future they give is awaited where it is made, by
    /// the body itself and not by an `async` block or a closure in it.
    #[must_use]
    pub const unsafe fn words(self) -> Words<Y, (), Nothing> {
        Words(PhantomData, PhantomData)
    }
}

/// The words of any other generator.
pub trait ExchangeAny<Y, S> {
    /// The words of a generator that is sent an `S`.
    ///
    /// # Safety
    ///
    /// As of the inherent method.
    unsafe fn words(self) -> Words<Y, S, Something>;
}

impl<Y, S> ExchangeAny<Y, S> for Exchange<Y, S> {
    unsafe fn words(self) -> Words<Y, S, Something> {
        Words(PhantomData, PhantomData)
    }
}

impl<Y, S, K: Receives<S>> Words<Y, S, K> {
    /// The way of the yielded values in a body whose own words are its only ones: straight into the slot.
    ///
    /// # Safety
    ///
    /// It is awaited directly in the body of a generator of these types, which yields in no other way and does not delegate.
    #[inline]
    pub unsafe fn straight(self) -> Suspended<Y, S, K, Start> {
        Suspended(PhantomData, PhantomData)
    }

    /// The way of the yielded values in any other body.
    #[must_use]
    pub const fn carried(self) -> Carried {
        Carried
    }

    /// `yield_!(value)`. The future gives the way of the next value, and what was sent.
    #[inline(always)]
    pub fn yield_<V: Way<Y, S, K>>(self, value: Y, way: V) -> V::Yield {
        way.yield_(value)
    }
}

/// The way that a yielded value takes to the slot.
pub trait Way<Y, S, K: Receives<S>>: Sized {
    /// The future of a `yield_!`.
    type Yield: Future<Output = Given<Self, K::Sent>>;
    /// Yields.
    fn yield_(self, value: Y) -> Self::Yield;
}

/// What a `yield_!` gives.
pub struct Given<V, T> {
    /// The way of the next value.
    pub way: V,
    sent: T,
}

impl<V, T> Given<V, T> {
    /// What was sent.
    #[inline(always)]
    pub fn sent(self) -> T {
        self.sent
    }
}

/// The slot that the body is being resumed through.
///
/// Every resumption has another slot. So a body never keeps this over a suspension: a `yield_!` uses it up, and gives the next one.
pub struct Straight<Y, S>(NonNull<Slot<Y, S>>, Same<Y, S>);

impl<Y, S> Clone for Straight<Y, S> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<Y, S> Copy for Straight<Y, S> {}

// SAFETY: it is used on the thread it was made on: the body gets a new one whenever it is resumed.
unsafe impl<Y, S> Send for Straight<Y, S> {}

impl<Y, S, K: Receives<S>> Way<Y, S, K> for Straight<Y, S> {
    type Yield = Suspended<Y, S, K, Resume>;

    #[inline(always)]
    fn yield_(mut self, value: Y) -> Suspended<Y, S, K, Resume> {
        // SAFETY: by the contract of `Words::straight`, the body is running and the slot is that of this resumption: every suspension
        // of the body is a `yield_!`, after which it uses the slot that this gave.
        unsafe { self.0.as_mut() }.yielded = Some(value);
        Suspended(PhantomData, PhantomData)
    }
}

/// At the beginning of a body, where nothing has been sent.
pub struct Start;

/// At a `yield_!` whose value is in the slot.
pub struct Resume;

/// The future of a `yield_!` whose value went straight into the slot. It is ready when the body is resumed, through another slot.
#[must_use]
pub struct Suspended<Y, S, K, W>(Same<Y, S>, PhantomData<fn(K, W)>);

impl<Y, S, K> Future for Suspended<Y, S, K, Start> {
    type Output = Straight<Y, S>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Straight<Y, S>> {
        // SAFETY: as in `Yield::poll`.
        Poll::Ready(Straight(
            NonNull::from(unsafe { Slot::<Y, S>::of(cx) }),
            PhantomData,
        ))
    }
}

impl<Y, S, K: Receives<S>> Future for Suspended<Y, S, K, Resume> {
    type Output = Given<Straight<Y, S>, K::Sent>;

    #[inline(always)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: as in `Yield::poll`.
        let slot = unsafe { Slot::<Y, S>::of(cx) };
        // The value is still there: not resumed yet.
        if slot.yielded.is_some() {
            return Poll::Pending;
        }
        let sent = K::receive(&mut slot.sent);
        Poll::Ready(Given {
            way: Straight(NonNull::from(slot), PhantomData),
            sent,
        })
    }
}

/// The value waits in the future of its `yield_!` until that is polled.
#[derive(Clone, Copy)]
pub struct Carried;

impl<Y, S, K: Receives<S>> Way<Y, S, K> for Carried {
    type Yield = Yield<Y, S, K>;

    #[inline]
    fn yield_(self, value: Y) -> Yield<Y, S, K> {
        Yield {
            value: Some(value),
            exchange: PhantomData,
        }
    }
}

/// The future of a `yield_!` whose value waits in it.
#[must_use]
pub struct Yield<Y, S, K> {
    value: Option<Y>,
    exchange: PhantomData<fn(K) -> S>,
}

/// The value is moved to the slot, never pinned.
impl<Y, S, K> Unpin for Yield<Y, S, K> {}

impl<Y, S, K: Receives<S>> Future for Yield<Y, S, K> {
    type Output = Given<Carried, K::Sent>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: by the contract of `Exchange::words`, only the body of a generator of these types polls this, with the context of
        // the slot it is resumed through.
        let slot = unsafe { Slot::<Y, S>::of(cx) };
        exchange::<Y, S, K>(slot, &mut self.value).map(|sent| Given { way: Carried, sent })
    }
}

/// The first time, leaves the value in the slot; the second, takes what was sent.
#[inline]
fn exchange<Y, S, K: Receives<S>>(slot: &mut Slot<Y, S>, value: &mut Option<Y>) -> Poll<K::Sent> {
    match value.take() {
        Some(_) if slot.yielded.is_some() => yielded_twice(),
        Some(value) => {
            slot.yielded = Some(value);
            Poll::Pending
        }
        // Not resumed yet.
        None if slot.yielded.is_some() => Poll::Pending,
        None => Poll::Ready(K::receive(&mut slot.sent)),
    }
}
