//! What CPython printed, and how it is compared.

use std::path::{Path, PathBuf};
use std::process::Command;

use regex_lite::{Captures, Regex};
use similar::TextDiff;

use crate::programs::{executable, terminal_output};

/// The Python programs.
pub fn python() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("python")
}

/// The recording of the Python program `name`: its first line says which CPython made it, the rest is
/// what that printed.
pub fn recording(name: &str) -> (String, String) {
    let path = python().join("recorded").join(name).with_extension("txt");
    let text = std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}\n`python3 examples/python/record.py {name}` makes it",
            path.display()
        )
    });
    let (heading, printed) = text.split_once('\n').expect("a recording has a heading");
    (heading.to_owned(), printed.to_owned())
}

/// Runs the example `name` and compares its output with the recording, line by line.
///
/// It runs on the virtual clock, unless the Python program says that it runs in real time; with
/// `ASYNCIO_CLOCK=real` in the environment it really sleeps.
///
/// # Panics
///
/// If they differ, with the difference.
pub fn assert_prints_what_cpython_printed(name: &str) {
    let (heading, expected) = recording(name);
    let program = std::fs::read_to_string(python().join(name).with_extension("py"));
    let is_real = program
        .expect("a recorded program")
        .contains(" in real time.\n\"\"\"");
    let clock = std::env::var("ASYNCIO_CLOCK").unwrap_or_else(|_| {
        let clock = if is_real { "real" } else { "virtual" };
        clock.to_owned()
    });
    let (status, shown) = terminal_output(
        Command::new(executable(name))
            .env("ASYNCIO_CLOCK", clock)
            .env_remove("ASYNCIO_DEBUG"),
    );
    assert!(
        status.success(),
        "{name} ended with {status}, after it had printed:\n{shown}"
    );

    let actual = meaning(&shown);
    let diff = TextDiff::from_lines(&expected, &actual);
    assert!(
        expected == actual,
        "{name} prints something else than {heading}:\n{}",
        diff.unified_diff().header("CPython", "Rust"),
    );
}

/// The output without what differs from run to run and between the languages.
///
/// The same rules are applied to what the Python programs print: see `meaning` in `python/record.py`.
pub fn meaning(shown: &str) -> String {
    // Of a slow task, the coroutine and the tenths of a second: not its line, nor what of the event
    // loop is in its repr.
    let slow_task = Regex::new(r"(coro=<\w+\(\)) .* (took \d+\.\d)\d*").unwrap();
    let shown = slow_task.replace_all(shown, "$1 ...> $2");
    // A time of day becomes the seconds since the first one that is shown.
    let mut first = None;
    let elapsed = |time: &Captures| {
        let seconds = time[0]
            .split(':')
            .fold(0, |total, part| total * 60 + part.parse::<i32>().unwrap());
        let first = *first.get_or_insert(seconds);
        format!("+{} s", (seconds - first).rem_euclid(86400))
    };
    let time_of_day = Regex::new(r"\b\d\d:\d\d:\d\d\b").unwrap();
    time_of_day.replace_all(&shown, elapsed).into_owned()
}

#[cfg(test)]
mod tests {
    use super::meaning;

    #[test]
    fn a_slow_task_is_compared_by_its_coroutine_and_its_tenths_of_a_second() {
        let line = "Executing <Task pending name='Task-1' coro=<f() running at src/f.rs:9> cb=[g()]> took 3.001 seconds";
        assert_eq!(
            meaning(line),
            "Executing <Task pending name='Task-1' coro=<f() ...> took 3.0 seconds"
        );
    }

    #[test]
    fn times_of_day_are_compared_by_what_lies_between_them() {
        assert_eq!(meaning("23:59:59\n00:00:01 x\n"), "+0 s\n+2 s x\n");
    }
}
