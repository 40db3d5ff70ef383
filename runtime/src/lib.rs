//! Python's coroutines for Rust: the words of `async def`, of the older `@asyncio.coroutine` /
//! `yield from` and of generators, on an event loop that schedules as CPython's does.
//!
//! ```
//! # // The Python of it: async def fetch(n): await asyncio.sleep(1); return n * 2
//! use asyncio::{create_task, gather, sleep};
//!
//! #[asyncio::coroutine]
//! async fn fetch(n: u32) -> u32 {
//!     await_!(sleep(0.01));
//!     n * 2
//! }
//!
//! #[asyncio::main]
//! async fn main() {
//!     let task = create_task(fetch(1)); // starts by itself
//!     let both = await_!(gather([fetch(2), fetch(3)])); // at the same time
//!     assert_eq!((await_!(task), both), (2, vec![4, 6]));
//! }
//! ```
//!
//! # The words
//!
//! A function under [`#[asyncio::coroutine]`](macro@coroutine) is written with Python's words, which
//! need no import:
//!
//! | Python | Rust | where |
//! |---|---|---|
//! | `await x` | `await_!(x)` or `x.await` | coroutines, async generators |
//! | `yield from x`, x awaitable | `yield_from!(x)` | coroutines written as plain `fn` |
//! | bare `yield` | `yield_!()` | coroutines written as plain `fn`: one turn of the loop |
//! | `v = yield x` | `let v = yield_!(x);` | generators, async generators |
//! | `r = yield from g` | `let r = yield_from!(g);` | generators |
//! | `async for p in x:` | `#[async_for] for p in x { }` | as `await_!` |
//! | `async with m as x:` | `#[async_with(x = m)] { }` | as `await_!` |
//!
//! What the function is, its return type says: a [`Generator<Y, S, R>`](Generator) yields `Y`, is sent
//! `S` and returns `R`; an [`AsyncGenerator<Y, S>`](AsyncGenerator) does so and awaits; any other
//! type makes it a coroutine, whose call gives a [`Coroutine`]: a plain future, for any executor.
//!
//! Always write the attribute with a path, `#[asyncio::coroutine]`. The bare `#[coroutine]` cannot be
//! imported: Rust keeps that name for itself (errors E0659 and E0658). Inside an `impl`, a `trait` or a
//! `mod` under [`#[asyncio::coroutines]`](macro@coroutines) the bare one works.
//!
//! # Coming from Python
//!
//! The names are Python's. What is an exception there is a [`Result`] here where callers handle it
//! ([`wait_for`] gives `Result<T, TimeoutError>`), and a panic with Python's words where it is a
//! mistake. Keyword arguments are methods: `wait(tasks).timeout(1).return_when(FIRST_COMPLETED)`. A
//! delay is a [`Duration`](std::time::Duration) or a number of seconds. Awaiting a task moves its
//! value out; `(&task).await` and `gather(&tasks)` clone it.
//!
//! Cancellation can be caught, with [`catch_cancelled`], and cleaned up after with awaits, with
//! [`finally`].
//!
//! # Coming from tokio
//!
//! There is one thread, tasks need not be [`Send`], and a dropped [`Task`] handle detaches its task.
//! [`Task::cancel`] does not drop the task's future where it stands: it raises a [`CancelledError`] at
//! the innermost await, which unwinds through the frames, and whoever catches it may go on. The order
//! in which things run is defined, and is CPython's: a task's first step is queued, wake-ups run in
//! the order in which they came, and one iteration of the loop runs what was ready when it began.
//! Anything that stands on async-io works inside.
//!
//! # Limits
//!
//! A future that `select!` or another executor drops is only dropped: nothing is raised in it, and its
//! awaited cleanup does not run. Of two branches of a foreign `join!`, one is unwound and the other
//! dropped; use [`gather!`] or a [`TaskGroup`] where branches clean up.
//!
//! # Features
//!
//! | feature | | what it is for |
//! |---|---|---|
//! | `processes` | on | [`create_subprocess_exec`] and [`create_subprocess_shell`] |
//! | `signals` | on | Ctrl-C in [`run`], and [`EventLoop::add_signal_handler`] |
//! | `threads` | on | [`to_thread`], [`ThreadPoolExecutor`], [`run_coroutine_threadsafe`], and the names of hosts |
//! | `tls` | off | encrypted streams |
//! | `async-io` | off | on Linux, what stands on async-io at its own speed: the loop drives async-io's reactor while it waits for that |
//!
//! Without `signals`, Ctrl-C ends the program as it ends any other. Without `threads`, streams take addresses alone.
#![warn(clippy::undocumented_unsafe_blocks)]
// What only a feature that was left out would use.
#![cfg_attr(
    not(all(feature = "processes", feature = "signals", feature = "threads")),
    allow(dead_code)
)]

// The modules keep Python's names, so that a porter can guess the file. `event_loop` runs and sleeps;
// how what comes from outside ends its sleep is `streams`' to know: by an epoll on Linux, by async-io
// elsewhere. `futures` and `tasks` stand on the loop, and it knows them: what it queues is tasks, and what
// waits for a future. Everything that waits (`gather`, `wait`, `timeouts`, `locks`, `queues`, ...) stands
// on those three; `runners` on all. `coroutines` and `generators` know nothing of the loop: what they make
// is a plain future or iterator.

mod as_completed;
mod async_generators;
mod awaitables;
mod cast;
mod children;
mod contextvars;
mod coroutines;
mod delay;
mod diagnostics;
mod event_loop;
mod exceptions;
mod fallible;
mod futures;
mod gather;
mod generators;
mod locks;
mod managers;
#[cfg(any(
    target_os = "linux",
    feature = "threads",
    all(unix, feature = "processes")
))]
mod os_thread;
mod queues;
mod runners;
mod sequence;
mod shield;
#[cfg(all(unix, any(feature = "processes", feature = "signals")))]
mod signal;
#[cfg(feature = "signals")]
mod signals;
mod streams;
#[cfg(feature = "processes")]
mod subprocess;
mod taskgroups;
mod tasks;
pub mod testing;
#[cfg(feature = "threads")]
mod threads;
mod timeouts;
mod wait;
mod waiters;
mod words;

#[doc(hidden)]
#[path = "private.rs"]
pub mod __private;

pub use as_completed::{AsCompleted, AsCompletedTimeout, NextCompleted, as_completed};
pub use async_generators::{
    ANext, AsyncGenerator, BoxAsyncGenerator, BoxSendAsyncGenerator, InPlace,
};
pub use asyncio_macros::{coroutine, coroutines, main, test};
pub use awaitables::{AsyncBlock, Awaitables};
pub use contextvars::{Context, ContextToken, ContextVar};
pub use coroutines::Coroutine;
pub use delay::{Delay, Timeout as TimeoutDelay};
pub use event_loop::{
    EventLoop, ExceptionContext, Handle, LoopClosed, RemoteLoop, TimerHandle, get_event_loop,
    get_running_loop, new_event_loop, set_event_loop,
};
pub use exceptions::{
    BrokenBarrierError, CancelledError, Exception, IncompleteReadError, KeyboardInterrupt,
    LimitOverrunError, Panic, QueueEmpty, QueueFull, QueueShutDown, ReadError, TimeoutError,
};
pub use futures::Future;
#[cfg(feature = "tls")]
pub use futures_rustls::rustls;
pub use gather::{Gather, gather, try_gather};
pub use generators::{BoxGenerator, BoxSendGenerator, Generator, StopIteration};
pub use locks::{
    Barrier, BoundedSemaphore, Condition, Event, Lock, LockGuard, Semaphore, SemaphoreGuard,
};
pub use managers::{AsyncExit, OnExit, on_exit};
pub use queues::{LifoQueue, PriorityQueue, Queue};
pub use runners::{Runner, run};
pub use shield::shield;
#[cfg(all(unix, any(feature = "processes", feature = "signals")))]
pub use signal::Signal;
pub use streams::{CreateDatagramEndpoint, DatagramEndpoint, create_datagram_endpoint};
pub use streams::{
    HandlerOutput, Hosts, OpenConnection, Server, StartServer, StreamReader, StreamWriter,
    open_connection, start_server,
};
#[cfg(unix)]
pub use streams::{OpenUnixConnection, StartUnixServer, open_unix_connection, start_unix_server};
#[cfg(feature = "tls")]
pub use streams::{StartTls, TlsInfo};
#[cfg(feature = "processes")]
pub use subprocess::{CreateSubprocess, Process, create_subprocess_exec, create_subprocess_shell};
pub use taskgroups::{ExceptionGroup, Results, TaskGroup, Values};
pub use tasks::cancellation::{CatchCancelled, Finally, catch_cancelled, finally};
pub use tasks::{
    AnyTask, AnyTaskWait, FrameCallGraphEntry, FutureCallGraph, Sleep, Task, all_tasks,
    capture_call_graph, create_eager_task, create_task, current_task, eager_task_factory,
    ensure_future, format_call_graph, print_call_graph, sleep,
};
#[cfg(feature = "threads")]
pub use threads::{
    ConcurrentFuture, ThreadPoolExecutor, run_coroutine_threadsafe, to_thread, wrap_future,
};
pub use timeouts::{InTime, Timeout, WaitFor, timeout, timeout_at, wait_for};
pub use wait::{
    ALL_COMPLETED, FIRST_COMPLETED, FIRST_EXCEPTION, ReturnWhen, Wait, Waitable, Waited, wait,
};
