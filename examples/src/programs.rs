//! Where the examples are, and running them.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::PathBuf;
use std::process::{Command, ExitStatus};

/// The executable of the example `name`, of the package whose test asks for it.
///
/// # Panics
///
/// If it has not been built. `cargo test` builds the examples of the packages it tests, but not when it
/// is told to build one test alone.
pub fn executable(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own path");
    // Tests are in `target/<profile>/deps`, the examples beside that.
    let profile = test
        .parent()
        .and_then(|deps| deps.parent())
        .expect("tests are in target/<profile>/deps");
    let path = profile
        .join("examples")
        .join(name)
        .with_extension(std::env::consts::EXE_EXTENSION);
    assert!(
        path.is_file(),
        "the example `{name}` is not built: there is no {}.\n\
         Run `cargo build --examples` first, or `cargo test` without `--test`.",
        path.display(),
    );
    path
}

/// Runs `command` to its end and returns what a terminal would have shown: standard output and standard
/// error, in the order in which they were written.
pub fn terminal_output(command: &mut Command) -> (ExitStatus, String) {
    // A pipe would need a thread to empty it; in a file both streams share one position.
    let mut screen: File = tempfile::tempfile().expect("a temporary file");
    let status = command
        .stdout(screen.try_clone().expect("a second handle"))
        .stderr(screen.try_clone().expect("a third handle"))
        .status()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut shown = String::new();
    screen
        .rewind()
        .and_then(|()| screen.read_to_string(&mut shown))
        .expect("the output is text");
    (status, shown)
}
