//! Generators beside their peers: see the README.

mod asynchronous;
mod ours;
mod peers;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use benches::counting::Counting;
use benches::page;
use benches::report::{self, Figures};
use benches::workload::{self, Sample, Server, Workload};
use clap::Parser;
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
    Here(usize, &'static Workload),
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
            Place::Here(_, workload) => (workload.sample(items), workload.allocations(self.step)),
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

/// Measures generators beside their peers.
#[derive(Parser)]
struct Arguments {
    /// Only the groups with this in their names.
    group: Option<String>,
    /// Counts instructions with valgrind instead of measuring time.
    #[arg(long)]
    instructions: bool,
    /// Renews the tables in this package's README.
    #[arg(long)]
    publish: bool,
    /// Names the rows, for `--serve`.
    #[arg(long)]
    rows: bool,
    /// Runs the rows it is asked for, a line of standard input each: the number of the row and a number of items. For a profiler.
    #[arg(long)]
    serve: bool,
}

fn main() {
    let arguments = Arguments::parse();
    if arguments.rows || arguments.serve {
        let all: Vec<Workload> = here().copied().collect();
        workload::serve(&all, arguments.rows);
        return;
    }
    let newer = build_newer();
    if newer.is_none() {
        println!("no nightly toolchain: without its coroutines and without diapause\n");
    }
    let mut newer = newer.as_deref().map(Server::start);
    let chosen = |group: &&&str| {
        let only = arguments.group.as_ref();
        only.is_none_or(|only| group.contains(only.as_str()))
    };
    let unit = if arguments.instructions {
        "instructions an item"
    } else {
        "ns an item"
    };
    let mut groups = Vec::new();
    for group in GROUPS.iter().filter(chosen) {
        let rows = rows(group, newer.as_ref());
        same_checksums(group, &rows, &mut newer);
        let measured = if arguments.instructions {
            Group::counted(group, &rows, newer.as_ref())
        } else {
            Group::timed(group, &rows, &mut newer)
        };
        print!("{}", measured.table(unit));
        groups.push(measured);
    }
    let machine = report::machine();
    let nightly = report::first_line("rustc", &["+nightly", "--version"]);
    let name = if arguments.instructions {
        "generators-instructions"
    } else {
        "generators"
    };
    let report = json!({
        "machine": machine,
        "nightly": nightly,
        "versions": versions(),
        "rounds": ROUNDS,
        "unit": unit,
        "groups": groups.iter().map(Group::json).collect::<Vec<_>>(),
        "sizes": sizes(),
    });
    let file = target().join(format!("{name}.json"));
    let text = serde_json::to_string_pretty(&report).expect("it is JSON");
    std::fs::write(&file, text).expect("the target directory can be written");
    println!("written to {}", file.display());
    if arguments.publish {
        let text = |value: &Value| value.as_str().unwrap_or("unknown").to_owned();
        let versions: Vec<String> = versions()
            .as_object()
            .into_iter()
            .flatten()
            .map(|(peer, version)| format!("{peer} {}", text(version)))
            .collect();
        let mut page = format!(
            "{}, {} cores, {}, nightly {}; {}; {}.\n\n",
            text(&machine["processor"]),
            machine["cores"],
            text(&machine["rustc"]),
            nightly,
            versions.join(", "),
            text(&machine["date"]),
        );
        for group in &groups {
            page.push_str(&group.table(unit));
        }
        page::renew("benches/README.md", name, &page);
    }
}

/// The rows of this program.
fn here() -> impl Iterator<Item = &'static Workload> {
    ours::ROWS
        .iter()
        .chain(asynchronous::ROWS)
        .chain(peers::ROWS)
}

/// The rows of a group, of both programs.
fn rows(group: &str, newer: Option<&Server>) -> Vec<Row> {
    let mut rows: Vec<Row> = here()
        .enumerate()
        .filter(|(_, workload)| workload.group == group)
        .map(|(index, workload)| Row {
            name: workload.name.to_owned(),
            step: workload.step,
            place: Place::Here(index, workload),
        })
        .collect();
    let of_newer = newer.iter().flat_map(|newer| newer.rows.iter().enumerate());
    rows.extend(
        of_newer
            .filter(|(_, row)| row.0 == group)
            .map(|(index, (_, name, step))| Row {
                name: name.clone(),
                step: *step,
                place: Place::Newer(index),
            }),
    );
    rows
}

/// What was measured of a group.
struct Group {
    name: String,
    rows: Vec<Measured>,
}

struct Measured {
    name: String,
    /// For one item.
    figures: Figures,
    allocations: u64,
    step: u64,
}

impl Group {
    /// Measures the rows in turn.
    fn timed(name: &str, rows: &[Row], newer: &mut Option<Server>) -> Group {
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
        let figures = nanos.into_iter().map(Figures::of);
        let rows = rows
            .iter()
            .zip(figures)
            .zip(allocations)
            .map(|((row, figures), allocations)| Measured {
                name: row.name.clone(),
                figures,
                allocations,
                step: row.step,
            })
            .collect();
        Group {
            name: name.to_owned(),
            rows,
        }
    }

    /// Counts the instructions of the rows for two numbers of items, so that what is done once is not counted.
    fn counted(name: &str, rows: &[Row], newer: Option<&Server>) -> Group {
        let counted = |row: &Row| {
            let size = row.step.max(10_000);
            let count = |items| match row.place {
                Place::Here(index, _) => count(&this_program(), index, items),
                Place::Newer(index) => count(&newer?.program, index, items),
            };
            #[expect(clippy::cast_precision_loss)]
            let one = (count(2 * size)? - count(size)?) as f64 / size as f64;
            Some(Measured {
                name: row.name.clone(),
                figures: Figures::of(vec![one]),
                allocations: 0,
                step: row.step,
            })
        };
        Group {
            name: name.to_owned(),
            // Those of a million steps take valgrind minutes.
            rows: rows
                .iter()
                .filter(|row| row.step < 1_000_000)
                .filter_map(counted)
                .collect(),
        }
    }

    /// The best of the peers, whose objects can do as much.
    fn best(&self) -> Option<f64> {
        let peers = self.rows.iter().filter(|row| {
            !row.name.starts_with("asyncio")
                && !row.name.contains("by hand")
                && !row.name.contains("alone")
        });
        peers.map(|row| row.figures.min).min_by(f64::total_cmp)
    }

    fn table(&self, unit: &str) -> String {
        let counted = unit.starts_with("instructions");
        let mut table = format!("**{}**\n\n", self.name);
        table.push_str(&if counted {
            format!("| | {unit} | of the best peer |\n|---|---:|---:|\n")
        } else {
            format!(
                "| | {unit}, smallest | median | largest | of the best peer | allocations |\n|---|---:|---:|---:|---:|---:|\n"
            )
        });
        let best = self.best();
        for row in &self.rows {
            let Figures { min, median, max } = row.figures;
            let ratio = best.map_or(String::new(), |best| format!("{:.2}", min / best));
            let allocations = match row.step {
                1 => row.allocations.to_string(),
                step => format!("{} for {step}", row.allocations),
            };
            let name = &row.name;
            table.push_str(&if counted {
                format!("| {name} | {min:.1} | {ratio} |\n")
            } else {
                format!(
                    "| {name} | {min:.2} | {median:.2} | {max:.2} | {ratio} | {allocations} |\n"
                )
            });
        }
        table.push('\n');
        table
    }

    fn json(&self) -> Value {
        let rows: Vec<Value> = self
            .rows
            .iter()
            .map(|row| {
                json!({
                    "name": row.name,
                    "figures": row.figures.json(),
                    "of_best_peer": self.best().map(|best| row.figures.min / best),
                    "allocations": row.allocations,
                    "allocations_for": row.step,
                })
            })
            .collect();
        json!({ "group": self.name, "rows": rows })
    }
}

/// How many instructions a program takes that runs one row.
fn count(program: &Path, row: usize, items: u64) -> Option<i64> {
    let mut process = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .arg("--serve")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("valgrind is there");
    let mut requests = process.stdin.take().expect("piped");
    writeln!(requests, "{row} {items}").expect("it listens");
    drop(requests);
    let output = process.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let line = text.lines().find_map(|line| line.split_once("Collected :"));
    let counted = line.and_then(|(_, count)| count.trim().parse().ok());
    if counted.is_none() {
        eprintln!("no count of row {row}: {text}");
    }
    counted
}

fn this_program() -> PathBuf {
    std::env::current_exe().expect("a running program has a path")
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
    let program = this_program();
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
