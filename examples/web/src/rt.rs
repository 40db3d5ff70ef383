//! What hyper asks a runtime for.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use hyper::rt::{Executor, Sleep, Timer};
use services::duplex::Duplex;
use smol_hyper::rt::FuturesIo;

/// A connection, as hyper takes it.
pub type Socket = FuturesIo<Duplex>;

/// Runs what hyper wants to be done in the background as tasks of the loop.
///
/// hyper's futures need not be `Send` for that, and neither need the service nor its bodies.
#[derive(Clone, Copy, Debug)]
pub struct LoopExecutor;

impl<F> Executor<F> for LoopExecutor
where
    F: Future<Output: 'static> + 'static,
{
    fn execute(&self, future: F) {
        asyncio::create_task(future);
    }
}

/// Lets hyper's time-outs sleep on the loop, and so on its clock, be it a virtual one.
#[derive(Clone, Copy, Debug)]
pub struct LoopTimer;

impl Timer for LoopTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        Box::pin(LoopSleep(Mutex::new(Box::pin(asyncio::sleep(duration)))))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        self.sleep(deadline.saturating_duration_since(Instant::now()))
    }
}

/// hyper's timers are `Sync`, so this is too; nobody ever waits for the lock.
struct LoopSleep(Mutex<Pin<Box<asyncio::Sleep>>>);

impl Future for LoopSleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        sleep.as_mut().poll(cx)
    }
}

impl Sleep for LoopSleep {}
