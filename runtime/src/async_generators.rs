//! Async generators: generators whose bodies also await.
//!
//! # Implementation
//!
//! What the body awaits must see the caller's own waker, so an async generator cannot find the slot it exchanges values through by
//! way of the waker, as a [`Generator`](crate::Generator) does. The slot lives in the frame, beside the body. The very first poll
//! goes with a waker that leads to the slot: all the body does there is take the address. From then on it is polled with the
//! caller's context, untouched.

use std::cell::UnsafeCell;
use std::fmt;
use std::future::Future;
use std::marker::{PhantomData, PhantomPinned};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use futures_core::stream::{FusedStream, Stream};

use crate::exceptions::CancelledError;
use crate::generators::frame::{Inline, Named, State, with_address};
use crate::generators::words::{Exchange, Nothing, Receives, Something, this_thread};
use crate::tasks::cancellation::{self, Catch};

/// An async generator: yields values of `Y` and awaits in between, is sent values of `S`.
///
/// Made by calling an [`#[asyncio::coroutine]`](macro@crate::coroutine) function whose return type says `AsyncGenerator`. It is a
/// [`Stream`], so everything that takes one takes it, on any executor; `#[async_for]` runs through it.
///
/// ```
/// use asyncio::AsyncGenerator;
///
/// #[asyncio::coroutine]
/// async fn ticks(up_to: u32) -> AsyncGenerator<u32> {
///     for n in 1..=up_to {
///         await_!(asyncio::sleep(0.001));
///         yield_!(n);
///     }
/// }
///
/// #[asyncio::main]
/// async fn main() {
///     let mut sum = 0;
///     #[async_for]
///     for n in ticks(3) {
///         sum += n;
///     }
///     assert_eq!(sum, 6);
/// }
/// ```
///
/// As with [`Generator`](crate::Generator), the hidden third parameter is the function's own type, and its default is any async
/// generator, behind a box: [`boxed`](Self::boxed).
///
/// # Cancellation
///
/// A cancellation raised in what the body awaits unwinds the body, and the generator is finished. Dropping a generator runs its
/// destructors only; [`aclose`](Self::aclose) also awaits the cleanup of the `#[async_with]` blocks it stands in.
#[must_use = "an async generator does nothing until it is asked for a value: use it with `#[async_for]`, or await `anext()`"]
pub struct AsyncGenerator<Y, S = (), B = Erased<'static, Y, S>> {
    body: B,
    exchange: PhantomData<fn(S) -> Y>,
}

/// It moves into a box before it is first polled, so it can always be moved.
impl<Y, S, B> Unpin for AsyncGenerator<Y, S, B> {}

/// An [`AsyncGenerator`] of any function, that may borrow for `'a`.
pub type BoxAsyncGenerator<'a, Y, S = ()> = AsyncGenerator<Y, S, Erased<'a, Y, S>>;

/// A [`BoxAsyncGenerator`] that may go to another thread.
pub type BoxSendAsyncGenerator<'a, Y, S = ()> = AsyncGenerator<Y, S, ErasedSend<'a, Y, S>>;

/// The body of any async generator.
#[doc(hidden)]
pub type Erased<'a, Y, S> = Pin<Box<dyn AsyncFrame<Y, S> + 'a>>;

/// The body of any async generator that is `Send`.
#[doc(hidden)]
pub type ErasedSend<'a, Y, S> = Pin<Box<dyn AsyncFrame<Y, S> + Send + 'a>>;

impl<Y, S, B: AsyncBody<Y, S>> AsyncGenerator<Y, S, B> {
    pub(crate) fn new(body: B) -> Self {
        AsyncGenerator {
            body,
            exchange: PhantomData,
        }
    }

    /// The next value; `None` when the generator has returned. Python's `anext`.
    ///
    /// # Cancellation
    ///
    /// Dropping the future leaves the generator where it is, in the middle of what it awaits; the next `anext` goes on from there.
    pub fn anext(&mut self) -> ANext<'_, Y, S, B> {
        ANext {
            generator: self,
            sent: None,
        }
    }

    /// Resumes the generator, the `yield_!` it stands at evaluating to `value`; gives the next value. Python's `asend`.
    ///
    /// ```
    /// # use asyncio::AsyncGenerator;
    /// #[asyncio::coroutine]
    /// async fn doubling() -> AsyncGenerator<i32, i32> {
    ///     let mut answer = 0;
    ///     while let Some(number) = yield_!(answer) {
    ///         answer = number * 2;
    ///     }
    /// }
    ///
    /// # asyncio::run(async {
    /// let mut g = doubling();
    /// assert_eq!(g.anext().await, Some(0));
    /// assert_eq!(g.asend(21).await, Some(42));
    /// assert_eq!(g.asend(None).await, None);
    /// # });
    /// ```
    ///
    /// # Panics
    ///
    /// `can't send non-None value to a just-started async generator`.
    pub fn asend(&mut self, value: impl Into<Option<S>>) -> ANext<'_, Y, S, B> {
        let sent = value.into();
        if sent.is_some() && self.body.state() == State::Created {
            panic!("can't send non-None value to a just-started async generator");
        }
        ANext {
            generator: self,
            sent,
        }
    }

    /// Ends the generator, awaiting the cleanup of the `#[async_with]` blocks and the [`finally`](crate::finally) it stands in.
    /// Python's `aclose`.
    ///
    /// The body is unwound from the `yield_!` it stands at: what a cancellation would do there. A generator that has not started, or
    /// has finished, has nothing to clean up. One whose `anext` was dropped while it was awaiting something is only dropped.
    ///
    /// ```
    /// # use asyncio::{AsyncExit, AsyncGenerator};
    /// struct Connection;
    /// impl AsyncExit for Connection {
    ///     async fn aexit(&mut self) {
    ///         asyncio::sleep(0.001).await;
    ///         println!("closed");
    ///     }
    /// }
    ///
    /// #[asyncio::coroutine]
    /// async fn rows() -> AsyncGenerator<u32> {
    ///     #[async_with(_c = Connection)]
    ///     {
    ///         for row in 0.. {
    ///             yield_!(row);
    ///         }
    ///     }
    /// }
    ///
    /// # asyncio::run(async {
    /// let mut rows = rows();
    /// assert_eq!(rows.anext().await, Some(0));
    /// rows.aclose().await; // prints "closed"
    /// assert_eq!(rows.anext().await, None);
    /// # });
    /// ```
    pub async fn aclose(&mut self) {
        let mut frame = self.body.frame();
        if frame.as_mut().begin_closing() {
            let mut catch = Catch::default();
            let closed = std::future::poll_fn(|cx| {
                let polled = catch_unwind(AssertUnwindSafe(|| {
                    catch.poll(cx, |cx| frame.as_mut().poll_next(cx))
                }));
                match polled {
                    Ok(Poll::Pending) => Poll::Pending,
                    Ok(Poll::Ready(ended)) => Poll::Ready(Ok(ended)),
                    Err(payload) if payload.is::<GeneratorExit>() => Poll::Ready(Ok(Ok(None))),
                    Err(payload) => Poll::Ready(Err(payload)),
                }
            })
            .await;
            frame.finish();
            match closed {
                Ok(Ok(None)) => {}
                Ok(Ok(Some(_))) => panic!("async generator ignored GeneratorExit"),
                Ok(Err(exit)) if exit.message() == Some(GENERATOR_EXIT) => {}
                Ok(Err(cancelled)) => cancelled.raise().await,
                Err(payload) => std::panic::resume_unwind(payload),
            }
            return;
        }
        frame.finish();
    }

    /// The same generator behind a box, its type erased.
    pub fn boxed<'a>(self) -> BoxAsyncGenerator<'a, Y, S>
    where
        B: 'a,
    {
        AsyncGenerator {
            body: self.body.erase(),
            exchange: PhantomData,
        }
    }

    /// [`boxed`](Self::boxed), for a generator that may go to another thread.
    pub fn boxed_send<'a>(self) -> BoxSendAsyncGenerator<'a, Y, S>
    where
        B: Send + 'a,
    {
        AsyncGenerator {
            body: self.body.erase_send(),
            exchange: PhantomData,
        }
    }

    /// The generator as a stream that runs where it is pinned, and allocates nothing.
    ///
    /// An `AsyncGenerator` can always be moved, and so moves into a box when it is first polled; this cannot.
    ///
    /// ```
    /// # use asyncio::AsyncGenerator;
    /// # #[asyncio::coroutine]
    /// # async fn ticks(n: u32) -> AsyncGenerator<u32> { for i in 0..n { yield_!(i); } }
    /// use futures::StreamExt;
    /// use std::pin::pin;
    ///
    /// # asyncio::run(async {
    /// let mut ticks = pin!(ticks(3).in_place());
    /// assert_eq!(ticks.next().await, Some(0));
    /// # });
    /// ```
    pub fn in_place(self) -> InPlace<Y, S, B> {
        InPlace {
            body: self.body,
            exchange: PhantomData,
            _pinned: PhantomPinned,
        }
    }

    /// A typed box: what the call of a function inside itself becomes.
    pub(crate) fn boxed_typed(self) -> AsyncGenerator<Y, S, Pin<Box<B>>> {
        AsyncGenerator {
            body: Box::pin(self.body),
            exchange: PhantomData,
        }
    }
}

impl<Y, V, E, B: AsyncBody<Y, Result<V, E>>> AsyncGenerator<Y, Result<V, E>, B> {
    /// Raises `error` at the `yield_!` the generator stands at, which evaluates to `Some(Err(error))`; gives the next value. Python's
    /// `athrow`.
    ///
    /// # Errors
    ///
    /// The error itself if the generator has not started or has finished: there is nobody to raise it in, and it is finished now.
    pub async fn athrow(&mut self, error: E) -> Result<Option<Y>, E> {
        if self.body.state() != State::Suspended {
            self.body.frame().finish();
            return Err(error);
        }
        Ok(self.asend(Err(error)).await)
    }
}

/// The future of [`anext`](AsyncGenerator::anext) and [`asend`](AsyncGenerator::asend).
#[must_use = "futures do nothing unless awaited"]
pub struct ANext<'g, Y, S, B> {
    generator: &'g mut AsyncGenerator<Y, S, B>,
    sent: Option<S>,
}

/// What is sent is moved on, never pinned.
impl<Y, S, B> Unpin for ANext<'_, Y, S, B> {}

impl<Y, S, B: AsyncBody<Y, S>> Future for ANext<'_, Y, S, B> {
    type Output = Option<Y>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Y>> {
        let sent = self.sent.take();
        let mut frame = self.generator.body.frame();
        if sent.is_some() {
            frame.as_mut().send(sent);
        }
        frame.poll_next(cx)
    }
}

impl<Y, S, B: AsyncBody<Y, S>> Stream for AsyncGenerator<Y, S, B> {
    type Item = Y;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Y>> {
        self.get_mut().body.frame().poll_next(cx)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        match self.body.state() {
            State::Finished => (0, Some(0)),
            State::Created | State::Suspended => (0, None),
        }
    }
}

impl<Y, S, B: AsyncBody<Y, S>> FusedStream for AsyncGenerator<Y, S, B> {
    fn is_terminated(&self) -> bool {
        self.body.state() == State::Finished
    }
}

impl<Y, S, B: AsyncBody<Y, S>> fmt::Debug for AsyncGenerator<Y, S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<async_generator object {} at {:p}>",
            self.body.name(),
            self
        )
    }
}

/// The stream of [`AsyncGenerator::in_place`].
#[must_use = "streams do nothing unless polled"]
pub struct InPlace<Y, S, B> {
    body: B,
    exchange: PhantomData<fn(S) -> Y>,
    _pinned: PhantomPinned,
}

impl<Y, S, B: AsyncBody<Y, S>> Stream for InPlace<Y, S, B> {
    type Item = Y;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Y>> {
        // SAFETY: `body` is pinned whenever the stream is: nothing takes it out.
        unsafe { self.map_unchecked_mut(|this| &mut this.body) }.poll_next(cx)
    }
}

impl<Y, S, B: AsyncBody<Y, S>> fmt::Debug for InPlace<Y, S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "<async_generator object {} at {:p}>",
            self.body.name(),
            self
        )
    }
}

/// Where the body of an async generator and whoever awaits it exchange values.
struct Slot<Y, S> {
    yielded: Option<Y>,
    sent: Option<S>,
    /// The next `yield_!` that is resumed raises.
    closing: bool,
    /// The thread the body is running on, for the words that check.
    thread: AtomicUsize,
}

/// An async generator's body in a place it does not move from.
pub trait AsyncFrame<Y, S> {
    /// Runs the body up to its next value.
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Y>>;
    /// What the `yield_!` it stands at evaluates to.
    fn send(self: Pin<&mut Self>, sent: Option<S>);
    /// Makes the `yield_!` it stands at raise when it is resumed; false if it stands at none.
    fn begin_closing(self: Pin<&mut Self>) -> bool;
    /// Drops the body where it is.
    fn finish(self: Pin<&mut Self>);
    /// Where the generator stands.
    fn state(&self) -> State;
    /// The name of the generator function.
    fn name(&self) -> &'static str;
}

/// What an [`AsyncGenerator`] holds: a frame, or what becomes one when it is first polled.
pub trait AsyncBody<Y, S>: AsyncFrame<Y, S> {
    /// The frame.
    type Pinned: AsyncFrame<Y, S> + ?Sized;
    /// The frame, in the place it will not move from.
    fn frame(&mut self) -> Pin<&mut Self::Pinned>;
    /// A box of any type of frame.
    fn erase<'a>(self) -> Erased<'a, Y, S>
    where
        Self: 'a;
    /// A box of any type of frame that is `Send`.
    fn erase_send<'a>(self) -> ErasedSend<'a, Y, S>
    where
        Self: Send + 'a;
}

/// How far an async generator's body has come.
#[derive(Clone, Copy, PartialEq)]
enum Stage {
    /// Not begun.
    Created,
    /// At a `yield_!`.
    Yielded,
    /// In the middle of something it awaits.
    Awaiting,
    /// A cancellation was raised in it: nothing runs in it any more. It is dropped when it is next asked for, not at once, since
    /// whoever catches the cancellation clears its mark first.
    Doomed,
}

/// The frame of an async generator function: `F` is its body, `N` its name.
pub struct AsyncFunction<Y, S, F, N> {
    slot: UnsafeCell<Slot<Y, S>>,
    stage: Stage,
    /// `None` once the body has ended. It holds the address of `slot`, and ends before it.
    body: Option<F>,
    name: PhantomData<fn() -> N>,
    _pinned: PhantomPinned,
}

impl<Y, S, F, N> AsyncFunction<Y, S, F, N> {
    fn new(body: F) -> Self {
        let slot = Slot {
            yielded: None,
            sent: None,
            closing: false,
            thread: AtomicUsize::new(0),
        };
        AsyncFunction {
            slot: UnsafeCell::new(slot),
            stage: Stage::Created,
            body: Some(body),
            name: PhantomData,
            _pinned: PhantomPinned,
        }
    }
}

/// Ends a frame whose body panics.
struct EndOnPanic<'a, F>(&'a mut Option<F>);

impl<F> Drop for EndOnPanic<'_, F> {
    fn drop(&mut self) {
        *self.0 = None;
    }
}

impl<Y, S, F, N> AsyncFrame<Y, S> for AsyncFunction<Y, S, F, N>
where
    F: Future<Output = ()>,
    N: Named,
{
    #[inline(always)]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Y>> {
        // SAFETY: neither the slot nor the body is moved out of the frame.
        let this = unsafe { self.get_unchecked_mut() };
        if this.stage == Stage::Doomed {
            this.body = None;
        }
        if this.body.is_none() {
            return Poll::Ready(None);
        }
        let slot = this.slot.get();
        let guard = EndOnPanic(&mut this.body);
        let Some(body) = &mut *guard.0 else {
            unreachable!("looked above")
        };
        // SAFETY: the frame is pinned, and the body with it.
        let mut body = unsafe { Pin::new_unchecked(body) };
        if this.stage == Stage::Created {
            hand_over(body.as_mut(), slot);
        }
        let polled = body.poll(cx);
        // SAFETY: the body is not running, so nobody else reaches the slot.
        let yielded = unsafe { (*slot).yielded.take() };
        match (polled, yielded) {
            (Poll::Ready(()), _) => {
                *guard.0 = None;
                std::mem::forget(guard);
                Poll::Ready(None)
            }
            (Poll::Pending, Some(value)) => {
                std::mem::forget(guard);
                this.stage = Stage::Yielded;
                Poll::Ready(Some(value))
            }
            (Poll::Pending, None) => {
                std::mem::forget(guard);
                this.stage = if cancellation::in_flight() {
                    Stage::Doomed
                } else {
                    Stage::Awaiting
                };
                Poll::Pending
            }
        }
    }

    fn send(self: Pin<&mut Self>, sent: Option<S>) {
        if self.stage == Stage::Yielded {
            // SAFETY: as in `poll_next`; the pinned parts are not touched.
            unsafe { (*self.get_unchecked_mut().slot.get()).sent = sent };
        }
    }

    fn begin_closing(self: Pin<&mut Self>) -> bool {
        let stands = self.stage == Stage::Yielded && self.body.is_some();
        // SAFETY: as in `send`.
        unsafe { (*self.get_unchecked_mut().slot.get()).closing = stands };
        stands
    }

    fn finish(self: Pin<&mut Self>) {
        // SAFETY: the body is dropped in place.
        unsafe { self.get_unchecked_mut() }.body = None;
    }

    fn state(&self) -> State {
        match (&self.body, self.stage) {
            (None, _) | (_, Stage::Doomed) => State::Finished,
            (Some(_), Stage::Created) => State::Created,
            (Some(_), Stage::Yielded | Stage::Awaiting) => State::Suspended,
        }
    }

    fn name(&self) -> &'static str {
        N::NAME
    }
}

/// The first poll of a body, which only takes the slot's address. Apart from the others, so that those are one simple step.
#[cold]
#[inline(never)]
fn hand_over<Y, S, F: Future<Output = ()>>(body: Pin<&mut F>, slot: *mut Slot<Y, S>) {
    let begun = with_address(slot.cast_const().cast(), |cx| body.poll(cx));
    debug_assert!(
        begun.is_pending(),
        "the first poll of a body only takes the address"
    );
}

/// A frame that is reached through something else.
macro_rules! frame_through {
    ([$($generics:tt)*] $pointer:ty, $get_mut:expr, $get:expr) => {
        impl<Y, S, $($generics)*> AsyncFrame<Y, S> for $pointer
        where
            C: AsyncFrame<Y, S> + ?Sized,
        {
            #[inline]
            fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Y>> {
                $get_mut(self).poll_next(cx)
            }

            #[inline]
            fn send(self: Pin<&mut Self>, sent: Option<S>) {
                $get_mut(self).send(sent);
            }

            fn begin_closing(self: Pin<&mut Self>) -> bool {
                $get_mut(self).begin_closing()
            }

            fn finish(self: Pin<&mut Self>) {
                $get_mut(self).finish();
            }

            fn state(&self) -> State {
                $get(self).state()
            }

            fn name(&self) -> &'static str {
                $get(self).name()
            }
        }
    };
}

frame_through!([C: Sized] Inline<C>, Inline::project, Inline::get);
frame_through!([C] Pin<Box<C>>, Pin::as_deref_mut, std::ops::Deref::deref);

impl<Y, S, C: AsyncFrame<Y, S>> AsyncBody<Y, S> for Inline<C> {
    type Pinned = C;

    #[inline]
    fn frame(&mut self) -> Pin<&mut C> {
        self.move_away()
    }

    fn erase<'a>(self) -> Erased<'a, Y, S>
    where
        Self: 'a,
    {
        match self {
            Inline::Away(frame) => frame,
            here => Box::pin(here),
        }
    }

    fn erase_send<'a>(self) -> ErasedSend<'a, Y, S>
    where
        Self: Send + 'a,
    {
        Box::pin(self)
    }
}

impl<Y, S, C: AsyncFrame<Y, S>> AsyncBody<Y, S> for Pin<Box<C>> {
    type Pinned = C;

    #[inline]
    fn frame(&mut self) -> Pin<&mut C> {
        self.as_mut()
    }

    fn erase<'a>(self) -> Erased<'a, Y, S>
    where
        Self: 'a,
    {
        self
    }

    fn erase_send<'a>(self) -> ErasedSend<'a, Y, S>
    where
        Self: Send + 'a,
    {
        Box::pin(self)
    }
}

impl<'x, Y, S> AsyncBody<Y, S> for Erased<'x, Y, S> {
    type Pinned = dyn AsyncFrame<Y, S> + 'x;

    #[inline]
    fn frame(&mut self) -> Pin<&mut Self::Pinned> {
        self.as_mut()
    }

    fn erase<'a>(self) -> Erased<'a, Y, S>
    where
        Self: 'a,
    {
        self
    }

    fn erase_send<'a>(self) -> ErasedSend<'a, Y, S>
    where
        Self: Send + 'a,
    {
        Box::pin(self)
    }
}

impl<'x, Y, S> AsyncBody<Y, S> for ErasedSend<'x, Y, S> {
    type Pinned = dyn AsyncFrame<Y, S> + Send + 'x;

    #[inline]
    fn frame(&mut self) -> Pin<&mut Self::Pinned> {
        self.as_mut()
    }

    fn erase<'a>(self) -> Erased<'a, Y, S>
    where
        Self: 'a,
    {
        self
    }

    fn erase_send<'a>(self) -> ErasedSend<'a, Y, S>
    where
        Self: Send + 'a,
    {
        self
    }
}

/// The body of an async generator function.
pub type AsyncYielding<Y, S, F, N> = Inline<AsyncFunction<Y, S, F, N>>;

/// An async generator of the function `N`, whose body is `body`.
pub fn async_generator<N: Named, Y, S, F: Future<Output = ()>>(
    _: Exchange<Y, S>,
    body: F,
) -> AsyncGenerator<Y, S, AsyncYielding<Y, S, F, N>> {
    AsyncGenerator::new(Inline::holding(AsyncFunction::new(body)))
}

/// The slot's address, as the body keeps it.
struct Address<Y, S>(NonNull<Slot<Y, S>>);

// SAFETY: the body that keeps it goes to another thread only together with the slot, which holds values of these types.
unsafe impl<Y: Send, S: Send> Send for Address<Y, S> {}
// SAFETY: through a shared reference the slot is reached only by the body itself, or where it is checked that it runs on this thread.
unsafe impl<Y: Send, S: Send> Sync for Address<Y, S> {}

/// The words of an async generator.
pub struct AsyncWords<Y, S, K> {
    address: Address<Y, S>,
    receives: PhantomData<fn(K)>,
}

impl<Y> Exchange<Y, ()> {
    /// The words of an async generator that is sent nothing: the first thing its body awaits. This inherent method is found before the
    /// trait's.
    ///
    /// # Safety
    ///
    /// It is awaited first, directly in the body of an async generator of these types; and the words are used only in that body, each
    /// future they give awaited where it is made.
    #[must_use]
    pub unsafe fn async_words(self) -> TakeAddress<Y, (), Nothing> {
        TakeAddress {
            address: None,
            receives: PhantomData,
        }
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
    unsafe fn async_words(self) -> TakeAddress<Y, S, Something> {
        TakeAddress {
            address: None,
            receives: PhantomData,
        }
    }
}

/// The future that gives an async generator's body its words.
pub struct TakeAddress<Y, S, K> {
    address: Option<Address<Y, S>>,
    receives: PhantomData<fn(K)>,
}

/// An address is not pinned.
impl<Y, S, K> Unpin for TakeAddress<Y, S, K> {}

impl<Y, S, K> Future for TakeAddress<Y, S, K> {
    type Output = AsyncWords<Y, S, K>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.address.take() {
            Some(address) => Poll::Ready(AsyncWords {
                address,
                receives: PhantomData,
            }),
            None => {
                self.address =
                    NonNull::new(cx.waker().data().cast::<Slot<Y, S>>().cast_mut()).map(Address);
                Poll::Pending
            }
        }
    }
}

impl<Y, S, K: Receives<S>> AsyncWords<Y, S, K> {
    /// `yield_!(value)`.
    #[inline]
    pub fn yield_(&self, value: Y) -> AsyncYield<Y, S, K> {
        AsyncYield {
            value: Some(value),
            words: AsyncWords {
                address: Address(self.address.0),
                receives: PhantomData,
            },
        }
    }

    /// The words for the arguments of other macros, which check.
    pub fn checked(&self) -> AsyncChecked<'_, Y, S, K> {
        AsyncChecked { words: self }
    }

    /// The body, keeping up to date which thread it runs on.
    pub fn run<F>(&self, body: F) -> AsyncRunning<'_, Y, S, K, F> {
        AsyncRunning { words: self, body }
    }

    /// The thread the body runs on.
    fn thread(&self) -> &AtomicUsize {
        // SAFETY: the slot is alive as long as the body, of which the words are a part; this one field of it may be read anywhere.
        unsafe { &(*self.address.0.as_ptr()).thread }
    }

    /// Leaves a value, or takes what was sent; raises if the generator is being closed.
    ///
    /// # Safety
    ///
    /// The body is running, on this thread.
    #[inline(always)]
    unsafe fn exchange(&self, value: &mut Option<Y>, cx: &Context<'_>) -> Poll<K::Sent> {
        let slot = self.address.0.as_ptr();
        // SAFETY: the slot is alive while its body runs, and only the body reaches these fields then.
        let (yielded, sent, closing) =
            unsafe { (&mut (*slot).yielded, &mut (*slot).sent, (*slot).closing) };
        match value.take() {
            Some(value) => {
                *yielded = Some(value);
                Poll::Pending
            }
            None if closing => raise_exit(cx),
            None => Poll::Ready(K::receive(sent.take())),
        }
    }
}

/// Unwinds the body of a generator that is being closed: as a cancellation in a task of ours, and as a panic anywhere else.
#[cold]
fn raise_exit<T>(cx: &Context<'_>) -> Poll<T> {
    if crate::event_loop::context::with_current_task(|_| ()).is_some() {
        return cancellation::raise(cx, CancelledError::with_message(GENERATOR_EXIT));
    }
    std::panic::resume_unwind(Box::new(GeneratorExit));
}

/// What the cancellation says that closes a generator.
const GENERATOR_EXIT: &str = "GeneratorExit";

/// The payload that closes a generator off our loop.
struct GeneratorExit;

/// The future of a `yield_!` in an async generator.
#[must_use]
pub struct AsyncYield<Y, S, K> {
    value: Option<Y>,
    words: AsyncWords<Y, S, K>,
}

/// The value is moved to the slot, never pinned.
impl<Y, S, K> Unpin for AsyncYield<Y, S, K> {}

impl<Y, S, K: Receives<S>> Future for AsyncYield<Y, S, K> {
    type Output = K::Sent;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<K::Sent> {
        let Self { value, words } = &mut *self;
        // SAFETY: by the contract of `async_words`, it is the running body that polls this.
        unsafe { words.exchange(value, cx) }
    }
}

/// The words of an async generator in the arguments of other macros.
pub struct AsyncChecked<'w, Y, S, K> {
    words: &'w AsyncWords<Y, S, K>,
}

impl<Y, S, K> Clone for AsyncChecked<'_, Y, S, K> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<Y, S, K> Copy for AsyncChecked<'_, Y, S, K> {}

impl<'w, Y, S, K: Receives<S>> AsyncChecked<'w, Y, S, K> {
    /// `yield_!(value)`.
    pub fn yield_(self, value: Y) -> AsyncCheckedYield<'w, Y, S, K> {
        AsyncCheckedYield {
            value: Some(value),
            words: self.words,
        }
    }
}

/// The future of a `yield_!` in another macro's argument.
#[must_use]
pub struct AsyncCheckedYield<'w, Y, S, K> {
    value: Option<Y>,
    words: &'w AsyncWords<Y, S, K>,
}

/// The value is moved to the slot, never pinned.
impl<Y, S, K> Unpin for AsyncCheckedYield<'_, Y, S, K> {}

impl<Y, S, K: Receives<S>> Future for AsyncCheckedYield<'_, Y, S, K> {
    type Output = K::Sent;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<K::Sent> {
        let Self { value, words } = &mut *self;
        assert!(
            words.thread().load(Relaxed) == this_thread(),
            "`yield_!` was polled by something else than its own generator: a macro moved it elsewhere"
        );
        // SAFETY: the number is that of the thread the body runs on, for as long as it runs, so it is running here.
        unsafe {
            let is_first = (*words.address.0.as_ptr()).yielded.is_none();
            assert!(is_first, "two `yield_!` of one async generator at once");
            words.exchange(value, cx)
        }
    }
}

/// The future of a body that has words in other macros' arguments.
#[must_use]
pub struct AsyncRunning<'w, Y, S, K, F> {
    words: &'w AsyncWords<Y, S, K>,
    body: F,
}

impl<Y, S, K, F: Future> Future for AsyncRunning<'_, Y, S, K, F>
where
    K: Receives<S>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        struct Leave<'w>(&'w AtomicUsize);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.store(0, Relaxed);
            }
        }
        let words = self.words;
        // SAFETY: `body` is pinned with the future.
        let body = unsafe { self.map_unchecked_mut(|this| &mut this.body) };
        words.thread().store(this_thread(), Relaxed);
        let _leave = Leave(words.thread());
        body.poll(cx)
    }
}
