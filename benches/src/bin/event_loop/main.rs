//! How fast the event loop is, beside its peers: see the README.

mod chart;
mod compare;
mod engine;
mod engines;
mod growth;
mod measure;
mod python;
mod table;
mod workloads;

use benches::page;
use clap::{Args, Parser, Subcommand};
use compare::{Choice, Comparison};
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
    /// All workloads on all engines in turn: a table, a JSON file and a chart.
    Compare(Chosen),
    /// The same in instructions an operation, as valgrind counts them.
    Instructions(Chosen),
    /// How cost grows with the number of tasks, timers, waiters and items: a table, a JSON file and a chart.
    Growth {
        /// The largest number.
        #[arg(long, default_value_t = 10_000_000)]
        most: u64,
        /// Those alone that have one of these words in their names.
        #[arg(long, value_delimiter = ',')]
        only: Vec<String>,
        /// Writes the table and the chart into the repository's page.
        #[arg(long)]
        publish: bool,
    },
    /// One of those with one number, in this process.
    #[command(hide = true)]
    Grow {
        /// Which.
        at: usize,
        /// The number.
        n: u64,
    },
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

#[derive(Args)]
struct Chosen {
    /// How many times over.
    #[arg(long)]
    rounds: Option<usize>,
    /// These engines alone.
    #[arg(long, value_delimiter = ',')]
    engine: Vec<String>,
    /// These workloads alone.
    #[arg(long, value_delimiter = ',')]
    workload: Vec<String>,
    /// With the rows of the last run that this one does not measure, so that a run can be made in pieces.
    #[arg(long)]
    keep: bool,
    /// Writes the tables and charts into the repository's pages.
    #[arg(long)]
    publish: bool,
}

fn main() {
    match Options::parse().command {
        Command::Compare(chosen) => compare(chosen, false),
        Command::Instructions(chosen) => compare(chosen, true),
        Command::Growth {
            most,
            only,
            publish,
        } => growth::measure(most, &only, publish),
        Command::Grow { at, n } => growth::one(at, n),
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

fn compare(chosen: Chosen, instructions: bool) {
    let mut comparison = Comparison::measure(&Choice {
        rounds: chosen.rounds.unwrap_or(if instructions { 1 } else { 5 }),
        engines: chosen.engine,
        workloads: chosen.workload,
        instructions,
    });
    let name = if instructions {
        "instructions"
    } else {
        "compare"
    };
    let json = compare::target().join(format!("event_loop-{name}.json"));
    print!("{}", table::terminal(&comparison.shown()));
    if chosen.keep {
        let written = std::fs::read_to_string(&json).unwrap_or_default();
        comparison.keep(&serde_json::from_str(&written).unwrap_or_default());
    }
    let rows = comparison.shown();
    let circumstances = comparison.circumstances();
    println!("{circumstances}");
    let text = serde_json::to_string_pretty(&comparison.json()).expect("it is JSON");
    std::fs::write(&json, text).expect("the target directory can be written");
    println!("written to {}", json.display());
    let chart = if chosen.publish {
        page::repository(&format!("benches/charts/{name}.svg"))
    } else {
        json.with_extension("svg")
    };
    chart::bars(&chart, &circumstances, &rows).expect("a chart can be drawn");
    println!("drawn to {}", chart.display());
    if chosen.publish {
        let full = format!(
            "{circumstances}.\n\n![the figures as bars](charts/{name}.svg)\n\n{}",
            table::full(&rows)
        );
        page::renew("benches/README.md", name, &full);
        if !instructions {
            let summary = format!(
                "{}\n{circumstances}.\n\n![the figures as bars](benches/charts/{name}.svg)\n",
                table::summary(&rows)
            );
            page::renew("README.md", name, &summary);
        }
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
