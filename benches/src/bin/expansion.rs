//! How long the attributes take to expand, beside their peers: see the README.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use benches::report::{self, Figures};
use serde_json::json;

/// How many times each body is expanded, all of them in turn.
const ROUNDS: usize = 5;

/// How many lines a body has.
const LINES: [usize; 3] = [100, 1_000, 10_000];

/// An attribute on a function of some lines.
struct Case {
    name: &'static str,
    /// The same body without the attribute, of which the time is taken off.
    without: &'static str,
    source: fn(usize) -> String,
}

const CASES: [Case; 9] = [
    Case {
        name: "async fn",
        without: "",
        source: |lines| format!("pub async fn f() {{ {} }}", body(lines, ".await;")),
    },
    Case {
        name: "asyncio::coroutine, .await",
        without: "async fn",
        source: |lines| {
            format!(
                "#[asyncio::coroutine] pub async fn f() {{ {} }}",
                body(lines, ".await;")
            )
        },
    },
    Case {
        name: "asyncio::main, .await",
        without: "async fn",
        source: |lines| {
            format!(
                "#[asyncio::main] pub async fn f() {{ {} }}",
                body(lines, ".await;")
            )
        },
    },
    Case {
        name: "tokio::main",
        without: "async fn",
        source: |lines| {
            format!(
                "#[tokio::main] pub async fn f() {{ {} }}",
                body(lines, ".await;")
            )
        },
    },
    Case {
        name: "async-trait",
        without: "async fn",
        source: |lines| {
            format!(
                "#[async_trait::async_trait] impl T for S {{ async fn f(&self) {{ {} }} }}",
                body(lines, ".await;")
            )
        },
    },
    Case {
        name: "async fn, macros",
        without: "",
        source: |lines| format!("pub async fn f() {{ {} }}", words(lines, "word!(x);")),
    },
    Case {
        name: "asyncio::coroutine, await_!",
        without: "async fn, macros",
        source: |lines| {
            format!(
                "#[asyncio::coroutine] pub async fn f() {{ {} }}",
                words(lines, "await_!(x);")
            )
        },
    },
    Case {
        name: "asyncio::coroutine, yield_!",
        without: "async fn, macros",
        source: |lines| {
            format!(
                "#[asyncio::coroutine] pub async fn f() -> AsyncGenerator<u32> {{ {} }}",
                words(lines, "yield_!(x);")
            )
        },
    },
    Case {
        name: "async-stream, yield",
        without: "async fn, macros",
        source: |lines| {
            format!(
                "pub fn f() -> impl Sized {{ async_stream::stream! {{ {} }} }}",
                words(lines, "yield x;")
            )
        },
    },
];

/// Lines as programs have them, every fifth of which awaits.
fn body(lines: usize, awaits: &str) -> String {
    let awaiting = format!("let x = fetch(x, \"page\"){awaits}");
    five_by_five(lines, &awaiting)
}

/// The same, with a word in every fifth.
fn words(lines: usize, word: &str) -> String {
    five_by_five(lines, word)
}

fn five_by_five(lines: usize, fifth: &str) -> String {
    let mut body = String::new();
    for n in 0..lines / 5 {
        writeln!(
            body,
            "let mut items = table.iter().map(|row| row.number + {n}).collect::<Vec<_>>();"
        )
        .expect("a string");
        writeln!(body, "if items.len() > {n} && !items.is_empty() {{").expect("a string");
        writeln!(
            body,
            "items.push(Some(State {{ at: [{n}, x], name: \"n\", .. }}));"
        )
        .expect("a string");
        writeln!(body, "{fifth}").expect("a string");
        writeln!(body, "}}").expect("a string");
    }
    body
}

fn main() {
    let directory = package();
    let cases: Vec<(usize, usize)> = (0..LINES.len())
        .flat_map(|lines| (0..CASES.len()).map(move |case| (lines, case)))
        .collect();
    let mut millis = vec![Vec::new(); cases.len()];
    // Builds the peers.
    expand(&directory, "");
    for _ in 0..ROUNDS {
        for (&(lines, case), millis) in cases.iter().zip(&mut millis) {
            let source = (CASES[case].source)(LINES[lines]);
            millis.push(expand(&directory, &source));
        }
    }
    let figures: Vec<Figures> = millis.into_iter().map(Figures::of).collect();
    let mut rows = Vec::new();
    println!("time to expand, ms, less that of the same body without the attribute; per line, µs");
    print!("{:<30}", "");
    for lines in LINES {
        print!("{:>24}", format!("{lines} lines"));
    }
    println!();
    for (at, case) in CASES.iter().enumerate() {
        print!("{:<30}", case.name);
        for (n, lines) in LINES.iter().enumerate() {
            let all = figures[n * CASES.len() + at];
            let without = CASES.iter().position(|other| other.name == case.without);
            let less = without.map_or(0.0, |other| figures[n * CASES.len() + other].median);
            let own = all.median - less;
            #[expect(clippy::cast_precision_loss)]
            let per_line = own * 1e3 / *lines as f64;
            print!("{:>24}", format!("{own:.2} ({per_line:.2})"));
            rows.push(json!({
                "name": case.name,
                "lines": lines,
                "ms": all.json(),
                "less": less,
                "per_line_us": per_line,
            }));
        }
        println!();
    }
    let lock = std::fs::read_to_string(directory.join("Cargo.lock")).unwrap_or_default();
    let versions: serde_json::Map<_, _> = ["tokio", "async-trait", "async-stream"]
        .iter()
        .map(|peer| ((*peer).to_owned(), json!(report::version(&lock, peer))))
        .collect();
    let report = json!({ "machine": report::machine(), "versions": versions, "rounds": ROUNDS, "rows": rows });
    let file = target().join("expansion.json");
    std::fs::write(
        &file,
        serde_json::to_string_pretty(&report).expect("it is JSON"),
    )
    .expect("the target directory can be written");
    println!("written to {}", file.display());
}

fn target() -> PathBuf {
    let program = std::env::current_exe().expect("a running program has a path");
    let directory = program.ancestors().nth(2);
    directory
        .expect("it is in `release` in the target directory")
        .to_owned()
}

/// A package that depends on the macros and on the peers.
fn package() -> PathBuf {
    let directory = target().join("expansion");
    let runtime = Path::new(env!("CARGO_MANIFEST_DIR")).join("../runtime");
    let manifest = format!(
        "[package]\nname = \"expansion\"\nversion = \"0.0.0\"\nedition = \"2021\"\n[workspace]\n[dependencies]\nasyncio = {{ path = {runtime:?} }}\n\
         tokio = {{ version = \"1\", features = [\"macros\", \"rt-multi-thread\"] }}\nasync-trait = \"0.1\"\nasync-stream = \"0.3\"\n"
    );
    std::fs::create_dir_all(directory.join("src")).expect("the target directory can be written");
    std::fs::write(directory.join("Cargo.toml"), manifest)
        .expect("the target directory can be written");
    directory
}

/// How many milliseconds the compiler spends expanding this, without going on to anything else.
fn expand(directory: &Path, source: &str) -> f64 {
    std::fs::write(directory.join("src/lib.rs"), source)
        .expect("the target directory can be written");
    let output = Command::new("cargo")
        .args([
            "rustc",
            "--quiet",
            "--",
            "-Zno-analysis",
            "-Ztime-passes",
            "-Ztime-passes-format=json",
        ])
        .current_dir(directory)
        .env("CARGO_TARGET_DIR", directory.join("target"))
        // These options are not stable, but they are there, and the compiler is the one that people have.
        .env("RUSTC_BOOTSTRAP", "1")
        .output()
        .expect("cargo runs");
    let text = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    let passes = text.lines().filter_map(|line| {
        let json = line.strip_prefix("time: ").unwrap_or(line);
        serde_json::from_str::<serde_json::Value>(json).ok()
    });
    let seconds = passes
        .filter(|pass| pass["pass"] == "macro_expand_crate")
        .filter_map(|pass| pass["time"].as_f64())
        .next_back();
    seconds.unwrap_or_else(|| panic!("the compiler told no time: {text}")) * 1e3
}
