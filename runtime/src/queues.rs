//! Queues: [`Queue`], [`PriorityQueue`] and [`LifoQueue`].
//!
//! One state beneath them all, over what keeps the items in order.
//!
//! Mirrors `asyncio/queues.py`: getters are woken in order, and one that is newly come may be
//! first to the item (it did not wait, so it did not yield); a getter that was woken but is
//! cancelled wakes the next.

use std::cell::{Cell, RefCell};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::marker::PhantomData;
use std::panic::Location;
use std::rc::Rc;

use crate::exceptions::{QueueEmpty, QueueFull, QueueShutDown};
use crate::tasks::Called;
use crate::waiters::{Attempt, Attempting, Waiters};

macro_rules! queue {
    ($(#[$doc:meta])* $queue:ident<T $(: $bound:ident)?>, in $order:ty) => {
        $(#[$doc])*
        pub struct $queue<T $(: $bound)?> {
            state: Rc<QueueState<T, $order>>,
        }

        impl<T $(: $bound)?> $queue<T> {
            /// A queue without a limit.
            ///
            /// Mirrors `Queue()`.
            ///
            /// ```
            /// # asyncio::run(async {
            #[doc = concat!("let queue = asyncio::", stringify!($queue), "::new();")]
            /// queue.put_nowait(1).unwrap();
            /// assert_eq!(queue.maxsize(), 0);
            /// # });
            /// ```
            #[must_use]
            pub fn new() -> Self {
                Self::with_maxsize(0)
            }

            /// A queue that holds `maxsize` items at most; zero is no limit, as in Python.
            ///
            /// Mirrors `Queue(maxsize)`.
            ///
            /// ```
            /// # asyncio::run(async {
            #[doc = concat!("let queue = asyncio::", stringify!($queue), "::with_maxsize(1);")]
            /// queue.put_nowait(1).unwrap();
            /// assert!(queue.put_nowait(2).is_err());
            /// # });
            /// ```
            pub fn with_maxsize(maxsize: usize) -> Self {
                Self {
                    state: Rc::new(QueueState {
                        maxsize,
                        items: RefCell::new(<$order>::default()),
                        getters: Waiters::default(),
                        putters: Waiters::default(),
                        joiners: Waiters::default(),
                        unfinished: Cell::new(0),
                        is_shut_down: Cell::new(false),
                        of: PhantomData,
                    }),
                }
            }

            /// How many items it holds.
            ///
            /// Mirrors `Queue.qsize`.
            ///
            /// ```
            /// # asyncio::run(async {
            #[doc = concat!("let queue = asyncio::", stringify!($queue), "::new();")]
            /// queue.put_nowait(1).unwrap();
            /// assert_eq!(queue.qsize(), 1);
            /// # });
            /// ```
            pub fn qsize(&self) -> usize {
                self.state.count()
            }

            /// The limit; zero for none.
            ///
            /// Mirrors `Queue.maxsize`.
            ///
            /// ```
            /// # asyncio::run(async {
            #[doc = concat!("let queue = asyncio::", stringify!($queue), "::with_maxsize(2);")]
            /// queue.put_nowait(1).unwrap();
            /// assert_eq!(queue.maxsize(), 2);
            /// # });
            /// ```
            pub fn maxsize(&self) -> usize {
                self.state.maxsize
            }

            /// Whether it holds nothing.
            ///
            /// Mirrors `Queue.empty`.
            ///
            /// ```
            /// # asyncio::run(async {
            #[doc = concat!("let queue = asyncio::", stringify!($queue), "::new();")]
            /// assert!(queue.empty());
            /// queue.put_nowait(1).unwrap();
            /// assert!(!queue.empty());
            /// # });
            /// ```
            pub fn empty(&self) -> bool {
                self.qsize() == 0
            }

            /// Whether it holds as many items as it may.
            ///
            /// Mirrors `Queue.full`.
            ///
            /// ```
            /// # asyncio::run(async {
            #[doc = concat!("let queue = asyncio::", stringify!($queue), "::with_maxsize(1);")]
            /// assert!(!queue.full());
            /// queue.put_nowait(1).unwrap();
            /// assert!(queue.full());
            /// # });
            /// ```
            pub fn full(&self) -> bool {
                self.state.is_full()
            }

            /// Puts an item in, waiting for room if it is full; it does not yield if there is room.
            ///
            /// # Errors
            ///
            /// [`QueueShutDown`]; the item is dropped.
            ///
            /// # Cancellation
            ///
            /// The item is not put, and is dropped.
            ///
            /// Mirrors `Queue.put`.
            ///
            /// ```
            /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
            #[doc = concat!("let queue = asyncio::", stringify!($queue), "::with_maxsize(1);")]
            /// queue.put(1).await.unwrap();
            /// assert!(asyncio::wait_for(queue.put(2), 1).await.is_err()); // there is no room
            /// # });
            /// ```
            #[track_caller]
            pub fn put(&self, item: T) -> impl Future<Output = Result<(), QueueShutDown>> {
                let put = Put {
                    state: &*self.state,
                    item: Some(item),
                };
                Attempting::new(put, Location::caller())
            }

            /// Puts an item in at once.
            ///
            /// # Errors
            ///
            /// [`QueueFull`] gives the item back.
            ///
            /// # Panics
            ///
            /// When the queue was shut down: use [`put`](Self::put), or ask [`is_shut_down`](Self::is_shut_down),
            /// where that may be.
            ///
            /// Mirrors `Queue.put_nowait`.
            ///
            /// ```
            /// # asyncio::run(async {
            #[doc = concat!("let queue = asyncio::", stringify!($queue), "::with_maxsize(1);")]
            /// assert!(queue.put_nowait(1).is_ok());
            /// assert_eq!(queue.put_nowait(2), Err(asyncio::QueueFull(2)));
            /// # });
            /// ```
            #[track_caller]
            pub fn put_nowait(&self, item: T) -> Result<(), QueueFull<T>> {
                assert!(!self.is_shut_down(), "{QueueShutDown}");
                if self.full() {
                    return Err(QueueFull(item));
                }
                self.state.push(item);
                Ok(())
            }

            /// Takes the next item, waiting for one if it is empty; it does not yield if there is one.
            ///
            /// # Errors
            ///
            /// [`QueueShutDown`], once it is empty.
            ///
            /// # Cancellation
            ///
            /// No item is taken; one that was on its way goes to the next in line.
            ///
            /// Mirrors `Queue.get`.
            ///
            /// ```
            /// # asyncio::run(async {
            #[doc = concat!("let queue = asyncio::", stringify!($queue), "::new();")]
            /// queue.put(1).await.unwrap();
            /// queue.shutdown(false);
            /// assert_eq!(queue.get().await, Ok(1));
            /// assert_eq!(queue.get().await, Err(asyncio::QueueShutDown));
            /// # });
            /// ```
            #[track_caller]
            pub fn get(&self) -> impl Future<Output = Result<T, QueueShutDown>> {
                let get = Get {
                    state: &*self.state,
                };
                Attempting::new(get, Location::caller())
            }

            /// Takes the next item at once.
            ///
            /// # Errors
            ///
            /// [`QueueEmpty`].
            ///
            /// Mirrors `Queue.get_nowait`.
            ///
            /// ```
            /// # asyncio::run(async {
            #[doc = concat!("let queue = asyncio::", stringify!($queue), "::new();")]
            /// assert_eq!(queue.get_nowait(), Err(asyncio::QueueEmpty));
            /// queue.put_nowait(1).unwrap();
            /// assert_eq!(queue.get_nowait(), Ok(1));
            /// # });
            /// ```
            pub fn get_nowait(&self) -> Result<T, QueueEmpty> {
                self.state.pop().ok_or(QueueEmpty)
            }

            /// Says that an item which was got is done with.
            ///
            /// # Panics
            ///
            /// `task_done() called too many times`.
            ///
            /// Mirrors `Queue.task_done`.
            ///
            /// ```
            /// # asyncio::run(async {
            #[doc = concat!("let queue = asyncio::", stringify!($queue), "::new();")]
            /// queue.put(1).await.unwrap();
            /// let _item = queue.get().await.unwrap();
            /// queue.task_done();
            /// queue.join().await;
            /// # });
            /// ```
            #[track_caller]
            pub fn task_done(&self) {
                let unfinished = self.state.unfinished.get();
                assert!(unfinished > 0, "task_done() called too many times");
                self.state.finish(unfinished - 1);
            }

            /// Waits until [`task_done`](Self::task_done) was called for every item that was put.
            ///
            /// # Cancellation
            ///
            /// Raises, and leaves the queue as it is.
            ///
            /// Mirrors `Queue.join`.
            ///
            /// ```
            /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
            #[doc = concat!("let queue = asyncio::", stringify!($queue), "::new();")]
            /// queue.join().await; // nothing was put
            /// queue.put(1).await.unwrap();
            /// assert!(asyncio::wait_for(queue.join(), 1).await.is_err());
            /// # });
            /// ```
            #[track_caller]
            pub fn join(&self) -> impl Future<Output = ()> {
                self.join_at(Location::caller())
            }

            async fn join_at(&self, called: Called) {
                while self.state.unfinished.get() > 0 {
                    if self.state.joiners.wait(called, |_| ()).await {
                        break;
                    }
                }
            }

            /// Has [`put`](Self::put) refuse items, and [`get`](Self::get) end when the queue is empty;
            /// with `immediate`, at once: what it holds is dropped and counts as done.
            ///
            /// Mirrors `Queue.shutdown`.
            ///
            /// ```
            /// # asyncio::run(async {
            #[doc = concat!("let queue = asyncio::", stringify!($queue), "::new();")]
            /// queue.put(1).await.unwrap();
            /// queue.shutdown(true);
            /// assert!(queue.get().await.is_err());
            /// # });
            /// ```
            pub fn shutdown(&self, immediate: bool) {
                self.state.is_shut_down.set(true);
                if immediate {
                    let items = self.state.items.take();
                    let left = self.state.unfinished.get().saturating_sub(items.count());
                    self.state.finish(left);
                    drop(items);
                }
                self.state.getters.release_all();
                self.state.putters.release_all();
            }

            /// Whether [`shutdown`](Self::shutdown) was called.
            ///
            /// ```
            /// # asyncio::run(async {
            #[doc = concat!("let queue = asyncio::", stringify!($queue), "::new();")]
            /// queue.put(1).await.unwrap();
            /// queue.shutdown(false);
            /// assert!(queue.is_shut_down());
            /// # });
            /// ```
            pub fn is_shut_down(&self) -> bool {
                self.state.is_shut_down.get()
            }
        }

        impl<T $(: $bound)?> Default for $queue<T> {
            fn default() -> Self {
                Self::new()
            }
        }

        impl<T $(: $bound)?> Clone for $queue<T> {
            fn clone(&self) -> Self {
                Self {
                    state: self.state.clone(),
                }
            }
        }

        impl<T $(: $bound)?> PartialEq for $queue<T> {
            fn eq(&self, other: &Self) -> bool {
                Rc::ptr_eq(&self.state, &other.state)
            }
        }

        impl<T $(: $bound)?> Eq for $queue<T> {}

        impl<T $(: $bound)?> Hash for $queue<T> {
            fn hash<H: Hasher>(&self, state: &mut H) {
                Rc::as_ptr(&self.state).hash(state);
            }
        }

        impl<T $(: $bound)?> fmt::Debug for $queue<T> {
            /// As Python's repr, without the items.
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.state.show(f, stringify!($queue))
            }
        }
    };
}

queue! {
    /// A queue of items between tasks, first in first out.
    ///
    /// A handle: a clone is the same queue, and so is equal to it. [`join`](Self::join) waits until
    /// every item that was put has been answered by a [`task_done`](Self::task_done). Mirrors
    /// `asyncio.Queue`.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let queue = asyncio::Queue::new();
    /// let worker = asyncio::create_task({
    ///     let queue = queue.clone();
    ///     async move {
    ///         let mut sum = 0;
    ///         while let Ok(n) = queue.get().await {
    ///             sum += n;
    ///             queue.task_done();
    ///         }
    ///         sum
    ///     }
    /// });
    /// for n in 1..=3 {
    ///     queue.put(n).await?;
    /// }
    /// queue.join().await;
    /// queue.shutdown(false);
    /// assert_eq!(worker.await, 6);
    /// # Ok::<(), asyncio::QueueShutDown>(())
    /// # }).unwrap();
    /// ```
    Queue<T>, in VecDeque<T>
}

queue! {
    /// A queue that gives its smallest item first.
    ///
    /// Otherwise a [`Queue`]. Which of two equal items comes first is not said. Mirrors
    /// `asyncio.PriorityQueue`.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let queue = asyncio::PriorityQueue::new();
    /// queue.put((2, "later")).await?;
    /// queue.put((1, "first")).await?;
    /// assert_eq!(queue.get().await, Ok((1, "first")));
    /// # Ok::<(), asyncio::QueueShutDown>(())
    /// # }).unwrap();
    /// ```
    PriorityQueue<T: Ord>, in BinaryHeap<Reverse<T>>
}

queue! {
    /// A queue that gives its newest item first.
    ///
    /// Otherwise a [`Queue`]. Mirrors `asyncio.LifoQueue`.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let queue = asyncio::LifoQueue::new();
    /// queue.put(1).await?;
    /// queue.put(2).await?;
    /// assert_eq!(queue.get().await, Ok(2));
    /// # Ok::<(), asyncio::QueueShutDown>(())
    /// # }).unwrap();
    /// ```
    LifoQueue<T>, in Vec<T>
}

struct QueueState<T, O> {
    /// Zero is no limit.
    maxsize: usize,
    items: RefCell<O>,
    getters: Waiters,
    putters: Waiters,
    joiners: Waiters,
    unfinished: Cell<usize>,
    is_shut_down: Cell<bool>,
    of: PhantomData<T>,
}

impl<T, O: Order<T>> QueueState<T, O> {
    fn count(&self) -> usize {
        self.items.borrow().count()
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.maxsize > 0 && self.count() >= self.maxsize
    }

    #[inline]
    fn push(&self, item: T) {
        self.items.borrow_mut().add(item);
        self.unfinished.set(self.unfinished.get() + 1);
        self.getters.pop_next();
    }

    #[inline]
    fn pop(&self) -> Option<T> {
        let item = self.items.borrow_mut().take_next()?;
        self.putters.pop_next();
        Some(item)
    }

    fn finish(&self, unfinished: usize) {
        self.unfinished.set(unfinished);
        if unfinished == 0 {
            self.joiners.release_all();
        }
    }

    fn show(&self, f: &mut fmt::Formatter<'_>, name: &str) -> fmt::Result {
        write!(f, "<{name} maxsize={}", self.maxsize)?;
        match self.getters.len() {
            0 => {}
            getters => write!(f, " _getters[{getters}]")?,
        }
        match self.putters.len() {
            0 => {}
            putters => write!(f, " _putters[{putters}]")?,
        }
        match self.unfinished.get() {
            0 => {}
            tasks => write!(f, " tasks={tasks}")?,
        }
        f.write_str(if self.is_shut_down.get() {
            " shutdown>"
        } else {
            ">"
        })
    }
}

/// What keeps the items of a queue, and says which is next.
trait Order<T>: Default {
    fn add(&mut self, item: T);
    fn take_next(&mut self) -> Option<T>;
    fn count(&self) -> usize;
}

impl<T> Order<T> for VecDeque<T> {
    fn add(&mut self, item: T) {
        self.push_back(item);
    }

    fn take_next(&mut self) -> Option<T> {
        self.pop_front()
    }

    fn count(&self) -> usize {
        self.len()
    }
}

impl<T: Ord> Order<T> for BinaryHeap<Reverse<T>> {
    fn add(&mut self, item: T) {
        self.push(Reverse(item));
    }

    fn take_next(&mut self) -> Option<T> {
        self.pop().map(|Reverse(item)| item)
    }

    fn count(&self) -> usize {
        self.len()
    }
}

impl<T> Order<T> for Vec<T> {
    fn add(&mut self, item: T) {
        self.push(item);
    }

    fn take_next(&mut self) -> Option<T> {
        self.pop()
    }

    fn count(&self) -> usize {
        self.len()
    }
}

/// The operation of `get`.
struct Get<'a, T, O> {
    state: &'a QueueState<T, O>,
}

impl<T, O: Order<T>> Attempt for Get<'_, T, O> {
    type Output = Result<T, QueueShutDown>;

    #[inline]
    fn attempt(&mut self) -> Option<Self::Output> {
        match self.state.pop() {
            Some(item) => Some(Ok(item)),
            None => self.state.is_shut_down.get().then_some(Err(QueueShutDown)),
        }
    }

    #[inline]
    fn waiters(&self) -> &Waiters {
        &self.state.getters
    }

    fn given_up(&mut self, was_woken: bool) {
        if was_woken && self.state.count() > 0 {
            self.state.getters.pop_next();
        }
    }
}

/// The operation of `put`.
struct Put<'a, T, O> {
    state: &'a QueueState<T, O>,
    /// Until it is put.
    item: Option<T>,
}

impl<T, O: Order<T>> Attempt for Put<'_, T, O> {
    type Output = Result<(), QueueShutDown>;

    #[inline]
    fn attempt(&mut self) -> Option<Self::Output> {
        if self.state.is_shut_down.get() {
            return Some(Err(QueueShutDown));
        }
        if self.state.is_full() {
            return None;
        }
        if let Some(item) = self.item.take() {
            self.state.push(item);
        }
        Some(Ok(()))
    }

    #[inline]
    fn waiters(&self) -> &Waiters {
        &self.state.putters
    }

    fn given_up(&mut self, was_woken: bool) {
        if was_woken && !self.state.is_full() {
            self.state.putters.pop_next();
        }
    }
}
