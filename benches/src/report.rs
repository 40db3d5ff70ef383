//! What is told about a measurement: where it was made, and its figures.

use std::process::Command;

use serde_json::{Value, json};

/// The smallest, the middle and the largest of several figures.
#[derive(Clone, Copy, Debug)]
pub struct Figures {
    /// The smallest.
    pub min: f64,
    /// The middle one.
    pub median: f64,
    /// The largest.
    pub max: f64,
}

impl Figures {
    /// Of these.
    ///
    /// # Panics
    ///
    /// If there are none.
    #[must_use]
    pub fn of(mut all: Vec<f64>) -> Self {
        all.sort_by(f64::total_cmp);
        Figures {
            min: all[0],
            median: all[all.len() / 2],
            max: all[all.len() - 1],
        }
    }

    /// For a JSON file.
    #[must_use]
    pub fn json(self) -> Value {
        json!({ "min": self.min, "median": self.median, "max": self.max })
    }
}

/// The machine, and the compiler that `rustc` is.
#[must_use]
pub fn machine() -> Value {
    let processor = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processor
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown", |rest| rest.trim_start_matches(['\t', ' ', ':']));
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    json!({
        "processor": model,
        "cores": cores,
        "rustc": first_line("rustc", &["--version"]),
        "date": format!("{} UTC", date()),
    })
}

/// The day and the minute, by UTC.
#[must_use]
pub fn date() -> String {
    first_line("date", &["-u", "+%Y-%m-%d %H:%M"])
}

/// What a command says first.
#[must_use]
pub fn first_line(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.map(|output| output.stdout).unwrap_or_default();
    String::from_utf8_lossy(&output)
        .lines()
        .next()
        .unwrap_or("unknown")
        .to_owned()
}

/// The version of a package that a `Cargo.lock` holds.
#[must_use]
pub fn version<'a>(lock: &'a str, package: &str) -> Option<&'a str> {
    let (_, rest) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    rest.split('"').next()
}
