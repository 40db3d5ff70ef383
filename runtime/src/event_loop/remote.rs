//! The way into a loop from other threads: what they may send, and the handle they send it by.

use std::fmt;
use std::panic::Location;

use super::address::Address;
use super::timers::OwnTimer;
use crate::diagnostics;
use crate::tasks::TaskKey;

pub(crate) enum Message {
    Wake(TaskKey),
    Call(Box<dyn FnOnce() + Send>),
    /// A leaf or frame was dropped elsewhere: the point of this number is the task's no more.
    Leave(TaskKey, std::num::NonZeroU64),
    /// So was a sleep.
    GiveBackTimer(OwnTimer),
}

/// A loop, as another thread may hold it: it takes callbacks from anywhere.
///
/// An [`EventLoop`](crate::EventLoop) belongs to its thread; this part of it is [`Send`].
///
/// ```
/// # asyncio::run(async {
/// let event_loop = asyncio::get_running_loop();
/// let remote = event_loop.remote();
/// let (sender, receiver) = futures::channel::oneshot::channel();
/// std::thread::spawn(move || {
///     remote.call_soon_threadsafe(move || sender.send(42).unwrap())
/// });
/// assert_eq!(receiver.await, Ok(42));
/// # });
/// ```
#[derive(Clone)]
pub struct RemoteLoop(pub(crate) Address);

impl RemoteLoop {
    /// Has the loop call `callback` in its next iteration, on its own thread.
    ///
    /// Mirrors `loop.call_soon_threadsafe`.
    ///
    /// # Errors
    ///
    /// When the loop is closed; the callback is dropped.
    ///
    /// ```
    /// let event_loop = asyncio::new_event_loop();
    /// let remote = event_loop.remote();
    /// event_loop.close();
    /// assert_eq!(remote.call_soon_threadsafe(|| {}), Err(asyncio::LoopClosed));
    /// ```
    #[track_caller]
    pub fn call_soon_threadsafe(
        &self,
        callback: impl FnOnce() + Send + 'static,
    ) -> Result<(), LoopClosed> {
        let called = Location::caller();
        let callback = Box::new(move || {
            diagnostics::runs_callback_of(called);
            callback();
        });
        self.0.send(Message::Call(callback)).map_err(|_| LoopClosed)
    }
}

impl fmt::Debug for RemoteLoop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<RemoteLoop>")
    }
}

/// A callback came for a loop that is closed.
///
/// ```
/// let event_loop = asyncio::new_event_loop();
/// let remote = event_loop.remote();
/// event_loop.close();
/// assert_eq!(remote.call_soon_threadsafe(|| ()).err(), Some(asyncio::LoopClosed));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoopClosed;

impl fmt::Display for LoopClosed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Event loop is closed")
    }
}

impl std::error::Error for LoopClosed {}
