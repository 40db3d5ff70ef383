//! What waits to be run: tasks to step, callbacks to call, timers that are due.

use std::alloc::Layout;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::rc::Rc;

use super::blocks;
use super::callback::Notified;
use super::queue::Queue;
use super::scheduled::Scheduled;
use super::timers::Due;
use crate::futures::Notice;
use crate::tasks::TaskRef;

/// An entry of the ready queue.
pub(crate) enum Ready {
    Task(TaskRef),
    /// It may be cancelled meanwhile.
    Handle(Scheduled),
    /// A done-callback, or a call from another thread: nobody holds a handle to cancel it by.
    Call(Box<dyn FnOnce()>),
    Timer(Due),
    Notify(Rc<dyn Notified>, u32),
    /// The same, as a future had it.
    Notice(Notice),
}

impl From<Notice> for Ready {
    #[inline]
    fn from(notice: Notice) -> Self {
        Ready::Notice(notice)
    }
}

/// An entry as the queue keeps it, in one word: a pointer, and in its lowest bits what that is.
struct Packed(*mut ());

const TAG: usize = 3;
/// A task's handle.
const TASK: usize = 0;
/// None, and above these bits and one more the slot of a timer; or a [`Notice`], where that one is set.
const TIMER: usize = 1;
const NOTICE: usize = 4 | TIMER;
/// A [`Scheduled`].
const HANDLE: usize = 2;
/// To a [`Ready`] in a block.
const BOXED: usize = 3;

const LAYOUT: Layout = blocks::layout_for(Layout::new::<Ready>());

impl Packed {
    #[inline(always)]
    fn new(entry: Ready) -> Self {
        match entry {
            Ready::Task(task) => Self(task.into_pointer().as_ptr()),
            Ready::Timer(due) => Self(std::ptr::without_provenance_mut(
                (due.slot() as usize) << 3 | TIMER,
            )),
            Ready::Notice(notice) => {
                let notice = notice.into_pointer().as_ptr();
                Self(notice.map_addr(|it| it | NOTICE))
            }
            Ready::Handle(handle) => {
                let handle = handle.into_pointer().as_ptr();
                Self(handle.map_addr(|it| it | HANDLE))
            }
            entry => Self::boxed(entry),
        }
    }

    fn boxed(entry: Ready) -> Self {
        let block = blocks::take_here(LAYOUT);
        // SAFETY: it was taken for this.
        unsafe { block.cast::<Ready>().write(entry) };
        Self(block.as_ptr().cast::<()>().map_addr(|it| it | BOXED))
    }

    #[inline]
    fn open(self) -> Ready {
        // Nearly all are tasks: a branch that is foreseen.
        if self.0.addr() & TAG == TASK {
            let task = ManuallyDrop::new(self);
            // SAFETY: it is what `new` made of a task's handle, and is taken out once.
            return unsafe { Ready::Task(TaskRef::from_pointer(NonNull::new_unchecked(task.0))) };
        }
        self.open_other()
    }

    #[inline(never)]
    fn open_other(self) -> Ready {
        let this = ManuallyDrop::new(self);
        let pointer = this.0.map_addr(|it| it & !TAG);
        // SAFETY: it is what `new` made of an entry, and is taken out once.
        unsafe {
            match this.0.addr() & TAG {
                TIMER if this.0.addr() & NOTICE == NOTICE => {
                    let notice = this.0.map_addr(|it| it & !NOTICE);
                    Ready::Notice(Notice::from_pointer(NonNull::new_unchecked(notice)))
                }
                TIMER => Ready::Timer(Due::of(this.0.addr() >> 3)),
                HANDLE => Ready::Handle(Scheduled::from_pointer(NonNull::new_unchecked(pointer))),
                _ => Self::unbox(NonNull::new_unchecked(pointer)),
            }
        }
    }

    /// # Safety
    ///
    /// It is a block that `boxed` took, and nobody else takes what is in it.
    unsafe fn unbox(block: NonNull<()>) -> Ready {
        // SAFETY: as the caller promises.
        unsafe {
            let entry = block.cast::<Ready>().read();
            blocks::give_here(block.cast(), LAYOUT);
            entry
        }
    }
}

impl Drop for Packed {
    fn drop(&mut self) {
        drop(Self(self.0).open());
    }
}

/// The ready queue.
#[derive(Default)]
pub(super) struct ReadyQueue(Queue<Packed>);

impl ReadyQueue {
    #[inline(always)]
    pub(super) fn push_back(&self, entry: Ready) {
        self.0.push_back(Packed::new(entry));
    }

    #[inline]
    pub(super) fn pop_front(&self) -> Option<Ready> {
        self.0.pop_front().map(Packed::open)
    }

    #[inline]
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All entries, for the caller to drop.
    pub(super) fn take(&self) -> impl Iterator<Item = Ready> + use<> {
        self.0.take().map(Packed::open)
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    struct Counted(Cell<u32>);

    impl Notified for Counted {
        fn notified(&self, number: u32) {
            self.0.set(self.0.get() + number);
        }
    }

    #[test]
    fn an_entry_is_one_word_and_comes_out_as_it_went_in() {
        assert_eq!(size_of::<Packed>(), size_of::<usize>());
        assert!(LAYOUT.align() > NOTICE);
        let event_loop = crate::new_event_loop();
        let task = event_loop.create_task(async {}).any().0;
        let counted = Rc::new(Counted(Cell::new(0)));
        let called = counted.clone();
        let held = Rc::new(());
        let queue = ReadyQueue::default();
        for _ in 0..2 {
            queue.push_back(Ready::Task(task.clone()));
            let holds = held.clone();
            let scheduled = Scheduled::new(&event_loop.inner.blocks, move || drop(holds));
            queue.push_back(Ready::Handle(scheduled));
            queue.push_back(Ready::Notify(counted.clone(), 5));
            let called = called.clone();
            queue.push_back(Ready::Call(Box::new(move || called.0.set(7))));
        }
        assert!(matches!(queue.pop_front(), Some(Ready::Task(it)) if it.is(&task)));
        assert!(matches!(queue.pop_front(), Some(Ready::Handle(it)) if it.waits()));
        assert_eq!(Rc::strong_count(&held), 2);
        match queue.pop_front() {
            Some(Ready::Notify(it, number)) => it.notified(number),
            _ => unreachable!("a notice"),
        }
        assert_eq!(counted.0.get(), 5);
        match queue.pop_front() {
            Some(Ready::Call(call)) => call(),
            _ => unreachable!("a call"),
        }
        assert_eq!(counted.0.get(), 7);
        assert_eq!(queue.len(), 4);
        drop(queue.take());
        assert!(queue.is_empty());
        drop(queue);
        assert_eq!(
            (Rc::strong_count(&held), Rc::strong_count(&counted)),
            (1, 2)
        );
        event_loop.run_until_complete(crate::sleep(0));
    }
}
