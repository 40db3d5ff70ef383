//! The corpus: programs whose traces CPython 3.13 recorded, and what we do with them.

use tests::fidelity::compare::{first_difference, side_by_side};
use tests::fidelity::corpus;
use tests::fidelity::interpret::{execute, quietly};

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
