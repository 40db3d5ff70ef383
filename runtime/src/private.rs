//! What the expansions of the macros call. None of it is for anybody else.

#![allow(missing_docs, reason = "hidden; described where it is defined")]

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::generators::delegation::Chain;
use crate::generators::frame::Function;
use crate::generators::places::Inline;
use crate::{AsyncGenerator, Coroutine, Generator};

pub use crate::async_generators::{
    AsyncBody, AsyncCurrent, AsyncExchangeAny, AsyncFrame, AsyncYielding, async_generator,
};
pub use crate::async_generators::{Erased as AsyncErased, ErasedSend as AsyncErasedSend};
pub use crate::coroutines::About;
pub use crate::fallible::{Output, OutputOther, OutputResult, fallible};
pub use crate::generators::erased::Boxed;
pub use crate::generators::frame::{Frame, Named};
pub use crate::generators::places::Body;
pub use crate::generators::words::{
    Current, Delegate, Exchange, ExchangeAny, From, Nothing, Something, Words,
};
pub use crate::generators::{Erased, ErasedSend};
pub use crate::managers::{AsyncExit, Ended, Leave, guard};

/// A coroutine of the function that `about` describes.
#[inline]
pub fn coroutine<F: Future>(about: &'static About, body: F) -> Coroutine<F> {
    Coroutine::new(about, body)
}

/// A coroutine of such a function, behind a box.
pub fn coroutine_boxed<'a, T>(
    about: &'static About,
    body: Pin<Box<dyn Future<Output = T> + 'a>>,
) -> Coroutine<Pin<Box<dyn Future<Output = T> + 'a>>> {
    Coroutine::new(about, body)
}

/// Tells the task that runs what a coroutine function returns whose written return type is a `Result`:
/// an `Err` is its exception. To be called with every value that the function returns, or with every
/// `Err`; `describe` is its `Debug`, or what there is to say where it has none.
#[inline]
pub fn returned<T, E>(result: &Result<T, E>, describe: fn(&E) -> String) {
    crate::tasks::errors::returned(result, describe);
}

/// The body of a generator function without a `yield_from!` in it.
pub type Yielding<F, N> = Inline<Function<F, N, ()>>;

/// The body of a generator function that delegates.
pub type Delegating<F, N> = Inline<Function<F, N, Chain>>;

/// A generator whose body has no `yield_from!` in it.
#[inline]
pub fn generator<N: Named, Y, S, F: Future>(
    _: Exchange<Y, S>,
    body: F,
) -> Generator<Y, S, F::Output, Yielding<F, N>> {
    Generator::new(Inline::Here(Function::new(body)))
}

/// A generator whose body delegates.
#[inline]
pub fn delegating_generator<N: Named, Y, S, F: Future>(
    _: Exchange<Y, S>,
    body: F,
) -> Generator<Y, S, F::Output, Delegating<F, N>> {
    Generator::new(Inline::Here(Function::new(body)))
}

#[diagnostic::on_unimplemented(
    message = "`{Self}` is no generator",
    note = "`#[asyncio::coroutine(generator)]` says that the return type is an alias of `asyncio::Generator<..>` or `asyncio::AsyncGenerator<..>`"
)]
/// The types that a generator's return type names, also when it is written as an alias.
pub trait GeneratorTypes {
    type Yielded;
    type Sent;
    type Returned;
}

impl<Y, S, R, B> GeneratorTypes for Generator<Y, S, R, B> {
    type Yielded = Y;
    type Sent = S;
    type Returned = R;
}

impl<Y, S, B> GeneratorTypes for AsyncGenerator<Y, S, B> {
    type Yielded = Y;
    type Sent = S;
    type Returned = ();
}

/// A value of any type, for a branch that is never taken.
#[cold]
pub fn never<T>() -> T {
    unreachable!("a branch that only the compiler sees")
}

/// The call of a function inside itself that shows what it gives as no more than an iterator or a stream.
pub struct Called<T>(pub T);

impl<I: Iterator> Called<I> {
    /// In a box.
    pub fn boxed_iterator(self) -> Box<I> {
        Box::new(self.0)
    }
}

impl<T: futures_core::Stream> Called<T> {
    /// In a box.
    pub fn boxed_stream(self) -> Pin<Box<T>> {
        Box::pin(self.0)
    }
}

/// What another function of the same name may give stays what it is.
pub trait CalledOther {
    type Given;
    fn boxed_iterator(self) -> Self::Given;
    fn boxed_stream(self) -> Self::Given;
}

impl<T> CalledOther for Called<T> {
    type Given = T;

    fn boxed_iterator(self) -> T {
        self.0
    }

    fn boxed_stream(self) -> T {
        self.0
    }
}

/// The call of a function inside itself is followed by `.boxed_typed()`, a method that what our functions give has of its own; anything
/// else, which another function of the same name may give, stays what it is.
pub trait CallOther: Sized {
    fn boxed_typed(self) -> Self {
        self
    }
}

impl<T> CallOther for T {}

/// The end of an `#[async_with]` block.
pub fn aexit<M: AsyncExit>(manager: &mut M) -> impl Future<Output = ()> {
    manager.aexit()
}

/// A bare `yield_!()` in a coroutine: one turn of the loop.
pub fn turn() -> impl Future<Output = ()> {
    crate::tasks::turn()
}

/// `#[asyncio::main]`.
#[track_caller]
pub fn main<F: Future>(future: F) -> F::Output {
    crate::runners::main(future)
}

/// `#[asyncio::test]`.
pub fn test<F: Future>(virtual_clock: bool, future: F) -> F::Output {
    crate::runners::test(virtual_clock, future)
}

pub use crate::gather::{TryTuple, Tuple};

/// What `#[async_for]` goes over. A type that has an `anext` of its own needs no more.
#[diagnostic::on_unimplemented(
    message = "`#[async_for]` over what is no stream: it has no `poll_next`, and no `anext` of its own",
    label = "this is no stream",
    note = "what is iterated over without awaiting takes a plain `for`; coroutines that run side by side, `#[async_for] for x in \
            asyncio::as_completed(coroutines)`",
    note = "`#[async_for]` takes a `futures::Stream`, an `asyncio::AsyncGenerator`, or what has `async fn anext(&mut self) -> Option<T>`"
)]
pub trait AsyncIterable {
    /// What it gives.
    type Item;
    /// Asks for the next item.
    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<Self::Item>>;
}

impl<S: futures_core::Stream + ?Sized> AsyncIterable for Pin<&mut S> {
    type Item = S::Item;

    #[inline]
    fn poll_item(&mut self, cx: &mut Context<'_>) -> Poll<Option<S::Item>> {
        self.as_mut().poll_next(cx)
    }
}

/// The `anext` of a stream, which `#[async_for]` has pinned.
// The bound is the method's: were it the trait's, the compiler would not use the words above.
pub trait StreamAnext {
    /// The next item.
    #[inline]
    fn anext(&mut self) -> impl Future<Output = Option<Self::Item>>
    where
        Self: AsyncIterable,
    {
        std::future::poll_fn(|cx| self.poll_item(cx))
    }
}

impl<T: AsyncIterable + ?Sized> StreamAnext for T {}
