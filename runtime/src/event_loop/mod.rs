//! The event loop: what runs next, and when.
//!
//! - [`ready`]: what waits to be run, and the handles to it;
//! - [`timers`]: what is to be run later;
//! - [`clock`]: what time it is, really or virtually;
//! - [`address`]: where a loop is found, from any thread;
//! - [`blocks`]: memory for its tasks;
//! - [`remote`]: the way in from other threads, and [`mailbox`], what lies in it;
//! - [`context`]: what the thread knows of its loops and its current task;
//! - [`watches`]: what it waits for without a task;
//! - [`input`]: callbacks for input and signals, on it;
//! - [`patience`]: how long a virtual clock stands still for what nobody knows;
//! - [`shutdown`]: how the tasks that are left are ended;
//! - [`driver`]: the boundary to async-io, the only file that waits.

mod address;
pub(crate) mod blocks;
mod clock;
pub(crate) mod context;
mod driver;
#[cfg(unix)]
mod input;
mod mailbox;
mod patience;
pub(crate) mod ready;
pub(crate) mod remote;
mod shutdown;
pub(crate) mod timers;
pub(crate) mod watches;

/// What [`mailbox`] is made of.
mod sync {
    pub(super) use std::sync::atomic::{AtomicBool, Ordering};
    pub(super) use std::sync::{Mutex, MutexGuard};
}

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use slab::Slab;

pub(crate) use address::Address;
use address::Tenancy;
pub use clock::Clock;
pub use ready::{Handle, TimerHandle};
pub use remote::{LoopClosed, RemoteLoop};
use shutdown::Interrupted;

use crate::contextvars;
use crate::delay::{Delay, seconds};
use crate::diagnostics;
use crate::exceptions::{CancelledError, Exception, KeyboardInterrupt, Panic};
use crate::futures::{Future as AsyncioFuture, handle_of};
use crate::tasks::{AnyTask, Main, Owned, Task, TaskKey, TaskRef, Waits};
#[cfg(feature = "threads")]
use crate::threads::{DefaultExecutor, ThreadPoolExecutor};
use ready::{Callback, HandleState, Ready};
use remote::Message;
use timers::{TimerKey, Timers};

/// What `time.get_clock_info('monotonic').resolution` is on the machines CPython runs on.
const CLOCK_RESOLUTION: f64 = 1e-9;

/// `EventLoop::slow_callback_duration` of a new loop, in seconds.
const SLOW_CALLBACK: f64 = 0.1;

const CLOSED: &str = "Event loop is closed";
const STOPPED: &str = "Event loop stopped before Future completed.";

/// A loop's state; every handle to the loop, and nothing else, keeps it alive.
pub(crate) struct LoopState {
    pub(crate) id: u64,
    pub(crate) clock: Clock,
    ready: RefCell<VecDeque<Ready>>,
    timers: RefCell<Timers>,
    /// Every task that is not done: the loop owns them.
    tasks: Owned,
    pub(crate) blocks: blocks::Blocks,
    tenancy: Tenancy,
    alarm: driver::Alarm,
    /// Ends the wait for input; there while the loop may be waiting.
    parked: RefCell<Option<Waker>>,
    /// Whether that is there.
    is_parked: Cell<bool>,
    stopping: Cell<bool>,
    closed: Cell<bool>,
    debug: Cell<bool>,
    /// Whether tasks take their first step as they are created.
    pub(crate) eager_tasks: Cell<bool>,
    slow_callback_duration: Cell<f64>,
    iteration: Cell<u64>,
    /// How much is waited for that is known to come from outside of the loop: suspended tasks that
    /// wait for input, threads or processes, and what is parked.
    outside_waits: Cell<usize>,
    /// What else is waited for that may come from outside.
    patience: patience::Patience,
    /// Whether an entry of the ready queue runs: what is woken now is not woken from outside.
    runs_entries: Cell<bool>,
    /// What callbacks from other threads do here.
    parked_callbacks: RefCell<Slab<Box<dyn FnOnce()>>>,
    #[cfg(feature = "threads")]
    default_executor: RefCell<Option<DefaultExecutor>>,
    watches: watches::Watches,
    exception_handler: RefCell<Option<Rc<ExceptionHandler>>>,
    /// A panic that ends the loop itself: Ctrl-C.
    interrupt: RefCell<Option<Panic>>,
    /// Whether that is there.
    is_interrupted: Cell<bool>,
}

type ExceptionHandler = dyn Fn(&EventLoop, &ExceptionContext);

/// What went wrong where nobody could be told: the argument of an exception handler.
///
/// Mirrors the `context` dictionary of `loop.call_exception_handler`.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExceptionContext {
    /// What happened, in Python's words.
    pub message: String,
    /// The panic, if there is one; for a task that ended with an `Err`, one that says what that
    /// says.
    pub exception: Option<Panic>,
    /// The task that it happened to.
    pub task: Option<AnyTask>,
}

impl ExceptionContext {
    /// A context that only says what happened.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            exception: None,
            task: None,
        }
    }
}

impl LoopState {
    fn new(clock: Clock) -> Rc<Self> {
        let tenancy = Tenancy::begin();
        let state = Rc::new(Self {
            id: tenancy.number(),
            clock,
            ready: RefCell::default(),
            timers: RefCell::default(),
            tasks: Owned::default(),
            blocks: blocks::Blocks::default(),
            tenancy,
            alarm: driver::Alarm::default(),
            parked: RefCell::default(),
            is_parked: Cell::new(false),
            stopping: Cell::new(false),
            closed: Cell::new(false),
            eager_tasks: Cell::new(false),
            debug: Cell::new(
                std::env::var_os("ASYNCIO_DEBUG")
                    .is_some_and(|value| value != "0" && !value.is_empty()),
            ),
            slow_callback_duration: Cell::new(SLOW_CALLBACK),
            iteration: Cell::new(0),
            outside_waits: Cell::new(0),
            patience: patience::Patience::default(),
            runs_entries: Cell::new(false),
            parked_callbacks: RefCell::default(),
            #[cfg(feature = "threads")]
            default_executor: RefCell::default(),
            watches: watches::Watches::default(),
            exception_handler: RefCell::default(),
            interrupt: RefCell::default(),
            is_interrupted: Cell::new(false),
        });
        state.tenancy.move_in(Rc::as_ptr(&state));
        state
    }

    #[track_caller]
    fn check_open(&self) {
        assert!(!self.closed.get(), "{CLOSED}");
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    pub(crate) fn address(&self) -> Address {
        self.tenancy.address()
    }

    /// Queues an entry and, if the loop waits for input, ends the wait.
    #[inline]
    pub(crate) fn push(&self, entry: Ready) {
        self.ready.borrow_mut().push_back(entry);
        self.unpark();
    }

    #[inline]
    fn unpark(&self) {
        if self.is_parked.get() {
            self.is_parked.set(false);
            let parked = self.parked.borrow_mut().take();
            if let Some(waker) = parked {
                waker.wake();
            }
        }
    }

    // Tasks.

    /// Owns the task, until it is done.
    #[inline]
    pub(crate) fn insert_task(&self, task: &TaskRef) {
        self.tasks.push(task.clone());
    }

    #[inline]
    pub(crate) fn remove_task(&self, task: &TaskRef) -> Option<TaskRef> {
        debug_assert!(task.event_loop().is_of(self));
        self.tasks.remove(task)
    }

    /// Queues a step of the task, unless one is queued already.
    pub(crate) fn schedule(&self, task: &TaskRef) {
        let core = task.core();
        if !core.scheduled.get() {
            self.schedule_owned(task.clone());
        }
    }

    /// Queues a step of the task, for which none is queued.
    #[inline]
    pub(crate) fn schedule_owned(&self, task: TaskRef) {
        task.core().scheduled.set(true);
        self.no_longer_waits(&task);
        self.push(Ready::Task(task));
    }

    /// Notes where what a task is suspended at comes from, for a clock that may jump.
    #[inline]
    pub(crate) fn waits(&self, task: &TaskRef, from: Waits) {
        if from != Waits::Inside && self.clock.is_virtual() {
            self.waits_outside(task, from);
        }
    }

    fn waits_outside(&self, task: &TaskRef, from: Waits) {
        let core = task.core();
        if core.waits.get() != Waits::Inside {
            return;
        }
        core.waits.set(from);
        match from {
            Waits::Inside => {}
            Waits::Outside => self.add_outside_wait(),
            Waits::Unknown => core.waits_since.set(self.patience.begin()),
        }
    }

    /// A task no longer waits for that: it is about to step, or is gone.
    #[inline]
    pub(crate) fn no_longer_waits(&self, task: &TaskRef) {
        if task.core().waits.get() != Waits::Inside {
            self.no_longer_waits_outside(task);
        }
    }

    fn no_longer_waits_outside(&self, task: &TaskRef) {
        let core = task.core();
        match core.waits.replace(Waits::Inside) {
            Waits::Inside => {}
            Waits::Outside => self.remove_outside_wait(),
            Waits::Unknown => {
                let from_outside = !self.runs_entries.get();
                self.patience.end(core.waits_since.get(), from_outside);
            }
        }
    }

    /// Keeps what another thread is to have called here, which may hold what that thread may not:
    /// sent there and back, the key stands for it. While it is kept, a virtual clock does not jump.
    pub(crate) fn park(&self, callback: Box<dyn FnOnce()>) -> ParkedKey {
        self.add_outside_wait();
        ParkedKey {
            address: self.address(),
            slot: self.parked_callbacks.borrow_mut().insert(callback),
        }
    }

    /// Something outside of the loop is waited for that is no task's to say.
    pub(crate) fn add_outside_wait(&self) {
        self.outside_waits.set(self.outside_waits.get() + 1);
    }

    pub(crate) fn remove_outside_wait(&self) {
        self.outside_waits.set(self.outside_waits.get() - 1);
    }

    fn unpark_callback(&self, key: &ParkedKey) {
        let callback = self.parked_callbacks.borrow_mut().try_remove(key.slot);
        if let Some(callback) = callback {
            self.remove_outside_wait();
            callback();
        }
    }

    /// Threads for blocking work, made when they are first asked for.
    #[cfg(feature = "threads")]
    pub(crate) fn default_executor(&self) -> ThreadPoolExecutor {
        let mut default = self.default_executor.borrow_mut();
        let default = default.get_or_insert_with(DefaultExecutor::default);
        default.executor.clone()
    }

    #[cfg(feature = "threads")]
    pub(crate) fn replace_default_executor(
        &self,
        executor: Option<DefaultExecutor>,
    ) -> Option<DefaultExecutor> {
        self.default_executor.replace(executor)
    }

    /// The tasks that are not done, oldest first.
    pub(crate) fn all_tasks(&self) -> Vec<TaskRef> {
        self.tasks.all()
    }

    // Timers.

    pub(crate) fn time(&self) -> f64 {
        self.clock.time()
    }

    pub(crate) fn insert_timer(&self, when: f64, callback: Callback) -> TimerKey {
        self.timers.borrow_mut().insert(when, callback)
    }

    /// A timer that is due by itself: it runs in the next iteration, as by `call_soon`.
    pub(crate) fn insert_due_timer(&self, callback: Callback) -> TimerKey {
        let key = self.timers.borrow_mut().insert_due(callback);
        self.push(Ready::Timer(key));
        key
    }

    pub(crate) fn cancel_timer(&self, key: TimerKey) {
        let callback = self.timers.borrow_mut().remove(key);
        drop(callback);
    }

    pub(crate) fn has_timer(&self, key: TimerKey) -> bool {
        self.timers.borrow().contains(key)
    }

    /// Has the timer wake `waker`, if it does not already.
    pub(crate) fn rewake_timer(&self, key: TimerKey, waker: &Waker) {
        if !self.timers.borrow().wakes(key, waker) {
            let waker = Callback::Wake(waker.clone());
            let old = self.timers.borrow_mut().replace(key, waker);
            drop(old);
        }
    }

    // Running.

    /// Runs until it is stopped. `main` is the task that lives on the caller's stack, if any.
    fn run(self: &Rc<Self>, main: Option<&mut Main<'_>>) {
        let _running = context::Running::enter(self);
        let _unpark = Unparking(self);
        let mut main = main;
        driver::drive(|cx| self.drive(cx, &mut main));
        self.stopping.set(false);
    }

    /// Some iterations, between two polls for input; ready when the loop is stopped.
    fn drive(self: &Rc<Self>, cx: &mut Context<'_>, main: &mut Option<&mut Main<'_>>) -> Poll<()> {
        drop(self.parked.borrow_mut().take());
        self.tenancy.mailbox().set_unpark(Some(cx.waker().clone()));
        let mut budget = driver::Budget::default();
        loop {
            self.receive();
            if self.ready.borrow().is_empty() {
                driver::look();
            }
            self.take_due_timers();
            let snapshot = self.ready.borrow().len();
            if snapshot == 0 && !self.stopping.get() {
                match self.wait(cx) {
                    Poll::Ready(()) => continue,
                    Poll::Pending => return Poll::Pending,
                }
            }
            self.iteration.set(self.iteration.get() + 1);
            self.patience.renew();
            let _runs = RunsEntries::begin(&self.runs_entries);
            if self.run_entries(snapshot, main).is_break() {
                return Poll::Ready(());
            }
            if self.stopping.get() {
                return Poll::Ready(());
            }
            if !budget.spend(snapshot) {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
        }
    }

    /// Nothing is ready: ready when time has been moved on, pending when input is to be waited for.
    fn wait(&self, cx: &mut Context<'_>) -> Poll<()> {
        let next = self.timers.borrow_mut().next_deadline();
        *self.parked.borrow_mut() = Some(cx.waker().clone());
        self.is_parked.set(true);
        driver::rest(cx.waker());
        // A timer that is never due is not waited for.
        let Some(when) = next.filter(|when| when.is_finite()) else {
            return Poll::Pending;
        };
        let moved = if !self.clock.is_virtual() {
            self.alarm.poll(cx, when, when - self.time()).is_ready()
        } else if self.outside_waits.get() > 0 {
            false
        } else if self.patience.poll(cx, &self.alarm).is_ready() {
            self.clock.jump_to(when);
            true
        } else {
            false
        };
        if moved {
            drop(self.parked.borrow_mut().take());
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }

    /// Takes in what other threads have sent.
    #[inline]
    fn receive(&self) {
        let mailbox = self.tenancy.mailbox();
        if !mailbox.has_mail() {
            return;
        }
        for message in mailbox.receive() {
            match message {
                Message::Wake(task) => task.arrive(),
                Message::Call(callback) => self.push(Ready::Call(callback)),
                Message::Leave(key, point) => {
                    if let Some(task) = key.task() {
                        task.core().cancellation.forget(point);
                    }
                }
                Message::CancelTimer(key) => self.cancel_timer(key),
            }
        }
    }

    #[inline]
    fn take_due_timers(&self) {
        let mut timers = self.timers.borrow_mut();
        if timers.is_empty() || timers.next_deadline().is_none() {
            return;
        }
        let now = self.time();
        let mut ready = self.ready.borrow_mut();
        while let Some(key) = timers.pop_due(now, now + CLOCK_RESOLUTION) {
            ready.push_back(Ready::Timer(key));
        }
    }

    /// Runs what was ready when the iteration began. What callbacks and tasks raise they deal with;
    /// what remains is the panic of a destructor, when with an entry the last reference to something
    /// goes.
    fn run_entries(
        self: &Rc<Self>,
        snapshot: usize,
        main: &mut Option<&mut Main<'_>>,
    ) -> ControlFlow<()> {
        let mut left = snapshot;
        while left > 0 {
            guarded("Exception ignored in a destructor", || {
                while left > 0 && !self.is_interrupted.get() {
                    left -= 1;
                    let entry = self.ready.borrow_mut().pop_front();
                    let Some(entry) = entry else { return };
                    self.run_unguarded(entry, main);
                }
            });
            if self.is_interrupted.get() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    #[inline]
    fn run_unguarded(self: &Rc<Self>, entry: Ready, main: &mut Option<&mut Main<'_>>) {
        let callback = match entry {
            Ready::Task(task) => {
                self.timed(
                    || task.step(self, main.as_deref_mut()),
                    || format!("{:?}", AnyTask(task.clone())),
                );
                return;
            }
            Ready::Notify(waiting, number) => return waiting.notified(number),
            Ready::Call(callback) => Some(callback),
            Ready::Handle(handle) => handle.take(),
            Ready::Timer(key) => {
                let callback = self.timers.borrow_mut().remove(key);
                match callback {
                    Some(Callback::Wake(waker)) => return wake(waker),
                    Some(Callback::Call(callback)) => Some(callback),
                    Some(Callback::Bind(bind)) => bind(),
                    Some(Callback::Notify(waiting, number)) => return waiting.notified(number),
                    None => None,
                }
            }
        };
        if let Some(callback) = callback {
            self.timed(|| self.call(callback), || "<Handle>".to_owned());
        }
    }

    /// In debug mode, says what took long.
    #[inline]
    fn timed(&self, run: impl FnOnce(), name: impl FnOnce() -> String) {
        if !self.debug.get() {
            return run();
        }
        let start = self.time();
        run();
        let took = self.time() - start;
        if took >= self.slow_callback_duration.get() {
            // By hand: all that formats floating-point numbers would come into every program.
            let millis = (took * 1e3).round() as u64;
            let (seconds, millis) = (millis / 1000, millis % 1000);
            diagnostics::warn(format_args!(
                "Executing {} took {seconds}.{millis:03} seconds",
                name()
            ));
        }
    }

    fn call(self: &Rc<Self>, callback: Box<dyn FnOnce()>) {
        let _no_task = context::Entered::task(None);
        if let Err(payload) = catch_unwind(AssertUnwindSafe(callback)) {
            let panic = Panic::new(payload);
            if panic.is::<KeyboardInterrupt>() {
                self.interrupt(panic);
            } else {
                self.report(ExceptionContext {
                    message: "Exception in callback".to_owned(),
                    exception: Some(panic),
                    task: None,
                });
            }
        }
    }

    /// Ends the loop itself with a panic: Python's `KeyboardInterrupt`.
    pub(crate) fn interrupt(&self, panic: Panic) {
        self.interrupt.borrow_mut().get_or_insert(panic);
        self.is_interrupted.set(true);
    }

    fn take_interrupt(&self) -> Option<Panic> {
        self.is_interrupted.set(false);
        self.interrupt.borrow_mut().take()
    }

    /// Calls the exception handler, or logs as Python's default one does.
    pub(crate) fn report(self: &Rc<Self>, context: ExceptionContext) {
        let handler = self.exception_handler.borrow().clone();
        match handler {
            Some(handler) => {
                let event_loop = EventLoop {
                    inner: self.clone(),
                };
                let handled = catch_unwind(AssertUnwindSafe(|| handler(&event_loop, &context)));
                let Err(payload) = handled else { return };
                let panic = Panic::new(payload);
                if panic.is::<KeyboardInterrupt>() {
                    return self.interrupt(panic);
                }
                // As in Python, both what failed and what was to be handled.
                default_exception_handler(&ExceptionContext {
                    message: format!(
                        "Unhandled error in exception handler\ncontext: {}",
                        context.message
                    ),
                    exception: Some(panic),
                    task: context.task,
                });
            }
            None => default_exception_handler(&context),
        }
    }
}

/// Runs something of the user's where nobody can be told of its panic: that is logged.
pub(crate) fn guarded(message: &str, run: impl FnOnce()) {
    let Err(payload) = catch_unwind(AssertUnwindSafe(run)) else {
        return;
    };
    let panic = Panic::new(payload);
    let running = context::running();
    if let (Some(event_loop), true) = (&running, panic.is::<KeyboardInterrupt>()) {
        return event_loop.interrupt(panic);
    }
    let context = ExceptionContext {
        message: message.to_owned(),
        exception: Some(panic),
        task: None,
    };
    match running {
        Some(event_loop) => event_loop.report(context),
        None => default_exception_handler(&context),
    }
}

const IN_WAKER: &str = "Exception in callback";

/// Wakes; a waker may be anybody's, and its panic must keep nobody else from being woken.
#[inline]
pub(crate) fn wake(waker: Waker) {
    if let Err(waker) = TaskKey::try_wake(waker) {
        guarded(IN_WAKER, || waker.wake());
    }
}

/// As [`wake`], by reference.
pub(crate) fn wake_by_ref(waker: &Waker) {
    guarded(IN_WAKER, || waker.wake_by_ref());
}

/// Stands for a callback that is kept on its loop's thread. It is called once.
pub(crate) struct ParkedKey {
    address: Address,
    slot: usize,
}

impl ParkedKey {
    /// On the loop's thread: calls it, unless the loop is closed.
    pub(crate) fn call(&self) {
        if let Some(event_loop) = self.address.upgrade() {
            event_loop.unpark_callback(self);
        }
    }
}

pub(crate) fn default_exception_handler(context: &ExceptionContext) {
    use std::fmt::Write as _;
    let mut text = context.message.clone();
    if let Some(task) = &context.task {
        let _ = write!(text, "\nfuture: {task:?}");
    }
    if let Some(panic) = &context.exception {
        let _ = write!(text, "\nexception: {}", panic.message());
    }
    diagnostics::error(text);
}

/// Entries run until this is dropped.
struct RunsEntries<'a>(&'a Cell<bool>);

impl<'a> RunsEntries<'a> {
    fn begin(runs: &'a Cell<bool>) -> Self {
        runs.set(true);
        Self(runs)
    }
}

impl Drop for RunsEntries<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}

/// While a loop runs, others threads can end its wait; this takes that back.
struct Unparking<'a>(&'a LoopState);

impl Drop for Unparking<'_> {
    fn drop(&mut self) {
        self.0.tenancy.mailbox().set_unpark(None);
        drop(self.0.parked.borrow_mut().take());
    }
}

impl Drop for LoopState {
    fn drop(&mut self) {
        self.tenancy.end();
        // Each in a statement of its own: what is dropped may look at the loop's state again.
        drop(std::mem::take(&mut *self.ready.borrow_mut()));
        drop(std::mem::take(&mut *self.timers.borrow_mut()));
        for task in self.tasks.take() {
            task.destroy();
        }
    }
}

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

    /// Runs the loop until `future` is done, and gives what it gave.
    ///
    /// A coroutine becomes a task first; it may borrow from the caller. A [`Task`], a
    /// [`Future`](crate::Future) or a [`Gather`](crate::Gather) is waited for as it is. What else
    /// is left in the loop stays there, and goes on when the loop runs again.
    ///
    /// Mirrors `loop.run_until_complete`.
    ///
    /// # Panics
    ///
    /// - `This event loop is already running` and `Cannot run the event loop while another loop is
    ///   running`, when called from inside a loop;
    /// - `Event loop is closed`;
    /// - `Event loop stopped before Future completed.`;
    /// - `The future belongs to a different loop ...`, when it is a handle of another one;
    /// - with the payload of a panic in `future`; with a [`CancelledError`](crate::CancelledError)
    ///   when it was cancelled;
    /// - with a [`KeyboardInterrupt`](crate::KeyboardInterrupt) that another task or a callback
    ///   panicked with. A coroutine is cancelled, and its cleanup awaited, before that.
    #[track_caller]
    pub fn run_until_complete<F: IntoFuture>(&self, future: F) -> F::Output {
        self.check_runnable();
        let future = future.into_future();
        let stop = {
            let inner = Rc::downgrade(&self.inner);
            move || {
                if let Some(inner) = inner.upgrade() {
                    inner.stopping.set(true);
                }
            }
        };
        let is_handle = match handle_of(&future) {
            Some(handle) => {
                assert!(
                    handle.belongs_to(&self.inner),
                    "The future belongs to a different loop than the one that is to run it"
                );
                let stop = handle.on_done(Callback::Call(Box::new(stop.clone())));
                let _remove = Defer(|| handle.remove_callback(stop));
                self.run(None);
                assert!(handle.is_done(), "{STOPPED}");
                true
            }
            None => false,
        };
        if is_handle {
            return take_ready(future);
        }
        match self.run_task(
            future,
            Location::caller(),
            stop,
            Interrupted::CancelsMain,
            |_| (),
        ) {
            Ok(value) => value,
            Err(cancelled) => std::panic::panic_any(cancelled),
        }
    }

    /// [`run_until_complete`](Self::run_until_complete), showing the main task to the caller, who
    /// also hears when it was cancelled.
    pub(crate) fn run_main<F: Future>(
        &self,
        future: F,
        called_at: &'static Location<'static>,
        context: &contextvars::Context,
        see: impl FnOnce(&TaskRef),
    ) -> Result<F::Output, CancelledError> {
        self.check_runnable();
        let see = |main: &TaskRef| {
            main.core().set_context(context.clone());
            see(main);
        };
        let inner = Rc::downgrade(&self.inner);
        let stop = move || {
            if let Some(inner) = inner.upgrade() {
                inner.stopping.set(true);
            }
        };
        self.run_task(future, called_at, stop, Interrupted::CancelsAll, see)
    }

    fn run_task<F: Future>(
        &self,
        future: F,
        called_at: &'static Location<'static>,
        stop: impl FnOnce() + 'static,
        interrupted: Interrupted,
        see: impl FnOnce(&TaskRef),
    ) -> Result<F::Output, CancelledError> {
        let mut body = Body::new(future);
        let main = Task::<()>::main::<F>(&self.inner, called_at);
        see(&main.erased());
        let stop = main.add_stop(stop);
        {
            let _leave = Defer(|| main.leave(&self.inner));
            let mut on_stack = Main::new(&main, &mut body);
            self.inner.run(Some(&mut on_stack));
            let interrupt = self.inner.take_interrupt();
            if let Some(panic) = interrupt {
                if !main.done() {
                    main.core().remove_callback(stop);
                    self.end_interrupted(interrupted, &main.erased(), &mut on_stack);
                }
                panic.resume();
            }
        }
        match main.core().failure() {
            Some(Exception::CancelledError(error)) => Err(error),
            Some(Exception::Panic(panic)) => panic.resume(),
            None => match body.value.take() {
                Some(value) => Ok(value),
                None => panic!("{STOPPED}"),
            },
        }
    }

    fn run(&self, main: Option<&mut Main<'_>>) {
        self.inner.run(main);
        let interrupt = self.inner.take_interrupt();
        if let Some(panic) = interrupt {
            panic.resume();
        }
    }

    #[track_caller]
    fn check_runnable(&self) {
        self.inner.check_open();
        match context::running() {
            Some(running) if Rc::ptr_eq(&running, &self.inner) => {
                panic!("This event loop is already running")
            }
            Some(_) => panic!("Cannot run the event loop while another loop is running"),
            None => {}
        }
    }

    /// Runs the loop until [`stop`](Self::stop) is called.
    ///
    /// # Panics
    ///
    /// As [`run_until_complete`](Self::run_until_complete).
    #[track_caller]
    pub fn run_forever(&self) {
        self.check_runnable();
        self.run(None);
    }

    /// Ends the loop's run after the current iteration, or, when it does not run, after the first
    /// one of the next run. Mirrors `loop.stop`.
    pub fn stop(&self) {
        self.inner.stopping.set(true);
        self.inner.unpark();
    }

    /// Whether the loop runs right now.
    pub fn is_running(&self) -> bool {
        context::running().is_some_and(|running| Rc::ptr_eq(&running, &self.inner))
    }

    /// Ends the loop for good: what was ready and the timers are dropped. Twice is once.
    ///
    /// # Panics
    ///
    /// `Cannot close a running event loop`.
    #[track_caller]
    pub fn close(&self) {
        assert!(!self.is_running(), "Cannot close a running event loop");
        if self.inner.closed.replace(true) {
            return;
        }
        drop(self.inner.tenancy.mailbox().close());
        let ready = std::mem::take(&mut *self.inner.ready.borrow_mut());
        drop(ready);
        let timers = std::mem::take(&mut *self.inner.timers.borrow_mut());
        drop(timers);
        let parked = std::mem::take(&mut *self.inner.parked_callbacks.borrow_mut());
        drop(parked);
        self.inner.unwatch_all();
        #[cfg(feature = "threads")]
        drop(self.inner.replace_default_executor(None));
    }

    /// Whether [`close`](Self::close) was called.
    pub fn is_closed(&self) -> bool {
        self.inner.closed.get()
    }

    /// The loop's time in seconds: only differences mean something.
    pub fn time(&self) -> f64 {
        self.inner.time()
    }

    /// The loop's clock.
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
        let state = HandleState::new(Box::new(contextvars::bound(callback)));
        self.inner.push(Ready::Handle(state.clone()));
        Handle(state)
    }

    /// As [`call_soon`](Self::call_soon), from any thread: see [`remote`](Self::remote) for a
    /// handle that is [`Send`].
    ///
    /// # Panics
    ///
    /// `Event loop is closed`.
    #[track_caller]
    pub fn call_soon_threadsafe(&self, callback: impl FnOnce() + Send + 'static) {
        self.inner.check_open();
        self.inner
            .push(Ready::Call(Box::new(contextvars::bound(callback))));
    }

    /// The part of this loop that other threads may hold.
    pub fn remote(&self) -> RemoteLoop {
        RemoteLoop(self.inner.address())
    }

    /// Has `callback` called after `delay`. Mirrors `loop.call_later`.
    ///
    /// # Panics
    ///
    /// `Event loop is closed`; `Invalid delay: NaN (not a number)`.
    #[track_caller]
    pub fn call_later(&self, delay: impl Delay, callback: impl FnOnce() + 'static) -> TimerHandle {
        self.call_at(self.time() + seconds(&delay), callback)
    }

    /// Has `callback` called when the loop's [`time`](Self::time) is `when`. Timers for the same
    /// moment are called in the order in which they were made.
    ///
    /// # Panics
    ///
    /// As [`call_later`](Self::call_later).
    #[track_caller]
    pub fn call_at(&self, when: f64, callback: impl FnOnce() + 'static) -> TimerHandle {
        self.inner.check_open();
        assert!(!when.is_nan(), "Invalid delay: NaN (not a number)");
        let key = self
            .inner
            .insert_timer(when, Callback::Call(Box::new(contextvars::bound(callback))));
        TimerHandle {
            event_loop: Rc::downgrade(&self.inner),
            key,
            when,
            cancelled: Rc::default(),
        }
    }

    /// Makes a task of a future; it takes its first step in the next iteration.
    ///
    /// # Panics
    ///
    /// `Event loop is closed`.
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
    pub fn create_future<T: 'static>(&self) -> AsyncioFuture<T> {
        AsyncioFuture::on(self)
    }

    /// Whether the loop is in debug mode.
    pub fn get_debug(&self) -> bool {
        self.inner.debug.get()
    }

    /// Turns debug mode on or off: whatever runs for longer than
    /// [`slow_callback_duration`](Self::slow_callback_duration) is logged then.
    ///
    /// A new loop is in debug mode when the environment variable `ASYNCIO_DEBUG` is set, to
    /// something other than `0`.
    pub fn set_debug(&self, debug: bool) {
        self.inner.debug.set(debug);
    }

    /// How many seconds a task or callback may run before it is called slow; 0.1 unless set.
    pub fn slow_callback_duration(&self) -> f64 {
        self.inner.slow_callback_duration.get()
    }

    /// Sets [`slow_callback_duration`](Self::slow_callback_duration).
    pub fn set_slow_callback_duration(&self, delay: impl Delay) {
        self.inner.slow_callback_duration.set(seconds(&delay));
    }

    /// Sets what is called when something fails where nobody can be told; without it, it is
    /// logged. Mirrors `loop.set_exception_handler`.
    pub fn set_exception_handler(&self, handler: impl Fn(&EventLoop, &ExceptionContext) + 'static) {
        let old = self.inner.exception_handler.replace(Some(Rc::new(handler)));
        drop(old);
    }

    /// Takes the exception handler back: what fails is logged again. Mirrors
    /// `loop.set_exception_handler(None)`.
    pub fn unset_exception_handler(&self) {
        let old = self.inner.exception_handler.take();
        drop(old);
    }

    /// Calls the exception handler, as the loop does when something fails where nobody can be told.
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

/// The future that `run_until_complete` runs as a task, on the caller's stack.
struct Body<F: Future> {
    future: Option<std::pin::Pin<Box<F>>>,
    value: Option<F::Output>,
}

impl<F: Future> Body<F> {
    fn new(future: F) -> Self {
        Self {
            future: Some(Box::pin(future)),
            value: None,
        }
    }
}

impl<F: Future> crate::tasks::Body for Body<F> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(future) = &mut self.future else {
            return Poll::Pending;
        };
        future.as_mut().poll(cx).map(|value| {
            self.value = Some(value);
            self.future = None;
        })
    }

    fn drop_future(&mut self) {
        self.future = None;
    }

    fn drop_value(&mut self) {
        self.value = None;
    }

    fn gave_error(&self, errors: &crate::tasks::errors::Errors) -> bool {
        let value = self.value.as_ref();
        value.is_some_and(|value| errors.is_error(value))
    }
}

/// What a future gives that is known to be done.
pub(crate) fn take_ready<F: Future>(future: F) -> F::Output {
    let mut future = std::pin::pin!(future);
    match future
        .as_mut()
        .poll(&mut Context::from_waker(Waker::noop()))
    {
        Poll::Ready(value) => value,
        Poll::Pending => unreachable!("a done future is ready"),
    }
}

struct Defer<F: FnMut()>(F);

impl<F: FnMut()> Drop for Defer<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// The running loop of this thread.
///
/// # Panics
///
/// `no running event loop`, outside of one.
#[track_caller]
pub fn get_running_loop() -> EventLoop {
    match context::running() {
        Some(inner) => EventLoop { inner },
        None => panic!("no running event loop"),
    }
}

/// The running loop, or else the one that [`set_event_loop`] set, or else a new one, which is set.
///
/// Mirrors `asyncio.get_event_loop` as the generator-based programs knew it.
pub fn get_event_loop() -> EventLoop {
    if let Some(inner) = context::running() {
        return EventLoop { inner };
    }
    context::set().unwrap_or_else(|| {
        let event_loop = new_event_loop();
        context::replace_set(Some(event_loop.clone()));
        event_loop
    })
}

/// A new loop. It runs nothing until it is told to, and is not set.
pub fn new_event_loop() -> EventLoop {
    EventLoop::with_clock(Clock::of_new_loops())
}

/// Sets what [`get_event_loop`] gives on this thread while no loop runs.
pub fn set_event_loop(event_loop: Option<&EventLoop>) {
    context::replace_set(event_loop.cloned());
}
