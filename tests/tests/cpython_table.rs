//! Which of CPython's tests ours mirror: a table made from the rules and from the doc comments of our tests.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// The folders that our tests are in: their files, and those of the tests that are several files.
const FOLDERS: [&str; 5] = [
    "tests",
    "tests/cpython_locks",
    "tests/cpython_streams",
    "language/tests",
    "../runtime/tests",
];

/// CPython's test → ours, from doc comments that begin with `Mirrors` and name one or more of CPython's.
fn mirrored(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for folder in FOLDERS {
        let test = folder
            .strip_prefix("tests/")
            .map(|test| format!("{test}::"));
        let test = test.unwrap_or_default();
        for entry in fs::read_dir(root.join(folder)).expect("a folder of tests") {
            let path = entry.expect("readable").path();
            let file = path.file_stem().expect("named").to_string_lossy();
            let file = format!("{test}{file}");
            if path.extension().is_none_or(|ending| ending != "rs") || file == "cpython_table" {
                continue;
            }
            let source = fs::read_to_string(&path).expect("readable");
            for part in source.split("/// Mirrors `").skip(1) {
                let (doc, rest) = part.split_once("#[test]").expect("a test");
                let test = rest
                    .split("fn ")
                    .nth(1)
                    .and_then(|rest| rest.split('(').next());
                let test = test.unwrap_or_else(|| panic!("{file}: no test after {doc}"));
                for name in doc.split('`').step_by(2).filter(|name| is_test(name)) {
                    let old = found.insert(name.to_owned(), format!("{file}::{test}"));
                    assert_eq!(old, None, "{name} is mirrored twice");
                }
            }
        }
    }
    found
}

/// Whether it is `MODULE.CLASS.TEST`.
fn is_test(name: &str) -> bool {
    name.starts_with("test_") && name.contains(".test_")
}

/// The table, and how many rules have no test and no reason.
fn table(rules: &str, mut mirrored: BTreeMap<String, String>) -> String {
    let mut text = String::from(
        "# CPython's tests and ours\n\nMade by `UPDATE=1 cargo test -p tests --test cpython_table` from \
         `tests/cpython/rules.txt` and the doc comments of the tests.\n",
    );
    let mut missing = Vec::new();
    for line in rules
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(group) = line.strip_prefix("== ") {
            let _ = write!(text, "\n## {group}\n\n| CPython | ours |\n|---|---|\n");
            continue;
        }
        let (name, reason) = line
            .split_once(": ")
            .map_or((line, None), |(name, why)| (name, Some(why)));
        let ours = match (mirrored.remove(name), reason) {
            (Some(ours), None) => format!("`{ours}`"),
            (None, Some(reason)) => reason.to_owned(),
            (Some(ours), Some(_)) => panic!("{name} is mirrored by {ours}: take its reason away"),
            (None, None) => {
                missing.push(name);
                continue;
            }
        };
        let _ = writeln!(text, "| `{name}` | {ours} |");
    }
    assert!(
        missing.is_empty(),
        "neither mirrored nor explained: {missing:#?}"
    );
    assert!(mirrored.is_empty(), "not among the rules: {mirrored:#?}");
    text
}

/// Every name in backquotes in the list of rules is in the table, by itself or as a class of tests.
#[test]
fn every_rule_is_in_the_table() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rules = fs::read_to_string(root.join("cpython/rules.txt")).expect("readable");
    let known: Vec<&str> = rules
        .lines()
        .filter_map(|line| line.split(':').next()?.split('.').nth(2))
        .map(|name| name.trim_start_matches("test_"))
        .collect();
    let names = fs::read_to_string(root.join("cpython/names.txt")).expect("readable");
    let missing: Vec<&str> = names
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .filter(|name| match name.strip_suffix('*') {
            Some(start) => !known.iter().any(|known| known.starts_with(start)),
            None => !known.contains(name),
        })
        .collect();
    assert!(missing.is_empty(), "no row in rules.txt: {missing:#?}");
}

/// What is said to be told by a test of ours is: of a file of tests, or of a test in it.
#[test]
fn every_test_that_a_reason_names_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rules = fs::read_to_string(root.join("cpython/rules.txt")).expect("readable");
    let source_of = |file: &str| {
        let paths = FOLDERS.map(|folder| root.join(folder).join(file).with_extension("rs"));
        paths.iter().find_map(|path| fs::read_to_string(path).ok())
    };
    let reasons = rules.lines().filter_map(|line| line.split_once(": "));
    let named = reasons.flat_map(|(_, reason)| reason.split('`').skip(1).step_by(2));
    for name in named.filter(|name| !name.starts_with(|first: char| first.is_uppercase())) {
        if let Some((file, test)) = name.split_once("::") {
            let source = source_of(file).unwrap_or_else(|| panic!("no file of {name}"));
            assert!(source.contains(&format!("fn {test}(")), "no test {name}");
        }
    }
}

#[test]
fn the_table_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rules = fs::read_to_string(root.join("cpython/rules.txt")).expect("readable");
    let table = table(&rules, mirrored(root));
    let file = root.join("CPYTHON.md");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, &table).expect("writable");
    }
    let committed = fs::read_to_string(&file).unwrap_or_default();
    assert!(
        committed == table,
        "make it again: UPDATE=1 cargo test -p tests --test cpython_table"
    );
}
