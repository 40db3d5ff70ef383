//! What every task is beneath its type: its key, its name, its cancellation, and how it takes a
//! step.

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::about::About;
use super::cancellation::{Cancellation, Frame, Leftover, Onward, Wish};
use super::errors::Errors;
use super::waker;
use crate::contextvars::{self, Values};
use crate::coroutines::quiet::quietly;
use crate::event_loop::context::{self, Entered};
use crate::event_loop::{Address, ExceptionContext, LoopState, default_exception_handler};
use crate::exceptions::{CancelledError, Exception, KeyboardInterrupt, Panic};
use crate::futures::{Awaited, Cancel, FutureCore, State};

/// Where a task is found, from any thread: a key that outlives its task finds nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TaskKey {
    pub(crate) address: Address,
    pub(crate) slot: usize,
    /// Never used again.
    pub(crate) id: u64,
}

impl TaskKey {
    /// The task, on its own thread, until it is done.
    pub(crate) fn task(self) -> Option<TaskRef> {
        self.address.upgrade()?.task(self)
    }
}

/// The untyped part of a task.
pub(crate) struct TaskCore {
    pub(crate) key: TaskKey,
    pub(crate) waker: Waker,
    pub(crate) name: RefCell<Name>,
    pub(crate) coroutine: About,
    pub(crate) created_at: &'static Location<'static>,
    pub(crate) cancellation: Cancellation,
    /// Which of the values that it may end with are exceptions.
    pub(super) errors: RefCell<Option<Box<Errors>>>,
    /// Its context variables, unless it was given a context to run in.
    own_values: Cell<Values>,
    pub(crate) given_context: RefCell<Option<contextvars::Context>>,
    /// Whether a step is queued.
    pub(crate) scheduled: Cell<bool>,
    /// Where what it waits for comes from.
    pub(crate) waits: Cell<Waits>,
    /// Whether its coroutine is being polled.
    pub(crate) stepping: Cell<bool>,
    pub(super) started: Cell<bool>,
    /// Whether it is the task of a `run_until_complete`, which itself says how it ended.
    is_main: bool,
}

/// Where what a suspended task awaits comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// From the loop itself, or it is not suspended.
    Inside,
    /// From input, a thread or a process.
    Outside,
    /// Who knows: it is none of asyncio's. Since this round of the loop's patience.
    Unknown(u64),
}

/// A task's name: the one it was given, or a number.
pub(crate) enum Name {
    Number(u64),
    Given(Rc<str>),
}

thread_local! {
    /// Per thread, so that what one thread's tasks are called does not hang on another's.
    static LAST_NUMBER: Cell<u64> = const { Cell::new(0) };
}

impl Name {
    pub(crate) fn next() -> Self {
        let number = LAST_NUMBER.try_with(|last| {
            last.set(last.get() + 1);
            last.get()
        });
        Name::Number(number.unwrap_or_default())
    }

    /// A name that was given at creation takes no number.
    pub(crate) fn give_back(&self) {
        if let Name::Number(number) = self {
            let _ = LAST_NUMBER.try_with(|last| {
                if last.get() == *number {
                    last.set(number - 1);
                }
            });
        }
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Name::Number(number) => write!(f, "Task-{number}"),
            Name::Given(name) => f.write_str(name),
        }
    }
}

impl TaskCore {
    pub(crate) fn new(
        key: TaskKey,
        coroutine: About,
        created_at: &'static Location<'static>,
        is_main: bool,
    ) -> Self {
        Self {
            key,
            waker: waker::of(key),
            name: RefCell::new(Name::next()),
            coroutine,
            created_at,
            cancellation: Cancellation::default(),
            errors: RefCell::default(),
            own_values: Cell::new(contextvars::copy()),
            given_context: RefCell::default(),
            scheduled: Cell::new(false),
            waits: Cell::new(Waits::Inside),
            stepping: Cell::new(false),
            started: Cell::new(false),
            is_main,
        }
    }
}

impl TaskCore {
    pub(super) fn has_started(&self) -> bool {
        self.started.get()
    }

    fn in_context<T>(&self, run: impl FnOnce() -> T) -> T {
        let given = self.given_context.borrow().clone();
        match &given {
            None => {
                let _entered = contextvars::Entered::new(&self.own_values);
                run()
            }
            Some(context) => {
                let _entered = context.enter();
                run()
            }
        }
    }
}

/// A task's future and value, whatever their types.
pub(crate) trait RawTask: Awaited {
    fn core(&self) -> &TaskCore;
    /// Polls the coroutine; its value is kept.
    fn poll(&self, cx: &mut Context<'_>) -> Poll<()>;
    fn drop_future(&self);
    fn drop_value(&self);
    /// Whether it ended with an `Err` that is its exception.
    fn gave_error(&self) -> bool;
    /// What that says.
    fn error(&self) -> Option<String>;
    fn repr_value(&self) -> String;
}

/// The coroutine of a task that lives elsewhere: on the stack of `run_until_complete`.
pub(crate) trait Body {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()>;
    fn drop_future(&mut self);
    fn drop_value(&mut self);
    /// Whether it gave an `Err` that is the task's exception.
    fn gave_error(&self, errors: &Errors) -> bool;
}

/// The task of a `run_until_complete`, with its coroutine.
pub(crate) struct Main<'a> {
    task: TaskRef,
    body: &'a mut dyn Body,
}

impl<'a> Main<'a> {
    pub(crate) fn new<T>(task: &super::Task<T>, body: &'a mut dyn Body) -> Self
    where
        T: 'static,
    {
        Self {
            task: task.erased(),
            body,
        }
    }
}

/// A reference to a task of any type.
#[derive(Clone)]
pub(crate) struct TaskRef(pub(crate) Rc<dyn RawTask>);

impl Cancel for TaskRef {
    fn cancel_onward(&self, _: &CancelledError, onward: &mut Onward) -> bool {
        onward.push(self)
    }

    fn each_awaited(&self, name: &mut dyn FnMut(TaskKey)) {
        name(self.core().key);
    }

    fn repr(&self) -> Option<String> {
        Some(super::repr::task(self))
    }
}

/// How a step left the coroutine.
enum Outcome {
    Finished,
    Cancelled(CancelledError),
    Panicked(Panic),
    Suspended,
}

impl TaskRef {
    pub(crate) fn core(&self) -> &TaskCore {
        self.0.core()
    }

    pub(crate) fn future(&self) -> &FutureCore {
        self.0.future_core()
    }

    pub(crate) fn is(&self, other: &TaskRef) -> bool {
        self.core().key.id == other.core().key.id
    }

    pub(crate) fn event_loop(&self) -> Address {
        self.future().event_loop()
    }

    /// Runs the coroutine to where it next suspends. Mirrors `Task.__step`.
    pub(crate) fn step(&self, event_loop: &Rc<LoopState>, main: Option<&mut Main<'_>>) {
        let core = self.core();
        core.scheduled.set(false);
        if self.future().is_done() {
            return;
        }
        let mut coroutine = Coroutine {
            task: self,
            main: main.filter(|main| main.task.is(self)),
        };
        core.cancellation.begin_step();
        let entered = Entered::task(Some(self));
        core.stepping.set(true);
        let outcome = core.in_context(|| coroutine.run(core));
        core.stepping.set(false);
        drop(entered);
        match outcome {
            Outcome::Suspended => self.suspend(event_loop),
            Outcome::Finished => self.finish(event_loop, State::Finished, None),
            Outcome::Cancelled(error) => self.finish(
                event_loop,
                State::Cancelled,
                Some(Exception::CancelledError(error)),
            ),
            Outcome::Panicked(panic) => {
                if panic.is::<KeyboardInterrupt>() {
                    event_loop.interrupt(panic.clone());
                }
                self.finish(event_loop, State::Finished, Some(Exception::Panic(panic)));
            }
        }
    }

    /// The coroutine waits: a cancellation that came during the step goes on to what it waits for.
    fn suspend(&self, event_loop: &Rc<LoopState>) {
        let core = self.core();
        core.cancellation.pass_on(self, event_loop);
        if !core.scheduled.get() {
            match core.cancellation.waits() {
                Waits::Inside => {}
                waits => event_loop.waits(self, waits == Waits::Outside),
            }
        }
    }

    fn finish(&self, event_loop: &Rc<LoopState>, state: State, failure: Option<Exception>) {
        let core = self.core();
        core.cancellation.clear();
        let owned = event_loop.remove_task(core.key);
        if state == State::Finished && failure.is_none() && self.0.gave_error() {
            self.future().fails_with_value();
        }
        self.future().complete(state, failure);
        drop(owned);
    }

    /// Cancels the task. Mirrors `Task.cancel`.
    pub(crate) fn cancel(&self, error: CancelledError) -> bool {
        self.cancel_within(None, error)
    }

    /// Cancels what the task waits for beneath one of its frames.
    pub(crate) fn cancel_within(&self, scope: Option<Frame>, error: CancelledError) -> bool {
        Onward::from(&error, |onward| self.cancel_here(scope, &error, onward))
    }

    /// Cancels this task alone; those that it waits for are left to `onward`.
    pub(super) fn cancel_here(
        &self,
        scope: Option<Frame>,
        error: &CancelledError,
        onward: &mut Onward,
    ) -> bool {
        self.future().see();
        if self.future().is_done() {
            return false;
        }
        if let Some(event_loop) = self.event_loop().upgrade() {
            // It may not be the current one: an eager task's first step is inside of its maker's.
            let is_running = self.core().stepping.get()
                || context::with_current_task(|current| current.is(self)) == Some(true);
            let cancellation = &self.core().cancellation;
            let wish = Wish::new(error, scope);
            cancellation.request(self, &event_loop, wish, is_running, onward);
        }
        true
    }

    /// Drops the coroutine of a task whose loop is gone.
    pub(crate) fn destroy(&self) {
        if self.future().is_done() {
            return;
        }
        if !self.core().is_main {
            default_exception_handler(&ExceptionContext {
                message: "Task was destroyed but it is pending!".to_owned(),
                exception: None,
                task: Some(super::AnyTask(self.clone())),
            });
        }
        let _entered = Entered::task(Some(self));
        let dropped = catch_unwind(AssertUnwindSafe(|| {
            self.0.drop_future();
            // Those that hold the task itself would keep it, and it them.
            self.future().drop_callbacks();
        }));
        if let Err(payload) = dropped {
            crate::diagnostics::error(format_args!(
                "Exception ignored in: {:?}\n{}",
                super::AnyTask(self.clone()),
                Panic::new(payload)
            ));
        }
    }

    /// Takes the task of a `run_until_complete` out of the loop.
    pub(crate) fn leave(&self, event_loop: &Rc<LoopState>) {
        self.core().cancellation.clear();
        event_loop.no_longer_waits(self);
        let owned = event_loop.remove_task(self.core().key);
        drop(owned);
    }
}

/// The coroutine of a task, during a step.
struct Coroutine<'a, 'm> {
    task: &'a TaskRef,
    main: Option<&'a mut Main<'m>>,
}

impl Coroutine<'_, '_> {
    fn run(&mut self, core: &TaskCore) -> Outcome {
        let started = core.started.replace(true);
        if !started {
            if let Some(error) = core.cancellation.take_to_raise() {
                // As in Python, the body of a task that was cancelled before never runs; and
                // nobody is told that it was never awaited.
                return quietly(|| self.unwind(error));
            }
        }
        let mut cx = Context::from_waker(&core.waker);
        let mut poll = || match &mut self.main {
            Some(main) => main.body.poll(&mut cx),
            None => self.task.0.poll(&mut cx),
        };
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if started { poll() } else { About::learn(poll) }
        }));
        if let Err(payload) = polled {
            core.cancellation.clear_marks();
            let panic = Panic::new(payload);
            // A second panic, of a destructor, is not worth more than the first.
            let _ = self.drop_future();
            return Outcome::Panicked(panic);
        }
        if let Some(error) = core.cancellation.take_in_flight() {
            return self.unwind(error);
        }
        if matches!(polled, Ok(Poll::Ready(()))) {
            return match core.cancellation.take_unraised() {
                // Cancelled during its last step, or while nothing of ours could raise it. As in
                // Python an exception is worth more than that, and a value is not.
                Some(error) if !self.gave_error(core) => self.unwind(error),
                _ => Outcome::Finished,
            };
        }
        match core.cancellation.leftover() {
            Leftover::Raise(error) => self.unwind(error),
            Leftover::Nothing => Outcome::Suspended,
        }
    }

    fn gave_error(&self, core: &TaskCore) -> bool {
        match &self.main {
            Some(main) => {
                let errors = core.errors.borrow();
                errors
                    .as_ref()
                    .is_some_and(|errors| main.body.gave_error(errors))
            }
            None => self.task.0.gave_error(),
        }
    }

    /// Drops the coroutine, and with it what it holds: destructors are `finally`.
    fn unwind(&mut self, error: CancelledError) -> Outcome {
        match self.drop_future() {
            Ok(()) => Outcome::Cancelled(error),
            Err(panic) => Outcome::Panicked(panic),
        }
    }

    fn drop_future(&mut self) -> Result<(), Panic> {
        catch_unwind(AssertUnwindSafe(|| match &mut self.main {
            Some(main) => {
                main.body.drop_future();
                main.body.drop_value();
            }
            None => {
                self.task.0.drop_future();
                self.task.0.drop_value();
            }
        }))
        .map_err(Panic::new)
    }
}
