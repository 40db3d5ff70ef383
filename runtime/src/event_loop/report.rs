//! What is told of where nobody can be: panics of callbacks, of wakers and of destructors, and the panic
//! that ends a loop.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::task::Waker;

use super::handle::EventLoop;
use super::state::LoopState;
use super::this_thread;
use crate::diagnostics;
use crate::exceptions::{KeyboardInterrupt, Panic};
use crate::tasks::{AnyTask, TaskKey, repr};

pub(super) type ExceptionHandler = dyn Fn(&EventLoop, &ExceptionContext);

/// What went wrong where nobody could be told: the argument of an exception handler.
///
/// Mirrors the `context` dictionary of `loop.call_exception_handler`.
///
/// ```
/// # asyncio::run(async {
/// use std::{cell::RefCell, rc::Rc};
///
/// let told = Rc::new(RefCell::new(String::new()));
/// let tell = told.clone();
/// let event_loop = asyncio::get_running_loop();
/// event_loop.set_exception_handler(move |_, context| *tell.borrow_mut() = context.message.clone());
/// event_loop.call_soon(|| panic!("out of paper"));
/// asyncio::sleep(0).await;
/// assert!(told.borrow().starts_with("Exception in callback"));
/// # });
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ExceptionContext {
    /// What happened, in Python's words.
    pub message: String,
    /// The panic, if there is one; for a task that ended with an `Err`, one that says what that
    /// says.
    pub exception: Option<Panic>,
    /// The task that it happened to, if that is still there.
    pub task: Option<AnyTask>,
    /// The repr of the task or future that it happened to.
    pub future: Option<String>,
    /// The repr of the callback that it happened in.
    pub handle: Option<String>,
}

impl ExceptionContext {
    /// A context that only says what happened.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let context = asyncio::ExceptionContext::new("the disk is full");
    /// let event_loop = asyncio::get_running_loop();
    /// event_loop.set_exception_handler(|_, context| assert_eq!(context.message, "the disk is full"));
    /// event_loop.call_exception_handler(&context);
    /// # });
    /// ```
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            exception: None,
            task: None,
            future: None,
            handle: None,
        }
    }

    /// [`new`](Self::new) for this library: one function.
    #[cold]
    #[inline(never)]
    pub(crate) fn of(message: &str) -> Self {
        Self::new(message)
    }
}

impl LoopState {
    /// Ends the loop itself with a panic: Python's `KeyboardInterrupt`.
    pub(crate) fn interrupt(&self, panic: Panic) {
        self.interrupt.borrow_mut().get_or_insert(panic);
        self.is_interrupted.set(true);
    }

    pub(super) fn take_interrupt(&self) -> Option<Panic> {
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
                    ..context
                });
            }
            None => default_exception_handler(&context),
        }
    }
}

/// Runs something of the user's where nobody can be told of its panic: that is logged.
pub(crate) fn guarded(message: &str, run: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(run)) {
        tell_of(payload, message);
    }
}

#[cold]
#[inline(never)]
fn tell_of(payload: Box<dyn Any + Send>, message: &str) {
    let panic = Panic::new(payload);
    let running = this_thread::running();
    if let (Some(event_loop), true) = (&running, panic.is::<KeyboardInterrupt>()) {
        return event_loop.interrupt(panic);
    }
    let context = ExceptionContext {
        exception: Some(panic),
        ..ExceptionContext::of(message)
    };
    tell(running.as_ref(), context);
}

/// Has a loop report it, or logs what no loop is there for.
#[cold]
pub(crate) fn tell(event_loop: Option<&Rc<LoopState>>, context: ExceptionContext) {
    match event_loop {
        Some(event_loop) => event_loop.report(context),
        None => default_exception_handler(&context),
    }
}

pub(crate) const IN_DESTRUCTOR: &str = "Exception ignored in a destructor";

/// Drops something of the user's; its panic must keep nothing else from being dropped.
pub(crate) fn dropped<T>(what: T) {
    guarded(IN_DESTRUCTOR, || drop(what));
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

pub(crate) fn default_exception_handler(context: &ExceptionContext) {
    let mut text = context.message.clone();
    if let Some(handle) = &context.handle {
        diagnostics::add(&mut text, "\nhandle: ", handle);
    }
    if let Some(future) = &context.future {
        diagnostics::add(&mut text, "\nfuture: ", future);
    } else if let Some(task) = &context.task {
        diagnostics::add(&mut text, "\nfuture: ", &repr::task(&task.0));
    }
    if let Some(panic) = &context.exception {
        diagnostics::add(&mut text, "\nexception: ", panic.message());
    }
    diagnostics::error(format_args!("{text}"));
}
