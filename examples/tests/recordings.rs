//! Every example prints what CPython printed for the program it was ported from.

use std::collections::BTreeSet;
use std::path::Path;

use examples::recordings::{assert_prints_what_cpython_printed, python};

macro_rules! prints_what_cpython_printed {
    ($($name:ident)*) => {
        const PROGRAMS: &[&str] = &[$(stringify!($name)),*];

        mod prints_what_cpython_printed {
            $(
                #[test]
                fn $name() {
                    super::assert_prints_what_cpython_printed(stringify!($name));
                }
            )*
        }
    };
}

prints_what_cpython_printed! {
    as_completed_fuzz
    async_vs_sync
    await_coroutine
    blocking_the_loop
    chatbot
    create_task
    display_date
    doubling
    event_loop
    generator_based
    generators
    hello_gather
    native_coroutines
    say_after
    shell
    stock_quotes
    threads
    unawaited_tasks
    wait_done_pending
    workers
}

/// What is in a folder with this extension, without it.
fn stems(folder: &Path, extension: &str) -> BTreeSet<String> {
    let files = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path());
    files
        .filter(|path| path.extension().is_some_and(|found| found == extension))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect()
}

#[test]
fn every_python_program_has_a_recording_and_a_port_that_is_tested() {
    let mut programs = stems(&python(), "py");
    for tool in ["record", "virtual_clock"] {
        programs.remove(tool);
    }
    // The other ends of connections, which are tested as such.
    for peer in [
        "cache_client",
        "cache_server",
        "chat",
        "fetch_all",
        "tcp_echo",
        "udp_echo",
    ] {
        assert!(programs.remove(peer), "{peer}");
    }
    assert_eq!(stems(&python().join("recorded"), "txt"), programs);

    // Tested in packages of their own, for what they depend on.
    for elsewhere in ["database", "database_coroutine"] {
        assert!(programs.remove(elsewhere), "{elsewhere}");
    }
    let tested = PROGRAMS
        .iter()
        .map(|&name| name.to_owned())
        .collect::<BTreeSet<_>>();
    assert_eq!(tested, programs);
    assert_eq!(stems(Path::new(env!("CARGO_MANIFEST_DIR")), "rs"), programs);
}
