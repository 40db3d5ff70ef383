//! What the README says is so: its first screen shows a program and its port as they stand in the examples, what it
//! counts is as many, and what it and the other pages link to is there.

use std::fs::{read_dir, read_to_string};
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR"));
    examples.parent().expect("the workspace")
}

/// The files of a folder with this ending.
fn files(folder: &str, ending: &str) -> Vec<PathBuf> {
    let entries = read_dir(root().join(folder)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| path.extension().is_some_and(|it| it == ending))
        .collect()
}

/// The code blocks in this language.
fn blocks<'a>(markdown: &'a str, language: &str) -> Vec<&'a str> {
    let fence = format!("```{language}\n");
    markdown
        .split(&fence)
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap())
        .collect()
}

#[test]
fn the_programs_of_the_readme_are_examples() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = read_to_string(examples.join("../README.md")).unwrap();

    let python = read_to_string(examples.join("python/generator_based.py")).unwrap();
    let (_, python) = python
        .split_once("\"\"\"\n\n")
        .expect("the program starts with a docstring");
    assert_eq!(blocks(&readme, "python")[0], python);

    let rust = read_to_string(examples.join("generator_based.rs")).unwrap();
    let (_, rust) = rust
        .split_once("\n\n")
        .expect("the program starts with a comment");
    assert_eq!(blocks(&readme, "rust,no_run")[0], rust);
}

#[test]
fn the_readme_counts_what_there_is() {
    let readme = read_to_string(root().join("README.md")).unwrap();
    let paired = files("tests/paired", "out").len();
    let recorded = files("tests/fidelity/corpus", "jsonl");
    let lines = |path: &PathBuf| read_to_string(path).unwrap().lines().count();
    let recorded: usize = recorded.iter().map(lines).sum();
    let faults = read_to_string(root().join("tests/fidelity/faults.txt")).unwrap();
    let faults = faults.matches("\n== ").count();
    for told in [
        format!("- {paired} small programs in both languages"),
        format!(" {recorded} recorded ones run"),
        format!(" {faults} faults that can be planted"),
    ] {
        assert!(readme.contains(&told), "the README does not say: {told}");
    }
}

#[test]
fn the_programs_that_the_readme_lists_are_there() {
    let readme = read_to_string(root().join("README.md")).unwrap();
    let (_, list) = readme.split_once("## The examples").expect("a heading");
    let rows = list.lines().filter_map(|line| line.strip_prefix("| `"));
    let names = rows.flat_map(|row| row.split(" | ").next().unwrap_or_default().split("`, `"));
    let names: Vec<&str> = names.map(|name| name.trim_end_matches('`')).collect();
    assert!(names.len() > 30, "{names:?}");
    let packages = read_dir(root().join("examples")).unwrap();
    let manifests: String = packages
        .map(|entry| entry.unwrap().path().join("Cargo.toml"))
        .chain([root().join("examples/Cargo.toml")])
        .filter_map(|path| read_to_string(path).ok())
        .collect();
    for name in names {
        let told = format!("[[example]]\nname = \"{name}\"");
        assert!(manifests.contains(&told), "no example {name}");
    }
}

#[test]
fn what_the_pages_link_to_is_there() {
    let folders = ["", "docs", "tests", "benches", "macros/src"];
    let pages: Vec<_> = folders.iter().flat_map(|it| files(it, "md")).collect();
    assert!(pages.len() > 10, "{pages:?}");
    let mut links = 0;
    for page in pages {
        let text = read_to_string(&page).unwrap();
        let targets = text.split("](").skip(1);
        let targets = targets.filter_map(|rest| rest.split([')', '#']).next());
        let is_file = |target: &&str| !target.is_empty() && !target.contains([':', '@', ' ']);
        for target in targets.filter(is_file) {
            let path = page.parent().expect("a folder").join(target);
            assert!(path.exists(), "{}: {target}", page.display());
            links += 1;
        }
    }
    assert!(links > 30, "{links}");
}
