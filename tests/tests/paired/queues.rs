//! Queues: fairness, bounds, and items that are never lost.

use asyncio::{
    LifoQueue, PriorityQueue, Queue, QueueShutDown, catch_cancelled, create_task, gather, sleep,
    wait,
};
use std::future::Future;
use std::pin::Pin;
use tests::paired::py;
use tests::{log, paired};

async fn getter<T: std::fmt::Display + 'static>(queue: Queue<T>, name: &str) {
    match catch_cancelled(queue.get()).await {
        Ok(item) => log!("{name} got {}", item.expect("open")),
        Err(error) => {
            log!("{name} cancelled");
            error.raise().await
        }
    }
}

paired!(queue_newcomer_steals, async {
    async fn patient(queue: Queue<i32>, name: &str) {
        log!("{name} waits");
        getter(queue, name).await;
    }
    async fn thief(queue: Queue<i32>) {
        log!("thief got {}", queue.get_nowait().expect("one is there"));
    }
    let queue = Queue::new();
    let a = create_task(patient(queue.clone(), "a"));
    let b = create_task(patient(queue.clone(), "b"));
    sleep(1).await;
    let steals = create_task(thief(queue.clone()));
    queue.put_nowait(1).expect("unbounded");
    log!("put 1");
    sleep(1).await;
    queue.put_nowait(2).expect("unbounded");
    queue.put_nowait(3).expect("unbounded");
    log!("put 2 and 3");
    wait([a, b, steals]).await;
    log!("end");
});

paired!(queue_producer_consumer, async {
    async fn producer(queue: Queue<i32>) {
        for item in 0..5 {
            queue.put(item).await.expect("open");
            log!("put {item} size {}", queue.qsize());
        }
    }
    async fn consumer(queue: Queue<i32>) {
        for _ in 0..5 {
            log!("got {}", queue.get().await.expect("open"));
            sleep(1).await;
        }
    }
    let queue = Queue::with_maxsize(2);
    let both: [Pin<Box<dyn Future<Output = ()>>>; 2] =
        [Box::pin(producer(queue.clone())), Box::pin(consumer(queue))];
    gather(both).await;
    log!("end");
});

paired!(queue_getters_are_woken_in_order, async {
    let queue = Queue::new();
    let tasks = ["a", "b", "c"].map(|name| create_task(getter(queue.clone(), name)));
    sleep(1).await;
    for item in 0..3 {
        queue.put_nowait(item).expect("unbounded");
    }
    log!("put");
    wait(tasks).await;
});

paired!(queue_cancelled_getter_loses_nothing, async {
    let queue = Queue::new();
    let a = create_task(getter(queue.clone(), "a"));
    let b = create_task(getter(queue.clone(), "b"));
    sleep(1).await;
    queue.put_nowait("item").expect("unbounded");
    log!("cancel {}", py(a.cancel()));
    wait([a.clone(), b.clone()]).await;
    log!("end {} {}", py(a.cancelled()), py(b.cancelled()));
});

paired!(queue_cancelled_putter_loses_nothing, async {
    async fn putter(queue: Queue<&'static str>, name: &'static str) {
        match catch_cancelled(queue.put(name)).await {
            Ok(_) => log!("{name} put"),
            Err(error) => {
                log!("{name} cancelled");
                error.raise().await
            }
        }
    }
    let queue = Queue::with_maxsize(1);
    queue.put_nowait("first").expect("empty");
    let a = create_task(putter(queue.clone(), "a"));
    let b = create_task(putter(queue.clone(), "b"));
    sleep(1).await;
    log!("got {}", queue.get_nowait().expect("the first"));
    log!("cancel {}", py(a.cancel()));
    wait([a, b]).await;
    log!("left {}", queue.get_nowait().expect("the second"));
});

paired!(queue_join, async {
    async fn worker(queue: Queue<u32>, name: &str) {
        while let Ok(item) = queue.get().await {
            sleep(item).await;
            log!("{name} did {item}");
            queue.task_done();
        }
    }
    let queue = Queue::new();
    for item in [3, 1, 2] {
        queue.put_nowait(item).expect("unbounded");
    }
    let workers = ["a", "b"].map(|name| create_task(worker(queue.clone(), name)));
    log!("start");
    queue.join().await;
    log!("joined");
    for task in &workers {
        task.cancel();
    }
    gather(workers).return_exceptions().await;
    log!("end");
});

paired!(queue_shutdown, async {
    async fn drain(queue: Queue<i32>, name: &str) {
        while let Ok(item) = queue.get().await {
            log!("{name} got {item}");
        }
        log!("{name} shut down");
    }
    let queue = Queue::new();
    let tasks = ["a", "b"].map(|name| create_task(drain(queue.clone(), name)));
    sleep(1).await;
    queue.put_nowait(1).expect("open");
    queue.shutdown(false);
    log!("shut");
    if queue.put(2).await.is_err() {
        log!("put refused");
    }
    wait(tasks).await;
    log!("end");
});

paired!(queue_shutdown_immediate, async {
    async fn getter(queue: Queue<u32>) {
        while let Ok(n) = queue.get().await {
            log!("got {n}");
            sleep(2).await;
        }
        log!("getter ends");
    }
    async fn putter(queue: Queue<u32>) {
        for n in 0..5 {
            match queue.put(n).await {
                Ok(()) => log!("put {n}"),
                Err(QueueShutDown) => return log!("putter ends"),
            }
        }
    }
    async fn joiner(queue: Queue<u32>) {
        queue.join().await;
        log!("joined");
    }
    let queue = Queue::with_maxsize(2);
    let tasks = [
        create_task(getter(queue.clone())),
        create_task(putter(queue.clone())),
        create_task(joiner(queue.clone())),
    ];
    sleep(1).await;
    queue.task_done();
    queue.shutdown(true);
    log!("shut down {}", queue.qsize());
    wait(tasks).await;
    if queue.put(9).await.is_err() {
        log!("refused");
    }
    log!("end");
});

paired!(queues_that_sort, async {
    macro_rules! sorts {
        ($queue:expr) => {{
            let queue = $queue;
            let take = |name: &'static str| {
                let queue = queue.clone();
                create_task(async move {
                    for _ in 0..3 {
                        log!("{name} got {}", queue.get().await.unwrap());
                        sleep(1).await;
                    }
                })
            };
            let tasks = [take("a"), take("b")];
            sleep(0).await;
            for n in [5, 1, 4, 2, 3, 0] {
                queue.put(n).await.unwrap();
                log!("put {n}");
            }
            wait(tasks).await;
            log!("empty {}", py(queue.empty()));
        }};
    }
    sorts!(PriorityQueue::<u32>::new());
    sorts!(LifoQueue::<u32>::with_maxsize(3));
});
