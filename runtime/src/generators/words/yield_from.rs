//! What `yield_from!` is inside a generator: of another generator the [`Delegation`] that joins it to the chain, of anything else that
//! can be iterated over an [`Each`].

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::checked::{Checked, CheckedDelegation, CheckedEach};
use super::{Receives, Words};
use crate::Generator;
use crate::generators::delegation::Delegation;
use crate::generators::frame::Slot;
use crate::generators::places::Body;

/// The operand of a `yield_from!`. Its inherent methods take generators and are found before the trait's, which take iterators.
pub struct From<T>(pub T);

/// The [`Words`] of a generator that exchanges `Y` and `S`. Never those that check: they may be in strangers' hands.
#[diagnostic::on_unimplemented(
    message = "`yield_from!` of a generator that yields `{Y}` and is sent `{S}`, inside one that exchanges other types",
    label = "this generator yields `{Y}` and is sent `{S}`",
    note = "what the inner generator yields goes to the caller of the outer one as it is, and what the outer one is sent goes to the inner one: the \
            `Y` and `S` of both `Generator<Y, S, R>` must be the same; to convert, write a loop: `for x in inner {{ yield_!(x.into()); }}`"
)]
pub trait Exchanges<Y, S> {
    /// Its kind.
    type Kind;
}

impl<Y, S, K> Exchanges<Y, S> for Words<Y, S, K> {
    type Kind = K;
}

/// The [`Words`] of a generator that yields `Y`. Never those that check.
#[diagnostic::on_unimplemented(
    message = "`yield_from!` of items of `{Y}`, inside a generator that yields another type",
    label = "these items are `{Y}`",
    note = "the items go to the generator's caller as they are; to convert them, delegate to `items.map(..)`, or write a loop: `for x in items {{ \
            yield_!(x.into()); }}`"
)]
pub trait Yields<Y> {
    /// What the generator is sent.
    type Sent;
    /// What it receives.
    type Receives: Receives<Self::Sent>;
}

impl<Y, S, K: Receives<S>> Yields<Y> for Words<Y, S, K> {
    type Sent = S;
    type Receives = K;
}

impl<Y, S, R, B: Body<Y, S, R>> From<Generator<Y, S, R, B>> {
    /// `yield_from!(generator)`.
    #[inline]
    pub fn delegate<W: Exchanges<Y, S>>(self, _: W) -> Delegation<Y, S, R, B> {
        // SAFETY: `Words` are made only by the contract of `Exchange::words`: the delegation is awaited on the spot by the body of a
        // generator of the same types, which knows that it delegates since there is this word in it.
        unsafe { Delegation::new(self.0.into_body()) }
    }

    /// `yield_from!(generator)` in another macro's argument.
    pub fn delegate_checked<K>(
        self,
        words: Checked<'_, Y, S, K>,
    ) -> CheckedDelegation<'_, Y, S, R, B, K> {
        CheckedDelegation::new(self.0, words)
    }
}

impl<'g, Y, S, R, B: Body<Y, S, R>> From<&'g mut Generator<Y, S, R, B>> {
    /// `yield_from!(&mut generator)`.
    #[inline]
    pub fn delegate<W: Exchanges<Y, S>>(self, _: W) -> Delegation<Y, S, R, Pin<&'g mut B::Pinned>> {
        // SAFETY: as above.
        unsafe { Delegation::new(self.0.frame()) }
    }

    /// `yield_from!(&mut generator)` in another macro's argument.
    pub fn delegate_checked<K>(
        self,
        words: Checked<'_, Y, S, K>,
    ) -> CheckedDelegation<'_, Y, S, R, Pin<&'g mut B::Pinned>, K> {
        CheckedDelegation::new(Generator::new(self.0.frame()), words)
    }
}

/// `yield_from!` of what is no generator.
pub trait Delegate: Sized {
    /// What it is.
    type Iterable;

    /// `yield_from!(iterable)`.
    fn delegate<Y, W>(
        self,
        words: W,
    ) -> Each<<Self::Iterable as IntoIterator>::IntoIter, W::Sent, W::Receives>
    where
        Self::Iterable: IntoIterator<Item = Y>,
        W: Yields<Y>;

    /// `yield_from!(iterable)` in another macro's argument.
    fn delegate_checked<Y, S, K>(
        self,
        words: Checked<'_, Y, S, K>,
    ) -> CheckedEach<'_, <Self::Iterable as IntoIterator>::IntoIter, Y, S, K>
    where
        Self::Iterable: IntoIterator<Item = Y>;
}

impl<T> Delegate for From<T> {
    type Iterable = T;

    #[inline]
    fn delegate<Y, W>(self, _: W) -> Each<T::IntoIter, W::Sent, W::Receives>
    where
        T: IntoIterator<Item = Y>,
        W: Yields<Y>,
    {
        Each::new(self.0.into_iter())
    }

    fn delegate_checked<Y, S, K>(
        self,
        words: Checked<'_, Y, S, K>,
    ) -> CheckedEach<'_, T::IntoIter, Y, S, K>
    where
        T: IntoIterator<Item = Y>,
    {
        CheckedEach::new(Each::new(self.0.into_iter()), words)
    }
}

/// The future of a `yield_from!(iterable)`.
#[must_use]
pub struct Each<I, S, K> {
    pub(super) items: I,
    pub(super) begun: bool,
    exchange: PhantomData<fn(K) -> S>,
}

/// The iterator is used by reference, never pinned.
impl<I, S, K> Unpin for Each<I, S, K> {}

impl<I, S, K> Each<I, S, K> {
    #[inline]
    fn new(items: I) -> Self {
        Each {
            items,
            begun: false,
            exchange: PhantomData,
        }
    }
}

impl<I: Iterator, S, K: Receives<S>> Each<I, S, K> {
    /// What the delegation ends with because it was sent something, if it was.
    #[inline]
    pub(super) fn interrupted(&mut self, sent: &mut Option<S>) -> Option<K::Sent> {
        let has_begun = std::mem::replace(&mut self.begun, true);
        (has_begun && K::interrupts(sent)).then(|| K::receive(sent))
    }
}

impl<I: Iterator, S, K: Receives<S>> Future for Each<I, S, K> {
    type Output = K::Sent;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<K::Sent> {
        let this = self.get_mut();
        // SAFETY: as in `Yield::poll`, here and below. The iterator is foreign code: no reference is kept while it runs.
        let slot = unsafe { Slot::<I::Item, S>::of(cx) };
        if let Some(sent) = this.interrupted(&mut slot.sent) {
            return Poll::Ready(sent);
        }
        match this.items.next() {
            Some(item) => {
                // SAFETY: as above.
                unsafe { Slot::<I::Item, S>::of(cx) }.leave(item);
                Poll::Pending
            }
            None => Poll::Ready(K::receive(&mut None)),
        }
    }
}
