//! Which of CPython's tests ours mirror: a table made from the rules and from the doc comments of our tests.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

/// CPython's test → ours.
fn mirrored(folder: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).expect("a folder of this package") {
        let path = entry.expect("readable").path();
        let file = path
            .file_stem()
            .expect("named")
            .to_string_lossy()
            .into_owned();
        if !file.starts_with("cpython_") || file == "cpython_table" {
            continue;
        }
        let source = fs::read_to_string(&path).expect("readable");
        for part in source.split("/// Mirrors `").skip(1) {
            let name = part.split('`').next().expect("the rest of the line");
            let test = part
                .split("\nfn ")
                .nth(1)
                .and_then(|rest| rest.split('(').next());
            let test = test.unwrap_or_else(|| panic!("{file}: no test after {name}"));
            let old = found.insert(name.to_owned(), format!("{file}::{test}"));
            assert_eq!(old, None, "{name} is mirrored twice");
        }
    }
    found
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

#[test]
fn the_table_is_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rules = fs::read_to_string(root.join("cpython/rules.txt")).expect("readable");
    let table = table(&rules, mirrored(&root.join("tests")));
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
