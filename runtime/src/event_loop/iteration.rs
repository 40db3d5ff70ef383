//! What a loop does in one iteration, and how one follows the other.

use std::any::Any;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::{Context, Poll};

use super::callback::Callback;
use super::mailbox::Mailbox;
use super::ready::Ready;
use super::remote::Message;
use super::report::{ExceptionContext, IN_DESTRUCTOR, dropped, guarded};
use super::scheduled::Scheduled;
use super::state::LoopState;
use super::{driver, this_thread};
use crate::diagnostics;
use crate::exceptions::{KeyboardInterrupt, Panic};
use crate::tasks::{AnyTask, Main, TaskRef, current};

/// What `time.get_clock_info('monotonic').resolution` is on the machines CPython runs on.
const CLOCK_RESOLUTION: f64 = 1e-9;

impl LoopState {
    /// Runs until it is stopped. `main` is the task that lives on the caller's stack, if any.
    pub(super) fn run(self: &Rc<Self>, main: Option<&mut Main<'_>>) {
        let _running = this_thread::Running::enter(self);
        // A task of another loop may be the current one, whose destructor runs this.
        let _no_task = current::Entered::task(None);
        let _unpark = Unparking(self);
        let mut main = main;
        driver::drive(&self.alarm, |cx| self.drive(cx, &mut main));
        self.stopping.set(false);
    }

    /// Some iterations, between two polls for input; ready when the loop is stopped.
    fn drive(self: &Rc<Self>, cx: &mut Context<'_>, main: &mut Option<&mut Main<'_>>) -> Poll<()> {
        drop(self.parked.borrow_mut().take());
        let mailbox = self.tenancy.mailbox();
        mailbox.set_unpark(Some(cx.waker().clone()));
        self.take_in_ctrl_c();
        let mut budget = driver::Budget::default();
        let mut snapshot = Snapshot::default();
        loop {
            let mut pause = Pause::Panicked;
            guarded(IN_DESTRUCTOR, || {
                pause = self.iterate(mailbox, &mut budget, &mut snapshot, main);
            });
            match pause {
                Pause::Panicked => {}
                Pause::NothingReady => {
                    // The look at the input may have taken in the ring that was to end the sleep.
                    if !self.take_in_ctrl_c() && self.wait(cx).is_pending() {
                        return Poll::Pending;
                    }
                }
                Pause::BudgetSpent => {
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Pause::Stopped => return Poll::Ready(()),
            }
        }
    }

    /// One iteration after the other, but first the rest of the one that ended in a panic.
    fn iterate(
        self: &Rc<Self>,
        mailbox: &Mailbox<Message>,
        budget: &mut driver::Budget,
        snapshot: &mut Snapshot,
        main: &mut Option<&mut Main<'_>>,
    ) -> Pause {
        loop {
            if !snapshot.is_run {
                if mailbox.has_mail() {
                    self.receive(mailbox);
                }
                if self.ready.is_empty() {
                    driver::look();
                }
                self.take_due_timers();
                let ready = self.ready.len();
                if ready == 0 && !self.stopping.get() {
                    return Pause::NothingReady;
                }
                self.iteration.set(self.iteration.get() + 1);
                self.patience.renew();
                *snapshot = Snapshot::of(ready);
            }
            self.run_entries(&mut snapshot.left, main);
            snapshot.is_run = false;
            if self.is_interrupted.get() || self.stopping.get() {
                return Pause::Stopped;
            }
            if !budget.spend(snapshot.ready) {
                return Pause::BudgetSpent;
            }
        }
    }

    /// Whether Ctrl-C has come, and is to be run now. A signal's handler can only mark that, and ring the
    /// bell that ends a sleep.
    #[inline]
    fn take_in_ctrl_c(&self) -> bool {
        #[cfg(all(feature = "signals", target_os = "linux"))]
        if crate::signals::has_come::is_for(self.id) {
            self.push(Ready::Call(Box::new(crate::signals::take_in)));
            return true;
        }
        false
    }

    /// Nothing is ready: ready when time has been moved on, pending when input is to be waited for.
    fn wait(&self, cx: &mut Context<'_>) -> Poll<()> {
        let next = self.timers.borrow_mut().next_deadline();
        *self.parked.borrow_mut() = Some(cx.waker().clone());
        self.is_parked.set(true);
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
    #[cold]
    fn receive(&self, mailbox: &Mailbox<Message>) {
        for message in mailbox.receive() {
            match message {
                Message::Wake(task) => task.arrive(),
                Message::Call(callback) => self.push(Ready::Call(callback)),
                Message::Leave(key, point) => {
                    if let Some(task) = key.task() {
                        // With the point goes its waker, which is anybody's: the mail after it stays.
                        guarded(IN_DESTRUCTOR, || {
                            task.core().cancellation.give_up(&task, point, None);
                        });
                    }
                }
                Message::GiveBackTimer(timer) => dropped(self.give_back_timer(timer)),
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
        while let Some(timer) = timers.pop_due(now, now + CLOCK_RESOLUTION) {
            self.ready.push_back(timer);
        }
    }

    /// Runs what was ready when the iteration began. What callbacks and tasks raise they deal with;
    /// what remains is the panic of a destructor, when with an entry the last reference to something
    /// goes.
    #[inline]
    fn run_entries(self: &Rc<Self>, left: &mut usize, main: &mut Option<&mut Main<'_>>) {
        let _runs = RunsEntries::begin(&self.runs_entries);
        while *left > 0 && !self.is_interrupted.get() {
            *left -= 1;
            let entry = self.ready.pop_front();
            let Some(entry) = entry else { return };
            self.run_entry(entry, main);
        }
    }

    #[inline]
    fn run_entry(self: &Rc<Self>, entry: Ready, main: &mut Option<&mut Main<'_>>) {
        let callback = match entry {
            Ready::Task(task) => {
                if self.debug.get() {
                    self.step_timed(&task, main);
                } else {
                    task.step(self, main.as_deref_mut());
                }
                if task.takes_turns() {
                    self.push(Ready::Task(task));
                }
                return;
            }
            Ready::Notify(waiting, number) => return waiting.notified(number),
            Ready::Notice(notice) => return notice.tell(),
            Ready::Call(callback) => Some(Called::Function(callback)),
            Ready::Handle(scheduled) => scheduled.waits().then_some(Called::Handle(scheduled)),
            Ready::Timer(timer) => {
                let callback = self.timers.borrow_mut().take_due(timer);
                match callback {
                    Some(Callback::Wake(wake)) => return wake.wake(),
                    Some(Callback::Call(callback)) => Some(Called::Function(callback)),
                    Some(Callback::Bind(bound)) => bound.bind().map(Called::Function),
                    Some(Callback::Notify(waiting, number)) => return waiting.notified(number),
                    None => None,
                }
            }
        };
        if let Some(callback) = callback {
            self.call(callback);
        }
    }

    /// A step in debug mode.
    #[cold]
    #[inline(never)]
    fn step_timed(self: &Rc<Self>, task: &TaskRef, main: &mut Option<&mut Main<'_>>) {
        diagnostics::runs_callback();
        let start = self.time();
        task.step_apart(self, main.as_deref_mut());
        self.say_if_slow(start, &|| format!("{:?}", AnyTask(task.clone())));
    }

    fn call(self: &Rc<Self>, callback: Called) {
        let start = self.debug.get().then(|| self.time());
        {
            let _no_task = current::Entered::task(None);
            diagnostics::runs_callback();
            let run = || match callback {
                Called::Function(function) => function(),
                Called::Handle(scheduled) => scheduled.call(),
            };
            if let Err(payload) = catch_unwind(AssertUnwindSafe(run)) {
                self.callback_panicked(payload);
            }
        }
        if let Some(start) = start {
            self.say_if_slow(start, &diagnostics::callback_repr);
        }
    }

    #[cold]
    fn callback_panicked(self: &Rc<Self>, payload: Box<dyn Any + Send>) {
        let panic = Panic::new(payload);
        if panic.is::<KeyboardInterrupt>() {
            self.interrupt(panic);
        } else {
            self.report(ExceptionContext {
                exception: Some(panic),
                handle: Some(diagnostics::callback_repr()),
                ..ExceptionContext::of("Exception in callback")
            });
        }
    }

    /// In debug mode, says what took long.
    #[cold]
    fn say_if_slow(&self, start: f64, name: &dyn Fn() -> String) {
        let took = self.time() - start;
        if took >= self.slow_callback_duration.get() {
            // By hand: all that formats floating-point numbers would come into every program.
            let millis = (took * 1e3 + 0.5) as u64;
            let (seconds, millis) = (millis / 1000, millis % 1000);
            diagnostics::warn(format_args!(
                "Executing {} took {seconds}.{millis:03} seconds",
                name()
            ));
        }
    }
}

/// What is called of the program's, or from another thread.
enum Called {
    Function(Box<dyn FnOnce()>),
    Handle(Scheduled),
}

/// What was ready when an iteration began.
#[derive(Default)]
struct Snapshot {
    ready: usize,
    /// How many of that were not run yet.
    left: usize,
    /// The iteration is not at its end.
    is_run: bool,
}

impl Snapshot {
    fn of(ready: usize) -> Self {
        Self {
            ready,
            left: ready,
            is_run: true,
        }
    }
}

/// Why no iteration follows at once.
enum Pause {
    NothingReady,
    /// It is time to look for input.
    BudgetSpent,
    Stopped,
    Panicked,
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

/// While a loop runs, other threads can end its wait; this takes that back.
struct Unparking<'a>(&'a LoopState);

impl Drop for Unparking<'_> {
    fn drop(&mut self) {
        self.0.tenancy.mailbox().set_unpark(None);
        drop(self.0.parked.borrow_mut().take());
    }
}
