//! How long a program on asyncio takes to build, and how large it becomes, beside one on tokio: see the README.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Instant;

use benches::page;
use benches::report::{self, Figures};
use clap::Parser;
use serde_json::{Value, json};

/// Measures how long programs take to build, and how large they become.
#[derive(Parser)]
struct Options {
    /// How many times each is built, in turn.
    #[arg(long, default_value_t = 3)]
    rounds: usize,
    /// Writes the table into the repository's page.
    #[arg(long)]
    publish: bool,
}

/// A program, and what it stands on.
struct Program {
    name: &'static str,
    /// As a line of a manifest; `{runtime}` is where asyncio lies.
    dependency: &'static str,
    source: &'static str,
}

const PROGRAMS: [Program; 3] = [
    Program {
        name: "asyncio",
        dependency: "asyncio = { path = {runtime} }",
        source: ASYNCIO,
    },
    Program {
        name: "asyncio without default features",
        dependency: "asyncio = { path = {runtime}, default-features = false }",
        source: ASYNCIO,
    },
    Program {
        name: "tokio, full",
        dependency: "tokio = { version = \"1\", features = [\"full\"] }",
        source: TOKIO,
    },
];

/// Where tokio is among them.
const TOKIO_AT: usize = 2;

const ASYNCIO: &str = "
#[asyncio::coroutine]
async fn hello(name: &'static str) -> usize {
    await_!(asyncio::sleep(0.01));
    println!(\"hello {name}\");
    name.len()
}

#[asyncio::main]
async fn main() {
    let lengths = await_!(asyncio::gather!(hello(\"Apollo\"), hello(\"Soyuz\")));
    assert_eq!(lengths, (6, 5));
}
";

const TOKIO: &str = "
async fn hello(name: &'static str) -> usize {
    tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    println!(\"hello {name}\");
    name.len()
}

#[tokio::main(flavor = \"current_thread\")]
async fn main() {
    let lengths = tokio::join!(tokio::spawn(hello(\"Apollo\")), tokio::spawn(hello(\"Soyuz\")));
    assert_eq!((lengths.0.unwrap(), lengths.1.unwrap()), (6, 5));
}
";

/// What a program costs.
#[derive(Default)]
struct Costs {
    /// Seconds until `cargo build` ends.
    wall: [Vec<f64>; 2],
    /// Seconds of all processors.
    processor: [Vec<f64>; 2],
    /// Bytes of the release binary.
    size: u64,
    /// The same without its symbols.
    stripped: u64,
    /// How many packages are built.
    packages: usize,
}

fn main() {
    let Options { rounds, publish } = Options::parse();
    let directories: Vec<PathBuf> = (0..)
        .zip(&PROGRAMS)
        .map(|(at, it)| package(at, it))
        .collect();
    let mut costs: Vec<Costs> = PROGRAMS.iter().map(|_| Costs::default()).collect();
    for round in 0..rounds {
        for ((program, directory), costs) in PROGRAMS.iter().zip(&directories).zip(&mut costs) {
            eprintln!("round {} of {rounds}: {}", round + 1, program.name);
            for (at, release) in [false, true].into_iter().enumerate() {
                let (wall, processor) = build(directory, release);
                costs.wall[at].push(wall);
                costs.processor[at].push(processor);
            }
        }
    }
    for (directory, costs) in directories.iter().zip(&mut costs) {
        let binary = directory.join("target/release/hello");
        costs.size = length(&binary);
        let stripped = directory.join("target/stripped");
        let ran = Command::new("strip")
            .arg("-o")
            .args([&stripped, &binary])
            .status();
        costs.stripped = if ran.is_ok_and(|status| status.success()) {
            length(&stripped)
        } else {
            0
        };
        let tree = Command::new("cargo")
            .args([
                "tree",
                "--offline",
                "--edges",
                "normal,build",
                "--prefix",
                "none",
                "--no-dedupe",
            ])
            .current_dir(directory)
            .output()
            .expect("cargo runs");
        let tree = String::from_utf8_lossy(&tree.stdout).into_owned();
        let mut packages: Vec<&str> = tree.lines().collect();
        packages.sort_unstable();
        packages.dedup();
        costs.packages = packages.len() - 1;
    }
    report(&costs, rounds, publish);
}

fn report(costs: &[Costs], rounds: usize, publish: bool) {
    let mut table = String::from(
        "| | debug build, s | of all processors | release build, s | of all processors | packages | binary, KB | stripped, KB |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|\n",
    );
    let mut rows = Vec::new();
    for (program, costs) in PROGRAMS.iter().zip(costs) {
        let figures = |of: &[Vec<f64>; 2]| of.clone().map(Figures::of);
        let (wall, processor) = (figures(&costs.wall), figures(&costs.processor));
        writeln!(
            table,
            "| {} | {:.1} | {:.1} | {:.1} | {:.1} | {} | {} | {} |",
            program.name,
            wall[0].min,
            processor[0].min,
            wall[1].min,
            processor[1].min,
            costs.packages,
            costs.size / 1000,
            costs.stripped / 1000,
        )
        .expect("a string");
        let json = |figures: [Figures; 2]| figures.map(Figures::json);
        rows.push(json!({
            "name": program.name,
            "wall": json(wall),
            "processor": json(processor),
            "packages": costs.packages,
            "size": costs.size,
            "stripped": costs.stripped,
        }));
    }
    let machine: Value = report::machine();
    println!("{table}\n{machine}");
    let file = target().join("building.json");
    let text = serde_json::to_string_pretty(
        &json!({ "machine": machine, "rounds": rounds, "rows": rows }),
    );
    std::fs::write(&file, text.expect("it is JSON")).expect("the target directory can be written");
    println!("written to {}", file.display());
    if publish {
        let text = |key: &str| machine[key].as_str().unwrap_or("unknown").to_owned();
        let lock =
            std::fs::read_to_string(target().join(format!("building/{TOKIO_AT}/Cargo.lock")));
        let lock = lock.expect("cargo has written it");
        let told = format!(
            "{table}\n{}, {} cores, {}; tokio {}; the smallest of {rounds} builds, {}.",
            text("processor"),
            machine["cores"],
            text("rustc"),
            report::version(&lock, "tokio").unwrap_or("unknown"),
            text("date"),
        );
        page::renew("benches/README.md", "building", &told);
    }
}

fn target() -> PathBuf {
    let program = std::env::current_exe().expect("a running program has a path");
    let directory = program.ancestors().nth(2);
    directory
        .expect("it is in `release` in the target directory")
        .to_owned()
}

/// A package with the program in it, its dependencies fetched.
fn package(at: usize, program: &Program) -> PathBuf {
    let directory = target().join(format!("building/{at}"));
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime");
    let dependency = program
        .dependency
        .replace("{runtime}", &format!("{runtime:?}"));
    let manifest = format!(
        "[package]\nname = \"hello\"\nversion = \"0.0.0\"\nedition = \"2024\"\n[workspace]\n[dependencies]\n{dependency}\n"
    );
    std::fs::create_dir_all(directory.join("src")).expect("the target directory can be written");
    for (file, text) in [
        ("Cargo.toml", manifest.as_str()),
        ("src/main.rs", program.source),
    ] {
        std::fs::write(directory.join(file), text).expect("the target directory can be written");
    }
    cargo(&directory, &["fetch"]);
    directory
}

/// Builds it and all it stands on: seconds by the clock, and of all processors.
fn build(directory: &Path, release: bool) -> (f64, f64) {
    let _ = std::fs::remove_dir_all(directory.join("target"));
    let (start, before) = (Instant::now(), children());
    let mut arguments = vec!["build", "--offline", "--quiet"];
    arguments.extend(release.then_some("--release"));
    cargo(directory, &arguments);
    (start.elapsed().as_secs_f64(), children() - before)
}

fn cargo(directory: &Path, arguments: &[&str]) {
    let status = Command::new("cargo")
        .args(arguments)
        .current_dir(directory)
        .env("CARGO_TARGET_DIR", directory.join("target"))
        // As for packages from a registry.
        .env("CARGO_INCREMENTAL", "0")
        .stdout(Stdio::null())
        .status();
    assert!(status.is_ok_and(|status| status.success()));
}

/// Seconds of processor time of all children that have ended.
fn children() -> f64 {
    // SAFETY: zeroes are a value of this structure of numbers, and the call writes to it and nowhere else.
    let usage = unsafe {
        let mut usage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_CHILDREN, &raw mut usage), 0);
        usage
    };
    let seconds = |time: libc::timeval| {
        #[expect(clippy::cast_precision_loss)]
        let seconds = time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
        seconds
    };
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

fn length(file: &Path) -> u64 {
    std::fs::metadata(file).map_or(0, |metadata| metadata.len())
}
