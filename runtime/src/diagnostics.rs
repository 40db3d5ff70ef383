//! What asyncio says of the programs it runs: to the logger named `asyncio`, or to standard error
//! when the program set no logger.

use std::cell::Cell;
use std::fmt;
use std::panic::Location;

use log::Level;

const LOGGER: &str = "asyncio";

/// Python's `logger.error`.
pub(crate) fn error(message: fmt::Arguments<'_>) {
    say(Level::Error, message);
}

/// Python's `logger.warning`.
pub(crate) fn warn(message: fmt::Arguments<'_>) {
    say(Level::Warn, message);
}

/// Python's `logger.debug`; without a logger it is not said.
#[cfg(feature = "tls")]
pub(crate) fn debug(message: fmt::Arguments<'_>) {
    log::debug!(target: LOGGER, "{message}");
}

fn say(level: Level, message: fmt::Arguments<'_>) {
    if log::max_level() == log::LevelFilter::Off {
        // No logger was set: as Python's handler of last resort does.
        eprintln!("{message}");
    } else {
        log::log!(target: LOGGER, level, "{message}");
    }
}

/// Appends a value that is text, with what is before it.
#[cold]
#[inline(never)]
pub(crate) fn add(text: &mut String, before: &str, value: &str) {
    text.push_str(before);
    text.push_str(value);
}

thread_local! {
    /// Where the callback was handed over that ran last.
    static CALLBACK_OF: Cell<Option<&'static Location<'static>>> = const { Cell::new(None) };
}

/// A callback of the program's runs, which was handed over there.
#[inline]
pub(crate) fn runs_callback_of(place: &'static Location<'static>) {
    let _ = CALLBACK_OF.try_with(|of| of.set(Some(place)));
}

/// A callback runs that may be nobody's.
pub(crate) fn runs_callback() {
    let _ = CALLBACK_OF.try_with(|of| of.set(None));
}

/// The callback that ran last, as Python's debug mode shows handles.
pub(crate) fn callback_repr() -> String {
    match CALLBACK_OF.try_with(Cell::get) {
        Ok(Some(place)) => format!("<Handle created at {}:{}>", place.file(), place.line()),
        _ => "<Handle>".to_owned(),
    }
}
