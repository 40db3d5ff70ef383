//! The leaves that need nothing but a task: one turn of the loop, and `sleep`.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use super::Wake;
use super::cancellation::{self, Suspended};
use crate::delay::{Delay, duration, seconds};
use crate::event_loop::ready::Callback;
use crate::event_loop::remote::Message;
use crate::event_loop::timers::TimerKey;
use crate::event_loop::{Address, Clock, context};

/// Suspends for `delay`; a zero or negative one gives up exactly one turn of the loop.
///
/// It is [`Send`] and runs off asyncio's loop too, on async-io's timers. Mirrors `asyncio.sleep`.
///
/// # Panics
///
/// `Invalid delay: NaN (not a number)`.
///
/// # Cancellation
///
/// Raises, and the timer is dropped.
///
/// ```
/// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
/// let start = asyncio::get_running_loop().time();
/// asyncio::sleep(1.5).await;
/// assert_eq!(asyncio::get_running_loop().time() - start, 1.5);
/// # });
/// ```
#[track_caller]
pub fn sleep(delay: impl Delay) -> Sleep {
    Sleep {
        delay: seconds(&delay),
        state: State::New,
        point: Suspended::default(),
        location: Location::caller(),
    }
}

/// Gives up one turn of the loop: Python's bare `yield`. It stands at its `.await`: the call is a
/// macro's.
pub(crate) fn turn() -> Turn {
    Turn(sleep(0.0))
}

#[must_use]
pub(crate) struct Turn(Sleep);

impl Future for Turn {
    type Output = ();

    #[inline]
    #[track_caller]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = &mut self.get_mut().0;
        sleep.location = Location::caller();
        Pin::new(sleep).poll(cx)
    }
}

/// The future that [`sleep`] gives.
#[must_use = "a sleep does nothing until it is awaited: write `await_!(asyncio::sleep(..))`"]
#[derive(Debug)]
pub struct Sleep {
    /// For how long; once there is a timer on a real clock, when that is due.
    delay: f64,
    state: State,
    point: Suspended,
    location: &'static Location<'static>,
}

#[derive(Debug)]
enum State {
    New,
    /// It gave up its turn.
    Turned,
    /// A timer of a loop of ours.
    Timer {
        address: Address,
        key: TimerKey,
        is_real: bool,
    },
    /// On another executor.
    Elsewhere(Box<async_io::Timer>),
    Done,
}

impl Sleep {
    fn start(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.delay <= 0.0 {
            cx.waker().wake_by_ref();
            self.state = State::Turned;
            return Poll::Pending;
        }
        if let Some(event_loop) = context::running() {
            let when = event_loop.time() + self.delay;
            let key = event_loop.insert_timer(when, Callback::Wake(Wake::of(cx)));
            let is_real = !event_loop.clock.is_virtual();
            if is_real {
                self.delay = when;
            }
            self.state = State::Timer {
                address: event_loop.address(),
                key,
                is_real,
            };
            return Poll::Pending;
        }
        let mut timer = Box::new(async_io::Timer::at(Instant::now() + duration(self.delay)));
        let polled = Pin::new(&mut *timer).poll(cx).map(|_| ());
        self.state = State::Elsewhere(timer);
        polled
    }

    fn poll_state(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &mut self.state {
            State::New => self.start(cx),
            State::Turned | State::Done => Poll::Ready(()),
            State::Elsewhere(timer) => Pin::new(&mut **timer).poll(cx).map(|_| ()),
            State::Timer {
                address,
                key,
                is_real,
            } => match address.upgrade() {
                Some(event_loop) if event_loop.has_timer(*key) => {
                    event_loop.rewake_timer(*key, cx);
                    Poll::Pending
                }
                Some(_) => Poll::Ready(()),
                None => {
                    // It moved to another thread, or its loop is gone: sleep the rest there. A
                    // virtual clock's rest means nothing elsewhere: then it begins anew.
                    if *is_real {
                        self.delay = (self.delay - Clock::real().time()).max(f64::MIN_POSITIVE);
                    }
                    self.state = State::New;
                    self.start(cx)
                }
            },
        }
    }

    fn stop(&mut self) {
        if let State::Timer { address, key, .. } = self.state {
            if let Some(event_loop) = address.upgrade() {
                event_loop.cancel_timer(key);
            } else {
                // It was dropped on another thread, or the loop is gone, which forgets by itself.
                let _ = address.send(Message::CancelTimer(key));
            }
        }
        self.state = State::Done;
    }
}

impl Future for Sleep {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        match this.poll_turn(cx) {
            Some(polled) => polled,
            None => this.poll_any(cx),
        }
    }
}

impl Sleep {
    /// One turn, in a task of ours that was never cancelled and polls this itself. Such a task is
    /// queued again at once, and so need not know of what it is suspended at more than the place.
    #[inline]
    fn poll_turn(&mut self, cx: &Context<'_>) -> Option<Poll<()>> {
        match self.state {
            State::New if self.delay <= 0.0 => {
                context::take_turn(cx.waker(), self.location)?;
                self.state = State::Turned;
                Some(Poll::Pending)
            }
            State::Turned if !cancellation::is_in_trouble() && !self.point.is_suspended() => {
                self.state = State::Done;
                Some(Poll::Ready(()))
            }
            _ => None,
        }
    }

    fn poll_any(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let this = self;
        if cancellation::is_held_back(cx) {
            return Poll::Pending;
        }
        if let Some(raised) = this.point.poll_raise(cx) {
            this.stop();
            return raised.map(|never| match never {});
        }
        let polled = this.poll_state(cx);
        if polled.is_ready() {
            this.point.leave();
            this.state = State::Done;
        } else {
            this.point.suspend(cx, Some(this.location), || None);
        }
        polled
    }
}

impl Drop for Sleep {
    #[inline]
    fn drop(&mut self) {
        if let State::Timer { .. } = self.state {
            self.stop();
        }
    }
}
