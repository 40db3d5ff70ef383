//! A process that was started.

use std::fmt;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::io;
use std::panic::Location;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::child::Child;
use super::no_such_process;
use crate::streams::{StreamReader, StreamWriter};
use crate::tasks::called;
use crate::tasks::outside::outside_future;

/// A process that was started.
///
/// A handle: a clone is the same process. Dropping it leaves the process to itself; it is reaped
/// when it ends. Mirrors `asyncio.subprocess.Process`.
///
/// ```
/// # #[cfg(unix)]
/// # asyncio::run(async {
/// let process = asyncio::create_subprocess_exec("sleep", ["60"]).await?;
/// assert_eq!(process.returncode(), None);
/// process.kill()?;
/// assert_eq!(process.wait().await?, -9); // a signal's number, as in Python
/// # Ok::<(), std::io::Error>(())
/// # }).unwrap();
/// ```
#[derive(Clone)]
pub struct Process {
    state: Arc<State>,
}

struct State {
    pid: u32,
    stdin: Option<StreamWriter>,
    stdout: Option<StreamReader>,
    stderr: Option<StreamReader>,
    running: Mutex<Running>,
}

struct Running {
    child: Child,
    status: Option<ExitStatus>,
}

impl Process {
    /// What was just started; its outputs have lines as long as `limit`.
    pub(super) fn new(mut child: Child, limit: usize) -> Self {
        let stdin = child.stdin.take().map(StreamWriter::from_async_write);
        let stdout = child.stdout.take();
        let stdout = stdout.map(|stdout| StreamReader::with_limit(limit, stdout));
        let stderr = child.stderr.take();
        let stderr = stderr.map(|stderr| StreamReader::with_limit(limit, stderr));
        Self {
            state: Arc::new(State {
                pid: child.id(),
                stdin,
                stdout,
                stderr,
                running: Mutex::new(Running {
                    child,
                    status: None,
                }),
            }),
        }
    }

    fn running(&self) -> MutexGuard<'_, Running> {
        // Nothing panics while it holds the lock.
        let running = self.state.running.lock();
        running.unwrap_or_else(PoisonError::into_inner)
    }

    /// Its number.
    ///
    /// Mirrors `Process.pid`.
    ///
    /// ```
    /// # #[cfg(unix)]
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let process = asyncio::create_subprocess_shell("exit 0").await?;
    /// assert_ne!(process.pid(), std::process::id());
    /// process.wait().await?;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    pub fn pid(&self) -> u32 {
        self.state.pid
    }

    /// Its standard input, when that is a pipe.
    ///
    /// Mirrors `Process.stdin`.
    ///
    /// ```
    /// # #[cfg(unix)]
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let process = asyncio::create_subprocess_shell("read line; exit $line")
    ///     .stdin(std::process::Stdio::piped())
    ///     .await?;
    /// process.stdin().unwrap().write("3\n");
    /// assert_eq!(process.wait().await?, 3);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    pub fn stdin(&self) -> Option<&StreamWriter> {
        self.state.stdin.as_ref()
    }

    /// Its standard output, when that is a pipe.
    ///
    /// Mirrors `Process.stdout`.
    ///
    /// ```
    /// # #[cfg(unix)]
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let process = asyncio::create_subprocess_shell("echo hello")
    ///     .stdout(std::process::Stdio::piped())
    ///     .await?;
    /// assert_eq!(process.stdout().unwrap().readline().await?, b"hello\n");
    /// process.wait().await?;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    pub fn stdout(&self) -> Option<&StreamReader> {
        self.state.stdout.as_ref()
    }

    /// Its standard error, when that is a pipe.
    ///
    /// Mirrors `Process.stderr`.
    ///
    /// ```
    /// # #[cfg(unix)]
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let process = asyncio::create_subprocess_shell("echo oh >&2")
    ///     .stderr(std::process::Stdio::piped())
    ///     .await?;
    /// assert_eq!(process.stderr().unwrap().readline().await?, b"oh\n");
    /// process.wait().await?;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    pub fn stderr(&self) -> Option<&StreamReader> {
        self.state.stderr.as_ref()
    }

    /// What it returned, or minus the number of the signal that ended it; none while it runs.
    ///
    /// Mirrors `Process.returncode`.
    ///
    /// ```
    /// # #[cfg(unix)]
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let process = asyncio::create_subprocess_exec("cat", ["-"])
    ///     .stdin(std::process::Stdio::piped())
    ///     .await?;
    /// assert_eq!(process.returncode(), None);
    /// process.kill()?;
    /// process.wait().await?;
    /// assert_eq!(process.returncode(), Some(-9));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    pub fn returncode(&self) -> Option<i32> {
        self.poll_status().map(code)
    }

    fn poll_status(&self) -> Option<ExitStatus> {
        let mut running = self.running();
        if running.status.is_none() {
            // It is our own child: nothing can go wrong but that it is waited for elsewhere.
            running.status = running.child.try_status().ok().flatten();
        }
        running.status
    }

    /// Waits until it ends, and gives its [`returncode`](Self::returncode). Several may wait.
    ///
    /// With pipes that nobody reads, a process that writes much never ends: use
    /// [`communicate`](Self::communicate).
    ///
    /// # Errors
    ///
    /// When the system does not say how it ended.
    ///
    /// # Cancellation
    ///
    /// Raises, and leaves the process to itself.
    ///
    /// Mirrors `Process.wait`.
    ///
    /// ```
    /// # #[cfg(unix)]
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let process = asyncio::create_subprocess_shell("exit 3").await?;
    /// assert_eq!(process.wait().await?, 3);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    #[track_caller]
    pub fn wait(&self) -> impl Future<Output = io::Result<i32>> {
        called(Location::caller(), self.waiting())
    }

    pub(super) async fn waiting(&self) -> io::Result<i32> {
        if let Some(status) = self.poll_status() {
            return Ok(code(status));
        }
        let ended = self.running().child.status();
        let status = outside_future(ended).await?;
        self.running().status = Some(status);
        Ok(code(status))
    }

    /// Ends it with `SIGKILL`.
    ///
    /// # Errors
    ///
    /// Of the kind `NotFound` when it has ended already.
    ///
    /// Mirrors `Process.kill`.
    ///
    /// ```
    /// # #[cfg(unix)]
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let process = asyncio::create_subprocess_exec("cat", ["-"])
    ///     .stdin(std::process::Stdio::piped())
    ///     .await?;
    /// process.kill()?;
    /// assert_eq!(process.wait().await?, -9);
    /// assert!(process.kill().is_err());
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    pub fn kill(&self) -> io::Result<()> {
        self.check_running()?;
        self.running().child.kill()
    }

    /// Asks it to end, with `SIGTERM`; on Windows as [`kill`](Self::kill).
    ///
    /// # Errors
    ///
    /// As [`kill`](Self::kill).
    ///
    /// Mirrors `Process.terminate`.
    ///
    /// ```
    /// # #[cfg(unix)]
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let process = asyncio::create_subprocess_exec("cat", ["-"])
    ///     .stdin(std::process::Stdio::piped())
    ///     .await?;
    /// process.terminate()?;
    /// assert_eq!(process.wait().await?, -15);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    pub fn terminate(&self) -> io::Result<()> {
        #[cfg(unix)]
        return self.send_signal(crate::Signal::Term);
        #[cfg(not(unix))]
        return self.kill();
    }

    /// Sends it a signal; on Unix.
    ///
    /// # Errors
    ///
    /// As [`kill`](Self::kill).
    ///
    /// Mirrors `Process.send_signal`.
    ///
    /// ```
    /// # #[cfg(unix)]
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let process = asyncio::create_subprocess_exec("cat", ["-"])
    ///     .stdin(std::process::Stdio::piped())
    ///     .await?;
    /// process.send_signal(asyncio::Signal::Usr1)?;
    /// assert_eq!(process.wait().await?, -(asyncio::Signal::Usr1 as i32));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    #[cfg(unix)]
    pub fn send_signal(&self, signal: crate::Signal) -> io::Result<()> {
        self.running().child.send_signal(signal)
    }

    fn check_running(&self) -> io::Result<()> {
        match self.poll_status() {
            None => Ok(()),
            Some(_) => Err(no_such_process()),
        }
    }
}

fn code(status: ExitStatus) -> i32 {
    #[cfg(unix)]
    if let Some(signal) = std::os::unix::process::ExitStatusExt::signal(&status) {
        return -signal;
    }
    status.code().unwrap_or(-1)
}

impl PartialEq for Process {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.state, &other.state)
    }
}

impl Eq for Process {}

impl Hash for Process {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.state).hash(state);
    }
}

impl fmt::Debug for Process {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<Process {}>", self.pid())
    }
}
