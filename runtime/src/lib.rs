//! Python's asyncio for Rust.
//!
//! The modules keep Python's names, so that a porter can guess the file. What they may know of each
//! other goes one way: `event_loop` knows async-io, and nobody else does but for what does input
//! and output; `futures` and `tasks` stand on the loop; everything that waits (`gather`, `wait`,
//! `timeouts`, `queues`) on those two; `runners` on all. `coroutines` and `generators` know nothing
//! of the loop: what they make is a plain future or iterator.
#![warn(clippy::undocumented_unsafe_blocks)]

mod as_completed;
mod async_generators;
mod coroutines;
mod delay;
mod diagnostics;
mod event_loop;
mod exceptions;
mod futures;
mod gather;
mod generators;
mod locks;
mod managers;
mod queues;
mod runners;
mod shield;
mod signals;
mod taskgroups;
mod tasks;
pub mod testing;
mod timeouts;
mod wait;
mod waiters;
mod words;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use as_completed::{AsCompleted, AsCompletedTimeout, NextCompleted, as_completed};
pub use async_generators::{ANext, AsyncGenerator, BoxAsyncGenerator, BoxSendAsyncGenerator};
pub use asyncio_macros::{coroutine, coroutines, main, test};
pub use coroutines::Coroutine;
pub use delay::{Delay, Timeout as TimeoutDelay};
pub use event_loop::{
    EventLoop, ExceptionContext, Handle, LoopClosed, RemoteLoop, TimerHandle, get_event_loop,
    get_running_loop, new_event_loop, set_event_loop,
};
pub use exceptions::{
    BrokenBarrierError, CancelledError, Exception, KeyboardInterrupt, Panic, QueueEmpty, QueueFull,
    QueueShutDown, TimeoutError,
};
pub use futures::Future;
pub use gather::{Gather, gather, try_gather};
pub use generators::{BoxGenerator, BoxSendGenerator, Generator, StopIteration};
pub use locks::{
    Barrier, BoundedSemaphore, Condition, Event, Lock, LockGuard, Semaphore, SemaphoreGuard,
};
pub use managers::AsyncExit;
pub use queues::{LifoQueue, PriorityQueue, Queue};
pub use runners::{Runner, run};
pub use shield::shield;
pub use taskgroups::{ExceptionGroup, Results, TaskGroup, Values};
pub use tasks::cancellation::{catch_cancelled, finally};
pub use tasks::{
    AnyTask, AnyTaskWait, Sleep, Task, all_tasks, create_task, current_task, ensure_future, sleep,
};
pub use timeouts::{Timeout, timeout, timeout_at, wait_for};
pub use wait::{ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, ReturnWhen, Wait, Waitable, wait};
