//! What the runtime has to say to people: warnings and errors with Python's words, through the logger named `asyncio`.

/// Logs a warning.
pub(crate) fn warn(message: String) {
    log::warn!(target: "asyncio", "{message}");
}
