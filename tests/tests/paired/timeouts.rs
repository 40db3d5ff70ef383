//! `timeout`: whose cancellation is whose.

use asyncio::{
    catch_cancelled, create_task, current_task, finally, get_running_loop, sleep, timeout, wait,
};
use std::cell::RefCell;
use tests::paired::py;
use tests::{log, paired};

fn cancelling() -> u32 {
    current_task().expect("in a task").cancelling()
}

paired!(timeout_expires, async {
    log!("start");
    let seen = RefCell::new(None);
    let body = timeout(2, async |cm| {
        *seen.borrow_mut() = Some(cm);
        if let Err(error) = catch_cancelled(sleep(10)).await {
            log!("body cancelled {}", cancelling());
            error.raise::<()>().await;
        }
    });
    if body.await.is_err() {
        let expired = seen.borrow().as_ref().expect("set").expired();
        log!("timed out {} {}", py(expired), cancelling());
    }
});

paired!(timeout_not_reached, async {
    let seen = RefCell::new(None);
    let body = timeout(2, async |cm| {
        *seen.borrow_mut() = Some(cm);
        sleep(1).await;
        log!("body");
    });
    body.await.expect("in time");
    log!(
        "in time {}",
        py(seen.borrow().as_ref().expect("set").expired())
    );
    sleep(5).await;
    log!("end");
});

paired!(timeout_zero_runs_to_the_first_await, async {
    let body = timeout(0, async |_| {
        log!("body");
        sleep(5).await;
        log!("never");
    });
    if body.await.is_err() {
        log!("timed out");
    }
    timeout(0, async |_| log!("a body without an await"))
        .await
        .expect("in time");
    log!("end");
});

paired!(timeout_nested_inner_expires, async {
    let outer = timeout(5, async |_| {
        if timeout(1, async |_| sleep(10).await).await.is_err() {
            log!("inner timed out");
        }
        sleep(1).await;
        log!("outer goes on");
    });
    if outer.await.is_err() {
        log!("never");
    }
    log!("end");
});

paired!(timeout_nested_outer_expires, async {
    let outer = timeout(1, async |_| {
        let inner = async {
            if timeout(5, async |_| sleep(10).await).await.is_err() {
                log!("never");
            }
        };
        finally(inner, async { log!("through the inner") }).await;
    });
    if outer.await.is_err() {
        log!("outer timed out");
    }
    log!("end {}", cancelling());
});

paired!(timeout_nested_both_expire, async {
    let outer = timeout(1, async |_| {
        let inner = timeout(1, async |_| sleep(10).await).await;
        if inner.is_err() {
            log!("inner timed out");
        }
        inner
    });
    if !matches!(outer.await, Ok(Ok(()))) {
        log!("outer timed out");
    }
    log!("end {}", cancelling());
});

paired!(timeout_foreign_cancel, async {
    let task = create_task(async {
        match catch_cancelled(timeout(5, async |_| sleep(10).await)).await {
            Ok(_) => log!("never"),
            Err(error) => {
                log!("cancelled {}", cancelling());
                error.raise().await
            }
        }
    });
    sleep(1).await;
    log!("cancel {}", py(task.cancel()));
    wait([task.clone()]).await;
    log!("end {}", py(task.cancelled()));
});

paired!(timeout_and_cancel_together, async {
    let task = create_task(async {
        let seen = RefCell::new(None);
        let body = timeout(1, async |cm| {
            *seen.borrow_mut() = Some(cm);
            sleep(10).await;
        });
        match catch_cancelled(body).await {
            Ok(_) => log!("never"),
            Err(error) => {
                let expired = seen.borrow().as_ref().expect("set").expired();
                log!("cancelled, expired {} {}", py(expired), cancelling());
                error.raise().await
            }
        }
    });
    sleep(0).await;
    let handle = task.clone();
    get_running_loop().call_later(1, move || {
        handle.cancel();
    });
    log!("start");
    wait([task.clone()]).await;
    log!("end {}", py(task.cancelled()));
});

paired!(timeout_reschedule, async {
    let running = get_running_loop();
    log!("start");
    let body = timeout(1, async |cm| {
        cm.reschedule(Some(running.time() + 3.0));
        sleep(2).await;
        log!("further");
        cm.reschedule(None);
        sleep(5).await;
        log!("none");
        cm.reschedule(Some(running.time() - 1.0));
        log!("past");
        sleep(1).await;
        log!("never");
    });
    if body.await.is_err() {
        log!("timed out");
    }
});

paired!(timeout_error_in_the_body, async {
    log!("start");
    let body = timeout(1, async |_| match catch_cancelled(sleep(10)).await {
        Ok(()) => Ok(()),
        Err(_) => Err("instead"),
    });
    if let Ok(Err(error)) = body.await {
        log!("error {error} {}", cancelling());
    }
});

paired!(timeout_swallowed, async {
    log!("start");
    let seen = RefCell::new(None);
    let body = timeout(1, async |cm| {
        *seen.borrow_mut() = Some(cm);
        if catch_cancelled(sleep(10)).await.is_err() {
            log!("swallowed");
        }
        sleep(1).await;
    });
    body.await.expect("in time after all");
    log!(
        "end {} {}",
        py(seen.borrow().as_ref().expect("set").expired()),
        cancelling()
    );
});

paired!(timeout_after_being_cancelled, async {
    let task = create_task(async {
        if let Err(error) = catch_cancelled(sleep(10)).await {
            if timeout(1, async |_| sleep(10).await).await.is_err() {
                log!("timed out {}", cancelling());
            }
            error.raise().await
        }
    });
    sleep(1).await;
    task.cancel();
    wait([task.clone()]).await;
    log!("end {}", py(task.cancelled()));
});
