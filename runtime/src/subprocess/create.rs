//! What is said of a process before it is started.

use std::ffi::OsStr;
use std::future::Future;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::process::Stdio;

use super::child::{self, Command};
use super::process::Process;
use crate::streams::{DEFAULT_LIMIT, check_limit};

/// What [`create_subprocess_exec`] and [`create_subprocess_shell`] give: it is told more about the
/// process, and awaited.
///
/// [`create_subprocess_exec`]: crate::create_subprocess_exec
/// [`create_subprocess_shell`]: crate::create_subprocess_shell
#[derive(Debug)]
#[must_use = "the process is started when this is awaited"]
pub struct CreateSubprocess {
    command: Command,
    limit: usize,
}

impl CreateSubprocess {
    pub(super) fn new(command: Command) -> Self {
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
        let child = child::spawn(&mut self.command).map_err(|error| {
            let program = self.command.get_program().to_string_lossy();
            io::Error::new(error.kind(), format!("cannot start {program:?}: {error}"))
        })?;
        Ok(Process::new(child, self.limit))
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
