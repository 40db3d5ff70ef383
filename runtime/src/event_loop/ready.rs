//! What waits to be run: tasks to step, callbacks to call, timers that are due.

use std::any::TypeId;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;
use std::rc::{Rc, Weak};

use super::LoopState;
use super::timers::{Due, TimerKey};
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
