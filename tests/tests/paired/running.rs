//! Futures, and what `run` does at its end.

use asyncio::{Future, catch_cancelled, create_task, finally, sleep, wait};
use tests::paired::py;
use tests::{log, paired};

paired!(future_states, async {
    let future = Future::new();
    log!("pending {} {}", py(future.done()), py(future.cancelled()));
    future.add_done_callback(|future| log!("callback {}", *future.result()));
    future.set_result(1);
    log!(
        "set {} {} {}",
        py(future.done()),
        py(future.cancel()),
        *future.result()
    );
    sleep(0).await;
    log!("got {}", (&future).await);
    let other = Future::<()>::new();
    other.add_done_callback(|future| log!("callback, cancelled {}", py(future.cancelled())));
    log!(
        "cancel {} {} {}",
        py(other.cancel()),
        py(other.cancel()),
        py(other.cancelled())
    );
    sleep(0).await;
    log!("end");
});

paired!(future_error, async {
    async fn waiter(name: &str, future: Future<Result<(), &'static str>>) {
        if let Err(error) = (&future).await {
            log!("{name} {error}");
        }
    }
    let future = Future::new();
    let tasks = ["a", "b"].map(|name| create_task(waiter(name, future.clone())));
    sleep(1).await;
    future.set_exception("boom");
    log!("set");
    wait(tasks).await;
    log!("end");
});

paired!(run_cancels_what_is_left, async {
    async fn left(name: &str, delay: u32) {
        let cleanup = async {
            log!("{name} cleans up");
            sleep(delay).await;
            log!("{name} clean");
        };
        finally(sleep(10), cleanup).await;
    }
    let keep = [("a", 2), ("b", 1)].map(|(name, delay)| create_task(left(name, delay)));
    sleep(1).await;
    log!("main ends {}", keep.len());
});

paired!(run_spawn_while_shutting_down, async {
    async fn helper(name: &str) {
        log!("{name} helps");
        sleep(1).await;
        log!("{name} helped");
    }
    async fn left(name: &'static str) {
        let cleanup = async {
            create_task(helper(name)).await;
            log!("{name} clean");
        };
        finally(sleep(10), cleanup).await;
    }
    let keep = ["a", "b"].map(|name| create_task(left(name)));
    sleep(1).await;
    log!("main ends {}", keep.len());
});

paired!(run_swallowed_at_shutdown, async {
    let keep = create_task(async {
        for _ in 0..2 {
            match catch_cancelled(sleep(3)).await {
                Ok(()) => log!("slept"),
                Err(_) => log!("swallowed"),
            }
        }
    });
    sleep(1).await;
    log!("main ends {}", py(keep.done()));
});

paired!(interrupted_by_a_task, async {
    async fn left(name: &str, delay: u32) {
        let cleanup = async {
            log!("{name} cleans up");
            sleep(delay).await;
            log!("{name} clean");
        };
        finally(sleep(10), cleanup).await;
    }
    let keep = [("a", 2), ("b", 1)].map(|(name, delay)| create_task(left(name, delay)));
    let interrupt = create_task(async {
        sleep(1).await;
        log!("interrupt");
        std::panic::resume_unwind(Box::new(asyncio::KeyboardInterrupt))
    });
    left("main", 3).await;
    let _: ([asyncio::Task<()>; 2], asyncio::Task<()>) = (keep, interrupt);
    log!("never");
});
