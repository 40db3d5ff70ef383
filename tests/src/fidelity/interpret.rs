//! Our side: runs a program on `asyncio` and tells what happened.
//!
//! `tests/fidelity/reference.py` is this file in Python; the two are meant to be read side by side. A failure
//! is an `Err` or a panic, as the program's mode says; what it is in Python, an exception, the language of the
//! programs cannot tell apart.

mod at_once;
mod awaitables;
mod failing;
mod groups;
mod primitives;
mod waiting;

use self::awaitables::Gathered;
use self::failing::{Fail, message, outcome};
use self::groups::Membership;
use self::primitives::Primitives;
use crate::fidelity::program::{Mode, Op, Program, Ticks};
use crate::fidelity::python::Trace;
use asyncio::{AnyTask, CancelledError, EventLoop, KeyboardInterrupt, Task};
use futures::FutureExt;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;

/// Ticks after which everything that still waits is cancelled.
const WATCHDOG: Ticks = 512;
/// How often it is, before the program is given up: nothing cancels a condition that waits for its lock.
const PATIENCE: u32 = 16;
const MOST_TASKS: usize = 60;
const TICK: f64 = 8.0;

/// The trace of `program`.
pub fn execute(program: &Program) -> Trace {
    let runner = asyncio::Runner::new()
        .clock(asyncio::testing::Clock::virtual_clock())
        .debug(program.len() % 2 == 0);
    let running = runner.get_loop();
    // What nobody asks for is not worth a word here, where failing is the rule.
    running.set_exception_handler(|_, _| {});
    let run = Rc::new(Run::new(program, &running));
    let end = catch_unwind(AssertUnwindSafe(|| runner.run(run.clone().main())));
    let closed = catch_unwind(AssertUnwindSafe(|| runner.close()));
    if run.watched.get() > PATIENCE {
        run.trace.borrow_mut().push("given up".to_owned());
        return run.end();
    }
    let end = match closed.map_or_else(Err, |()| end) {
        Ok(Ok(value)) => value,
        Ok(Err(fail)) => format!("!{}", fail.name),
        Err(payload) if payload.is::<CancelledError>() => "Cancelled".to_owned(),
        Err(payload) => match Fail::from_panic(payload) {
            Ok(fail) => format!("!{}", fail.name),
            Err(payload) => format!("crash {}", message(&*payload)),
        },
    };
    run.trace.borrow_mut().push(format!("end {end}"));
    run.ended.set(true);
    for (number, slot) in &*run.slots.borrow() {
        let line = format!("s{number} {} {}", run.outcome(slot), slot.task.cancelling());
        run.trace.borrow_mut().push(line);
    }
    let mut trace = run.trace.borrow_mut();
    for thing in program.things() {
        let state = run.state(thing).expect("it is one of those");
        trace.push(format!("{thing} {state}"));
    }
    drop(trace);
    run.end()
}

/// What coroutines return; the text of it is all that matters.
type Value = String;

type Outcome = Result<Value, Fail>;

/// One call of a coroutine.
struct Frame {
    name: String,
    /// The frame at the bottom of this task's stack.
    task: usize,
    coro: usize,
    timeouts: RefCell<Vec<asyncio::Timeout>>,
    groups: RefCell<Vec<Membership>>,
}

#[derive(Clone)]
struct Slot {
    task: AnyTask,
    /// The same, to be awaited; not for `main`, whose value only `run` sees.
    typed: Option<Task<Outcome>>,
    number: usize,
}

enum Handle {
    Soon(asyncio::Handle),
    Later(asyncio::TimerHandle),
}

struct Run {
    program: Rc<Program>,
    trace: RefCell<Trace>,
    ended: Cell<bool>,
    first: Cell<Option<u64>>,
    /// How often everything was cancelled.
    watched: Cell<u32>,
    frames: Cell<usize>,
    slots: RefCell<BTreeMap<usize, Slot>>,
    handles: RefCell<HashMap<usize, Handle>>,
    /// The tasks each task awaits, to refuse cycles: CPython overflows its stack on cancelling one.
    waits: RefCell<HashMap<usize, Vec<usize>>>,
    contexts: RefCell<HashMap<usize, asyncio::Context>>,
    gathers: RefCell<HashMap<usize, Gathered>>,
    shared: Primitives,
}

/// A coroutine, erased so that blocks may nest.
type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + 'a>>;

impl Run {
    fn new(program: &Program, running: &EventLoop) -> Run {
        Run {
            program: Rc::new(program.clone()),
            trace: RefCell::default(),
            ended: Cell::new(false),
            first: Cell::new(None),
            watched: Cell::new(0),
            frames: Cell::new(0),
            slots: RefCell::default(),
            handles: RefCell::default(),
            waits: RefCell::default(),
            contexts: RefCell::default(),
            gathers: RefCell::default(),
            shared: Primitives::new(program, running),
        }
    }

    /// The trace, when everything is over.
    fn end(&self) -> Trace {
        // Tasks that hold the run, and slots of the run that hold tasks, would keep each other alive; so would
        // futures and what is to be called when they are done.
        let slots = self.slots.take();
        let gathers = self.gathers.take();
        let futures = self.shared.futures.take();
        drop((slots, gathers, futures));
        self.trace.take()
    }

    fn outcome(&self, slot: &Slot) -> String {
        match &slot.typed {
            Some(task) => outcome(task),
            None if !slot.task.done() => "pending".into(),
            None if slot.task.cancelled() => "Cancelled".into(),
            // `main`'s is for `run` alone.
            None => "done".into(),
        }
    }

    // The trace

    fn log(&self, who: &str, what: impl AsRef<str>) {
        if self.ended.get() {
            return;
        }
        let iteration = asyncio::testing::iteration();
        let first = self.first.get().unwrap_or(iteration);
        self.first.set(Some(first));
        let ticks = asyncio::get_running_loop().time() * TICK;
        self.trace.borrow_mut().push(format!(
            "{} {ticks} {who} {}",
            iteration - first,
            what.as_ref()
        ));
    }

    fn fail(&self, name: impl Into<String>) -> Fail {
        Fail {
            name: name.into(),
            panic: self.program.mode == Mode::Panic,
        }
    }

    // Coroutines and tasks

    fn full(&self, more: usize) -> bool {
        self.frames.get() + more > MOST_TASKS
    }

    fn frame(&self, coro: usize, parent: Option<&Frame>, groups: Vec<Membership>) -> Rc<Frame> {
        let number = self.frames.replace(self.frames.get() + 1);
        Rc::new(Frame {
            name: format!("c{coro}.{number}"),
            task: parent.map_or(number, |parent| parent.task),
            coro,
            timeouts: RefCell::default(),
            groups: RefCell::new(groups),
        })
    }

    async fn body(self: Rc<Self>, f: Rc<Frame>) -> Outcome {
        self.log(&f.name, "start");
        let mut unwinding = Unwinding {
            run: &self,
            f: &f,
            finished: false,
        };
        let block = self.block(&f, &self.program.coros[f.coro]);
        let result = AssertUnwindSafe(block).catch_unwind().await;
        unwinding.finished = true;
        let result = result.or_else(|payload| Fail::from_panic(payload).map(Err));
        match result.unwrap_or_else(|payload| resume_unwind(payload)) {
            Ok(value) => {
                let value = value.unwrap_or_else(|| "-".to_owned());
                self.log(&f.name, format!("return {value}"));
                Ok(value)
            }
            Err(fail) => {
                self.log(&f.name, format!("raise {}", fail.name));
                let outcome = fail.raise();
                // As the expansion of a coroutine function does that returns a `Result`.
                asyncio::__private::returned(&outcome, Fail::when_moved);
                outcome
            }
        }
    }

    async fn main(self: Rc<Self>) -> Outcome {
        let main = Slot {
            task: current_task(),
            typed: None,
            number: 0,
        };
        self.slots.borrow_mut().insert(0, main);
        watch(self.clone());
        let frame = self.frame(0, None, Vec::new());
        self.body(frame).await
    }

    fn slot(&self, n: usize) -> Option<Slot> {
        self.slots.borrow().get(&n).cloned()
    }

    /// Runs `ops`; the value if one of them returned.
    fn block<'a>(
        self: &'a Rc<Self>,
        f: &'a Rc<Frame>,
        ops: &'a [Op],
    ) -> Boxed<'a, Result<Option<Value>, Fail>> {
        Box::pin(async move {
            for op in ops {
                let value = match op {
                    Op::Return(n) => Some(format!("v{n}")),
                    Op::Fail(n) => {
                        self.log(&f.name, format!("fail e{n}"));
                        return self.fail(format!("e{n}")).raise();
                    }
                    op if self.now(f, op) => None,
                    op => self.later(f, op).await?,
                };
                if value.is_some() {
                    return Ok(value);
                }
            }
            Ok(None)
        })
    }

    fn callback(self: &Rc<Self>, who: String, ops: &[Op]) {
        let frame = Frame {
            name: who,
            task: 0,
            coro: 0,
            timeouts: RefCell::default(),
            groups: RefCell::default(),
        };
        for op in ops {
            assert!(self.now(&frame, op), "a callback cannot wait");
        }
    }
}

/// Cancels everything at intervals, so that no program waits for ever.
fn watch(run: Rc<Run>) {
    let running: EventLoop = asyncio::get_running_loop();
    let tick = move || {
        let tasks = asyncio::all_tasks();
        run.log("loop", format!("watchdog {}", tasks.len()));
        watch(run.clone());
        run.watched.set(run.watched.get() + 1);
        if run.watched.get() > PATIENCE {
            run.ended.set(true);
            // Also when the runner is closed, which waits for the same tasks.
            resume_unwind(Box::new(KeyboardInterrupt));
        }
        for task in tasks {
            task.cancel();
        }
    };
    running.call_later(seconds(WATCHDOG), tick);
}

/// Tells that a coroutine is dropped because its task is cancelled.
struct Unwinding<'a> {
    run: &'a Run,
    f: &'a Frame,
    finished: bool,
}

impl Drop for Unwinding<'_> {
    fn drop(&mut self) {
        // What is left over when the loop goes is dropped too, but outside every task.
        if !self.finished && asyncio::current_task().is_some() {
            self.run.log(&self.f.name, "cancelled");
        }
    }
}

/// Keeps something on a stack while a block runs.
struct Inside<'a, T> {
    stack: &'a RefCell<Vec<T>>,
    depth: usize,
}

impl<'a, T> Inside<'a, T> {
    fn new(stack: &'a RefCell<Vec<T>>, item: T) -> Self {
        let depth = stack.borrow().len();
        stack.borrow_mut().push(item);
        Inside { stack, depth }
    }
}

impl<T> Drop for Inside<'_, T> {
    fn drop(&mut self) {
        let gone = self.stack.borrow_mut().split_off(self.depth);
        drop(gone);
    }
}

fn current_task() -> AnyTask {
    asyncio::current_task().expect("programs run in tasks")
}

/// A time as traces show it.
fn ticks(time: f64) -> String {
    (time * TICK).to_string()
}

fn seconds(ticks: Ticks) -> f64 {
    ticks as f64 / TICK
}

/// Has panics say nothing in this process: one that no program asked for ends in the trace, as a crash.
pub fn quietly() {
    std::panic::set_hook(Box::new(|_| {}));
    // Tasks that are destroyed with their loop are logged past its exception handler.
    let _ = log::set_logger(&Silent);
    log::set_max_level(log::LevelFilter::Error);
}

struct Silent;

impl log::Log for Silent {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        false
    }

    fn log(&self, _: &log::Record<'_>) {}

    fn flush(&self) {}
}
