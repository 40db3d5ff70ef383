//! Programs that exist twice, here and as `tests/paired/*.py`: what ours log is what CPython printed.

mod cancellation;
mod contexts;
mod eager;
mod gather;
mod generator_based;
mod groups;
mod primitives;
mod queues;
mod running;
mod scheduling;
mod timeouts;
mod waiting;

/// Every Python program has its other half here.
#[test]
fn none_is_alone() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let names = |folder: &str, extension: &str| {
        let entries = std::fs::read_dir(root.join(folder)).expect("a folder of this package");
        let paths = entries.map(|entry| entry.expect("readable").path());
        paths
            .filter(|path| path.extension().is_some_and(|found| found == extension))
            .collect::<Vec<_>>()
    };
    let sources: String = names("tests/paired", "rs")
        .iter()
        .map(|path| std::fs::read_to_string(path).expect("readable"))
        .collect();
    for path in names("paired", "out") {
        let name = path
            .file_stem()
            .expect("named")
            .to_string_lossy()
            .into_owned();
        assert!(
            sources.contains(&format!("paired!({name},")),
            "{name} is only in Python"
        );
    }
}
