//! Time-outs: `timeout`, `timeout_at`, and `wait_for` on top of them.
//!
//! A time-out cancels the task that is in it, from a timer, and turns the cancellation into its
//! own error only if it was its own: it compares how many cancellations are asked for with how
//! many were when it was entered. Mirrors `asyncio/timeouts.py`.
//!
//! What is held across an await is [`Send`]: tasks and timers are known by their keys. Off
//! asyncio's loop there is no task to cancel; what runs out of time is dropped there.

mod wait_for;

use std::fmt;
use std::panic::Location;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::awaitables::{AsyncBlock, Block};
use crate::delay::Timeout as TimeoutDelay;
use crate::event_loop::callback::Callback;
use crate::event_loop::timers::TimerKey;
use crate::event_loop::{Clock, LoopState, this_thread, wake};
use crate::exceptions::{CancelledError, TimeoutError};
use crate::tasks::cancellation::{self, Catch, Frame};
use crate::tasks::{Called, Sleep, TaskKey, current, sleep};

pub use wait_for::{WaitFor, wait_for};

/// A time-out that a block runs under: what [`timeout`] hands to its closure.
///
/// A handle; mirrors `asyncio.Timeout`.
///
/// ```
/// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
/// let ended = asyncio::timeout(1, async |timeout| {
///     let now = asyncio::get_running_loop().time();
///     timeout.reschedule(Some(now + 10.0)); // it takes longer than we thought
///     asyncio::sleep(5).await;
///     timeout.expired()
/// });
/// assert_eq!(ended.await, Ok(false));
/// # });
/// ```
#[derive(Clone)]
pub struct Timeout {
    state: Arc<Mutex<TimeoutState>>,
}

struct TimeoutState {
    phase: Phase,
    when: Option<f64>,
    place: Place,
}

/// Where it was entered, and what is to happen when it runs out.
enum Place {
    Nowhere,
    /// In a task of asyncio's, which is cancelled.
    Task {
        task: TaskKey,
        /// `cancelling()` of the task when it was entered.
        cancelling: u32,
        /// What is beneath this is what it cancels.
        frame: Option<Frame>,
        alarm: Option<TimerKey>,
    },
    /// On another executor; this wakes it when the time-out is rescheduled.
    Elsewhere(Waker),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Created,
    Active,
    Expiring,
    Expired,
    Finished,
}

/// When a time-out is to run out, before it is entered.
#[derive(Clone, Copy)]
enum Deadline {
    Never,
    /// As many seconds after that.
    After(f64),
    At(f64),
}

impl Deadline {
    fn after(delay: Option<f64>) -> Self {
        delay.map_or(Self::Never, Self::After)
    }

    fn at(self, now: f64) -> Option<f64> {
        match self {
            Self::Never => None,
            Self::After(delay) => Some(now + delay),
            Self::At(when) => Some(when),
        }
    }
}

/// The time that time-outs go by: of the running loop, or else the real one.
fn now() -> f64 {
    this_thread::with_running(LoopState::time).unwrap_or_else(|| Clock::real().time())
}

impl Timeout {
    fn new() -> Self {
        Self {
            state: Arc::new(Mutex::new(TimeoutState {
                phase: Phase::Created,
                when: None,
                place: Place::Nowhere,
            })),
        }
    }

    /// Never locked while anything of the user's runs.
    fn state(&self) -> MutexGuard<'_, TimeoutState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn phase(&self) -> Phase {
        self.state().phase
    }

    /// The loop's time, in seconds, at which it ends; none for never.
    ///
    /// Mirrors `Timeout.when`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let _ = asyncio::timeout(1, async |cm| {
    ///     let now = asyncio::get_running_loop().time();
    ///     assert_eq!(cm.when(), Some(now + 1.0));
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn when(&self) -> Option<f64> {
        self.state().when
    }

    /// Whether it has run out.
    ///
    /// Mirrors `Timeout.expired`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let _ = asyncio::timeout(1, async |cm| {
    ///     assert!(!cm.expired());
    ///     let _ = asyncio::catch_cancelled(asyncio::sleep(2)).await;
    ///     assert!(cm.expired());
    /// })
    /// .await;
    /// # });
    /// ```
    pub fn expired(&self) -> bool {
        matches!(self.phase(), Phase::Expiring | Phase::Expired)
    }

    /// Ends at `when` on the loop's clock instead; never for `None`.
    ///
    /// Mirrors `Timeout.reschedule`.
    ///
    /// # Panics
    ///
    /// `Cannot change state of expiring Timeout`, and the like, once it has run out or its block
    /// has ended.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let slept = asyncio::timeout(None::<u32>, async |cm| {
    ///     let now = asyncio::get_running_loop().time();
    ///     cm.reschedule(Some(now + 1.0));
    ///     asyncio::sleep(2).await;
    /// })
    /// .await;
    /// assert_eq!(slept, Err(asyncio::TimeoutError));
    /// # });
    /// ```
    #[track_caller]
    pub fn reschedule(&self, when: Option<f64>) {
        let mut state = self.state();
        let phase = match state.phase {
            Phase::Active => {
                let waker = state.arm(self, when, None);
                drop(state);
                return waker.map_or((), wake);
            }
            Phase::Created => panic!("Timeout has not been entered"),
            Phase::Expiring => "expiring",
            Phase::Expired => "expired",
            Phase::Finished => "finished",
        };
        drop(state);
        panic!("Cannot change state of {phase} Timeout");
    }

    /// Mirrors `Timeout._on_timeout`.
    fn expire(&self) {
        let place = match &mut self.state().place {
            Place::Task {
                task, alarm, frame, ..
            } => {
                *alarm = None;
                Some((task.clone(), *frame))
            }
            _ => None,
        };
        if let Some((task, frame)) = place {
            if let Some(task) = task.task() {
                task.cancel_within(frame, CancelledError::new());
            }
        }
        self.state().phase = Phase::Expiring;
    }

    /// Mirrors `Timeout.__aenter__`. Called beneath the frame that catches its cancellation; true on another
    /// executor.
    fn enter(&self, cx: &Context<'_>, deadline: Deadline) -> bool {
        let in_task = current::with_task(|task| Place::Task {
            task: task.key(),
            cancelling: task.core().cancellation.requested(),
            frame: cancellation::current_frame(),
            alarm: None,
        });
        let is_elsewhere = !this_thread::is_running();
        let place = match in_task {
            _ if is_elsewhere => Place::Elsewhere(cx.waker().clone()),
            Some(in_task) => in_task,
            None => panic!("Timeout should be used inside a task"),
        };
        let now = if let Deadline::Never = deadline {
            0.0
        } else {
            now()
        };
        let when = deadline.at(now);
        let mut state = self.state();
        state.phase = Phase::Active;
        state.place = place;
        // Who is to be woken elsewhere is who enters, and polls anyway.
        let _ = state.arm(self, when, Some(now));
        is_elsewhere
    }

    /// Mirrors `Timeout.__aexit__`; true when a cancellation that was raised is this time-out's.
    fn exit(&self) -> bool {
        let (phase, place) = {
            let mut state = self.state();
            state.disarm();
            let phase = state.phase;
            state.phase = match phase {
                Phase::Active => Phase::Finished,
                Phase::Expiring => Phase::Expired,
                other => other,
            };
            (phase, std::mem::replace(&mut state.place, Place::Nowhere))
        };
        match (phase, place) {
            (
                Phase::Expiring,
                Place::Task {
                    task,
                    cancelling,
                    frame,
                    ..
                },
            ) => {
                let left = task.task().map(|task| {
                    let cancellation = &task.core().cancellation;
                    if let Some(frame) = frame {
                        cancellation.scope_ends(frame);
                    }
                    cancellation.uncancel()
                });
                left.is_some_and(|left| left <= cancelling)
            }
            _ => false,
        }
    }

    /// On another executor: what its `Under` waits for, besides its future.
    fn poll_elsewhere(&self, cx: &mut Context<'_>, alarm: &mut Elsewhere) -> Poll<()> {
        let mut waker = cx.waker().clone();
        let when = {
            let mut state = self.state();
            match &mut state.place {
                Place::Elsewhere(known) => std::mem::swap(known, &mut waker),
                _ => return Poll::Pending,
            }
            state.when
        };
        drop(waker);
        if alarm.when != when {
            alarm.when = when;
            alarm.sleep = when.map(|when| sleep((when - now()).max(f64::MIN_POSITIVE)));
        }
        match &mut alarm.sleep {
            Some(sleep) => Pin::new(sleep).poll(cx),
            None => Poll::Pending,
        }
    }
}

impl TimeoutState {
    /// Has it run out at `when`. On another executor this gives who is to be woken for that.
    fn arm(&mut self, this: &Timeout, when: Option<f64>, now: Option<f64>) -> Option<Waker> {
        self.disarm();
        self.when = when;
        let (task, alarm) = match &mut self.place {
            Place::Nowhere => return None,
            Place::Task { task, alarm, .. } => (task, alarm),
            Place::Elsewhere(waker) => return Some(waker.clone()),
        };
        *alarm = when.and_then(|when| {
            let this = this.clone();
            let expire = Callback::Call(Box::new(move || this.expire()));
            task.address().with(|event_loop| {
                if when <= now.unwrap_or_else(|| event_loop.time()) {
                    event_loop.insert_due_timer(expire)
                } else {
                    event_loop.insert_timer(when, expire)
                }
            })
        });
        None
    }

    fn disarm(&mut self) {
        if let Place::Task { task, alarm, .. } = &mut self.place {
            if let Some(key) = alarm.take() {
                task.address()
                    .with(|event_loop| event_loop.cancel_timer(key));
            }
        }
    }
}

impl fmt::Debug for Timeout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (phase, when) = {
            let state = self.state();
            (state.phase, state.when)
        };
        let name = match phase {
            Phase::Created => "created",
            Phase::Active => "active",
            Phase::Expiring => "expiring",
            Phase::Expired => "expired",
            Phase::Finished => "finished",
        };
        write!(f, "<Timeout [{name}]")?;
        match (phase, when) {
            (Phase::Active, Some(when)) => write!(f, " when={when:.3}")?,
            (Phase::Active, None) => f.write_str(" when=None")?,
            _ => {}
        }
        f.write_str(">")
    }
}

/// The timer of a time-out on another executor, and what it was set to.
#[derive(Default)]
struct Elsewhere {
    when: Option<f64>,
    sleep: Option<Sleep>,
}

pin_project_lite::pin_project! {
    /// A future under a time-out.
    struct Under<F> {
        timeout: Timeout,
        deadline: Deadline,
        is_entered: bool,
        catch: Catch,
        elsewhere: Option<Elsewhere>,
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
        if cancellation::is_held_back(cx) {
            return Poll::Pending;
        }
        let enters = !std::mem::replace(this.is_entered, true);
        let Some(future) = this.future.as_mut().as_pin_mut() else {
            panic!("a time-out was polled after it was done");
        };
        let polled = this.catch.poll(cx, |cx| {
            if enters && this.timeout.enter(cx, *this.deadline) {
                *this.elsewhere = Some(Elsewhere::default());
            }
            future.poll(cx)
        });
        let Poll::Ready(caught) = polled else {
            let Some(elsewhere) = this.elsewhere else {
                return Poll::Pending;
            };
            if this.timeout.poll_elsewhere(cx, elsewhere).is_pending() {
                return Poll::Pending;
            }
            this.future.set(None);
            *this.is_entered = false;
            this.timeout.state().phase = Phase::Expiring;
            this.timeout.exit();
            return Poll::Ready(Err(TimeoutError));
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

fn under<F>(timeout: Timeout, deadline: Deadline, future: F, called: Called) -> Under<F> {
    Under {
        timeout,
        deadline,
        is_entered: false,
        catch: Catch::at(called),
        elsewhere: None,
        future: Some(future),
    }
}

/// Runs a block, for `delay` at the longest; `None` never ends it.
///
/// This is Python's `async with asyncio.timeout(delay) as cm:`. The block is cancelled when the
/// time is over, and can clean up; that it was the time-out that ended it is the error this gives.
/// The closure may borrow.
///
/// It is [`Send`] when the block is, and works on other executors too: there the block is dropped
/// when its time is over, since nothing there can cancel it.
///
/// # Panics
///
/// `Invalid delay: NaN (not a number)`, when it is called; `Timeout should be used inside a task`, when it is awaited
/// in a callback of a loop.
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
#[track_caller]
pub fn timeout<T, B, R>(delay: impl TimeoutDelay, block: B) -> InTime<B, R>
where
    // What it gives is a type of its own here, so that the compiler tells once, and not twice, of what is no block.
    B: AsyncBlock<Timeout, T, Running = R>,
{
    InTime::new(
        Deadline::after(delay.as_timeout()),
        block,
        Location::caller(),
    )
}

/// As [`timeout()`], until the loop's clock says `when`.
///
/// Mirrors `asyncio.timeout_at`.
///
/// # Panics
///
/// As [`timeout()`].
///
/// # Cancellation
///
/// As [`timeout()`].
///
/// ```
/// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
/// let until = asyncio::get_running_loop().time() + 1.0;
/// let slept = asyncio::timeout_at(until, async |_| asyncio::sleep(2).await).await;
/// assert!(slept.is_err());
/// # });
/// ```
#[track_caller]
pub fn timeout_at<T, B, R>(when: impl Into<Option<f64>>, block: B) -> InTime<B, R>
where
    // What it gives is a type of its own here, so that the compiler tells once, and not twice, of what is no block.
    B: AsyncBlock<Timeout, T, Running = R>,
{
    let deadline = when.into().map_or(Deadline::Never, Deadline::At);
    InTime::new(deadline, block, Location::caller())
}

pin_project_lite::pin_project! {
    /// The future that [`timeout`] and [`timeout_at`] give: what the block gives, or a [`TimeoutError`] when its time
    /// was over.
    ///
    /// The block begins when this is first polled. It cannot be moved from then on, and is dropped with this.
    ///
    /// # Cancellation
    ///
    /// As of [`timeout`].
    #[must_use = "the block does not run until this is awaited"]
    pub struct InTime<B, R> {
        #[pin]
        under: Under<Block<Timeout, B, R>>,
    }
}

impl<B, R> InTime<B, R> {
    fn new<T>(deadline: Deadline, block: B, called: Called) -> Self
    where
        B: AsyncBlock<Timeout, T, Running = R>,
    {
        let timeout = Timeout::new();
        let block = Block::new(block, timeout.clone());
        let under = under(timeout, deadline, block, called);
        InTime { under }
    }
}

impl<B, R: Future> Future for InTime<B, R> {
    type Output = Result<R::Output, TimeoutError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.project().under.poll(cx)
    }
}

impl<B, R> fmt::Debug for InTime<B, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.under.timeout.fmt(f)
    }
}
