//! A process that was started, as Unix knows it.
//!
//! A thread of its own waits for each, as CPython's `ThreadedChildWatcher` does: so it is reaped
//! whether anybody asks for it or not, on every Unix, and `SIGCHLD` is left to the program.

use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::process::{self, ExitStatus};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use futures_io::{AsyncRead, AsyncWrite};
use slab::Slab;

use super::no_such_process;
use crate::Signal;
use crate::event_loop::wake;
use crate::streams::socket::Socket;

pub(super) use std::process::Command;

/// What the thread that waits needs.
const STACK: usize = 64 * 1024;

/// A process that was started.
pub(super) struct Child {
    pub(super) stdin: Option<Pipe>,
    pub(super) stdout: Option<Pipe>,
    pub(super) stderr: Option<Pipe>,
    pid: u32,
    waited: Arc<Waited>,
}

/// Starts a process.
pub(super) fn spawn(command: &mut Command) -> io::Result<Child> {
    let waited = Arc::new(Waited(Mutex::new(State {
        process: command.spawn()?,
        status: None,
        waiting: Slab::new(),
    })));
    let made = Child::new(&waited);
    if made.is_err() {
        // Nobody gets to know of it.
        let mut state = waited.state();
        let _ = state.process.kill().and_then(|()| state.process.wait());
    }
    made
}

impl Child {
    fn new(waited: &Arc<Waited>) -> io::Result<Self> {
        let mut state = waited.state();
        let process = &mut state.process;
        let child = Self {
            pid: process.id(),
            stdin: process.stdin.take().map(Pipe::new).transpose()?,
            stdout: process.stdout.take().map(Pipe::new).transpose()?,
            stderr: process.stderr.take().map(Pipe::new).transpose()?,
            waited: waited.clone(),
        };
        let (pid, waited) = (child.pid, waited.clone());
        let reaper = thread::Builder::new().name(format!("waitpid-{}", child.pid));
        let reap = Box::new(move || waited.reap(pid));
        crate::os_thread::start(reaper.stack_size(STACK), reap)?;
        Ok(child)
    }

    pub(super) fn id(&self) -> u32 {
        self.pid
    }

    /// How it ended, when it has.
    pub(super) fn try_status(&mut self) -> io::Result<Option<ExitStatus>> {
        let mut state = self.waited.state();
        match state.status {
            Some(status) => status.map(Some).map_err(io::Error::from),
            // The thread may not have come to it yet.
            None => state.process.try_wait(),
        }
    }

    /// Waits until it ends.
    pub(super) fn status(&mut self) -> impl Future<Output = io::Result<ExitStatus>> + use<> {
        let mut place = Place {
            waited: self.waited.clone(),
            key: None,
        };
        poll_fn(move |cx| place.poll(cx))
    }

    /// Sends it a signal; its number is its own until it was reaped, which takes the same lock.
    ///
    /// # Errors
    ///
    /// Of the kind `NotFound` when it has ended already.
    pub(super) fn send_signal(&mut self, signal: Signal) -> io::Result<()> {
        let mut state = self.waited.state();
        match state.process.try_wait()? {
            Some(_) => Err(no_such_process()),
            None => send(state.process.id(), signal),
        }
    }

    /// Ends it.
    pub(super) fn kill(&mut self) -> io::Result<()> {
        self.waited.state().process.kill()
    }
}

/// An end of a pipe to or from a process.
pub(super) struct Pipe(Socket<File>);

impl Pipe {
    fn new(end: impl Into<OwnedFd>) -> io::Result<Self> {
        Socket::new(File::from(end.into())).map(Self)
    }
}

impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_input(cx, |mut end| end.read(into))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_output(cx, |mut end| end.write(data))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// It closes when it is dropped.
    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// What the thread and those who wait share.
struct Waited(Mutex<State>);

struct State {
    process: process::Child,
    status: Option<Result<ExitStatus, io::ErrorKind>>,
    waiting: Slab<Waker>,
}

/// A place among those who wait, given up when it is dropped.
struct Place {
    waited: Arc<Waited>,
    key: Option<usize>,
}

impl Waited {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it holds the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits without the lock and without taking the number from the process; then takes both.
    fn reap(&self, pid: u32) {
        wait_for_end(pid);
        let mut state = self.state();
        let status = state.process.wait();
        state.status = Some(status.map_err(|error| error.kind()));
        let waiting = std::mem::take(&mut state.waiting);
        drop(state);
        waiting.into_iter().for_each(|(_, waker)| wake(waker));
    }
}

/// Waits until a child of this process has ended, and leaves it to be reaped.
fn wait_for_end(pid: u32) {
    let options = libc::WEXITED | libc::WNOWAIT;
    loop {
        let mut told = std::mem::MaybeUninit::<libc::siginfo_t>::uninit();
        // SAFETY: there is room for what it tells, which nobody reads.
        let waited = unsafe { libc::waitid(libc::P_PID, pid, told.as_mut_ptr(), options) };
        // Any other error says that somebody else has reaped it, and so does the next call.
        if waited == 0 || io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            return;
        }
    }
}

/// Sends a signal to a process that has not been reaped.
fn send(pid: u32, signal: Signal) -> io::Result<()> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| no_such_process())?;
    // SAFETY: it takes numbers alone.
    match unsafe { libc::kill(pid, signal as i32) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

impl Place {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<ExitStatus>> {
        // Before the lock is taken: a waker may be anybody's.
        let waker = cx.waker().clone();
        let mut state = self.waited.state();
        if let Some(status) = state.status {
            return Poll::Ready(status.map_err(io::Error::from));
        }
        let old = match self.key {
            Some(key) => Some(std::mem::replace(&mut state.waiting[key], waker)),
            None => {
                self.key = Some(state.waiting.insert(waker));
                None
            }
        };
        drop(state);
        drop(old);
        Poll::Pending
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(key) = self.key {
            // None is there when it was woken.
            let waker = self.waited.state().waiting.try_remove(key);
            drop(waker);
        }
    }
}
