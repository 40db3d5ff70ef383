//! The references to a task that are held by other threads, through every interleaving of them.

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

mod sync {
    pub(super) use loom::sync::atomic::{AtomicU32, Ordering, fence};
}

#[path = "../src/tasks/count.rs"]
mod count;

use count::Travelling;

/// What a task is here: loom sees whether it is freed while another thread may look at it, and the
/// test whether it is freed twice or never.
struct Task {
    travelling: Travelling,
    is_freed: UnsafeCell<bool>,
}

impl Task {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            travelling: Travelling::new(),
            is_freed: UnsafeCell::new(false),
        })
    }

    fn touch(&self) {
        self.is_freed.with(|is_freed| {
            // SAFETY: loom checks that nobody writes meanwhile.
            assert!(!unsafe { *is_freed });
        });
    }

    fn free(&self) {
        self.is_freed.with_mut(|is_freed| {
            // SAFETY: loom checks that nobody reads or writes meanwhile.
            assert!(!std::mem::replace(unsafe { &mut *is_freed }, true));
        });
    }

    fn drop_elsewhere(&self) {
        self.touch();
        if self.travelling.remove() {
            self.free();
        }
    }

    fn drop_handles(&self, wakers: u32) {
        self.touch();
        if self.travelling.merge(wakers) {
            self.free();
        }
    }

    fn was_freed(&self) -> bool {
        self.is_freed.with(|is_freed| {
            // SAFETY: all threads have been joined.
            unsafe { *is_freed }
        })
    }
}

#[test]
fn wakers_that_were_cloned_at_home_are_dropped_elsewhere_before_or_after_the_handles() {
    loom::model(|| {
        let task = Task::new();
        let others = [(); 2].map(|()| {
            let task = task.clone();
            thread::spawn(move || task.drop_elsewhere())
        });
        task.drop_handles(2);
        others.into_iter().for_each(|other| other.join().unwrap());
        assert!(task.was_freed());
    });
}

#[test]
fn a_waker_that_is_cloned_elsewhere_keeps_the_memory() {
    loom::model(|| {
        let task = Task::new();
        let other = thread::spawn({
            let task = task.clone();
            move || {
                // Lent by the thread at home, which has counted it.
                task.travelling.add();
                task.drop_elsewhere();
                task.drop_elsewhere();
            }
        });
        task.drop_handles(1);
        other.join().unwrap();
        assert!(task.was_freed());
    });
}

#[test]
fn a_waker_that_comes_back_is_dropped_at_home_after_the_merge() {
    loom::model(|| {
        let task = Task::new();
        let other = thread::spawn({
            let task = task.clone();
            move || task.drop_elsewhere()
        });
        task.drop_handles(2);
        task.drop_elsewhere();
        other.join().unwrap();
        assert!(task.was_freed());
    });
}

/// With two threads there are too many interleavings: all with two preemptions at most.
#[test]
fn whoever_finds_a_wake_up_queued_knows_that_the_task_has_yet_to_look() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let task = Task::new();
        let what_for = Arc::new(loom::sync::atomic::AtomicUsize::new(0));
        let inbox = Arc::new(loom::sync::atomic::AtomicUsize::new(0));
        let others = [(); 2].map(|()| {
            let (task, what_for, inbox) = (task.clone(), what_for.clone(), inbox.clone());
            thread::spawn(move || {
                what_for.fetch_add(1, loom::sync::atomic::Ordering::Relaxed);
                if task.travelling.queue() {
                    // The mailbox's lock.
                    inbox.fetch_add(1, loom::sync::atomic::Ordering::AcqRel);
                }
                task.drop_elsewhere();
            })
        });
        let mut seen = 0;
        let mut receive = |task: &Task| {
            if inbox.swap(0, loom::sync::atomic::Ordering::AcqRel) > 0 {
                task.travelling.unqueue();
                seen = what_for.load(loom::sync::atomic::Ordering::Relaxed);
            }
        };
        receive(&task);
        others.into_iter().for_each(|other| other.join().unwrap());
        receive(&task);
        assert_eq!(seen, 2, "a wake-up was lost");
        task.drop_handles(2);
        assert!(task.was_freed());
    });
}
