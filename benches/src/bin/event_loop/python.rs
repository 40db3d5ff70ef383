//! CPython's asyncio, and uvloop where it can be imported.

use std::path::PathBuf;
use std::process::Command;

use crate::workloads::WORKLOADS;

/// The workloads in Python.
const PROGRAM: &str = include_str!("python.py");

/// How much less a Python engine does at a time.
const LESS: u64 = 10;

/// An interpreter, and what it is told to run on.
pub(crate) struct Python {
    /// What it is called in the tables.
    pub(crate) name: &'static str,
    /// Its version, and the loop's.
    pub(crate) version: String,
    program: PathBuf,
    event_loop: &'static str,
}

impl Python {
    /// CPython and uvloop on the first interpreter, of `$PYTHON` and `python3` on the path, that has them.
    pub(crate) fn find() -> Vec<Python> {
        let candidates: Vec<PathBuf> = std::env::var_os("PYTHON")
            .map(PathBuf::from)
            .into_iter()
            .chain(["python3.13".into(), "python3".into()])
            .collect();
        let engine = |name, event_loop, tells: &str| {
            candidates.iter().find_map(|program| {
                let version = output(Command::new(program).args(["-c", tells]))?;
                Some(Python {
                    name,
                    version: version.trim().to_owned(),
                    program: program.clone(),
                    event_loop,
                })
            })
        };
        let plain = engine(
            "CPython asyncio",
            "asyncio",
            "import asyncio, platform; asyncio.run; print(platform.python_version())",
        );
        let uvloop = engine(
            "uvloop",
            "uvloop",
            "import uvloop; uvloop.run; print(uvloop.__version__)",
        );
        plain.into_iter().chain(uvloop).collect()
    }

    /// How much it does of a workload.
    pub(crate) fn n(workload: &str) -> Option<u64> {
        let found = WORKLOADS
            .iter()
            .find(|told| told.name == workload && told.name != "timers_1m")?;
        Some(match found.name {
            "timers_100k" => found.n,
            _ => found.n / LESS,
        })
    }

    /// Runs a workload.
    pub(crate) fn command(&self, workload: &str, n: u64, repeat: usize) -> Command {
        let mut command = Command::new(&self.program);
        command.args(["-c", PROGRAM, self.event_loop, workload]);
        command.args([n.to_string(), repeat.to_string()]);
        command
    }
}

fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    output.status.success().then_some(text)
}
