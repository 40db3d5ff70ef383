//! `TaskGroup`: who is cancelled by whom, and what comes out.

use asyncio::{
    TaskGroup, catch_cancelled, create_task, current_task, finally, sleep, timeout, wait,
};
use std::future::Future;
use std::pin::Pin;
use tests::paired::py;
use tests::{log, paired};

type Outcome = Result<(), &'static str>;

fn cancelling() -> u32 {
    current_task().expect("in a task").cancelling()
}

async fn fail(delay: u32, what: &'static str) -> Outcome {
    sleep(delay).await;
    Err(what)
}

/// Says so when it is cancelled.
async fn work(name: &str) -> Outcome {
    match catch_cancelled(sleep(10)).await {
        Ok(()) => Ok(()),
        Err(error) => {
            log!("{name} cancelled");
            error.raise().await
        }
    }
}

paired!(group_joins, async {
    async fn work(name: &str, delay: u32) -> &str {
        sleep(delay).await;
        log!("{name} done");
        name
    }
    let (a, b) = TaskGroup::run(async |tg| {
        let a = tg.create_task(work("a", 2));
        let b = tg.create_task(work("b", 1));
        log!("body ends");
        (a, b)
    })
    .await;
    log!("end {} {}", *a.result(), *b.result());
});

paired!(group_takes_three_turns, async {
    log!("start");
    TaskGroup::run(async |tg| {
        tg.create_task(async { log!("a") });
        tg.create_task(async { log!("b") });
    })
    .await;
    log!("end");
});

paired!(group_child_fails, async {
    let group = TaskGroup::try_run(async |tg| {
        tg.create_task(work("a"));
        tg.create_task(fail(1, "boom"));
        tg.create_task(work("b"));
        work("body").await
    });
    if let Err(group) = group.await {
        log!("group {} {}", group.exceptions.join(" "), cancelling());
    }
});

paired!(group_errors_in_completion_order, async {
    async fn fail_late(delay: u32, what: &'static str) -> Outcome {
        match catch_cancelled(sleep(10)).await {
            Ok(()) => Ok(()),
            Err(_) => fail(delay, what).await,
        }
    }
    log!("start");
    let group = TaskGroup::try_run(async |tg| {
        tg.create_task(fail_late(2, "slow"));
        tg.create_task(fail_late(1, "quick"));
        tg.create_task(fail(1, "first"));
        tg.create_task(fail(1, "together"));
        Ok(())
    });
    if let Err(group) = group.await {
        log!("group {}", group.exceptions.join(" "));
    }
});

paired!(group_body_fails, async {
    let group = TaskGroup::try_run(async |tg| {
        tg.create_task(work("child"));
        fail(1, "body").await
    });
    if let Err(group) = group.await {
        log!("group {}", group.exceptions.join(" "));
    }
});

paired!(group_cancelled_child_is_no_error, async {
    async fn work(name: &str, delay: u32) {
        sleep(delay).await;
        log!("{name} done");
    }
    let (a,) = TaskGroup::run(async |tg| {
        let a = tg.create_task(work("a", 10));
        tg.create_task(work("b", 2));
        sleep(1).await;
        log!("cancel {}", py(a.cancel()));
        (a,)
    })
    .await;
    log!("end {}", py(a.cancelled()));
});

paired!(group_cancelled_from_outside, async {
    async fn work(name: &str, delay: u32) {
        let cleanup = async {
            sleep(delay).await;
            log!("{name} clean");
        };
        finally(sleep(10), cleanup).await;
    }
    let task = create_task(async {
        let group = TaskGroup::run(async |tg| {
            tg.create_task(work("a", 2));
            tg.create_task(work("b", 1));
        });
        if let Err(error) = catch_cancelled(group).await {
            log!("parent {}", cancelling());
            error.raise().await
        }
    });
    sleep(1).await;
    log!("cancel {}", py(task.cancel()));
    wait([task.clone()]).await;
    log!("end {}", py(task.cancelled()));
});

paired!(group_cancelled_with_an_error, async {
    async fn fails_in_cleanup() -> Outcome {
        match catch_cancelled(sleep(10)).await {
            Ok(()) => Ok(()),
            Err(_) => Err("in cleanup"),
        }
    }
    let task = create_task(async {
        let group = TaskGroup::try_run(async |tg| {
            tg.create_task(fails_in_cleanup());
            Ok(())
        });
        if let Err(group) = group.await {
            log!("group {} {}", group.exceptions.join(" "), cancelling());
        }
    });
    sleep(1).await;
    log!("cancel {}", py(task.cancel()));
    wait([task.clone()]).await;
    log!("end {}", py(task.cancelled()));
});

paired!(group_children_spawn, async {
    fn child(tg: TaskGroup, depth: u32) -> Pin<Box<dyn Future<Output = ()>>> {
        Box::pin(async move {
            log!("child {depth}");
            if depth > 0 {
                tg.create_task(child(tg.clone(), depth - 1));
                tg.create_task(child(tg.clone(), depth - 1));
            }
        })
    }
    TaskGroup::run(async |tg| drop(tg.create_task(child(tg.clone(), 2)))).await;
    log!("end");
});

paired!(group_nested, async {
    let group = TaskGroup::try_run(async |outer| {
        outer.create_task(fail(1, "outer's child"));
        let inner = TaskGroup::try_run(async |inner| {
            inner.create_task(work("inner's child"));
            Ok::<_, &str>(())
        });
        inner.await.expect("nothing fails in it");
        Ok(())
    });
    if let Err(group) = group.await {
        log!("group {} {}", group.exceptions.join(" "), cancelling());
    }
});

paired!(group_in_a_timeout, async {
    async fn work() {
        let cleanup = async {
            log!("clean");
            sleep(1).await;
        };
        finally(sleep(10), cleanup).await;
    }
    log!("start");
    let group = async || {
        TaskGroup::run(async |tg| {
            tg.create_task(work());
            tg.create_task(work());
        })
        .await;
    };
    if timeout(2, async |_| group().await).await.is_err() {
        log!("timed out {}", cancelling());
    }
});
