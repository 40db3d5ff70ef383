//! Our side: runs a program on `asyncio` and tells what happened.
//!
//! `tests/fidelity/reference.py` is this file in Python; the two are meant to be read side by side. A failure
//! is an `Err` or a panic, as the program's mode says; what it is in Python, an exception, the language of the
//! programs cannot tell apart.

use crate::fidelity::program::{Block, Handler, Item, Mode, Op, Program, Ticks, Until};
use crate::fidelity::python::Trace;
use asyncio::{AnyTask, CancelledError, EventLoop, Exception, Task};
use futures::FutureExt;
use futures::future::{Either, abortable, select};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::rc::Rc;

/// Ticks after which everything that still waits is cancelled.
const WATCHDOG: Ticks = 512;
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
    // Tasks that hold the run, and slots of the run that hold tasks, would keep each other alive.
    run.slots.borrow_mut().clear();
    run.trace.take()
}

/// What coroutines return; the text of it is all that matters.
type Value = String;

type Outcome = Result<Value, Fail>;

/// A program's exception.
#[derive(Clone, Debug)]
struct Fail {
    name: String,
    panic: bool,
}

/// Marks panics that are a program's own.
const FAIL: &str = "fail ";

impl Fail {
    /// Raises it.
    fn raise<T>(self) -> Result<T, Fail> {
        if self.panic {
            // Unlike `panic_any`, this does not call the panic hook: nothing is wrong.
            resume_unwind(Box::new(format!("{FAIL}{}", self.name)));
        }
        Err(self)
    }

    fn from_panic(payload: Box<dyn Any + Send>) -> Result<Fail, Box<dyn Any + Send>> {
        match message(&*payload).strip_prefix(FAIL) {
            Some(name) => Ok(Fail {
                name: name.to_owned(),
                panic: true,
            }),
            None => Err(payload),
        }
    }
}

fn message(payload: &(dyn Any + Send)) -> &str {
    if let Some(text) = payload.downcast_ref::<String>() {
        text
    } else if let Some(text) = payload.downcast_ref::<&str>() {
        text
    } else {
        "?"
    }
}

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

/// A group that a frame is in.
#[derive(Clone)]
struct Membership {
    group: Group,
    /// The task that waits for it.
    owner: usize,
    number: usize,
}

/// A group of either kind.
#[derive(Clone)]
enum Group {
    Values(asyncio::TaskGroup),
    Results(asyncio::TaskGroup<asyncio::Results<Fail>>),
}

impl Group {
    fn create_task(&self, body: impl Future<Output = Outcome> + 'static) -> Task<Outcome> {
        match self {
            Group::Values(group) => group.create_task(body),
            Group::Results(group) => group.create_task(body),
        }
    }
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
    frames: Cell<usize>,
    slots: RefCell<BTreeMap<usize, Slot>>,
    handles: RefCell<HashMap<usize, Handle>>,
    /// The children of groups: each must be awaited in its group, which moves errors out at its end.
    members: RefCell<HashMap<usize, usize>>,
    /// How many groups there were.
    group_count: Cell<usize>,
    /// The tasks each task awaits, to refuse cycles: CPython overflows its stack on cancelling one.
    waits: RefCell<HashMap<usize, Vec<usize>>>,
    locks: Vec<asyncio::Lock>,
    events: Vec<asyncio::Event>,
    futures: RefCell<Vec<asyncio::Future<Outcome>>>,
    queues: Vec<asyncio::Queue<Value>>,
    semaphores: Vec<asyncio::Semaphore>,
    conditions: Vec<asyncio::Condition>,
    barriers: Vec<asyncio::Barrier>,
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
            frames: Cell::new(0),
            slots: RefCell::default(),
            handles: RefCell::default(),
            members: RefCell::default(),
            group_count: Cell::new(0),
            waits: RefCell::default(),
            locks: (0..program.locks).map(|_| asyncio::Lock::new()).collect(),
            events: (0..program.events).map(|_| asyncio::Event::new()).collect(),
            semaphores: program
                .semaphores
                .iter()
                .map(|value| asyncio::Semaphore::new(*value))
                .collect(),
            conditions: (0..program.conditions)
                .map(|_| asyncio::Condition::new())
                .collect(),
            barriers: program
                .barriers
                .iter()
                .map(|parties| asyncio::Barrier::new(*parties))
                .collect(),
            futures: RefCell::new(
                (0..program.futures)
                    .map(|_| running.create_future())
                    .collect(),
            ),
            queues: program
                .queues
                .iter()
                .map(|size| asyncio::Queue::with_maxsize(*size))
                .collect(),
        }
    }

    fn outcome(&self, slot: &Slot) -> String {
        match &slot.typed {
            Some(task) if !self.members.borrow().contains_key(&slot.number) => outcome(task),
            _ if !slot.task.done() => "pending".into(),
            _ if slot.task.cancelled() => "Cancelled".into(),
            // `main`'s is for `run` alone.
            _ => "done".into(),
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
                asyncio::__private::returned(&outcome, |fail| fail.name.clone());
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

    fn reaches(&self, start: usize, goal: usize) -> bool {
        let waits = self.waits.borrow();
        let mut todo = vec![start];
        let mut seen = HashSet::new();
        while let Some(task) = todo.pop() {
            if task == goal {
                return true;
            }
            if seen.insert(task) {
                todo.extend(waits.get(&task).into_iter().flatten());
            }
        }
        false
    }

    /// The awaitables of `items` and the tasks they are, or `None` where the program may not wait for them.
    fn take(self: &Rc<Self>, f: &Frame, items: &[Item]) -> Option<(Vec<Awaitable>, Vec<usize>)> {
        for item in items {
            if let Item::Slot(n) = item {
                let Some(slot) = self.slot(*n) else {
                    self.log(&f.name, "empty");
                    return None;
                };
                if slot.typed.is_none() {
                    self.log(&f.name, "main");
                    return None;
                }
                if self.reaches(slot.number, f.task) {
                    self.log(&f.name, "cycle");
                    return None;
                }
                if self.is_foreign(f, &slot) {
                    self.log(&f.name, "foreign");
                    return None;
                }
            }
        }
        if self.full(items.len()) {
            self.log(&f.name, "full");
            return None;
        }
        let take = |item: &Item| match item {
            Item::Slot(n) => {
                let slot = self.slot(*n).expect("seen above");
                (
                    Awaitable::Task(slot.typed.expect("seen above")),
                    slot.number,
                )
            }
            Item::Coro(coro) => {
                let child = self.frame(*coro, None, Vec::new());
                let number = child.task;
                (Awaitable::Coro(Box::pin(self.clone().body(child))), number)
            }
        };
        Some(items.iter().map(take).unzip())
    }

    fn is_foreign(&self, f: &Frame, slot: &Slot) -> bool {
        let members = self.members.borrow();
        let group = members.get(&slot.number);
        group.is_some_and(|group| {
            f.groups
                .borrow()
                .iter()
                .all(|membership| membership.number != *group)
        })
    }

    fn slot(&self, n: usize) -> Option<Slot> {
        self.slots.borrow().get(&n).cloned()
    }

    /// Marks that the task of `f` waits for others, as long as what it returns lives.
    fn waiting<'a>(&'a self, f: &Frame, numbers: Vec<usize>) -> Waiting<'a> {
        self.waits
            .borrow_mut()
            .entry(f.task)
            .or_default()
            .extend(&numbers);
        Waiting {
            run: self,
            task: f.task,
            numbers,
        }
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

    /// Does an operation that never waits; false if it is not one.
    fn now(self: &Rc<Self>, f: &Frame, op: &Op) -> bool {
        let log = |what: String| self.log(&f.name, what);
        match op {
            Op::Log(n) => log(format!("log {n}")),
            Op::Spawn { slot, coro } => {
                if self.full(1) {
                    log("full".into());
                    return true;
                }
                let child = self.frame(*coro, None, Vec::new());
                let (name, number) = (child.name.clone(), child.task);
                let task = asyncio::create_task(self.clone().body(child)).name(name.as_str());
                self.slots.borrow_mut().insert(
                    *slot,
                    Slot {
                        task: task.any(),
                        typed: Some(task),
                        number,
                    },
                );
                log(format!("spawn s{slot} {name}"));
            }
            Op::GroupSpawn { slot, coro } => self.group_spawn(f, *slot, *coro),
            Op::Cancel { slot, msg } => match self.slot(*slot) {
                None => log("empty".into()),
                Some(Slot { task, .. }) => {
                    let done = match msg {
                        None => task.cancel(),
                        Some(msg) => task.cancel_with(&format!("m{msg}")),
                    };
                    log(format!("cancel s{slot} -> {}", i32::from(done)));
                }
            },
            Op::CancelSelf(msg) => {
                let task = current_task();
                let done = match msg {
                    None => task.cancel(),
                    Some(msg) => task.cancel_with(&format!("m{msg}")),
                };
                log(format!(
                    "cancel self -> {} {}",
                    i32::from(done),
                    task.cancelling()
                ));
            }
            Op::Uncancel => log(format!("uncancel -> {}", current_task().uncancel())),
            Op::Look(n) => match self.slot(*n) {
                None => log("empty".into()),
                Some(slot) => log(format!(
                    "look s{n} {} {}",
                    self.outcome(&slot),
                    slot.task.cancelling()
                )),
            },
            Op::AllTasks => log(format!("all tasks {}", asyncio::all_tasks().len())),
            Op::CallSoon { handle, ops } => {
                let (run, ops, who) = (self.clone(), ops.clone(), format!("h{handle}"));
                let callback = move || run.callback(who, &ops);
                let soon = Handle::Soon(asyncio::get_running_loop().call_soon(callback));
                self.handles.borrow_mut().insert(*handle, soon);
                log(format!("call soon h{handle}"));
            }
            Op::CallLater { handle, delay, ops } => {
                let (run, ops, who) = (self.clone(), ops.clone(), format!("h{handle}"));
                let callback = move || run.callback(who, &ops);
                let later = Handle::Later(
                    asyncio::get_running_loop().call_later(seconds(*delay), callback),
                );
                self.handles.borrow_mut().insert(*handle, later);
                log(format!("call later h{handle} {delay}"));
            }
            Op::CancelHandle(n) => match self.handles.borrow().get(n) {
                None => log("empty".into()),
                Some(handle) => {
                    match handle {
                        Handle::Soon(handle) => handle.cancel(),
                        Handle::Later(handle) => handle.cancel(),
                    }
                    log(format!("cancel h{n}"));
                }
            },
            Op::WhenDone { slot, ops } => match self.slot(*slot) {
                None => log("empty".into()),
                Some(Slot { typed: None, .. }) => log("main".into()),
                Some(found) => {
                    let (run, ops, who) = (self.clone(), ops.clone(), format!("d{slot}"));
                    let task = found.typed.clone().expect("not main's");
                    task.add_done_callback(move |_| {
                        run.log(&who, run.outcome(&found));
                        run.callback(who, &ops);
                    });
                    log(format!("when done s{slot}"));
                }
            },
            Op::EventSet(n) => {
                self.events[*n].set();
                log(format!("event set {n}"));
            }
            Op::EventClear(n) => {
                self.events[*n].clear();
                log(format!("event clear {n}"));
            }
            Op::FutureSet { future: n, value } => {
                let future = self.future(*n);
                if future.done() {
                    log(format!("future {n} already {}", future_outcome(&future)));
                } else {
                    future.set_result(Ok(format!("v{value}")));
                    log(format!("future set {n}"));
                }
            }
            Op::FutureFail { future: n, value } => {
                let future = self.future(*n);
                if future.done() {
                    log(format!("future {n} already {}", future_outcome(&future)));
                } else {
                    future.set_exception(self.fail(format!("e{value}")));
                    log(format!("future fail {n}"));
                }
            }
            Op::FutureCancel(n) => {
                log(format!(
                    "future cancel {n} -> {}",
                    i32::from(self.future(*n).cancel())
                ));
            }
            Op::FutureNew(n) => {
                self.futures.borrow_mut()[*n] = asyncio::Future::new();
                log(format!("future new {n}"));
            }
            Op::PutNowait { queue: n, value } => {
                if self.queues[*n].is_shut_down() {
                    log(format!("put nowait {n} shut down"));
                } else if self.queues[*n].put_nowait(format!("v{value}")).is_ok() {
                    log(format!("put nowait {n}"));
                } else {
                    log(format!("put nowait {n} full"));
                }
            }
            Op::GetNowait(n) => {
                log(match self.queues[*n].get_nowait() {
                    Ok(value) => format!("get nowait {n} -> {value}"),
                    Err(_) if self.queues[*n].is_shut_down() => format!("get nowait {n} shut down"),
                    Err(_) => format!("get nowait {n} empty"),
                });
            }
            Op::TaskDone(n) => {
                // One more than there were is a panic here, a `ValueError` there.
                let refused =
                    catch_unwind(AssertUnwindSafe(|| self.queues[*n].task_done())).is_err();
                log(format!(
                    "task done {n}{}",
                    if refused { " refused" } else { "" }
                ));
            }
            Op::QueueShutdown {
                queue: n,
                immediate,
            } => {
                self.queues[*n].shutdown(*immediate);
                log(format!("queue shutdown {n}"));
            }
            Op::Reschedule(delay) => match f.timeouts.borrow().last() {
                None => log("no timeout".into()),
                Some(cm) if cm.expired() => log("timeout expired".into()),
                Some(cm) => {
                    let now = asyncio::get_running_loop().time();
                    cm.reschedule(delay.map(|delay| now + seconds(delay)));
                    log("reschedule".into());
                }
            },
            _ => return false,
        }
        true
    }

    fn group_spawn(self: &Rc<Self>, f: &Frame, slot: usize, coro: usize) {
        let Some(membership) = f.groups.borrow().last().cloned() else {
            return self.log(&f.name, "no group");
        };
        if self.full(1) {
            return self.log(&f.name, "full");
        }
        let child = self.frame(coro, None, f.groups.borrow().clone());
        let (name, number) = (child.name.clone(), child.task);
        let body = self.clone().body(child);
        // A group that is over or being aborted refuses: a panic here, a `RuntimeError` there.
        let Ok(task) = catch_unwind(AssertUnwindSafe(|| membership.group.create_task(body))) else {
            return self.log(&f.name, format!("group spawn {name} refused"));
        };
        self.waits
            .borrow_mut()
            .entry(membership.owner)
            .or_default()
            .push(number);
        if self.program.mode == Mode::Err {
            self.members.borrow_mut().insert(number, membership.number);
        }
        self.slots.borrow_mut().insert(
            slot,
            Slot {
                task: task.any(),
                typed: Some(task),
                number,
            },
        );
        self.log(&f.name, format!("group spawn s{slot} {name}"));
    }

    fn membership(&self, f: &Frame, group: Group) -> Membership {
        let number = self.group_count.get() + 1;
        self.group_count.set(number);
        Membership {
            group,
            owner: f.task,
            number,
        }
    }

    fn future(&self, n: usize) -> asyncio::Future<Outcome> {
        self.futures.borrow()[n].clone()
    }

    /// Does an operation that may wait; the value if it returned.
    async fn later(self: &Rc<Self>, f: &Rc<Frame>, op: &Op) -> Result<Option<Value>, Fail> {
        let log = |what: String| self.log(&f.name, what);
        match op {
            Op::Turn => {
                asyncio::sleep(0).await;
                log("turned".into());
            }
            Op::Sleep(delay) => {
                log(format!("sleep {delay}"));
                asyncio::sleep(seconds(*delay)).await;
                log("slept".into());
            }
            Op::Call(coro) => {
                if self.full(1) {
                    log("full".into());
                    return Ok(None);
                }
                let child = self.frame(*coro, Some(f), Vec::new());
                log(format!("call {}", child.name));
                let number = self.frames.get();
                let value = through_foreign_hands(number, self.clone().body(child)).await?;
                log(format!("called {value}"));
            }
            Op::Await(n) => {
                let Some((awaitables, numbers)) = self.take(f, &[Item::Slot(*n)]) else {
                    return Ok(None);
                };
                let task = awaitables[0].task();
                log(format!("await s{n}"));
                let waiting = self.waiting(f, numbers);
                let value = (&task).await?;
                drop(waiting);
                log(format!("awaited s{n} {value}"));
            }
            Op::Gather { items, exceptions } => self.gather(f, items, *exceptions).await?,
            Op::Wait {
                slots,
                timeout,
                until,
            } => self.wait(f, slots, *timeout, *until).await,
            Op::WaitFor { item, timeout } => self.wait_for(f, item, *timeout).await?,
            Op::Timeout { delay, ops } => return self.timeout(f, *delay, ops).await,
            Op::Shield(item) => {
                let Some((mut awaitables, _)) = self.take(f, std::slice::from_ref(item)) else {
                    return Ok(None);
                };
                log("shield".into());
                let value = match awaitables.remove(0) {
                    Awaitable::Task(task) => asyncio::shield(&task).await?,
                    Awaitable::Coro(coro) => asyncio::shield(coro).await?,
                };
                log(format!("shielded {value}"));
            }
            Op::AsCompleted { items, timeout } => self.as_completed(f, items, *timeout).await,
            Op::Group(ops) => return self.group(f, ops).await,
            Op::Try {
                ops,
                cancelled,
                failed,
            } => {
                return self
                    .catch(f, ops, cancelled.as_ref(), failed.as_ref())
                    .await;
            }
            Op::Finally { ops, cleanup } => {
                let cleanup = async {
                    log("finally".into());
                    if let Err(fail) = self.block(f, cleanup).await {
                        let _ = Fail {
                            panic: true,
                            ..fail
                        }
                        .raise::<()>();
                    }
                    log("finally end".into());
                };
                return asyncio::finally(self.block(f, ops), cleanup).await;
            }
            Op::Lock { lock: n, ops } => {
                log(format!("lock {n}"));
                let guard = self.locks[*n].acquire().await;
                log(format!("locked {n}"));
                let value = self.block(f, ops).await;
                drop(guard);
                let value = value?;
                log(format!("unlocked {n}"));
                return Ok(value);
            }
            Op::Semaphore { semaphore: n, ops } => {
                log(format!("semaphore {n}"));
                let guard = self.semaphores[*n].acquire().await;
                log(format!("acquired {n}"));
                let value = self.block(f, ops).await;
                drop(guard);
                let value = value?;
                log(format!("released {n}"));
                return Ok(value);
            }
            Op::ConditionWait(n) => {
                log(format!("condition {n}"));
                let guard = self.conditions[*n].acquire().await;
                log(format!("condition wait {n}"));
                self.conditions[*n].wait().await;
                log(format!("condition met {n}"));
                drop(guard);
            }
            Op::ConditionNotify {
                condition: n,
                count,
                hold,
            } => {
                log(format!("condition {n}"));
                let guard = self.conditions[*n].acquire().await;
                self.conditions[*n].notify(*count);
                log(format!("condition notify {n}"));
                if let Some(hold) = hold {
                    asyncio::sleep(seconds(*hold)).await;
                }
                drop(guard);
            }
            Op::Barrier(n) => {
                log(format!("barrier {n}"));
                match self.barriers[*n].wait().await {
                    Ok(index) => log(format!("barrier {n} -> {index}")),
                    Err(_) => log(format!("barrier {n} broken")),
                }
            }
            Op::BarrierReset(n) => {
                self.barriers[*n].reset().await;
                log(format!("barrier {n} reset"));
            }
            Op::BarrierAbort(n) => {
                self.barriers[*n].abort().await;
                log(format!("barrier {n} abort"));
            }
            Op::EventWait(n) => {
                log(format!("event wait {n}"));
                self.events[*n].wait().await;
                log(format!("event {n}"));
            }
            Op::FutureAwait(n) => {
                log(format!("future await {n}"));
                let future = self.future(*n);
                match (&future).await {
                    Ok(value) => log(format!("future {n} {value}")),
                    Err(fail) => return fail.raise(),
                }
            }
            Op::Put { queue: n, value } => {
                log(format!("put {n}"));
                match self.queues[*n].put(format!("v{value}")).await {
                    Ok(()) => log(format!("put {n} done")),
                    Err(_) => log(format!("put {n} shut down")),
                }
            }
            Op::Get(n) => {
                log(format!("get {n}"));
                match self.queues[*n].get().await {
                    Ok(value) => log(format!("get {n} -> {value}")),
                    Err(_) => log(format!("get {n} shut down")),
                }
            }
            Op::Join(n) => {
                log(format!("join {n}"));
                self.queues[*n].join().await;
                log(format!("joined {n}"));
            }
            _ => unreachable!("`now` does the rest"),
        }
        Ok(None)
    }

    async fn gather(
        self: &Rc<Self>,
        f: &Frame,
        items: &[Item],
        exceptions: bool,
    ) -> Result<(), Fail> {
        let Some((awaitables, numbers)) = self.take(f, items) else {
            return Ok(());
        };
        self.log(&f.name, format!("gather {}", numbers.len()));
        let waiting = self.waiting(f, numbers);
        let tasks: Vec<_> = awaitables.into_iter().map(Awaitable::into_task).collect();
        let shown: Vec<String> = if exceptions {
            let values = asyncio::gather(&tasks).return_exceptions().await;
            values
                .into_iter()
                .map(|value| value.map_or_else(exception_name, show))
                .collect()
        } else if self.program.mode == Mode::Err {
            asyncio::try_gather(&tasks).await?
        } else {
            asyncio::gather(&tasks)
                .await
                .into_iter()
                .map(show)
                .collect()
        };
        drop(waiting);
        self.log(&f.name, format!("gathered [{}]", shown.join(",")));
        Ok(())
    }

    async fn wait(&self, f: &Frame, slots: &[usize], timeout: Option<Ticks>, until: Until) {
        let mut found: Vec<Slot> = Vec::new();
        for slot in slots.iter().filter_map(|n| self.slot(*n)) {
            let is_new = found.iter().all(|known| known.number != slot.number);
            if slot.typed.is_some() && is_new && !self.is_foreign(f, &slot) {
                found.push(slot);
            }
        }
        if found.is_empty() {
            return self.log(&f.name, "empty");
        }
        self.log(&f.name, format!("wait {}", found.len()));
        let tasks: Vec<_> = found.iter().filter_map(|slot| slot.typed.clone()).collect();
        let wait = asyncio::wait(tasks).timeout(timeout.map(seconds));
        let (done, pending) = match until {
            Until::FirstCompleted => wait.return_when(asyncio::FIRST_COMPLETED).await,
            Until::FirstException => wait.return_when(asyncio::FIRST_EXCEPTION).await,
            Until::AllCompleted => wait.return_when(asyncio::ALL_COMPLETED).await,
        };
        let names = |tasks: &[Task<Outcome>]| {
            let number = |task: &Task<Outcome>| {
                found
                    .iter()
                    .find(|slot| slot.typed.as_ref() == Some(task))
                    .expect("one of ours")
                    .number
            };
            tasks
                .iter()
                .map(|task| format!("#{}", number(task)))
                .collect::<Vec<_>>()
                .join(",")
        };
        self.log(
            &f.name,
            format!("waited [{}] [{}]", names(&done), names(&pending)),
        );
    }

    async fn wait_for(
        self: &Rc<Self>,
        f: &Rc<Frame>,
        item: &Item,
        timeout: Option<Ticks>,
    ) -> Result<(), Fail> {
        let shown = timeout.map_or("none".to_owned(), |timeout| timeout.to_string());
        let result = match item {
            Item::Coro(coro) => {
                if self.full(1) {
                    self.log(&f.name, "full");
                    return Ok(());
                }
                let child = self.frame(*coro, Some(f), Vec::new());
                self.log(&f.name, format!("wait for {shown}"));
                asyncio::wait_for(self.clone().body(child), timeout.map(seconds)).await
            }
            Item::Slot(_) => {
                let Some((awaitables, numbers)) = self.take(f, std::slice::from_ref(item)) else {
                    return Ok(());
                };
                self.log(&f.name, format!("wait for {shown}"));
                let _waiting = self.waiting(f, numbers);
                asyncio::wait_for(&awaitables[0].task(), timeout.map(seconds)).await
            }
        };
        let Ok(result) = result else {
            self.log(&f.name, "timed out");
            return self.fail("Timeout").raise();
        };
        self.log(&f.name, format!("waited for {}", result?));
        Ok(())
    }

    async fn timeout(
        self: &Rc<Self>,
        f: &Rc<Frame>,
        delay: Option<Ticks>,
        ops: &Block,
    ) -> Result<Option<Value>, Fail> {
        self.log(
            &f.name,
            format!(
                "timeout {}",
                delay.map_or("none".to_owned(), |delay| delay.to_string())
            ),
        );
        let result = asyncio::timeout(delay.map(seconds), async |cm| {
            let _inside = Inside::new(&f.timeouts, cm);
            self.block(f, ops).await
        });
        let Ok(value) = result.await else {
            self.log(&f.name, "timed out");
            return self.fail("Timeout").raise();
        };
        let value = value?;
        self.log(&f.name, "in time");
        Ok(value)
    }

    async fn as_completed(self: &Rc<Self>, f: &Frame, items: &[Item], timeout: Option<Ticks>) {
        let Some((awaitables, numbers)) = self.take(f, items) else {
            return;
        };
        self.log(&f.name, format!("as completed {}", numbers.len()));
        let tasks: Vec<_> = awaitables.into_iter().map(Awaitable::into_task).collect();
        for next in asyncio::as_completed(&tasks).timeout(timeout.map(seconds)) {
            let next = AssertUnwindSafe(next).catch_unwind().await;
            let next = match next {
                Ok(Ok(next)) => show(next),
                Ok(Err(_)) => "Timeout".to_owned(),
                Err(payload) => match Fail::from_panic(payload) {
                    Ok(fail) => show(Err(fail)),
                    Err(payload) => resume_unwind(payload),
                },
            };
            self.log(&f.name, format!("completed {next}"));
        }
    }

    async fn group(self: &Rc<Self>, f: &Rc<Frame>, ops: &Block) -> Result<Option<Value>, Fail> {
        self.log(&f.name, "group");
        let before = self.waits.borrow().get(&f.task).map_or(0, Vec::len);
        let members = Members {
            run: self,
            task: f.task,
            before,
        };
        let value = if self.program.mode == Mode::Err {
            let group = asyncio::TaskGroup::try_run(async |group| {
                let _inside = Inside::new(&f.groups, self.membership(f, Group::Results(group)));
                self.block(f, ops).await
            });
            match group.await {
                Ok(value) => value,
                Err(error) => {
                    self.log(&f.name, "group failed");
                    let names: Vec<String> = error
                        .exceptions
                        .iter()
                        .map(|fail| fail.name.clone())
                        .collect();
                    return self.fail(format!("Group[{}]", names.join(","))).raise();
                }
            }
        } else {
            let group = asyncio::TaskGroup::run(async |group| {
                let _inside = Inside::new(&f.groups, self.membership(f, Group::Values(group)));
                self.block(f, ops).await
            });
            group.await?
        };
        drop(members);
        self.log(&f.name, "group end");
        Ok(value)
    }

    async fn catch(
        self: &Rc<Self>,
        f: &Rc<Frame>,
        ops: &Block,
        cancelled: Option<&Handler>,
        failed: Option<&Handler>,
    ) -> Result<Option<Value>, Fail> {
        let body = AssertUnwindSafe(self.block(f, ops)).catch_unwind();
        let result = match cancelled {
            None => body.await,
            Some(handler) => match asyncio::catch_cancelled(body).await {
                Ok(result) => result,
                Err(error) => {
                    let name = error
                        .message()
                        .map_or("Cancelled".into(), |text| format!("Cancelled:{text}"));
                    self.log(
                        &f.name,
                        format!("caught {name} {}", current_task().cancelling()),
                    );
                    let value = self.block(f, &handler.ops).await?;
                    if value.is_some() || !handler.again {
                        return Ok(value);
                    }
                    return error.raise().await;
                }
            },
        };
        let result = result.or_else(|payload| Fail::from_panic(payload).map(Err));
        let fail = match result.unwrap_or_else(|payload| resume_unwind(payload)) {
            Ok(value) => return Ok(value),
            Err(fail) => fail,
        };
        let Some(handler) = failed else {
            return fail.raise();
        };
        self.log(
            &f.name,
            format!("caught {} {}", fail.name, current_task().cancelling()),
        );
        let value = self.block(f, &handler.ops).await?;
        if value.is_some() || !handler.again {
            Ok(value)
        } else {
            fail.raise()
        }
    }
}

/// Cancels everything at intervals, so that no program waits for ever.
fn watch(run: Rc<Run>) {
    let running: EventLoop = asyncio::get_running_loop();
    let tick = move || {
        let tasks = asyncio::all_tasks();
        run.log("loop", format!("watchdog {}", tasks.len()));
        watch(run);
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

struct Waiting<'a> {
    run: &'a Run,
    task: usize,
    numbers: Vec<usize>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waits = self.run.waits.borrow_mut();
        let waits = waits.entry(self.task).or_default();
        for number in &self.numbers {
            if let Some(at) = waits.iter().position(|other| other == number) {
                waits.remove(at);
            }
        }
    }
}

/// The children a task waits for because of a group it is in.
struct Members<'a> {
    run: &'a Run,
    task: usize,
    before: usize,
}

impl Drop for Members<'_> {
    fn drop(&mut self) {
        if let Some(waits) = self.run.waits.borrow_mut().get_mut(&self.task) {
            waits.truncate(self.before);
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

enum Awaitable {
    Task(Task<Outcome>),
    Coro(Boxed<'static, Outcome>),
}

impl Awaitable {
    fn into_task(self) -> Task<Outcome> {
        match self {
            Awaitable::Task(task) => task,
            Awaitable::Coro(coro) => asyncio::ensure_future(coro),
        }
    }

    fn task(&self) -> Task<Outcome> {
        match self {
            Awaitable::Task(task) => task.clone(),
            Awaitable::Coro(_) => unreachable!("a slot holds a task"),
        }
    }
}

/// Awaits `future` inside one or another combinator that knows nothing of us: that must not show.
async fn through_foreign_hands<T>(number: usize, future: impl Future<Output = T>) -> T {
    match number % 4 {
        0 => future.await,
        1 => futures::join!(future, std::future::ready(())).0,
        2 => match select(Box::pin(future), std::future::pending::<()>()).await {
            Either::Left((value, _)) => value,
            Either::Right(_) => unreachable!("it is never ready"),
        },
        _ => {
            let (future, _handle) = abortable(future);
            future.await.expect("nobody aborts it")
        }
    }
}

fn current_task() -> AnyTask {
    asyncio::current_task().expect("programs run in tasks")
}

fn seconds(ticks: Ticks) -> f64 {
    ticks as f64 / TICK
}

fn show(outcome: Outcome) -> String {
    outcome.unwrap_or_else(|fail| format!("!{}", fail.name))
}

fn outcome(task: &Task<Outcome>) -> String {
    if !task.done() {
        return "pending".into();
    }
    if task.cancelled() {
        return "Cancelled".into();
    }
    if let Some(exception) = task.exception() {
        return exception_name(exception);
    }
    show(task.result().clone())
}

fn future_outcome(future: &asyncio::Future<Outcome>) -> String {
    if future.cancelled() {
        "Cancelled".into()
    } else {
        show(future.result().clone())
    }
}

fn exception_name(exception: Exception) -> String {
    match exception {
        Exception::CancelledError(_) => "Cancelled".into(),
        Exception::Panic(panic) => match panic.message().strip_prefix(FAIL) {
            Some(name) => format!("!{name}"),
            None => format!("crash {}", panic.message()),
        },
    }
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
