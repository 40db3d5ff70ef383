//! `as_completed`: tasks in the order in which they end.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_core::Stream;

use crate::awaitables::Awaitables;
use crate::children::OF_ANOTHER_LOOP;
use crate::delay::Timeout as TimeoutDelay;
use crate::event_loop::callback::Notified;
use crate::event_loop::{TimerHandle, this_thread};
use crate::exceptions::{CancelledError, Exception, TimeoutError};
use crate::futures::{CallbackId, Cancel, Target};
use crate::queues::Queue;
use crate::tasks::cancellation::{self, Catch, Onward, Trouble};
use crate::tasks::{Task, TaskRef, distinct};

/// Runs awaitables concurrently, each as a task, and gives them as they end.
///
/// As an iterator it gives futures: the nth that is awaited gives the result of the nth task to
/// end, whichever that is. As a [`Stream`] it gives the tasks themselves, done. See
/// [`AsCompleted::timeout`] for Python's `timeout=`. Mirrors `asyncio.as_completed`.
///
/// # Cancellation
///
/// Cancelling who awaits, and dropping this, leaves the tasks running.
///
/// ```
/// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
/// let naps = [3, 1, 2].map(|seconds| async move {
///     asyncio::sleep(seconds).await;
///     seconds
/// });
/// let mut order = Vec::new();
/// for next in asyncio::as_completed(naps) {
///     order.push(next.await);
/// }
/// assert_eq!(order, [1, 2, 3]);
/// # });
/// ```
#[track_caller]
pub fn as_completed<I: Awaitables>(awaitables: I) -> AsCompleted<I::Output> {
    AsCompleted {
        arrivals: Arrivals::new(awaitables.into_tasks()),
    }
}

/// The iterator and stream that [`as_completed`] gives.
pub struct AsCompleted<T> {
    arrivals: Arrivals<T>,
}

/// [`AsCompleted`] with a time-out.
pub struct AsCompletedTimeout<T> {
    arrivals: Arrivals<T>,
}

/// The next result of an [`AsCompleted`].
///
/// # Cancellation
///
/// Raises; the tasks go on, and the result of the one that ends next is lost.
#[must_use = "a result of `as_completed` is lost unless it is awaited"]
pub struct NextCompleted<T> {
    /// Where it comes from; nothing once it was given.
    source: Option<Rc<dyn Source<T>>>,
    /// The wait for it, if none had ended when this was first polled.
    wait: Option<Wait<T>>,
    catch: Catch,
}

type Wait<T> = Pin<Box<dyn Future<Output = Result<T, CancelledError>>>>;

/// Tasks that each give a `T` in the end, in the order in which they end. An error is to be raised.
trait Source<T> {
    /// The next, if it has ended.
    fn ended(&self) -> Option<Result<T, CancelledError>>;
    /// The next, when it has.
    fn end(self: Rc<Self>) -> Wait<T>;
    /// What names those that have not.
    fn named(self: Rc<Self>) -> Rc<dyn Cancel>;
}

impl<T> Future for NextCompleted<T> {
    type Output = T;

    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = self.get_mut();
        let Some(source) = this.source.take() else {
            panic!("a result of `as_completed` was polled after it was given");
        };
        let given = if this.wait.is_none() && cancellation::trouble() == Trouble::None {
            source.ended()
        } else {
            None
        };
        let given = match given {
            Some(given) => given,
            None => match this.poll_wait(source, cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(given) => given,
            },
        };
        match given {
            Ok(value) => Poll::Ready(value),
            Err(error) => cancellation::raise(cx, error),
        }
    }
}

impl<T> NextCompleted<T> {
    /// Nothing is caught here: it is a frame so that it can say which tasks it waits for, and where.
    #[track_caller]
    fn poll_wait(
        &mut self,
        source: Rc<dyn Source<T>>,
        cx: &mut Context<'_>,
    ) -> Poll<Result<T, CancelledError>> {
        self.catch.stands_at(Location::caller());
        let wait = self.wait.get_or_insert_with(|| source.clone().end());
        let named = || Some(Target::Other(source.clone().named()));
        let polled = self
            .catch
            .poll_naming(cx, named, |cx| wait.as_mut().poll(cx));
        if polled.is_pending() {
            self.source = Some(source);
        } else {
            self.wait = None;
        }
        polled.map(|caught| caught.and_then(|given| given))
    }
}

impl<T> Unpin for NextCompleted<T> {}

impl<T> fmt::Debug for NextCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<NextCompleted>")
    }
}

/// The tasks that end, in order; none stands for the end of time.
struct Arrivals<T> {
    todo: Rc<Todo<T>>,
    /// How many were not asked for yet.
    left: usize,
    /// What the stream waits for.
    next: Option<NextCompleted<Option<Task<T>>>>,
}

/// A task, and what it has of ours.
type Running<T> = (Task<T>, CallbackId);

/// What the tasks tell that they have ended, each by its number.
struct Todo<T> {
    ended: Queue<Option<Task<T>>>,
    /// Each until it has ended, or the time is over.
    tasks: RefCell<Vec<Option<Running<T>>>>,
    /// How many of them there are.
    left: Cell<usize>,
    timer: RefCell<Option<TimerHandle>>,
}

impl<T: 'static> Notified for Todo<T> {
    fn notified(&self, number: u32) {
        let ended = match self.tasks.borrow_mut().get_mut(number as usize) {
            Some(task) => task.take(),
            None => None,
        };
        let Some((task, _)) = ended else { return };
        let _ = self.ended.put_nowait(Some(task));
        self.left.set(self.left.get() - 1);
        if self.left.get() == 0 {
            if let Some(timer) = self.timer.take() {
                timer.cancel();
            }
        }
    }
}

impl<T: 'static> Cancel for Todo<T> {
    fn cancel_onward(&self, _: &CancelledError, _: &mut Onward) -> bool {
        false
    }

    fn each_awaited(&self, name: &mut dyn FnMut(&TaskRef)) {
        for (task, _) in self.tasks.borrow().iter().flatten() {
            name(&task.erased());
        }
    }

    fn repr(&self) -> Option<String> {
        None
    }
}

impl<T: 'static> Arrivals<T> {
    #[track_caller]
    fn new(tasks: Vec<Task<T>>) -> Self {
        let tasks = distinct(tasks, Task::erased);
        if let Some(event_loop) = this_thread::running() {
            let is_of_it = |task: &Task<T>| task.core().event_loop().is_of(&event_loop);
            assert!(tasks.iter().all(is_of_it), "{OF_ANOTHER_LOOP}");
        }
        let todo = Rc::new(Todo {
            ended: Queue::new(),
            tasks: RefCell::new(Vec::with_capacity(tasks.len())),
            left: Cell::new(tasks.len()),
            timer: RefCell::default(),
        });
        for (task, number) in tasks.into_iter().zip(0..) {
            let id = task.core().add_notice(todo.clone(), number);
            todo.tasks.borrow_mut().push(Some((task, id)));
        }
        Self {
            left: todo.left.get(),
            todo,
            next: None,
        }
    }

    fn set_timeout(&self, seconds: f64) {
        if self.left == 0 {
            return;
        }
        let todo = self.todo.clone();
        let timer = crate::get_event_loop().call_later(seconds, move || {
            for (task, id) in todo.tasks.take().into_iter().flatten() {
                task.core().remove_callback(id);
                let _ = todo.ended.put_nowait(None);
            }
        });
        *self.todo.timer.borrow_mut() = Some(timer);
    }

    /// The next to end, and what it gives.
    fn take_one<G: Given<T> + 'static>(&mut self) -> Option<NextCompleted<G>> {
        self.left = self.left.checked_sub(1)?;
        Some(NextCompleted {
            source: Some(self.todo.clone()),
            wait: None,
            catch: Catch::default(),
        })
    }

    #[track_caller]
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Option<Task<T>>>> {
        let mut next = match self.next.take() {
            Some(next) => next,
            None => match self.take_one() {
                Some(next) => next,
                None => return Poll::Ready(None),
            },
        };
        match Pin::new(&mut next).poll(cx) {
            Poll::Ready(task) => Poll::Ready(Some(task)),
            Poll::Pending => {
                self.next = Some(next);
                Poll::Pending
            }
        }
    }
}

/// What is made of a task that has ended; none stands for the end of time. An error is to be raised.
trait Given<T>: Sized {
    fn given(ended: Option<Task<T>>) -> Result<Self, CancelledError>;
}

/// What it ended with, as awaiting it would give it.
impl<T> Given<T> for T {
    fn given(ended: Option<Task<T>>) -> Result<T, CancelledError> {
        match ended.map(|task| task.take()) {
            Some(Ok(value)) => Ok(value),
            Some(Err(Exception::CancelledError(error))) => Err(error),
            Some(Err(Exception::Panic(panic))) => panic.resume(),
            None => unreachable!("without a time-out every task ends"),
        }
    }
}

impl<T> Given<T> for Result<T, TimeoutError> {
    fn given(ended: Option<Task<T>>) -> Result<Self, CancelledError> {
        match ended {
            Some(task) => T::given(Some(task)).map(Ok),
            None => Ok(Err(TimeoutError)),
        }
    }
}

impl<T> Given<T> for Option<Task<T>> {
    fn given(ended: Self) -> Result<Self, CancelledError> {
        Ok(ended)
    }
}

impl<T: 'static, G: Given<T> + 'static> Source<G> for Todo<T> {
    fn ended(&self) -> Option<Result<G, CancelledError>> {
        self.ended.get_nowait().ok().map(G::given)
    }

    fn end(self: Rc<Self>) -> Wait<G> {
        let ended = self.ended.clone();
        Box::pin(async move { G::given(ended.get().await.ok().flatten()) })
    }

    fn named(self: Rc<Self>) -> Rc<dyn Cancel> {
        self
    }
}

impl<T: 'static> AsCompleted<T> {
    /// Ends after `timeout`: what has not ended by then is given as an error, once for each.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let naps = [1, 3].map(asyncio::sleep);
    /// let mut results = Vec::new();
    /// for next in asyncio::as_completed(naps).timeout(2) {
    ///     results.push(next.await);
    /// }
    /// assert_eq!(results, [Ok(()), Err(asyncio::TimeoutError)]);
    /// # });
    /// ```
    pub fn timeout(self, timeout: impl TimeoutDelay) -> AsCompletedTimeout<T> {
        if let Some(seconds) = timeout.as_timeout() {
            self.arrivals.set_timeout(seconds);
        }
        AsCompletedTimeout {
            arrivals: self.arrivals,
        }
    }
}

impl<T: 'static> Iterator for AsCompleted<T> {
    type Item = NextCompleted<T>;

    fn next(&mut self) -> Option<NextCompleted<T>> {
        self.arrivals.take_one()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.arrivals.left, Some(self.arrivals.left))
    }
}

impl<T: 'static> ExactSizeIterator for AsCompleted<T> {}

impl<T: 'static> Stream for AsCompleted<T> {
    type Item = Task<T>;

    #[track_caller]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Task<T>>> {
        self.arrivals.poll_next(cx).map(Option::flatten)
    }
}

impl<T: 'static> Iterator for AsCompletedTimeout<T> {
    type Item = NextCompleted<Result<T, TimeoutError>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.arrivals.take_one()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.arrivals.left, Some(self.arrivals.left))
    }
}

impl<T: 'static> ExactSizeIterator for AsCompletedTimeout<T> {}

impl<T: 'static> Stream for AsCompletedTimeout<T> {
    type Item = Result<Task<T>, TimeoutError>;

    #[track_caller]
    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let next = self.arrivals.poll_next(cx);
        next.map(|next| next.map(|task| task.ok_or(TimeoutError)))
    }
}

impl<T> fmt::Debug for AsCompleted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<AsCompleted left={}>", self.arrivals.left)
    }
}

impl<T> fmt::Debug for AsCompletedTimeout<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<AsCompleted left={}>", self.arrivals.left)
    }
}
