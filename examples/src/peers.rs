//! The other end of a connection, in a process of its own: an example, or its Python side.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::OnceLock;

use crate::recordings::python;

/// The oldest Python that runs the peers in `python/`.
const OLDEST: &str = "(3, 8)";

/// An interpreter that runs the peers, if one is found; else a line says that a test is left out.
pub fn interpreter() -> Option<&'static PathBuf> {
    static FOUND: OnceLock<Option<PathBuf>> = OnceLock::new();
    let found = FOUND.get_or_init(|| {
        let names = ["python3.13", "python3", "python"];
        names.into_iter().find_map(|name| {
            let script =
                format!("import sys; sys.version_info >= {OLDEST} and print(sys.executable)");
            let output = Command::new(name).args(["-c", &script]).output().ok()?;
            let path = String::from_utf8(output.stdout).ok()?.trim().to_owned();
            (output.status.success() && !path.is_empty()).then(|| PathBuf::from(path))
        })
    });
    if found.is_none() {
        println!("left out: no Python of {OLDEST} or newer is found");
    }
    found.as_ref()
}

/// The command that runs the Python program `name`.
pub fn python_program<A: AsRef<OsStr>>(
    name: &str,
    args: impl IntoIterator<Item = A>,
) -> Option<Command> {
    let mut command = Command::new(interpreter()?);
    command
        .arg(python().join(name).with_extension("py"))
        .args(args);
    Some(command)
}

/// A server that runs; it is killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Running {
    /// Starts the server.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdout = BufReader::new(child.stdout.take().expect("it is piped"));
        Running { child, stdout }
    }

    /// Where it serves, as it says in a line.
    ///
    /// # Panics
    ///
    /// If it says something else.
    pub fn address(&mut self) -> SocketAddr {
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("a line");
        let address = line.trim_end().strip_prefix("serving on ");
        address
            .and_then(|address| address.parse().ok())
            .unwrap_or_else(|| panic!("no address: {line:?}"))
    }

    /// Sends `SIGTERM` and waits for the end of it; with what it has said since.
    ///
    /// # Panics
    ///
    /// If that cannot be done.
    #[cfg(unix)]
    pub fn terminate(mut self) -> (ExitStatus, String) {
        use rustix::process::{Pid, Signal, kill_process};
        kill_process(Pid::from_child(&self.child), Signal::TERM).expect("it runs");
        let mut said = String::new();
        self.stdout.read_to_string(&mut said).expect("text");
        (self.child.wait().expect("our child"), said)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
