//! Nothing outlives its last handle: loops, tasks, futures and callbacks go in any order, from any
//! state.

mod common;

use asyncio::{Event, EventLoop, Future, Lock, Queue, Task, new_event_loop};
use common::{Counter, OnDrop, Token};
use tests::logged;

/// A loop that has run far enough for every task in it to be suspended.
fn with_suspended<T>(make: impl FnOnce(&EventLoop) -> T) -> (EventLoop, T) {
    let event_loop = new_event_loop();
    let made = event_loop.run_until_complete(async {
        let made = make(&asyncio::get_running_loop());
        for _ in 0..5 {
            asyncio::sleep(0).await;
        }
        made
    });
    (event_loop, made)
}

async fn forever(token: Token) {
    asyncio::sleep(1000).await;
    drop(token);
}

/// Drops the loop with what `make` leaves suspended in it, in both orders, closed and not closed.
#[track_caller]
fn leaves_nothing<T>(make: impl Fn(Token) -> T) {
    for closes in [false, true] {
        for loop_first in [false, true] {
            let counter = Counter::default();
            let (_, _) = logged(|| {
                let (event_loop, made) = with_suspended(|_| make(counter.token()));
                if closes {
                    event_loop.close();
                }
                if loop_first {
                    drop(event_loop);
                    drop(made);
                } else {
                    drop(made);
                    drop(event_loop);
                }
            });
            assert_eq!(
                counter.alive(),
                0,
                "closed: {closes}, loop first: {loop_first}"
            );
        }
    }
}

#[test]
fn a_suspended_task_goes_with_its_loop() {
    leaves_nothing(|token| asyncio::create_task(forever(token)));
}

#[test]
fn a_task_in_a_time_out_goes_with_its_loop() {
    leaves_nothing(|token| asyncio::create_task(asyncio::wait_for(forever(token), 100)));
}

#[test]
fn a_task_in_nested_time_outs_goes_with_its_loop() {
    leaves_nothing(|token| {
        asyncio::create_task(asyncio::timeout(100, async move |_| {
            let _ = asyncio::timeout(50, async move |cm| {
                cm.reschedule(Some(1e6));
                forever(token).await;
            })
            .await;
        }))
    });
}

#[test]
fn a_task_that_holds_itself_goes_with_its_loop() {
    leaves_nothing(|token| {
        let me: std::rc::Rc<std::cell::RefCell<Option<Task<()>>>> = Default::default();
        let task = asyncio::create_task({
            let me = me.clone();
            async move {
                let _me = me;
                forever(token).await;
            }
        });
        *me.borrow_mut() = Some(task.clone());
        task
    });
}

#[test]
fn a_done_callback_that_is_never_called_goes_with_its_task() {
    leaves_nothing(|token| {
        let task = asyncio::create_task(std::future::pending::<()>());
        let other = task.clone();
        task.add_done_callback(move |_| drop((token, other)));
        task
    });
}

#[test]
fn a_done_callback_that_is_never_called_goes_with_its_future() {
    leaves_nothing(|token| {
        let future = Future::<()>::new();
        future.add_done_callback(move |_| drop(token));
        future
    });
}

#[test]
fn gathers_waits_shields_and_groups_go_with_their_loop() {
    leaves_nothing(|token| asyncio::gather([forever(token)]));
    leaves_nothing(|token| asyncio::create_task(asyncio::gather([forever(token)])));
    leaves_nothing(|token| {
        let task = asyncio::create_task(forever(token));
        asyncio::create_task(asyncio::wait([task]).timeout(50))
    });
    leaves_nothing(|token| asyncio::shield(forever(token)));
    leaves_nothing(|token| asyncio::create_task(asyncio::shield(forever(token))));
    leaves_nothing(|token| asyncio::as_completed([forever(token)]).timeout(50));
    leaves_nothing(|token| {
        asyncio::create_task(asyncio::TaskGroup::run(async move |group| {
            group.create_task(forever(token));
            asyncio::sleep(100).await;
        }))
    });
    leaves_nothing(|token| {
        asyncio::create_task(asyncio::TaskGroup::run(async move |group| {
            group.create_task(forever(token));
        }))
    });
}

#[test]
fn waiters_of_locks_events_and_queues_go_with_their_loop() {
    leaves_nothing(|token| {
        let (lock, event, queue) = (Lock::new(), Event::new(), Queue::<()>::new());
        asyncio::create_task({
            let lock = lock.clone();
            async move {
                let _guard = lock.acquire().await;
                forever(token).await;
            }
        });
        let handles = (lock.clone(), event.clone(), queue.clone());
        asyncio::create_task(async move { drop(lock.acquire().await) });
        asyncio::create_task(async move { event.wait().await });
        asyncio::create_task(async move { queue.get().await });
        handles
    });
}

#[test]
fn a_timer_that_holds_its_own_handle_goes_with_its_loop() {
    leaves_nothing(|token| {
        let handle: std::rc::Rc<std::cell::RefCell<Option<asyncio::TimerHandle>>> =
            Default::default();
        let timer = asyncio::get_running_loop().call_later(100, {
            let handle = handle.clone();
            move || drop((handle, token))
        });
        *handle.borrow_mut() = Some(timer);
    });
}

#[test]
fn tasks_that_await_each_other_go_with_their_loop() {
    leaves_nothing(|token| {
        let first = asyncio::create_task(forever(token));
        let second = asyncio::create_task(first.clone());
        let third = asyncio::create_task(asyncio::gather!(first.clone(), second.clone()));
        (first, second, third)
    });
}

#[test]
fn a_finished_value_goes_with_the_last_handle() {
    let counter = Counter::default();
    let event_loop = new_event_loop();
    let task = event_loop.create_task({
        let token = counter.token();
        async move { token }
    });
    event_loop.run_until_complete(asyncio::sleep(0));
    assert!(task.done());
    drop(event_loop);
    assert_eq!(counter.alive(), 1);
    drop(task);
    assert_eq!(counter.alive(), 0);
}

#[test]
fn callbacks_of_a_loop_that_never_runs_go_with_it() {
    let counter = Counter::default();
    let event_loop = new_event_loop();
    for token in [counter.token(), counter.token()] {
        event_loop.call_soon(move || drop(token));
    }
    let token = counter.token();
    event_loop.call_later(1, move || drop(token));
    assert_eq!(counter.alive(), 3);
    drop(event_loop);
    assert_eq!(counter.alive(), 0);
}

#[test]
fn a_loop_dropped_by_a_destructor_of_another_loops_task_is_dropped_whole() {
    let counter = Counter::default();
    let ((), messages) = logged(|| {
        let inner = with_suspended(|_| asyncio::create_task(forever(counter.token()))).0;
        let outer = new_event_loop();
        let task = outer.create_task(async move {
            let _inner = inner;
            asyncio::sleep(1000).await;
        });
        outer.run_until_complete(asyncio::sleep(0));
        task.cancel();
        outer.run_until_complete(asyncio::sleep(0));
        assert!(task.cancelled());
    });
    assert_eq!(counter.alive(), 0);
    assert!(messages[0].starts_with("Task was destroyed but it is pending!"));
}

#[test]
fn a_wake_in_a_destructor_of_a_task_that_is_destroyed_finds_nothing() {
    let ((), messages) = logged(|| {
        let (event_loop, ()) = with_suspended(|event_loop| {
            let (event, remote) = (Event::new(), event_loop.remote());
            asyncio::create_task({
                let event = event.clone();
                async move { event.wait().await }
            });
            asyncio::create_task(async move {
                let _wakes = OnDrop(move || {
                    event.set();
                    assert!(remote.call_soon_threadsafe(|| ()).is_err());
                });
                asyncio::sleep(1000).await;
            });
        });
        drop(event_loop);
    });
    assert_eq!(messages.len(), 2, "{messages:?}");
}

/// Whatever a coroutine's destructor does, what waits for its task goes with the loop.
#[test]
fn a_destructor_that_panics_leaves_no_callback_that_holds_its_task() {
    let counter = Counter::default();
    let ((), messages) = logged(|| {
        let (event_loop, ()) = with_suspended(|_| {
            let task = asyncio::create_task(async {
                let _panics = OnDrop(|| panic!("oh"));
                asyncio::sleep(1000).await;
            });
            let (token, held) = (counter.token(), task.clone());
            let panics = OnDrop(|| panic!("callback"));
            task.add_done_callback(move |_| drop((token, held, panics)));
        });
        drop(event_loop);
    });
    assert_eq!(counter.alive(), 0);
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert!(messages[0].starts_with("Task was destroyed but it is pending!"));
    assert!(messages[1].starts_with("Exception ignored in: <Task pending"));
    assert!(messages[1].ends_with("oh"), "{messages:?}");
    assert!(messages[2].ends_with("callback"), "{messages:?}");
}

/// `run_until_complete`'s own future, when the loop is stopped: the call panics, and so does the destructor.
#[test]
fn a_destructor_of_a_main_that_is_not_done_may_panic() {
    let counter = Counter::default();
    let ((), messages) = logged(|| {
        let event_loop = new_event_loop();
        let (stop, token) = (event_loop.clone(), counter.token());
        event_loop.call_soon(move || stop.stop());
        let message = common::message_of(|| {
            event_loop.run_until_complete(async move {
                let _panics = OnDrop(|| panic!("oh"));
                asyncio::sleep(1000).await;
                drop(token);
            })
        });
        assert_eq!(message, "Event loop stopped before Future completed.");
    });
    assert_eq!(counter.alive(), 0);
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(messages[0].ends_with("oh"), "{messages:?}");
}

#[test]
fn a_loop_that_is_set_is_dropped_at_the_end_of_its_thread() {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let event_loop = asyncio::get_event_loop();
        event_loop.create_task(async move {
            let _tells = OnDrop(move || sender.send(()).unwrap());
            asyncio::sleep(1000).await;
        });
        event_loop.run_until_complete(asyncio::sleep(0));
    })
    .join()
    .unwrap();
    assert_eq!(receiver.recv(), Ok(()));
}

/// A future has no loop that lets go of what waits for it.
#[test]
fn what_is_gathered_or_shielded_and_never_done_goes_with_the_loop() {
    type Keep = fn(asyncio::Future<()>);
    let ways: [(&str, Keep); 3] = [
        ("gather", |future| drop(asyncio::gather([future]))),
        ("nested", |future| {
            drop(asyncio::gather([asyncio::gather([future])]));
        }),
        ("shield", |future| drop(asyncio::shield(future))),
    ];
    for (name, keep) in ways {
        let token = std::rc::Rc::new(());
        let held = token.clone();
        asyncio::run(async move {
            let future = asyncio::Future::<()>::new();
            future.add_done_callback(move |_| drop(held));
            keep(future);
        });
        assert_eq!(std::rc::Rc::strong_count(&token), 1, "{name}");
    }
}
