//! What is measured, and how: each row of a group does the same work, and says so with the same checksum.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use crate::counting;

/// One row of a table.
#[derive(Clone, Copy)]
pub struct Workload {
    /// The rows that do the same.
    pub group: &'static str,
    /// Who does it.
    pub name: &'static str,
    /// Does the work for so many items, and gives a checksum.
    pub run: fn(u64) -> u64,
    /// What a number of items is a multiple of.
    pub step: u64,
}

/// A row that any number of items suits.
#[must_use]
pub const fn row(group: &'static str, name: &'static str, run: fn(u64) -> u64) -> Workload {
    Workload {
        group,
        name,
        run,
        step: 1,
    }
}

impl Workload {
    /// The same row, for numbers of items that are multiples of `step`.
    #[must_use]
    pub const fn step(self, step: u64) -> Self {
        Workload { step, ..self }
    }

    /// Does the work once.
    #[must_use]
    pub fn sample(&self, items: u64) -> Sample {
        let began = Instant::now();
        let checksum = (self.run)(std::hint::black_box(items));
        let took = began.elapsed();
        Sample { took, checksum }
    }

    /// How often the work allocates.
    #[must_use]
    pub fn allocations(&self, items: u64) -> u64 {
        counting::count(|| {
            std::hint::black_box((self.run)(std::hint::black_box(items)));
        })
    }
}

/// What one run of a workload came to.
pub struct Sample {
    /// How long it took.
    pub took: Duration,
    /// What it computed.
    pub checksum: u64,
}

/// Serves the rows of a program that another compiler built to the one that measures.
///
/// # Panics
///
/// If it is asked for a row that it does not have.
pub fn serve(workloads: &[Workload], only_names: bool) {
    if only_names {
        for Workload {
            group, name, step, ..
        } in workloads
        {
            println!("{group}\t{name}\t{step}");
        }
        return;
    }
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        let numbers: Vec<u64> = line
            .split(' ')
            .map(|number| number.parse().expect("a number"))
            .collect();
        let [index, items] = numbers[..] else {
            panic!("a row and a number of items: {line}")
        };
        let workload = &workloads[usize::try_from(index).expect("an index")];
        let Sample { took, checksum } = workload.sample(items);
        let allocations = workload.allocations(workload.step);
        println!("{} {checksum} {allocations}", took.as_nanos());
    }
}

/// A program that [`serve`]s rows.
pub struct Server {
    /// Where it is.
    pub program: PathBuf,
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
    /// Its rows: group, name, step.
    pub rows: Vec<(String, String, u64)>,
}

impl Server {
    /// Starts it.
    ///
    /// # Panics
    ///
    /// If it does not run.
    #[must_use]
    pub fn start(program: &std::path::Path) -> Self {
        let listed = Command::new(program)
            .arg("--rows")
            .output()
            .expect("the program runs");
        let rows = String::from_utf8(listed.stdout)
            .expect("text")
            .lines()
            .map(|line| {
                let mut fields = line.split('\t').map(str::to_owned);
                let mut field = || fields.next().expect("a field");
                (field(), field(), field().parse().expect("a step"))
            })
            .collect();
        let mut process = Command::new(program)
            .arg("--serve")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program runs");
        Server {
            requests: process.stdin.take().expect("piped"),
            answers: BufReader::new(process.stdout.take().expect("piped")),
            process,
            program: program.to_owned(),
            rows,
        }
    }

    /// Has a row sampled; also gives how often it allocates for its step.
    ///
    /// # Panics
    ///
    /// If the program has died.
    pub fn sample(&mut self, row: usize, items: u64) -> (Sample, u64) {
        writeln!(self.requests, "{row} {items}").expect("it listens");
        let mut answer = String::new();
        self.answers.read_line(&mut answer).expect("it answers");
        let numbers: Vec<u64> = answer
            .split_whitespace()
            .map(|number| number.parse().expect("a number"))
            .collect();
        let [nanos, checksum, allocations] = numbers[..] else {
            panic!("three numbers: {answer:?}")
        };
        let took = Duration::from_nanos(nanos);
        (Sample { took, checksum }, allocations)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
