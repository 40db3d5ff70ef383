//! A queue whose every operation is whole in itself: nothing is borrowed between two of them.
//!
//! It is a chain of blocks, which come as it grows and go as it is emptied: what was long once keeps no
//! memory for that, and growing copies nothing.

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::ptr;

/// How many entries a block has: of one word each, they take a page with what the usual allocator takes for
/// itself.
const ENTRIES: usize = 510;

struct Block<T> {
    /// That of the entries that came after these, if there are any.
    next: *mut Block<T>,
    entries: [MaybeUninit<T>; ENTRIES],
}

impl<T> Block<T> {
    fn make() -> *mut Self {
        let block: *mut Self = Box::into_raw(Box::<Self>::new_uninit()).cast();
        // SAFETY: it was just made; the entries need not be there.
        unsafe { (&raw mut (*block).next).write(ptr::null_mut()) };
        block
    }

    /// Where the entries begin, and where they end.
    ///
    /// # Safety
    ///
    /// It is from [`make`](Self::make), and was not freed.
    unsafe fn range(block: *mut Self) -> (*mut T, *mut T) {
        // SAFETY: as the caller promises.
        unsafe {
            let start = (&raw mut (*block).entries).cast::<T>();
            (start, start.add(ENTRIES))
        }
    }

    /// # Safety
    ///
    /// It is from [`make`](Self::make), nobody leads to it any more, and its entries were taken out.
    unsafe fn free(block: *mut Self) {
        // SAFETY: as the caller promises.
        drop(unsafe { Box::from_raw(block) });
    }
}

/// First in, first out.
///
/// What each function does it does with a reference to the chain that does not outlive it; meanwhile
/// nothing runs that is not this file's or the standard library's: entries are moved in and out, and never
/// dropped or looked at.
pub(super) struct Queue<T>(UnsafeCell<Chain<T>>);

/// The entries that are there are from `head` on, `len` of them, through the blocks from `first` to `last`;
/// where none was ever put in, all pointers are null.
struct Chain<T> {
    len: usize,
    /// The next entry, or the end of its block.
    head: *mut T,
    head_end: *mut T,
    /// The next place, or the end of its block.
    tail: *mut T,
    tail_end: *mut T,
    first: *mut Block<T>,
    last: *mut Block<T>,
    /// A block that is not used, if there is one: a queue that is about as long all the time needs no
    /// other.
    spare: *mut Block<T>,
}

impl<T> Default for Chain<T> {
    fn default() -> Self {
        Self {
            len: 0,
            head: ptr::null_mut(),
            head_end: ptr::null_mut(),
            tail: ptr::null_mut(),
            tail_end: ptr::null_mut(),
            first: ptr::null_mut(),
            last: ptr::null_mut(),
            spare: ptr::null_mut(),
        }
    }
}

impl<T> Chain<T> {
    #[inline(always)]
    fn push_back(&mut self, entry: T) {
        if self.tail == self.tail_end {
            self.grow();
        }
        // SAFETY: it is a place of a block of the chain, as it is not the end.
        unsafe {
            self.tail.write(entry);
            self.tail = self.tail.add(1);
        }
        self.len += 1;
    }

    /// The last block is full, or there is none: puts one behind it.
    #[cold]
    #[inline(never)]
    fn grow(&mut self) {
        let mut block = std::mem::replace(&mut self.spare, ptr::null_mut());
        if block.is_null() {
            block = Block::make();
        }
        // SAFETY: what is in the chain, and what is spare, was made and is not freed.
        unsafe {
            let (start, end) = Block::range(block);
            if self.last.is_null() {
                self.first = block;
                (self.head, self.head_end) = (start, end);
            } else {
                (*self.last).next = block;
            }
            self.last = block;
            (self.tail, self.tail_end) = (start, end);
        }
    }

    #[inline(always)]
    fn pop_front(&mut self) -> Option<T> {
        if self.len == 0 {
            return None;
        }
        if self.head == self.head_end {
            self.go_on();
        }
        self.len -= 1;
        // SAFETY: there is an entry, and this is the first; it is taken out once.
        unsafe {
            let entry = self.head.read();
            self.head = self.head.add(1);
            Some(entry)
        }
    }

    /// The first block is empty, and there are entries: they begin in the next one.
    #[cold]
    #[inline(never)]
    fn go_on(&mut self) {
        // SAFETY: as for `grow`; after the first block there is another one, or nothing would be there.
        unsafe {
            let empty = self.first;
            self.first = (*empty).next;
            (self.head, self.head_end) = Block::range(self.first);
            (*empty).next = ptr::null_mut();
            let unused = std::mem::replace(&mut self.spare, empty);
            if !unused.is_null() {
                Block::free(unused);
            }
        }
    }
}

impl<T> Drop for Chain<T> {
    fn drop(&mut self) {
        while let Some(entry) = self.pop_front() {
            drop(entry);
        }
        for block in [self.first, self.spare] {
            if !block.is_null() {
                // SAFETY: nothing is in the chain any more, so that it has one block at most.
                unsafe { Block::free(block) };
            }
        }
    }
}

impl<T> Default for Queue<T> {
    fn default() -> Self {
        Self(UnsafeCell::default())
    }
}

impl<T> Queue<T> {
    #[expect(clippy::mut_from_ref, reason = "private, and as above")]
    #[inline(always)]
    fn all(&self) -> &mut Chain<T> {
        // SAFETY: there is no other reference, as said above, and the queue is of one thread.
        unsafe { &mut *self.0.get() }
    }

    #[inline(always)]
    pub(super) fn push_back(&self, entry: T) {
        self.all().push_back(entry);
    }

    #[inline]
    pub(super) fn pop_front(&self) -> Option<T> {
        self.all().pop_front()
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.all().len
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All entries, for the caller to drop.
    pub(super) fn take(&self) -> impl Iterator<Item = T> + use<T> {
        let taken = std::mem::take(self.all());
        let taken = Self(UnsafeCell::new(taken));
        std::iter::from_fn(move || taken.pop_front())
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
        for number in 0..2 * ENTRIES {
            queue.push_back(number);
            queue.push_back(number + 2 * ENTRIES);
            came.extend(queue.pop_front());
        }
        came.extend(std::iter::from_fn(|| queue.pop_front()));
        assert_eq!(came.len(), 4 * ENTRIES);
        assert!(
            came.iter()
                .filter(|number| **number < 2 * ENTRIES)
                .is_sorted()
        );
        assert!(queue.is_empty());
    }

    /// At every place of a block the queue may run empty, fill up again, or be dropped.
    #[test]
    fn it_may_be_empty_at_the_end_of_a_block_and_go_on() {
        for before in ENTRIES - 2..ENTRIES + 2 {
            for then in [1, ENTRIES - 1, ENTRIES, ENTRIES + 1] {
                let queue = Queue::default();
                let entry = Rc::new(());
                for _ in 0..before {
                    queue.push_back((0, entry.clone()));
                    assert!(matches!(queue.pop_front(), Some((0, _))));
                }
                assert!(queue.pop_front().is_none());
                (0..then).for_each(|number| queue.push_back((number, entry.clone())));
                assert_eq!(queue.len(), then);
                for number in 0..then / 2 {
                    assert_eq!(queue.pop_front().map(|it| it.0), Some(number));
                }
                drop(queue);
                assert_eq!(Rc::strong_count(&entry), 1);
            }
        }
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
    fn what_was_long_once_keeps_no_memory_for_it() {
        let blocks = |queue: &Queue<usize>| {
            let all = queue.all();
            let next = |block: &*mut Block<usize>| {
                // SAFETY: it is a block of the chain.
                let next = unsafe { (**block).next };
                (!next.is_null()).then_some(next)
            };
            let chain = std::iter::successors(Some(all.first), next);
            chain.count() + usize::from(!all.spare.is_null())
        };
        let queue = Queue::default();
        (0..10_000).for_each(|number| queue.push_back(number));
        assert_eq!(blocks(&queue), 10_000_usize.div_ceil(ENTRIES));
        while queue.len() > 50 {
            queue.pop_front();
        }
        assert_eq!(blocks(&queue), 2);
        assert_eq!(queue.pop_front(), Some(9_950));
        if size_of::<usize>() == 8 {
            assert_eq!(size_of::<Block<usize>>() + size_of::<usize>(), 4096);
        }
    }
}
