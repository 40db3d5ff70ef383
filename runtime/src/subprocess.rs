//! Processes: `create_subprocess_exec` and `create_subprocess_shell`.
//!
//! Each is reaped when it ends, whether somebody waits for it or not; their pipes are streams.
//!
//! Mirrors `asyncio/subprocess.py`.

#[cfg_attr(not(unix), path = "subprocess/foreign.rs")]
mod child;

use std::ffi::OsStr;
use std::fmt;
use std::future::Future;
use std::hash::{Hash, Hasher};
use std::io;
use std::panic::Location;
use std::path::Path;
use std::pin::Pin;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::child::{Child, Command};
use crate::streams::{DEFAULT_LIMIT, StreamReader, StreamWriter, check_limit};
use crate::tasks::called;
use crate::tasks::outside::outside_future;

/// Starts a program with arguments.
///
/// The process has our standard input, output and error unless told otherwise; Python's
/// `stdin=PIPE` is `.stdin(Stdio::piped())`. It works off asyncio's loop too. Mirrors
/// `asyncio.create_subprocess_exec`.
///
/// # Errors
///
/// When the program is not found or cannot be started.
///
/// ```
/// # #[cfg(unix)]
/// # #[asyncio::main]
/// # async fn main() -> std::io::Result<()> {
/// use std::process::Stdio;
///
/// let process = asyncio::create_subprocess_exec("tr", ["a-z", "A-Z"])
///     .stdin(Stdio::piped())
///     .stdout(Stdio::piped())
///     .await?;
/// let (stdout, _) = process.communicate("loud").await?;
/// assert_eq!(stdout, b"LOUD");
/// assert_eq!(process.returncode(), Some(0));
/// # Ok(())
/// # }
/// # #[cfg(not(unix))]
/// # fn main() {}
/// ```
///
/// # Cancellation
///
/// The process is started in one step, which no cancellation comes between.
pub fn create_subprocess_exec<I>(program: impl AsRef<OsStr>, args: I) -> CreateSubprocess
where
    I: IntoIterator,
    I::Item: AsRef<OsStr>,
{
    let mut command = Command::new(program);
    command.args(args);
    CreateSubprocess::new(command)
}

/// Has the shell run a command: `/bin/sh -c` on Unix, `cmd /C` on Windows.
///
/// As [`create_subprocess_exec`] otherwise. What comes from elsewhere must be quoted: the shell
/// reads all of it. Mirrors `asyncio.create_subprocess_shell`.
///
/// ```
/// # #[cfg(unix)]
/// # #[asyncio::main]
/// # async fn main() -> std::io::Result<()> {
/// let process = asyncio::create_subprocess_shell("echo out; exit 3")
///     .stdout(std::process::Stdio::piped())
///     .await?;
/// let (stdout, _) = process.communicate("").await?;
/// assert_eq!((stdout.as_slice(), process.returncode()), (&b"out\n"[..], Some(3)));
/// # Ok(())
/// # }
/// # #[cfg(not(unix))]
/// # fn main() {}
/// ```
///
/// # Cancellation
///
/// As of [`create_subprocess_exec`].
pub fn create_subprocess_shell(command: impl AsRef<OsStr>) -> CreateSubprocess {
    let (shell, flag) = if cfg!(windows) {
        ("cmd", "/C")
    } else {
        ("/bin/sh", "-c")
    };
    create_subprocess_exec(shell, [OsStr::new(flag), command.as_ref()])
}

/// What [`create_subprocess_exec`] and [`create_subprocess_shell`] give: it is told more about the
/// process, and awaited.
#[derive(Debug)]
#[must_use = "the process is started when this is awaited"]
pub struct CreateSubprocess {
    command: Command,
    limit: usize,
}

impl CreateSubprocess {
    fn new(command: Command) -> Self {
        Self {
            command,
            limit: DEFAULT_LIMIT,
        }
    }

    /// What its standard input is: ours unless set.
    ///
    /// Mirrors `stdin=`.
    ///
    /// ```
    /// # #[cfg(unix)]
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let process = asyncio::create_subprocess_exec("cat", ["-"])
    ///     .stdin(std::process::Stdio::null())
    ///     .await?;
    /// assert_eq!(process.wait().await?, 0);
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    pub fn stdin(mut self, stdin: impl Into<Stdio>) -> Self {
        self.command.stdin(stdin);
        self
    }

    /// What its standard output is: ours unless set.
    ///
    /// Mirrors `stdout=`.
    ///
    /// ```
    /// # #[cfg(unix)]
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let process = asyncio::create_subprocess_shell("echo hello")
    ///     .stdout(std::process::Stdio::piped())
    ///     .await?;
    /// assert_eq!(process.communicate("").await?.0, b"hello\n");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    pub fn stdout(mut self, stdout: impl Into<Stdio>) -> Self {
        self.command.stdout(stdout);
        self
    }

    /// What its standard error is: ours unless set.
    ///
    /// Mirrors `stderr=`.
    ///
    /// ```
    /// # #[cfg(unix)]
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let process = asyncio::create_subprocess_shell("echo oh >&2")
    ///     .stderr(std::process::Stdio::piped())
    ///     .await?;
    /// assert_eq!(process.communicate("").await?.1, b"oh\n");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    pub fn stderr(mut self, stderr: impl Into<Stdio>) -> Self {
        self.command.stderr(stderr);
        self
    }

    /// Sets a variable of its environment.
    ///
    /// Mirrors `env=`.
    ///
    /// ```
    /// # #[cfg(unix)]
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let process = asyncio::create_subprocess_shell("echo $NAME")
    ///     .env("NAME", "ada")
    ///     .stdout(std::process::Stdio::piped())
    ///     .await?;
    /// assert_eq!(process.communicate("").await?.0, b"ada\n");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Starts it with an empty environment, but for what [`env`](Self::env) sets.
    ///
    /// ```
    /// # #[cfg(unix)]
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let process = asyncio::create_subprocess_shell("echo $NAME $HOME")
    ///     .env_clear()
    ///     .env("NAME", "ada")
    ///     .stdout(std::process::Stdio::piped())
    ///     .await?;
    /// assert_eq!(process.communicate("").await?.0, b"ada\n");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    pub fn env_clear(mut self) -> Self {
        self.command.env_clear();
        self
    }

    /// Sets its working directory: Python's `cwd=`.
    ///
    /// ```
    /// # #[cfg(unix)]
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let process = asyncio::create_subprocess_shell("pwd")
    ///     .current_dir("/")
    ///     .stdout(std::process::Stdio::piped())
    ///     .await?;
    /// assert_eq!(process.communicate("").await?.0, b"/\n");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    pub fn current_dir(mut self, path: impl AsRef<Path>) -> Self {
        self.command.current_dir(path);
        self
    }

    /// How long a line of its output may be: 64 KiB unless set.
    ///
    /// # Panics
    ///
    /// `Limit cannot be <= 0`.
    ///
    /// Mirrors `limit=`.
    ///
    /// ```
    /// # #[cfg(unix)]
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let process = asyncio::create_subprocess_shell("echo a long line")
    ///     .limit(4)
    ///     .stdout(std::process::Stdio::piped())
    ///     .await?;
    /// assert!(process.stdout().unwrap().readline().await.is_err());
    /// process.wait().await?;
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    #[track_caller]
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = check_limit(limit);
        self
    }

    fn spawn(mut self) -> io::Result<Process> {
        let mut child = child::spawn(&mut self.command).map_err(|error| {
            let program = self.command.get_program().to_string_lossy();
            io::Error::new(error.kind(), format!("cannot start {program:?}: {error}"))
        })?;
        let stdin = child.stdin.take().map(StreamWriter::from_async_write);
        let stdout = child.stdout.take();
        let stdout = stdout.map(|stdout| StreamReader::with_limit(self.limit, stdout));
        let stderr = child.stderr.take();
        let stderr = stderr.map(|stderr| StreamReader::with_limit(self.limit, stderr));
        Ok(Process {
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
        })
    }
}

/// A command of the standard library's, for what this one has no words for: a process group, a user,
/// what is done between fork and exec (`std::os::unix::process::CommandExt`). Python's
/// `start_new_session=`, `process_group=`, `user=`, `preexec_fn=`.
///
/// ```
/// # #[cfg(unix)]
/// # #[asyncio::main]
/// # async fn main() -> std::io::Result<()> {
/// use std::os::unix::process::CommandExt;
///
/// let mut command = std::process::Command::new("true");
/// command.process_group(0);
/// let process = asyncio::CreateSubprocess::from(command).await?;
/// assert_eq!(process.wait().await?, 0);
/// # Ok(())
/// # }
/// # #[cfg(not(unix))]
/// # fn main() {}
/// ```
impl From<std::process::Command> for CreateSubprocess {
    #[cfg_attr(
        unix,
        expect(clippy::useless_conversion, reason = "elsewhere it is none")
    )]
    fn from(command: std::process::Command) -> Self {
        Self::new(Command::from(command))
    }
}

impl IntoFuture for CreateSubprocess {
    type Output = io::Result<Process>;
    type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.spawn() })
    }
}

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

    async fn waiting(&self) -> io::Result<i32> {
        if let Some(status) = self.poll_status() {
            return Ok(code(status));
        }
        let ended = self.running().child.status();
        let status = outside_future(ended).await?;
        self.running().status = Some(status);
        Ok(code(status))
    }

    /// Writes `input`, reads both outputs to their ends, and waits for the process; what is not a
    /// pipe is left out. A process that does not read its input to the end is no error.
    ///
    /// # Errors
    ///
    /// When an output cannot be read.
    ///
    /// # Cancellation
    ///
    /// Raises, and leaves the process to itself; what was read so far is lost.
    ///
    /// Mirrors `Process.communicate`.
    ///
    /// ```
    /// # #[cfg(unix)]
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let process = asyncio::create_subprocess_exec("cat", ["-"])
    ///     .stdin(std::process::Stdio::piped())
    ///     .stdout(std::process::Stdio::piped())
    ///     .await?;
    /// let (stdout, stderr) = process.communicate("hello").await?;
    /// assert_eq!((stdout.as_slice(), stderr.as_slice()), (&b"hello"[..], &b""[..]));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    #[track_caller]
    pub fn communicate(
        &self,
        input: impl AsRef<[u8]>,
    ) -> impl Future<Output = io::Result<(Vec<u8>, Vec<u8>)>> {
        called(Location::caller(), self.communicating(input))
    }

    async fn communicating(&self, input: impl AsRef<[u8]>) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let feed = async {
            let Some(stdin) = self.stdin() else {
                return Ok(());
            };
            stdin.write(input);
            let fed = stdin.drain().await;
            stdin.close();
            match fed {
                Err(error) if !is_gone(&error) => Err(error),
                _ => Ok(()),
            }
        };
        let (fed, stdout, stderr) = together(feed, read(self.stdout()), read(self.stderr())).await;
        fed?;
        let outputs = (stdout?, stderr?);
        self.waiting().await?;
        Ok(outputs)
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

fn no_such_process() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the process has ended")
}

fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset};
    matches!(error.kind(), BrokenPipe | ConnectionReset)
}

async fn read(output: Option<&StreamReader>) -> io::Result<Vec<u8>> {
    match output {
        Some(output) => output.read_to_end().await,
        None => Ok(Vec::new()),
    }
}

/// All three at the same time, in place, so that they may borrow and be `Send`: a cancellation is
/// raised in one of them, and drops them all.
async fn together<A: Future, B: Future, C: Future>(
    a: A,
    b: B,
    c: C,
) -> (A::Output, B::Output, C::Output) {
    use std::task::Poll;
    let (mut a, mut b, mut c) = (std::pin::pin!(a), std::pin::pin!(b), std::pin::pin!(c));
    let mut done = (None, None, None);
    std::future::poll_fn(move |cx| {
        fn poll<F: Future>(
            future: Pin<&mut F>,
            done: &mut Option<F::Output>,
            cx: &mut std::task::Context<'_>,
        ) {
            if done.is_none() {
                if let Poll::Ready(value) = future.poll(cx) {
                    *done = Some(value);
                }
            }
        }
        poll(a.as_mut(), &mut done.0, cx);
        poll(b.as_mut(), &mut done.1, cx);
        poll(c.as_mut(), &mut done.2, cx);
        match (done.0.take(), done.1.take(), done.2.take()) {
            (Some(a), Some(b), Some(c)) => Poll::Ready((a, b, c)),
            some => {
                done = some;
                Poll::Pending
            }
        }
    })
    .await
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
