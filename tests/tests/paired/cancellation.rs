//! Cancellation: how it goes down, how it is caught, what cleanup may do.

use asyncio::{
    CancelledError, Future, Task, catch_cancelled, create_task, current_task, finally, sleep, wait,
};
use std::cell::RefCell;
use std::rc::Rc;
use tests::paired::py;
use tests::{log, paired};

fn me() -> asyncio::AnyTask {
    current_task().expect("in a task")
}

fn message(error: &CancelledError) -> String {
    error.message().unwrap_or_default().to_owned()
}

paired!(cancel_before_the_first_step, async {
    let task = create_task(async { log!("never") });
    log!("cancel {}", py(task.cancel_with("too early")));
    if let Err(error) = catch_cancelled(&task).await {
        log!("raised {} {}", message(&error), py(task.cancelled()));
    }
});

paired!(cancel_goes_down_the_chain, async {
    async fn leaf(future: Future<()>) {
        if let Err(error) = catch_cancelled(&future).await {
            log!("leaf");
            error.raise().await
        }
    }
    async fn middle(task: Task<()>) {
        if let Err(error) = catch_cancelled(&task).await {
            log!("middle");
            error.raise().await
        }
    }
    let future = Future::new();
    let low = create_task(leaf(future.clone()));
    let mid = create_task(middle(low.clone()));
    let top = create_task(middle(mid.clone()));
    sleep(1).await;
    log!(
        "cancel {} future cancelled {}",
        py(top.cancel()),
        py(future.cancelled())
    );
    log!(
        "cancelling {} {} {}",
        low.cancelling(),
        mid.cancelling(),
        top.cancelling()
    );
    wait([top.clone()]).await;
    log!(
        "end {} {} {}",
        py(low.cancelled()),
        py(mid.cancelled()),
        py(top.cancelled())
    );
});

paired!(cancel_swallowed, async {
    let task = create_task(async {
        if catch_cancelled(sleep(10)).await.is_err() {
            log!("swallowed, cancelling {}", me().cancelling());
        }
        sleep(1).await;
        "value"
    });
    sleep(1).await;
    log!("cancel {}", py(task.cancel()));
    log!("got {}", (&task).await);
    log!(
        "cancel again {} {} {}",
        py(task.cancel()),
        py(task.cancelled()),
        task.cancelling()
    );
});

paired!(cancel_middle_swallows, async {
    async fn leaf() -> &'static str {
        if catch_cancelled(sleep(10)).await.is_err() {
            log!("leaf swallows");
        }
        "leaf's value"
    }
    async fn top(task: Task<&'static str>) {
        log!("top got {}", (&task).await);
        sleep(1).await;
        log!("top goes on");
    }
    let low = create_task(leaf());
    let high = create_task(top(low.clone()));
    sleep(1).await;
    log!("cancel {}", py(high.cancel()));
    (&high).await;
    log!(
        "end {} {} {}",
        py(low.cancelled()),
        py(high.cancelled()),
        high.cancelling()
    );
});

paired!(cancel_self_then_return, async {
    let task = create_task(async {
        log!("cancel self {}", py(me().cancel()));
        "lost"
    });
    wait([task.clone()]).await;
    log!("cancelled {}", py(task.cancelled()));
});

paired!(cancel_self_then_await, async {
    let task = create_task(async {
        me().cancel_with("by myself");
        log!("still runs");
        if let Err(error) = catch_cancelled(sleep(5)).await {
            log!("interrupted {}", message(&error));
            error.raise().await
        }
    });
    wait([task.clone()]).await;
    log!("cancelled {}", py(task.cancelled()));
});

paired!(cancel_after_the_future_is_done, async {
    async fn child(future: Future<&'static str>) {
        match catch_cancelled(&future).await {
            Ok(value) => log!("never {value}"),
            Err(error) => {
                log!("cancelled, future has {}", *future.result());
                error.raise().await
            }
        }
    }
    let future = Future::new();
    let task = create_task(child(future.clone()));
    sleep(1).await;
    future.set_result("a result");
    log!("cancel {}", py(task.cancel()));
    wait([task.clone()]).await;
    log!("end {}", py(task.cancelled()));
});

paired!(two_cancels_are_delivered_once, async {
    let task = create_task(async {
        if let Err(error) = catch_cancelled(sleep(10)).await {
            log!("caught {} {}", message(&error), me().cancelling());
        }
        sleep(1).await;
        log!("not interrupted again");
    });
    sleep(1).await;
    log!(
        "{} {}",
        py(task.cancel_with("first")),
        py(task.cancel_with("second"))
    );
    (&task).await;
    log!("end {}", task.cancelling());
});

paired!(cleanup_may_await, async {
    let task = create_task(async {
        let cleanup = async {
            log!("cleanup");
            sleep(1).await;
            sleep(0).await;
            log!("clean");
        };
        finally(sleep(10), cleanup).await;
    });
    sleep(1).await;
    log!("cancel {}", py(task.cancel()));
    sleep(0).await;
    log!("a turn later, done {}", py(task.done()));
    wait([task.clone()]).await;
    log!("end {}", py(task.cancelled()));
});

paired!(second_cancel_interrupts_cleanup, async {
    let task = create_task(async {
        let cleanup = async {
            log!("cleanup");
            sleep(5).await;
            log!("never");
        };
        let last = async {
            log!("cleanup of the cleanup");
            sleep(1).await;
            log!("over");
        };
        finally(sleep(10), finally(cleanup, last)).await;
    });
    sleep(1).await;
    log!("cancel {}", py(task.cancel()));
    sleep(1).await;
    log!("cancel {}", py(task.cancel()));
    wait([task.clone()]).await;
    log!("end {} {}", py(task.cancelled()), task.cancelling());
});

paired!(nested_finally_runs_inside_out, async {
    let task = create_task(async {
        let inner = async {
            log!("inner");
            sleep(1).await;
        };
        let middle = async {
            log!("middle");
            sleep(1).await;
        };
        finally(finally(finally(sleep(10), inner), middle), async {
            log!("outer")
        })
        .await;
    });
    sleep(1).await;
    task.cancel();
    wait([task.clone()]).await;
    log!("end {}", py(task.cancelled()));
});

paired!(finally_on_return_and_error, async {
    async fn after(what: &str) {
        log!("after {what}");
        sleep(1).await;
    }
    let returns = async {
        sleep(1).await;
        "value"
    };
    log!("got {}", finally(returns, after("return")).await);
    let fails = async {
        sleep(1).await;
        Err::<(), _>("boom")
    };
    if let Err(error) = finally(fails, after("error")).await {
        log!("error {error}");
    }
});

paired!(caught_and_raised_again, async {
    let task = create_task(async {
        if let Err(error) = catch_cancelled(sleep(10)).await {
            log!("caught {}", message(&error));
            sleep(1).await;
            log!("raising again");
            error.raise().await
        }
    });
    sleep(1).await;
    task.cancel_with("because");
    if let Err(error) = catch_cancelled(&task).await {
        log!("raised {} {}", message(&error), py(task.cancelled()));
    }
});

paired!(cancelled_while_awaiting_a_cancelled_task, async {
    async fn awaiter(task: Task<()>) -> &'static str {
        if catch_cancelled(&task).await.is_err() {
            log!("raised, cancelling {}", me().cancelling());
        }
        "went on"
    }
    let task = create_task(async { sleep(10).await });
    let other = create_task(awaiter(task.clone()));
    sleep(1).await;
    log!("cancel {}", py(task.cancel()));
    log!("{}", other.await);
});

paired!(uncancel_counts, async {
    let task = create_task(async {
        for _ in 0..2 {
            if catch_cancelled(sleep(10)).await.is_err() {
                log!("caught {}", me().cancelling());
            }
        }
        log!(
            "uncancel {} {} {}",
            me().uncancel(),
            me().uncancel(),
            me().uncancel()
        );
        sleep(1).await;
    });
    sleep(1).await;
    task.cancel();
    sleep(1).await;
    task.cancel();
    (&task).await;
    log!("end {}", task.cancelling());
});

paired!(uncancel_takes_back_a_pending_cancel, async {
    let child = create_task(async {
        me().cancel();
        log!("cancelling {}", me().cancelling());
        log!("uncancel {}", me().uncancel());
        sleep(1).await;
        log!("not interrupted");
    });
    child.await;
    log!("end");
});

paired!(cancelling_one_awaiter_cancels_the_future, async {
    async fn waiter(name: &str, future: Future<()>) {
        if catch_cancelled(&future).await.is_err() {
            log!("{name} raised, cancelling {}", me().cancelling());
        }
    }
    let future = Future::new();
    let a = create_task(waiter("a", future.clone()));
    let b = create_task(waiter("b", future.clone()));
    sleep(1).await;
    log!("cancel {} {}", py(a.cancel()), py(future.cancelled()));
    wait([a, b]).await;
    log!("end");
});

paired!(cancel_in_a_callback, async {
    async fn steps() {
        for step in 0..5 {
            log!("step {step}");
            sleep(0).await;
        }
    }
    let task = create_task(async {
        if let Err(error) = catch_cancelled(steps()).await {
            log!("cancelled");
            error.raise().await
        }
    });
    let handle = task.clone();
    asyncio::get_running_loop().call_soon(move || {
        handle.cancel();
    });
    log!("start");
    wait([task.clone()]).await;
    log!("end {}", py(task.cancelled()));
});

paired!(cancel_yields_nothing_lost, async {
    let task = create_task(async {
        match catch_cancelled(sleep(0)).await {
            Ok(()) => log!("never"),
            Err(error) => {
                log!("cancelled in sleep(0)");
                error.raise().await
            }
        }
    });
    sleep(0).await;
    log!("cancel {}", py(task.cancel()));
    wait([task.clone()]).await;
    log!("end {}", py(task.cancelled()));
});

paired!(siblings_cancel_each_other, async {
    type Others = Rc<RefCell<Vec<Task<()>>>>;
    async fn child(name: &str, others: Others, other: usize) {
        let body = async {
            sleep(1).await;
            let cancelled = others.borrow()[other].cancel();
            log!("{name} cancels {}", py(cancelled));
            sleep(1).await;
            log!("{name} goes on");
        };
        if let Err(error) = catch_cancelled(body).await {
            log!("{name} cancelled");
            error.raise().await
        }
    }
    let others = Others::default();
    let a = create_task(child("a", others.clone(), 1));
    let b = create_task(child("b", others.clone(), 0));
    others.borrow_mut().extend([a.clone(), b.clone()]);
    wait([a.clone(), b.clone()]).await;
    others.borrow_mut().clear();
    log!("end {} {}", py(a.cancelled()), py(b.cancelled()));
});
