//! What a group knows of its children, and how it ends with them.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BinaryHeap;
use std::rc::Rc;

use slab::Slab;

use crate::event_loop::callback::Notified;
use crate::exceptions::{CancelledError, Exception, Panic};
use crate::futures::{Cancel, Target};
use crate::tasks::cancellation::{Frame, Onward, catch_cancelled_at, current_frame};
use crate::tasks::{Called, Suspended, TaskRef};
use crate::waiters::Waiter;

pub(super) struct GroupState {
    pub(super) parent: TaskRef,
    /// What is beneath this in the parent is the block, or the wait for the children.
    pub(super) frame: Cell<Option<Frame>>,
    /// The children that are not done.
    pub(super) tasks: RefCell<Slab<Child>>,
    /// The errors of those that are, in the order in which they ended.
    errors: Rc<dyn Any>,
    /// How many children there were.
    made: Cell<u64>,
    pub(super) exiting: Cell<bool>,
    pub(super) aborting: Cell<bool>,
    parent_cancel_requested: Cell<bool>,
    pub(super) failed: Cell<usize>,
    pub(super) panics: RefCell<Vec<Panic>>,
    on_completed: RefCell<Option<Rc<Exit>>>,
}

pub(super) struct Child {
    task: TaskRef,
    /// How many were made before it: those that leave make room for others, anywhere.
    order: u64,
    has_failed: Option<HasFailed>,
}

/// Of a child that is done: whether what it gave is an error, which is then taken down among the group's.
///
/// # Safety
///
/// The task is one for which [`spawn`](TaskGroup::spawn) was given this.
pub(super) type HasFailed = unsafe fn(&TaskRef, &dyn Any) -> bool;

/// The wait for the children, at the end of the group. It is the group that names them.
#[derive(Default)]
struct Exit {
    waiter: Waiter,
}

impl Cancel for Exit {
    fn cancel_onward(&self, error: &CancelledError, _: &mut Onward) -> bool {
        self.waiter.cancel(error)
    }

    fn repr(&self) -> Option<String> {
        Some(self.waiter.repr().to_owned())
    }
}

/// Who runs a group waits for its children: also while the block runs, and for what it then awaits
/// itself.
impl Cancel for GroupState {
    fn cancel_onward(&self, _: &CancelledError, _: &mut Onward) -> bool {
        false
    }

    fn each_awaited(&self, name: &mut dyn FnMut(&TaskRef)) {
        self.oldest_first().iter().for_each(name);
    }

    fn repr(&self) -> Option<String> {
        None
    }
}

impl Notified for GroupState {
    fn notified(&self, number: u32) {
        let child = self.tasks.borrow_mut().try_remove(number as usize);
        if let Some(child) = child {
            self.ended(child);
        }
    }
}

impl GroupState {
    pub(super) fn new(parent: TaskRef, errors: Rc<dyn Any>) -> Self {
        Self {
            parent,
            frame: Cell::new(None),
            tasks: RefCell::default(),
            errors,
            made: Cell::new(0),
            exiting: Cell::new(false),
            aborting: Cell::new(false),
            parent_cancel_requested: Cell::new(false),
            failed: Cell::new(0),
            panics: RefCell::default(),
            on_completed: RefCell::default(),
        }
    }

    /// A new child.
    pub(super) fn add(self: &Rc<Self>, task: TaskRef, has_failed: Option<HasFailed>) {
        let child = Child {
            task: task.clone(),
            order: self.made.replace(self.made.get() + 1),
            has_failed,
        };
        if task.future().is_done() {
            // An eager one.
            return self.ended(child);
        }
        let place = self.tasks.borrow_mut().insert(child);
        let number = u32::try_from(place).expect("fewer than 2^32 children at once");
        task.future().add_notice(self.clone(), number);
    }

    /// Whether its block and all its children have ended.
    pub(super) fn is_over(&self) -> bool {
        self.exiting.get() && self.tasks.borrow().is_empty()
    }

    /// What names the children.
    pub(super) fn named(self: &Rc<Self>) -> Option<Target> {
        Some(Target::Other(self.clone()))
    }

    fn oldest_first(&self) -> Vec<TaskRef> {
        let tasks = self.tasks.borrow();
        // A heap, as the code of a sort takes the compiler ten times as long.
        let by_age: BinaryHeap<(u64, usize)> =
            tasks.iter().map(|(at, it)| (it.order, at)).collect();
        let sorted = by_age.into_sorted_vec().into_iter();
        sorted.map(|(_, at)| tasks[at].task.clone()).collect()
    }

    pub(super) fn abort(&self) {
        self.aborting.set(true);
        Onward::from(&CancelledError::new(), &mut |onward| {
            for task in self.oldest_first() {
                onward.push(&task);
            }
            true
        });
    }

    /// Cancels the children and the block, once.
    pub(super) fn abort_with_parent(&self) {
        if !self.aborting.get() && !self.parent_cancel_requested.get() {
            self.abort();
            self.parent_cancel_requested.set(true);
            self.parent
                .cancel_within(self.frame.get(), CancelledError::new());
        }
    }

    /// A child is done, and is none of the group's any more.
    fn ended(&self, child: Child) {
        let errors = &*self.errors;
        // SAFETY: `spawn` put the two together.
        let has_failed = |it: HasFailed| unsafe { it(&child.task, errors) };
        let gave_error = child.has_failed.is_some_and(has_failed);
        self.child_done(&child.task, gave_error);
    }

    /// Mirrors `TaskGroup._on_task_done`.
    fn child_done(&self, task: &TaskRef, gave_error: bool) {
        if self.tasks.borrow().is_empty() {
            if let Some(exit) = &*self.on_completed.borrow() {
                exit.waiter.wake();
            }
        }
        let panic = match task.future().failure() {
            Some(Exception::Panic(panic)) => Some(panic),
            Some(Exception::CancelledError(_)) => return,
            None if gave_error => None,
            None => return,
        };
        self.failed.set(self.failed.get() + 1);
        self.panics.borrow_mut().extend(panic);
        if !self.parent.future().is_done() {
            self.abort_with_parent();
        }
    }

    /// Mirrors `TaskGroup.__aexit__`, up to what is raised: a cancellation, if any.
    pub(super) async fn exit(
        self: &Rc<Self>,
        cancelled: Option<CancelledError>,
        failed: bool,
        called: Called,
    ) -> Option<CancelledError> {
        self.exiting.set(true);
        let mut cancelled = cancelled;
        if (cancelled.is_some() || failed) && !self.aborting.get() {
            self.abort();
        }
        while !self.tasks.borrow().is_empty() {
            let exit = Rc::new(Exit::default());
            *self.on_completed.borrow_mut() = Some(exit.clone());
            let mut point = Suspended::default();
            let wait = std::future::poll_fn(move |cx| {
                self.frame.set(current_frame());
                let target = || Target::Other(exit.clone());
                exit.waiter.poll(cx, &mut point, Some(called), target)
            });
            let waited = catch_cancelled_at(called, || self.named(), wait).await;
            if let Err(error) = waited {
                if !self.aborting.get() {
                    cancelled = Some(error);
                    self.abort();
                }
            }
            self.on_completed.take();
        }
        if self.parent_cancel_requested.get() && self.parent.core().cancellation.uncancel() == 0 {
            cancelled = None;
        }
        cancelled
    }

    /// A cancellation that errors overtake is asked for again, so that the next await raises it.
    pub(super) fn renew_cancellation(&self) {
        let cancellation = &self.parent.core().cancellation;
        if cancellation.requested() > 0 {
            cancellation.uncancel();
            self.parent.cancel(CancelledError::new());
        }
    }
}
