//! Compile-fail, fidelity and end-to-end tests of `asyncio`.

pub mod fidelity;
pub mod paired;

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;

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

/// What is logged while `act` runs, by this thread.
///
/// # Panics
/// When another logger is set.
pub fn logged(act: impl FnOnce()) -> String {
    thread_local! {
        static LINES: Mutex<String> = const { Mutex::new(String::new()) };
    }
    struct Collect;
    impl log::Log for Collect {
        fn enabled(&self, _: &log::Metadata<'_>) -> bool {
            true
        }

        fn log(&self, record: &log::Record<'_>) {
            LINES.with(|lines| {
                let mut lines = lines.lock().expect("one thread");
                lines.push_str(&record.args().to_string());
                lines.push('\n');
            });
        }

        fn flush(&self) {}
    }
    let _ = log::set_logger(&Collect);
    log::set_max_level(log::LevelFilter::Warn);
    LINES.with(|lines| lines.lock().expect("one thread").clear());
    act();
    LINES.with(|lines| lines.lock().expect("one thread").clone())
}
