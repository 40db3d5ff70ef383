//! Every mistake in `ui/fail` is refused, with the message recorded beside it, those in `ui/refused` in the compiler's own words;
//! everything in `ui/pass` compiles.
//!
//! The recordings hold rustc's own wording too, which changes from version to version. So they are compared in full under the version
//! they were made with (`ui/rustc-version`), and under any other it is only checked that each mistake is refused, and that what *we* say
//! of it is said: the lines `error: ..` without a code.
//!
//! What a case in `ui/refused` is to be told is said in its first line, if it is ours: what else the compiler says there quotes the standard
//! library, where its sources are installed.
//!
//! `TRYBUILD=overwrite cargo test -p language --test compile_fail` records anew, on that version.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

const RECORDED_WITH: &str = include_str!("../ui/rustc-version");

#[test]
fn mistakes_are_refused_with_the_message_that_teaches() {
    if rustc_version() == RECORDED_WITH.trim() {
        trybuild::TestCases::new().compile_fail("ui/fail/*.rs");
    } else {
        refused_with_our_own_words("fail");
    }
}

#[test]
fn mistakes_that_the_compiler_explains_are_refused() {
    refused_with_our_own_words("refused");
}

/// Those of which the compiler tells more than once, whatever the macros do, and how often. The manual says why.
const TOLD_SEVERAL_TIMES: [(&str, usize); 12] = [
    // The compiler's own attributes and words: it refuses them before it asks the macro, or without asking it.
    ("bare-coroutine-attribute", 3),
    ("async-for-outside", 3),
    ("yield-keyword", 2),
    ("yield-as-a-statement-of-its-own", 2),
    ("yield-from-keyword", 2),
    // A word in a closure or a function of another macro: both the label and the `await` are out of place, and in a function the words are,
    // too.
    ("yield-in-a-macro-that-wraps-in-a-closure", 2),
    ("yield-in-a-macro-that-makes-a-function", 3),
    // Python's syntax: the compiler says that it is none of Rust's.
    ("async-for-as-in-python", 2),
    ("async-with-as-in-python", 2),
    // What is no block is told at the argument, and again of the future that comes of it.
    ("task-group-without-a-closure", 2),
    // What no server takes is told at the call, and again where it is awaited.
    ("handler-that-gives-a-value", 2),
    // One argument too many is told for itself.
    ("gather-of-awaitables-one-by-one", 2),
];

#[test]
fn one_mistake_gives_one_error() {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    for (name, path) in cases(&here.join("ui/fail")) {
        let recorded =
            fs::read_to_string(path.with_extension("stderr")).expect("each case has a recording");
        let errors = recorded
            .lines()
            .filter(|line| line.starts_with("error"))
            .count();
        let allowed = TOLD_SEVERAL_TIMES
            .iter()
            .find(|(known, _)| *known == name)
            .map_or(1, |(_, times)| *times);
        assert_eq!(errors, allowed, "{name}");
    }
}

#[test]
fn what_looks_odd_but_is_right_compiles() {
    trybuild::TestCases::new().pass("ui/pass/*.rs");
}

fn rustc_version() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc)
        .arg("--version")
        .output()
        .expect("rustc runs");
    let version = String::from_utf8(output.stdout).expect("a version is text");
    version
        .split_whitespace()
        .nth(1)
        .unwrap_or_default()
        .to_owned()
}

/// Compiles all the cases as binaries of one package, and looks for our own messages in what the compiler says of each.
fn refused_with_our_own_words(folder: &str) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let project = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("compile-{folder}"));
    fs::create_dir_all(&project).expect("the target directory can be written");
    let cases = cases(&here.join("ui").join(folder));
    let mut manifest = format!(
        "[package]\nname = \"compile-fail\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\nasyncio = {{ path = {:?} }}\n",
        here.join("../../runtime")
    );
    for (name, path) in &cases {
        manifest += &format!("[[bin]]\nname = {name:?}\npath = {path:?}\n");
    }
    fs::write(project.join("Cargo.toml"), manifest).expect("the target directory can be written");
    fs::copy(here.join("../../Cargo.lock"), project.join("Cargo.lock"))
        .expect("the workspace has a lock file");

    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args([
            "check",
            "--bins",
            "--keep-going",
            "--offline",
            "--message-format=json",
            "--quiet",
        ])
        .current_dir(&project)
        .output()
        .expect("cargo runs");
    let said = errors_by_target(&String::from_utf8_lossy(&output.stdout));

    for (name, path) in &cases {
        let errors = said.get(name).unwrap_or_else(|| {
            panic!(
                "{name} compiles, or was not reached:\n{}",
                String::from_utf8_lossy(&output.stderr)
            );
        });
        let recorded = match folder {
            "refused" => {
                assert_eq!(errors.len(), 1, "{name}: {errors:#?}");
                fs::read_to_string(path)
                    .expect("it was compiled")
                    .replace("// says: ", "error: ")
            }
            _ => fs::read_to_string(path.with_extension("stderr"))
                .expect("each case has a recording"),
        };
        for ours in recorded
            .lines()
            .filter_map(|line| line.strip_prefix("error: "))
            // Where the attribute or the syntax is not ours, what is said of it is not either.
            .filter(|error| !error.starts_with("`#[coroutine]` attribute cannot be used"))
            .filter(|error| !error.starts_with("expected one of `"))
        {
            assert!(
                errors.iter().any(|error| error == ours),
                "{name} does not say {ours:?} but {errors:#?}"
            );
        }
    }
}

fn cases(folder: &Path) -> Vec<(String, PathBuf)> {
    let mut cases: Vec<_> = fs::read_dir(folder)
        .expect("the cases are there")
        .map(|entry| entry.expect("the cases can be read").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .map(|path| {
            (
                path.file_stem()
                    .expect("a file")
                    .to_string_lossy()
                    .into_owned(),
                path,
            )
        })
        .collect();
    cases.sort();
    cases
}

/// The messages of all errors, by the binary they are about.
fn errors_by_target(stdout: &str) -> HashMap<String, Vec<String>> {
    let mut errors: HashMap<String, Vec<String>> = HashMap::new();
    for message in stdout
        .lines()
        .filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok())
    {
        if message["message"]["level"] == "error" {
            let target = message["target"]["name"]
                .as_str()
                .unwrap_or_default()
                .to_owned();
            let first_line = message["message"]["message"]
                .as_str()
                .and_then(|text| text.lines().next())
                .unwrap_or_default();
            if !first_line.starts_with("aborting due to") {
                errors
                    .entry(target)
                    .or_default()
                    .push(first_line.to_owned());
            }
        }
    }
    errors
}
