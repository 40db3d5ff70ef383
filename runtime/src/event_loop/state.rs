//! What a loop is: its queues, its tasks, its timers, and what it knows of the world.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::task::{Context, Waker};

use slab::Slab;

use super::address::{Address, Tenancy};
use super::callback::Callback;
use super::clock::Clock;
use super::ready::{Ready, ReadyQueue};
use super::report::{ExceptionHandler, dropped};
use super::scheduled::Scheduled;
use super::timers::{OwnTimer, Stage, TimerKey, Timers};
use super::{CLOSED, blocks, driver, patience, watches};
use crate::exceptions::Panic;
use crate::tasks::{Owned, TaskRef, Waits, Wake};
#[cfg(feature = "threads")]
use crate::threads::{DefaultExecutor, ThreadPoolExecutor};

/// `EventLoop::slow_callback_duration` of a new loop, in seconds.
const SLOW_CALLBACK: f64 = 0.1;

/// A loop's state; every handle to the loop, and nothing else, keeps it alive.
pub(crate) struct LoopState {
    pub(crate) id: u64,
    pub(crate) clock: Clock,
    pub(super) ready: ReadyQueue,
    pub(super) timers: RefCell<Timers>,
    /// Every task that is not done: the loop owns them.
    pub(super) tasks: Owned,
    pub(crate) blocks: blocks::Blocks,
    pub(super) tenancy: Tenancy,
    pub(super) alarm: driver::Alarm,
    /// Ends the wait for input; there while the loop may be waiting.
    pub(super) parked: RefCell<Option<Waker>>,
    /// Whether that is there.
    pub(super) is_parked: Cell<bool>,
    pub(super) stopping: Cell<bool>,
    pub(super) closed: Cell<bool>,
    pub(crate) debug: Cell<bool>,
    /// Whether tasks take their first step as they are created.
    pub(crate) eager_tasks: Cell<bool>,
    pub(super) slow_callback_duration: Cell<f64>,
    pub(super) iteration: Cell<u64>,
    /// How much is waited for that is known to come from outside of the loop: suspended tasks that
    /// wait for input, threads or processes, and what is parked.
    pub(super) outside_waits: Cell<usize>,
    /// What else is waited for that may come from outside.
    pub(super) patience: patience::Patience,
    /// Whether an entry of the ready queue runs: what is woken now is not woken from outside.
    pub(super) runs_entries: Cell<bool>,
    /// What callbacks from other threads do here.
    pub(super) parked_callbacks: RefCell<Slab<Box<dyn FnOnce()>>>,
    #[cfg(feature = "threads")]
    pub(super) default_executor: RefCell<Option<DefaultExecutor>>,
    pub(super) watches: watches::Watches,
    pub(super) exception_handler: RefCell<Option<Rc<ExceptionHandler>>>,
    /// A panic that ends the loop itself: Ctrl-C.
    pub(super) interrupt: RefCell<Option<Panic>>,
    /// Whether that is there.
    pub(super) is_interrupted: Cell<bool>,
}

impl LoopState {
    pub(super) fn new(clock: Clock) -> Rc<Self> {
        let tenancy = Tenancy::begin();
        let state = Rc::new(Self {
            id: tenancy.number(),
            clock,
            ready: ReadyQueue::default(),
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
    pub(super) fn check_open(&self) {
        assert!(!self.closed.get(), "{CLOSED}");
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed.get()
    }

    pub(crate) fn address(&self) -> Address {
        self.tenancy.address()
    }

    /// Queues an entry and, if the loop waits for input, ends the wait.
    #[inline(always)]
    pub(crate) fn push(&self, entry: Ready) {
        self.ready.push_back(entry);
        self.unpark();
    }

    #[inline]
    pub(super) fn unpark(&self) {
        if self.is_parked.get() {
            self.unpark_now();
        }
    }

    #[cold]
    #[inline(never)]
    fn unpark_now(&self) {
        self.is_parked.set(false);
        let parked = self.parked.borrow_mut().take();
        if let Some(waker) = parked {
            waker.wake();
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
        if !core.is_scheduled() {
            self.schedule_owned(task.clone());
        }
    }

    /// Queues a step of the task, for which none is queued.
    #[inline(always)]
    pub(crate) fn schedule_owned(&self, task: TaskRef) {
        task.core().set_scheduled();
        self.no_longer_waits(&task);
        self.push(Ready::Task(task));
    }

    /// Queues the first step of a task.
    #[inline]
    pub(crate) fn schedule_first(&self, task: TaskRef) {
        task.core().set_scheduled();
        self.push(Ready::Task(task));
    }

    /// Notes where what a task is suspended at comes from, for a clock that may jump.
    #[inline]
    pub(crate) fn waits(&self, task: &TaskRef) {
        if self.clock.is_virtual() {
            self.waits_outside(task, task.core().waits_for());
        }
    }

    fn waits_outside(&self, task: &TaskRef, from: Waits) {
        let core = task.core();
        if core.is_waiting_outside() {
            return;
        }
        let since = match from {
            Waits::Inside => return,
            Waits::Outside => {
                self.add_outside_wait();
                0
            }
            Waits::Unknown => self.patience.begin(),
        };
        core.set_waits(from, since);
    }

    /// A task no longer waits for that: it is about to step, or is gone.
    #[inline]
    pub(crate) fn no_longer_waits(&self, task: &TaskRef) {
        if task.core().is_waiting_outside() {
            self.no_longer_waits_outside(task);
        }
    }

    #[cold]
    #[inline(never)]
    fn no_longer_waits_outside(&self, task: &TaskRef) {
        match task.core().take_waits() {
            (Waits::Inside, _) => {}
            (Waits::Outside, _) => self.remove_outside_wait(),
            (Waits::Unknown, since) => {
                let from_outside = !self.runs_entries.get();
                self.patience.end(since, from_outside);
            }
        }
    }

    /// Keeps what another thread is to have called here, which may hold what that thread may not:
    /// sent there and back, the key stands for it. While it is kept, a virtual clock does not jump.
    pub(crate) fn park(&self, callback: Box<dyn FnOnce()>) -> ParkedKey {
        self.add_outside_wait();
        self.keep(callback, true)
    }

    /// Holds a callback that something of the loop is to call, and that must be gone with the loop: what
    /// is waited for and who waits would hold each other.
    pub(crate) fn hold(&self, callback: Box<dyn FnOnce()>) -> Held {
        Held(self.keep(callback, false))
    }

    fn keep(&self, callback: Box<dyn FnOnce()>, is_outside: bool) -> ParkedKey {
        ParkedKey {
            address: self.address(),
            slot: self.parked_callbacks.borrow_mut().insert(callback),
            is_outside,
        }
    }

    /// How many callbacks it holds, for whomever.
    #[cfg(test)]
    pub(crate) fn count_held(&self) -> usize {
        self.parked_callbacks.borrow().len()
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
            if key.is_outside {
                self.remove_outside_wait();
            }
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

    /// Drops what was to be called.
    pub(super) fn drop_callbacks(&self) {
        // Each is taken in a statement of its own: what is dropped may look at the loop's state again.
        let ready = self.ready.take();
        ready.for_each(dropped);
        let timers = self.timers.borrow_mut().take();
        timers.for_each(dropped);
        let parked = std::mem::take(&mut *self.parked_callbacks.borrow_mut());
        parked.into_iter().for_each(dropped);
    }

    // Timers.

    pub(crate) fn time(&self) -> f64 {
        self.clock.time()
    }

    pub(crate) fn insert_timer(&self, when: f64, callback: Callback) -> TimerKey {
        self.timers.borrow_mut().insert(when, callback)
    }

    /// A timer whose handle may be cancelled: that is to be [told](Self::timer_is_cancelled).
    pub(super) fn insert_scheduled(&self, when: f64, scheduled: Scheduled) {
        self.timers.borrow_mut().insert_scheduled(when, scheduled);
    }

    /// One of those was cancelled that have not been due yet.
    pub(super) fn timer_is_cancelled(&self) {
        self.timers.borrow_mut().is_cancelled();
    }

    /// A timer that is due by itself: it runs in the next iteration, as by `call_soon`.
    pub(crate) fn insert_due_timer(&self, callback: Callback) -> TimerKey {
        let (key, due) = self.timers.borrow_mut().insert_due(callback);
        self.push(Ready::Timer(due));
        key
    }

    pub(crate) fn cancel_timer(&self, key: TimerKey) {
        let stage = self.timers.borrow_mut().remove(key);
        drop(stage);
    }

    /// A timer of who polls with a waker, who gives it back.
    #[inline]
    pub(crate) fn insert_own_timer(&self, when: f64, wake: Wake) -> OwnTimer {
        self.timers.borrow_mut().insert_own(when, wake)
    }

    /// Whether the timer has yet to run; then it wakes what polls with `cx`, if it does not already.
    pub(crate) fn waits_for_timer(&self, timer: &OwnTimer, cx: &Context<'_>) -> bool {
        let timers = self.timers.borrow();
        let is_waiting = timers.is_waiting(timer);
        if is_waiting && !timers.wakes(timer, cx) {
            drop(timers);
            let wake = Wake::of(cx);
            let old = self.timers.borrow_mut().rewake(timer, wake);
            drop(old);
        }
        is_waiting
    }

    /// What the timer was to wake, for the caller to drop.
    #[inline]
    pub(crate) fn give_back_timer(&self, timer: OwnTimer) -> Option<Stage> {
        self.timers.borrow_mut().give_back(timer)
    }

    /// How many timers there are, once those that were cancelled are gone.
    #[cfg(test)]
    pub(crate) fn timer_slots(&self) -> usize {
        let mut timers = self.timers.borrow_mut();
        timers.next_deadline();
        timers.used()
    }
}

/// Stands for a callback that is kept on its loop's thread. It is called once.
pub(crate) struct ParkedKey {
    address: Address,
    slot: usize,
    is_outside: bool,
}

impl ParkedKey {
    /// On the loop's thread: calls it, unless the loop is closed.
    pub(crate) fn call(&self) {
        if let Some(event_loop) = self.address.upgrade() {
            event_loop.unpark_callback(self);
        }
    }
}

/// A callback that the loop holds until it is called, or this is dropped: on the loop's thread.
pub(crate) struct Held(ParkedKey);

impl Held {
    /// Calls it, unless the loop is closed.
    pub(crate) fn call(self) {
        ManuallyDrop::new(self).0.call();
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let callback = self.0.address.upgrade().and_then(|event_loop| {
            let mut held = event_loop.parked_callbacks.borrow_mut();
            held.try_remove(self.0.slot)
        });
        drop(callback);
    }
}

impl Drop for LoopState {
    fn drop(&mut self) {
        // From here on nothing can tell them that it goes.
        let tasks = self.tasks.take();
        for task in &tasks {
            task.let_go();
        }
        self.tenancy.end();
        self.drop_callbacks();
        for task in tasks {
            task.destroy();
            dropped(task);
        }
    }
}
