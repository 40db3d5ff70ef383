//! What callers of `call_soon` and `call_later` have in hand: by it the callback is cancelled.

use std::fmt;
use std::rc::Weak;

use super::LoopState;
use super::scheduled::Cancels;

/// A callback that [`call_soon`](crate::EventLoop::call_soon) will call: it can be cancelled.
///
/// Dropping the handle does not cancel the callback. Mirrors `asyncio.Handle`.
///
/// ```
/// # asyncio::run(async {
/// let event_loop = asyncio::get_running_loop();
/// let handle = event_loop.call_soon(|| unreachable!("it is cancelled"));
/// handle.cancel();
/// asyncio::sleep(0).await;
/// assert!(handle.cancelled());
/// # });
/// ```
#[derive(Clone)]
pub struct Handle(pub(super) Cancels);

impl Handle {
    /// Has the callback never called; a second time, and after the call, it does nothing.
    ///
    /// Mirrors `Handle.cancel`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let handle = asyncio::get_running_loop().call_soon(|| panic!("it is not called"));
    /// handle.cancel();
    /// asyncio::sleep(0).await;
    /// # });
    /// ```
    pub fn cancel(&self) {
        self.0
            .cancel(|| unreachable!("it was made without a deadline"));
    }

    /// Whether [`cancel`](Self::cancel) was called.
    ///
    /// Mirrors `Handle.cancelled`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let handle = asyncio::get_running_loop().call_soon(|| {});
    /// assert!(!handle.cancelled());
    /// handle.cancel();
    /// assert!(handle.cancelled());
    /// # });
    /// ```
    pub fn cancelled(&self) -> bool {
        self.0.is_cancelled()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.cancelled() {
            "<Handle cancelled>"
        } else {
            "<Handle>"
        })
    }
}

/// A callback that [`call_later`](crate::EventLoop::call_later) or [`call_at`](crate::EventLoop::call_at) will
/// call: it can be cancelled.
///
/// Dropping the handle does not cancel the callback. Mirrors `asyncio.TimerHandle`.
#[derive(Clone)]
pub struct TimerHandle {
    /// Weak: it does not keep its loop alive.
    pub(super) event_loop: Weak<LoopState>,
    pub(super) callback: Cancels,
    pub(super) when: f64,
}

impl TimerHandle {
    /// Has the callback never called; a second time, and after the call, it does nothing.
    ///
    /// Mirrors `TimerHandle.cancel`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let timer = asyncio::get_running_loop().call_later(1, || panic!("it is not called"));
    /// timer.cancel();
    /// asyncio::sleep(2).await;
    /// # });
    /// ```
    pub fn cancel(&self) {
        self.callback.cancel(|| {
            if let Some(event_loop) = self.event_loop.upgrade() {
                event_loop.timer_is_cancelled();
            }
        });
    }

    /// Whether [`cancel`](Self::cancel) was called.
    ///
    /// Mirrors `TimerHandle.cancelled`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let timer = asyncio::get_running_loop().call_later(1, || {});
    /// assert!(!timer.cancelled());
    /// timer.cancel();
    /// assert!(timer.cancelled());
    /// # });
    /// ```
    pub fn cancelled(&self) -> bool {
        self.callback.is_cancelled()
    }

    /// The loop's time, in seconds, at which the callback is due.
    ///
    /// Mirrors `TimerHandle.when`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let event_loop = asyncio::get_running_loop();
    /// let timer = event_loop.call_at(5.0, || {});
    /// assert_eq!(timer.when(), 5.0);
    /// # });
    /// ```
    pub fn when(&self) -> f64 {
        self.when
    }
}

impl fmt::Debug for TimerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cancelled = if self.cancelled() { "cancelled " } else { "" };
        write!(f, "<TimerHandle {cancelled}when={}>", self.when)
    }
}
