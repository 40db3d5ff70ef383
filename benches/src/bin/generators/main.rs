//! Generators beside their peers: see the README.

mod asynchronous;
mod ours;
mod peers;

use std::path::{Path, PathBuf};
use std::process::Command;

use benches::counting::Counting;
use benches::report::{self, Figures};
use benches::workload::{self, Sample, Server, Workload};
use serde_json::{Value, json};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many times each row is measured, the rows of a group in turn.
const ROUNDS: usize = 7;

/// How long one measurement of a row is to take.
const NANOS: f64 = 8e6;

/// The order of the table.
const GROUPS: &[&str] = &[
    "plain, optimiser free",
    "plain",
    "send",
    "erased",
    "erased send",
    "async",
    "async, awaiting",
    "from depth 10",
    "from depth 1,000",
    "from depth 100,000",
    "walk of depth 10",
    "walk of depth 1,000",
    "walk of depth 100,000",
    "create and drop",
    "create, resume once, drop",
    "create an async one, resume once, drop",
];

const LOCK: &str = include_str!("../../../../Cargo.lock");
const NEWER_LOCK: &str = include_str!("../../../newer/Cargo.lock");

/// A row of this program or of the one that a newer compiler built.
enum Place {
    Here(&'static Workload),
    Newer(usize),
}

struct Row {
    name: String,
    step: u64,
    place: Place,
}

impl Row {
    fn sample(&self, newer: &mut Option<Server>, items: u64) -> (Sample, u64) {
        match self.place {
            Place::Here(workload) => (workload.sample(items), workload.allocations(self.step)),
            Place::Newer(row) => newer.as_mut().expect("it has rows").sample(row, items),
        }
    }

    /// A number of items that takes about [`NANOS`].
    fn items(&self, newer: &mut Option<Server>) -> u64 {
        let mut items = self.step;
        loop {
            let took = self.sample(newer, items).0.took.as_secs_f64() * 1e9;
            if took > NANOS / 2.0 {
                return items;
            }
            let factor = (NANOS / took.max(1.0)).clamp(2.0, 100.0);
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss
            )]
            let wanted = (items as f64 * factor) as u64;
            items = wanted.div_ceil(self.step) * self.step;
        }
    }
}

fn main() {
    let only = std::env::args().nth(1);
    let mut newer = build_newer().as_deref().map(Server::start);
    if newer.is_none() {
        println!("no nightly toolchain: without its coroutines and without diapause\n");
    }
    let mut groups = Vec::new();
    for group in GROUPS {
        if only
            .as_ref()
            .is_some_and(|only| !group.contains(only.as_str()))
        {
            continue;
        }
        groups.push(measure(group, &mut newer));
    }
    let sizes = sizes();
    let report = json!({
        "machine": report::machine(),
        "nightly": report::first_line("rustc", &["+nightly", "--version"]),
        "versions": versions(),
        "rounds": ROUNDS,
        "groups": groups,
        "sizes": sizes,
    });
    let file = target().join("generators.json");
    let text = serde_json::to_string_pretty(&report).expect("it is JSON");
    std::fs::write(&file, text).expect("the target directory can be written");
    println!("written to {}", file.display());
}

/// Measures the rows of a group in turn, and prints them.
fn measure(group: &str, newer: &mut Option<Server>) -> Value {
    let here = ours::ROWS
        .iter()
        .chain(asynchronous::ROWS)
        .chain(peers::ROWS);
    let mut rows: Vec<Row> = here
        .filter(|workload| workload.group == group)
        .map(|workload| Row {
            name: workload.name.to_owned(),
            step: workload.step,
            place: Place::Here(workload),
        })
        .collect();
    if let Some(newer) = newer {
        let of_group = newer
            .rows
            .iter()
            .enumerate()
            .filter(|(_, row)| row.0 == group);
        rows.extend(of_group.map(|(index, (_, name, step))| Row {
            name: name.clone(),
            step: *step,
            place: Place::Newer(index),
        }));
    }
    same_checksums(group, &rows, newer);
    let items: Vec<u64> = rows.iter().map(|row| row.items(newer)).collect();
    let mut nanos = vec![Vec::new(); rows.len()];
    let mut allocations = vec![0; rows.len()];
    for _ in 0..ROUNDS {
        for (n, row) in rows.iter().enumerate() {
            let (sample, allocated) = row.sample(newer, items[n]);
            #[expect(clippy::cast_precision_loss)]
            nanos[n].push(sample.took.as_secs_f64() * 1e9 / items[n] as f64);
            allocations[n] = allocated;
        }
    }
    let figures: Vec<Figures> = nanos.into_iter().map(Figures::of).collect();
    let peers = rows.iter().zip(&figures);
    let best = peers
        .filter(|(row, _)| {
            !row.name.starts_with("asyncio")
                && !row.name.contains("by hand")
                && !row.name.contains("alone")
        })
        .map(|(_, figures)| figures.median)
        .min_by(f64::total_cmp);
    println!(
        "{group:<42} {:>8}   {:>15}   {:>6}  allocations",
        "ns", "min - max", "× best"
    );
    let mut out = Vec::new();
    for ((row, figures), allocated) in rows.iter().zip(&figures).zip(allocations) {
        let Figures { min, median, max } = *figures;
        let ratio = best.map(|best| median / best);
        let shown = ratio.map_or(String::new(), |ratio| format!("{ratio:.2}"));
        println!(
            "  {:<40} {median:>8.2}   {min:>6.2} - {max:>6.2}   {shown:>6}  {allocated}",
            row.name
        );
        out.push(json!({
            "name": row.name,
            "ns": figures.json(),
            "of_best_peer": ratio,
            "allocations": allocated,
            "allocations_for": row.step,
        }));
    }
    println!();
    json!({ "group": group, "rows": out })
}

/// All rows of a group do the same work.
fn same_checksums(group: &str, rows: &[Row], newer: &mut Option<Server>) {
    let items = rows
        .iter()
        .map(|row| row.step)
        .max()
        .unwrap_or(1)
        .max(1_000);
    let sums: Vec<u64> = rows
        .iter()
        .map(|row| row.sample(newer, items).0.checksum)
        .collect();
    for (row, sum) in rows.iter().zip(&sums) {
        assert_eq!(*sum, sums[0], "{group}: {} does something else", row.name);
    }
}

/// Where the build writes.
fn target() -> PathBuf {
    let program = std::env::current_exe().expect("a running program has a path");
    let directory = program.ancestors().nth(2);
    directory
        .expect("it is in `release` in the target directory")
        .to_owned()
}

/// Builds the rows that take a nightly compiler, if there is one.
fn build_newer() -> Option<PathBuf> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("newer/Cargo.toml");
    let target = target().join("newer");
    let built = Command::new("cargo")
        .args(["+nightly", "build", "--release", "--manifest-path"])
        .arg(manifest)
        .arg("--target-dir")
        .arg(&target)
        // What cargo sets for the programs it runs would overrule the toolchain.
        .env_remove("RUSTUP_TOOLCHAIN")
        .env_remove("CARGO")
        .status()
        .is_ok_and(|status| status.success());
    built.then(|| target.join("release/newer"))
}

fn versions() -> Value {
    let peers = [
        "next-gen",
        "genawaiter",
        "fauxgen",
        "async-stream",
        "asynk-strim",
        "futures",
    ];
    let mut versions: serde_json::Map<String, Value> = peers
        .iter()
        .map(|peer| ((*peer).to_owned(), json!(report::version(LOCK, peer))))
        .collect();
    versions.insert(
        "diapause".into(),
        json!(report::version(NEWER_LOCK, "diapause")),
    );
    versions.into()
}

/// How large the objects are, beside the plain `async fn`.
fn sizes() -> Value {
    async fn plain(x: u64) -> u64 {
        let buffer = [x; 4];
        std::future::ready(()).await;
        buffer[1]
    }
    #[asyncio::coroutine]
    async fn coroutine(x: u64) -> u64 {
        let buffer = [x; 4];
        std::future::ready(()).await;
        buffer[1]
    }
    #[asyncio::coroutine]
    fn generator(x: u64) -> asyncio::Generator<u64> {
        let buffer = [x; 4];
        yield_!(x);
        yield_!(buffer[1]);
    }
    #[asyncio::coroutine]
    async fn async_generator(x: u64) -> asyncio::AsyncGenerator<u64> {
        let buffer = [x; 4];
        yield_!(x);
        yield_!(buffer[1]);
    }
    let called = coroutine(1);
    let sizes = [
        ("async fn", size_of_val(&plain(1))),
        ("asyncio, Coroutine of the same", size_of_val(&called)),
        ("asyncio, Generator", size_of_val(&generator(1))),
        ("asyncio, AsyncGenerator", size_of_val(&async_generator(1))),
    ];
    called.close();
    println!(
        "size of the object, an argument of 8 bytes and a variable of 32 kept over a suspension"
    );
    for (name, size) in sizes {
        println!("  {name:<40} {size:>8} bytes");
    }
    println!();
    sizes
        .iter()
        .map(|(name, size)| json!({ "name": name, "bytes": size }))
        .collect()
}
