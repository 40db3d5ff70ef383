//! The leaves that need nothing but a task: one turn of the loop, and `sleep`.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use super::cancellation::{self, Suspended};
use super::{Wake, current};
use crate::delay::{Delay, duration, seconds};
use crate::event_loop::remote::Message;
use crate::event_loop::timers::OwnTimer;
use crate::event_loop::{Address, Clock, LoopState, driver, this_thread};

/// Suspends for `delay`; a zero or negative one gives up exactly one turn of the loop.
///
/// It is [`Send`] and runs off asyncio's loop too, on any executor. Mirrors `asyncio.sleep`.
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
        state: State::New(seconds(&delay)),
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
    state: State,
    point: Suspended,
    location: &'static Location<'static>,
}

#[derive(Debug)]
enum State {
    /// For how long.
    New(f64),
    /// It gave up its turn.
    Turned,
    /// A timer of the loop of the task that this is suspended in, and its [`Rest`].
    Timer(OwnTimer, Rest),
    /// On another executor, or in no task.
    Elsewhere(Box<Elsewhere>),
    Done,
}

#[derive(Debug)]
enum Elsewhere {
    Executor(driver::Timer),
    /// In a callback of a loop of ours.
    Callback(Address, OwnTimer, Rest),
}

/// When a timer is due; less than zero on a virtual clock, of which it is for how long.
type Rest = f64;

impl OwnTimer {
    fn start(event_loop: &LoopState, delay: f64, cx: &Context<'_>) -> (Self, Rest) {
        let when = event_loop.time() + delay;
        let is_virtual = event_loop.clock.is_virtual();
        let rest = if is_virtual { -delay } else { when };
        (event_loop.insert_own_timer(when, Wake::of(cx)), rest)
    }

    /// Pending while it waits, if its loop runs here.
    fn poll(&self, address: Address, cx: &Context<'_>) -> Option<Poll<()>> {
        let is_waiting = this_thread::with_running(|running| {
            let is_here = address.is_of(running);
            is_here.then(|| running.waits_for_timer(self, cx))
        });
        is_waiting.flatten().map(|is_waiting| match is_waiting {
            true => Poll::Pending,
            false => Poll::Ready(()),
        })
    }

    fn stop(self, address: Address) {
        let mut own = Some(self);
        let give_back = |event_loop: &LoopState| event_loop.give_back_timer(own.take()?);
        // What it was to wake is dropped when nothing of the loop is looked at any more.
        let stage = address.with(give_back);
        drop(stage);
        if let Some(own) = own {
            // It was dropped on another thread, or the loop is gone, which forgets by itself.
            let _ = address.send(Message::GiveBackTimer(own));
        }
    }
}

impl Sleep {
    fn start(&mut self, delay: f64, cx: &mut Context<'_>) -> Poll<()> {
        if delay <= 0.0 {
            cx.waker().wake_by_ref();
            self.state = State::Turned;
            return Poll::Pending;
        }
        let started = this_thread::with_running(|event_loop| {
            let (timer, rest) = OwnTimer::start(event_loop, delay, cx);
            (timer, rest, event_loop.address())
        });
        if let Some((timer, rest, address)) = started {
            // In a task, that is where this is about to be suspended, and leads to the loop.
            self.state = match current::with_task(|task| task.event_loop() == address) {
                Some(true) => State::Timer(timer, rest),
                _ => State::Elsewhere(Box::new(Elsewhere::Callback(address, timer, rest))),
            };
            return Poll::Pending;
        }
        let timer = driver::Timer::at(Instant::now() + duration(delay));
        self.state = State::Elsewhere(Box::new(Elsewhere::Executor(timer)));
        self.poll_state(None, cx)
    }

    /// `address` is that of the loop of the task that this is suspended in.
    fn poll_state(&mut self, address: Option<Address>, cx: &mut Context<'_>) -> Poll<()> {
        let polled = match &mut self.state {
            State::New(delay) => {
                let delay = *delay;
                return self.start(delay, cx);
            }
            State::Turned | State::Done => return Poll::Ready(()),
            State::Timer(timer, _) => address.and_then(|address| timer.poll(address, cx)),
            State::Elsewhere(elsewhere) => match &mut **elsewhere {
                Elsewhere::Executor(timer) => return Pin::new(timer).poll(cx).map(|_| ()),
                Elsewhere::Callback(address, timer, _) => timer.poll(*address, cx),
            },
        };
        if polled == Some(Poll::Pending) {
            return Poll::Pending;
        }
        match (polled, self.stop(address)) {
            (Some(polled), _) => polled,
            (None, None) => Poll::Ready(()),
            // It moved to another thread or loop, or its loop is gone: it sleeps the rest here. What is left
            // on a virtual clock means nothing elsewhere: then it begins anew.
            (None, Some(rest)) => {
                let left = if rest < 0.0 {
                    -rest
                } else {
                    (rest - Clock::real().time()).max(f64::MIN_POSITIVE)
                };
                self.start(left, cx)
            }
        }
    }

    /// Gives the timer back, if there is one; its [`Rest`].
    fn stop(&mut self, address: Option<Address>) -> Option<Rest> {
        let (timer, rest, address) = match std::mem::replace(&mut self.state, State::Done) {
            State::Timer(timer, rest) => (timer, rest, address?),
            State::Elsewhere(elsewhere) => match *elsewhere {
                Elsewhere::Callback(address, timer, rest) => (timer, rest, address),
                Elsewhere::Executor(_) => return None,
            },
            State::New(_) | State::Turned | State::Done => return None,
        };
        timer.stop(address);
        Some(rest)
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
            State::New(delay) if delay <= 0.0 => {
                current::take_turn(cx.waker(), self.location)?;
                self.turn_to(State::Turned);
                Some(Poll::Pending)
            }
            State::Turned if !cancellation::is_in_trouble() && !self.point.is_suspended() => {
                self.turn_to(State::Done);
                Some(Poll::Ready(()))
            }
            _ => None,
        }
    }

    /// From a state in which there is nothing to be dropped, which the compiler does not see.
    #[inline]
    fn turn_to(&mut self, state: State) {
        debug_assert!(matches!(self.state, State::New(_) | State::Turned));
        std::mem::forget(std::mem::replace(&mut self.state, state));
    }

    #[inline(never)]
    fn poll_any(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let this = self;
        if cancellation::is_held_back(cx) {
            return Poll::Pending;
        }
        // Asked for before what tells it is left.
        let address = this.point.address();
        if let Some(raised) = this.point.poll_raise(cx) {
            this.stop(address);
            return raised.map(|never| match never {});
        }
        let polled = this.poll_state(address, cx);
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
        #[cold]
        fn stop(sleep: &mut Sleep) {
            sleep.stop(sleep.point.address());
        }
        if let State::Timer(..) | State::Elsewhere(_) = self.state {
            stop(self);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_sleep_takes_five_words() {
        assert_eq!(size_of::<State>(), 16);
        assert_eq!(size_of::<Sleep>(), 40);
    }

    fn context() -> Context<'static> {
        Context::from_waker(std::task::Waker::noop())
    }

    /// Of whichever of a loop's tasks, of none, and of another loop: the timer that it leaves is given back.
    #[test]
    fn a_sleep_goes_on_wherever_it_is_polled() {
        let clock = crate::testing::Clock::virtual_clock;
        let timers = || this_thread::with_running(|it| it.timer_slots());
        crate::Runner::new().clock(clock()).run(async {
            let event_loop = crate::get_running_loop();
            let mut sleep = crate::sleep(10);
            assert!(Pin::new(&mut sleep).poll(&mut context()).is_pending());
            assert_eq!(timers(), Some(1));
            crate::sleep(4).await;
            let begun = event_loop.time();
            crate::create_task(sleep).await;
            assert_eq!(event_loop.time() - begun, 6.0);
            assert_eq!(timers(), Some(0));
        });
        // In a callback, which is no task, and then in one.
        crate::Runner::new().clock(clock()).run(async {
            let (send, receive) = (crate::Future::new(), crate::Future::new());
            receive.add_done_callback({
                let send = send.clone();
                move |_| {
                    let mut sleep = crate::sleep(3);
                    assert!(Pin::new(&mut sleep).poll(&mut context()).is_pending());
                    send.set_result(sleep);
                }
            });
            receive.set_result(());
            let event_loop = crate::get_running_loop();
            let begun = event_loop.time();
            let sleep: Sleep = send.await;
            assert_eq!(timers(), Some(1));
            sleep.await;
            assert_eq!(event_loop.time() - begun, 3.0);
            assert_eq!(timers(), Some(0));
        });
        // In one loop, and then in another.
        let mut sleep = crate::sleep(5);
        let first = crate::new_event_loop();
        first.run_until_complete(async {
            assert!(Pin::new(&mut sleep).poll(&mut context()).is_pending());
            assert_eq!(timers(), Some(1));
        });
        crate::Runner::new().clock(clock()).run(async {
            let polled = std::future::poll_fn(|cx| {
                let polled = Pin::new(&mut sleep).poll(cx);
                Poll::Ready(polled)
            });
            assert!(polled.await.is_pending());
            assert_eq!((timers(), first.inner.timer_slots()), (Some(1), 0));
            drop(sleep);
            assert_eq!(timers(), Some(0));
        });
    }

    #[test]
    fn a_sleep_that_is_dropped_elsewhere_gives_its_timer_back() {
        let mut sleep = crate::sleep(3600);
        let event_loop = crate::new_event_loop();
        event_loop.run_until_complete(async {
            assert!(Pin::new(&mut sleep).poll(&mut context()).is_pending());
        });
        assert_eq!(event_loop.inner.timer_slots(), 1);
        std::thread::spawn(move || drop(sleep))
            .join()
            .expect("it drops");
        event_loop.run_until_complete(crate::sleep(0));
        assert_eq!(event_loop.inner.timer_slots(), 0);
    }
}
