//! The loop as its users have it.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::rc::Rc;

use super::clock::Clock;
use super::handles::{Handle, TimerHandle};
use super::ready::Ready;
use super::remote::RemoteLoop;
use super::report::{ExceptionContext, default_exception_handler, dropped};
use super::scheduled::Scheduled;
use super::state::LoopState;
use super::this_thread;
use crate::contextvars;
use crate::delay::{Delay, seconds};
use crate::futures::Future as AsyncioFuture;
use crate::tasks::Task;

/// An event loop: it runs tasks and callbacks, one at a time, in the order of CPython's.
///
/// A handle: a clone is the same loop, and so is equal to it. It belongs to the thread it was made
/// on; [`remote`](Self::remote) is the part of it that other threads may hold.
///
/// One iteration polls for input, takes in the wake-ups that brought, appends the timers that are
/// due, and then runs exactly what was ready at that point: what becomes ready meanwhile waits for
/// the next iteration. Mirrors `asyncio.AbstractEventLoop`; most programs only need
/// [`run`](crate::run).
///
/// # After a bare `fork`
///
/// A child that is forked and goes on without `exec` has none of its parent's threads, and on Linux
/// it shares the epolls of those with their loops: each of the two would take in what came for the
/// other. So it must not go on with a loop that ran, use a stream that was made before, or run a loop
/// where one ran before. Python's child may run a loop of its own. Here fork before the first loop is
/// run, or start a program with `create_subprocess_exec`.
///
/// ```
/// let event_loop = asyncio::new_event_loop();
/// let answer = event_loop.run_until_complete(async { 42 });
/// event_loop.close();
/// assert_eq!(answer, 42);
/// ```
#[derive(Clone)]
pub struct EventLoop {
    pub(crate) inner: Rc<LoopState>,
}

impl EventLoop {
    pub(crate) fn with_clock(clock: Clock) -> Self {
        Self {
            inner: LoopState::new(clock),
        }
    }

    /// Runs the loop until [`stop`](Self::stop) is called.
    ///
    /// Mirrors `loop.run_forever`.
    ///
    /// # Panics
    ///
    /// As [`run_until_complete`](Self::run_until_complete).
    ///
    /// ```
    /// let event_loop = asyncio::new_event_loop();
    /// let stop = event_loop.clone();
    /// event_loop.call_soon(move || stop.stop());
    /// event_loop.run_forever();
    /// assert!(!event_loop.is_running());
    /// # event_loop.close();
    /// ```
    #[track_caller]
    pub fn run_forever(&self) {
        self.check_runnable();
        self.run(None);
    }

    /// Ends the loop's run after the current iteration, or, when it does not run, after the first
    /// one of the next run. Mirrors `loop.stop`.
    ///
    /// ```
    /// let event_loop = asyncio::new_event_loop();
    /// event_loop.call_soon({
    ///     let event_loop = event_loop.clone();
    ///     move || event_loop.stop()
    /// });
    /// event_loop.run_forever();
    /// event_loop.close();
    /// ```
    pub fn stop(&self) {
        self.inner.stopping.set(true);
        self.inner.unpark();
    }

    /// Whether the loop runs right now.
    ///
    /// Mirrors `loop.is_running`.
    ///
    /// ```
    /// # asyncio::run(async {
    /// assert!(asyncio::get_running_loop().is_running());
    /// assert!(!asyncio::new_event_loop().is_running());
    /// # });
    /// ```
    pub fn is_running(&self) -> bool {
        this_thread::running().is_some_and(|running| Rc::ptr_eq(&running, &self.inner))
    }

    /// Ends the loop for good: what was ready and the timers are dropped. Twice is once.
    ///
    /// Mirrors `loop.close`.
    ///
    /// # Panics
    ///
    /// `Cannot close a running event loop`.
    ///
    /// ```
    /// let event_loop = asyncio::new_event_loop();
    /// event_loop.close();
    /// event_loop.close();
    /// assert!(event_loop.is_closed());
    /// ```
    #[track_caller]
    pub fn close(&self) {
        assert!(!self.is_running(), "Cannot close a running event loop");
        if self.inner.closed.replace(true) {
            return;
        }
        let mail = self.inner.tenancy.mailbox().close();
        mail.into_iter().for_each(dropped);
        self.inner.drop_callbacks();
        self.inner.unwatch_all();
        #[cfg(feature = "threads")]
        drop(self.inner.replace_default_executor(None));
    }

    /// Whether [`close`](Self::close) was called.
    ///
    /// Mirrors `loop.is_closed`.
    ///
    /// ```
    /// let event_loop = asyncio::new_event_loop();
    /// assert!(!event_loop.is_closed());
    /// event_loop.close();
    /// assert!(event_loop.is_closed());
    /// ```
    pub fn is_closed(&self) -> bool {
        self.inner.closed.get()
    }

    /// The loop's time in seconds: only differences mean something.
    ///
    /// Mirrors `loop.time`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let event_loop = asyncio::get_running_loop();
    /// let start = event_loop.time();
    /// asyncio::sleep(0.25).await;
    /// assert_eq!(event_loop.time() - start, 0.25);
    /// # });
    /// ```
    pub fn time(&self) -> f64 {
        self.inner.time()
    }

    /// The loop's clock.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// assert!(asyncio::get_running_loop().clock().is_virtual());
    /// # });
    /// ```
    pub fn clock(&self) -> Clock {
        self.inner.clock.clone()
    }

    /// Has `callback` called in the next iteration, after what is queued already.
    ///
    /// A panic in it is logged (`Exception in callback`), and the loop goes on.
    ///
    /// # Panics
    ///
    /// `Event loop is closed`.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let event_loop = asyncio::get_running_loop();
    /// event_loop.call_soon(|| println!("second"));
    /// println!("first");
    /// asyncio::sleep(0).await;
    /// # });
    /// ```
    #[track_caller]
    pub fn call_soon(&self, callback: impl FnOnce() + 'static) -> Handle {
        self.inner.check_open();
        let scheduled = Scheduled::new(&self.inner.blocks, contextvars::bound(callback));
        let handle = Handle(scheduled.cancels());
        self.inner.push(Ready::Handle(scheduled));
        handle
    }

    /// As [`call_soon`](Self::call_soon), from any thread: see [`remote`](Self::remote) for a
    /// handle that is [`Send`].
    ///
    /// # Panics
    ///
    /// `Event loop is closed`.
    ///
    /// Mirrors `loop.call_soon_threadsafe`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let (called, is_called) = std::sync::mpsc::channel();
    /// asyncio::get_running_loop().call_soon_threadsafe(move || called.send(true).unwrap());
    /// asyncio::sleep(0).await;
    /// assert!(is_called.try_recv().unwrap());
    /// # });
    /// ```
    #[track_caller]
    pub fn call_soon_threadsafe(&self, callback: impl FnOnce() + Send + 'static) {
        self.inner.check_open();
        self.inner
            .push(Ready::Call(Box::new(contextvars::bound(callback))));
    }

    /// The part of this loop that other threads may hold.
    ///
    /// ```
    /// asyncio::run(async {
    ///     let remote = asyncio::get_running_loop().remote();
    ///     let thread = std::thread::spawn(move || {
    ///         let (sender, receiver) = std::sync::mpsc::channel();
    ///         remote.call_soon_threadsafe(move || sender.send("from the loop").unwrap()).unwrap();
    ///         receiver.recv().unwrap()
    ///     });
    ///     let joined = asyncio::to_thread(move || thread.join().unwrap()).await;
    ///     assert_eq!(joined, "from the loop");
    /// });
    /// ```
    pub fn remote(&self) -> RemoteLoop {
        RemoteLoop(self.inner.address())
    }

    /// Has `callback` called after `delay`. Mirrors `loop.call_later`.
    ///
    /// # Panics
    ///
    /// `Event loop is closed`; `Invalid delay: NaN (not a number)`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let event_loop = asyncio::get_running_loop();
    /// let handle = event_loop.call_later(5, || println!("five seconds later"));
    /// assert_eq!(handle.when(), event_loop.time() + 5.0);
    /// handle.cancel();
    /// assert!(handle.cancelled());
    /// # });
    /// ```
    #[track_caller]
    pub fn call_later(&self, delay: impl Delay, callback: impl FnOnce() + 'static) -> TimerHandle {
        self.call_at(self.time() + seconds(&delay), callback)
    }

    /// Has `callback` called when the loop's [`time`](Self::time) is `when`. Timers for the same
    /// moment are called in the order in which they were made.
    ///
    /// Mirrors `loop.call_at`.
    ///
    /// # Panics
    ///
    /// As [`call_later`](Self::call_later).
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let event_loop = asyncio::get_running_loop();
    /// let called = asyncio::Future::new();
    /// let at = event_loop.time() + 1.5;
    /// event_loop.call_at(at, {
    ///     let called = called.clone();
    ///     move || called.set_result(asyncio::get_running_loop().time())
    /// });
    /// assert_eq!(called.await, at);
    /// # });
    /// ```
    #[track_caller]
    pub fn call_at(&self, when: f64, callback: impl FnOnce() + 'static) -> TimerHandle {
        self.inner.check_open();
        assert!(!when.is_nan(), "Invalid delay: NaN (not a number)");
        let scheduled = Scheduled::new(&self.inner.blocks, contextvars::bound(callback));
        let callback = scheduled.cancels();
        self.inner.insert_scheduled(when, scheduled);
        TimerHandle {
            event_loop: Rc::downgrade(&self.inner),
            callback,
            when,
        }
    }

    /// Makes a task of a future; it takes its first step in the next iteration.
    ///
    /// Mirrors `loop.create_task`.
    ///
    /// # Panics
    ///
    /// `Event loop is closed`.
    ///
    /// ```
    /// let event_loop = asyncio::new_event_loop();
    /// let task = event_loop.create_task(async { 42 });
    /// assert_eq!(event_loop.run_until_complete(task), 42);
    /// event_loop.close();
    /// ```
    #[track_caller]
    pub fn create_task<F: IntoFuture>(&self, future: F) -> Task<F::Output>
    where
        F::IntoFuture: 'static,
        F::Output: 'static,
    {
        self.inner.check_open();
        Task::spawn(&self.inner, future.into_future())
    }

    /// A [`Future`](crate::Future) of this loop.
    ///
    /// Mirrors `loop.create_future`.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let future = asyncio::get_running_loop().create_future();
    /// future.set_result(42);
    /// assert_eq!(future.await, 42);
    /// # });
    /// ```
    pub fn create_future<T: 'static>(&self) -> AsyncioFuture<T> {
        AsyncioFuture::on(self)
    }

    /// Whether the loop is in debug mode.
    ///
    /// Mirrors `loop.get_debug`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let event_loop = asyncio::get_running_loop();
    /// event_loop.set_debug(true);
    /// assert!(event_loop.get_debug());
    /// # });
    /// ```
    pub fn get_debug(&self) -> bool {
        self.inner.debug.get()
    }

    /// Turns debug mode on or off: whatever runs for longer than
    /// [`slow_callback_duration`](Self::slow_callback_duration) is logged then.
    ///
    /// A new loop is in debug mode when the environment variable `ASYNCIO_DEBUG` is set, to
    /// something other than `0`.
    ///
    /// In builds with debug assertions a task's stack also has every coroutine then that it is within, see
    /// [`AnyTask::get_stack`](crate::AnyTask::get_stack).
    ///
    /// A callback is named by the line that handed it over, a task by its repr. Mirrors `loop.set_debug`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let event_loop = asyncio::get_running_loop();
    /// event_loop.set_debug(true);
    /// event_loop.call_soon(|| asyncio::testing::block(0.5));
    /// asyncio::sleep(0).await; // Executing <Handle created at src/main.rs:5> took 0.500 seconds
    /// # });
    /// ```
    pub fn set_debug(&self, debug: bool) {
        self.inner.debug.set(debug);
    }

    /// How many seconds a task or callback may run before it is called slow; 0.1 unless set.
    ///
    /// Mirrors `loop.slow_callback_duration`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let event_loop = asyncio::get_running_loop();
    /// assert_eq!(event_loop.slow_callback_duration(), 0.1);
    /// # });
    /// ```
    pub fn slow_callback_duration(&self) -> f64 {
        self.inner.slow_callback_duration.get()
    }

    /// Sets [`slow_callback_duration`](Self::slow_callback_duration).
    ///
    /// ```
    /// # asyncio::run(async {
    /// let event_loop = asyncio::get_running_loop();
    /// event_loop.set_slow_callback_duration(0.02);
    /// assert_eq!(event_loop.slow_callback_duration(), 0.02);
    /// # });
    /// ```
    pub fn set_slow_callback_duration(&self, delay: impl Delay) {
        self.inner.slow_callback_duration.set(seconds(&delay));
    }

    /// Sets what is called when something fails where nobody can be told; without it, it is
    /// logged. Mirrors `loop.set_exception_handler`.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let event_loop = asyncio::get_running_loop();
    /// event_loop.set_exception_handler(|event_loop, context| {
    ///     if context.message != "Exception in callback" {
    ///         event_loop.default_exception_handler(context);
    ///     }
    /// });
    /// event_loop.call_soon(|| panic!("nobody hears of this"));
    /// asyncio::sleep(0).await;
    /// # event_loop.unset_exception_handler();
    /// # });
    /// ```
    pub fn set_exception_handler(&self, handler: impl Fn(&EventLoop, &ExceptionContext) + 'static) {
        let old = self.inner.exception_handler.replace(Some(Rc::new(handler)));
        drop(old);
    }

    /// Takes the exception handler back: what fails is logged again. Mirrors
    /// `loop.set_exception_handler(None)`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let event_loop = asyncio::get_running_loop();
    /// event_loop.set_exception_handler(|_, context| println!("{}", context.message));
    /// event_loop.unset_exception_handler();
    /// # });
    /// ```
    pub fn unset_exception_handler(&self) {
        let old = self.inner.exception_handler.take();
        drop(old);
    }

    /// Calls the exception handler, as the loop does when something fails where nobody can be told.
    ///
    /// Mirrors `loop.call_exception_handler`.
    ///
    /// ```
    /// # use std::{cell::RefCell, rc::Rc};
    /// # asyncio::run(async {
    /// let heard = Rc::new(RefCell::new(Vec::new()));
    /// let event_loop = asyncio::get_running_loop();
    /// event_loop.set_exception_handler({
    ///     let heard = heard.clone();
    ///     move |_, context| heard.borrow_mut().push(context.message.clone())
    /// });
    /// event_loop.call_exception_handler(&asyncio::ExceptionContext::new("out of paper"));
    /// assert_eq!(*heard.borrow(), ["out of paper"]);
    /// # });
    /// ```
    pub fn call_exception_handler(&self, context: &ExceptionContext) {
        self.inner.report(context.clone());
    }

    /// Logs, as the loop does when no exception handler is set: for handlers that only look for
    /// some things.
    ///
    /// Mirrors `loop.default_exception_handler`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let event_loop = asyncio::get_running_loop();
    /// event_loop.set_exception_handler(|event_loop, context| {
    ///     if !context.message.contains("never retrieved") {
    ///         event_loop.default_exception_handler(context);
    ///     }
    /// });
    /// # });
    /// ```
    pub fn default_exception_handler(&self, context: &ExceptionContext) {
        default_exception_handler(context);
    }

    /// How many iterations the loop has begun.
    pub(crate) fn iteration(&self) -> u64 {
        self.inner.iteration.get()
    }
}

impl PartialEq for EventLoop {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.inner, &other.inner)
    }
}

impl Eq for EventLoop {}

impl Hash for EventLoop {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Rc::as_ptr(&self.inner).hash(state);
    }
}

impl fmt::Debug for EventLoop {
    /// As Python shows its loops.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let python = |value| if value { "True" } else { "False" };
        write!(
            f,
            "<EventLoop running={} closed={} debug={}>",
            python(self.is_running()),
            python(self.is_closed()),
            python(self.get_debug())
        )
    }
}

/// The running loop of this thread.
///
/// Mirrors `asyncio.get_running_loop`.
///
/// # Panics
///
/// `no running event loop`, outside of one.
///
/// ```
/// # asyncio::run(async {
/// assert!(asyncio::get_running_loop().is_running());
/// # });
/// ```
#[track_caller]
pub fn get_running_loop() -> EventLoop {
    match this_thread::running() {
        Some(inner) => EventLoop { inner },
        None => panic!("no running event loop"),
    }
}

/// The running loop, or else the one that [`set_event_loop`] set, or else a new one, which is set.
///
/// Mirrors `asyncio.get_event_loop` as the generator-based programs knew it.
///
/// ```
/// let event_loop = asyncio::get_event_loop();
/// assert_eq!(asyncio::get_event_loop(), event_loop);
/// event_loop.run_until_complete(asyncio::sleep(0));
/// event_loop.close();
/// ```
pub fn get_event_loop() -> EventLoop {
    if let Some(inner) = this_thread::running() {
        return EventLoop { inner };
    }
    this_thread::set().unwrap_or_else(|| {
        let event_loop = new_event_loop();
        this_thread::replace_set(Some(event_loop.clone()));
        event_loop
    })
}

/// A new loop. It runs nothing until it is told to, and is not set.
///
/// Mirrors `asyncio.new_event_loop`.
///
/// ```
/// let event_loop = asyncio::new_event_loop();
/// assert_eq!(event_loop.run_until_complete(async { 6 * 7 }), 42);
/// event_loop.close();
/// ```
pub fn new_event_loop() -> EventLoop {
    EventLoop::with_clock(Clock::of_new_loops())
}

/// Sets what [`get_event_loop`] gives on this thread while no loop runs.
///
/// Mirrors `asyncio.set_event_loop`.
///
/// ```
/// let event_loop = asyncio::new_event_loop();
/// asyncio::set_event_loop(Some(&event_loop));
/// assert_eq!(asyncio::get_event_loop(), event_loop);
/// asyncio::set_event_loop(None);
/// ```
pub fn set_event_loop(event_loop: Option<&EventLoop>) {
    this_thread::replace_set(event_loop.cloned());
}
