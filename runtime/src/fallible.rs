//! Coroutines whose function says that it returns a `Result`: an `Err` is told to the task, as Python's
//! exception would be.
//!
//! The expansion knows how the type is written, not what it is: an alias may be anything, and the error
//! need not be `Debug`. So it asks the type, `(&Output::<T>::new()).reports()`, and method resolution picks
//! the first of three answers that fits: by `Debug`, by the name of the error's type, not at all.

#![allow(missing_docs, reason = "hidden; described where it is defined")]

use std::fmt::Debug;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::tasks::errors;

/// The return type of a coroutine function.
pub struct Output<T>(PhantomData<fn() -> T>);

impl<T> Output<T> {
    #[must_use]
    #[allow(clippy::new_without_default, reason = "called by expansions only")]
    pub const fn new() -> Self {
        Output(PhantomData)
    }
}

/// Tells the task of a coroutine what it returned.
pub trait Report<T> {
    fn report(returned: &T);
}

/// A `Result` whose error shows itself.
pub struct ByDebug<T>(PhantomData<fn() -> T>);
/// A `Result` whose error does not.
pub struct ByName<T>(PhantomData<fn() -> T>);
/// No `Result`.
pub struct Unreported<T>(PhantomData<fn() -> T>);

impl<T, E: Debug> Output<Result<T, E>> {
    pub fn reports(&self) -> ByDebug<Result<T, E>> {
        ByDebug(PhantomData)
    }
}

/// The second answer.
pub trait OutputResult {
    type Report;
    fn reports(&self) -> Self::Report;
}

impl<T, E> OutputResult for Output<Result<T, E>> {
    type Report = ByName<Result<T, E>>;
    fn reports(&self) -> Self::Report {
        ByName(PhantomData)
    }
}

/// The third answer.
pub trait OutputOther {
    type Report;
    fn reports(&self) -> Self::Report;
}

impl<T> OutputOther for &Output<T> {
    type Report = Unreported<T>;
    fn reports(&self) -> Self::Report {
        Unreported(PhantomData)
    }
}

impl<T, E: Debug> Report<Result<T, E>> for ByDebug<Result<T, E>> {
    #[inline]
    fn report(returned: &Result<T, E>) {
        errors::returned(returned, |error| format!("{error:?}"));
    }
}

impl<T, E> Report<Result<T, E>> for ByName<Result<T, E>> {
    #[inline]
    fn report(returned: &Result<T, E>) {
        errors::returned(returned, |_| format!("<{}>", std::any::type_name::<E>()));
    }
}

impl<T> Report<T> for Unreported<T> {
    #[inline]
    fn report(_: &T) {}
}

pin_project_lite::pin_project! {
    /// The body of such a function: no larger than the body itself.
    pub struct Fallible<F, R> {
        #[pin]
        body: F,
        reports: PhantomData<fn() -> R>,
    }
}

/// The body of a coroutine function that says that it returns a `Result`.
#[inline]
pub fn fallible<F, R>(_: R, body: F) -> Fallible<F, R>
where
    F: Future,
    R: Report<F::Output>,
{
    Fallible {
        body,
        reports: PhantomData,
    }
}

impl<F, R> Future for Fallible<F, R>
where
    F: Future,
    R: Report<F::Output>,
{
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let polled = self.project().body.poll(cx);
        if let Poll::Ready(returned) = &polled {
            R::report(returned);
        }
        polled
    }
}
