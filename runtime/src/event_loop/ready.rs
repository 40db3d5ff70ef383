//! What waits to be run: tasks to step, callbacks to call, timers that are due.

use std::alloc::Layout;
use std::any::TypeId;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::ptr::NonNull;
use std::rc::{Rc, Weak};

use super::LoopState;
use super::blocks;
use super::queue::Queue;
use super::timers::{Due, TimerKey};
use crate::futures::Notice;
use crate::tasks::{TaskRef, Wake};

/// What a timer or a finished future calls.
pub(crate) enum Callback {
    Wake(Wake),
    Call(Call),
    /// One of a future's, that is to be called with the future: it takes the reference when the
    /// future is done, and until then keeps nothing alive.
    Bind(Box<dyn Bind>),
    /// One of many that all tell the same: the number says which.
    Notify(Rc<dyn Notified>, u32),
}

/// What waits for many things, and is told of each by its number, in a turn of its own. It runs
/// nothing of the user's.
pub(crate) trait Notified {
    fn notified(&self, number: u32);
}

type Call = Box<dyn FnOnce()>;

/// A done-callback, before it is known that it will be called.
pub(crate) trait Bind {
    fn bind(self: Box<Self>) -> Option<Call>;

    /// Whether it is a function of this type, which is a type of one value.
    fn is(&self, function: TypeId) -> bool;
}

/// The callback `C`, as `bind` makes a call of it.
pub(crate) struct Binding<C, B> {
    bind: B,
    of: PhantomData<fn() -> C>,
}

impl<C: 'static, B: FnOnce() -> Option<Call> + 'static> Binding<C, B> {
    pub(crate) fn callback(bind: B) -> Callback {
        let of = PhantomData::<fn() -> C>;
        Callback::Bind(Box::new(Self { bind, of }))
    }
}

impl<C: 'static, B: FnOnce() -> Option<Call>> Bind for Binding<C, B> {
    fn bind(self: Box<Self>) -> Option<Call> {
        (self.bind)()
    }

    fn is(&self, function: TypeId) -> bool {
        TypeId::of::<C>() == function
    }
}

/// An entry of the ready queue.
pub(crate) enum Ready {
    Task(TaskRef),
    Handle(Rc<HandleState>),
    /// A done-callback, or a call from another thread: nobody holds a handle to cancel it by.
    Call(Box<dyn FnOnce()>),
    Timer(Due),
    Notify(Rc<dyn Notified>, u32),
    /// The same, as a future had it.
    Notice(Notice),
}

/// An entry as the queue keeps it, in one word: a pointer, and in its lowest bits what that is.
struct Packed(*mut ());

const TAG: usize = 3;
/// A task's handle.
const TASK: usize = 0;
/// None, and above these bits and one more the slot of a timer; or a [`Notice`], where that one is set.
const TIMER: usize = 1;
const NOTICE: usize = 4 | TIMER;
/// A [`HandleState`], as of an [`Rc`].
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
                let handle = Rc::into_raw(handle).cast_mut().cast::<()>();
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
                HANDLE => Ready::Handle(Rc::from_raw(pointer.cast::<HandleState>())),
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

pub(crate) struct HandleState {
    callback: RefCell<Option<Box<dyn FnOnce()>>>,
    cancelled: Cell<bool>,
}

impl HandleState {
    pub(crate) fn new(callback: Box<dyn FnOnce()>) -> Rc<Self> {
        Rc::new(Self {
            callback: RefCell::new(Some(callback)),
            cancelled: Cell::new(false),
        })
    }

    pub(crate) fn take(&self) -> Option<Box<dyn FnOnce()>> {
        self.callback.borrow_mut().take()
    }

    fn cancel(&self) {
        self.cancelled.set(true);
        drop(self.take());
    }
}

/// A callback that [`call_soon`](crate::EventLoop::call_soon) will call: it can be cancelled.
///
/// Dropping the handle does not cancel the callback. Mirrors `asyncio.Handle`.
///
/// ```
/// # asyncio::run(async {
/// let event_loop = asyncio::get_running_loop();
/// let handle = event_loop.call_soon(|| unreachable!("it is cancelled"));
/// handle.cancel();
/// asyncio::sleep(0).await;
/// assert!(handle.cancelled());
/// # });
/// ```
#[derive(Clone)]
pub struct Handle(pub(crate) Rc<HandleState>);

impl Handle {
    /// Has the callback never called; a second time, and after the call, it does nothing.
    ///
    /// Mirrors `Handle.cancel`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let handle = asyncio::get_running_loop().call_soon(|| panic!("it is not called"));
    /// handle.cancel();
    /// asyncio::sleep(0).await;
    /// # });
    /// ```
    pub fn cancel(&self) {
        self.0.cancel();
    }

    /// Whether [`cancel`](Self::cancel) was called.
    ///
    /// Mirrors `Handle.cancelled`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let handle = asyncio::get_running_loop().call_soon(|| {});
    /// assert!(!handle.cancelled());
    /// handle.cancel();
    /// assert!(handle.cancelled());
    /// # });
    /// ```
    pub fn cancelled(&self) -> bool {
        self.0.cancelled.get()
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.cancelled() {
            "<Handle cancelled>"
        } else {
            "<Handle>"
        })
    }
}

/// A callback that [`call_later`](crate::EventLoop::call_later) or [`call_at`](crate::EventLoop::call_at) will
/// call: it can be cancelled.
///
/// Dropping the handle does not cancel the callback. Mirrors `asyncio.TimerHandle`.
#[derive(Clone)]
pub struct TimerHandle {
    /// Weak: a callback may hold the handle to itself.
    pub(crate) event_loop: Weak<LoopState>,
    pub(crate) key: TimerKey,
    pub(crate) when: f64,
    pub(crate) cancelled: Rc<Cell<bool>>,
}

impl TimerHandle {
    /// Has the callback never called; a second time, and after the call, it does nothing.
    ///
    /// Mirrors `TimerHandle.cancel`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let timer = asyncio::get_running_loop().call_later(1, || panic!("it is not called"));
    /// timer.cancel();
    /// asyncio::sleep(2).await;
    /// # });
    /// ```
    pub fn cancel(&self) {
        self.cancelled.set(true);
        if let Some(event_loop) = self.event_loop.upgrade() {
            event_loop.cancel_timer(self.key);
        }
    }

    /// Whether [`cancel`](Self::cancel) was called.
    ///
    /// Mirrors `TimerHandle.cancelled`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let timer = asyncio::get_running_loop().call_later(1, || {});
    /// assert!(!timer.cancelled());
    /// timer.cancel();
    /// assert!(timer.cancelled());
    /// # });
    /// ```
    pub fn cancelled(&self) -> bool {
        self.cancelled.get()
    }

    /// The loop's time, in seconds, at which the callback is due.
    ///
    /// Mirrors `TimerHandle.when`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let event_loop = asyncio::get_running_loop();
    /// let timer = event_loop.call_at(5.0, || {});
    /// assert_eq!(timer.when(), 5.0);
    /// # });
    /// ```
    pub fn when(&self) -> f64 {
        self.when
    }
}

impl fmt::Debug for TimerHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cancelled = if self.cancelled() { "cancelled " } else { "" };
        write!(f, "<TimerHandle {cancelled}when={}>", self.when)
    }
}

#[cfg(test)]
mod tests {
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
        assert!(LAYOUT.align() > TAG && align_of::<HandleState>() > TAG);
        let event_loop = crate::new_event_loop();
        let task = event_loop.create_task(async {}).any().0;
        let counted = Rc::new(Counted(Cell::new(0)));
        let called = counted.clone();
        let handle = HandleState::new(Box::new(|| ()));
        let queue = ReadyQueue::default();
        for _ in 0..2 {
            queue.push_back(Ready::Task(task.clone()));
            queue.push_back(Ready::Handle(handle.clone()));
            queue.push_back(Ready::Notify(counted.clone(), 5));
            let called = called.clone();
            queue.push_back(Ready::Call(Box::new(move || called.0.set(7))));
        }
        assert!(matches!(queue.pop_front(), Some(Ready::Task(it)) if it.is(&task)));
        assert!(matches!(queue.pop_front(), Some(Ready::Handle(it)) if Rc::ptr_eq(&it, &handle)));
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
            (Rc::strong_count(&handle), Rc::strong_count(&counted)),
            (1, 2)
        );
        event_loop.run_until_complete(crate::sleep(0));
    }
}
