//! What several await: by value it is moved to the first, by reference everybody gets a clone.

use asyncio::{as_completed, create_task, gather, shield, try_gather};

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
