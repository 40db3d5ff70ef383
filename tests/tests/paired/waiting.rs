//! `wait`, `wait_for`, `shield` and `as_completed`.

use asyncio::{
    FIRST_COMPLETED, FIRST_EXCEPTION, Future, Task, as_completed, catch_cancelled, create_task,
    current_task, finally, get_running_loop, shield, sleep, wait, wait_for,
};
use std::time::Duration;
use tests::paired::py;
use tests::{log, paired};

async fn work<T>(value: T, delay: u32) -> T {
    sleep(delay).await;
    value
}

fn results(tasks: &[Task<&str>]) -> String {
    tasks
        .iter()
        .map(|task| *task.result())
        .collect::<Vec<_>>()
        .join(" ")
}

paired!(wait_all_completed, async {
    let tasks = [("a", 2), ("b", 1)].map(|(name, delay)| create_task(work(name, delay)));
    log!("start");
    let (done, pending) = wait(tasks).await;
    log!("done {} pending {}", results(&done), pending.len());
});

paired!(wait_first_completed, async {
    let tasks = [("a", 2), ("b", 1), ("c", 1)].map(|(name, delay)| create_task(work(name, delay)));
    log!("start");
    let (done, pending) = wait(tasks).return_when(FIRST_COMPLETED).await;
    log!("done {} pending {}", results(&done), pending.len());
    let (done, pending) = wait(pending).return_when(FIRST_COMPLETED).await;
    log!("done {} pending {}", results(&done), pending.len());
});

paired!(wait_first_exception, async {
    async fn fail(delay: u32) -> Result<(), &'static str> {
        sleep(delay).await;
        Err("boom")
    }
    let tasks = [
        create_task(work(Ok(()), 3)),
        create_task(work(Ok(()), 1)),
        create_task(fail(2)),
    ];
    log!("start");
    let (done, pending) = wait(tasks.clone()).return_when(FIRST_EXCEPTION).await;
    let [a, b, c] = tasks.each_ref().map(|task| py(done.contains(task)));
    log!("done {a} {b} {c} pending {}", pending.len());
    log!("error {}", tasks[2].result().expect_err("it failed"));
    (&tasks[0]).await.expect("it did not fail");
    log!("end");
});

paired!(wait_first_exception_ignores_cancelled, async {
    let a = create_task(work(Ok::<_, &str>(()), 3));
    let b = create_task(work(Ok(()), 10));
    let handle = b.clone();
    get_running_loop().call_later(1, move || {
        handle.cancel();
    });
    log!("start");
    let (done, pending) = wait([a, b.clone()]).return_when(FIRST_EXCEPTION).await;
    log!(
        "done {} pending {} cancelled {}",
        done.len(),
        pending.len(),
        py(b.cancelled())
    );
});

paired!(wait_timeout_leaves_tasks_running, async {
    async fn work(delay: u32) -> u32 {
        sleep(delay).await;
        log!("worker done {delay}");
        delay
    }
    let tasks = [1, 3].map(|delay| create_task(work(delay)));
    log!("start");
    let (done, pending) = wait(tasks.clone()).timeout(2).await;
    log!("done {} pending {}", done.len(), pending.len());
    log!("late {}", (&tasks[1]).await);
});

paired!(wait_cancelled_leaves_tasks_running, async {
    async fn waiter(task: Task<()>) {
        if let Err(error) = catch_cancelled(wait([task])).await {
            log!("waiter cancelled");
            error.raise().await
        }
    }
    let task = create_task(async {
        sleep(3).await;
        log!("worker done");
    });
    let waiting = create_task(waiter(task.clone()));
    sleep(1).await;
    log!("cancel {}", py(waiting.cancel()));
    (&task).await;
    log!("end {} {}", py(waiting.cancelled()), py(task.cancelled()));
});

paired!(wait_for_done_tasks, async {
    let task = create_task(async {});
    (&task).await;
    log!("start {}", py(task.done()));
    let (done, pending) = wait([task]).await;
    log!("done {} pending {}", done.len(), pending.len());
});

paired!(wait_with_timeout_zero, async {
    async fn child(turns: u32) {
        for _ in 0..turns {
            sleep(0).await;
        }
        log!("child done {turns}");
    }
    let tasks = [0, 1, 5].map(|turns| create_task(child(turns)));
    log!("start");
    let (done, pending) = wait(tasks).timeout(0).await;
    log!("done {} pending {}", done.len(), pending.len());
    sleep(1).await;
    log!("end");
});

paired!(wait_for_in_time, async {
    async fn child() -> i32 {
        log!("child in the same turn");
        1
    }
    log!("start");
    log!("got {}", wait_for(child(), 1).await.expect("in time"));
    log!("got {}", wait_for(work(2, 1), 2).await.expect("in time"));
    log!(
        "got {}",
        wait_for(work(2, 1), None::<Duration>)
            .await
            .expect("in time")
    );
});

paired!(wait_for_times_out, async {
    async fn slow() {
        if let Err(error) = catch_cancelled(sleep(10)).await {
            log!("slow is cancelled");
            error.raise().await
        }
    }
    log!("start");
    if wait_for(slow(), 2).await.is_err() {
        log!(
            "timed out, cancelling {}",
            current_task().expect("in a task").cancelling()
        );
    }
});

paired!(wait_for_waits_for_cleanup, async {
    async fn slow() {
        let cleanup = async {
            log!("cleans up");
            sleep(3).await;
            log!("clean");
        };
        finally(sleep(10), cleanup).await;
    }
    log!("start");
    if wait_for(slow(), 2).await.is_err() {
        log!("timed out");
    }
});

async fn cleans_up() {
    let cleanup = async {
        log!("cleans up");
        sleep(1).await;
    };
    finally(sleep(10), cleanup).await;
}

paired!(wait_for_task_times_out, async {
    let task = create_task(cleans_up());
    log!("start");
    if wait_for(&task, 2).await.is_err() {
        log!("timed out, cancelled {}", py(task.cancelled()));
    }
});

paired!(wait_for_suppressed, async {
    async fn stubborn() -> &'static str {
        if catch_cancelled(sleep(10)).await.is_err() {
            log!("swallowed");
            sleep(1).await;
        }
        "value"
    }
    log!("start");
    log!("got {}", wait_for(stubborn(), 2).await.expect("a value"));
    log!(
        "cancelling {}",
        current_task().expect("in a task").cancelling()
    );
});

paired!(wait_for_error_during_cancellation, async {
    async fn fail() -> Result<(), &'static str> {
        match catch_cancelled(sleep(10)).await {
            Ok(()) => Ok(()),
            Err(_) => Err("while cancelled"),
        }
    }
    log!("start");
    if let Ok(Err(error)) = wait_for(fail(), 2).await {
        log!("error {error}");
    }
    sleep(1).await;
    log!("end");
});

paired!(wait_for_zero_never_starts, async {
    log!("start");
    for delay in [0, -1] {
        if wait_for(async { log!("never") }, delay).await.is_err() {
            log!("timed out");
        }
    }
});

paired!(wait_for_zero_of_a_done_task, async {
    let task = create_task(async { 1 });
    (&task).await;
    log!("start");
    log!("got {}", wait_for(&task, 0).await.expect("done"));
});

paired!(wait_for_caller_cancelled, async {
    async fn caller() {
        match catch_cancelled(wait_for(cleans_up(), 5)).await {
            Ok(_) => log!("never"),
            Err(error) => {
                log!("cancelled");
                error.raise().await
            }
        }
    }
    let task = create_task(caller());
    sleep(2).await;
    log!("cancel {}", py(task.cancel()));
    wait([task.clone()]).await;
    log!("end {}", py(task.cancelled()));
});

paired!(wait_for_cancelled_as_inner_finishes, async {
    async fn caller(inner: Future<i32>) {
        match catch_cancelled(wait_for(&inner, 5)).await {
            Ok(_) => log!("never"),
            Err(error) => {
                log!("cancelled, inner done {}", py(inner.done()));
                error.raise().await
            }
        }
    }
    let inner = Future::new();
    let task = create_task(caller(inner.clone()));
    sleep(1).await;
    inner.set_result(1);
    log!("cancel {}", py(task.cancel()));
    wait([task.clone()]).await;
    log!("end {}", py(task.cancelled()));
});

paired!(wait_for_timeout_and_result_together, async {
    log!("start");
    match wait_for(work("value", 2), 2).await {
        Ok(value) => log!("got {value}"),
        Err(_) => log!("timed out"),
    }
    let task = create_task(work("value", 2));
    sleep(0).await;
    match wait_for(task, 2).await {
        Ok(value) => log!("got {value}"),
        Err(_) => log!("timed out"),
    }
});

paired!(shield_outer_cancelled, async {
    async fn outer(task: Task<i32>) {
        if let Err(error) = catch_cancelled(shield(task)).await {
            log!("outer cancelled");
            error.raise().await
        }
    }
    let task = create_task(async {
        sleep(3).await;
        log!("inner done");
        1
    });
    let shielded = create_task(outer(task.clone()));
    sleep(1).await;
    log!("cancel {}", py(shielded.cancel()));
    log!("got {} {}", task.await, py(shielded.cancelled()));
});

paired!(shield_inner_cancelled, async {
    async fn outer(task: Task<()>) {
        if catch_cancelled(shield(task)).await.is_err() {
            log!(
                "outer raised {}",
                current_task().expect("in a task").cancelling()
            );
        }
    }
    let task = create_task(work((), 10));
    let shielded = create_task(outer(task.clone()));
    sleep(1).await;
    log!("cancel {}", py(task.cancel()));
    (&shielded).await;
    log!("end {} {}", py(task.cancelled()), py(shielded.cancelled()));
});

paired!(shield_result, async {
    log!("start");
    log!("got {}", shield(async { 1 }).await);
    let task = create_task(async { 1 });
    (&task).await;
    log!("done");
    log!("got {}", shield(task).await);
});

paired!(shield_in_wait_for, async {
    let task = create_task(work("late", 3));
    log!("start");
    if wait_for(shield(task.clone()), 1).await.is_err() {
        log!("timed out {}", py(task.done()));
    }
    log!("got {}", task.await);
});

paired!(as_completed_in_order, async {
    log!("start");
    for next in as_completed([work("a", 3), work("b", 1), work("c", 2)]) {
        log!("got {}", next.await);
    }
});

paired!(as_completed_timeout, async {
    log!("start");
    for next in as_completed([work("a", 3), work("b", 1), work("c", 4)]).timeout(2) {
        match next.await {
            Ok(value) => log!("got {value}"),
            Err(_) => log!("timed out"),
        }
    }
});
