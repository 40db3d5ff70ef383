//! How fast the event loop is, beside its peers: see the README.

mod engine;
mod engines;
mod measure;
mod workloads;

use clap::{Parser, Subcommand};
use measure::Plan;
use workloads::{WORKLOADS, Workload};

/// Measures the event loop beside its peers.
#[derive(Parser)]
struct Options {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// One workload on one engine, in this process, as a line of JSON: what all other commands start, and what a profiler wants.
    One {
        /// As `list` says.
        engine: String,
        /// As `list` says.
        workload: String,
        /// How many operations.
        #[arg(short)]
        n: Option<u64>,
        /// How many times over.
        #[arg(long)]
        repeat: Option<usize>,
        /// Without doing a little first that does not count.
        #[arg(long)]
        cold: bool,
    },
    /// All workloads, and what runs them.
    List,
}

fn main() {
    match Options::parse().command {
        Command::One {
            engine,
            workload,
            n,
            repeat,
            cold,
        } => {
            let told = find(&workload);
            let plan = Plan {
                n: n.unwrap_or(told.n),
                repeat: repeat.unwrap_or(told.repeat),
                warm: !cold,
            };
            one(&engine, &workload, plan);
        }
        Command::List => list(),
    }
}

fn find(name: &str) -> &'static Workload {
    let found = WORKLOADS.iter().find(|workload| workload.name == name);
    found.unwrap_or_else(|| panic!("there is no workload {name}"))
}

fn one(engine: &str, workload: &str, plan: Plan) {
    let cases = engines::cases();
    let case = cases
        .iter()
        .find(|case| case.engine == engine && case.workload == workload);
    let case = case.unwrap_or_else(|| panic!("{engine} has no {workload}"));
    let samples: Vec<_> = (case.run)(plan)
        .into_iter()
        .map(measure::Sample::json)
        .collect();
    let report = serde_json::json!({
        "n": plan.n,
        "samples": samples,
        "most_resident": measure::most_resident(),
    });
    println!("{report}");
}

fn list() {
    let cases = engines::cases();
    for workload in &WORKLOADS {
        let engines: Vec<_> = cases
            .iter()
            .filter(|case| case.workload == workload.name)
            .map(|case| case.engine)
            .collect();
        println!(
            "{:<16} {}\n{:16} {}",
            workload.name,
            workload.what,
            "",
            engines.join(", ")
        );
    }
}
