//! The references to a task that may travel: its wakers.

use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable, Waker};

use super::super::flags;
use super::{Header, TaskRef, free};
use crate::event_loop::Address;
use crate::event_loop::remote::Message;

/// A reference to a task that may travel: what a waker is, for use in the runtime.
pub(crate) struct TaskKey(pub(super) NonNull<Header>);

// SAFETY: elsewhere than at home it touches only what may be touched everywhere; where it is, each of
// its functions asks.
unsafe impl Send for TaskKey {}
// SAFETY: as above.
unsafe impl Sync for TaskKey {}

impl TaskKey {
    /// One more reference, from anywhere.
    ///
    /// # Safety
    ///
    /// The caller has a reference.
    #[inline]
    unsafe fn more(task: NonNull<Header>) -> Self {
        // SAFETY: as the caller promises; what is counted at home is only touched there, and not so much as
        // read elsewhere.
        let header = unsafe { task.as_ref() };
        let is_counted_here = header.address().is_home() && !header.flags().has(flags::MERGED);
        let more = is_counted_here.then(|| header.wakers().get().checked_add(1));
        match more.flatten() {
            Some(more) => header.wakers().set(more),
            None => header.travelling.add(),
        }
        Self(task)
    }

    pub(super) fn header(&self) -> &Header {
        // SAFETY: this is a reference to it.
        unsafe { self.0.as_ref() }
    }

    /// Where its loop is.
    pub(crate) fn address(&self) -> Address {
        self.header().address()
    }

    /// The task, at home, while there are handles to it.
    pub(crate) fn upgrade(&self) -> Option<TaskRef> {
        let header = self.header();
        if !header.address().is_home() || header.flags().has(flags::GONE) {
            return None;
        }
        // SAFETY: this is its home, and it is not gone.
        Some(unsafe { TaskRef::more(self.0) })
    }

    /// The task, at home, until it is done.
    pub(crate) fn task(&self) -> Option<TaskRef> {
        self.upgrade().filter(TaskRef::is_owned)
    }

    #[inline]
    pub(crate) fn is_of(&self, task: &TaskRef) -> bool {
        self.0 == task.header
    }

    /// Has the task step in its loop's next iteration.
    #[inline]
    fn wake(self) {
        let this = ManuallyDrop::new(self);
        let home = this.address();
        if home.is_home() {
            this.wake_at_home();
            // SAFETY: it is not used any more.
            unsafe { this.let_go() };
        } else if this.header().travelling.queue() {
            // A closed loop has no use for it.
            let _ = home.send(Message::Wake(ManuallyDrop::into_inner(this)));
        } else {
            // SAFETY: as above.
            unsafe { this.let_go() };
        }
    }

    /// Wakes, if the waker is a task's; gives others back.
    #[inline]
    pub(crate) fn try_wake(waker: Waker) -> Result<(), Waker> {
        if !std::ptr::eq(waker.vtable(), &raw const WAKER) {
            return Err(waker);
        }
        ManuallyDrop::into_inner(lent(ManuallyDrop::new(waker).data())).wake();
        Ok(())
    }

    /// As [`wake`](Self::wake), by reference.
    #[inline]
    fn wake_by_ref(&self) {
        if self.address().is_home() {
            self.wake_at_home();
        } else {
            self.clone().wake();
        }
    }

    /// A wake-up from another thread has come in.
    pub(crate) fn arrive(self) {
        self.header().travelling.unqueue();
        self.wake_at_home();
    }

    #[inline]
    fn wake_at_home(&self) {
        let header = self.header();
        let flags = header.flags();
        if flags.has(flags::GONE | flags::SCHEDULED) || !flags.has(flags::OWNED) {
            return;
        }
        // SAFETY: this is its home, and it is not gone.
        let task = unsafe { TaskRef::more(self.0) };
        header
            .address()
            .with(move |event_loop| event_loop.schedule_owned(task));
    }
}

impl Clone for TaskKey {
    fn clone(&self) -> Self {
        // SAFETY: this is a reference.
        unsafe { Self::more(self.0) }
    }
}

impl TaskKey {
    #[cold]
    fn let_go_elsewhere(&self) {
        if self.header().travelling.remove() {
            // SAFETY: it was the last reference.
            unsafe { free(self.0) };
        }
    }

    /// What dropping it does, in line.
    ///
    /// # Safety
    ///
    /// It is neither used nor dropped after this.
    #[inline]
    unsafe fn let_go(&self) {
        let header = self.header();
        // One that was cloned elsewhere may be more than were counted here.
        if header.address().is_home()
            && !header.flags().has(flags::MERGED)
            && header.wakers().get() > 0
        {
            header.wakers().set(header.wakers().get() - 1);
        } else {
            self.let_go_elsewhere();
        }
    }
}

impl Drop for TaskKey {
    /// There are very many places where one may be dropped, and few where one often is: those let it go
    /// themselves.
    #[inline(never)]
    fn drop(&mut self) {
        // SAFETY: it is gone after this.
        unsafe { self.let_go() };
    }
}

impl std::fmt::Debug for TaskKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "<TaskKey {:p}>", self.0)
    }
}

/// The functions of a waker, whose pointer is a [`TaskKey`].
pub(super) static WAKER: RawWakerVTable = RawWakerVTable::new(
    |data| raw_waker((*lent(data)).clone().into_raw()),
    |data| ManuallyDrop::into_inner(lent(data)).wake(),
    |data| lent(data).wake_by_ref(),
    // SAFETY: the waker is gone after this, and it was lent.
    |data| unsafe { lent(data).let_go() },
);

impl TaskKey {
    fn into_raw(self) -> NonNull<Header> {
        ManuallyDrop::new(self).0
    }
}

#[inline]
pub(super) fn raw_waker(task: NonNull<Header>) -> RawWaker {
    RawWaker::new(task.as_ptr().cast_const().cast(), &WAKER)
}

/// The reference that a waker is, still the waker's.
fn lent(data: *const ()) -> ManuallyDrop<TaskKey> {
    match NonNull::new(data.cast_mut().cast()) {
        Some(task) => ManuallyDrop::new(TaskKey(task)),
        None => unreachable!("a waker of a task has a task"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is counted at home is not so much as read elsewhere: Miri sees it.
    #[test]
    fn a_waker_may_be_cloned_at_home_and_elsewhere_at_once() {
        let event_loop = crate::new_event_loop();
        let task = event_loop.create_task(std::future::pending::<()>());
        let task = task.erased();
        event_loop.inner.remove_task(&task);
        let waker = task.with_waker(Waker::clone);
        let clone_and_drop = |waker: &Waker| (0..20).for_each(|_| drop(waker.clone()));
        std::thread::scope(|scope| {
            let lent = &waker;
            let elsewhere = scope.spawn(move || clone_and_drop(lent));
            clone_and_drop(&waker);
            elsewhere.join().expect("it clones");
        });
        drop((task, event_loop));
        clone_and_drop(&waker);
    }
}
