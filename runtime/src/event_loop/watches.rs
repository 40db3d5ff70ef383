//! What the loop itself waits for, without a task: input that callbacks are called for.
//!
//! A watch is a function that polls, and calls what is to be called. It runs in the loop, as a
//! callback, whenever what it polled last has woken it.

use std::cell::RefCell;
#[cfg(unix)]
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use slab::Slab;

use super::LoopState;
use super::address::Address;
#[cfg(unix)]
use super::input::Watched;
use super::ready::Ready;
use super::remote::Message;

/// How often in a row a watch runs before others have their turn.
const BURST: usize = 100;

type Function = dyn FnMut(&mut Context<'_>) -> Poll<()>;

#[derive(Default)]
pub(super) struct Watches {
    all: RefCell<Slab<Watch>>,
    /// Those that are known by what they are called for; made when there is one, as a map asks the system for
    /// a number that nobody can guess.
    #[cfg(unix)]
    named: RefCell<Option<HashMap<Watched, WatchKey>>>,
}

struct Watch {
    id: u64,
    waker: Waker,
    function: Rc<RefCell<Function>>,
}

/// Where a watch is found; it outlives its watch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct WatchKey {
    address: Address,
    slot: usize,
    id: u64,
}

struct WatchWaker {
    key: WatchKey,
    is_queued: AtomicBool,
}

impl Wake for WatchWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.is_queued.swap(true, Ordering::AcqRel) {
            return;
        }
        let run = {
            let this = self.clone();
            move || {
                this.is_queued.store(false, Ordering::Release);
                if let Some(event_loop) = this.key.address.upgrade() {
                    event_loop.run_watch(this.key);
                }
            }
        };
        if let Some(event_loop) = self.key.address.upgrade() {
            event_loop.push(Ready::Call(Box::new(run)));
            return;
        }
        // A closed loop watches nothing.
        let _ = self.key.address.send(Message::Call(Box::new(run)));
    }
}

#[cfg(unix)]
impl Watches {
    /// Gives back the one that had the name.
    pub(super) fn rename(&self, watched: Watched, key: WatchKey) -> Option<WatchKey> {
        let mut named = self.named.borrow_mut();
        named.get_or_insert_default().insert(watched, key)
    }

    pub(super) fn unname(&self, watched: Watched) -> Option<WatchKey> {
        self.named.borrow_mut().as_mut()?.remove(&watched)
    }
}

impl LoopState {
    /// Runs `function` now, again at once as long as it is ready, and again when it was woken.
    pub(crate) fn watch(
        &self,
        function: impl FnMut(&mut Context<'_>) -> Poll<()> + 'static,
    ) -> WatchKey {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let key = {
            let mut watches = self.watches.all.borrow_mut();
            let entry = watches.vacant_entry();
            let key = WatchKey {
                address: self.address(),
                slot: entry.key(),
                id: NEXT.fetch_add(1, Ordering::Relaxed),
            };
            entry.insert(Watch {
                id: key.id,
                waker: Waker::from(Arc::new(WatchWaker {
                    key,
                    is_queued: AtomicBool::new(false),
                })),
                function: Rc::new(RefCell::new(function)),
            });
            key
        };
        self.run_watch(key);
        key
    }

    /// Whether it was there.
    pub(crate) fn unwatch(&self, key: WatchKey) -> bool {
        let removed = {
            let mut watches = self.watches.all.borrow_mut();
            let is_there = watches
                .get(key.slot)
                .is_some_and(|watch| watch.id == key.id);
            is_there.then(|| watches.remove(key.slot))
        };
        removed.is_some()
    }

    pub(super) fn unwatch_all(&self) {
        let watches = std::mem::take(&mut *self.watches.all.borrow_mut());
        drop(watches);
    }

    /// Polls it again, as if it had been woken.
    pub(crate) fn run_watch(&self, key: WatchKey) {
        for _ in 0..BURST {
            let Some((function, waker)) = self.find_watch(key) else {
                return;
            };
            let mut cx = Context::from_waker(&waker);
            // One that runs already was called by its own callback.
            let Ok(mut function) = function.try_borrow_mut() else {
                return;
            };
            if function(&mut cx).is_pending() {
                return;
            }
        }
        if let Some((_, waker)) = self.find_watch(key) {
            waker.wake();
        }
    }

    fn find_watch(&self, key: WatchKey) -> Option<(Rc<RefCell<Function>>, Waker)> {
        let watches = self.watches.all.borrow();
        watches
            .get(key.slot)
            .filter(|watch| watch.id == key.id)
            .map(|watch| (watch.function.clone(), watch.waker.clone()))
    }
}
