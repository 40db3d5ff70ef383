//! The operations that never wait: they may stand in callbacks, too.

use super::awaitables::Gathered;
use super::{Frame, Handle, Run, Slot, current_task, seconds, ticks};
use crate::fidelity::program::{Op, Thing};
use asyncio::{ContextToken, ContextVar};
use std::rc::Rc;

impl Run {
    /// Does an operation that never waits; false if it is not one.
    pub(super) fn now(self: &Rc<Self>, f: &Frame, op: &Op) -> bool {
        let log = |what: String| self.log(&f.name, what);
        match op {
            Op::Log(n) => log(format!("log {n}")),
            Op::Spawn {
                slot,
                coro,
                eager,
                context,
            } => {
                if self.full(1) {
                    log("full".into());
                    return true;
                }
                let child = self.frame(*coro, None, Vec::new());
                let (name, number) = (child.name.clone(), child.task);
                let body = self.clone().body(child);
                let mut task = if *eager {
                    asyncio::create_eager_task(body)
                } else {
                    asyncio::create_task(body)
                };
                task = task.name(name.as_str());
                let contexts = self.contexts.borrow();
                if let Some(context) = context.and_then(|n| contexts.get(&n)) {
                    task = task.context(context);
                }
                self.slots.borrow_mut().insert(
                    *slot,
                    Slot {
                        task: task.any(),
                        typed: Some(task),
                        number,
                    },
                );
                log(format!("spawn s{slot} {name}"));
            }
            Op::GroupSpawn { slot, coro } => self.group_spawn(f, *slot, *coro),
            Op::Cancel { slot, msg } => match self.slot(*slot) {
                None => log("empty".into()),
                Some(Slot { task, .. }) => {
                    let done = match msg {
                        None => task.cancel(),
                        Some(msg) => task.cancel_with(&format!("m{msg}")),
                    };
                    log(format!("cancel s{slot} -> {}", i32::from(done)));
                }
            },
            Op::CancelSelf(msg) => {
                let task = current_task();
                let done = match msg {
                    None => task.cancel(),
                    Some(msg) => task.cancel_with(&format!("m{msg}")),
                };
                log(format!(
                    "cancel self -> {} {}",
                    i32::from(done),
                    task.cancelling()
                ));
            }
            Op::Uncancel => log(format!("uncancel -> {}", current_task().uncancel())),
            Op::Look(n) => match self.slot(*n) {
                None => log("empty".into()),
                Some(slot) => log(format!(
                    "look s{n} {} {}",
                    self.outcome(&slot),
                    slot.task.cancelling()
                )),
            },
            Op::AllTasks => log(format!("all tasks {}", asyncio::all_tasks().len())),
            Op::CallSoon { handle, ops } => {
                let (run, ops, who) = (self.clone(), ops.clone(), format!("h{handle}"));
                let callback = move || run.callback(who, &ops);
                let soon = Handle::Soon(asyncio::get_running_loop().call_soon(callback));
                self.handles.borrow_mut().insert(*handle, soon);
                log(format!("call soon h{handle}"));
            }
            Op::CallLater { handle, delay, ops } => {
                let (run, ops, who) = (self.clone(), ops.clone(), format!("h{handle}"));
                let callback = move || run.callback(who, &ops);
                let later = Handle::Later(
                    asyncio::get_running_loop().call_later(seconds(*delay), callback),
                );
                self.handles.borrow_mut().insert(*handle, later);
                log(format!("call later h{handle} {delay}"));
            }
            Op::CallAt { handle, delay, ops } => {
                let (run, ops, who) = (self.clone(), ops.clone(), format!("h{handle}"));
                let callback = move || run.callback(who, &ops);
                let running = asyncio::get_running_loop();
                let when = running.time() + seconds(*delay);
                let later = Handle::Later(running.call_at(when, callback));
                self.handles.borrow_mut().insert(*handle, later);
                log(format!("call at h{handle} {delay}"));
            }
            Op::CancelHandle(n) => match self.handles.borrow().get(n) {
                None => log("empty".into()),
                Some(handle) => {
                    match handle {
                        Handle::Soon(handle) => handle.cancel(),
                        Handle::Later(handle) => handle.cancel(),
                    }
                    log(format!("cancel h{n}"));
                }
            },
            Op::WhenDone { slot, ops } => match self.slot(*slot) {
                None => log("empty".into()),
                Some(Slot { typed: None, .. }) => log("main".into()),
                Some(found) => {
                    let (run, ops, who) = (self.clone(), ops.clone(), format!("d{slot}"));
                    let task = found.typed.clone().expect("not main's");
                    task.add_done_callback(move |_| {
                        run.log(&who, run.outcome(&found));
                        run.callback(who, &ops);
                    });
                    log(format!("when done s{slot}"));
                }
            },
            Op::GroupCancel => self.group_cancel(f),
            Op::GatherNew {
                gather,
                items,
                exceptions,
            } => self.gather_new(f, *gather, items, *exceptions),
            Op::GatherCancel(n) => match self.gathers.borrow().get(n) {
                None => log("empty".into()),
                Some(gather) => log(format!(
                    "gather cancel {n} -> {}",
                    i32::from(gather.cancel())
                )),
            },
            Op::VarSet { var, value } => {
                VARS[*var].set(*value);
                log(format!("var {var} set"));
            }
            Op::VarGet(var) => log(format!("var {var} {}", var_text(*var))),
            Op::ContextCopy(n) => {
                let context = asyncio::Context::copy();
                self.contexts.borrow_mut().insert(*n, context);
                log(format!("context {n}"));
            }
            Op::State(thing) => {
                let state = self.look(f, *thing);
                log(format!("{thing} {state}"));
            }
            Op::Reschedule(delay) => match f.timeouts.borrow().last() {
                None => log("no timeout".into()),
                Some(cm) if cm.expired() => log("timeout expired".into()),
                Some(cm) => {
                    let now = asyncio::get_running_loop().time();
                    cm.reschedule(delay.map(|delay| now + seconds(delay)));
                    log("reschedule".into());
                }
            },
            op => return self.touch(f, op),
        }
        true
    }

    fn look(&self, f: &Frame, thing: Thing) -> String {
        let state = match thing {
            Thing::Gather(n) => self.gathers.borrow().get(&n).map(Gathered::state),
            Thing::Handle(n) => self.handles.borrow().get(&n).map(Handle::state),
            Thing::Timeout => f.timeouts.borrow().last().map(|cm| {
                let when = cm.when().map_or("none".to_owned(), ticks);
                format!("{when} {}", i32::from(cm.expired()))
            }),
            thing => self.state(thing),
        };
        state.unwrap_or_else(|| "none".to_owned())
    }
}

impl Handle {
    fn state(&self) -> String {
        match self {
            Handle::Soon(handle) => i32::from(handle.cancelled()).to_string(),
            Handle::Later(handle) => {
                format!("{} {}", i32::from(handle.cancelled()), ticks(handle.when()))
            }
        }
    }
}

static VARS: [ContextVar<u32>; 2] = [ContextVar::new("first"), ContextVar::new("second")];

fn var_text(var: usize) -> String {
    VARS[var]
        .try_get()
        .map_or("unset".to_owned(), |value| value.to_string())
}

/// A variable that is set while this lives.
pub(super) struct Scope(usize, Option<ContextToken<u32>>);

impl Scope {
    pub(super) fn new(var: usize, value: u32) -> Self {
        Scope(var, Some(VARS[var].set(value)))
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        if let Some(token) = self.1.take() {
            VARS[self.0].reset(token);
        }
    }
}
