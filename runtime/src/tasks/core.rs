//! What every task is beneath its type: its name, what it knows of itself, and where it comes from.

use std::cell::{Cell, Ref, RefCell};
use std::panic::Location;
use std::rc::Rc;

use super::cancellation::Suspension;
use super::chain::{self, Chain};
use super::errors::Errors;
use super::flags::{self, Flags};
use super::lazy::Lazy;
use super::origin::Origin;
use crate::contextvars::{self, Values};
use crate::coroutines::About as Function;

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
    #[cold]
    #[inline(never)]
    pub(crate) fn name(&self) -> String {
        let given = self.peek_extra().and_then(|it| it.name.borrow().clone());
        given.map_or_else(
            || format!("Task-{}", self.number()),
            |name| String::from(&*name),
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
    pub(super) fn clear(&self) {
        self.cancellation.clear();
    }

    pub(super) fn has_started(&self) -> bool {
        self.flags.has(flags::STARTED)
    }

    /// Runs something with the context variables that are the task's.
    #[inline]
    pub(super) fn in_context<T>(&self, run: impl FnOnce() -> T) -> T {
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
