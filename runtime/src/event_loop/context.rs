//! What a thread knows of its loops and of the task that it runs.
//!
//! Every access is a `try_with`: wakers and handles may be dropped while the thread itself ends.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicU64, Ordering};

use super::{EventLoop, LoopState};
use crate::tasks::{TaskKey, TaskRef};

#[derive(Default)]
struct ThreadState {
    running: Option<Rc<LoopState>>,
    /// `set_event_loop`'s.
    set: Option<EventLoop>,
    /// Every loop of the thread, for wakes that come while none or another one runs.
    loops: Vec<Weak<LoopState>>,
}

thread_local! {
    static STATE: RefCell<ThreadState> = RefCell::default();
    static CURRENT_TASK: RefCell<Option<TaskRef>> = const { RefCell::new(None) };
    static THREAD: Cell<u64> = const { Cell::new(0) };
}

/// A number for the current thread that no other one ever has: what a waker compares to know
/// whether it is at home. Zero when the thread is at its end and can no longer tell.
pub(crate) fn thread_number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    THREAD
        .try_with(|number| {
            if number.get() == 0 {
                number.set(NEXT.fetch_add(1, Ordering::Relaxed));
            }
            number.get()
        })
        .unwrap_or(0)
}

fn with<R>(f: impl FnOnce(&mut ThreadState) -> R) -> Option<R> {
    STATE
        .try_with(|state| state.try_borrow_mut().ok().map(|mut state| f(&mut state)))
        .ok()
        .flatten()
}

pub(crate) fn register(event_loop: &Rc<LoopState>) {
    with(|state| {
        state.loops.retain(|known| known.strong_count() > 0);
        state.loops.push(Rc::downgrade(event_loop));
    });
}

/// A loop of this thread, by its number.
pub(crate) fn find(id: u64) -> Option<Rc<LoopState>> {
    with(|state| match &state.running {
        Some(running) if running.id == id => Some(running.clone()),
        _ => state
            .loops
            .iter()
            .filter_map(Weak::upgrade)
            .find(|known| known.id == id),
    })
    .flatten()
}

/// A task of a loop of this thread, that is not done.
pub(crate) fn task(key: TaskKey) -> Option<TaskRef> {
    if thread_number() != key.thread {
        return None;
    }
    find(key.loop_id)?.task(key)
}

pub(crate) fn running() -> Option<Rc<LoopState>> {
    with(|state| state.running.clone()).flatten()
}

pub(crate) fn set() -> Option<EventLoop> {
    with(|state| state.set.clone()).flatten()
}

pub(crate) fn replace_set(event_loop: Option<EventLoop>) {
    // The old one is dropped outside the borrow: with it its tasks may go.
    let old = with(|state| std::mem::replace(&mut state.set, event_loop));
    drop(old);
}

/// A loop runs until this is dropped.
pub(crate) struct Running;

impl Running {
    pub(crate) fn enter(event_loop: &Rc<LoopState>) -> Self {
        with(|state| state.running = Some(event_loop.clone()));
        Self
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let old = with(|state| state.running.take());
        drop(old);
    }
}

/// A task is the current one until this is dropped.
pub(crate) struct Entered {
    outer: Option<TaskRef>,
}

impl Entered {
    pub(crate) fn task(task: Option<TaskRef>) -> Self {
        let outer = CURRENT_TASK
            .try_with(|current| current.replace(task))
            .ok()
            .flatten();
        Self { outer }
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        let outer = self.outer.take();
        let inner = CURRENT_TASK.try_with(|current| current.replace(outer));
        drop(inner);
    }
}

pub(crate) fn current_task() -> Option<TaskRef> {
    CURRENT_TASK
        .try_with(|current| current.borrow().clone())
        .ok()
        .flatten()
}

/// Without a clone of the handle: for the leaves, on every poll.
pub(crate) fn with_current_task<R>(f: impl FnOnce(&TaskRef) -> R) -> Option<R> {
    CURRENT_TASK
        .try_with(|current| current.borrow().as_ref().map(f))
        .ok()
        .flatten()
}
