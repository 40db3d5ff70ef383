//! Makes a program that shows a mismatch small.

use crate::fidelity::program::{Block, Item, Mode, Op, Program};

/// The smallest program found for which `fails` still holds, by greedy descent.
///
/// `fails` gets all candidates of a round at once, since CPython is asked in batches, and says which of them
/// still fail.
pub fn shrink(mut program: Program, mut fails: impl FnMut(&[Program]) -> Vec<bool>) -> Program {
    loop {
        let candidates = reductions(&program);
        // The boldest come first, so the first that still fails is the best step.
        let mut found = None;
        for chunk in candidates.chunks(64) {
            if let Some(at) = fails(chunk).into_iter().position(|fails| fails) {
                found = Some(chunk[at].clone());
                break;
            }
        }
        match found {
            Some(smaller) => program = smaller,
            None => return program,
        }
    }
}

/// As [`shrink`], for programs of which the last fails when they all run one after the other: what one of
/// them leaves behind it finds.
pub fn shrink_all(
    mut programs: Vec<Program>,
    mut fails: impl FnMut(&[Program]) -> bool,
) -> Vec<Program> {
    let mut size = programs.len();
    while size > 0 {
        let mut at = 0;
        while at + 1 < programs.len() {
            let end = (at + size).min(programs.len() - 1);
            let mut fewer = programs.clone();
            fewer.drain(at..end);
            if fails(&fewer) {
                programs = fewer;
            } else {
                at = end;
            }
        }
        size /= 2;
    }
    for at in 0..programs.len() {
        let mut all = programs.clone();
        programs[at] = shrink(programs[at].clone(), |candidates| {
            // One is enough, and each takes a process.
            let mut found = false;
            let fail = |candidate: &Program| {
                all[at] = candidate.clone();
                found = !found && fails(&all);
                found
            };
            candidates.iter().map(fail).collect()
        });
    }
    programs
}

/// Every program that is one step smaller.
fn reductions(program: &Program) -> Vec<Program> {
    let mut found = Vec::new();
    for coro in 0..program.coros.len() {
        if !program.coros[coro].is_empty() {
            let mut smaller = program.clone();
            smaller.coros[coro].clear();
            found.push(smaller);
        }
    }
    // The coroutines nobody can name any more.
    let mut shorter = program.clone();
    while shorter.coros.len() > 1 && shorter.coros.last().is_some_and(Vec::is_empty) {
        shorter.coros.pop();
    }
    if shorter.coros.len() < program.coros.len() && fits(&shorter) {
        found.push(shorter);
    }
    let mut edited = |edit: &mut dyn FnMut(&mut Block, usize)| {
        for at in 0..program.len() {
            let mut smaller = program.clone();
            let mut left = at;
            for block in &mut smaller.coros {
                if visit(block, &mut left, edit) {
                    break;
                }
            }
            if smaller != *program {
                found.push(smaller);
            }
        }
    };
    edited(&mut |block, at| drop(block.drain(at..)));
    edited(&mut |block, at| drop(block.remove(at)));
    for inner in 0..3 {
        edited(&mut |block, at| {
            if let Some(ops) = block[at].blocks().get(inner).copied().cloned() {
                block.splice(at..=at, ops);
            }
        });
    }
    for way in 0..WAYS {
        edited(&mut |block, at| simplify(&mut block[at], way));
    }
    if program.mode == Mode::Panic {
        found.push(Program {
            mode: Mode::Err,
            ..program.clone()
        });
    }
    found
}

/// Whether every coroutine that is named is there.
fn fits(program: &Program) -> bool {
    fn all(block: &Block, check: &impl Fn(&Op) -> bool) -> bool {
        block
            .iter()
            .all(|op| check(op) && op.blocks().into_iter().all(|block| all(block, check)))
    }
    let known = |coro: usize| coro < program.coros.len();
    let item = |item: &Item| {
        let is_made = matches!(item, Item::Slot(_) | Item::Future(_));
        is_made || matches!(item, Item::Coro(coro) if known(*coro))
    };
    program.coros.iter().all(|block| {
        all(block, &|op| match op {
            Op::Spawn { coro, .. } | Op::GroupSpawn { coro, .. } | Op::Call(coro) => known(*coro),
            Op::Gather { items, .. }
            | Op::GatherNew { items, .. }
            | Op::AsCompleted { items, .. }
            | Op::AsCompletedStream { items, .. } => items.iter().all(item),
            Op::WaitFor { item: one, .. } | Op::Shield(one) => item(one),
            _ => true,
        })
    })
}

/// Calls `edit` for the operation numbered `left` in order of appearance, at any depth.
fn visit(block: &mut Block, left: &mut usize, edit: &mut dyn FnMut(&mut Block, usize)) -> bool {
    for at in 0..block.len() {
        if *left == 0 {
            edit(block, at);
            return true;
        }
        *left -= 1;
        for inner in block[at].blocks_mut() {
            if visit(inner, left, edit) {
                return true;
            }
        }
    }
    false
}

const WAYS: usize = 4;

/// Takes something away from one operation, in one of `WAYS` ways.
fn simplify(op: &mut Op, way: usize) {
    match (op, way) {
        (
            Op::Gather { items, .. }
            | Op::GatherNew { items, .. }
            | Op::AsCompleted { items, .. }
            | Op::AsCompletedStream { items, .. },
            0,
        ) if items.len() > 1 => {
            items.truncate(items.len() - 1);
        }
        (
            Op::Gather { items, .. }
            | Op::GatherNew { items, .. }
            | Op::AsCompleted { items, .. }
            | Op::AsCompletedStream { items, .. },
            1,
        ) if items.len() > 1 => {
            items.drain(..1);
        }
        (Op::Gather { exceptions, .. } | Op::GatherNew { exceptions, .. }, 2) => {
            *exceptions = false
        }
        (Op::Wait { slots, .. }, 0) if slots.len() > 1 => slots.truncate(slots.len() - 1),
        (Op::Wait { slots, .. }, 1) if slots.len() > 1 => drop(slots.remove(0)),
        (
            Op::Wait { timeout, .. }
            | Op::WaitFor { timeout, .. }
            | Op::AsCompleted { timeout, .. }
            | Op::AsCompletedStream { timeout, .. }
            | Op::Timeout { delay: timeout, .. }
            | Op::Reschedule(timeout),
            2,
        ) => *timeout = None,
        (
            Op::Wait {
                timeout: Some(delay),
                ..
            }
            | Op::WaitFor {
                timeout: Some(delay),
                ..
            }
            | Op::AsCompleted {
                timeout: Some(delay),
                ..
            }
            | Op::Timeout {
                delay: Some(delay), ..
            }
            | Op::Reschedule(Some(delay))
            | Op::Sleep(delay)
            | Op::CallAt { delay, .. }
            | Op::CallLater { delay, .. },
            3,
        ) if *delay > 1 => *delay = 1,
        (Op::Cancel { msg, .. } | Op::CancelSelf(msg), 0) => *msg = None,
        (Op::Try { cancelled, .. }, 0) => *cancelled = None,
        (Op::Try { failed, .. }, 1) => *failed = None,
        (
            Op::Try {
                cancelled: Some(handler),
                ..
            }
            | Op::Try {
                failed: Some(handler),
                ..
            },
            2,
        ) => {
            handler.again = false;
        }
        (Op::Spawn { eager, .. }, 0) => *eager = false,
        (Op::Spawn { context, .. }, 1) => *context = None,
        (Op::Timeout { at, .. }, 0) => *at = false,
        (Op::ConditionNotify { all, .. }, 0) => *all = false,
        (op @ Op::Sleep(_), 0) => *op = Op::Turn,
        (op @ Op::Call(_), 0) => *op = Op::Turn,
        _ => {}
    }
}
