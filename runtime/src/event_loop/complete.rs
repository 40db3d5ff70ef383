//! A loop that runs until something is done.

use std::panic::Location;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use super::callback::Callback;
use super::handle::EventLoop;
use super::shutdown::Interrupted;
use super::this_thread;
use crate::contextvars;
use crate::exceptions::{CancelledError, Exception};
use crate::futures::{AwaitedHandle, handle_of};
use crate::tasks::{Main, Task, TaskRef};

const STOPPED: &str = "Event loop stopped before Future completed.";

impl EventLoop {
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
    /// - with the payload of a panic in `future`; with a [`CancelledError`]
    ///   when it was cancelled;
    /// - with a [`KeyboardInterrupt`](crate::KeyboardInterrupt) that another task or a callback
    ///   panicked with. A coroutine is cancelled, and its cleanup awaited, before that.
    ///
    /// ```
    /// let event_loop = asyncio::new_event_loop();
    /// let names = vec!["Ada", "Grace"];
    /// let count = event_loop.run_until_complete(async { names.len() }); // it borrows
    /// assert_eq!(count, 2);
    /// event_loop.close();
    /// ```
    #[track_caller]
    pub fn run_until_complete<F: IntoFuture>(&self, future: F) -> F::Output {
        self.check_runnable();
        let future = future.into_future();
        let is_handle = match handle_of(&future) {
            Some(handle) => {
                self.run_until_done(&handle);
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
            Interrupted::CancelsMain,
            &mut |_| (),
        ) {
            Ok(value) => value,
            Err(cancelled) => cancelled.panic(),
        }
    }

    /// Runs the loop for as long as it takes to run a coroutine that does nothing.
    #[track_caller]
    pub(crate) fn run_nothing(&self) {
        self.check_runnable();
        let nothing = std::future::ready(());
        let called_at = Location::caller();
        let ran = self.run_task(nothing, called_at, Interrupted::CancelsMain, &mut |_| ());
        if let Err(cancelled) = ran {
            cancelled.panic();
        }
    }

    /// [`run_until_complete`](Self::run_until_complete) of a handle, but for what it gives.
    #[track_caller]
    pub(super) fn run_until_done(&self, handle: &AwaitedHandle<'_>) {
        assert!(
            handle.belongs_to(&self.inner),
            "The future belongs to a different loop than the one that is to run it"
        );
        let stop = handle.on_done(self.stop_callback());
        let _remove = Defer(|| handle.remove_callback(stop));
        self.run(None);
        assert!(handle.is_done(), "{STOPPED}");
    }

    /// What stops the loop at the end of its iteration.
    pub(super) fn stop_callback(&self) -> Callback {
        let inner = Rc::downgrade(&self.inner);
        Callback::Call(Box::new(move || {
            if let Some(inner) = inner.upgrade() {
                inner.stopping.set(true);
            }
        }))
    }

    /// [`run_until_complete`](Self::run_until_complete), showing the main task to the caller, who
    /// also hears when it was cancelled.
    pub(crate) fn run_main<F: Future>(
        &self,
        future: F,
        called_at: &'static Location<'static>,
        context: &contextvars::Context,
        mut see: impl FnMut(&TaskRef),
    ) -> Result<F::Output, CancelledError> {
        self.check_runnable();
        let mut see = |main: &TaskRef| {
            main.core().set_context(context.clone());
            see(main);
        };
        self.run_task(future, called_at, Interrupted::CancelsAll, &mut see)
    }

    /// Only what depends on the type is here; the rest is [`run_on_stack`](Self::run_on_stack).
    fn run_task<F: Future>(
        &self,
        future: F,
        called_at: &'static Location<'static>,
        interrupted: Interrupted,
        see: &mut dyn FnMut(&TaskRef),
    ) -> Result<F::Output, CancelledError> {
        let mut body = Body::new(future);
        let main = Task::<()>::main::<F>(&self.inner, called_at);
        see(&main.erased());
        self.run_on_stack(&main, Main::new(&main, &mut body), interrupted)?;
        match body.value.take() {
            Some(value) => Ok(value),
            None => panic!("{STOPPED}"),
        }
    }

    fn run_on_stack(
        &self,
        main: &Task<()>,
        on_stack: Main<'_>,
        interrupted: Interrupted,
    ) -> Result<(), CancelledError> {
        let stop = main.core().add_callback(self.stop_callback());
        {
            let _leave = Defer(|| main.leave(&self.inner));
            let mut on_stack = on_stack;
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
            None => Ok(()),
        }
    }

    pub(super) fn run(&self, main: Option<&mut Main<'_>>) {
        self.inner.run(main);
        let interrupt = self.inner.take_interrupt();
        if let Some(panic) = interrupt {
            panic.resume();
        }
    }

    #[track_caller]
    pub(super) fn check_runnable(&self) {
        self.inner.check_open();
        match this_thread::running() {
            Some(running) if Rc::ptr_eq(&running, &self.inner) => {
                panic!("This event loop is already running")
            }
            Some(_) => panic!("Cannot run the event loop while another loop is running"),
            None => {}
        }
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
