//! What is waited for where no loop of ours looks: on other executors and threads, or while none runs.
//!
//! A thread sleeps for it in an epoll of its own, once there is need of it, and calls the wakers.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use super::{Edge, Home, lock};
use crate::event_loop::wake;

/// What the thread looks at.
pub(super) struct Elsewhere {
    pub(super) edge: Arc<Edge>,
    timers: Mutex<Timers>,
}

#[derive(Default)]
struct Timers {
    waiting: BTreeMap<(Instant, u64), Waker>,
    /// How many were made: tells those of one instant from each other.
    made: u64,
}

impl Elsewhere {
    /// The one there is.
    ///
    /// # Errors
    ///
    /// When there is no epoll or no thread to be had.
    pub(super) fn get() -> io::Result<Arc<Self>> {
        static ONE: Mutex<Option<Arc<Elsewhere>>> = Mutex::new(None);
        let mut one = lock(&ONE);
        if let Some(elsewhere) = &*one {
            return Ok(elsewhere.clone());
        }
        let elsewhere = Self::start()?;
        *one = Some(elsewhere.clone());
        Ok(elsewhere)
    }

    fn start() -> io::Result<Arc<Self>> {
        let elsewhere = Arc::new(Self {
            edge: Edge::new()?,
            timers: Mutex::default(),
        });
        let looking = elsewhere.clone();
        let thread = thread::Builder::new().name("asyncio".into());
        thread.spawn(move || looking.look())?;
        Ok(elsewhere)
    }

    fn look(&self) {
        let home = Home(self.edge.clone());
        loop {
            home.get_up();
            home.sleep(self.ring(Instant::now()));
        }
    }

    /// Wakes whose time has come by now; how long there is until the next.
    fn ring(&self, now: Instant) -> Option<Duration> {
        let due = {
            let waiting = &mut lock(&self.timers).waiting;
            let later = waiting.split_off(&(now, u64::MAX));
            std::mem::replace(waiting, later)
        };
        due.into_values().for_each(wake);
        let timers = lock(&self.timers);
        let (next, _) = timers.waiting.first_key_value()?.0;
        Some(next.saturating_duration_since(now))
    }
}

/// A timer for a future that no loop of ours runs.
#[derive(Debug)]
pub(crate) struct Timer {
    at: Instant,
    /// Which of that instant it is, once it waits.
    number: Option<u64>,
}

impl Timer {
    pub(crate) fn at(at: Instant) -> Self {
        Self { at, number: None }
    }
}

impl Future for Timer {
    type Output = ();

    /// # Panics
    ///
    /// When there is no thread to be had.
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let at = self.at;
        if Instant::now() >= at {
            return Poll::Ready(());
        }
        let elsewhere = Elsewhere::get().expect("a thread that waits for timers");
        let waker = cx.waker().clone();
        let mut timers = lock(&elsewhere.timers);
        let number = *self.number.get_or_insert_with(|| {
            timers.made += 1;
            timers.made
        });
        let old = timers.waiting.insert((at, number), waker);
        let first = timers.waiting.first_key_value();
        let is_first = first.is_some_and(|(first, _)| *first == (at, number));
        drop(timers);
        if is_first && old.is_none() {
            Waker::from(elsewhere.edge.bell.clone()).wake();
        }
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        if let Ok(elsewhere) = Elsewhere::get() {
            let waker = lock(&elsewhere.timers).waiting.remove(&(self.at, number));
            drop(waker);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::task::Wake;

    use super::*;

    struct Sends(Mutex<mpsc::Sender<&'static str>>, &'static str);

    impl Wake for Sends {
        fn wake(self: Arc<Self>) {
            let _ = lock(&self.0).send(self.1);
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "its thread stays")]
    fn timers_ring_in_the_order_in_which_they_are_due() {
        const HOUR: Duration = Duration::from_secs(3600);
        let (sender, rang) = mpsc::channel();
        let waker = |name| Waker::from(Arc::new(Sends(Mutex::new(sender.clone()), name)));
        let now = Instant::now();
        let polled = |hours, name| {
            let mut timer = Timer::at(now + hours * HOUR);
            let waker = waker(name);
            let polled = Pin::new(&mut timer).poll(&mut Context::from_waker(&waker));
            (timer, polled)
        };
        let (_late, late) = polled(4, "late");
        let (_soon, soon) = polled(2, "soon");
        let (dropped, _) = polled(1, "dropped");
        let (_past, past) = polled(0, "past");
        drop(dropped);
        assert_eq!(
            (late, soon, past),
            (Poll::Pending, Poll::Pending, Poll::Ready(()))
        );
        let elsewhere = Elsewhere::get().expect("it waits for timers");
        let rung = |hours| {
            elsewhere.ring(now + hours * HOUR);
            rang.try_iter().collect::<Vec<_>>()
        };
        assert!(rung(1).is_empty());
        assert_eq!(rung(3), ["soon"]);
        assert_eq!(rung(5), ["late"]);
    }
}
