//! The tasks of a loop that are not done: it owns them, in the order in which they were made.
//!
//! They stand in a ring whose links are in the tasks themselves, so that to come and to go costs the same
//! however many there are. A task in the list is kept by one reference that is the list's; a task that is
//! in none has no links: its value may be where they were.

use std::cell::Cell;
use std::ptr::NonNull;

use super::flags::{LINKED, OWNED};
use super::header::{TaskRef, links_of, task_of};

/// A task's place in the ring.
pub(super) struct Links {
    before: Cell<NonNull<Links>>,
    after: Cell<NonNull<Links>>,
}

/// The list.
pub(crate) struct Owned {
    /// Where the ring begins and ends; it is this one's own, in a box.
    head: NonNull<Links>,
}

/// # Safety
///
/// For this and the next: the links are in a ring, all of which is alive.
#[inline]
unsafe fn join(before: NonNull<Links>, after: NonNull<Links>) {
    // SAFETY: as the caller promises. There is no other reference to either; whoever makes one is in this
    // file, and runs nothing meanwhile.
    unsafe {
        before.as_ref().after.set(after);
        after.as_ref().before.set(before);
    }
}

/// Takes them out of the ring that they are in.
#[inline]
pub(super) unsafe fn unlink(links: NonNull<Links>) {
    // SAFETY: as the caller promises.
    unsafe {
        let (before, after) = (links.as_ref().before.get(), links.as_ref().after.get());
        join(before, after);
    }
}

impl Default for Owned {
    fn default() -> Self {
        let nowhere = Cell::new(NonNull::dangling());
        let links = Links {
            before: nowhere.clone(),
            after: nowhere,
        };
        let head = NonNull::from(Box::leak(Box::new(links)));
        // SAFETY: it is alive, and a ring of its own.
        unsafe { join(head, head) };
        Self { head }
    }
}

impl Owned {
    /// Takes a task in, which is in no list.
    #[inline]
    pub(crate) fn push(&self, task: TaskRef) {
        debug_assert!(!task.flags().has(OWNED | LINKED));
        task.flags().set(OWNED | LINKED);
        let links = links_of(task.into_raw());
        // SAFETY: the task is alive and not done: the place behind its header is for links, and nobody
        // looks at them, as it is in no list. What is in this list is alive.
        unsafe {
            let last = self.head.as_ref().before.get();
            links.write(Links {
                before: Cell::new(last),
                after: Cell::new(self.head),
            });
            last.as_ref().after.set(links);
            self.head.as_ref().before.set(links);
        }
    }

    /// Lets a task go, which is in this list if it is in any.
    #[inline]
    pub(crate) fn remove(&self, task: &TaskRef) -> Option<TaskRef> {
        if task.flags().take(LINKED) {
            // SAFETY: it is in a list, and so is kept by it.
            unsafe { unlink(links_of(task.raw())) };
        }
        let was_owned = task.flags().take(OWNED);
        // SAFETY: it was owned by a reference, which is given up.
        was_owned.then(|| unsafe { TaskRef::from_raw(task.raw()) })
    }

    /// All of them.
    pub(crate) fn all(&self) -> Vec<TaskRef> {
        // SAFETY: what is in the ring is alive, and nothing is changed meanwhile.
        let after = |links: NonNull<Links>| unsafe { links.as_ref() }.after.get();
        let is_task = |links: &NonNull<Links>| *links != self.head;
        let first = Some(after(self.head)).filter(is_task);
        std::iter::successors(first, |links| Some(after(*links)).filter(is_task))
            .map(|links| {
                // SAFETY: these are a task's; the handle stays the list's.
                let task = unsafe { TaskRef::from_raw(task_of(links)) };
                TaskRef::clone(&std::mem::ManuallyDrop::new(task))
            })
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
        // SAFETY: it came from a box, and nothing is in the ring any more that leads to it.
        drop(unsafe { Box::from_raw(self.head.as_ptr()) });
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
