//! The order in which things run, and how many turns each takes.

use asyncio::{Event, Future, Lock, Queue, Task, create_task, get_running_loop, sleep};
use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use tests::paired::py;
use tests::{log, paired};

paired!(first_step_is_queued, async {
    log!("before");
    let task = create_task(async { log!("child runs") });
    log!("after, done {}", py(task.done()));
    task.await;
    log!("joined");
});

paired!(sleep_zero_takes_one_turn, async {
    async fn worker(name: &str) {
        for step in 0..3 {
            log!("{name} {step}");
            sleep(0).await;
        }
        log!("{name} ends");
    }
    let a = create_task(worker("a"));
    let b = create_task(worker("b"));
    a.await;
    b.await;
});

paired!(negative_sleep_is_a_turn, async {
    log!("start");
    sleep(-1).await;
    log!("after -1");
    sleep(0).await;
    log!("after 0");
    sleep(0.5).await;
    log!("after 0.5");
});

paired!(awaiting_a_coroutine_takes_no_turn, async {
    async fn inner() -> i32 {
        log!("inner");
        7
    }
    async fn outer() -> i32 {
        inner().await + 1
    }
    log!("start");
    log!("got {}", outer().await);
});

paired!(awaiting_a_new_task_takes_two_turns, async {
    log!("start");
    let child = create_task(async {
        log!("child");
        7
    });
    log!("got {}", child.await);
});

paired!(awaiting_a_done_task_takes_no_turn, async {
    let task = create_task(async { 7 });
    sleep(1).await;
    log!("awaiting, done {}", py(task.done()));
    log!("got {}", task.await);
});

paired!(new_handles_wait_a_turn, async {
    fn again(left: u32) {
        log!("callback {left}");
        if left > 0 {
            get_running_loop().call_soon(move || again(left - 1));
        }
    }
    let running = get_running_loop();
    running.call_soon(|| again(2));
    running.call_soon(|| log!("beside"));
    log!("scheduled");
    for _ in 0..4 {
        sleep(0).await;
        log!("turn");
    }
});

paired!(timers_run_by_deadline_then_order, async {
    let running = get_running_loop();
    running.call_later(2, || log!("two"));
    running.call_later(1, || log!("one, first"));
    running.call_later(1, || log!("one, second"));
    running.call_later(3, || log!("three"));
    running.call_at(running.time() + 1.0, || log!("one, third"));
    log!("set");
    sleep(2).await;
    log!("slept 2");
    sleep(2).await;
    log!("slept 4");
});

paired!(due_timers_join_the_same_iteration, async {
    let running = get_running_loop();
    running.call_later(0, || log!("timer of no time"));
    running.call_later(-1, || log!("timer of the past"));
    running.call_soon(|| log!("soon"));
    log!("set");
    sleep(0).await;
    log!("turn 1");
    sleep(0).await;
    log!("turn 2");
});

paired!(cancelled_handles_do_not_run, async {
    let running = get_running_loop();
    let soon = running.call_soon(|| log!("never"));
    let late = running.call_later(1, || log!("never"));
    let other = running.call_later(1, || log!("other"));
    soon.cancel();
    late.cancel();
    log!(
        "cancelled {} {} {}",
        py(soon.cancelled()),
        py(late.cancelled()),
        py(other.cancelled())
    );
    sleep(1).await;
    log!("slept");
    sleep(1).await;
    other.cancel();
    log!("over {}", py(other.cancelled()));
});

paired!(a_callback_cancels_the_next_one, async {
    let running = get_running_loop();
    let second: Rc<RefCell<Option<asyncio::Handle>>> = Rc::default();
    let found = second.clone();
    running.call_soon(move || {
        log!("first");
        found.borrow().as_ref().expect("set below").cancel();
    });
    *second.borrow_mut() = Some(running.call_soon(|| log!("second")));
    running.call_soon(|| log!("third"));
    sleep(0).await;
    log!("turn");
});

paired!(done_callbacks_run_in_order, async {
    let task = create_task(async {
        sleep(1).await;
        "result"
    });
    task.add_done_callback(|task| log!("first {}", *task.result()));
    task.add_done_callback(|task| log!("second {}", *task.result()));
    log!("got {}", (&task).await);
    task.add_done_callback(|task| log!("late {}", *task.result()));
    log!("added");
    sleep(0).await;
    log!("turn");
});

paired!(awaiters_wake_in_the_order_they_came, async {
    async fn waiter(name: &str, future: Future<i32>) {
        log!("{name} waits");
        log!("{name} got {}", (&future).await);
    }
    let future = Future::new();
    let tasks = ["a", "b", "c"].map(|name| create_task(waiter(name, future.clone())));
    sleep(1).await;
    future.set_result(5);
    log!("set");
    for task in tasks {
        task.await;
    }
    log!("end");
});

paired!(awaiting_a_done_future_takes_no_turn, async {
    let future = Future::new();
    future.set_result(3);
    log!("start");
    log!("got {}", future.await);
});

paired!(free_primitives_take_no_turn, async {
    let (lock, event, queue) = (Lock::new(), Event::new(), Queue::new());
    event.set();
    create_task(async { log!("other runs only now") });
    log!("start");
    {
        let _guard = lock.acquire().await;
        log!("locked");
    }
    event.wait().await;
    log!("event");
    queue.put(1).await.expect("open");
    log!("put");
    log!("got {}", queue.get().await.expect("open"));
    log!("end");
});

paired!(spawn_tree, async {
    fn node(name: String, depth: u32) -> Pin<Box<dyn std::future::Future<Output = ()>>> {
        Box::pin(async move {
            log!("{name} starts");
            if depth > 0 {
                let left = create_task(node(format!("{name}l"), depth - 1));
                let right = create_task(node(format!("{name}r"), depth - 1));
                left.await;
                right.await;
            }
            log!("{name} ends");
        })
    }
    node("x".into(), 2).await;
});

paired!(ping_pong, async {
    async fn player(name: &str, mine: Vec<Future<()>>, theirs: Vec<Future<()>>) {
        for round in 0..3 {
            (&mine[round]).await;
            log!("{name} {round}");
            theirs[round + usize::from(name == "pong")].set_result(());
        }
        log!("{name} ends");
    }
    let futures = || (0..4).map(|_| Future::new()).collect::<Vec<_>>();
    let (ping, pong) = (futures(), futures());
    let a = create_task(player("ping", ping.clone(), pong.clone()));
    let b = create_task(player("pong", pong, ping.clone()));
    ping[0].set_result(());
    a.await;
    b.await;
});

paired!(detached_tasks_go_on, async {
    let event = Event::new();
    let set = event.clone();
    let keep: Task<()> = create_task(async move {
        for step in 0..3 {
            log!("child {step}");
            sleep(1).await;
        }
        set.set();
    });
    log!("started");
    event.wait().await;
    log!("it ended {}", py(keep.done()));
});
