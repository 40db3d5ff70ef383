//! What calling a coroutine function gives: a future that knows its name and whether anybody ever awaited it.

use std::fmt;
use std::future::Future;
#[cfg(debug_assertions)]
use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

#[cfg(debug_assertions)]
use crate::tasks::chain::Entered;

/// The object that a call of an [`#[asyncio::coroutine]`](macro@crate::coroutine) function gives.
///
/// It is a plain [`Future`]: nothing of the body runs until it is awaited, made a task or run, and it is `Send` whenever what the
/// body holds is. One that is dropped without ever having been awaited is reported with Python's words:
/// `coroutine 'fetch' was never awaited`.
///
/// ```
/// #[asyncio::coroutine]
/// fn add(a: i32, b: i32) -> i32 {
///     a + b
/// }
///
/// #[asyncio::coroutine]
/// async fn sum() -> i32 {
///     await_!(add(1, 2)) + add(3, 4).await
/// }
/// # use std::{pin::pin, task::{Context, Poll, Waker}};
/// # let done = pin!(sum()).as_mut().poll(&mut Context::from_waker(Waker::noop()));
/// # assert_eq!(done, Poll::Ready(10));
/// # use std::future::Future;
/// ```
#[must_use = "a coroutine does nothing unless it is awaited: write `await_!(..)`, or make it a task with `asyncio::create_task(..)`"]
pub struct Coroutine<F> {
    call: Call,
    future: F,
}

/// What a coroutine's call site told about the function, and whether the coroutine has been awaited: the one word that a
/// `Coroutine` adds to its future.
///
/// A field of its own, so that the check at its end does not keep a `Coroutine` from being taken apart.
struct Call {
    about: &'static About,
}

/// A coroutine function, as its expansion describes it.
#[doc(hidden)]
#[derive(Debug)]
pub struct About {
    name: &'static str,
    file: &'static str,
    line: u32,
    /// The same function for a coroutine that has been awaited; `None` in that one itself.
    awaited: Option<&'static About>,
}

impl About {
    /// The file and the line that the function begins at.
    pub(crate) fn location(&self) -> (&'static str, u32) {
        (self.file, self.line)
    }

    /// The description that a coroutine carries once it has been awaited.
    #[must_use]
    pub const fn awaited(name: &'static str, file: &'static str, line: u32) -> Self {
        About {
            name,
            file,
            line,
            awaited: None,
        }
    }

    /// The description that a coroutine carries until then.
    #[must_use]
    pub const fn unawaited(awaited: &'static About) -> Self {
        About {
            awaited: Some(awaited),
            ..*awaited
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if self.about.awaited.is_some() && !std::thread::panicking() && !quiet::is_set() {
            crate::diagnostics::warn(format_args!(
                "coroutine '{}' was never awaited",
                self.about.name
            ));
        }
    }
}

impl<F> Coroutine<F> {
    /// A coroutine of the function that `about` describes.
    pub(crate) fn new(about: &'static About, future: F) -> Self {
        Coroutine {
            call: Call { about },
            future,
        }
    }

    /// The name of the function, Python's `__name__`.
    ///
    /// ```
    /// #[asyncio::coroutine]
    /// async fn answer() -> u32 {
    ///     42
    /// }
    ///
    /// let coroutine = answer();
    /// assert!(coroutine.name().ends_with("answer"));
    /// coroutine.close();
    /// ```
    pub fn name(&self) -> &'static str {
        self.call.about.name
    }

    /// The file and the line that the function begins at.
    ///
    /// ```
    /// #[asyncio::coroutine]
    /// async fn answer() -> u32 {
    ///     42
    /// }
    ///
    /// let coroutine = answer();
    /// assert!(coroutine.location().1 > 0);
    /// coroutine.close();
    /// ```
    pub fn location(&self) -> (&'static str, u32) {
        self.call.about.location()
    }

    /// Drops the coroutine without a word about its never having been awaited, as Python's `coroutine.close()` does.
    ///
    /// ```
    /// #[asyncio::coroutine]
    /// async fn answer() -> u32 {
    ///     42
    /// }
    ///
    /// answer().close(); // no warning that it was never awaited
    /// ```
    pub fn close(self) {
        let _ = self.into_future_unwarned();
    }

    /// The same coroutine behind a box, its type erased: to be stored beside others of the same output.
    ///
    /// ```
    /// use asyncio::Coroutine;
    /// use std::{future::Future, pin::Pin};
    ///
    /// #[asyncio::coroutine]
    /// fn one() -> i32 { 1 }
    /// #[asyncio::coroutine]
    /// fn two() -> i32 { 2 }
    ///
    /// let both: Vec<Coroutine<Pin<Box<dyn Future<Output = i32>>>>> = vec![one().boxed(), two().boxed()];
    /// # both.into_iter().for_each(Coroutine::close);
    /// ```
    pub fn boxed<'a>(self) -> Coroutine<Pin<Box<dyn Future<Output = F::Output> + 'a>>>
    where
        F: Future + 'a,
    {
        let Coroutine { call, future } = self;
        Coroutine {
            call,
            future: Box::pin(future),
        }
    }

    /// [`boxed`](Self::boxed), for a coroutine that may go to another thread.
    ///
    /// ```
    /// #[asyncio::coroutine]
    /// async fn answer() -> u32 {
    ///     42
    /// }
    ///
    /// let coroutine = answer().boxed_send();
    /// let thread = std::thread::spawn(move || asyncio::run(coroutine));
    /// assert_eq!(thread.join().unwrap(), 42);
    /// ```
    pub fn boxed_send<'a>(self) -> Coroutine<Pin<Box<dyn Future<Output = F::Output> + Send + 'a>>>
    where
        F: Future + Send + 'a,
    {
        let Coroutine { call, future } = self;
        Coroutine {
            call,
            future: Box::pin(future),
        }
    }

    /// A typed box: what the call of a function inside itself becomes.
    #[doc(hidden)]
    pub fn boxed_typed(self) -> Coroutine<Pin<Box<F>>> {
        let Coroutine { call, future } = self;
        Coroutine {
            call,
            future: Box::pin(future),
        }
    }

    /// The future inside; from here on nobody is told if it is never awaited.
    fn into_future_unwarned(self) -> F {
        let Coroutine { mut call, future } = self;
        call.mark_awaited();
        future
    }
}

impl Call {
    #[inline]
    fn mark_awaited(&mut self) {
        if let Some(awaited) = self.about.awaited {
            self.about = awaited;
        }
    }

    /// The first poll; true if it was only to ask.
    #[inline]
    fn is_only_asked<F>(&self) -> bool {
        self.about
            .awaited
            .is_some_and(asking::answer::<Coroutine<F>>)
    }
}

impl<F: Future> Future for Coroutine<F> {
    type Output = F::Output;

    #[inline]
    #[cfg_attr(debug_assertions, track_caller)]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: `future` is pinned whenever the coroutine is: it is moved only by methods that take the coroutine by value, and
        // neither type has a `Drop` that would move it. `call` is never pinned.
        let (call, future) = unsafe {
            let this = self.get_unchecked_mut();
            (&mut this.call, Pin::new_unchecked(&mut this.future))
        };
        if call.is_only_asked::<F>() {
            return Poll::Pending;
        }
        call.mark_awaited();
        #[cfg(debug_assertions)]
        if let Some(entered) = Entered::coroutine::<Self>(Location::caller(), call.about) {
            let polled = future.poll(cx);
            entered.leave(polled.is_pending());
            return polled;
        }
        future.poll(cx)
    }
}

impl<F> fmt::Debug for Coroutine<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<coroutine object {} at {:p}>", self.name(), self)
    }
}

/// Whoever polls a future that may be a coroutine can ask it what it is.
pub(crate) mod asking {
    use std::any::TypeId;
    use std::cell::Cell;

    use super::About;

    /// Is told the type of the first coroutine that is polled, and its function. If that is the future that was polled, so is its
    /// type; what is polled further in has another one. True if that was all, and nothing is to run.
    pub(crate) type Ask = fn(TypeId, &'static About) -> bool;

    thread_local! {
        static ASK: Cell<Option<Ask>> = const { Cell::new(None) };
    }

    /// Puts a question to the first coroutine that is polled from now on, until it is
    /// [taken back](take_back). In its body another may be put: it has answered then.
    #[inline]
    pub(crate) fn put(question: Ask) {
        ASK.with(|ask| ask.set(Some(question)));
    }

    #[inline]
    pub(crate) fn take_back() {
        ASK.with(|ask| ask.set(None));
    }

    /// Polls, with the question put.
    pub(crate) fn ask<T>(question: Ask, poll: impl FnOnce() -> T) -> T {
        struct Asked(Option<Ask>);
        impl Drop for Asked {
            fn drop(&mut self) {
                let _ = ASK.try_with(|ask| ask.set(self.0));
            }
        }
        let before = ASK.try_with(|ask| ask.replace(Some(question)));
        let _asked = Asked(before.unwrap_or(None));
        poll()
    }

    #[inline]
    pub(super) fn answer<T>(about: &'static About) -> bool {
        match ASK.try_with(Cell::get) {
            Ok(Some(question)) => {
                let _ = ASK.try_with(|ask| ask.set(None));
                question(typeid::of::<T>(), about)
            }
            _ => false,
        }
    }
}

/// Coroutines that are dropped on purpose, unstarted, are dropped without a warning: a task cancelled before its first step, a
/// closing loop.
pub(crate) mod quiet {
    use std::cell::Cell;

    thread_local! {
        static DEPTH: Cell<u32> = const { Cell::new(0) };
    }

    pub(super) fn is_set() -> bool {
        DEPTH.try_with(|depth| depth.get() > 0).unwrap_or(true)
    }

    /// Runs `f`, which drops coroutines that may never have been awaited.
    pub(crate) fn quietly<T>(f: impl FnOnce() -> T) -> T {
        struct Leave;
        impl Drop for Leave {
            fn drop(&mut self) {
                let _ = DEPTH.try_with(|depth| depth.set(depth.get() - 1));
            }
        }
        let _ = DEPTH.try_with(|depth| depth.set(depth.get() + 1));
        let _leave = Leave;
        f()
    }
}
