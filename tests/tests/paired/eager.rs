//! Tasks that begin at once.

use std::panic::{AssertUnwindSafe, catch_unwind};

use asyncio::{
    ContextVar, TaskGroup, all_tasks, create_task, current_task, eager_task_factory, gather,
    get_running_loop, shield, sleep, wait, wait_for,
};
use tests::paired::py;
use tests::{log, paired};

paired!(eager_tasks, async {
    async fn worker<const N: usize>(name: &'static str, delays: [u32; N]) -> &'static str {
        log!("{name} begins in {}", current_task().unwrap().get_name());
        for delay in delays {
            sleep(delay).await;
            log!("{name} goes on");
        }
        name
    }
    async fn parent() -> &'static str {
        log!("parent begins");
        let inner = create_task(worker("inner", [0]));
        log!("parent made {}", py(inner.done()));
        log!("parent got {}", inner.await);
        "None"
    }
    get_running_loop().set_task_factory(eager_task_factory);
    let quick = create_task(worker("quick", []));
    log!("quick is done {} {}", py(quick.done()), (&quick).await);
    let slow = create_task(worker("slow", [1]));
    let turning = create_task(worker("turning", [0, 0]));
    log!("made {} {}", py(slow.done()), py(turning.done()));
    let both = create_task(parent());
    log!("tasks {}", all_tasks().len());
    quick.add_done_callback(|task| log!("callback {}", *task.result()));
    let (a, b, c, d) = asyncio::gather!(slow, turning, worker("last", []), both).await;
    log!("gathered ['{a}', '{b}', '{c}', {d}]");
    let both = gather([worker("a", []), worker("b", [])]).await;
    log!("gathered ['{}', '{}']", both[0], both[1]);
    let (done, pending) = wait([create_task(worker("c", []))]).await;
    log!("waited {} {}", done.len(), pending.len());
    log!("shielded {}", shield(worker("d", [])).await);
    log!("in time {}", wait_for(worker("e", []), 1).await.unwrap());
    TaskGroup::run(async |tg| {
        tg.create_task(worker("f", []));
        tg.create_task(worker("g", [0]));
        log!("in the group");
    })
    .await;
    log!("end");
});

paired!(eager_task_fails_in_a_group, async {
    async fn sleeper(name: &'static str) -> Result<(), &'static str> {
        let cleanup = async { log!("{name} ends") };
        asyncio::finally(sleep(10), cleanup).await;
        Ok(())
    }
    async fn fail() -> Result<(), &'static str> {
        log!("fails");
        Err("no")
    }
    get_running_loop().set_task_factory(eager_task_factory);
    let group = TaskGroup::try_run(async |tg| {
        tg.create_task(sleeper("before"));
        let failing = tg.create_task(fail());
        log!("made {}", py(failing.done()));
        if catch_unwind(AssertUnwindSafe(|| tg.create_task(sleeper("after")))).is_err() {
            log!("refused");
        }
        sleeper("body").await?;
        log!("never");
        Ok(())
    })
    .await;
    let errors = group.unwrap_err().exceptions.len();
    log!("{errors} {}", current_task().unwrap().cancelling());
});

static REQUEST: ContextVar<&str> = ContextVar::with_default("request", || "none");

paired!(eager_tasks_and_contexts, async {
    let request = || REQUEST.get();
    async fn at_once(name: &'static str) -> &'static str {
        REQUEST.set(name);
        log!("{name} runs {}", REQUEST.get());
        name
    }
    async fn waits(name: &'static str) -> &'static str {
        at_once(name).await;
        sleep(1).await;
        log!("{name} goes on {}", REQUEST.get());
        name
    }
    get_running_loop().set_task_factory(eager_task_factory);
    let done = create_task(at_once("a"));
    log!("done {} {}", py(done.done()), request());
    let pending = create_task(waits("b"));
    log!("done {} {}", py(pending.done()), request());
    let (c, d, a, b) = asyncio::gather!(at_once("c"), waits("d"), done, pending).await;
    log!("['{c}', '{d}', '{a}', '{b}']");
    TaskGroup::run(async |group| {
        group.create_task(at_once("e"));
        group.create_task(waits("f"));
        log!("in the group");
    })
    .await;
    let cancelled = create_task(waits("g"));
    cancelled.cancel();
    wait([cancelled.clone()]).await;
    log!("cancelled {}", py(cancelled.cancelled()));
});
