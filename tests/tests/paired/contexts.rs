//! Context variables.

use asyncio::{Context, ContextVar, create_task, gather, get_running_loop, sleep};
use tests::{log, paired};

static REQUEST: ContextVar<String> = ContextVar::with_default("request", || "none".to_owned());

fn request() -> String {
    REQUEST.get()
}

async fn helper() {
    log!("helper {}", request());
    REQUEST.set(request() + "+");
}

paired!(contextvars_follow_tasks, async {
    async fn handle(name: &str) {
        REQUEST.set(name.to_owned());
        get_running_loop().call_soon(|| log!("callback of {}", request()));
        sleep(1).await;
        helper().await;
        log!("after {}", request());
        create_task(helper()).await;
        log!("after the task {}", request());
    }
    let token = REQUEST.set("main".to_owned());
    gather(["a", "b"].map(handle)).await;
    log!("main {}", request());
    REQUEST.reset(token);
    log!("reset {}", request());
    let context = Context::copy();
    create_task(handle("c")).context(&context).await;
    log!("main {} context {}", request(), context.run(request));
    let task = create_task(sleep(1));
    REQUEST.set("when added".to_owned());
    task.add_done_callback(|_| log!("done callback {}", request()));
    REQUEST.set("later".to_owned());
    task.await;
    sleep(0).await;
    log!("end");
});
