//! `#[async_with]`: async context managers.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll};

use crate::async_generators::{AsyncBody, AsyncGenerator};
use crate::exceptions::CancelledError;
use crate::tasks::cancellation::{self, Catch};

/// What `#[async_with]` takes: something with an end that is awaited. Python's `__aexit__`.
///
/// ```
/// use asyncio::AsyncExit;
///
/// struct Connection;
///
/// impl AsyncExit for Connection {
///     async fn aexit(&mut self) {
///         asyncio::sleep(0.001).await;
///         println!("connection closed");
///     }
/// }
///
/// #[asyncio::main]
/// async fn main() {
///     #[async_with(_connection = Connection)]
///     {
///         println!("inside");
///     }
/// }
/// ```
///
/// `aexit` runs on every way out of the block: at its end, by `return`, `?`, `break` and `continue`, on a panic, and when the task is
/// cancelled; then the block goes on to where it was leaving for. Only a future that is dropped in the middle, by `select!` or by
/// another executor, drops the manager without awaiting it.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no async context manager",
    label = "this has no `aexit`",
    note = "`#[async_with]` takes what implements `asyncio::AsyncExit`: `impl AsyncExit for {Self} {{ async fn aexit(&mut self) {{ .. }} }}`",
    note = "a time-out and a group are functions that take the block: `asyncio::timeout(1, async |cm| {{ .. }})`, `asyncio::TaskGroup::run(async |tg| {{ .. }})`",
    note = "a lock needs none, its guard lets go of it at the end of the block: `let guard = await_!(lock.acquire());`"
)]
pub trait AsyncExit {
    /// Ends it.
    fn aexit(&mut self) -> impl Future<Output = ()>;
}

impl<T: AsyncExit> AsyncExit for &mut T {
    fn aexit(&mut self) -> impl Future<Output = ()> {
        T::aexit(self)
    }
}

/// Python's `aclosing`: the generator is [closed](AsyncGenerator::aclose).
impl<Y, S, B: AsyncBody<Y, S>> AsyncExit for AsyncGenerator<Y, S, B> {
    fn aexit(&mut self) -> impl Future<Output = ()> {
        self.aclose()
    }
}

/// A manager out of a closure: Python's `finally:` with an `await` in it, where the block yields or returns.
///
/// What [`finally`](crate::finally) is for a future, this is for a block of the function's own body, in which `yield_!`, `return`, `?`,
/// `break` and `continue` work. As Python's `contextlib.AsyncExitStack.push_async_callback`, it calls the closure on every way out.
///
/// ```
/// use asyncio::{AsyncGenerator, on_exit};
///
/// // async def pages(n):
/// //     try:
/// //         for i in range(n):
/// //             yield i
/// //     finally:
/// //         await asyncio.sleep(0.001)
/// //         print("closed")
/// #[asyncio::coroutine]
/// async fn pages(n: u32) -> AsyncGenerator<u32> {
///     #[async_with(on_exit(async || {
///         await_!(asyncio::sleep(0.001));
///         println!("closed");
///     }))]
///     {
///         for i in 0..n {
///             yield_!(i);
///         }
///     }
/// }
///
/// #[asyncio::main]
/// async fn main() {
///     let mut g = pages(3);
///     assert_eq!(await_!(g.anext()), Some(0));
///     await_!(g.aclose()); // closed
/// }
/// ```
///
/// What the closure borrows, the block can borrow too, but not change: a closure that is to see what the block changes is given a
/// [`Cell`](std::cell::Cell) or a [`RefCell`](std::cell::RefCell).
pub fn on_exit<F: AsyncFnMut()>(cleanup: F) -> OnExit<F> {
    OnExit(cleanup)
}

/// What [`on_exit`] gives.
#[must_use = "it does nothing unless `#[async_with]` is given it"]
pub struct OnExit<F>(F);

impl<F> std::fmt::Debug for OnExit<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OnExit").finish_non_exhaustive()
    }
}

impl<F: AsyncFnMut()> AsyncExit for OnExit<F> {
    fn aexit(&mut self) -> impl Future<Output = ()> {
        (self.0)()
    }
}

/// How the block of an `#[async_with]` ended.
pub enum Ended<R> {
    /// By a `return` or a `?`.
    Returned(R),
    /// At its end, or by one of its jumps, by number.
    Left(usize),
    /// By a panic or a cancellation.
    Raised(Raised),
}

/// What goes on being raised after the exit.
pub enum Raised {
    /// A cancellation.
    Cancelled(CancelledError),
    /// A panic.
    Panicked(Box<dyn std::any::Any + Send>),
}

impl Raised {
    /// Goes on.
    pub async fn again<T>(self) -> T {
        match self {
            Raised::Cancelled(error) => error.raise().await,
            Raised::Panicked(payload) => resume_unwind(payload),
        }
    }
}

/// Which way a block leaves, said from inside it. Zero until then.
#[derive(Default)]
pub struct Leave(AtomicUsize);

impl Leave {
    /// Inside, with no way out yet.
    #[must_use]
    pub const fn new() -> Self {
        Leave(AtomicUsize::new(0))
    }

    /// Leaves by `way`, which is not zero. Whoever polls the block sees it, and never polls it again.
    pub async fn by(&self, way: usize) -> std::convert::Infallible {
        self.0.store(way, Relaxed);
        std::future::pending().await
    }
}

/// Awaits the block, to whatever end; it is gone when this is ready.
pub async fn guard<F: Future>(leave: &Leave, block: F) -> Ended<F::Output> {
    let mut block = pin!(block);
    let mut catch = Catch::default();
    let mut step = |cx: &mut Context<'_>| {
        catch.poll(cx, |cx| match block.as_mut().poll(cx) {
            Poll::Ready(value) => Poll::Ready(Ended::Returned(value)),
            Poll::Pending => match leave.0.load(Relaxed) {
                0 => Poll::Pending,
                way => Poll::Ready(Ended::Left(way)),
            },
        })
    };
    std::future::poll_fn(|cx| match catch_unwind(AssertUnwindSafe(|| step(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(Ok(ended))) => Poll::Ready(ended),
        Ok(Poll::Ready(Err(error))) => Poll::Ready(Ended::Raised(Raised::Cancelled(error))),
        Err(payload) => {
            cancellation::overtaken_by_panic();
            Poll::Ready(Ended::Raised(Raised::Panicked(payload)))
        }
    })
    .await
}
