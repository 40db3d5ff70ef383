//! CPython's side: a process that runs programs in batches.

use crate::fidelity::program::Program;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::{io, thread};

/// What a program did, event by event.
pub type Trace = Vec<String>;

/// The release whose scheduling is the reference.
const VERSION: &str = "3.13";

/// CPython, with its tasks in C and with those in Python.
///
/// The two schedule alike. Only, those in C give the message of a cancellation to the first who asks and
/// lose it then; so programs with messages are run by those in Python, in which that can be mended.
#[derive(Debug)]
pub struct Python {
    release: String,
    native: Interpreter,
    pure: Interpreter,
}

impl Python {
    /// The interpreter at `path`, or else the first of the right release that is found.
    ///
    /// # Errors
    /// When there is none.
    pub fn start(path: Option<&Path>) -> io::Result<Python> {
        let path = path.map_or_else(find, |path| Ok(path.to_owned()))?;
        let release =
            say(Command::new(&path)
                .args(["-c", "import platform; print(platform.python_version())"]));
        Ok(Python {
            release: release.unwrap_or_default(),
            native: Interpreter::new(&path, &[]),
            pure: Interpreter::new(&path, &["--pure"]),
        })
    }

    /// The same one, which has run nothing yet.
    pub fn afresh(&self) -> Python {
        Python {
            release: self.release.clone(),
            native: Interpreter::new(&self.native.path, self.native.arguments),
            pure: Interpreter::new(&self.pure.path, self.pure.arguments),
        }
    }

    /// Its release, as `3.13.0`.
    pub fn release(&self) -> &str {
        &self.release
    }

    /// The traces of `programs`.
    ///
    /// # Errors
    /// When the interpreter does not start, or has died.
    pub fn run(&mut self, programs: &[Program]) -> io::Result<Vec<Trace>> {
        let (pure, native): (Vec<&Program>, Vec<&Program>) =
            programs.iter().partition(|program| program.has_messages());
        let (mut pure, mut native) = (
            self.pure.run(&pure)?.into_iter(),
            self.native.run(&native)?.into_iter(),
        );
        let ours = |program: &Program| {
            if program.has_messages() {
                pure.next()
            } else {
                native.next()
            }
        };
        Ok(programs
            .iter()
            .map(ours)
            .map(|trace| trace.expect("one for each"))
            .collect())
    }

    /// The traces of `programs` by the tasks that are written in Python, whatever they hold.
    ///
    /// # Errors
    /// As [`run`](Python::run).
    pub fn run_pure(&mut self, programs: &[Program]) -> io::Result<Vec<Trace>> {
        self.pure.run(&programs.iter().collect::<Vec<_>>())
    }
}

/// One that runs `reference.py` once it is asked something.
#[derive(Debug)]
struct Interpreter {
    path: PathBuf,
    arguments: &'static [&'static str],
    running: Option<Running>,
}

impl Interpreter {
    fn new(path: &Path, arguments: &'static [&'static str]) -> Interpreter {
        Interpreter {
            path: path.to_owned(),
            arguments,
            running: None,
        }
    }

    fn run(&mut self, programs: &[&Program]) -> io::Result<Vec<Trace>> {
        if programs.is_empty() {
            return Ok(Vec::new());
        }
        if self.running.is_none() {
            self.running = Some(Running::start(&self.path, self.arguments)?);
        }
        let running = self.running.as_mut().expect("it was just started");
        running.run(programs)
    }
}

/// A running `reference.py`.
#[derive(Debug)]
struct Running {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Running {
    fn start(path: &Path, arguments: &[&str]) -> io::Result<Running> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("fidelity/reference.py");
        let mut process = Command::new(path)
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = process.stdin.take();
        let output = BufReader::new(process.stdout.take().expect("stdout is piped"));
        Ok(Running {
            process,
            input,
            output,
        })
    }

    fn run(&mut self, programs: &[&Program]) -> io::Result<Vec<Trace>> {
        let input = self.input.as_mut().expect("taken only by drop");
        let output = &mut self.output;
        thread::scope(|scope| {
            // The two pipes would block each other if one thread served both.
            let writer = scope.spawn(move || {
                for program in programs {
                    let line = serde_json::to_string(program)?;
                    writeln!(input, "{line}")?;
                }
                writeln!(input)?;
                input.flush()
            });
            let mut traces = Vec::with_capacity(programs.len());
            let mut line = String::new();
            for _ in programs {
                line.clear();
                output.read_line(&mut line)?;
                traces.push(serde_json::from_str(&line)?);
            }
            writer.join().expect("the writer does not panic")?;
            Ok(traces)
        })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.input.take());
        let _ = self.process.wait();
    }
}

/// An interpreter of the right release, on `PATH` or installed by `pyenv`.
fn find() -> io::Result<PathBuf> {
    let on_path = ["python3.13", "python3", "python"]
        .into_iter()
        .map(PathBuf::from);
    on_path
        .chain(pyenv())
        .find(|path| version(path).as_deref() == Some(VERSION))
        .ok_or_else(|| {
            let message = format!("no CPython {VERSION} on PATH or under pyenv; say --python PATH");
            io::Error::new(io::ErrorKind::NotFound, message)
        })
}

fn version(interpreter: &Path) -> Option<String> {
    say(Command::new(interpreter).args(["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]))
}

fn pyenv() -> impl Iterator<Item = PathBuf> {
    let versions = say(Command::new("pyenv").args(["versions", "--bare"])).unwrap_or_default();
    let versions: Vec<String> = versions
        .lines()
        .map(|line| line.trim().to_owned())
        .collect();
    versions
        .into_iter()
        .filter(|name| name.starts_with(VERSION))
        .filter_map(|name| say(Command::new("pyenv").args(["prefix", &name])))
        .map(|prefix| Path::new(&prefix).join("bin/python"))
}

/// The output of a command that succeeds.
fn say(command: &mut Command) -> Option<String> {
    let output = command
        .stderr(Stdio::null())
        .output()
        .ok()
        .filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim().to_owned())
}
