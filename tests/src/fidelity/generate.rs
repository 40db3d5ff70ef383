//! Random programs from a seed.
//!
//! Every program draws its own subset of the features (swarm testing): a program that has only a few of them
//! uses these often enough for their interplay to show. Delays are few and short, so that equal deadlines and
//! things that happen in one iteration are the rule.

mod choices;

use crate::fidelity::program::{Block, Handler, Item, Mode, Op, Program, QueueKind, Thing, Ticks};

/// A group of operations that programs may or may not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[allow(missing_docs)] // each is named for what it adds
pub enum Feature {
    Cancel,
    Message,
    Catch,
    Finally,
    Fail,
    Panic,
    Callback,
    Future,
    Gather,
    Wait,
    WaitFor,
    Timeout,
    Shield,
    AsCompleted,
    Group,
    Queue,
    Event,
    Lock,
    Semaphore,
    Condition,
    Barrier,
    Bounded,
    Raw,
    Handles,
    Context,
    GroupCancel,
    Eager,
    Bare,
}

impl Feature {
    /// All there are.
    pub const ALL: &'static [Feature] = &[
        Feature::Cancel,
        Feature::Message,
        Feature::Catch,
        Feature::Finally,
        Feature::Fail,
        Feature::Panic,
        Feature::Callback,
        Feature::Future,
        Feature::Gather,
        Feature::Wait,
        Feature::WaitFor,
        Feature::Timeout,
        Feature::Shield,
        Feature::AsCompleted,
        Feature::Group,
        Feature::Queue,
        Feature::Event,
        Feature::Lock,
        Feature::Semaphore,
        Feature::Condition,
        Feature::Barrier,
        Feature::Bounded,
        Feature::Raw,
        Feature::Handles,
        Feature::Context,
        Feature::GroupCancel,
        Feature::Eager,
        Feature::Bare,
    ];
}

/// What a run of the fuzzer is about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Profile {
    /// Everything.
    #[default]
    All,
    /// Locks, events, conditions, semaphores, barriers and queues, used by many tasks that are cancelled often.
    Primitives,
}

impl Profile {
    fn needs(self, feature: Feature) -> bool {
        self == Profile::Primitives && feature == Feature::Cancel
    }

    /// The features its programs may have.
    pub fn features(self) -> &'static [Feature] {
        match self {
            Profile::All => Feature::ALL,
            Profile::Primitives => &[
                Feature::Cancel,
                Feature::Catch,
                Feature::Finally,
                Feature::Fail,
                Feature::Panic,
                Feature::Callback,
                Feature::WaitFor,
                Feature::Timeout,
                Feature::Queue,
                Feature::Event,
                Feature::Lock,
                Feature::Semaphore,
                Feature::Condition,
                Feature::Barrier,
                Feature::Bounded,
                Feature::Raw,
            ],
        }
    }
}

const SLOTS: usize = 6;
const HANDLES: usize = 3;
const GATHERS: usize = 2;
const VARS: usize = 2;
const CONTEXTS: usize = 2;
const DEEPEST: usize = 3;

/// A program from `seed` that has no features but `allowed`.
pub fn generate(seed: u64, profile: Profile, allowed: &[Feature]) -> Program {
    let mut random = fastrand::Rng::with_seed(seed);
    let share = 0.3 + 0.6 * random.f64();
    let features: Vec<Feature> = allowed
        .iter()
        .copied()
        .filter(|feature| random.f64() < share || profile.needs(*feature))
        .collect();
    let has = |feature| features.contains(&feature);
    let mut program = Program {
        mode: if has(Feature::Panic) {
            Mode::Panic
        } else {
            Mode::Err
        },
        locks: if has(Feature::Lock) {
            random.usize(1..=2)
        } else {
            0
        },
        events: if has(Feature::Event) {
            random.usize(1..=2)
        } else {
            0
        },
        futures: if has(Feature::Future) {
            random.usize(1..=3)
        } else {
            0
        },
        conditions: if has(Feature::Condition) {
            random.usize(1..=2)
        } else {
            0
        },
        ..Program::default()
    };
    if has(Feature::Condition) && program.locks > 0 && random.bool() {
        program.condition_lock = Some(0);
    }
    if has(Feature::Queue) {
        program.queues = (0..random.usize(1..=2))
            .map(|_| random.usize(0..=2))
            .collect();
        if random.bool() {
            let kinds = [QueueKind::Fifo, QueueKind::Lifo, QueueKind::Priority];
            program.kinds = (program.queues.iter())
                .map(|_| kinds[random.usize(..kinds.len())])
                .collect();
        }
    }
    if has(Feature::Bounded) {
        program.bounded = vec![random.usize(0..=2)];
    }
    if has(Feature::Semaphore) {
        program.semaphores = (0..random.usize(1..=2))
            .map(|_| random.usize(0..=2))
            .collect();
    }
    if has(Feature::Barrier) {
        program.barriers = vec![random.usize(1..=3)];
    }
    let coros = random.usize(2..=6);
    let longest = random.usize(2..=7);
    let mut writer = Writer {
        random,
        features,
        profile,
        program,
        coros,
        longest,
        slots: Vec::new(),
    };
    for coro in 0..coros {
        let block = writer.coroutine(coro);
        writer.program.coros.push(block);
    }
    writer.program
}

/// Where an operation is to stand.
#[derive(Clone, Copy)]
struct Place {
    coro: usize,
    depth: usize,
    in_timeout: bool,
    in_group: bool,
    /// A `return` here would leave a cleanup, which Rust has no way to write.
    in_cleanup: bool,
}

struct Writer {
    random: fastrand::Rng,
    features: Vec<Feature>,
    profile: Profile,
    program: Program,
    coros: usize,
    longest: usize,
    /// The slots something was spawned into, as often as it was.
    slots: Vec<usize>,
}

type Make = fn(&mut Writer, Place) -> Op;

impl Writer {
    fn has(&self, feature: Feature) -> bool {
        self.features.contains(&feature)
    }

    fn coroutine(&mut self, coro: usize) -> Block {
        let place = Place {
            coro,
            depth: 0,
            in_timeout: false,
            in_group: self.random.u8(..4) == 0,
            in_cleanup: false,
        };
        let mut block = Block::new();
        if coro == 0 {
            // A main that does nothing makes a program that does nothing.
            let most = match self.profile {
                Profile::All => 4,
                Profile::Primitives => 9,
            };
            for _ in 0..self.random.usize(1..=most) {
                block.push(self.spawn(place));
            }
        }
        let length = self.random.usize(1..=self.longest);
        self.fill(&mut block, length, place);
        if coro == 0 {
            // Else most programs are over before much has happened.
            if self.random.bool() {
                block.push(Op::Sleep(8));
            }
        } else {
            block = self.guarded(block, place);
        }
        if self.random.u8(..4) == 0 {
            block.push(Op::Return(self.small()));
        }
        block
    }

    /// Often puts a coroutine's whole body under a `try`, or it would be rare that something is caught.
    fn guarded(&mut self, ops: Block, place: Place) -> Block {
        if self.has(Feature::Finally) && self.random.u8(..3) == 0 {
            let cleanup = self.block(Place {
                in_cleanup: true,
                depth: 1,
                ..place
            });
            return vec![Op::Finally { ops, cleanup }];
        }
        if self.has(Feature::Catch) && self.random.bool() {
            let place = Place { depth: 1, ..place };
            let cancelled = Some(self.handler(place));
            let failed = self.random.bool().then(|| self.handler(place));
            return vec![Op::Try {
                ops,
                cancelled,
                failed,
            }];
        }
        ops
    }

    fn block(&mut self, place: Place) -> Block {
        let mut block = Block::new();
        let length = self.random.usize(1..=3);
        self.fill(&mut block, length, place);
        block
    }

    fn fill(&mut self, block: &mut Block, length: usize, place: Place) {
        for _ in 0..length {
            let op = self.op(place);
            let wakes = matches!(
                op,
                Op::PutNowait { .. }
                    | Op::GetNowait(_)
                    | Op::Put { .. }
                    | Op::EventSet(_)
                    | Op::FutureSet { .. }
                    | Op::Lock { .. }
                    | Op::Semaphore { .. }
                    | Op::ConditionNotify { .. }
                    | Op::NotifyNow { .. }
                    | Op::LockRelease(_)
                    | Op::SemaphoreRelease(_)
                    | Op::BoundedRelease(_)
                    | Op::Bounded { .. }
            );
            block.push(op);
            if wakes && self.has(Feature::Cancel) && self.random.u8(..3) == 0 {
                // Who was woken is cancelled before its turn: where wake-ups get lost.
                block.push(Op::Cancel {
                    slot: self.slot(),
                    msg: self.message(),
                });
            }
        }
    }

    /// Operations that a callback may do.
    fn callback(&mut self, place: Place) -> Block {
        let place = Place {
            depth: DEEPEST,
            in_timeout: false,
            in_group: false,
            in_cleanup: true,
            ..place
        };
        (0..self.random.usize(0..=2))
            .map(|_| {
                let choices = self.sync_choices();
                self.choose(&choices, place)
            })
            .collect()
    }

    fn op(&mut self, place: Place) -> Op {
        let mut choices = self.sync_choices();
        choices.extend_from_slice(&self.async_choices(place));
        self.choose(&choices, place)
    }

    fn choose(&mut self, choices: &[(u32, Make)], place: Place) -> Op {
        let total: u32 = choices.iter().map(|(weight, _)| weight).sum();
        let mut at = self.random.u32(..total);
        for (weight, make) in choices {
            if at < *weight {
                return make(self, place);
            }
            at -= weight;
        }
        unreachable!("`at` is below the sum of the weights")
    }

    // What operations are made of

    fn spawn(&mut self, place: Place) -> Op {
        if place.coro + 1 < self.coros {
            let context = self.has(Feature::Context) && self.random.u8(..4) == 0;
            Op::Spawn {
                slot: self.new_slot(),
                coro: self.coro(place),
                eager: self.has(Feature::Eager) && !context && self.random.bool(),
                context: context.then(|| self.random.usize(..CONTEXTS)),
            }
        } else {
            Op::Log(self.small())
        }
    }

    /// A coroutine after this one, so that no program runs for ever.
    fn coro(&mut self, place: Place) -> usize {
        self.random.usize(place.coro + 1..self.coros)
    }

    fn handler(&mut self, place: Place) -> Handler {
        let ops = if self.random.u8(..3) == 0 {
            Block::new()
        } else {
            self.block(place)
        };
        Handler {
            ops,
            again: self.random.bool(),
        }
    }

    fn item(&mut self, place: Place) -> Item {
        if place.coro + 1 < self.coros && self.random.bool() {
            Item::Coro(self.coro(place))
        } else {
            Item::Slot(self.slot())
        }
    }

    fn items(&mut self, place: Place) -> Vec<Item> {
        (0..self.random.usize(0..=3))
            .map(|_| self.item(place))
            .collect()
    }

    /// As [`item`](Self::item), for what takes futures as they are.
    fn any_item(&mut self, place: Place) -> Item {
        if self.gives_futures() && self.random.u8(..3) == 0 {
            Item::Future(self.future())
        } else {
            self.item(place)
        }
    }

    /// As [`items`](Self::items), for what takes futures as they are: all of them are, or none is.
    fn any_items(&mut self, place: Place) -> Vec<Item> {
        if self.gives_futures() && self.random.u8(..3) == 0 {
            (0..self.random.usize(1..=3))
                .map(|_| Item::Future(self.future()))
                .collect()
        } else {
            self.items(place)
        }
    }

    /// What fails by a panic is no future's.
    fn gives_futures(&self) -> bool {
        let has_futures = self.has(Feature::Bare) && self.has(Feature::Future);
        has_futures && !self.has(Feature::Panic)
    }

    fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.random.usize(..of.len())]
    }

    fn new_slot(&mut self) -> usize {
        let slot = self.random.usize(1..SLOTS);
        self.slots.push(slot);
        slot
    }

    /// Mostly one that something was spawned into; now and then `main`'s.
    fn slot(&mut self) -> usize {
        if self.slots.is_empty() || self.random.u8(..16) == 0 {
            self.random.usize(..SLOTS)
        } else {
            self.slots[self.random.usize(..self.slots.len())]
        }
    }

    fn handle(&mut self) -> usize {
        self.random.usize(..HANDLES)
    }

    fn event(&mut self) -> usize {
        self.random.usize(..self.program.events)
    }

    fn future(&mut self) -> usize {
        self.random.usize(..self.program.futures)
    }

    fn queue(&mut self) -> usize {
        self.random.usize(..self.program.queues.len())
    }

    fn semaphore(&mut self) -> usize {
        self.random.usize(..self.program.semaphores.len())
    }

    fn condition(&mut self) -> usize {
        self.random.usize(..self.program.conditions)
    }

    fn gather(&mut self) -> usize {
        self.random.usize(..GATHERS)
    }

    /// The lock that is taken and given without a guard: a guard of it would free what others hold.
    fn raw_lock(&self) -> Option<usize> {
        let last = self.program.locks.checked_sub(1)?;
        (self.has(Feature::Raw) && self.program.condition_lock != Some(last)).then_some(last)
    }

    /// How many locks are taken with a guard.
    fn guarded_locks(&self) -> usize {
        self.program.locks - usize::from(self.raw_lock().is_some())
    }

    fn state(&mut self, _: Place) -> Op {
        let program = &self.program;
        let mut things = vec![Thing::Handle(0)];
        things.extend(program.things());
        things.extend((0..program.futures).map(Thing::Future));
        if self.has(Feature::Handles) {
            things.extend((0..GATHERS).map(Thing::Gather));
        }
        if self.has(Feature::Timeout) {
            things.push(Thing::Timeout);
        }
        Op::State(*self.pick(&things))
    }

    fn small(&mut self) -> u32 {
        self.random.u32(..10)
    }

    fn message(&mut self) -> Option<u32> {
        (self.has(Feature::Message) && self.random.bool()).then(|| self.small())
    }

    fn delay(&mut self) -> Ticks {
        *self.pick(&[-1, 0, 1, 1, 2, 2, 3, 4, 6])
    }

    fn some_hold(&mut self) -> Option<Ticks> {
        self.random.bool().then(|| self.random.i64(0..=3))
    }

    fn some_delay(&mut self) -> Option<Ticks> {
        if self.random.u8(..4) == 0 {
            None
        } else {
            Some(self.delay())
        }
    }
}
