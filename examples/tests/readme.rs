//! The first screen of the README shows a program and its port as they stand in the examples.

use std::fs::read_to_string;
use std::path::Path;

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
