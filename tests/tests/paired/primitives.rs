//! Locks, events, semaphores, conditions and barriers.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;

use asyncio::{
    Barrier, BoundedSemaphore, BrokenBarrierError, Condition, Event, Lock, Semaphore,
    catch_cancelled, create_task, gather, sleep, wait,
};
use tests::paired::py;
use tests::{log, paired};

paired!(lock_is_fair, async {
    async fn worker(lock: Lock, name: &str) {
        {
            let _guard = lock.acquire().await;
            log!("{name} has it");
            sleep(1).await;
        }
        log!("{name} let go");
    }
    let lock = Lock::new();
    gather(["a", "b", "c"].map(|name| worker(lock.clone(), name))).await;
    log!("end");
});

paired!(lock_no_barging, async {
    async fn worker(lock: Lock, name: &str) {
        log!("{name} asks");
        let _guard = lock.acquire().await;
        log!("{name} has it");
    }
    let lock = Lock::new();
    lock.acquire().await.forget();
    let a = create_task(worker(lock.clone(), "a"));
    sleep(0).await;
    lock.release();
    log!("released");
    {
        let _guard = lock.acquire().await;
        log!("main has it");
    }
    a.await;
});

paired!(lock_cancelled_waiter_passes_it_on, async {
    async fn worker(lock: Lock, name: &str) {
        match catch_cancelled(lock.acquire()).await {
            Ok(_guard) => log!("{name} has it"),
            Err(error) => {
                log!("{name} cancelled");
                error.raise().await
            }
        }
    }
    let lock = Lock::new();
    lock.acquire().await.forget();
    let a = create_task(worker(lock.clone(), "a"));
    let b = create_task(worker(lock.clone(), "b"));
    sleep(0).await;
    lock.release();
    log!("cancel {}", py(a.cancel()));
    wait([a, b]).await;
    log!("end {}", py(lock.locked()));
});

paired!(event_newcomers_first, async {
    async fn waiter(event: Event, name: u32) {
        event.wait().await;
        log!("{name}");
    }
    let event = Event::new();
    let a = create_task(waiter(event.clone(), 1));
    let b = create_task(waiter(event.clone(), 2));
    sleep(0).await;
    let c = create_task(waiter(event.clone(), 3));
    event.set();
    wait([a, b, c]).await;
    log!("end");
});

paired!(event_cleared_at_once, async {
    async fn waiter(event: Event, name: &str) {
        event.wait().await;
        log!("{name} woken, set {}", py(event.is_set()));
    }
    let event = Event::new();
    let tasks = ["a", "b"].map(|name| create_task(waiter(event.clone(), name)));
    sleep(0).await;
    event.set();
    event.clear();
    log!("set and cleared");
    wait(tasks).await;
});

paired!(semaphore_in_order, async {
    async fn worker(semaphore: Semaphore, name: &str) {
        let _guard = semaphore.acquire().await;
        log!("{name} in");
        sleep(1).await;
        log!("{name} out");
    }
    let semaphore = Semaphore::new(2);
    gather(["a", "b", "c", "d", "e"].map(|name| worker(semaphore.clone(), name))).await;
    log!("end");
});

paired!(semaphore_cancelled_waiter, async {
    async fn worker(semaphore: Semaphore, name: &str) {
        match catch_cancelled(semaphore.acquire()).await {
            Ok(_guard) => log!("{name} in"),
            Err(error) => {
                log!("{name} cancelled");
                error.raise().await
            }
        }
    }
    let semaphore = Semaphore::new(1);
    semaphore.acquire().await.forget();
    let a = create_task(worker(semaphore.clone(), "a"));
    let b = create_task(worker(semaphore.clone(), "b"));
    sleep(0).await;
    semaphore.release();
    log!("cancel {}", py(a.cancel()));
    wait([a, b]).await;
    log!("end {}", py(semaphore.locked()));
});

paired!(condition_notify, async {
    async fn waiter(condition: Condition, name: &str) {
        let _guard = condition.acquire().await;
        log!("{name} waits");
        condition.wait().await;
        log!("{name} woken");
    }
    let condition = Condition::new();
    let tasks = ["a", "b", "c"].map(|name| create_task(waiter(condition.clone(), name)));
    sleep(1).await;
    {
        let _guard = condition.acquire().await;
        condition.notify(2);
        log!("notified 2");
    }
    sleep(1).await;
    {
        let _guard = condition.acquire().await;
        condition.notify_all();
        log!("notified all");
    }
    wait(tasks).await;
    log!("end");
});

paired!(condition_cancelled_takes_the_lock_again, async {
    async fn waiter(condition: Condition) {
        let _guard = condition.acquire().await;
        if let Err(error) = catch_cancelled(condition.wait()).await {
            log!("cancelled, locked {}", py(condition.locked()));
            error.raise::<()>().await
        }
    }
    let condition = Condition::new();
    let task = create_task(waiter(condition.clone()));
    sleep(1).await;
    {
        let _guard = condition.acquire().await;
        log!("cancel {}", py(task.cancel()));
        sleep(1).await;
        log!("still held");
    }
    wait([task.clone()]).await;
    log!("end {} {}", py(task.cancelled()), py(condition.locked()));
});

paired!(barrier, async {
    async fn party(barrier: Barrier, name: &str, delay: u32) {
        sleep(delay).await;
        log!("{name} comes");
        log!("{name} goes {}", barrier.wait().await.expect("not broken"));
    }
    let barrier = Barrier::new(3);
    let parties = [("a", 1), ("b", 3), ("c", 2)];
    gather(parties.map(|(name, delay)| party(barrier.clone(), name, delay))).await;
    log!("end");
});

paired!(barrier_reset_and_abort, async {
    async fn party(barrier: Barrier, name: &str) {
        match barrier.wait().await {
            Ok(index) => log!("{name} goes {index}"),
            Err(BrokenBarrierError) => log!("{name} is sent away"),
        }
    }
    let barrier = Barrier::new(2);
    let first = create_task(party(barrier.clone(), "a"));
    sleep(1).await;
    log!("reset {}", barrier.n_waiting());
    barrier.reset().await;
    first.await;
    gather(["b", "c"].map(|name| party(barrier.clone(), name))).await;
    let waiting = create_task(party(barrier.clone(), "d"));
    sleep(1).await;
    barrier.abort().await;
    log!("aborted {}", py(barrier.broken()));
    waiting.await;
    party(barrier.clone(), "e").await;
    log!("end {}", barrier.n_waiting());
});

paired!(barrier_cancelled_party, async {
    async fn party(barrier: Barrier, name: &str) {
        match catch_cancelled(barrier.wait()).await {
            Ok(index) => log!("{name} goes {}", index.unwrap()),
            Err(error) => {
                log!("{name} cancelled");
                error.raise().await
            }
        }
    }
    let barrier = Barrier::new(3);
    let mut tasks: Vec<_> = ["a", "b"]
        .map(|name| create_task(party(barrier.clone(), name)))
        .into();
    sleep(1).await;
    tasks[0].cancel();
    wait([tasks[0].clone()]).await;
    log!("waiting {}", barrier.n_waiting());
    tasks.extend(["c", "d"].map(|name| create_task(party(barrier.clone(), name))));
    wait(tasks).await;
    log!("end {}", barrier.n_waiting());
});

paired!(condition_wait_for, async {
    async fn buyer(condition: Condition, stock: Rc<Cell<u32>>, name: &str, n: u32) {
        let _guard = condition.acquire().await;
        condition.wait_for(|| stock.get() >= n).await;
        stock.set(stock.get() - n);
        log!("{name} took {n} left {}", stock.get());
    }
    let (condition, stock) = (Condition::new(), Rc::new(Cell::new(0)));
    let buyers = [("a", 3), ("b", 1), ("c", 2)]
        .map(|(name, n)| create_task(buyer(condition.clone(), stock.clone(), name, n)));
    for _ in 0..6 {
        sleep(1).await;
        let _guard = condition.acquire().await;
        stock.set(stock.get() + 1);
        log!("brought {}", stock.get());
        condition.notify_all();
    }
    gather(buyers).await;
    log!("end {}", stock.get());
});

paired!(bounded_semaphore_hands_on, async {
    async fn worker(semaphore: BoundedSemaphore, name: &str, seconds: u32) {
        {
            let _permit = semaphore.acquire().await;
            log!("{name} in");
            sleep(seconds).await;
        }
        log!("{name} out");
    }
    let semaphore = BoundedSemaphore::new(2);
    let tasks = [("a", 3), ("b", 1), ("c", 1), ("d", 1)]
        .map(|(name, n)| create_task(worker(semaphore.clone(), name, n)));
    sleep(0.5).await;
    tasks[2].cancel();
    wait(tasks).await;
    log!("locked {}", py(semaphore.locked()));
    let refused = catch_unwind(AssertUnwindSafe(|| semaphore.release()));
    let said = refused.unwrap_err();
    log!("{}", said.downcast_ref::<&str>().unwrap());
});
