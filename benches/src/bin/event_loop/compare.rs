//! All engines side by side.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use benches::report::{self, Figures};
use serde_json::{Value, json};

use crate::engines;
use crate::python::Python;
use crate::workloads::{Figure, WORKLOADS, Workload};

/// What does not do the same, and why; it is shown, but is not the best peer.
const APART: [(&str, &str, &str); 7] = [
    ("monoio", "yield_now", UNFAIR),
    ("monoio", "yield_single", UNFAIR),
    ("monoio", "gather", UNFAIR),
    ("monoio", "lock", UNFAIR),
    ("smol", "lock", BARGES),
    ("compio", "lock", BARGES),
    ("LocalPool", "lock", BARGES),
];
const UNFAIR: &str =
    "monoio puts a task that wakes itself at the front of its queue, so that no other has a turn";
const BARGES: &str = "async-lock's and futures' locks are not handed on: who lets go takes it again before the next one runs";

/// What is measured.
pub(crate) struct Choice {
    /// How many times over.
    pub(crate) rounds: usize,
    /// These alone, if there are any.
    pub(crate) engines: Vec<String>,
    /// These alone, if there are any.
    pub(crate) workloads: Vec<String>,
    /// Whether valgrind counts instructions.
    pub(crate) instructions: bool,
}

/// Engines side by side.
pub(crate) struct Comparison {
    rows: Vec<Row>,
    versions: Value,
}

/// A workload on all engines.
struct Row {
    workload: &'static Workload,
    figure: Figure,
    rounds: u64,
    /// When it was measured.
    date: String,
    entries: Vec<Entry>,
}

/// A workload on an engine.
struct Entry {
    engine: String,
    how: How,
    /// The figure that counts.
    main: Vec<f64>,
    /// The other one: of what is resident, or of the heap.
    second: Vec<f64>,
}

enum How {
    Here,
    Python(usize),
    /// In a run before this one.
    Kept,
}

/// What the tables show of an entry.
pub(crate) struct Shown {
    /// Who.
    pub(crate) engine: String,
    /// The figure that counts.
    pub(crate) figures: Figures,
    /// The median of the other one.
    pub(crate) second: Option<f64>,
    /// Why it is not compared.
    pub(crate) apart: Option<&'static str>,
}

/// A row with what is worked out of it.
pub(crate) struct ShownRow {
    /// Of what.
    pub(crate) workload: &'static Workload,
    /// What was measured.
    pub(crate) figure: Figure,
    /// By engine.
    pub(crate) entries: Vec<Shown>,
    /// Ours and that of the best peer who does the same.
    pub(crate) ours_and_best: Option<(f64, String, f64)>,
}

impl Comparison {
    /// Measures: each workload on each engine in turn, over and over, each time in a process of its own.
    pub(crate) fn measure(choice: &Choice) -> Self {
        let rounds = choice.rounds;
        let pythons = if choice.instructions {
            Vec::new()
        } else {
            Python::find()
        };
        let chosen = |names: &[String], name: &str| {
            names.is_empty() || names.iter().any(|chosen| chosen == name)
        };
        let cases = engines::cases();
        let mut rows = Vec::new();
        for told in &WORKLOADS {
            let figure = match told.figure {
                Figure::Nanos | Figure::Rate if choice.instructions => Figure::Instructions,
                _ if choice.instructions => continue,
                figure => figure,
            };
            if !chosen(&choice.workloads, told.name) {
                continue;
            }
            let here = cases
                .iter()
                .filter(|case| case.workload == told.name)
                .map(|case| (case.engine, How::Here));
            let python = pythons
                .iter()
                .enumerate()
                .filter(|_| Python::n(told.name).is_some())
                .map(|(at, python)| (python.name, How::Python(at)));
            let entries = here
                .chain(python)
                .filter(|(name, _)| chosen(&choice.engines, name))
                .map(|(engine, how)| Entry {
                    engine: engine.to_owned(),
                    how,
                    main: Vec::new(),
                    second: Vec::new(),
                })
                .collect();
            rows.push(Row {
                workload: told,
                figure,
                rounds: rounds as u64,
                date: report::date(),
                entries,
            });
        }
        for round in 0..rounds {
            for row in &mut rows {
                eprintln!("round {} of {rounds}: {}", round + 1, row.workload.name);
                for entry in &mut row.entries {
                    if row.figure == Figure::Instructions {
                        entry.main.extend(instructions(&entry.engine, row.workload));
                    } else {
                        entry.sample(row.workload, &pythons);
                    }
                }
            }
        }
        Comparison {
            rows,
            versions: versions(&pythons),
        }
    }

    /// Takes the rows of workloads that this one lacks from what another has written.
    pub(crate) fn keep(&mut self, written: &Value) {
        let rows = written["rows"].as_array().map_or(&[][..], Vec::as_slice);
        let kept = WORKLOADS.iter().filter_map(|workload| {
            let here = self
                .rows
                .iter()
                .position(|row| row.workload.name == workload.name);
            match here {
                Some(at) => Some(self.rows.swap_remove(at)),
                None => rows.iter().find_map(|row| Row::written(workload, row)),
            }
        });
        self.rows = kept.collect();
        let versions = self.versions.as_object_mut().expect("it is one");
        for (name, version) in written["versions"].as_object().into_iter().flatten() {
            versions.entry(name).or_insert_with(|| version.clone());
        }
    }

    /// What the tables show.
    pub(crate) fn shown(&self) -> Vec<ShownRow> {
        self.rows.iter().filter_map(Row::shown).collect()
    }

    /// For a file.
    pub(crate) fn json(&self) -> Value {
        let rows: Vec<Value> = self.rows.iter().map(Row::json).collect();
        json!({ "machine": report::machine(), "versions": self.versions, "rows": rows })
    }

    /// Where and when, and of what.
    pub(crate) fn circumstances(&self) -> String {
        let machine = report::machine();
        let text = |key: &str| machine[key].as_str().unwrap_or("unknown").to_owned();
        let versions = self.versions.as_object().expect("it is one");
        let versions: Vec<String> = versions
            .iter()
            .map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or("unknown")))
            .collect();
        format!(
            "{}, {} cores, Linux {}, {}; {}; {}, {}",
            text("processor"),
            machine["cores"],
            report::first_line("uname", &["-r"]),
            text("rustc"),
            versions.join(", "),
            span(self.rows.iter().map(|row| row.rounds), "rounds"),
            span(self.rows.iter().map(|row| row.date.as_str()), "UTC"),
        )
    }
}

impl Entry {
    #[expect(clippy::cast_precision_loss)]
    fn sample(&mut self, workload: &Workload, pythons: &[Python]) {
        let mut command = match self.how {
            How::Here => {
                let mut command = Command::new(std::env::current_exe().expect("it has a path"));
                command.args(["one", &self.engine, workload.name]);
                command
            }
            How::Python(at) => {
                let n = Python::n(workload.name).expect("it was chosen");
                pythons[at].command(workload.name, n, workload.repeat.min(2))
            }
            How::Kept => unreachable!("it was measured before"),
        };
        let output = command.output().expect("it can be started");
        let text = String::from_utf8_lossy(&output.stdout);
        let Some(report) = text
            .lines()
            .last()
            .and_then(|line| serde_json::from_str::<Value>(line).ok())
        else {
            eprintln!(
                "{} has no figure for {}: {}",
                self.engine,
                workload.name,
                String::from_utf8_lossy(&output.stderr)
            );
            return;
        };
        let n = report["n"].as_u64().expect("it is told") as f64;
        let samples = report["samples"].as_array().expect("they are told");
        let least = |key: &str| {
            let of = samples.iter().filter_map(|sample| sample[key].as_f64());
            of.min_by(f64::total_cmp)
        };
        let wall = least("wall").expect("it is told");
        let most_resident = report["most_resident"].as_f64().unwrap_or(0.0);
        match workload.figure {
            Figure::Nanos => self.main.push(wall * 1e9 / n),
            Figure::Rate => self.main.push(n / wall),
            Figure::Processor => {
                self.main.push(least("processor").expect("it is told"));
                self.second.push(most_resident / 1e6);
            }
            Figure::Instructions => unreachable!("valgrind counts them"),
            Figure::Bytes => {
                self.main.push(least("resident").expect("it is told") / n);
                self.second.extend(least("heap").map(|heap| heap / n));
            }
        }
    }

    fn shown(&self, workload: &str) -> Option<Shown> {
        if self.main.is_empty() {
            return None;
        }
        let apart = APART
            .iter()
            .find(|(engine, of, _)| *engine == self.engine && *of == workload);
        Some(Shown {
            engine: self.engine.clone(),
            figures: Figures::of(self.main.clone()),
            second: (!self.second.is_empty()).then(|| Figures::of(self.second.clone()).median),
            apart: apart.map(|(_, _, why)| *why),
        })
    }
}

impl Row {
    fn shown(&self) -> Option<ShownRow> {
        let entries: Vec<Shown> = self
            .entries
            .iter()
            .filter_map(|entry| entry.shown(self.workload.name))
            .collect();
        let ours = entries.iter().find(|shown| shown.engine == "asyncio");
        let peers = entries.iter().filter(|shown| {
            !shown.engine.starts_with("asyncio") && shown.engine != "bare" && shown.apart.is_none()
        });
        let better = |a: &&Shown, b: &&Shown| {
            let order = a.figures.median.total_cmp(&b.figures.median);
            if self.figure.more_is_better() {
                order.reverse()
            } else {
                order
            }
        };
        let best = peers.min_by(better);
        let ours_and_best = ours.zip(best).map(|(ours, best)| {
            (
                ours.figures.median,
                best.engine.clone(),
                best.figures.median,
            )
        });
        (!entries.is_empty()).then_some(ShownRow {
            workload: self.workload,
            figure: self.figure,
            entries,
            ours_and_best,
        })
    }

    /// What [`json`](Self::json) has written of a workload.
    fn written(workload: &'static Workload, row: &Value) -> Option<Self> {
        let is_it = row["workload"] == workload.name;
        let figure = [workload.figure, Figure::Instructions]
            .into_iter()
            .find(|figure| row["unit"] == figure.unit());
        let numbers = |value: &Value| {
            let numbers = value.as_array().into_iter().flatten();
            numbers.filter_map(Value::as_f64).collect()
        };
        let entry = |entry: &Value| {
            Some(Entry {
                engine: entry["engine"].as_str()?.to_owned(),
                how: How::Kept,
                main: numbers(&entry["all"]),
                second: numbers(&entry["second"]),
            })
        };
        Some(Row {
            workload,
            figure: figure.filter(|_| is_it)?,
            rounds: row["rounds"].as_u64()?,
            date: row["date"].as_str()?.to_owned(),
            entries: row["entries"]
                .as_array()?
                .iter()
                .filter_map(entry)
                .collect(),
        })
    }

    fn json(&self) -> Value {
        let entries: Vec<Value> = self
            .entries
            .iter()
            .filter(|entry| !entry.main.is_empty())
            .map(|entry| {
                json!({
                    "engine": entry.engine,
                    "figures": Figures::of(entry.main.clone()).json(),
                    "all": entry.main,
                    "second": entry.second,
                })
            })
            .collect();
        json!({
            "workload": self.workload.name,
            "what": self.workload.what,
            "unit": self.figure.unit(),
            "rounds": self.rounds,
            "date": self.date,
            "entries": entries,
        })
    }
}

/// The first to the last of what was measured at several times.
fn span<T: Ord + ToString>(all: impl Iterator<Item = T> + Clone, unit: &str) -> String {
    let (Some(first), Some(last)) = (all.clone().min(), all.max()) else {
        return "nothing measured".to_owned();
    };
    let span = if first == last {
        first.to_string()
    } else {
        format!("{} to {}", first.to_string(), last.to_string())
    };
    format!("{span} {unit}")
}

/// How many instructions an operation takes: the difference of two sizes, so that what is done once is not counted.
fn instructions(engine: &str, workload: &Workload) -> Option<f64> {
    let size = if workload.figure == Figure::Rate {
        1_000
    } else {
        20_000
    };
    let workload = workload.name;
    let count = |n: u32| {
        let output = Command::new("valgrind")
            .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
            .arg(std::env::current_exe().expect("it has a path"))
            .args(["one", engine, workload, "--cold", "--repeat", "1", "-n"])
            .arg(n.to_string())
            .output()
            .ok()?;
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        let line = text.lines().find_map(|line| line.split_once("Collected :"));
        let counted = line.and_then(|(_, count)| count.trim().parse::<f64>().ok());
        if counted.is_none() || !output.status.success() {
            eprintln!("{engine} has no figure for {workload}: {text}");
            return None;
        }
        counted
    };
    Some((count(2 * size)? - count(size)?) / f64::from(size))
}

fn versions(pythons: &[Python]) -> Value {
    const LOCK: &str = include_str!("../../../../Cargo.lock");
    let mut versions = BTreeMap::new();
    for peer in ["tokio", "smol", "compio", "monoio", "futures"] {
        let version = report::version(LOCK, peer).unwrap_or("unknown");
        versions.insert(peer, version.to_owned());
    }
    for python in pythons {
        versions.insert(python.name, python.version.clone());
    }
    json!(versions)
}

/// Where the build writes.
pub(crate) fn target() -> PathBuf {
    let program = std::env::current_exe().expect("a running program has a path");
    let directory = program.ancestors().nth(2);
    directory
        .expect("it is in `release` in the target directory")
        .to_owned()
}
