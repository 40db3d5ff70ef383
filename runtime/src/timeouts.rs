//! Time-outs: `timeout`, `timeout_at`, and `wait_for` on top of them.
//!
//! A time-out cancels the task that is in it, from a timer, and turns the cancellation into its
//! own error only if it was its own: it compares how many cancellations are asked for with how
//! many were when it was entered. Mirrors `asyncio/timeouts.py`.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::delay::Timeout as TimeoutDelay;
use crate::event_loop::ready::{Callback, HandleState, Ready};
use crate::event_loop::timers::TimerKey;
use crate::event_loop::{LoopState, context};
use crate::exceptions::{CancelledError, TimeoutError};
use crate::futures::{AwaitedHandle, handle_of};
use crate::tasks::TaskRef;
use crate::tasks::cancellation::{self, Catch};

/// A time-out that a block runs under: what [`timeout`] hands to its closure.
///
/// A handle; mirrors `asyncio.Timeout`.
#[derive(Clone)]
pub struct Timeout {
    state: Rc<TimeoutState>,
}

struct TimeoutState {
    phase: Cell<Phase>,
    when: Cell<Option<f64>>,
    task: RefCell<Option<(TaskRef, Rc<LoopState>)>>,
    /// `cancelling()` of the task when it was entered.
    cancelling: Cell<u32>,
    alarm: RefCell<Alarm>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Created,
    Active,
    Expiring,
    Expired,
    Finished,
}

#[derive(Default)]
enum Alarm {
    #[default]
    None,
    Timer(TimerKey),
    Soon(Rc<HandleState>),
}

impl Timeout {
    fn new(when: Option<f64>) -> Self {
        Self {
            state: Rc::new(TimeoutState {
                phase: Cell::new(Phase::Created),
                when: Cell::new(when),
                task: RefCell::default(),
                cancelling: Cell::new(0),
                alarm: RefCell::default(),
            }),
        }
    }

    /// The loop's time, in seconds, at which it ends; none for never.
    pub fn when(&self) -> Option<f64> {
        self.state.when.get()
    }

    /// Whether it has run out.
    pub fn expired(&self) -> bool {
        matches!(self.state.phase.get(), Phase::Expiring | Phase::Expired)
    }

    /// Ends at `when` on the loop's clock instead; never for `None`.
    ///
    /// # Panics
    ///
    /// `Cannot change state of expiring Timeout`, and the like, once it has run out or its block
    /// has ended.
    #[track_caller]
    pub fn reschedule(&self, when: Option<f64>) {
        let phase = match self.state.phase.get() {
            Phase::Active => return self.arm(when),
            Phase::Created => panic!("Timeout has not been entered"),
            Phase::Expiring => "expiring",
            Phase::Expired => "expired",
            Phase::Finished => "finished",
        };
        panic!("Cannot change state of {phase} Timeout");
    }

    fn arm(&self, when: Option<f64>) {
        let state = &self.state;
        state.when.set(when);
        self.disarm();
        let event_loop = match &*state.task.borrow() {
            Some((_, event_loop)) => event_loop.clone(),
            None => return,
        };
        let Some(when) = when else { return };
        let this = self.clone();
        let callback = Box::new(move || this.expire());
        *state.alarm.borrow_mut() = if when <= event_loop.time() {
            let soon = HandleState::new(callback);
            event_loop.push(Ready::Handle(soon.clone()));
            Alarm::Soon(soon)
        } else {
            Alarm::Timer(event_loop.insert_timer(when, Callback::Call(callback)))
        };
    }

    fn disarm(&self) {
        let alarm = self.state.alarm.take();
        match (alarm, &*self.state.task.borrow()) {
            (Alarm::Timer(key), Some((_, event_loop))) => event_loop.cancel_timer(key),
            (Alarm::Soon(soon), _) => drop(soon.take()),
            _ => {}
        }
    }

    /// Mirrors `Timeout._on_timeout`.
    fn expire(&self) {
        let task = self
            .state
            .task
            .borrow()
            .as_ref()
            .map(|(task, _)| task.clone());
        if let Some(task) = task {
            task.cancel(CancelledError::new());
        }
        self.state.phase.set(Phase::Expiring);
        drop(self.state.alarm.take());
    }

    /// Mirrors `Timeout.__aenter__`.
    #[track_caller]
    fn enter(&self) {
        let (Some(task), Some(event_loop)) = (context::current_task(), context::running()) else {
            panic!("Timeout should be used inside a task");
        };
        self.state.phase.set(Phase::Active);
        self.state
            .cancelling
            .set(task.core().cancellation.requested());
        *self.state.task.borrow_mut() = Some((task, event_loop));
        self.arm(self.when());
    }

    /// Mirrors `Timeout.__aexit__`; true when a cancellation that was raised is this time-out's.
    fn exit(&self) -> bool {
        self.disarm();
        let task = self.state.task.take();
        match self.state.phase.get() {
            Phase::Expiring => {
                self.state.phase.set(Phase::Expired);
                let left = task.map(|(task, _)| task.core().cancellation.uncancel());
                left.is_some_and(|left| left <= self.state.cancelling.get())
            }
            Phase::Active => {
                self.state.phase.set(Phase::Finished);
                false
            }
            _ => false,
        }
    }
}

impl fmt::Debug for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phase = match self.state.phase.get() {
            Phase::Created => "created",
            Phase::Active => "active",
            Phase::Expiring => "expiring",
            Phase::Expired => "expired",
            Phase::Finished => "finished",
        };
        write!(f, "<Timeout [{phase}]")?;
        if let (Phase::Active, Some(when)) = (self.state.phase.get(), self.when()) {
            write!(f, " when={when:.3}")?;
        }
        f.write_str(">")
    }
}

pin_project_lite::pin_project! {
    /// A future under a time-out.
    struct Under<F> {
        timeout: Timeout,
        is_entered: bool,
        catch: Catch,
        #[pin]
        future: Option<F>,
    }

    impl<F> PinnedDrop for Under<F> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if *this.is_entered {
                // Dropped, or unwound by a panic: a cancellation that is on its way is not ours
                // to catch any more.
                this.timeout.exit();
            }
        }
    }
}

impl<F: Future> Future for Under<F> {
    type Output = Result<F::Output, TimeoutError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if cancellation::in_flight() {
            return Poll::Pending;
        }
        if !*this.is_entered {
            this.timeout.enter();
            *this.is_entered = true;
        }
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            panic!("a time-out was polled after it was done");
        };
        let Poll::Ready(caught) = this.catch.poll(cx, |cx| future.poll(cx)) else {
            return Poll::Pending;
        };
        this.future.set(None);
        *this.is_entered = false;
        let is_ours = this.timeout.exit();
        match caught {
            Ok(value) => Poll::Ready(Ok(value)),
            Err(_) if is_ours => Poll::Ready(Err(TimeoutError)),
            Err(error) => cancellation::raise(cx, error),
        }
    }
}

fn under<F: Future>(timeout: Timeout, future: F) -> Under<F> {
    Under {
        timeout,
        is_entered: false,
        catch: Catch::default(),
        future: Some(future),
    }
}

/// Runs a block, for `delay` at the longest; `None` never ends it.
///
/// This is Python's `async with asyncio.timeout(delay) as cm:`. The block is cancelled when the
/// time is over, and can clean up; that it was the time-out that ended it is the error this gives.
/// The closure may borrow.
///
/// # Panics
///
/// `Timeout should be used inside a task`.
///
/// # Cancellation
///
/// A cancellation that is not the time-out's own passes through.
///
/// ```
/// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
/// let slept = asyncio::timeout(1, async |cm| {
///     asyncio::sleep(2).await;
/// })
/// .await;
/// assert_eq!(slept, Err(asyncio::TimeoutError));
/// # });
/// ```
pub async fn timeout<T>(
    delay: impl TimeoutDelay,
    block: impl AsyncFnOnce(Timeout) -> T,
) -> Result<T, TimeoutError> {
    let now = crate::get_running_loop().time();
    timeout_at(delay.as_timeout().map(|delay| now + delay), block).await
}

/// As [`timeout()`], until the loop's clock says `when`.
///
/// # Panics
///
/// As [`timeout()`].
///
/// # Cancellation
///
/// As [`timeout()`].
pub async fn timeout_at<T>(
    when: impl Into<Option<f64>>,
    block: impl AsyncFnOnce(Timeout) -> T,
) -> Result<T, TimeoutError> {
    let timeout = Timeout::new(when.into());
    under(timeout.clone(), async move { block(timeout).await }).await
}

/// Awaits `awaitable` in place, for `timeout` at the longest; `None` never ends it.
///
/// When the time is over `awaitable` is cancelled, and its cleanup awaited; if it suppresses the
/// cancellation and gives a value, that is the result. With no time at all, what is done already
/// gives its result, and a coroutine is not even begun. A [`Task`](crate::Task) that runs out of time is
/// cancelled. Mirrors `asyncio.wait_for` since Python 3.12.
///
/// # Panics
///
/// `Timeout should be used inside a task`.
///
/// # Cancellation
///
/// Cancels `awaitable`, awaits its cleanup, and raises.
///
/// ```
/// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
/// let answer = asyncio::wait_for(async { 42 }, 1).await;
/// assert_eq!(answer, Ok(42));
/// assert!(asyncio::wait_for(asyncio::sleep(2), 1).await.is_err());
/// # });
/// ```
pub async fn wait_for<F: IntoFuture>(
    awaitable: F,
    timeout: impl TimeoutDelay,
) -> Result<F::Output, TimeoutError> {
    let future = awaitable.into_future();
    let timeout = timeout.as_timeout();
    match timeout {
        Some(seconds) if seconds <= 0.0 => without_time(future).await,
        None => Ok(future.await),
        Some(seconds) => {
            let when = crate::get_running_loop().time() + seconds;
            under(Timeout::new(Some(when)), future).await
        }
    }
}

async fn without_time<F: Future>(future: F) -> Result<F::Output, TimeoutError> {
    let is_handle = match handle_of(&future) {
        Some(handle) => {
            if !handle.is_done() {
                cancel_and_wait(&handle).await;
                if handle.is_cancelled() {
                    return Err(TimeoutError);
                }
            }
            true
        }
        None => false,
    };
    if !is_handle {
        // CPython makes a task, cancels it before its first step, and waits for it. What may borrow
        // cannot be a task; another one takes its turns.
        drop(future);
        let stand_in = crate::create_task(async {});
        if let Some(handle) = handle_of(&stand_in) {
            cancel_and_wait(&handle).await;
        }
        return Err(TimeoutError);
    }
    Ok(future.await)
}

/// Mirrors `_cancel_and_wait`: waits for what was cancelled, whatever it gives, so that a
/// cancellation of who waits can be told from its own.
async fn cancel_and_wait(handle: &AwaitedHandle<'_>) {
    let waiter = crate::waiters::Waiter::new();
    let id = handle.on_done(Callback::Call(Box::new({
        let waiter = waiter.clone();
        move || {
            waiter.wake();
        }
    })));
    let _remove = Remove { handle, id };
    handle.cancel();
    waiter.wait().await;
}

struct Remove<'a> {
    handle: &'a AwaitedHandle<'a>,
    id: crate::futures::CallbackId,
}

impl Drop for Remove<'_> {
    fn drop(&mut self) {
        self.handle.remove_callback(self.id);
    }
}
