//! Processes: `create_subprocess_exec` and `create_subprocess_shell`.
//!
//! - [`create`]: what is said of a process before it is started;
//! - [`process`]: one that was, and [`communicate`]: all of its input and output at once;
//! - [`child`]: how the system starts it, and tells of its end.
//!
//! Each is reaped when it ends, whether somebody waits for it or not; their pipes are streams.
//!
//! Mirrors `asyncio/subprocess.py`.

#[cfg_attr(not(unix), path = "subprocess/foreign.rs")]
mod child;
mod communicate;
mod create;
mod process;

use std::ffi::OsStr;
use std::io;

use child::Command;

pub use create::CreateSubprocess;
pub use process::Process;

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

fn no_such_process() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the process has ended")
}
