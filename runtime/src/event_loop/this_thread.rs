//! What a thread knows of its loops.
//!
//! Wakers and handles may be dropped while the thread itself ends: what has a destructor is accessed
//! by `try_with`, and the rest has none.

use std::cell::{Cell, RefCell};
use std::mem::ManuallyDrop;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{EventLoop, LoopState, get_event_loop};

/// What every step looks at. It has no destructor, so it is there to the very end of the thread, and
/// an access is a plain load.
struct Local {
    /// See [`number`].
    thread: Cell<u64>,
    /// The number of the running loop; zero when there is none.
    running_id: Cell<u64>,
    /// The running loop: [`Running`] keeps it alive and takes this back.
    running: Cell<*const LoopState>,
}

thread_local! {
    static LOCAL: Local = const {
        Local {
            thread: Cell::new(0),
            running_id: Cell::new(0),
            running: Cell::new(std::ptr::null()),
        }
    };
    /// `set_event_loop`'s.
    static SET: RefCell<Option<EventLoop>> = const { RefCell::new(None) };
}

/// A number for the current thread that no other one ever has: with it what travels between threads
/// knows whether it is at home.
#[inline]
pub(crate) fn number() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    LOCAL.with(|local| {
        if local.thread.get() == 0 {
            local.thread.set(NEXT.fetch_add(1, Ordering::Relaxed));
        }
        local.thread.get()
    })
}

/// The running loop, if it has this number.
#[inline]
pub(super) fn running_if(id: u64) -> Option<*const LoopState> {
    LOCAL.with(|local| (local.running_id.get() == id).then(|| local.running.get()))
}

/// Without a clone of the handle.
#[inline]
pub(crate) fn with_running<R>(f: impl FnOnce(&LoopState) -> R) -> Option<R> {
    let running = LOCAL.with(|local| local.running.get());
    // SAFETY: it is null, or what `Running` keeps alive; that is a guard on a stack frame beneath
    // this one, and so outlives the call.
    unsafe { running.as_ref() }.map(f)
}

#[inline]
pub(crate) fn is_running() -> bool {
    with_running(|_| ()).is_some()
}

/// As [`with_running`], with the handle itself.
#[inline]
pub(crate) fn with_running_handle<R>(f: impl FnOnce(&Rc<LoopState>) -> R) -> Option<R> {
    let running = LOCAL.with(|local| local.running.get());
    if running.is_null() {
        return None;
    }
    // SAFETY: the pointer is `Rc::as_ptr`'s, and `Running` keeps the loop alive; the count is left as it
    // is.
    let running = ManuallyDrop::new(unsafe { Rc::from_raw(running) });
    Some(f(&running))
}

/// The same with [`get_event_loop`]'s where none runs. There is one call of `f`, which may be large.
#[inline]
pub(crate) fn with_current_handle<R>(f: impl FnOnce(&Rc<LoopState>) -> R) -> R {
    let mut current = LOCAL.with(|local| local.running.get());
    let mut kept = None;
    if current.is_null() {
        current = Rc::as_ptr(kept.insert(get_event_loop().inner));
    }
    // SAFETY: the pointer is `Rc::as_ptr`'s, and `Running` or what is kept here keeps the loop alive; the
    // count is left as it is.
    let current = ManuallyDrop::new(unsafe { Rc::from_raw(current) });
    f(&current)
}

/// A handle to a loop.
///
/// # Safety
///
/// The pointer is `Rc::as_ptr`'s itself, not one made of a reference, which would not lead to the count;
/// and the loop is alive.
pub(super) unsafe fn kept(event_loop: *const LoopState) -> Rc<LoopState> {
    // SAFETY: as the caller promises.
    unsafe {
        Rc::increment_strong_count(event_loop);
        Rc::from_raw(event_loop)
    }
}

pub(crate) fn running() -> Option<Rc<LoopState>> {
    let running = LOCAL.with(|local| local.running.get());
    // SAFETY: the pointer is `Rc::as_ptr`'s, and the loop is alive.
    (!running.is_null()).then(|| unsafe { kept(running) })
}

pub(crate) fn set() -> Option<EventLoop> {
    SET.try_with(|set| set.try_borrow().ok().and_then(|set| set.clone()))
        .ok()
        .flatten()
}

pub(crate) fn replace_set(event_loop: Option<EventLoop>) {
    // The old one is dropped outside the borrow: with it its tasks may go.
    let old = SET.try_with(|set| match set.try_borrow_mut() {
        Ok(mut set) => std::mem::replace(&mut *set, event_loop),
        Err(_) => event_loop,
    });
    drop(old);
}

/// A loop runs until this is dropped.
///
/// A guard of one stack frame: guards of a thread are dropped in the reverse of their order.
pub(crate) struct Running {
    _event_loop: Rc<LoopState>,
}

impl Running {
    pub(crate) fn enter(event_loop: &Rc<LoopState>) -> Self {
        LOCAL.with(|local| {
            debug_assert!(local.running.get().is_null());
            local.running_id.set(event_loop.id);
            local.running.set(Rc::as_ptr(event_loop));
        });
        Self {
            _event_loop: event_loop.clone(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        LOCAL.with(|local| {
            local.running_id.set(0);
            local.running.set(std::ptr::null());
        });
    }
}
