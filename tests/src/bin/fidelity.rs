//! Random programs, run on CPython and on `asyncio`, compared event by event.
//!
//! `cargo run -p tests --bin fidelity -- --seed 1 --count 50000` runs live and, on a mismatch, prints the
//! smallest program that shows it with both traces. `--record` writes the corpus that `cargo test` checks.

use clap::Parser;
use indicatif::{ProgressBar, ProgressStyle};
use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::thread;
use tests::fidelity::compare::{first_difference, side_by_side};
use tests::fidelity::corpus::{self, Recorded};
use tests::fidelity::generate::{Feature, Profile, generate};
use tests::fidelity::interpret::quietly;
use tests::fidelity::limit::{execute_all, spins};
use tests::fidelity::program::Program;
use tests::fidelity::python::{Python, Trace};
use tests::fidelity::shrink::{shrink, shrink_all};

/// Compares how `asyncio` and CPython 3.13 run random programs.
#[derive(Parser)]
struct Arguments {
    /// The first seed; program N of a run has seed + N.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many programs to run.
    #[arg(long, default_value_t = 10_000)]
    count: u64,
    /// A CPython 3.13; by default one on PATH or under pyenv.
    #[arg(long)]
    python: Option<PathBuf>,
    /// What the programs are about.
    #[arg(long, default_value = "all")]
    profile: Profile,
    /// Features programs may have; by default all that the profile has.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Feature>,
    /// Features programs may not have.
    #[arg(long, value_delimiter = ',')]
    without: Vec<Feature>,
    /// Runs the programs in this file instead, one after the other; each is a line of JSON.
    #[arg(long)]
    program: Option<PathBuf>,
    /// Records the programs' CPython traces as the corpus instead of running them here.
    #[arg(long)]
    record: bool,
    /// Prints a mismatching program as it was generated.
    #[arg(long)]
    no_shrink: bool,
}

const BATCH: u64 = 250;

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let arguments = Arguments::parse();
    let features: Vec<Feature> = arguments
        .profile
        .features()
        .iter()
        .copied()
        .filter(|feature| arguments.only.is_empty() || arguments.only.contains(feature))
        .filter(|feature| !arguments.without.contains(feature))
        .collect();
    let mut python = Python::start(arguments.python.as_deref())?;
    quietly();
    if arguments.record {
        return record(&mut python, &arguments, &features);
    }
    if let Some(file) = &arguments.program {
        let text = std::fs::read_to_string(file)?;
        let programs: Vec<Program> = text
            .lines()
            .map(serde_json::from_str)
            .collect::<Result<_, _>>()?;
        return Ok(match report(&mut python, &programs)? {
            true => ExitCode::SUCCESS,
            false => ExitCode::FAILURE,
        });
    }
    let style = ProgressStyle::with_template("{wide_bar} {pos}/{len} programs, {per_sec}, {eta}")?;
    let progress = ProgressBar::new(arguments.count).with_style(style);
    let mut events = 0;
    for start in (0..arguments.count).step_by(BATCH as usize) {
        let seeds = arguments.seed + start..arguments.seed + arguments.count.min(start + BATCH);
        let programs: Vec<Program> = seeds
            .clone()
            .map(|seed| generate(seed, arguments.profile, &features))
            .collect();
        let traces = both(&mut python, &programs)?;
        for (at, (seed, (theirs, ours))) in seeds.zip(traces).enumerate() {
            events += theirs.len();
            if first_difference(&theirs, &ours).is_none() && !spins(&theirs) {
                progress.inc(1);
                continue;
            }
            progress.abandon();
            println!(
                "seed {seed}: mismatch in a program of {} operations",
                programs[at].len()
            );
            println!("{}", side_by_side("CPython", &theirs, "asyncio", &ours));
            if spins(&theirs) || spins(&ours) {
                println!("{}", serde_json::to_string(&programs[at])?);
            } else if differ(&mut python, std::slice::from_ref(&programs[at]))? {
                if !arguments.no_shrink {
                    let small = smallest(&mut python, &programs[at])?;
                    report(&mut python, &[small])?;
                }
            } else {
                println!("not when it runs alone: something is left of those before it");
                let with_those_before = programs[..=at].to_vec();
                if !differ(&mut python.afresh(), &with_those_before)? {
                    println!("nor with {at} before it: run from an earlier seed");
                } else if !arguments.no_shrink {
                    let small = fewest(&python, with_those_before)?;
                    report(&mut python.afresh(), &small)?;
                }
            }
            return Ok(ExitCode::FAILURE);
        }
    }
    progress.finish_and_clear();
    println!("{} programs, {events} events, no mismatch", arguments.count);
    Ok(ExitCode::SUCCESS)
}

/// CPython's traces and ours, made at the same time.
fn both(python: &mut Python, programs: &[Program]) -> std::io::Result<Vec<(Trace, Trace)>> {
    thread::scope(|scope| {
        let theirs = scope.spawn(|| python.run(programs));
        let ours = execute_all(programs);
        Ok(theirs
            .join()
            .expect("driving CPython does not panic")?
            .into_iter()
            .zip(ours)
            .collect())
    })
}

fn smallest(python: &mut Python, program: &Program) -> std::io::Result<Program> {
    let mut failure = None;
    let progress = ProgressBar::new_spinner().with_message("shrinking");
    let small = shrink(program.clone(), |candidates| {
        progress.tick();
        match both(python, candidates) {
            Ok(traces) => traces
                .iter()
                .map(|(theirs, ours)| first_difference(theirs, ours).is_some())
                .collect(),
            Err(error) => {
                failure = Some(error);
                vec![false; candidates.len()]
            }
        }
    });
    progress.finish_and_clear();
    failure.map_or(Ok(small), Err)
}

/// Whether the last of `programs` differs when they run one after the other.
fn differ(python: &mut Python, programs: &[Program]) -> std::io::Result<bool> {
    let traces = both(python, programs)?;
    Ok(traces
        .last()
        .is_some_and(|(theirs, ours)| first_difference(theirs, ours).is_some()))
}

/// The fewest and smallest programs after which the last differs, in a process that has run no others.
fn fewest(python: &Python, programs: Vec<Program>) -> std::io::Result<Vec<Program>> {
    let mut failure = None;
    let progress = ProgressBar::new_spinner().with_message("shrinking what runs before, too");
    let few = shrink_all(programs, |candidates| {
        progress.tick();
        match differ(&mut python.afresh(), candidates) {
            Ok(differ) => differ,
            Err(error) => {
                failure = Some(error);
                false
            }
        }
    });
    progress.finish_and_clear();
    failure.map_or(Ok(few), Err)
}

/// Prints programs and both their traces; whether these are the same.
fn report(python: &mut Python, programs: &[Program]) -> Result<bool, Box<dyn Error>> {
    let mut same = true;
    for (program, (theirs, ours)) in programs.iter().zip(both(python, programs)?) {
        println!("{}", serde_json::to_string(program)?);
        println!("{}", side_by_side("CPython", &theirs, "asyncio", &ours));
        same &= first_difference(&theirs, &ours).is_none();
    }
    Ok(same)
}

/// Records programs in which something happens, but which can still be read.
fn record(
    python: &mut Python,
    arguments: &Arguments,
    features: &[Feature],
) -> Result<ExitCode, Box<dyn Error>> {
    let mut total = 0;
    let files = [
        ("random", Profile::All, arguments.count),
        ("primitives", Profile::Primitives, arguments.count / 3),
    ];
    for (file, profile, count) in files {
        let features: Vec<Feature> = profile
            .features()
            .iter()
            .copied()
            .filter(|feature| features.contains(feature))
            .collect();
        let mut recorded = Vec::new();
        let mut seed = arguments.seed;
        while (recorded.len() as u64) < count {
            let programs: Vec<Program> = (seed..seed + BATCH)
                .map(|seed| generate(seed, profile, &features))
                .collect();
            seed += BATCH;
            recorded.extend(
                run(python, programs)?
                    .into_iter()
                    .filter(|one| one.program.len() <= 50 && (20..=80).contains(&one.trace.len())),
            );
        }
        recorded.truncate(count as usize);
        corpus::write(file, &recorded)?;
        total += recorded.len();
    }
    // What the fuzzer once found stays what it is; only its traces are recorded again.
    let found = run(python, corpus::programs("found")?)?;
    corpus::write("found", &found)?;
    println!("{} programs recorded", total + found.len());
    Ok(ExitCode::SUCCESS)
}

fn run(python: &mut Python, programs: Vec<Program>) -> std::io::Result<Vec<Recorded>> {
    let traces = python.run(&programs)?;
    let all = programs.into_iter().zip(traces);
    Ok(all
        .map(|(program, trace)| Recorded { program, trace })
        .collect())
}
