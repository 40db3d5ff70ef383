//! The corpus: programs whose traces CPython 3.13 recorded, and what we do with them.

use std::collections::BTreeSet;
use tests::fidelity::compare::{first_difference, side_by_side};
use tests::fidelity::corpus;
use tests::fidelity::interpret::{execute, quietly};
use tests::fidelity::program::Block;

#[test]
fn every_recorded_program_runs_as_on_cpython() {
    let recorded = corpus::read().expect("the corpus is readable");
    assert!(
        recorded.len() >= 500,
        "the corpus holds {} programs",
        recorded.len()
    );
    let hook = std::panic::take_hook();
    quietly();
    let traces: Vec<_> = recorded
        .iter()
        .map(|(_, one)| execute(&one.program))
        .collect();
    std::panic::set_hook(hook);
    for ((name, one), ours) in recorded.iter().zip(&traces) {
        if first_difference(&one.trace, ours).is_some() {
            let program = serde_json::to_string(&one.program).expect("it was read from JSON");
            panic!(
                "{name}: {program}\n{}",
                side_by_side("CPython", &one.trace, "asyncio", ours)
            );
        }
    }
}

/// Every operation there is, as `reference.py` names them, is in the corpus.
#[test]
fn every_operation_is_in_the_corpus() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let reference = std::fs::read_to_string(root.join("fidelity/reference.py")).expect("readable");
    let operations: BTreeSet<&str> = reference
        .split("def op_")
        .skip(1)
        .filter_map(|rest| rest.split('(').next())
        .collect();
    let mut recorded = BTreeSet::new();
    for (_, one) in corpus::read().expect("the corpus is readable") {
        for block in &one.program.coros {
            names(block, &mut recorded);
        }
    }
    let recorded: BTreeSet<&str> = recorded.iter().map(String::as_str).collect();
    assert!(operations.len() > 60, "{operations:?}");
    assert_eq!(recorded, operations);
}

fn names(block: &Block, found: &mut BTreeSet<String>) {
    for op in block {
        found.insert(match serde_json::to_value(op).expect("it is data") {
            serde_json::Value::String(name) => name,
            serde_json::Value::Object(fields) => fields.into_iter().next().expect("its name").0,
            other => panic!("{other} is no operation"),
        });
        for block in op.blocks() {
            names(block, found);
        }
    }
}

#[test]
fn every_fault_can_still_be_planted() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let faults = tests::fidelity::faults::read().expect("the list is readable");
    assert!(faults.len() >= 15);
    for fault in faults {
        let source = std::fs::read_to_string(root.join(&fault.file)).expect("the file is there");
        assert!(
            fault.plant(&source).is_some(),
            "{}: change its text in faults.txt",
            fault.name
        );
    }
}

/// The CPython that recorded the corpus.
const RECORDED_BY: &str = "3.13.0";

/// CPython's tasks in C and in Python give the same traces: what is recorded is no accident of either.
///
/// Does nothing where there is no CPython 3.13.
#[test]
fn tasks_in_c_and_in_python_agree() {
    let Ok(mut python) = tests::fidelity::python::Python::start(None) else {
        eprintln!("no CPython 3.13 here");
        return;
    };
    let recorded = corpus::read().expect("the corpus is readable");
    let recorded = recorded
        .into_iter()
        .map(|(_, one)| one)
        .filter(|one| !one.program.has_messages());
    let (programs, traces): (Vec<_>, Vec<_>) = recorded.map(|one| (one.program, one.trace)).unzip();
    let native = python.run(&programs).expect("it runs");
    assert!(native == python.run_pure(&programs).expect("it runs"));
    if python.release() == RECORDED_BY {
        assert!(native == traces, "the recordings are out of date");
    }
}
