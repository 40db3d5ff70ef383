//! `FuturesUnordered`, which polls only what was woken.

use asyncio::{Event, Future as AsyncioFuture, Queue, Task, catch_cancelled, create_task, sleep};
use futures::stream::{FuturesUnordered, StreamExt};

use super::{cancel, cleaning, settle};
use crate::common::{Trace, run};

/// The waker of the point itself is woken: of the task's alone, `FuturesUnordered` polls nobody.
#[test]
fn a_cancellation_reaches_what_is_suspended_in_a_futures_unordered() {
    run(async {
        let trace = Trace::default();
        let task = create_task({
            let trace = trace.clone();
            async move {
                let mut all: FuturesUnordered<_> = ["one", "two", "three"]
                    .map(|name| cleaning(name, trace.clone()))
                    .into_iter()
                    .collect();
                while all.next().await.is_some() {}
            }
        });
        cancel(&task).await;
        sleep(2).await;
        assert!(task.cancelled());
        assert_eq!(trace.take(), ["three"]);
    });
}

#[test]
fn every_own_leaf_raises_under_a_futures_unordered() {
    async fn check(leaf: impl Future<Output = ()> + 'static) {
        let task = create_task(async move {
            let mut all = FuturesUnordered::new();
            all.push(leaf);
            all.next().await
        });
        cancel(&task).await;
        assert!(task.cancelled());
    }
    run(async {
        check(sleep(100)).await;
        check(AsyncioFuture::<()>::new()).await;
        check(create_task(sleep(100))).await;
        check(async { assert!(Queue::<()>::new().get().await.is_ok()) }).await;
        check(async { Event::new().wait().await }).await;
        check(async { drop(asyncio::gather([sleep(100)]).await) }).await;
        check(async { drop(asyncio::wait([create_task(sleep(100))]).await) }).await;
        check(async { asyncio::wait_for(sleep(100), 50).await.unwrap() }).await;
        check(asyncio::shield(sleep(1))).await;
        check(asyncio::TaskGroup::run(async |group| {
            group.create_task(sleep(100));
        }))
        .await;
    });
}

/// A leaf that raises wakes its waker, too: whoever caught that may go on with the combinator, which polls again only
/// what was woken.
#[test]
fn what_has_raised_under_a_futures_unordered_goes_on_when_that_is_asked_again() {
    async fn check(leaf: impl Future<Output = ()> + 'static, end: impl FnOnce() + 'static) {
        let task = create_task(async move {
            let mut all = FuturesUnordered::new();
            all.push(leaf);
            assert!(catch_cancelled(all.next()).await.is_err());
            asyncio::get_running_loop().call_later(1, end);
            asyncio::wait_for(all.next(), 100).await
        });
        cancel(&task).await;
        assert_eq!(task.await, Ok(Some(())));
    }
    run(async {
        check(sleep(10), || ()).await;
        let event = Event::new();
        let set = event.clone();
        check(async move { event.wait().await }, move || set.set()).await;
        let queue = Queue::new();
        let put = queue.clone();
        check(
            async move { queue.get().await.expect("an item") },
            move || put.put_nowait(()).expect("room"),
        )
        .await;
    });
}

/// What has raised has not got what it waited for: asked again, it waits for that again.
#[test]
fn what_has_raised_is_not_ready_before_what_it_waits_for_is_there() {
    async fn check(wait: impl Future<Output = ()> + 'static, end: impl FnOnce() + 'static) {
        let task = create_task(async move {
            let mut wait = std::pin::pin!(wait);
            assert!(catch_cancelled(wait.as_mut()).await.is_err());
            assert!(asyncio::wait_for(wait.as_mut(), 1).await.is_err());
            asyncio::get_running_loop().call_later(1, end);
            asyncio::wait_for(wait, 10).await
        });
        cancel(&task).await;
        assert_eq!(task.await, Ok(()));
    }
    run(async {
        let event = Event::new();
        let set = event.clone();
        check(async move { event.wait().await }, move || set.set()).await;
        let lock = asyncio::Lock::new();
        let held = lock.acquire().await;
        check(async move { drop(lock.acquire().await) }, || drop(held)).await;
        let semaphore = asyncio::Semaphore::new(1);
        let permit = semaphore.acquire().await;
        let asked = semaphore.clone();
        let waits = async move { drop(asked.acquire().await) };
        check(waits, || drop(permit)).await;
        let _the_only_one = semaphore.acquire().await;
        assert!(semaphore.locked());
        let queue = Queue::new();
        queue.put_nowait(()).expect("room");
        let done = queue.clone();
        check(async move { queue.join().await }, move || done.task_done()).await;
        let future = AsyncioFuture::new();
        let set = future.clone();
        let tasks = [create_task(future)];
        let waits = async move {
            let (done, pending) = asyncio::wait(tasks).await;
            assert_eq!((done.len(), pending.len()), (1, 0));
        };
        check(waits, move || set.set_result(())).await;
    });
}

#[test]
fn a_hundred_thousand_leaves_beneath_one_combinator_are_cancelled_as_fast_as_one() {
    run(async {
        let task = create_task(async {
            let mut all: FuturesUnordered<_> = (0..100_000).map(|_| sleep(100)).collect();
            while all.next().await.is_some() {}
        });
        cancel(&task).await;
        assert!(task.cancelled());
    });
}

#[test]
fn a_hundred_thousand_tasks_are_cancelled_while_they_wait() {
    run(async {
        let event = Event::new();
        let tasks: Vec<_> = (0..100_000)
            .map(|_| {
                let event = event.clone();
                create_task(async move { event.wait().await })
            })
            .collect();
        settle().await;
        for task in &tasks {
            task.cancel();
        }
        settle().await;
        assert!(tasks.iter().all(Task::cancelled));
    });
}
