//! `gather`: its order, its turns, its errors, its cancellation.

use asyncio::{
    Exception, Future, catch_cancelled, create_task, current_task, finally, gather,
    get_running_loop, shield, sleep, try_gather,
};
use std::pin::Pin;
use tests::paired::py;
use tests::{log, paired};

type Boxed<T> = Pin<Box<dyn std::future::Future<Output = T>>>;

paired!(gather_keeps_input_order, async {
    async fn work(name: &str, delay: u32) -> &str {
        sleep(delay).await;
        log!("{name} done");
        name
    }
    log!("start");
    let values = gather([work("a", 3), work("b", 1), work("c", 2)]).await;
    log!("got {}", values.join(" "));
});

paired!(gather_takes_three_turns, async {
    async fn child(name: &str) -> &str {
        log!("{name}");
        name
    }
    log!("start");
    let values = gather([child("a"), child("b")]).await;
    log!("got {}", values.join(" "));
});

paired!(gather_of_nothing, async {
    log!("start");
    let values: Vec<&str> = gather(Vec::<Boxed<&str>>::new()).await;
    log!("got {values:?}");
});

paired!(gather_first_error_leaves_siblings, async {
    async fn fail(delay: u32, what: &'static str) -> Result<i32, &'static str> {
        sleep(delay).await;
        Err(what)
    }
    async fn work(delay: u32) -> Result<i32, &'static str> {
        sleep(delay).await;
        log!("sibling went on");
        Ok(1)
    }
    log!("start");
    let work: [Boxed<_>; 3] = [
        Box::pin(work(3)),
        Box::pin(fail(1, "first")),
        Box::pin(fail(2, "second")),
    ];
    if let Err(error) = try_gather(work).await {
        log!("error {error}");
    }
    sleep(3).await;
    log!("end");
});

paired!(gather_return_exceptions, async {
    async fn fail() -> &'static str {
        sleep(1).await;
        panic!("boom");
    }
    async fn work() -> &'static str {
        sleep(2).await;
        "fine"
    }
    async fn forever() -> &'static str {
        sleep(100).await;
        "never"
    }
    let child = create_task(forever());
    let handle = child.clone();
    get_running_loop().call_later(1, move || {
        handle.cancel();
    });
    log!("start");
    for result in gather([create_task(fail()), create_task(work()), child])
        .return_exceptions()
        .await
    {
        match result {
            Err(Exception::CancelledError(_)) => log!("cancelled"),
            Err(error) => log!("error {error}"),
            Ok(value) => log!("value {value}"),
        }
    }
});

paired!(gather_child_cancelled, async {
    async fn work(name: &str, delay: u32) {
        match catch_cancelled(sleep(delay)).await {
            Ok(()) => log!("{name} done"),
            Err(error) => {
                log!("{name} cancelled");
                error.raise().await
            }
        }
    }
    let a = create_task(work("a", 2));
    let b = create_task(work("b", 3));
    let handle = a.clone();
    get_running_loop().call_later(1, move || {
        handle.cancel();
    });
    log!("start");
    if catch_cancelled(gather([a.clone(), b.clone()]))
        .await
        .is_err()
    {
        log!(
            "gather raised, cancelling {}",
            current_task().expect("in a task").cancelling()
        );
    }
    (&b).await;
    log!("end {} {}", py(a.cancelled()), py(b.cancelled()));
});

async fn clean(name: &str, delay: u32) {
    let cleanup = async {
        log!("{name} cleans up");
        sleep(delay).await;
        log!("{name} clean");
    };
    finally(sleep(10), cleanup).await;
}

paired!(gather_cancelled_cancels_children, async {
    let task = create_task(async { drop(gather([clean("a", 1), clean("b", 2)]).await) });
    sleep(1).await;
    log!("cancel {}", py(task.cancel()));
    if catch_cancelled(&task).await.is_err() {
        log!("raised, cancelled {}", py(task.cancelled()));
    }
});

paired!(gather_cancelled_overrides_return_exceptions, async {
    async fn work(name: &'static str, delay: u32) -> &'static str {
        if catch_cancelled(sleep(10)).await.is_err() {
            log!("{name} cancelled");
            sleep(delay).await;
            log!("{name} swallowed it");
        }
        name
    }
    async fn both() {
        if let Err(error) =
            catch_cancelled(gather([work("a", 1), work("b", 2)]).return_exceptions()).await
        {
            log!("raised all the same");
            error.raise::<()>().await;
        }
    }
    let task = create_task(both());
    sleep(1).await;
    log!("cancel {}", py(task.cancel()));
    if catch_cancelled(&task).await.is_err() {
        log!("cancelled {}", py(task.cancelled()));
    }
});

paired!(gather_second_failure_is_retrieved, async {
    async fn fail(what: &'static str) -> Result<(), &'static str> {
        log!("failing {what}");
        Err(what)
    }
    if let Err(error) = try_gather([fail("a"), fail("b")]).await {
        log!("error {error}");
    }
    sleep(1).await;
    log!("end");
});

paired!(gather_of_done_tasks, async {
    let a = create_task(async { "a" });
    let b = create_task(async { "b" });
    sleep(1).await;
    log!("start {} {}", py(a.done()), py(b.done()));
    log!("got {}", gather([a, b]).await.join(" "));
});

paired!(gather_nested, async {
    async fn leaf(name: String) {
        if let Err(error) = catch_cancelled(sleep(10)).await {
            log!("{name} cancelled");
            error.raise().await
        }
    }
    async fn pair(name: &str) {
        let leaves = gather([leaf(format!("{name}1")), leaf(format!("{name}2"))]);
        if let Err(error) = catch_cancelled(leaves).await {
            log!("{name} cancelled");
            error.raise::<()>().await
        }
    }
    let task = create_task(async { drop(gather([pair("a"), pair("b")]).await) });
    sleep(1).await;
    task.cancel();
    if catch_cancelled(&task).await.is_err() {
        log!("end");
    }
});

paired!(gather_of_futures_and_gathers, async {
    async fn one(name: &'static str, value: u32) -> u32 {
        log!("{name}");
        value
    }
    let (first, second) = (Future::new(), Future::new());
    let both = gather([first.clone(), second.clone()]);
    first.set_result(1);
    second.set_result(2);
    log!("start");
    log!("futures {:?}", both.await);
    let inner = gather([one("a", 1), one("b", 2)]);
    let gathers = gather([inner, gather([one("c", 3), one("d", 4)])]);
    log!("gathers {:?}", gathers.await);
    let future = Future::<u32>::new();
    let shielded = shield(gather([future.clone()]));
    let cancelled = gather!(future.clone(), shielded);
    log!(
        "cancel {} {}",
        py(cancelled.cancel()),
        py(future.cancelled())
    );
    if catch_cancelled(cancelled.clone()).await.is_err() {
        log!("cancelled {}", py(cancelled.cancelled()));
    }
    let shielded = shield(gather([one("e", 5), one("f", 6)]));
    log!("shielded {:?}", shielded.await);
    let done = Future::new();
    done.set_result(7);
    let is_done = gather([(&done).into_future()]).done();
    log!("done {} {:?}", py(is_done), gather([done]).await);
});
