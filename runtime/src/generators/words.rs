//! What `yield_!` and `yield_from!` are inside a generator.
//!
//! The expansion of a generator function makes one [`Words`] at the top of the body, and every word in the body becomes a method call
//! on it whose future is awaited on the spot. The words in the arguments of other macros, which could take apart what they are given,
//! are methods of [`Checked`] instead, whose futures find out whether it is their generator that polls them.

use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use super::Generator;
use super::delegation::Delegation;
use super::frame::{Resume as _, Resumed, Slot, yielded_twice};
use super::places::Body;

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
        CheckedDelegation {
            inner: self.0,
            begun: false,
            words,
        }
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
        CheckedDelegation {
            inner: Generator::new(self.0.frame()),
            begun: false,
            words,
        }
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
        Each {
            items: self.0.into_iter(),
            begun: false,
            exchange: PhantomData,
        }
    }

    fn delegate_checked<Y, S, K>(
        self,
        words: Checked<'_, Y, S, K>,
    ) -> CheckedEach<'_, T::IntoIter, Y, S, K>
    where
        T: IntoIterator<Item = Y>,
    {
        let each = Each {
            items: self.0.into_iter(),
            begun: false,
            exchange: PhantomData,
        };
        CheckedEach { each, words }
    }
}

/// The future of a `yield_from!(iterable)`.
#[must_use]
pub struct Each<I, S, K> {
    items: I,
    begun: bool,
    exchange: PhantomData<fn(K) -> S>,
}

/// The iterator is used by reference, never pinned.
impl<I, S, K> Unpin for Each<I, S, K> {}

impl<I: Iterator, S, K: Receives<S>> Each<I, S, K> {
    /// What the delegation ends with because it was sent something, if it was.
    #[inline]
    fn interrupted(&mut self, sent: &mut Option<S>) -> Option<K::Sent> {
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
            && self.thread.load(Relaxed) == this_thread();
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
pub(crate) fn this_thread() -> usize {
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
        current.thread.store(this_thread(), Relaxed);
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
