//! What paired programs are run with: a virtual clock, and `log`, which says in which turn it was called.

use std::cell::RefCell;
use std::fmt::Write;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;

thread_local! {
    /// The first iteration that logged, and what was logged.
    static LOGGED: RefCell<(Option<u64>, String)> = const { RefCell::new((None, String::new())) };
}

/// Adds a line: the loop's iteration, counted from the first line, its time and `what`.
pub fn log(what: impl std::fmt::Display) {
    let iteration = asyncio::testing::iteration();
    let time = asyncio::get_running_loop().time();
    LOGGED.with_borrow_mut(|(first, text)| {
        let turn = iteration - *first.get_or_insert(iteration);
        let _ = writeln!(text, "{turn} {time} {what}");
    });
}

/// Python's way to write a `bool`.
pub fn py(truth: bool) -> &'static str {
    if truth { "True" } else { "False" }
}

/// Runs `main` on a virtual clock; what it logs, and whether it was interrupted, must be what CPython printed for `tests/paired/NAME.py`.
///
/// # Panics
/// When it is not, or `main` panics.
pub fn check<T>(name: &str, main: impl Future<Output = T>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("paired")
        .join(name)
        .with_extension("out");
    let expected = std::fs::read_to_string(&path).unwrap_or_else(|error| {
        panic!(
            "{}: {error}; record it with paired/record.py",
            path.display()
        )
    });
    LOGGED.take();
    let runner = asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock());
    // As in Python's `with Runner()`, the shutdown belongs to it.
    let ended = catch_unwind(AssertUnwindSafe(move || runner.run(main)));
    let (_, mut text) = LOGGED.take();
    match ended {
        Ok(_) => {}
        Err(payload) if payload.is::<asyncio::KeyboardInterrupt>() => {
            text.push_str("KeyboardInterrupt\n");
        }
        Err(payload) => resume_unwind(payload),
    }
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (theirs, ours) = (lines(&expected), lines(&text));
    if theirs != ours {
        panic!(
            "\n{}",
            crate::fidelity::compare::side_by_side("CPython", &theirs, "asyncio", &ours)
        );
    }
}

/// A test named like the Python program it is the other half of.
#[macro_export]
macro_rules! paired {
    ($name:ident, $main:expr) => {
        #[test]
        fn $name() {
            $crate::paired::check(stringify!($name), $main);
        }
    };
}

/// `log`, with arguments as `format!` takes them.
#[macro_export]
macro_rules! log {
    ($($argument:tt)*) => { $crate::paired::log(format_args!($($argument)*)) };
}
