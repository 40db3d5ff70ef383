//! Async generators: generators whose bodies also await.
//!
//! # Implementation
//!
//! What the body awaits must see the caller's own waker, so an async generator cannot find the slot it exchanges values through by
//! way of the waker, as a [`Generator`](crate::Generator) does. The slot lives in the frame, beside the body, which is handed its address
//! before each poll, and keeps it over what it awaits.
//!
//! - [`frame`]: the slot, and the frame that runs a body, pinned;
//! - [`places`]: where a frame can be: in the generator itself, in a box, where its owner pinned it;
//! - [`words`]: the futures that `yield_!` becomes;
//! - [`closing`]: how `aclose` unwinds a body and awaits its cleanup.

mod closing;
mod frame;
mod places;
mod words;

use std::fmt;
use std::future::Future;
use std::marker::{PhantomData, PhantomPinned};
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_core::stream::{FusedStream, Stream};

use crate::generators::frame::{Named, State};
use crate::generators::is_unit;
use crate::generators::places::Inline;
use crate::generators::words::Exchange;
use frame::AsyncFunction;

pub use frame::AsyncFrame;
pub use places::AsyncBody;
pub use words::{AsyncCurrent, AsyncExchangeAny};

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
    ///
    /// ```
    /// # use asyncio::AsyncGenerator;
    /// #[asyncio::coroutine]
    /// async fn ticks(n: u32) -> AsyncGenerator<u32> {
    ///     for i in 0..n {
    ///         asyncio::sleep(0).await;
    ///         yield_!(i);
    ///     }
    /// }
    ///
    /// # asyncio::run(async {
    /// let mut ticks = ticks(1);
    /// assert_eq!(ticks.anext().await, Some(0));
    /// assert_eq!(ticks.anext().await, None);
    /// # });
    /// ```
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
    /// `can't send non-None value to a just-started async generator`; a `()` is none.
    ///
    /// # Cancellation
    ///
    /// As of [`anext`](Self::anext).
    pub fn asend(&mut self, value: impl Into<Option<S>>) -> ANext<'_, Y, S, B> {
        let mut sent = value.into();
        if sent.is_some() && self.body.state() == State::Created {
            // As of a generator: nothing is lost with it.
            assert!(
                is_unit::<S>(),
                "can't send non-None value to a just-started async generator"
            );
            sent = None;
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
        if self.body.state() == State::Suspended {
            closing::close(self.body.frame()).await;
        }
        self.body.close();
    }

    /// The same generator behind a box, its type erased.
    ///
    /// ```
    /// # use asyncio::AsyncGenerator;
    /// #[asyncio::coroutine]
    /// async fn ticks(n: u32) -> AsyncGenerator<u32> {
    ///     for i in 0..n {
    ///         asyncio::sleep(0).await;
    ///         yield_!(i);
    ///     }
    /// }
    ///
    /// # asyncio::run(async {
    /// let mut both: Vec<AsyncGenerator<u32>> = vec![ticks(1).boxed(), ticks(2).boxed()];
    /// assert_eq!(both[1].anext().await, Some(0));
    /// # });
    /// ```
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
    ///
    /// ```
    /// # use asyncio::AsyncGenerator;
    /// #[asyncio::coroutine]
    /// async fn ticks(n: u32) -> AsyncGenerator<u32> {
    ///     for i in 0..n {
    ///         asyncio::sleep(0).await;
    ///         yield_!(i);
    ///     }
    /// }
    ///
    /// let mut ticks = ticks(1).boxed_send();
    /// let first = std::thread::spawn(move || asyncio::run(ticks.anext()));
    /// assert_eq!(first.join().unwrap(), Some(0));
    /// ```
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
    #[doc(hidden)]
    pub fn boxed_typed(self) -> AsyncGenerator<Y, S, Pin<Box<B>>> {
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
    ///
    /// # Cancellation
    ///
    /// As of [`anext`](Self::anext).
    ///
    /// ```
    /// # use asyncio::AsyncGenerator;
    /// #[asyncio::coroutine]
    /// async fn careful() -> AsyncGenerator<String, Result<(), &'static str>> {
    ///     let mut said = "begun".to_owned();
    ///     loop {
    ///         said = match yield_!(said) {
    ///             Some(Err(error)) => format!("caught: {error}"),
    ///             Some(Ok(())) => "sent".to_owned(),
    ///             None => "next".to_owned(),
    ///         };
    ///     }
    /// }
    ///
    /// # asyncio::run(async {
    /// let mut g = careful();
    /// assert_eq!(g.anext().await.unwrap(), "begun");
    /// assert_eq!(g.athrow("too dark").await, Ok(Some("caught: too dark".to_owned())));
    /// # });
    /// ```
    pub async fn athrow(&mut self, error: E) -> Result<Option<Y>, E> {
        if self.body.state() != State::Suspended {
            self.body.close();
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
        self.generator.body.frame().poll_next(sent, cx)
    }
}

impl<Y, S, B: AsyncBody<Y, S>> Stream for AsyncGenerator<Y, S, B> {
    type Item = Y;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Y>> {
        self.get_mut().body.frame().poll_next(None, cx)
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

impl<Y, S, B: AsyncBody<Y, S>> InPlace<Y, S, B> {
    /// The pinned generator with all its methods.
    ///
    /// ```
    /// # use asyncio::AsyncGenerator;
    /// # #[asyncio::coroutine]
    /// # async fn echo() -> AsyncGenerator<i32, i32> { let mut x = 0; while let Some(y) = yield_!(x) { x = y; } }
    /// use std::pin::pin;
    ///
    /// # asyncio::run(async {
    /// let mut g = pin!(echo().in_place());
    /// let mut g = g.as_mut().pinned();
    /// g.anext().await;
    /// assert_eq!(g.asend(7).await, Some(7));
    /// # });
    /// ```
    pub fn pinned(self: Pin<&mut Self>) -> AsyncGenerator<Y, S, Pin<&mut B>> {
        AsyncGenerator::new(self.body_pinned())
    }

    #[inline]
    fn body_pinned(self: Pin<&mut Self>) -> Pin<&mut B> {
        // SAFETY: `body` is pinned whenever the stream is: nothing takes it out.
        unsafe { self.map_unchecked_mut(|this| &mut this.body) }
    }
}

impl<Y, S, B: AsyncBody<Y, S>> Stream for InPlace<Y, S, B> {
    type Item = Y;

    #[inline]
    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Y>> {
        self.body_pinned().poll_next(None, cx)
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

/// The body of an async generator function.
pub type AsyncYielding<Y, S, F, N> = Inline<AsyncFunction<Y, S, F, N>>;

/// An async generator of the function `N`, whose body is `body`.
#[inline]
pub fn async_generator<N: Named, Y, S, F: Future<Output = ()>>(
    _: Exchange<Y, S>,
    body: F,
) -> AsyncGenerator<Y, S, AsyncYielding<Y, S, F, N>> {
    AsyncGenerator::new(Inline::Here(AsyncFunction::new(body)))
}
