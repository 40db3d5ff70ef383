//! Wakers that change what wakes them, or polls with them.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};

use asyncio::{Event, Lock, Queue, Task};
use futures::FutureExt;

use super::{Held, await_held, fill_memory, held, poll_held, waiting};

thread_local! {
    /// What the next wakers drop when they are woken: they are `Send`, and this is not.
    static ON_WAKE: RefCell<Vec<Box<dyn FnOnce()>>> = const { RefCell::new(Vec::new()) };
}

/// Calls what there is in `ON_WAKE`.
struct Meddles;

impl Wake for Meddles {
    fn wake(self: Arc<Self>) {
        while let Some(call) = ON_WAKE.with(|calls| calls.borrow_mut().pop()) {
            call();
        }
    }
}

fn meddling() -> Waker {
    Waker::from(Arc::new(Meddles))
}

fn on_wake(call: impl FnOnce() + 'static) {
    ON_WAKE.with(|calls| calls.borrow_mut().push(Box::new(call)));
}

/// What waits in one line, each polled with a waker that meddles.
fn line(waits: impl IntoIterator<Item = Held>) -> Vec<Held> {
    let waker = meddling();
    let waits: Vec<Held> = waits.into_iter().collect();
    for wait in &waits {
        assert!(poll_held(wait, &mut Context::from_waker(&waker)).is_pending());
    }
    waits
}

/// A line of ten is woken by `wake`, and the first to be woken drops all others, or those from the middle on; or
/// adds to the line.
fn while_woken(make: impl Fn() -> (Box<dyn Fn() -> Held>, Box<dyn Fn()>)) {
    for how in 0..3 {
        asyncio::run(async {
            let (wait, wake) = make();
            let waits = line((0..10).map(|_| wait()));
            let (others, newcomers) = (waits.clone(), Rc::new(RefCell::new(Vec::new())));
            let late = newcomers.clone();
            on_wake(move || match how {
                0 => others.iter().for_each(|wait| drop(wait.take())),
                1 => others[5..].iter().for_each(|wait| drop(wait.take())),
                _ => *late.borrow_mut() = line((0..3).map(|_| wait())),
            });
            wake();
            wake();
            asyncio::sleep(0).await;
            for wait in waits.into_iter().chain(newcomers.take()) {
                drop(wait.take());
            }
            wake();
            ON_WAKE.take();
        });
    }
}

#[test]
fn who_is_woken_may_drop_all_others_in_the_line() {
    while_woken(|| {
        let event = Event::new();
        let sets = event.clone();
        (
            Box::new(move || {
                let event = event.clone();
                held(async move {
                    let _ = event.wait().await;
                })
            }),
            Box::new(move || sets.set()),
        )
    });
    while_woken(|| {
        let lock = Lock::new();
        let taken = Cell::new(lock.acquire().now_or_never());
        let other = lock.clone();
        (
            Box::new(move || {
                let lock = lock.clone();
                held(async move { drop(lock.acquire().await) })
            }),
            Box::new(move || {
                drop(taken.take());
                drop(other.acquire().now_or_never());
            }),
        )
    });
    while_woken(|| {
        let queue = Queue::<u32>::new();
        let puts = queue.clone();
        (
            Box::new(move || {
                let queue = queue.clone();
                held(async move {
                    let _ = queue.get().await;
                })
            }),
            Box::new(move || puts.put_nowait(1).unwrap()),
        )
    });
    while_woken(|| {
        let queue = Queue::<u32>::new();
        let closes = queue.clone();
        (
            Box::new(move || {
                let queue = queue.clone();
                held(async move {
                    let _ = queue.get().await;
                })
            }),
            Box::new(move || closes.shutdown(true)),
        )
    });
}

#[test]
fn who_is_woken_by_a_cancellation_may_drop_what_else_the_task_waits_for() {
    asyncio::run(async {
        let (first, second) = (waiting(), waiting());
        let (one, other) = (first.clone(), second.clone());
        let waker = meddling();
        let task: Task<()> = asyncio::create_task(std::future::poll_fn(move |_| {
            let mut cx = Context::from_waker(&waker);
            let _ = poll_held(&one, &mut cx);
            let _ = poll_held(&other, &mut cx);
            Poll::Pending
        }));
        asyncio::sleep(0).await;
        let shown = task.clone();
        on_wake(move || {
            drop(first.take());
            drop(second.take());
            assert!(!format!("{shown:?}").contains("wait_for="), "{shown:?}");
        });
        assert!(task.cancel());
        let _filled = fill_memory();
        assert!(!format!("{task:?}").contains("wait_for="), "{task:?}");
        asyncio::sleep(0).await;
        // Who was to raise it is gone: the task does.
        assert!(task.cancelled());
    });
}

#[test]
fn what_is_forgotten_in_a_line_is_no_harm() {
    asyncio::run(async {
        let lock = Lock::new();
        let guard = lock.acquire().await;
        let waits = line((0..3).map(|_| {
            let lock = lock.clone();
            held(async move { drop(lock.acquire().await) })
        }));
        std::mem::forget(waits[1].take());
        drop(waits[0].take());
        drop(guard);
        // It was handed to one who never comes for it, and nobody overtakes.
        assert!(!lock.locked());
        assert!(lock.acquire().now_or_never().is_none());
        drop(waits);
    });
}

/// A cancellation that a task was woken for is raised there, though what it waited at is gone.
#[test]
fn a_cancelled_wait_that_others_drop_cancels_its_task_all_the_same() {
    asyncio::run(async {
        for is_cancelled_first in [true, false] {
            let wait = waiting();
            let task = asyncio::create_task(await_held(wait.clone()));
            asyncio::sleep(0).await;
            if is_cancelled_first {
                task.cancel();
                drop(wait.take());
            } else {
                drop(wait.take());
                task.cancel();
            }
            for _ in 0..5 {
                asyncio::sleep(0).await;
            }
            assert!(task.cancelled(), "{is_cancelled_first}");
        }
    });
}

thread_local! {
    static ON_CLONE: RefCell<Vec<Box<dyn FnOnce()>>> = const { RefCell::new(Vec::new()) };
    static CLONES_WOKEN: Cell<u32> = const { Cell::new(0) };
}

/// A waker whose clone does what [`ON_CLONE`] says.
fn meddling_as_it_is_cloned() -> Waker {
    const VTABLE: &RawWakerVTable = &RawWakerVTable::new(
        |_| {
            let call = ON_CLONE.with(|calls| calls.borrow_mut().pop());
            if let Some(call) = call {
                call();
            }
            RawWaker::new(std::ptr::null(), VTABLE)
        },
        |_| CLONES_WOKEN.set(CLONES_WOKEN.get() + 1),
        |_| CLONES_WOKEN.set(CLONES_WOKEN.get() + 1),
        |_| (),
    );
    // SAFETY: its functions look at no data, and at what is each thread's own.
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), VTABLE)) }
}

#[test]
fn a_waker_may_wake_what_polls_as_it_is_cloned() {
    for clones_before in 0..2 {
        asyncio::run(async move {
            let event = Event::new();
            let wait = event.clone();
            let mut wait = Box::pin(async move { wait.wait().await });
            ON_CLONE.with(|calls| {
                let mut calls = calls.borrow_mut();
                calls.push(Box::new(move || event.set()));
                for _ in 0..clones_before {
                    calls.push(Box::new(|| ()));
                }
            });
            let waker = meddling_as_it_is_cloned();
            let polled = wait.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(ON_CLONE.take().is_empty());
            assert!(polled.is_ready() || CLONES_WOKEN.take() > 0);
        });
    }
}
