//! What asyncio says of the programs it runs: to the logger named `asyncio`, or to standard error
//! when the program set no logger.

use std::fmt::Display;

use log::Level;

const LOGGER: &str = "asyncio";

/// Python's `logger.error`.
pub(crate) fn error(message: impl Display) {
    say(Level::Error, message);
}

/// Python's `logger.warning`.
pub(crate) fn warn(message: impl Display) {
    say(Level::Warn, message);
}

/// Python's `logger.debug`; without a logger it is not said.
#[cfg(feature = "tls")]
pub(crate) fn debug(message: impl Display) {
    log::debug!(target: LOGGER, "{message}");
}

fn say(level: Level, message: impl Display) {
    if log::max_level() == log::LevelFilter::Off {
        // No logger was set: as Python's handler of last resort does.
        eprintln!("{message}");
    } else {
        log::log!(target: LOGGER, level, "{message}");
    }
}
