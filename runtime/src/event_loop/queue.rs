//! A queue whose every operation is whole in itself: nothing is borrowed between two of them.

use std::cell::UnsafeCell;
use std::collections::VecDeque;

/// First in, first out.
///
/// What each function does it does with a reference to the queue that does not outlive it; meanwhile
/// nothing runs that is not this file's or the standard library's: entries are moved in and out, and never
/// dropped or looked at.
pub(super) struct Queue<T>(UnsafeCell<VecDeque<T>>);

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self(UnsafeCell::default())
    }
}

impl<T> Queue<T> {
    #[expect(clippy::mut_from_ref, reason = "private, and as above")]
    #[inline]
    fn all(&self) -> &mut VecDeque<T> {
        // SAFETY: there is no other reference, as said above, and the queue is of one thread.
        unsafe { &mut *self.0.get() }
    }

    #[inline]
    pub(super) fn push_back(&self, entry: T) {
        self.all().push_back(entry);
    }

    #[inline]
    pub(super) fn pop_front(&self) -> Option<T> {
        self.all().pop_front()
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.all().len()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    /// All entries, for the caller to drop.
    pub(super) fn take(&self) -> VecDeque<T> {
        std::mem::take(self.all())
    }

    /// Gives back what memory is for more than `room` entries, once a queue that was longer is so no more.
    #[inline]
    pub(super) fn give_back_room(&self, room: usize) {
        let all = self.all();
        if all.capacity() > room && all.len() < all.capacity() / 8 {
            all.shrink_to(room);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;

    #[test]
    fn what_comes_first_goes_first_also_while_others_come() {
        let queue = Queue::default();
        let mut came = Vec::new();
        for number in 0..100 {
            queue.push_back(number);
            queue.push_back(number + 100);
            came.extend(queue.pop_front());
        }
        came.extend(std::iter::from_fn(|| queue.pop_front()));
        assert_eq!(came.len(), 200);
        assert!(came.iter().filter(|number| **number < 100).is_sorted());
        assert!(queue.is_empty());
    }

    #[test]
    fn an_entry_that_is_dropped_may_use_the_queue() {
        struct Entry(Rc<Queue<Option<Entry>>>);
        impl Drop for Entry {
            fn drop(&mut self) {
                assert!(self.0.len() < 2);
                self.0.push_back(None);
            }
        }
        let queue = Rc::new(Queue::default());
        queue.push_back(Some(Entry(queue.clone())));
        drop(queue.pop_front());
        assert_eq!(queue.len(), 1);
        queue.push_back(Some(Entry(queue.clone())));
        drop(queue.take());
        assert_eq!(queue.len(), 1);
    }

    #[test]
    fn room_is_given_back_once_it_is_not_used() {
        let queue = Queue::default();
        for number in 0..10_000 {
            queue.push_back(number);
        }
        queue.give_back_room(100);
        assert!(queue.all().capacity() >= 10_000);
        while queue.len() > 50 {
            queue.pop_front();
        }
        queue.give_back_room(100);
        assert!(queue.all().capacity() < 1_000);
        assert_eq!(queue.pop_front(), Some(9_950));
    }
}
