//! How long the attributes take to expand, beside their peers: see the README.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use benches::report::{self, Figures};
use serde_json::{Value, json};

/// How many times each body is expanded, all of them in turn.
const ROUNDS: usize = 7;

/// How many lines a body has.
const LINES: [usize; 3] = [100, 1_000, 10_000];

/// An attribute on a function of some lines.
struct Case {
    name: &'static str,
    /// The same body without the attribute, of which the time is taken off.
    without: &'static str,
    source: fn(usize) -> String,
}

impl Case {
    /// Whether it is only there to be taken off others.
    fn is_baseline(&self) -> bool {
        CASES.iter().any(|other| other.without == self.name)
    }
}

const CASES: [Case; 15] = [
    Case {
        name: "async fn",
        without: "",
        source: |lines| format!("pub async fn f() {{ {} }}", body(lines, ".await;")),
    },
    Case {
        name: "the library asyncio, found and loaded",
        without: "async fn",
        source: |lines| {
            format!(
                "use asyncio::run as _; pub async fn f() {{ {} }}",
                body(lines, ".await;")
            )
        },
    },
    Case {
        name: "the library tokio, found and loaded",
        without: "async fn",
        source: |lines| {
            format!(
                "use tokio::spawn as _; pub async fn f() {{ {} }}",
                body(lines, ".await;")
            )
        },
    },
    Case {
        name: "the library async-trait, found and loaded",
        without: "async fn",
        source: |lines| {
            format!(
                "use async_trait::async_trait as _; pub async fn f() {{ {} }}",
                body(lines, ".await;")
            )
        },
    },
    Case {
        name: "asyncio::coroutine, .await",
        without: "the library asyncio, found and loaded",
        source: |lines| {
            format!(
                "#[asyncio::coroutine] pub async fn f() {{ {} }}",
                body(lines, ".await;")
            )
        },
    },
    Case {
        name: "asyncio::main, .await",
        without: "the library asyncio, found and loaded",
        source: |lines| {
            format!(
                "#[asyncio::main] pub async fn f() {{ {} }}",
                body(lines, ".await;")
            )
        },
    },
    Case {
        name: "tokio::main",
        without: "the library tokio, found and loaded",
        source: |lines| {
            format!(
                "#[tokio::main] pub async fn f() {{ {} }}",
                body(lines, ".await;")
            )
        },
    },
    Case {
        name: "async-trait",
        without: "the library async-trait, found and loaded",
        source: |lines| {
            format!(
                "#[async_trait::async_trait] pub trait T {{ async fn f(&self) {{ {} }} }}",
                body(lines, ".await;")
            )
        },
    },
    Case {
        name: "async fn, without words",
        without: "",
        source: |lines| format!("pub async fn f() {{ {} }}", words(lines, "x;")),
    },
    Case {
        name: "the library asyncio, with them",
        without: "async fn, without words",
        source: |lines| {
            format!(
                "use asyncio::run as _; pub async fn f() {{ {} }}",
                words(lines, "x;")
            )
        },
    },
    Case {
        name: "the library async-stream, with them",
        without: "async fn, without words",
        source: |lines| {
            format!(
                "use async_stream::stream as _; pub async fn f() {{ {} }}",
                words(lines, "x;")
            )
        },
    },
    Case {
        name: "asyncio::coroutine, await_!",
        without: "the library asyncio, with them",
        source: |lines| {
            format!(
                "#[asyncio::coroutine] pub async fn f() {{ {} }}",
                words(lines, "await_!(x);")
            )
        },
    },
    Case {
        name: "asyncio::coroutine, yield_! in a generator",
        without: "the library asyncio, with them",
        source: |lines| {
            format!(
                "#[asyncio::coroutine] pub fn f() -> asyncio::Generator<u32> {{ {} }}",
                words(lines, "yield_!(x);")
            )
        },
    },
    Case {
        name: "asyncio::coroutine, yield_! in an async one",
        without: "the library asyncio, with them",
        source: |lines| {
            format!(
                "#[asyncio::coroutine] pub async fn f() -> asyncio::AsyncGenerator<u32> {{ {} }}",
                words(lines, "yield_!(x);")
            )
        },
    },
    Case {
        name: "async-stream, yield",
        without: "the library async-stream, with them",
        source: |lines| {
            format!(
                "pub fn f() -> impl Sized {{ async_stream::stream! {{ {} }} }}",
                words(lines, "yield x;")
            )
        },
    },
];

/// What the bodies name, so that the compiler has nothing else to say of them.
const NAMES: &str = "pub struct Row { number: usize }\npub struct State<'a> { at: [usize; 2], name: &'a str }\npub async fn fetch(x: usize, _: &str) -> \
                     usize { x }\n";

/// Lines as programs have them, every fifth of which awaits.
fn body(lines: usize, awaits: &str) -> String {
    let awaiting = format!("x = fetch(x, \"page\"){awaits}");
    five_by_five(lines, &awaiting)
}

/// The same, with a word in every fifth.
fn words(lines: usize, word: &str) -> String {
    five_by_five(lines, word)
}

fn five_by_five(lines: usize, fifth: &str) -> String {
    let mut body = "let mut x = 0; let table: Vec<Row> = Vec::new();\n".to_owned();
    for n in 0..lines / 5 {
        writeln!(
            body,
            "let mut items = table.iter().map(|row| row.number + {n}).collect::<Vec<_>>();"
        )
        .expect("a string");
        writeln!(body, "if items.len() > {n} && !items.is_empty() {{").expect("a string");
        writeln!(
            body,
            "items.push(Some(State {{ at: [{n}, x], name: \"n\" }}));"
        )
        .expect("a string");
        writeln!(body, "{fifth}").expect("a string");
        writeln!(body, "}}").expect("a string");
    }
    body
}

fn main() {
    let counts = std::env::args().any(|argument| argument == "--instructions");
    let compiler = Compiler::new();
    let (rounds, sizes, measured) = if counts {
        (1, &LINES[..2], "thousands of instructions")
    } else {
        (ROUNDS, &LINES[..], "ms")
    };
    let mut all = vec![Vec::new(); sizes.len() * CASES.len()];
    for _ in 0..rounds {
        for (at, all) in all.iter_mut().enumerate() {
            let source = (CASES[at % CASES.len()].source)(sizes[at / CASES.len()]);
            all.push(if counts {
                compiler.instructions(&source)
            } else {
                compiler.expand(&source)
            });
        }
    }
    let figures: Vec<Figures> = all.into_iter().map(Figures::of).collect();
    let mut rows = Vec::new();
    println!(
        "The cost of expanding, {measured}, the smallest of {rounds}, less that of the same body without the attribute; and a thousandth of that a \
         line.\n"
    );
    print!("| |");
    for lines in sizes {
        print!(" {lines} lines | a line |");
    }
    println!("\n|---|{}", "---:|---:|".repeat(sizes.len()));
    for (at, case) in CASES.iter().enumerate() {
        print!("| {} |", case.name);
        for (n, lines) in sizes.iter().enumerate() {
            let all = figures[n * CASES.len() + at];
            let without = CASES.iter().position(|other| other.name == case.without);
            let less = without.map_or(0.0, |other| figures[n * CASES.len() + other].min);
            let own = all.min - less;
            #[expect(clippy::cast_precision_loss)]
            let per_line = own * 1e3 / *lines as f64;
            if case.is_baseline() {
                print!(" {own:.2} | |");
            } else {
                print!(" {own:.2} | {per_line:.2} |");
            }
            rows.push(json!({
                "name": case.name,
                "lines": lines,
                "measured": all.json(),
                "less": less,
                "per_line": per_line,
            }));
        }
        println!();
    }
    let lock = std::fs::read_to_string(compiler.directory.join("Cargo.lock")).unwrap_or_default();
    let versions: serde_json::Map<_, _> = ["tokio", "async-trait", "async-stream"]
        .iter()
        .map(|peer| ((*peer).to_owned(), json!(report::version(&lock, peer))))
        .collect();
    let machine = report::machine();
    println!("\n{machine} {}", Value::from(versions.clone()));
    let report = json!({
        "machine": machine,
        "versions": versions,
        "rounds": rounds,
        "unit": measured,
        "rows": rows,
    });
    let file = target().join("expansion.json");
    std::fs::write(
        &file,
        serde_json::to_string_pretty(&report).expect("it is JSON"),
    )
    .expect("the target directory can be written");
    println!("\nwritten to {}", file.display());
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

/// The compiler, with everything built that the sources use.
struct Compiler {
    directory: PathBuf,
    /// Where it finds the libraries.
    arguments: Vec<String>,
}

impl Compiler {
    /// Builds the libraries as `cargo check` does for those who use them.
    fn new() -> Self {
        let directory = package();
        std::fs::write(directory.join("src/lib.rs"), "")
            .expect("the target directory can be written");
        let output = Command::new("cargo")
            .args(["check", "--message-format=json"])
            .current_dir(&directory)
            .env("CARGO_TARGET_DIR", directory.join("target"))
            .stderr(Stdio::inherit())
            .output()
            .expect("cargo runs");
        assert!(output.status.success(), "the peers do not build");
        let mut arguments: Vec<String> = [
            "--edition=2021",
            "--crate-type=lib",
            "--emit=metadata",
            "-Zno-analysis",
            "-Ztime-passes",
            "-Ztime-passes-format=json",
        ]
        .map(str::to_owned)
        .to_vec();
        arguments.push(format!(
            "-Ldependency={}",
            directory.join("target/debug/deps").display()
        ));
        for message in String::from_utf8_lossy(&output.stdout)
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        {
            let name = message["target"]["name"].as_str().unwrap_or_default();
            let is_used = ["asyncio", "tokio", "async_trait", "async_stream"].contains(&name);
            let files = message["filenames"].as_array();
            let file = files.into_iter().flatten().filter_map(Value::as_str).next();
            if let (true, Some(file)) = (is_used, file) {
                arguments.push(format!("--extern={name}={file}"));
            }
        }
        Compiler {
            directory,
            arguments,
        }
    }

    /// The compiler, about to expand this without going on to anything else.
    fn command(&self, program: &str, source: &str) -> Command {
        let file = self.directory.join("body.rs");
        std::fs::write(&file, format!("{NAMES}{source}"))
            .expect("the target directory can be written");
        let mut command = Command::new(program);
        command
            // These options are not stable, but they are there, and the compiler is the one that people have.
            .env("RUSTC_BOOTSTRAP", "1")
            .current_dir(&self.directory);
        if program != "rustc" {
            let root = report::first_line("rustc", &["--print", "sysroot"]);
            command.env("LD_LIBRARY_PATH", format!("{root}/lib")).args([
                "--tool=callgrind",
                "--callgrind-out-file=/dev/null",
                &format!("{root}/bin/rustc"),
            ]);
        }
        command
            .args(&self.arguments)
            .arg(format!("--out-dir={}", self.directory.display()))
            .arg(&file);
        command
    }

    /// How many thousands of instructions it runs in all, as callgrind counts them.
    fn instructions(&self, source: &str) -> f64 {
        let output = self.command("valgrind", source).output();
        let output = output.expect("valgrind is installed");
        let text = String::from_utf8_lossy(&output.stderr);
        let counted: Option<f64> = text
            .split_once("Collected : ")
            .and_then(|(_, rest)| rest.split_whitespace().next()?.parse().ok());
        counted.unwrap_or_else(|| panic!("callgrind counted nothing: {text}")) / 1e3
    }

    /// How many milliseconds the compiler spends expanding this.
    fn expand(&self, source: &str) -> f64 {
        let output = self.command("rustc", source).output();
        let output = output.expect("rustc runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned()
            + &String::from_utf8_lossy(&output.stderr);
        let passes = text.lines().filter_map(|line| {
            let json = line.strip_prefix("time: ").unwrap_or(line);
            serde_json::from_str::<Value>(json).ok()
        });
        let seconds = passes
            .filter(|pass| pass["pass"] == "macro_expand_crate")
            .filter_map(|pass| pass["time"].as_f64())
            .next_back();
        seconds.unwrap_or_else(|| panic!("the compiler told no time: {text}")) * 1e3
    }
}
