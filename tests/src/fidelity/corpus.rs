//! Programs with the traces CPython recorded for them, as files of one JSON object a line.

use crate::fidelity::program::Program;
use crate::fidelity::python::Trace;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::PathBuf;
use std::{fs, io};

/// One program and what CPython does with it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Recorded {
    /// The program.
    pub program: Program,
    /// CPython's trace of it.
    #[serde(default)]
    pub trace: Trace,
}

/// Where the recordings lie.
pub fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fidelity/corpus")
}

/// Every recording there is, with the file it is from.
///
/// # Errors
/// When a file cannot be read or is none.
pub fn read() -> io::Result<Vec<(String, Recorded)>> {
    let mut files: Vec<PathBuf> = fs::read_dir(folder())?
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    files.sort();
    let mut all = Vec::new();
    for file in files {
        let name = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        for (number, line) in fs::read_to_string(&file)?.lines().enumerate() {
            all.push((
                format!("{name}:{}", number + 1),
                serde_json::from_str(line)?,
            ));
        }
    }
    Ok(all)
}

/// The programs of one file of recordings.
///
/// # Errors
/// When it cannot be read.
pub fn programs(name: &str) -> io::Result<Vec<Program>> {
    let text = fs::read_to_string(folder().join(name).with_extension("jsonl"))?;
    let one = |line| Ok(serde_json::from_str::<Recorded>(line)?.program);
    text.lines().map(one).collect()
}

/// Writes one file of recordings.
///
/// # Errors
/// When it cannot be written.
pub fn write(name: &str, recorded: &[Recorded]) -> io::Result<()> {
    fs::create_dir_all(folder())?;
    let mut file = fs::File::create(folder().join(name).with_extension("jsonl"))?;
    for one in recorded {
        writeln!(file, "{}", serde_json::to_string(one)?)?;
    }
    Ok(())
}
