//! Shows that the fuzzer has teeth: plants one fault after the other in a copy of the workspace, and has the
//! fuzzer look for it.
//!
//! `cargo run -p tests --bin faults` takes some minutes; it ends well when every fault was found.

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};
use tests::fidelity::faults::{self, Fault};

/// Plants faults in a copy of the workspace and has the fuzzer find them.
#[derive(Parser)]
struct Arguments {
    /// Only these faults.
    names: Vec<String>,
    /// How many programs the fuzzer may take for each.
    #[arg(long, default_value_t = 50_000)]
    count: u64,
    /// A CPython 3.13; by default one on PATH or under pyenv.
    #[arg(long)]
    python: Option<PathBuf>,
}

/// What a fault did to the fuzzer.
enum Found {
    /// A trace was another one, in the program with this seed.
    Mismatch(String),
    /// The process died, or went on for ever: no trace, but nobody would overlook it.
    Broken(&'static str),
    Nothing,
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests is in the workspace");
    let copy = copy(root)?;
    let wanted =
        |fault: &Fault| arguments.names.is_empty() || arguments.names.contains(&fault.name);
    let all: Vec<Fault> = faults::read()?.into_iter().filter(wanted).collect();
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} {msg}")?;
    let progress = ProgressBar::new(all.len() as u64 + 1).with_style(style);
    progress.set_message("no fault");
    build(&copy)?;
    // Without a fault nothing may be found, by any options that a fault is looked for with. The longest of these
    // says how long is long: a slow machine is no fault that was found.
    let mut longest = Duration::from_secs(20);
    let mut kinds: Vec<&[String]> = vec![&[]];
    for fault in &all {
        if !kinds.contains(&fault.options.as_slice()) {
            kinds.push(&fault.options);
        }
    }
    for options in kinds {
        let start = Instant::now();
        match look(&copy, &arguments, options, Duration::from_secs(1200))? {
            Found::Nothing => longest = longest.max(start.elapsed()),
            Found::Mismatch(seed) => {
                println!(
                    "without a fault there is a mismatch already, {}",
                    at(&seed, options)
                );
                return Ok(ExitCode::FAILURE);
            }
            Found::Broken(how) => {
                println!("without a fault the fuzzer already {how}");
                return Ok(ExitCode::FAILURE);
            }
        }
    }
    let mut missed = 0;
    for fault in &all {
        progress.inc(1);
        progress.set_message(fault.name.clone());
        let file = copy.join(&fault.file);
        let source = fs::read_to_string(&file)?;
        let planted = fault
            .plant(&source)
            .ok_or_else(|| format!("{}: its text is not there", fault.name))?;
        fs::write(&file, planted)?;
        let found = hunt(&copy, &arguments, fault, 3 * longest);
        fs::write(&file, source)?;
        let verdict = match found? {
            (Found::Mismatch(seed), options) => format!("found, {}", at(&seed, options)),
            (Found::Broken(how), _) => format!("found: it {how}"),
            (Found::Nothing, _) => {
                missed += 1;
                "NOT FOUND".to_owned()
            }
        };
        progress.suspend(|| println!("{:38} {verdict:22} {}", fault.name, fault.rule));
    }
    progress.finish_and_clear();
    println!("{} faults, {missed} not found", all.len());
    Ok(if missed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Copies what git knows of the workspace, as it is now.
fn copy(root: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let copy = target(root).join("faults/workspace");
    let listed = Command::new("git")
        .args(["ls-files", "-z"])
        .current_dir(root)
        .output()?;
    for name in String::from_utf8(listed.stdout)?.split_terminator('\0') {
        let (from, to) = (root.join(name), copy.join(name));
        // Cargo builds again what is newer; what has not changed shall not be.
        let content = fs::read(&from)?;
        if fs::read(&to).ok().as_ref() != Some(&content) {
            fs::create_dir_all(to.parent().expect("it is below the copy"))?;
            fs::write(&to, content)?;
        }
    }
    Ok(copy)
}

fn target(root: &Path) -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from)
}

/// Where a mismatch is: its seed, and the options that make that program of it.
fn at(seed: &str, options: &[String]) -> String {
    if options.is_empty() {
        format!("seed {seed}")
    } else {
        format!("seed {seed} of {}", options.join(" "))
    }
}

/// Looks for a planted fault: first in programs of every kind, then in those that it names.
fn hunt<'fault>(
    copy: &Path,
    arguments: &Arguments,
    fault: &'fault Fault,
    limit: Duration,
) -> Result<(Found, &'fault [String]), Box<dyn Error>> {
    build(copy)?;
    let found = look(copy, arguments, &[], limit)?;
    if !matches!(found, Found::Nothing) || fault.options.is_empty() {
        return Ok((found, &[]));
    }
    let found = look(copy, arguments, &fault.options, limit)?;
    Ok((found, &fault.options))
}

/// Where the copy is built.
fn build_directory(copy: &Path) -> PathBuf {
    target(copy.parent().and_then(Path::parent).unwrap_or(copy)).join("faults-build")
}

/// Builds the fuzzer of the copy.
fn build(copy: &Path) -> Result<(), Box<dyn Error>> {
    let mut build = Command::new(env!("CARGO"));
    build.args([
        "build",
        "--release",
        "--quiet",
        "-p",
        "tests",
        "--bin",
        "fidelity",
    ]);
    let built = build
        .current_dir(copy)
        .env("CARGO_TARGET_DIR", build_directory(copy))
        // One line differs from build to build.
        .env("CARGO_INCREMENTAL", "1")
        .env("RUSTFLAGS", "-Awarnings")
        .output()?;
    if !built.status.success() {
        return Err(String::from_utf8_lossy(&built.stderr).into_owned().into());
    }
    Ok(())
}

/// Has the copy's fuzzer look for mismatches, with these options and for so long.
fn look(
    copy: &Path,
    arguments: &Arguments,
    options: &[String],
    limit: Duration,
) -> Result<Found, Box<dyn Error>> {
    let mut fuzzer = Command::new(build_directory(copy).join("release/fidelity"));
    fuzzer.args([
        "--no-shrink",
        "--seed",
        "1",
        "--count",
        &arguments.count.to_string(),
    ]);
    fuzzer.args(options);
    if let Some(python) = &arguments.python {
        fuzzer.arg("--python").arg(python);
    }
    let Some(output) = within(limit, &mut fuzzer)? else {
        return Ok(Found::Broken("hangs"));
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let seed = text
        .lines()
        .find_map(|line| line.strip_prefix("seed ")?.split(':').next());
    Ok(match (output.status.code(), seed) {
        (Some(0), _) => Found::Nothing,
        (_, Some(seed)) => Found::Mismatch(seed.to_owned()),
        _ => Found::Broken("crashes"),
    })
}

/// The output of a command, if it ends in time.
fn within(time: Duration, command: &mut Command) -> Result<Option<Output>, Box<dyn Error>> {
    let mut process = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()?;
    let end = Instant::now() + time;
    while process.try_wait()?.is_none() {
        if Instant::now() > end {
            process.kill()?;
            process.wait()?;
            return Ok(None);
        }
        thread::sleep(Duration::from_millis(50));
    }
    Ok(Some(process.wait_with_output()?))
}
