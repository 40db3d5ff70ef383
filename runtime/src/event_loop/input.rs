//! What a loop calls when input comes or a signal does: `add_reader`, `add_signal_handler`; on
//! Unix.
//!
//! Mirrors `asyncio/selector_events.py` and `asyncio/unix_events.py`.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::rc::Rc;
use std::task::Poll;

use super::watches::WatchKey;
use super::{EventLoop, guarded};
#[cfg(feature = "signals")]
use crate::Signal;
#[cfg(feature = "signals")]
use crate::signals::{Arrivals, CtrlCTaken, Handled};
use crate::streams::socket::{Direction, Socket};

/// What a callback is called for: there is one callback for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Watched {
    Reader(RawFd),
    Writer(RawFd),
    #[cfg(feature = "signals")]
    Signal(Signal),
}

impl EventLoop {
    /// Has `callback` called whenever there is input to read from `fd`, until
    /// [`remove_reader`](Self::remove_reader); one that was there before is replaced.
    ///
    /// The loop watches a duplicate of the descriptor: who closes `fd` should remove the reader
    /// too. A panic in the callback is logged, and the loop goes on. Mirrors `loop.add_reader`; on
    /// Unix.
    ///
    /// # Errors
    ///
    /// When the descriptor cannot be watched: that of a file on disk, say.
    ///
    /// # Panics
    ///
    /// `Event loop is closed`.
    ///
    /// ```
    /// # use std::io::{Read, Write};
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let (mut ours, mut theirs) = std::os::unix::net::UnixStream::pair()?;
    /// let event_loop = asyncio::get_running_loop();
    /// let came = asyncio::Event::new();
    /// event_loop.add_reader(&ours, {
    ///     let came = came.clone();
    ///     move || came.set()
    /// })?;
    /// theirs.write_all(b"hello")?;
    /// came.wait().await;
    /// assert!(event_loop.remove_reader(&ours));
    /// let mut hello = [0; 5];
    /// ours.read_exact(&mut hello)?;
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn add_reader(&self, fd: &impl AsFd, callback: impl FnMut() + 'static) -> io::Result<()> {
        let watched = Watched::Reader(fd.as_fd().as_raw_fd());
        self.watch_descriptor(watched, fd, Direction::Read, callback)
    }

    /// Ends [`add_reader`](Self::add_reader); whether there was one.
    ///
    /// Mirrors `loop.remove_reader`; on Unix.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let (ours, _theirs) = std::os::unix::net::UnixStream::pair()?;
    /// let event_loop = asyncio::get_running_loop();
    /// event_loop.add_reader(&ours, || println!("input"))?;
    /// assert!(event_loop.remove_reader(&ours));
    /// assert!(!event_loop.remove_reader(&ours));
    /// # Ok(())
    /// # }
    /// ```
    pub fn remove_reader(&self, fd: &impl AsFd) -> bool {
        self.unwatch(Watched::Reader(fd.as_fd().as_raw_fd()))
    }

    /// Has `callback` called whenever there is room to write to `fd`, until
    /// [`remove_writer`](Self::remove_writer). As [`add_reader`](Self::add_reader) otherwise.
    ///
    /// # Errors
    ///
    /// As [`add_reader`](Self::add_reader).
    ///
    /// # Panics
    ///
    /// `Event loop is closed`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let (ours, _theirs) = std::os::unix::net::UnixStream::pair()?;
    /// let event_loop = asyncio::get_running_loop();
    /// let has_room = asyncio::Event::new();
    /// event_loop.add_writer(&ours, {
    ///     let has_room = has_room.clone();
    ///     move || has_room.set()
    /// })?;
    /// has_room.wait().await;
    /// event_loop.remove_writer(&ours);
    /// # Ok(())
    /// # }
    /// ```
    #[track_caller]
    pub fn add_writer(&self, fd: &impl AsFd, callback: impl FnMut() + 'static) -> io::Result<()> {
        let watched = Watched::Writer(fd.as_fd().as_raw_fd());
        self.watch_descriptor(watched, fd, Direction::Write, callback)
    }

    /// Ends [`add_writer`](Self::add_writer); whether there was one.
    ///
    /// Mirrors `loop.remove_writer`; on Unix.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let (ours, _theirs) = std::os::unix::net::UnixStream::pair()?;
    /// let event_loop = asyncio::get_running_loop();
    /// event_loop.add_writer(&ours, || println!("room"))?;
    /// assert!(event_loop.remove_writer(&ours));
    /// assert!(!event_loop.remove_writer(&ours));
    /// # Ok(())
    /// # }
    /// ```
    pub fn remove_writer(&self, fd: &impl AsFd) -> bool {
        self.unwatch(Watched::Writer(fd.as_fd().as_raw_fd()))
    }

    /// Has `callback` called in the loop whenever the process gets `signal`, until
    /// [`remove_signal_handler`](Self::remove_signal_handler); one that was there before is
    /// replaced.
    ///
    /// While there is a handler for [`Signal::Int`], Ctrl-C is its own to handle, and
    /// [`run`](crate::run) does not take it. Mirrors `loop.add_signal_handler`; on Unix.
    ///
    /// # Errors
    ///
    /// Of the kind `InvalidInput` for a signal that cannot be caught.
    ///
    /// # Panics
    ///
    /// `Event loop is closed`.
    ///
    /// ```
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let event_loop = asyncio::get_running_loop();
    /// let stop = asyncio::Event::new();
    /// event_loop.add_signal_handler(asyncio::Signal::Term, {
    ///     let stop = stop.clone();
    ///     move || stop.set()
    /// })?;
    /// # asyncio::create_subprocess_shell(format!("kill {}", std::process::id())).await?;
    /// stop.wait().await; // until somebody says `kill`
    /// # Ok(())
    /// # }
    /// ```
    #[cfg(feature = "signals")]
    #[track_caller]
    pub fn add_signal_handler(
        &self,
        signal: Signal,
        mut callback: impl FnMut() + 'static,
    ) -> io::Result<()> {
        self.inner.check_open();
        if let Signal::Kill | Signal::Stop | Signal::Ill | Signal::Fpe | Signal::Segv = signal {
            let message = format!("{signal:?} cannot be caught");
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        // In this order, in which the signal's handler does what each asks for: the loop may have removed
        // its own by the time that it knows of an arrival.
        let handled = Handled::new(signal)?;
        let arrivals = Arrivals::new(signal)?;
        let taken = (signal == Signal::Int).then(CtrlCTaken::new);
        let key = self.inner.watch(move |cx| {
            let _held = (&handled, &taken);
            std::task::ready!(arrivals.poll_next(cx));
            guarded("Exception in callback", &mut callback);
            Poll::Ready(())
        });
        self.name_watch(Watched::Signal(signal), key);
        Ok(())
    }

    /// Ends [`add_signal_handler`](Self::add_signal_handler); whether there was one. When no loop
    /// handles the signal any more it does what it does by default, which for many is to end the
    /// process; Ctrl-C is [`run`](crate::run)'s again.
    ///
    /// Mirrors `loop.remove_signal_handler`.
    ///
    /// ```
    /// # #[cfg(unix)]
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let event_loop = asyncio::get_running_loop();
    /// event_loop.add_signal_handler(asyncio::Signal::Usr1, || println!("SIGUSR1"))?;
    /// assert!(event_loop.remove_signal_handler(asyncio::Signal::Usr1));
    /// assert!(!event_loop.remove_signal_handler(asyncio::Signal::Usr1));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    #[cfg(feature = "signals")]
    pub fn remove_signal_handler(&self, signal: Signal) -> bool {
        self.unwatch(Watched::Signal(signal))
    }

    #[track_caller]
    fn watch_descriptor(
        &self,
        watched: Watched,
        fd: &impl AsFd,
        direction: Direction,
        mut callback: impl FnMut() + 'static,
    ) -> io::Result<()> {
        self.inner.check_open();
        // One that is watched by something else too cannot be watched again itself.
        let own = Socket::<OwnedFd>::of_the_loop(fd.as_fd().try_clone_to_owned()?)?;
        let waiting = OutsideWait::new(self);
        let key = self.inner.watch(move |cx| {
            let _waiting = &waiting;
            match own.poll_again(direction, cx) {
                Poll::Pending => Poll::Pending,
                // An error shows itself to the callback, when it reads or writes.
                Poll::Ready(_) => {
                    guarded("Exception in callback", &mut callback);
                    Poll::Ready(())
                }
            }
        });
        self.name_watch(watched, key);
        Ok(())
    }

    fn name_watch(&self, watched: Watched, key: WatchKey) {
        let old = self.inner.watches.rename(watched, key);
        if let Some(old) = old {
            self.inner.unwatch(old);
        }
    }

    fn unwatch(&self, watched: Watched) -> bool {
        let key = self.inner.watches.unname(watched);
        key.is_some_and(|key| self.inner.unwatch(key))
    }
}

/// Input is waited for: a virtual clock does not jump until this is dropped.
struct OutsideWait(std::rc::Weak<super::LoopState>);

impl OutsideWait {
    fn new(event_loop: &EventLoop) -> Self {
        event_loop.inner.add_outside_wait();
        Self(Rc::downgrade(&event_loop.inner))
    }
}

impl Drop for OutsideWait {
    fn drop(&mut self) {
        if let Some(event_loop) = self.0.upgrade() {
            event_loop.remove_outside_wait();
        }
    }
}
