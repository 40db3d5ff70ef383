//! What `docs/ecosystem.md` says is so.

use std::fs::read_to_string;
use std::path::Path;

fn root() -> &'static Path {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR"));
    examples.parent().expect("the workspace")
}

fn page() -> String {
    read_to_string(root().join("docs/ecosystem.md")).unwrap()
}

/// The cells of the rows of four, without the heading: crate, version, what for, where.
fn rows(page: &str) -> Vec<Vec<&str>> {
    let rows = page.lines().filter_map(|line| {
        let cells = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ");
        Some(cells.collect::<Vec<_>>())
    });
    rows.filter(|cells| cells.len() == 4 && cells[0] != "crate")
        .collect()
}

#[test]
fn the_versions_are_those_of_the_lock_file() {
    let lock = read_to_string(root().join("Cargo.lock")).unwrap();
    let page = page();
    let rows = rows(&page);
    assert!(rows.len() >= 10, "{rows:?}");
    for row in rows {
        let (name, version) = (row[0], row[1]);
        let locked: Vec<_> = lock
            .split("[[package]]\n")
            .filter_map(|package| package.strip_prefix(&format!("name = \"{name}\"\nversion = \"")))
            .filter_map(|rest| rest.split('"').next())
            .collect();
        assert!(
            locked.contains(&version),
            "{name} is at {locked:?}, and docs/ecosystem.md says {version}"
        );
    }
}

#[test]
fn the_files_are_there_and_use_the_crates() {
    let page = page();
    for row in rows(&page) {
        let (name, place) = (row[0], row[3]);
        let (example, path) = place.split_once("](../").expect("a link");
        let path = root().join(path.strip_suffix(')').expect("the end of the link"));
        let text = read_to_string(&path).unwrap_or_else(|error| panic!("{place}: {error}"));
        assert!(text.contains(&name.replace('-', "_")), "{name}: {place}");
        let example = example.trim_start_matches("[`").trim_end_matches('`');
        let package = path
            .ancestors()
            .find(|folder| folder.join("Cargo.toml").exists());
        let manifest = read_to_string(package.expect("a package").join("Cargo.toml")).unwrap();
        assert!(
            manifest.contains(&format!("name = \"{example}\"")),
            "{place}"
        );
    }
}

#[test]
fn the_code_stands_in_the_examples() {
    let mut sources = String::new();
    for file in [
        "services/src/duplex.rs",
        "web/src/rt.rs",
        "web/src/server.rs",
        "websocket/src/lib.rs",
        "with_tokio/on_tokio.rs",
        "with_tokio/tokio_inside.rs",
    ] {
        sources += &read_to_string(root().join("examples").join(file)).unwrap();
    }
    let page = page();
    let blocks: Vec<_> = page
        .split("```rust\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect();
    assert!(blocks.len() >= 5);
    for block in blocks {
        assert!(sources.contains(block), "{block}");
    }
}
