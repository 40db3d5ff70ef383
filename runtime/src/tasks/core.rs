//! What every task is beneath its type: its name, its cancellation, and how it takes a
//! step.

use std::cell::{Cell, Ref, RefCell};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::rc::Rc;
use std::task::{Context, Poll};

use super::about;
use super::called::Called;
use super::cancellation::{Cancellation, Cancelled, Frame, Leftover, Onward, Suspension};
use super::chain::{self, Chain};
use super::errors::Errors;
use super::flags::{self, Bits, Flags};
use super::header::TaskRef;
use super::lazy::Lazy;
use super::origin::Origin;
use crate::contextvars::{self, Values};
use crate::coroutines::About as Function;
use crate::coroutines::asking;
use crate::coroutines::quiet::quietly;
use crate::event_loop::context::{self, Entered};
use crate::event_loop::{Address, ExceptionContext, LoopState, tell};
use crate::exceptions::{CancelledError, Exception, KeyboardInterrupt, Panic};
use crate::futures::{Awaited, Cancel, FutureCore, State};

/// The untyped part of a task. What is small is side by side, that no room is lost between.
pub(crate) struct TaskCore {
    /// And what lies [`Beside`].
    pub(super) origin: Origin,
    /// The number in its name, if it was not given one: the lower half, and what there is of the upper.
    number: Cell<u32>,
    number_above: Cell<u8>,
    /// The header's.
    pub(super) wakers: Cell<u8>,
    pub(super) flags: Flags,
    /// Where it is suspended, and how it is cancelled.
    pub(crate) cancellation: Suspension,
}

/// What most tasks have nothing of.
#[derive(Default)]
pub(super) struct Beside {
    /// What few tasks have.
    extra: Lazy<Extra>,
    /// Its context variables, unless it was given a context to run in.
    own_values: Cell<Values>,
}

impl contextvars::Home for TaskCore {
    #[inline]
    fn take(&self) -> Values {
        self.origin.beside()?.own_values.take()
    }

    fn put(&self, values: Values) {
        if values.is_some() || self.origin.beside().is_some() {
            let old = self.origin.make_beside().own_values.replace(values);
            drop(old);
        }
    }
}

/// Where what a suspended task awaits comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waits {
    /// From the loop itself, or it is not suspended.
    Inside,
    /// From input, a thread or a process.
    Outside,
    /// Who knows: it is none of asyncio's.
    Unknown,
}

#[derive(Default)]
struct Extra {
    name: RefCell<Option<Rc<str>>>,
    /// Which of the values that it may end with are exceptions.
    errors: RefCell<Option<Errors>>,
    given_context: RefCell<Option<contextvars::Context>>,
    /// What it was within when it last suspended, in debug mode.
    chain: RefCell<Option<Chain>>,
    /// Since which round of the loop's patience it waits, if nobody knows for what.
    waits_since: Cell<u32>,
}

thread_local! {
    /// The number in the name of the last task. Per thread, so that what one thread's tasks are called does
    /// not hang on another's.
    static LAST_NUMBER: Cell<u64> = const { Cell::new(0) };
}

impl TaskCore {
    #[inline(always)]
    pub(super) fn new(created_at: &'static Location<'static>, is_main: bool) -> Self {
        let number = LAST_NUMBER.get() + 1;
        LAST_NUMBER.set(number);
        let (number, number_above) = Self::halves(number);
        Self {
            origin: Origin::created_at(created_at),
            number: Cell::new(number),
            number_above: Cell::new(number_above),
            wakers: Cell::new(0),
            flags: Flags::new(flags::COROUTINE | if is_main { flags::MAIN } else { 0 }),
            cancellation: Suspension::new(),
        }
    }

    /// Takes the context variables as they are now.
    #[inline(always)]
    pub(super) fn copy_context(&self) {
        if let Some(values) = contextvars::copy() {
            contextvars::Home::put(self, Some(values));
        }
    }

    fn extra(&self) -> &Extra {
        &self.origin.make_beside().extra
    }

    fn peek_extra(&self) -> Option<&Extra> {
        self.origin.beside()?.extra.peek()
    }

    /// The numbers begin anew after 2 to the 40th: a million tasks a second take twelve days for that.
    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "as said")]
    fn halves(number: u64) -> (u32, u8) {
        (number as u32, (number >> 32) as u8)
    }

    fn number(&self) -> u64 {
        u64::from(self.number.get()) | u64::from(self.number_above.get()) << 32
    }

    /// The file and the line that its coroutine's function begins at, if it is known.
    pub(super) fn function(&self) -> Option<&'static Function> {
        self.origin.get().ok()
    }

    pub(super) fn set_function(&self, function: &'static Function) {
        self.origin.set_function(function);
    }

    /// The file and the line where its function begins or, if that is not known, where it was created.
    pub(super) fn comes_from(&self) -> (&'static str, u32) {
        match self.origin.get() {
            Ok(function) => function.location(),
            Err(created_at) => (created_at.file(), created_at.line()),
        }
    }

    #[inline]
    pub(crate) fn is_scheduled(&self) -> bool {
        self.flags.has(flags::SCHEDULED)
    }

    /// A step of it is queued from now on.
    #[inline]
    pub(crate) fn set_scheduled(&self) {
        self.flags.set(flags::SCHEDULED);
    }

    #[inline]
    pub(crate) fn is_stepping(&self) -> bool {
        self.flags.has(flags::STEPPING)
    }

    /// Whether the loop was told that what it waits for comes, or may come, from outside.
    #[inline]
    pub(crate) fn is_waiting_outside(&self) -> bool {
        self.flags.has(flags::WAITS_OUTSIDE | flags::WAITS_UNKNOWN)
    }

    /// Notes that the loop was told; where nobody knows where it comes from, since which round.
    pub(crate) fn set_waits(&self, waits: Waits, since: u32) {
        match waits {
            Waits::Inside => {}
            Waits::Outside => self.flags.set(flags::WAITS_OUTSIDE),
            Waits::Unknown => {
                self.extra().waits_since.set(since);
                self.flags.set(flags::WAITS_UNKNOWN);
            }
        }
    }

    /// What was noted, which is so no longer.
    pub(crate) fn take_waits(&self) -> (Waits, u32) {
        if self.flags.take(flags::WAITS_OUTSIDE) {
            (Waits::Outside, 0)
        } else if self.flags.take(flags::WAITS_UNKNOWN) {
            (Waits::Unknown, self.extra().waits_since.get())
        } else {
            (Waits::Inside, 0)
        }
    }

    /// `Task-1` unless it was given one.
    pub(crate) fn name(&self) -> String {
        let given = self.peek_extra().and_then(|it| it.name.borrow().clone());
        given.map_or_else(
            || format!("Task-{}", self.number()),
            |name| name.to_string(),
        )
    }

    pub(crate) fn set_name(&self, name: Rc<str>) {
        let old = self.extra().name.replace(Some(name));
        drop(old);
    }

    /// A name that was given at creation takes no number.
    pub(crate) fn set_first_name(&self, name: Rc<str>) {
        let number = self.number();
        if number != 0 && number == LAST_NUMBER.get() {
            LAST_NUMBER.set(number - 1);
            self.number.set(0);
            self.number_above.set(0);
        }
        self.set_name(name);
    }

    pub(crate) fn set_context(&self, context: contextvars::Context) {
        let old = self.extra().given_context.replace(Some(context));
        self.flags.set(flags::HAS_CONTEXT);
        drop(old);
    }

    /// What it was within when it suspended, if that was kept.
    pub(super) fn chain(&self) -> Option<Ref<'_, Chain>> {
        let extra = self.peek_extra()?;
        Ref::filter_map(extra.chain.borrow(), Option::as_ref).ok()
    }

    pub(super) fn keep_chain(&self, chain: Option<Chain>) {
        self.extra().chain.replace(chain);
    }

    /// Which of the values that it may end with are exceptions, if any is known to be.
    pub(super) fn errors(&self) -> Option<&RefCell<Option<Errors>>> {
        let has_errors = self.flags.has(flags::HAS_ERRORS);
        has_errors.then(|| &self.extra().errors)
    }

    pub(super) fn known_errors(&self) -> &RefCell<Option<Errors>> {
        self.flags.set(flags::HAS_ERRORS);
        &self.extra().errors
    }

    /// Whether it holds nothing that would have to be dropped.
    #[inline]
    pub(super) fn has_nothing(&self) -> bool {
        self.origin.beside().is_none() && self.cancellation.holds_nothing()
    }

    /// Drops all that it holds.
    ///
    /// # Safety
    ///
    /// The last handle is going, and nobody has a reference to anything in here.
    #[inline]
    pub(super) unsafe fn empty(&self) {
        /// Drops what lies beside, also when another destructor panics.
        struct Empty<'a>(&'a Origin);
        impl Drop for Empty<'_> {
            fn drop(&mut self) {
                // SAFETY: as the caller of `empty` promises.
                unsafe { self.0.empty() };
            }
        }
        let _origin = Empty(&self.origin);
        // SAFETY: as the caller promises.
        unsafe { self.cancellation.empty() };
    }
}

impl TaskCore {
    /// Whether it was never cancelled: then nothing is raised in it or held back.
    #[inline]
    pub(crate) fn is_calm(&self) -> bool {
        self.cancellation.is_calm()
    }

    /// Where what it is suspended at comes from.
    pub(crate) fn waits_for(&self) -> Waits {
        self.cancellation.waits()
    }

    /// The task gives up its turn here: it is to be queued again, as in CPython once it has suspended.
    #[inline]
    pub(crate) fn turn_at(&self, location: &'static Location<'static>) {
        chain::leaf(Some(location));
        self.cancellation.turn_at(location);
        if !self.is_scheduled() {
            self.flags.set(flags::SCHEDULED | flags::AGAIN);
        }
    }

    /// Where it stands in the program, as far as the leaves know that are suspended.
    pub(super) fn stands_at(&self) -> Option<&'static Location<'static>> {
        self.cancellation.location()
    }

    /// There is nothing more to be cancelled.
    #[inline]
    fn clear(&self) {
        self.cancellation.clear();
    }

    pub(super) fn has_started(&self) -> bool {
        self.flags.has(flags::STARTED)
    }

    #[inline]
    fn in_context<T>(&self, run: impl FnOnce() -> T) -> T {
        let has_context = self.flags.has(flags::HAS_CONTEXT);
        let given = has_context.then(|| self.extra().given_context.borrow().clone());
        let given = given.flatten();
        match &given {
            None => {
                let _entered = contextvars::Entered::new(self);
                run()
            }
            Some(context) => {
                let _entered = context.enter();
                run()
            }
        }
    }
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

impl Drop for Main<'_> {
    /// It ends with the call, also when the loop was stopped before it was done.
    fn drop(&mut self) {
        if !self.task.future().is_done() {
            let core = self.task.core();
            self.task
                .drop_guarded(&mut || core.in_context(|| self.body.drop_future()));
        }
    }
}

impl Cancel for TaskRef {
    fn cancel_onward(&self, _: &CancelledError, onward: &mut Onward) -> bool {
        onward.push(self)
    }

    fn each_awaited(&self, name: &mut dyn FnMut(&TaskRef)) {
        name(self);
    }

    fn repr(&self) -> Option<String> {
        Some(super::repr::task(self))
    }
}

impl Awaited for TaskRef {
    fn future_core(&self) -> &FutureCore {
        self.future()
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
    pub(crate) fn event_loop(&self) -> Address {
        self.future().event_loop()
    }

    /// Whether it gave up its turn in the step that was just taken: the caller queues it again.
    #[inline]
    pub(crate) fn takes_turns(&self) -> bool {
        let again = self.flags().has(flags::AGAIN);
        if again {
            self.flags().clear(flags::AGAIN);
        }
        again
    }

    /// Runs the coroutine to where it next suspends. Mirrors `Task.__step`.
    /// [`takes_turns`](Self::takes_turns) is to be asked after it.
    #[inline]
    pub(crate) fn step(&self, event_loop: &Rc<LoopState>, main: Option<&mut Main<'_>>) {
        let core = self.core();
        // What is known of it is looked at once, and noted once: where a coroutine is, it is not done.
        let bits = core.flags.get();
        let is_calm = core.cancellation.begin_step();
        let kind = bits & (flags::MAIN | flags::HAS_CONTEXT | flags::COROUTINE);
        if kind != flags::COROUTINE || !is_calm {
            core.flags.clear(flags::SCHEDULED);
            return self.step_any(event_loop, main);
        }
        let bits_without = bits & !(flags::SCHEDULED | flags::COROUTINE);
        core.flags
            .put(bits_without | flags::STEPPING | flags::STARTED);
        let (polled, is_calm, unwound) = {
            let _entered = Entered::task(Some(self));
            let _values = contextvars::Entered::new(core);
            // SAFETY: the flag was there, is taken, and is put back.
            let polled = unsafe { self.poll_caught(bits & flags::STARTED == 0) };
            let bits = core.flags.get() & !flags::STEPPING;
            let has_ended = bits & flags::VALUE != 0;
            core.flags
                .put(bits | if has_ended { 0 } else { flags::COROUTINE });
            let is_calm = core.is_calm();
            let is_raised = !is_calm && matches!(polled, Ok(Poll::Pending));
            let unwound = if is_raised { self.unwind_plain() } else { None };
            (polled, is_calm, unwound)
        };
        match (polled, unwound) {
            (Ok(Poll::Pending), None) if is_calm => {
                if !core.is_scheduled() {
                    event_loop.waits(self);
                }
            }
            (Ok(Poll::Ready(())), None) if is_calm => {
                self.finish(event_loop, State::Finished, None);
            }
            (_, Some(Ok(place))) => {
                let error = CancelledError::raised_at(place, None);
                let failure = Some(Exception::CancelledError(error));
                self.finish(event_loop, State::Cancelled, failure);
            }
            (_, Some(Err(payload))) => {
                self.has_ended(event_loop, Outcome::Panicked(Panic::new(payload)));
            }
            (polled, None) => self.conclude(event_loop, polled),
        }
    }

    /// As [`step`](Self::step), for those that are not one after the other; in debug mode what the task is
    /// within is kept.
    #[inline(never)]
    pub(crate) fn step_apart(&self, event_loop: &Rc<LoopState>, main: Option<&mut Main<'_>>) {
        let _kept = event_loop.debug.get().then(|| chain::keep(self));
        self.step(event_loop, main);
    }

    /// # Safety
    ///
    /// As for [`poll_taken`](Self::poll_taken), and this does not unwind.
    #[inline]
    unsafe fn poll_caught(&self, is_first: bool) -> std::thread::Result<Poll<()>> {
        // SAFETY: as the caller promises.
        let poll =
            || self.with_waker(|waker| unsafe { self.poll_taken(&mut Context::from_waker(waker)) });
        if is_first {
            asking::put(about::learn);
        }
        let polled = catch_unwind(AssertUnwindSafe(poll));
        if is_first {
            asking::take_back();
        }
        polled
    }

    /// The end of a step that panicked, or was cancelled in another way than most.
    #[inline(never)]
    fn conclude(&self, event_loop: &Rc<LoopState>, polled: std::thread::Result<Poll<()>>) {
        let core = self.core();
        let mut coroutine = Coroutine {
            task: self,
            main: None,
        };
        let outcome = {
            let _entered = Entered::task(Some(self));
            core.flags.set(flags::STEPPING);
            let outcome = core.in_context(|| coroutine.conclude(core, polled));
            core.flags.clear(flags::STEPPING);
            outcome
        };
        self.has_ended(event_loop, outcome);
    }

    /// In a step that suspended: where a cancellation of which no more is known than its place has come
    /// to its end, drops the coroutine.
    #[inline(never)]
    fn unwind_plain(&self) -> Option<std::thread::Result<Called>> {
        let core = self.core();
        let place = core.cancellation.take_plain()?;
        core.flags.set(flags::STEPPING);
        let dropped = catch_unwind(AssertUnwindSafe(|| self.drop_coroutine()));
        core.flags.clear(flags::STEPPING);
        Some(dropped.map(|()| place))
    }

    /// A step of a task that was cancelled before, or that few are like.
    #[inline(never)]
    fn step_any(&self, event_loop: &Rc<LoopState>, main: Option<&mut Main<'_>>) {
        let core = self.core();
        if self.future().is_done() {
            return;
        }
        let mut coroutine = Coroutine {
            task: self,
            main: main.filter(|main| main.task.is(self)),
        };
        if let Some(cancellation) = core.cancellation.peek() {
            cancellation.begin_step();
        }
        let outcome = {
            let _entered = Entered::task(Some(self));
            core.flags.set(flags::STEPPING);
            let outcome = core.in_context(|| coroutine.run(core));
            core.flags.clear(flags::STEPPING);
            outcome
        };
        self.has_ended(event_loop, outcome);
    }

    /// The coroutine waits: a cancellation that came during the step goes on to what it waits for.
    fn suspend(&self, event_loop: &Rc<LoopState>) {
        let core = self.core();
        if let Some(cancellation) = core.cancellation.peek() {
            cancellation.pass_on(self, event_loop);
        }
        if !core.is_scheduled() {
            event_loop.waits(self);
        }
    }

    fn has_ended(&self, event_loop: &Rc<LoopState>, outcome: Outcome) {
        match outcome {
            Outcome::Suspended => self.suspend(event_loop),
            Outcome::Finished => self.finish_any(event_loop, State::Finished, None),
            Outcome::Cancelled(error) => self.finish_any(
                event_loop,
                State::Cancelled,
                Some(Exception::CancelledError(error)),
            ),
            Outcome::Panicked(panic) => {
                if panic.is::<KeyboardInterrupt>() {
                    event_loop.interrupt(panic.clone());
                }
                self.finish_any(event_loop, State::Finished, Some(Exception::Panic(panic)));
            }
        }
    }

    #[inline(always)]
    fn finish(&self, event_loop: &Rc<LoopState>, state: State, failure: Option<Exception>) {
        let core = self.core();
        let bits = core.flags.get();
        if bits & (flags::OWNED | flags::LINKED | flags::HAS_ERRORS) != flags::OWNED {
            return self.finish_any(event_loop, state, failure);
        }
        // Where its links were is its value: what is left is the loop's reference.
        core.clear();
        core.flags.put(bits & !flags::OWNED);
        // SAFETY: the loop owned it by this reference, which is given up.
        let owned = unsafe { TaskRef::from_raw(self.raw()) };
        self.future().complete(state, failure);
        self.give_back(owned);
    }

    #[inline(never)]
    fn finish_any(&self, event_loop: &Rc<LoopState>, state: State, failure: Option<Exception>) {
        let core = self.core();
        core.clear();
        let owned = event_loop.remove_task(self);
        let fails_with_value = core.flags.has(flags::HAS_ERRORS)
            && state == State::Finished
            && failure.is_none()
            && self.gave_error();
        self.future().complete(state, failure);
        if fails_with_value {
            self.future().failed_with_value();
        }
        drop(owned);
    }

    /// Cancels the task. Mirrors `Task.cancel`.
    pub(crate) fn cancel(&self, error: CancelledError) -> bool {
        self.cancel_within(None, error)
    }

    /// As [`cancel`](Self::cancel), without a message.
    #[track_caller]
    #[inline]
    pub(crate) fn cancel_plain(&self) -> bool {
        let place = Location::caller();
        self.raise_plain(place) || self.cancel_at(place)
    }

    #[inline(never)]
    fn cancel_at(&self, place: Called) -> bool {
        self.cancel(CancelledError::raised_at(place, None))
    }

    /// Cancels a task that is suspended, is not woken yet, and of which little is known; false if it is
    /// another.
    #[inline]
    fn raise_plain(&self, place: Called) -> bool {
        const SUSPENDED: Bits = flags::OWNED | flags::STARTED | flags::COROUTINE;
        const OTHERS: Bits = flags::STEPPING | flags::SCHEDULED | flags::MAIN | flags::HAS_CONTEXT;
        let core = self.core();
        if core.flags.get() & (SUSPENDED | OTHERS) != SUSPENDED {
            return false;
        }
        let cancelled = self.event_loop().with(|event_loop| {
            let is_plain = core.cancellation.cancel_plain(place);
            if is_plain {
                event_loop.schedule_owned(self.clone());
            }
            is_plain
        });
        cancelled == Some(true)
    }

    /// Cancels what the task waits for beneath one of its frames.
    pub(crate) fn cancel_within(&self, scope: Option<Frame>, error: CancelledError) -> bool {
        Onward::from_task(self, &error, &mut |onward| {
            self.cancel_here(scope, &error, onward)
        })
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
        if scope.is_none() && error.message().is_none() && self.raise_plain(error.location()) {
            return true;
        }
        self.event_loop().with_kept(|event_loop| {
            // It may not be the current one: an eager task's first step is inside of its maker's.
            let is_running = self.core().is_stepping()
                || context::with_current_task(|current| current.is(self)) == Some(true);
            let cancellation = &self.core().cancellation;
            let cancelled = Cancelled { error, scope };
            cancellation.request(self, event_loop, cancelled, is_running, onward);
        });
        true
    }

    /// The loop is about to go: what the task waits for may go after it, and cannot say so then.
    pub(crate) fn let_go(&self) {
        self.core().cancellation.let_go();
    }

    /// Drops the coroutine of a task whose loop is gone.
    pub(crate) fn destroy(&self) {
        if self.future().is_done() {
            return;
        }
        if !self.flags().has(flags::MAIN) {
            let context = ExceptionContext {
                task: Some(super::AnyTask(self.clone())),
                ..ExceptionContext::new("Task was destroyed but it is pending!")
            };
            tell(None, context);
        }
        let core = self.core();
        self.drop_guarded(&mut || core.in_context(|| self.drop_coroutine()));
        // Those that hold the task itself would keep it, and it them.
        self.drop_guarded(&mut || self.future().drop_callbacks());
        core.clear();
    }

    /// Drops, as this task, something that it holds, outside of its steps: a panic is nobody's.
    fn drop_guarded(&self, dropping: &mut dyn FnMut()) {
        let _entered = Entered::task(Some(self));
        if let Err(payload) = catch_unwind(AssertUnwindSafe(dropping)) {
            crate::diagnostics::error(format_args!(
                "Exception ignored in: {:?}\n{}",
                super::AnyTask(self.clone()),
                Panic::new(payload)
            ));
        }
    }

    /// Takes the task of a `run_until_complete` out of the loop.
    pub(crate) fn leave(&self, event_loop: &Rc<LoopState>) {
        self.core().clear();
        event_loop.no_longer_waits(self);
        let owned = event_loop.remove_task(self);
        drop(owned);
    }
}

/// The coroutine of a task, during a step.
struct Coroutine<'a, 'm> {
    task: &'a TaskRef,
    main: Option<&'a mut Main<'m>>,
}

impl Coroutine<'_, '_> {
    #[inline]
    fn run(&mut self, core: &TaskCore) -> Outcome {
        let started = core.has_started();
        core.flags.set(flags::STARTED);
        if !started {
            let cancellation = core.cancellation.peek();
            if let Some(error) = cancellation.and_then(Cancellation::take_to_raise) {
                // As in Python, the body of a task that was cancelled before never runs; and
                // nobody is told that it was never awaited.
                return quietly(|| self.unwind(error));
            }
        }
        let (task, main) = (self.task, &mut self.main);
        let mut poll = || {
            task.with_waker(|waker| {
                let mut cx = Context::from_waker(waker);
                match main {
                    Some(main) => main.body.poll(&mut cx),
                    None => task.poll(&mut cx),
                }
            })
        };
        let polled = catch_unwind(AssertUnwindSafe(|| {
            if started {
                poll()
            } else {
                asking::ask(about::learn, poll)
            }
        }));
        match polled {
            Ok(Poll::Pending) if core.is_calm() => Outcome::Suspended,
            Ok(Poll::Ready(())) if core.is_calm() => Outcome::Finished,
            polled => self.conclude(core, polled),
        }
    }

    /// What has become of it, when it was cancelled or panicked.
    fn conclude(&mut self, core: &TaskCore, polled: std::thread::Result<Poll<()>>) -> Outcome {
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
                let Some(errors) = core.errors() else {
                    return false;
                };
                let errors = errors.borrow();
                errors
                    .as_ref()
                    .is_some_and(|errors| main.body.gave_error(errors))
            }
            None => self.task.gave_error(),
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
                self.task.drop_coroutine();
                // SAFETY: this is within a step of it: it is not done.
                unsafe { self.task.drop_value() };
            }
        }))
        .map_err(Panic::new)
    }
}
