//! The language of the fidelity programs.
//!
//! A program is data, so that it can be generated, shrunk, stored and run on both sides. It is a list of
//! coroutines, the first of them `main`; a coroutine is a list of operations. Operations name tasks by *slots*,
//! a table every coroutine of the program sees, and every primitive (lock, queue, future, …) by its number.
//! All times are in ticks, eighths of a second, so that sums of them are exact.
//!
//! What each operation does is told by the two interpreters, `interpret.rs` and `reference.py`.

use serde::{Deserialize, Serialize};
use std::fmt;

/// How a failure travels: as a panic, Python's exception, or as the `Err` of the `try_` words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// `Result`s, `try_gather`, `TaskGroup::try_run`.
    #[default]
    Err,
    /// Panics, `gather`, `TaskGroup::run`.
    Panic,
}

/// A whole program.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Program {
    /// How its failures travel.
    #[serde(default)]
    pub mode: Mode,
    /// The coroutines; the first is `main`.
    pub coros: Vec<Block>,
    /// How many locks there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub locks: usize,
    /// How many events there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub events: usize,
    /// How many futures there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub futures: usize,
    /// The queues, each with its greatest size.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub queues: Vec<usize>,
    /// What the queues are; one without a kind is first in, first out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub kinds: Vec<QueueKind>,
    /// The semaphores, each with its value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub semaphores: Vec<usize>,
    /// The bounded semaphores, each with its value.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bounded: Vec<usize>,
    /// How many conditions there are.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub conditions: usize,
    /// The lock that all conditions are behind; without one, each has its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition_lock: Option<usize>,
    /// The barriers, each with its number of parties.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub barriers: Vec<usize>,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_zero(n: &usize) -> bool {
    *n == 0
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde's signature
fn is_false(truth: &bool) -> bool {
    !truth
}

/// Operations, one after the other.
pub type Block = Vec<Op>;

/// Ticks, eighths of a second.
pub type Ticks = i64;

/// Something to wait for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Item {
    /// The task in a slot.
    Slot(usize),
    /// A new call of a coroutine.
    Coro(usize),
    /// A future by its number; beside it there are only other futures.
    Future(usize),
}

/// In which order a queue gives what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // Python's names
pub enum QueueKind {
    Fifo,
    Lifo,
    Priority,
}

/// What can be asked how it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // each is named for what it is
pub enum Thing {
    Lock(usize),
    Event(usize),
    Condition(usize),
    Semaphore(usize),
    Bounded(usize),
    Barrier(usize),
    Queue(usize),
    Future(usize),
    Gather(usize),
    Handle(usize),
    Timeout,
}

/// When `wait` is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Until {
    /// As soon as one is done.
    FirstCompleted,
    /// As soon as one has failed.
    FirstException,
    /// When all are done.
    AllCompleted,
}

/// What an `except` clause does.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Handler {
    /// Its body.
    pub ops: Block,
    /// Whether it ends with `raise`.
    pub again: bool,
}

/// One operation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // each is named for what it does in Python
pub enum Op {
    // Operations that never wait; these may also stand in callbacks.
    Log(u32),
    Return(u32),
    Fail(u32),
    Spawn {
        slot: usize,
        coro: usize,
        #[serde(default, skip_serializing_if = "is_false")]
        eager: bool,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        context: Option<usize>,
    },
    GroupSpawn {
        slot: usize,
        coro: usize,
    },
    Cancel {
        slot: usize,
        msg: Option<u32>,
    },
    GroupCancel,
    CancelSelf(Option<u32>),
    Uncancel,
    Look(usize),
    AllTasks,
    CallSoon {
        handle: usize,
        ops: Block,
    },
    CallLater {
        handle: usize,
        delay: Ticks,
        ops: Block,
    },
    CallAt {
        handle: usize,
        delay: Ticks,
        ops: Block,
    },
    CancelHandle(usize),
    WhenDone {
        slot: usize,
        ops: Block,
    },
    EventSet(usize),
    EventClear(usize),
    FutureSet {
        future: usize,
        value: u32,
    },
    FutureFail {
        future: usize,
        value: u32,
    },
    FutureCancel(usize),
    FutureNew(usize),
    FutureWhenDone {
        future: usize,
        ops: Block,
    },
    State(Thing),
    VarSet {
        var: usize,
        value: u32,
    },
    VarGet(usize),
    ContextCopy(usize),
    GatherNew {
        gather: usize,
        items: Vec<Item>,
        exceptions: bool,
    },
    GatherCancel(usize),
    LockRelease(usize),
    SemaphoreRelease(usize),
    BoundedRelease(usize),
    NotifyNow {
        condition: usize,
        count: usize,
    },
    PutNowait {
        queue: usize,
        value: u32,
    },
    GetNowait(usize),
    TaskDone(usize),
    QueueShutdown {
        queue: usize,
        immediate: bool,
    },
    Reschedule(Option<Ticks>),
    // Operations that may wait.
    Turn,
    Sleep(Ticks),
    Call(usize),
    Await(usize),
    Gather {
        items: Vec<Item>,
        exceptions: bool,
    },
    Wait {
        slots: Vec<usize>,
        timeout: Option<Ticks>,
        until: Until,
    },
    WaitFor {
        item: Item,
        timeout: Option<Ticks>,
    },
    GatherAwait(usize),
    VarScope {
        var: usize,
        value: u32,
        ops: Block,
    },
    Timeout {
        delay: Option<Ticks>,
        #[serde(default, skip_serializing_if = "is_false")]
        at: bool,
        ops: Block,
    },
    Shield(Item),
    AsCompleted {
        items: Vec<Item>,
        timeout: Option<Ticks>,
    },
    AsCompletedStream {
        items: Vec<Item>,
        timeout: Option<Ticks>,
    },
    Group(Block),
    Try {
        ops: Block,
        cancelled: Option<Handler>,
        failed: Option<Handler>,
    },
    Finally {
        ops: Block,
        cleanup: Block,
    },
    Lock {
        lock: usize,
        ops: Block,
    },
    Semaphore {
        semaphore: usize,
        ops: Block,
    },
    LockAcquire(usize),
    BoundedAcquire(usize),
    Bounded {
        semaphore: usize,
        ops: Block,
    },
    ConditionWait(usize),
    ConditionWaitFor {
        condition: usize,
        notices: usize,
    },
    ConditionNotify {
        condition: usize,
        count: usize,
        #[serde(default, skip_serializing_if = "is_false")]
        all: bool,
        hold: Option<Ticks>,
    },
    Barrier(usize),
    BarrierReset(usize),
    BarrierAbort(usize),
    EventWait(usize),
    FutureAwait(usize),
    Put {
        queue: usize,
        value: u32,
    },
    Get(usize),
    Join(usize),
}

impl Op {
    /// The blocks inside this operation.
    pub fn blocks(&self) -> Vec<&Block> {
        match self {
            Op::CallSoon { ops, .. }
            | Op::CallLater { ops, .. }
            | Op::CallAt { ops, .. }
            | Op::FutureWhenDone { ops, .. }
            | Op::VarScope { ops, .. }
            | Op::Bounded { ops, .. }
            | Op::WhenDone { ops, .. }
            | Op::Timeout { ops, .. }
            | Op::Group(ops)
            | Op::Lock { ops, .. }
            | Op::Semaphore { ops, .. } => vec![ops],
            Op::Try {
                ops,
                cancelled,
                failed,
            } => {
                let handlers = cancelled.iter().chain(failed).map(|handler| &handler.ops);
                std::iter::once(ops).chain(handlers).collect()
            }
            Op::Finally { ops, cleanup } => vec![ops, cleanup],
            _ => Vec::new(),
        }
    }

    /// The blocks inside this operation, to be changed.
    pub fn blocks_mut(&mut self) -> Vec<&mut Block> {
        match self {
            Op::CallSoon { ops, .. }
            | Op::CallLater { ops, .. }
            | Op::CallAt { ops, .. }
            | Op::FutureWhenDone { ops, .. }
            | Op::VarScope { ops, .. }
            | Op::Bounded { ops, .. }
            | Op::WhenDone { ops, .. }
            | Op::Timeout { ops, .. }
            | Op::Group(ops)
            | Op::Lock { ops, .. }
            | Op::Semaphore { ops, .. } => vec![ops],
            Op::Try {
                ops,
                cancelled,
                failed,
            } => {
                let handlers = cancelled
                    .iter_mut()
                    .chain(failed)
                    .map(|handler| &mut handler.ops);
                std::iter::once(ops).chain(handlers).collect()
            }
            Op::Finally { ops, cleanup } => vec![ops, cleanup],
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for Thing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format!("{self:?}").to_lowercase())
    }
}

impl Program {
    /// Every lock, queue and so on.
    pub fn things(&self) -> impl Iterator<Item = Thing> {
        type Make = fn(usize) -> Thing;
        let kinds: [(usize, Make); 7] = [
            (self.locks, Thing::Lock),
            (self.events, Thing::Event),
            (self.conditions, Thing::Condition),
            (self.semaphores.len(), Thing::Semaphore),
            (self.bounded.len(), Thing::Bounded),
            (self.barriers.len(), Thing::Barrier),
            (self.queues.len(), Thing::Queue),
        ];
        kinds
            .into_iter()
            .flat_map(|(count, thing)| (0..count).map(thing))
    }

    /// How many operations there are, at any depth.
    pub fn len(&self) -> usize {
        fn count(block: &Block) -> usize {
            block
                .iter()
                .map(|op| 1 + op.blocks().into_iter().map(count).sum::<usize>())
                .sum()
        }
        self.coros.iter().map(count).sum()
    }

    /// Whether it cancels with a message.
    pub fn has_messages(&self) -> bool {
        fn any(block: &Block) -> bool {
            block.iter().any(|op| {
                matches!(
                    op,
                    Op::Cancel { msg: Some(_), .. } | Op::CancelSelf(Some(_))
                ) || op.blocks().into_iter().any(any)
            })
        }
        self.coros.iter().any(any)
    }

    /// Whether it does nothing.
    pub fn is_empty(&self) -> bool {
        self.coros.iter().all(Vec::is_empty)
    }
}
