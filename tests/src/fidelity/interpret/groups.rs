//! Task groups.

use super::failing::Fail;
use super::{Frame, Inside, Outcome, Run, Slot, Value};
use crate::fidelity::program::{Block, Mode};
use asyncio::Task;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

/// A group that a frame is in.
#[derive(Clone)]
pub(super) struct Membership {
    group: Group,
    /// The task that waits for it.
    owner: usize,
}

/// A group of either kind.
#[derive(Clone)]
pub(super) enum Group {
    Values(asyncio::TaskGroup),
    Results(asyncio::TaskGroup<asyncio::Results<Fail>>),
}

impl Group {
    fn cancel(&self) {
        match self {
            Group::Values(group) => group.cancel(),
            Group::Results(group) => group.cancel(),
        }
    }

    fn create_task(&self, body: impl Future<Output = Outcome> + 'static) -> Task<Outcome> {
        match self {
            Group::Values(group) => group.create_task(body),
            Group::Results(group) => group.create_task(body),
        }
    }
}

impl Run {
    pub(super) fn group_spawn(self: &Rc<Self>, f: &Frame, slot: usize, coro: usize) {
        let Some(membership) = f.groups.borrow().last().cloned() else {
            return self.log(&f.name, "no group");
        };
        if self.full(1) {
            return self.log(&f.name, "full");
        }
        let child = self.frame(coro, None, f.groups.borrow().clone());
        let (name, number) = (child.name.clone(), child.task);
        let body = self.clone().body(child);
        // A group that is over or being aborted refuses: a panic here, a `RuntimeError` there.
        let Ok(task) = catch_unwind(AssertUnwindSafe(|| membership.group.create_task(body))) else {
            return self.log(&f.name, format!("group spawn {name} refused"));
        };
        self.waits
            .borrow_mut()
            .entry(membership.owner)
            .or_default()
            .push(number);
        self.slots.borrow_mut().insert(
            slot,
            Slot {
                task: task.any(),
                typed: Some(task),
                number,
            },
        );
        self.log(&f.name, format!("group spawn s{slot} {name}"));
    }

    pub(super) fn group_cancel(&self, f: &Frame) {
        let Some(membership) = f.groups.borrow().last().cloned() else {
            return self.log(&f.name, "no group");
        };
        membership.group.cancel();
        self.log(&f.name, "group cancel");
    }

    pub(super) async fn group(
        self: &Rc<Self>,
        f: &Rc<Frame>,
        ops: &Block,
    ) -> Result<Option<Value>, Fail> {
        self.log(&f.name, "group");
        let before = self.waits.borrow().get(&f.task).map_or(0, Vec::len);
        let members = Members {
            run: self,
            task: f.task,
            before,
        };
        let value = if self.program.mode == Mode::Err {
            let group = asyncio::TaskGroup::try_run(async |group| {
                let _inside = Inside::new(
                    &f.groups,
                    Membership {
                        group: Group::Results(group),
                        owner: f.task,
                    },
                );
                self.block(f, ops).await
            });
            match group.await {
                Ok(value) => value,
                Err(error) => {
                    self.log(&f.name, "group failed");
                    let names: Vec<String> = error
                        .exceptions
                        .iter()
                        .map(|fail| fail.name.clone())
                        .collect();
                    return self.fail(format!("Group[{}]", names.join(","))).raise();
                }
            }
        } else {
            let group = asyncio::TaskGroup::run(async |group| {
                let _inside = Inside::new(
                    &f.groups,
                    Membership {
                        group: Group::Values(group),
                        owner: f.task,
                    },
                );
                self.block(f, ops).await
            });
            group.await?
        };
        drop(members);
        self.log(&f.name, "group end");
        Ok(value)
    }
}

/// The children a task waits for because of a group it is in.
struct Members<'a> {
    run: &'a Run,
    task: usize,
    before: usize,
}

impl Drop for Members<'_> {
    fn drop(&mut self) {
        if let Some(waits) = self.run.waits.borrow_mut().get_mut(&self.task) {
            waits.truncate(self.before);
        }
    }
}
