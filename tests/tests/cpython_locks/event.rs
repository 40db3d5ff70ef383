//! CPython's tests of events: `EventTests`.

use asyncio::{Event, create_task, sleep, wait_for};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tests::virtually;

use super::is_cancelled;

/// Mirrors `test_locks.EventTests.test_wait`.
#[test]
fn wait() {
    virtually(async {
        let (event, result) = (Event::new(), Rc::new(RefCell::new(Vec::new())));
        let spawn = |name: i32| {
            let (event, result) = (event.clone(), result.clone());
            create_task(async move {
                event.wait().await;
                result.borrow_mut().push(name);
            })
        };
        let (t1, t2) = (spawn(1), spawn(2));
        sleep(0).await;
        assert!(result.borrow().is_empty());
        let t3 = spawn(3);
        event.set();
        sleep(0).await;
        assert_eq!(*result.borrow(), [3, 1, 2]);
        assert!(t1.done() && t2.done() && t3.done());
    });
}

/// Mirrors `test_locks.EventTests.test_clear_with_waiters`.
#[test]
fn clear_with_waiters() {
    virtually(async {
        let (event, result) = (Event::new(), Rc::new(Cell::new(false)));
        let (waited, told) = (event.clone(), result.clone());
        let task = create_task(async move {
            waited.wait().await;
            told.set(true);
        });
        sleep(0).await;
        event.set();
        event.clear();
        assert!(!event.is_set());
        event.set();
        event.set();
        sleep(0).await;
        assert!(result.get() && task.done());
    });
}

/// Mirrors `test_locks.EventTests.test_repr`.
#[test]
fn repr() {
    virtually(async {
        let event = Event::new();
        assert_eq!(format!("{event:?}"), "<Event [unset]>");
        let waiting = event.clone();
        create_task(async move { waiting.wait().await });
        sleep(0).await;
        assert_eq!(format!("{event:?}"), "<Event [unset, waiters:1]>");
        event.set();
        sleep(0).await;
        assert_eq!(format!("{event:?}"), "<Event [set]>");
    });
}

/// Mirrors `test_locks.EventTests.test_wait_cancel`.
#[test]
fn who_waits_can_be_cancelled_and_is_waited_for_no_more() {
    virtually(async {
        let event = Event::new();
        let waiting = event.clone();
        assert!(is_cancelled(async move { waiting.wait().await }).await);
        assert_eq!(format!("{event:?}"), "<Event [unset]>");
    });
}

/// Mirrors `test_locks.EventTests.test_wait_on_set` and `test_locks.EventTests.test_clear`.
#[test]
fn a_set_event_is_not_waited_for_until_it_is_cleared() {
    virtually(async {
        let event = Event::new();
        event.set();
        let iteration = asyncio::testing::iteration();
        event.wait().await;
        assert_eq!(asyncio::testing::iteration(), iteration);
        assert!(event.is_set());
        event.clear();
        assert!(!event.is_set());
        assert!(wait_for(event.wait(), 1).await.is_err());
    });
}
