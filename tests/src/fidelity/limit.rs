//! Programs that must end in time.

use crate::fidelity::interpret::execute;
use crate::fidelity::program::Program;
use crate::fidelity::python::Trace;
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Real seconds a program may take; `reference.py` has the same limit.
const LIMIT: u64 = 20;

/// What the trace of a program ends with that takes longer.
const SPINS: &str = "has not ended after";

/// Whether the program took too long that left this trace.
pub fn spins(trace: &[String]) -> bool {
    trace.last().is_some_and(|line| line.contains(SPINS))
}

/// Our traces of `programs`.
///
/// One that spins has a trace that says so; its thread goes on as long as the process.
pub fn execute_all(programs: &[Program]) -> Vec<Trace> {
    let programs: Arc<[Program]> = programs.into();
    let mut traces = Vec::with_capacity(programs.len());
    while traces.len() < programs.len() {
        let (done, next) = channel();
        let (rest, from) = (programs.clone(), traces.len());
        thread::spawn(move || {
            for program in &rest[from..] {
                if done.send(execute(program)).is_err() {
                    return;
                }
            }
        });
        while traces.len() < programs.len() {
            let broken = match next.recv_timeout(Duration::from_secs(LIMIT)) {
                Ok(trace) => {
                    traces.push(trace);
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => format!("asyncio {SPINS} {LIMIT} s"),
                Err(RecvTimeoutError::Disconnected) => "asyncio crashed".to_owned(),
            };
            traces.push(vec![broken]);
            break;
        }
    }
    traces
}
