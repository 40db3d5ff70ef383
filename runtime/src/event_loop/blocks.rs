//! Memory for tasks: what one leaves, the next one takes.
//!
//! A loop that makes and ends many tasks would spend much of its time in the allocator. So it keeps the
//! blocks of its tasks that ended, in a list for each size, and gives them to those that begin. A block
//! is a plain allocation of its own, whoever holds it: any thread may give it back to the
//! allocator, any loop of any thread may keep it, and none has to.
//!
//! What is kept is bounded in bytes, and returned to the allocator with the loop.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::cell::Cell;
use std::ptr::NonNull;

use super::this_thread;

/// The sizes that are kept are a multiple of this and half of it: so much does the usual allocator take with
/// eight bytes of its own, and wastes nothing.
const STEP: usize = 16;
const LARGEST: usize = 1024;
const CLASSES: usize = LARGEST / STEP;

/// As much as is kept at most, in bytes.
const MOST: usize = 8 << 20;

/// What a loop begins with. Under memcheck it keeps nothing: of a block in a list, memcheck cannot know that nobody
/// uses it.
const ROOM: usize = if cfg!(valgrind) { 0 } else { MOST };

/// What is in a block that nobody uses.
struct Free {
    next: Option<NonNull<Free>>,
}

/// The blocks that a loop keeps.
pub(crate) struct Blocks {
    free: [Cell<Option<NonNull<Free>>>; CLASSES],
    /// How many bytes more may be kept.
    room: Cell<usize>,
}

/// The layout of a block for something of this one.
pub(crate) const fn layout_for(wanted: Layout) -> Layout {
    let size = match class(wanted) {
        Some(class) => class * STEP + STEP / 2,
        None => return wanted,
    };
    match Layout::from_size_align(size, STEP / 2) {
        Ok(layout) => layout,
        Err(_) => wanted,
    }
}

/// Which list a block of this layout is in, if in any; it is one that [`layout_for`] gave.
#[inline]
const fn list_of(layout: Layout) -> Option<usize> {
    if layout.size() <= LARGEST - STEP / 2 && layout.align() <= STEP / 2 {
        Some(layout.size() / STEP)
    } else {
        None
    }
}

/// Which list a block for this layout is in, if in any.
const fn class(wanted: Layout) -> Option<usize> {
    let class = wanted.size().saturating_sub(STEP / 2).div_ceil(STEP);
    if class < CLASSES && wanted.align() <= STEP / 2 {
        Some(class)
    } else {
        None
    }
}

impl Default for Blocks {
    fn default() -> Self {
        Self {
            free: [const { Cell::new(None) }; CLASSES],
            room: Cell::new(ROOM),
        }
    }
}

impl Blocks {
    /// A block of a layout that [`layout_for`] gave.
    #[inline]
    pub(crate) fn take(&self, layout: Layout) -> NonNull<u8> {
        if let Some(class) = list_of(layout) {
            let list = &self.free[class];
            if let Some(block) = list.get() {
                // SAFETY: what is in a list is a block that nobody uses, with a `Free` in it.
                list.set(unsafe { block.as_ref() }.next);
                self.room.set(self.room.get() + layout.size());
                return block.cast();
            }
        }
        Self::allocate(layout)
    }

    #[cold]
    fn allocate(layout: Layout) -> NonNull<u8> {
        // SAFETY: no task is of size zero: it begins with its header.
        let block = unsafe { alloc(layout) };
        NonNull::new(block).unwrap_or_else(|| handle_alloc_error(layout))
    }

    /// Keeps a block, if there is room for it.
    ///
    /// # Safety
    ///
    /// It is of this layout, from [`take`](Self::take), of whichever loop, and nobody uses it any more.
    #[inline]
    #[must_use]
    unsafe fn keep(&self, block: NonNull<u8>, layout: Layout) -> bool {
        let Some(room) = self.room.get().checked_sub(layout.size()) else {
            return false;
        };
        let Some(class) = list_of(layout) else {
            return false;
        };
        let list = &self.free[class];
        let block = block.cast::<Free>();
        // SAFETY: it is the caller's, large enough for a pointer and aligned for one.
        unsafe { block.write(Free { next: list.get() }) };
        list.set(Some(block));
        self.room.set(room);
        true
    }
}

/// A block of a layout that [`layout_for`] gave, from the running loop if there is one.
#[inline]
pub(crate) fn take_here(layout: Layout) -> NonNull<u8> {
    let taken = this_thread::with_running(|running| running.blocks.take(layout));
    taken.unwrap_or_else(|| Blocks::allocate(layout))
}

/// Gives a block back, on any thread: to the running loop if there is one.
///
/// # Safety
///
/// As for [`Blocks::keep`].
#[inline]
pub(crate) unsafe fn give_here(block: NonNull<u8>, layout: Layout) {
    // SAFETY: as the caller promises.
    let kept = this_thread::with_running(|running| unsafe { running.blocks.keep(block, layout) });
    if kept != Some(true) {
        // SAFETY: as the caller promises.
        unsafe { free(block, layout) };
    }
}

/// Gives a block back to the allocator, on any thread.
///
/// # Safety
///
/// As for [`Blocks::keep`].
#[cold]
unsafe fn free(block: NonNull<u8>, layout: Layout) {
    // SAFETY: `Blocks::allocate` made it, with this layout.
    unsafe { dealloc(block.as_ptr(), layout) };
}

impl Drop for Blocks {
    fn drop(&mut self) {
        for (class, list) in self.free.iter().enumerate() {
            let size = class * STEP + STEP / 2;
            while let Some(block) = list.get() {
                // SAFETY: what is in a list is a block that nobody uses, of the size that the list is for.
                unsafe {
                    list.set(block.as_ref().next);
                    free(
                        block.cast(),
                        Layout::from_size_align_unchecked(size, STEP / 2),
                    );
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        layout_for(Layout::from_size_align(size, align).expect("a layout"))
    }

    #[test]
    fn a_block_is_as_large_as_was_asked_for_and_of_one_size_with_its_like() {
        for size in 1..2 * LARGEST {
            let layout = layout(size, 8);
            assert!(layout.size() >= size && layout.size() < size + STEP);
            assert_eq!(layout_for(layout), layout, "{size}");
            assert_eq!(list_of(layout), class(layout));
            if let Some(class) = class(layout) {
                assert_eq!(class * STEP + STEP / 2, layout.size());
            }
        }
        assert_eq!(layout(40, 64).align(), 64);
    }

    #[test]
    fn what_is_given_is_taken_again_by_what_has_its_size() {
        let blocks = Blocks::default();
        blocks.room.set(MOST);
        let (small, large) = (layout(100, 8), layout(200, 8));
        let first = blocks.take(small);
        // SAFETY: it was just taken.
        assert!(unsafe { blocks.keep(first, small) });
        let other = blocks.take(large);
        assert_ne!(other, first);
        let again = blocks.take(small);
        assert_eq!(again, first);
        // SAFETY: they were taken, and are of this loop or of none.
        unsafe {
            free(again, small);
            assert!(blocks.keep(other, large));
        }
    }

    #[test]
    fn no_more_is_kept_than_there_is_room_for() {
        let blocks = Blocks::default();
        blocks.room.set(300);
        let layout = layout(100, 8);
        let taken: Vec<_> = (0..5).map(|_| blocks.take(layout)).collect();
        for (count, block) in taken.into_iter().enumerate() {
            // SAFETY: it was just taken.
            unsafe {
                let is_kept = blocks.keep(block, layout);
                assert_eq!(is_kept, count < 2);
                if !is_kept {
                    free(block, layout);
                }
            }
        }
        assert_eq!(blocks.room.get(), 300 - 2 * layout.size());
    }
}
