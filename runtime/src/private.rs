//! What the expansions of the macros call. None of it is for anybody else.

#![allow(missing_docs, reason = "hidden; described where it is defined")]

use std::future::Future;
use std::pin::Pin;

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
pub use crate::generators::frame::{Frame, Named};
pub use crate::generators::places::Body;
pub use crate::generators::words::{Current, Delegate, Exchange, ExchangeAny, From};
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

/// The call of a function inside itself that shows what it gives as an iterator only.
pub fn boxed_iterator<I: Iterator>(items: I) -> Box<I> {
    Box::new(items)
}

/// The call of a function inside itself that shows what it gives as a stream only.
pub fn boxed_stream<T: futures_core::Stream>(items: T) -> Pin<Box<T>> {
    Box::pin(items)
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
#[track_caller]
pub fn turn() -> crate::Sleep {
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

/// What `#[async_for]` asks of a stream. A type that has an `anext` of its own needs no more.
pub trait StreamAnext: futures_core::Stream + Unpin {
    /// The next item.
    fn anext(&mut self) -> impl Future<Output = Option<Self::Item>> {
        std::future::poll_fn(|cx| Pin::new(&mut *self).poll_next(cx))
    }
}

impl<T: futures_core::Stream + Unpin> StreamAnext for T {}
