//! Faults to be planted in the runtime, so that the fuzzer can show that it finds them.

use std::path::{Path, PathBuf};
use std::{fs, io};

/// One fault: a text of a source file, and what stands there instead.
#[derive(Clone, Debug)]
pub struct Fault {
    /// Its name.
    pub name: String,
    /// The rule of CPython's that it breaks.
    pub rule: String,
    /// The fuzzer's options that make programs about it, tried after those of every kind; empty where these do.
    pub options: Vec<String>,
    /// The file, from the root of the workspace.
    pub file: PathBuf,
    /// The text as it is.
    pub find: String,
    /// The text with the fault.
    pub with: String,
}

/// The faults of `tests/fidelity/faults.txt`.
///
/// # Errors
/// When it cannot be read.
///
/// # Panics
/// When it is not written as it says it is.
pub fn read() -> io::Result<Vec<Fault>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fidelity/faults.txt");
    let text = fs::read_to_string(path)?;
    let mut faults: Vec<Fault> = Vec::new();
    for line in text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        if let Some(title) = line.strip_prefix("== ") {
            let (name, rule) = title.split_once(": ").expect("`== NAME: RULE`");
            faults.push(Fault {
                name: name.to_owned(),
                rule: rule.to_owned(),
                options: Vec::new(),
                file: PathBuf::new(),
                find: String::new(),
                with: String::new(),
            });
            continue;
        }
        let fault = faults.last_mut().expect("a title comes first");
        let (mark, rest) = line.split_at(2);
        match mark {
            "by" => fault.options = rest.split_whitespace().map(str::to_owned).collect(),
            "in" => fault.file = PathBuf::from(rest.trim()),
            "- " => add(&mut fault.find, rest),
            "+ " => add(&mut fault.with, rest),
            _ => panic!("{line:?} begins with none of `by`, `in`, `-` and `+`"),
        }
    }
    Ok(faults)
}

fn add(text: &mut String, line: &str) {
    if !text.is_empty() {
        text.push('\n');
    }
    text.push_str(line);
}

impl Fault {
    /// `source` with the fault in it; none when the text to be replaced is not there exactly once.
    pub fn plant(&self, source: &str) -> Option<String> {
        (source.matches(&self.find).count() == 1).then(|| source.replace(&self.find, &self.with))
    }
}
