//! What several await: by value it is moved to the first, by reference everybody gets a clone.

use asyncio::{TaskGroup, as_completed, create_task, gather, shield, sleep, try_gather};
use std::panic::AssertUnwindSafe;

use futures::FutureExt;

#[asyncio::test(virtual_clock)]
async fn gathering_references_leaves_the_values_in_the_tasks() {
    let tasks = ["a", "b"].map(|name| create_task(async move { name.to_owned() }));
    assert_eq!(gather(&tasks).await, ["a", "b"]);
    assert_eq!(gather(&tasks).return_exceptions().await.len(), 2);
    assert_eq!(*tasks[1].result(), "b");
    assert_eq!(gather(tasks).await, ["a", "b"]);
}

#[asyncio::test(virtual_clock)]
async fn two_gathers_share_a_failed_task() {
    let failing = create_task(async { Err::<u32, _>("failed") });
    let first = try_gather([&failing]);
    let second = try_gather([&failing]);
    assert_eq!(first.await, Err("failed"));
    assert_eq!(second.await, Err("failed"));
    assert_eq!(*failing.result(), Err("failed"));
}

#[asyncio::test(virtual_clock)]
async fn a_shielded_reference_leaves_the_value_in_the_task() {
    let task = create_task(async { vec![1, 2] });
    assert_eq!(shield(&task).await, [1, 2]);
    assert_eq!((&task).await, [1, 2]);
    assert_eq!(task.await, [1, 2]);
}

#[asyncio::test(virtual_clock)]
async fn as_completed_of_references_leaves_the_values_in_the_tasks() {
    let tasks = [2, 1].map(|n| {
        create_task(async move {
            asyncio::sleep(n).await;
            n
        })
    });
    let mut order = Vec::new();
    for next in as_completed(&tasks) {
        order.push(next.await);
    }
    assert_eq!(order, [1, 2]);
    assert_eq!(*tasks[0].result(), 2);
}

#[asyncio::test(virtual_clock)]
#[should_panic(expected = "moved out by an await")]
async fn a_value_that_was_moved_out_is_not_there_for_the_next() {
    let task = create_task(async { 1 });
    assert_eq!(task.clone().await, 1);
    task.await;
}

/// Who gathers the child of a group from outside may be woken only after the group has moved its `Err` out.
#[asyncio::test(virtual_clock)]
async fn an_error_that_its_group_has_taken_is_told_to_who_gathers_the_child() {
    #[asyncio::coroutine]
    async fn fails() -> Result<u32, String> {
        sleep(1).await;
        Err("no such file".to_owned())
    }
    let (tell, told) = std::sync::mpsc::channel();
    let group = create_task(async move {
        TaskGroup::try_run(async |tg: TaskGroup<_>| {
            tell.send(tg.create_task(fails()))
                .expect("somebody listens");
            Ok(())
        })
        .await
    });
    sleep(0).await;
    let child = told.recv().expect("the group has begun");
    let outside =
        create_task(AssertUnwindSafe(async move { try_gather([&child]).await }).catch_unwind());
    let taken = group.await.expect_err("its child fails");
    assert_eq!(taken.exceptions, ["no such file"]);
    let told = outside.await.expect_err("the error itself is gone");
    assert_eq!(
        told.downcast_ref::<String>().map(String::as_str),
        Some("\"no such file\"")
    );
}
