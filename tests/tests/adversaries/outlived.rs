//! What is suspended outlives its task or its loop, or goes on in another one.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use asyncio::{Lock, new_event_loop};
use futures::FutureExt;

use super::{await_held, fill_memory, poll_held, settle, waiting};
use crate::common::OnDrop;
use tests::logged;

thread_local! {
    static FILLED: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

#[test]
fn a_wait_that_outlives_its_loop_is_forgotten_by_its_task() {
    let ((), messages) = logged(|| {
        let event_loop = new_event_loop();
        let wait = waiting();
        let task = event_loop.create_task(await_held(wait.clone()));
        settle(&event_loop);
        assert!(format!("{task:?}").contains("wait_for=<Future pending>"));
        drop(event_loop);
        drop(wait.take());
        let _filled = fill_memory();
        assert!(!format!("{task:?}").contains("wait_for="), "{task:?}");
    });
    assert_eq!(messages.len(), 1);
    assert!(
        messages[0].contains("wait_for=<Future pending>"),
        "{messages:?}"
    );
}

#[test]
fn a_wait_goes_with_another_task_or_callback_of_its_loop() {
    // What drops it: a task that is destroyed before its own, a callback that is ready, a timer, a call of a thread.
    for how in 0..4 {
        let ((), messages) = logged(|| {
            let event_loop = new_event_loop();
            let wait = waiting();
            let goes = wait.clone();
            let drops = OnDrop(move || {
                drop(goes.take());
                // Kept for longer than the loop is: in the place of what was freed.
                FILLED.with(|filled| filled.borrow_mut().extend(fill_memory()));
            });
            if how == 0 {
                event_loop.create_task(async move {
                    let _drops = drops;
                    asyncio::sleep(1000).await;
                });
                settle(&event_loop);
                event_loop.create_task(await_held(wait));
                settle(&event_loop);
            } else {
                event_loop.create_task(await_held(wait));
                settle(&event_loop);
                match how {
                    1 => drop(event_loop.call_soon(move || drop(drops))),
                    2 => drop(event_loop.call_later(1, move || drop(drops))),
                    _ => {
                        // Only what is `Send` comes from a thread; this leads to what is not.
                        thread_local!(static KEPT: RefCell<Option<Box<dyn std::any::Any>>> = const { RefCell::new(None) });
                        KEPT.set(Some(Box::new(drops)));
                        let sends = OnDrop(|| drop(KEPT.take()));
                        event_loop.call_soon_threadsafe(move || drop(sends));
                    }
                }
            }
            drop(event_loop);
        });
        FILLED.take();
        let last = messages.last().expect("a task is destroyed");
        // The task was told that the wait is gone, though the loop was going already.
        assert!(!last.contains("wait_for="), "{how}: {messages:?}");
    }
}

#[test]
fn a_wait_that_begins_in_a_destructor_is_forgotten_by_the_task_that_is_destroyed() {
    let ((), _) = logged(|| {
        let event_loop = new_event_loop();
        let wait = waiting();
        let late = wait.clone();
        let task = event_loop.create_task(async move {
            let _polls = OnDrop(move || {
                let mut cx = Context::from_waker(Waker::noop());
                let _ = catch_unwind(AssertUnwindSafe(|| poll_held(&late, &mut cx)));
            });
            asyncio::sleep(1000).await;
        });
        settle(&event_loop);
        drop(event_loop);
        drop(wait.take());
        let _filled = fill_memory();
        assert!(!format!("{task:?}").contains("wait_for="), "{task:?}");
    });
}

#[test]
fn a_wait_that_goes_on_in_another_loop_is_forgotten_by_the_task_of_the_first() {
    let ((), _) = logged(|| {
        let (first, second) = (new_event_loop(), new_event_loop());
        let wait = waiting();
        let one = first.create_task(await_held(wait.clone()));
        settle(&first);
        drop(first);
        let other = second.create_task(await_held(wait.clone()));
        settle(&second);
        assert!(format!("{other:?}").contains("wait_for=<Future pending>"));
        drop(wait.take());
        let _filled = fill_memory();
        assert!(!format!("{one:?}").contains("wait_for="), "{one:?}");
        assert!(!format!("{other:?}").contains("wait_for="), "{other:?}");
    });
}

thread_local! {
    static BEGUN: RefCell<Option<asyncio::Sleep>> = const { RefCell::new(None) };
}

/// Begins a sleep as it is woken.
struct BeginsASleep;

impl Wake for BeginsASleep {
    fn wake(self: Arc<Self>) {
        let mut sleep = asyncio::sleep(1000);
        let polled = Pin::new(&mut sleep).poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        BEGUN.set(Some(sleep));
    }
}

/// A destructor of one loop's task runs another loop, and there a waker begins a sleep: its timer is that
/// loop's, and no other one of the first.
#[test]
fn a_sleep_that_begins_in_one_loop_within_the_task_of_another_is_of_the_first() {
    let (outer, inner) = (new_event_loop(), new_event_loop());
    let runs_inner = OnDrop({
        let inner = inner.clone();
        move || {
            inner.run_until_complete(async {
                let waker = Waker::from(Arc::new(BeginsASleep));
                let mut sleep = asyncio::sleep(0.001);
                let polled = Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker));
                assert!(polled.is_pending());
                asyncio::sleep(0.002).await;
            });
        }
    });
    let stopped = catch_unwind(AssertUnwindSafe(|| {
        let stops = outer.clone();
        outer.run_until_complete(async move {
            let _runs_inner = runs_inner;
            stops.stop();
            asyncio::sleep(1000).await;
        });
    }));
    assert!(stopped.is_err());
    let begun = BEGUN.take().expect("it was woken");
    outer.run_until_complete(async {
        let sleeps = [1, 2].map(|_| asyncio::create_task(asyncio::sleep(0.01)));
        asyncio::sleep(0).await;
        drop(begun);
        for sleep in sleeps {
            assert!(asyncio::wait_for(sleep, 5).await.is_ok());
        }
    });
}

/// Everything at once that a guard of a lock can be made to do.
#[test]
fn guards_may_be_forgotten_and_outlive_their_loop() {
    let lock = Rc::new(RefCell::new(None));
    let guard = asyncio::run({
        let lock = lock.clone();
        async move {
            let made = Lock::new();
            let guard = made.acquire().await;
            *lock.borrow_mut() = Some(made);
            guard
        }
    });
    let made = lock.take().unwrap();
    assert!(made.locked());
    drop(guard);
    assert!(!made.locked());
    std::mem::forget(made.acquire().now_or_never());
    assert!(made.locked());
    made.release();
    assert!(!made.locked());
}
