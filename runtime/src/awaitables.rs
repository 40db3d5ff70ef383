//! What the functions that take several awaitables, or a block, ask of them: names for bounds that the
//! compiler can explain in our words.

use std::pin::Pin;
use std::task::{Context, Poll};

use crate::children::Child;
use crate::tasks::{Task, ensure_future};

/// Several awaitables of one type: what [`gather`](fn@crate::gather), [`try_gather`](fn@crate::try_gather)
/// and [`as_completed`](crate::as_completed()) take.
///
/// Whatever can be iterated over and gives what can be awaited is this; nothing else can be.
///
/// ```
/// fn all_of<I: asyncio::Awaitables>(awaitables: I) -> asyncio::Gather<Vec<I::Output>> {
///     asyncio::gather(awaitables)
/// }
///
/// # asyncio::run(async {
/// assert_eq!(all_of([1, 2].map(async |n| n * n)).await, [1, 4]);
/// # });
/// ```
#[diagnostic::on_unimplemented(
    message = "a list of awaitables is wanted here, and `{Self}` is none",
    label = "not a list of awaitables",
    note = "several awaitables, of different types or one by one: `asyncio::gather!(f(), g())`, with the bang",
    note = "a list of one type: `asyncio::gather([f(), f()])`, and so with `try_gather` and `as_completed`"
)]
pub trait Awaitables {
    /// What awaiting one gives.
    type Output: 'static;

    /// A task of each; those that are tasks already, come back as themselves.
    #[doc(hidden)]
    fn into_tasks(self) -> Vec<Task<Self::Output>>;

    /// As Python's `ensure_future`: also futures and gathers come back as themselves.
    #[doc(hidden)]
    fn into_children(self) -> Vec<Child<Self::Output>>;
}

#[diagnostic::do_not_recommend]
impl<I> Awaitables for I
where
    I: IntoIterator,
    I::Item: IntoFuture<IntoFuture: 'static, Output: 'static>,
{
    type Output = <I::Item as IntoFuture>::Output;

    fn into_tasks(self) -> Vec<Task<Self::Output>> {
        self.into_iter().map(|each| ensure_future(each)).collect()
    }

    fn into_children(self) -> Vec<Child<Self::Output>> {
        self.into_iter()
            .map(|each| Child::of_inlined(each))
            .collect()
    }
}

/// A block that is run with an `A` and gives a `T`, written as an async closure: what
/// [`timeout`](crate::timeout()) and [`TaskGroup::run`](crate::TaskGroup::run) take.
///
/// Every closure and function that is `AsyncFnOnce(A) -> T` is this; nothing else can be. What takes a block to pass it
/// on asks for this, and not for an `AsyncFnOnce`, whose future has no name:
///
/// ```
/// use asyncio::{AsyncBlock, Timeout, TimeoutError};
///
/// async fn within_a_second<T>(block: impl AsyncBlock<Timeout, T>) -> Result<T, TimeoutError> {
///     asyncio::timeout(1, block).await
/// }
///
/// # asyncio::run(async {
/// assert_eq!(within_a_second(async |_| 42).await, Ok(42));
/// # });
/// ```
#[diagnostic::on_unimplemented(
    message = "an async closure is wanted here, and `{Self}` is none",
    label = "not an `async |..| {{ .. }}` that takes a `{A}`",
    note = "`asyncio::timeout(delay, async |cm| {{ .. }})`, `asyncio::TaskGroup::run(async |tg| {{ .. }})`",
    note = "to await in time what is there already: `asyncio::wait_for(awaitable, delay)`"
)]
pub trait AsyncBlock<A, T>: AsyncFnOnce(A) -> T {
    /// What the closure gives.
    type Running: Future<Output = T>;

    #[doc(hidden)]
    fn begin(self, argument: A) -> Self::Running;
}

#[diagnostic::do_not_recommend]
impl<A, T, F, R> AsyncBlock<A, T> for F
where
    F: AsyncFnOnce(A) -> T + FnOnce(A) -> R,
    R: Future<Output = T>,
{
    type Running = R;

    #[inline]
    fn begin(self, argument: A) -> R {
        self(argument)
    }
}

pin_project_lite::pin_project! {
    /// A block whose closure is called when this is first polled.
    #[project = BlockProjected]
    pub(crate) enum Block<A, B, R> {
        Waiting { block: Option<Unbegun<A, B, R>> },
        Running { #[pin] running: R },
    }
}

/// What to begin, with what, and how.
struct Unbegun<A, B, R> {
    block: B,
    argument: A,
    /// A pointer, so that a `Block` is a future whatever `B` is: the compiler then tells of what is no block where it is given, and not
    /// where it is awaited once more.
    begin: fn(B, A) -> R,
}

impl<A, B, R> Block<A, B, R> {
    pub(crate) fn new<T>(block: B, argument: A) -> Self
    where
        B: AsyncBlock<A, T, Running = R>,
    {
        Self::Waiting {
            block: Some(Unbegun {
                block,
                argument,
                begin: B::begin,
            }),
        }
    }
}

impl<A, B, R: Future> Future for Block<A, B, R> {
    type Output = R::Output;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R::Output> {
        loop {
            let running = match self.as_mut().project() {
                BlockProjected::Running { running } => return running.poll(cx),
                BlockProjected::Waiting { block } => match block.take() {
                    Some(unbegun) => (unbegun.begin)(unbegun.block, unbegun.argument),
                    None => panic!("a block whose closure panicked was polled again"),
                },
            };
            self.set(Self::Running { running });
        }
    }
}
