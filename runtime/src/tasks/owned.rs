//! The tasks of a loop that are not done: it owns them, in the order in which they were made.
//!
//! They stand in a list whose links are in the tasks themselves, so that to come and to go costs the same
//! however many there are. A task in the list is kept by one reference that is the list's; a task that is
//! in none has no links.

use std::cell::Cell;
use std::ptr::NonNull;

use super::header::{Header, TaskRef};

type Link = Cell<Option<NonNull<Header>>>;

/// A task's place in the list.
#[derive(Default)]
pub(super) struct Links {
    before: Link,
    after: Link,
    is_in: Cell<bool>,
}

impl Links {
    #[inline]
    pub(super) fn is_in(&self) -> bool {
        self.is_in.get()
    }
}

/// The list.
#[derive(Default)]
pub(crate) struct Owned {
    first: Link,
    last: Link,
}

/// The links of a task in a list.
#[inline]
fn links<'a>(task: NonNull<Header>) -> &'a Links {
    // SAFETY: for all in this file: what a list leads to is kept by its reference. No such reference as
    // this is kept while a handle is dropped, which may run anything.
    unsafe { task.as_ref() }.links()
}

impl Owned {
    /// Takes a task in, which is in no list.
    #[inline]
    pub(crate) fn push(&self, task: TaskRef) {
        let task = task.into_raw();
        let last = self.last.replace(Some(task));
        match last {
            Some(last) => links(last).after.set(Some(task)),
            None => self.first.set(Some(task)),
        }
        let own = links(task);
        own.before.set(last);
        own.is_in.set(true);
    }

    /// Lets a task go, which is in this list if it is in any.
    #[inline]
    pub(crate) fn remove(&self, task: &TaskRef) -> Option<TaskRef> {
        let own = task.links();
        if !own.is_in.replace(false) {
            return None;
        }
        let (before, after) = (own.before.take(), own.after.take());
        match before {
            Some(before) => links(before).after.set(after),
            None => self.first.set(after),
        }
        match after {
            Some(after) => links(after).before.set(before),
            None => self.last.set(before),
        }
        // SAFETY: it was in the list, which has given up its reference.
        Some(unsafe { TaskRef::from_raw(task.raw()) })
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<TaskRef> {
        let task = |raw| {
            // SAFETY: as above; the handle stays the list's.
            let task = std::mem::ManuallyDrop::new(unsafe { TaskRef::from_raw(raw) });
            TaskRef::clone(&task)
        };
        std::iter::successors(self.first.get(), |task| links(*task).after.get())
            .map(task)
            .collect()
    }

    /// Lets all of them go.
    pub(crate) fn take(&self) -> Vec<TaskRef> {
        let all = self.all();
        for task in &all {
            drop(self.remove(task));
        }
        all
    }
}

impl Drop for Owned {
    fn drop(&mut self) {
        drop(self.take());
    }
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;
    use crate::event_loop::EventLoop;
    use crate::{Task, new_event_loop};

    fn tasks(event_loop: &EventLoop, count: usize) -> Vec<TaskRef> {
        let task = |_| -> Task<()> { event_loop.create_task(pending()) };
        let tasks: Vec<_> = (0..count).map(task).map(|task| task.erased()).collect();
        for task in &tasks {
            event_loop.inner.remove_task(task);
        }
        tasks
    }

    fn is(list: &Owned, expected: &[&TaskRef]) -> bool {
        let all = list.all();
        all.len() == expected.len() && all.iter().zip(expected).all(|(a, b)| a.is(b))
    }

    #[test]
    fn tasks_leave_from_any_place_and_the_others_keep_their_order() {
        let event_loop = new_event_loop();
        let [a, b, c, d] = &tasks(&event_loop, 4)[..] else {
            unreachable!("four were made")
        };
        let list = Owned::default();
        for task in [a, b, c, d] {
            list.push(task.clone());
        }
        assert!(is(&list, &[a, b, c, d]));
        assert!(list.remove(b).is_some());
        assert!(list.remove(b).is_none());
        assert!(is(&list, &[a, c, d]));
        list.remove(d);
        list.push(b.clone());
        list.remove(a);
        assert!(is(&list, &[c, b]));
        list.remove(c);
        list.remove(b);
        assert!(is(&list, &[]));
        list.push(a.clone());
        assert!(is(&list, &[a]));
    }

    #[test]
    fn a_list_keeps_its_tasks_and_lets_them_go_with_itself() {
        let event_loop = new_event_loop();
        let list = Owned::default();
        let keys: Vec<_> = tasks(&event_loop, 3)
            .into_iter()
            .map(|task| {
                let key = task.key();
                list.push(task);
                key
            })
            .collect();
        event_loop.run_until_complete(crate::sleep(0));
        assert!(keys.iter().all(|key| key.upgrade().is_some()));
        drop(list);
        assert!(keys.iter().all(|key| key.upgrade().is_none()));
    }
}
