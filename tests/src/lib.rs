//! Compile-fail, fidelity and end-to-end tests of `asyncio`.

pub mod fidelity;
pub mod paired;

use std::cell::RefCell;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Runs `main` on a virtual clock.
pub fn virtually<F: Future>(main: F) -> F::Output {
    asyncio::Runner::new()
        .clock(asyncio::testing::Clock::virtual_clock())
        .run(main)
}

/// What `act` panics with.
///
/// # Panics
/// When it does not.
pub fn panics<T>(act: impl FnOnce() -> T) -> String {
    let Err(payload) = catch_unwind(AssertUnwindSafe(act)) else {
        panic!("it does not panic")
    };
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast_ref::<&str>().expect("a message")).to_owned(),
    }
}

thread_local! {
    static LOGGED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

/// The one logger of a process of tests, which run at the same time: each thread has its own lines.
struct Logger;

impl log::Log for Logger {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.target() == "asyncio"
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            let _ = LOGGED.try_with(|logged| logged.borrow_mut().push(record.args().to_string()));
        }
    }

    fn flush(&self) {}
}

/// What `act` gives, and what asyncio logged on this thread meanwhile.
pub fn logged<T>(act: impl FnOnce() -> T) -> (T, Vec<String>) {
    // Another test may have set it, but not yet the level.
    let _ = log::set_logger(&Logger);
    log::set_max_level(log::LevelFilter::Trace);
    LOGGED.take();
    let value = act();
    (value, LOGGED.take())
}

/// What asyncio logs on this thread while `act` runs, in lines.
pub fn log_of(act: impl FnOnce()) -> String {
    let ((), messages) = logged(act);
    messages
        .iter()
        .map(|message| format!("{message}\n"))
        .collect()
}
