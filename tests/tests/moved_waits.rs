//! Waits in line that change tasks, outlive their task or their loop, or are never dropped: each is a link of the
//! line itself, so what the line and the tasks know of it must be gone when it is.

mod common;

use std::cell::Cell;
use std::future::poll_fn;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use asyncio::{Event, Lock, Queue, Semaphore, catch_cancelled, create_task, sleep};
use common::run;

type Wait<T> = Pin<Box<dyn Future<Output = T>>>;

/// Polls it once in the task that runs, and gives it back.
async fn begun<T>(mut wait: Wait<T>) -> Wait<T> {
    poll_fn(|cx| {
        assert!(wait.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    wait
}

fn acquire(lock: &Lock, given: &Rc<Cell<u32>>) -> Wait<()> {
    let (lock, given) = (lock.clone(), given.clone());
    Box::pin(async move {
        let _guard = lock.acquire().await;
        given.set(given.get() + 1);
    })
}

fn wait_for(event: &Event) -> Wait<()> {
    let event = event.clone();
    Box::pin(async move { event.wait().await })
}

#[test]
fn a_wait_that_moved_is_cancelled_where_it_is_now() {
    run(async {
        let (lock, given) = (Lock::new(), Rc::new(Cell::new(0)));
        let held = lock.acquire().await;
        let moved = create_task(begun(acquire(&lock, &given))).await;
        let other = create_task(acquire(&lock, &given));
        let second = create_task(moved);
        sleep(1).await;
        assert!(second.cancel());
        assert!(catch_cancelled(second).await.is_err());
        drop(held);
        other.await;
        assert_eq!(given.get(), 1);
        assert!(!lock.locked());
    });
}

#[test]
fn a_wait_that_moved_keeps_its_place_and_wakes_its_new_task() {
    run(async {
        let (lock, given) = (Lock::new(), Rc::new(Cell::new(0)));
        let held = lock.acquire().await;
        let moved = create_task(begun(acquire(&lock, &given))).await;
        let later = create_task({
            let (later, given) = (acquire(&lock, &given), given.clone());
            async move {
                later.await;
                assert_eq!(given.get(), 2, "the one that came later is later");
            }
        });
        let mover = create_task(moved);
        sleep(1).await;
        assert_eq!(given.get(), 0);
        drop(held);
        mover.await;
        later.await;
    });
}

#[test]
fn a_task_whose_wait_has_moved_away_is_cancelled_without_it() {
    run(async {
        let event = Event::new();
        let slot: Rc<Cell<Option<Wait<()>>>> = Rc::default();
        let first = create_task({
            let (event, slot) = (event.clone(), slot.clone());
            async move {
                slot.set(Some(begun(wait_for(&event)).await));
                sleep(100).await;
            }
        });
        sleep(0).await;
        let second = create_task(slot.take().unwrap());
        sleep(1).await;
        first.cancel();
        assert!(catch_cancelled(first).await.is_err());
        assert!(!second.done(), "it was the other task's cancellation");
        event.set();
        second.await;
    });
}

#[test]
fn a_wait_that_outlives_its_task_is_woken_and_dropped() {
    run(async {
        let event = Event::new();
        let kept = create_task(begun(wait_for(&event))).await;
        let dropped = create_task(begun(wait_for(&event))).await;
        let cancelled = create_task({
            let event = event.clone();
            async move {
                let kept = begun(wait_for(&event)).await;
                sleep(100).await;
                kept.await;
            }
        });
        sleep(0).await;
        cancelled.cancel();
        assert!(catch_cancelled(cancelled).await.is_err());
        drop(dropped);
        event.set();
        sleep(1).await;
        kept.await;
    });
}

#[test]
fn a_wait_that_outlives_its_loop_leaves_its_line() {
    let (lock, given) = (Lock::new(), Rc::new(Cell::new(0)));
    let event = Event::new();
    let (in_lock, in_event) = run({
        let (lock, given, event) = (lock.clone(), given.clone(), event.clone());
        async move {
            let held = lock.acquire().await;
            let in_lock = begun(acquire(&lock, &given)).await;
            let in_event = begun(wait_for(&event)).await;
            held.forget();
            (in_lock, in_event)
        }
    });
    event.set();
    drop(in_event);
    drop(in_lock);
    lock.release();
    run(async move { lock.acquire().await.forget() });
    assert_eq!(given.get(), 0);
}

#[test]
fn a_wait_that_is_never_dropped_is_woken_for_nothing() {
    run(async {
        let event = Event::new();
        let mut forgotten = ManuallyDrop::new(create_task(begun(wait_for(&event))).await);
        let task = create_task(wait_for(&event));
        sleep(0).await;
        event.set();
        task.await;
        drop(event);
        sleep(1).await;
        // SAFETY: it is not used any more; only so that nothing is lost when memory is checked.
        unsafe { ManuallyDrop::drop(&mut forgotten) };
    });
}

#[test]
fn what_was_handed_to_a_wait_that_moved_and_is_dropped_goes_on() {
    run(async {
        let (semaphore, queue) = (Semaphore::new(1), Queue::<u32>::new());
        let held = semaphore.acquire().await;
        let entering: Wait<()> = {
            let semaphore = semaphore.clone();
            Box::pin(async move { semaphore.acquire().await.forget() })
        };
        let getting: Wait<u32> = {
            let queue = queue.clone();
            Box::pin(async move { queue.get().await.unwrap() })
        };
        let entering = create_task(begun(entering)).await;
        let getting = create_task(begun(getting)).await;
        let next_in = create_task({
            let semaphore = semaphore.clone();
            async move { semaphore.acquire().await.forget() }
        });
        let next_got = create_task({
            let queue = queue.clone();
            async move { queue.get().await.unwrap() }
        });
        sleep(0).await;
        drop(held);
        queue.put_nowait(7).unwrap();
        drop((entering, getting));
        next_in.await;
        assert_eq!(next_got.await, 7);
    });
}

/// What a getter waits in is written anew for each wait, and holds nothing when it is over.
#[test]
fn a_getter_whose_item_is_taken_waits_again_and_leaves_the_line_when_it_is_cancelled() {
    run(async {
        let queue = Queue::new();
        let getter = create_task({
            let queue = queue.clone();
            async move { queue.get().await }
        });
        sleep(0).await;
        for item in 0..3 {
            queue.put_nowait(item).expect("there is room");
            assert_eq!(
                queue.get_nowait(),
                Ok(item),
                "it is taken away from who was woken"
            );
            sleep(0).await;
            assert!(!getter.done());
        }
        assert!(format!("{queue:?}").contains("_getters[1]"));
        // Woken and cancelled: the item stays for others.
        queue.put_nowait(3).expect("there is room");
        getter.cancel();
        assert!(catch_cancelled(getter).await.is_err());
        assert_eq!(queue.get_nowait(), Ok(3));
        assert!(!format!("{queue:?}").contains("_getters"));
        // A future that waits and is dropped where it stands.
        let mut waiting = Box::pin(queue.get());
        poll_fn(|cx| Poll::Ready(waiting.as_mut().poll(cx).is_pending())).await;
        assert!(format!("{queue:?}").contains("_getters[1]"));
        drop(waiting);
        assert!(!format!("{queue:?}").contains("_getters"));
    });
}
