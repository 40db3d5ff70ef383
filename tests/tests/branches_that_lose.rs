//! A cancellation that was delivered to a branch of a combinator, where another branch wins before that
//! one raises it: the task raises it at its next await, wherever the branch was suspended. In Python
//! nothing can come between: what a task waits for is cancelled, and then the task is told so.

mod common;

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use asyncio::{
    Barrier, Condition, Event, Future as AsyncioFuture, Lock, Queue, Semaphore, Task, TaskGroup,
    TimeoutError, as_completed, catch_cancelled, create_task, finally, gather, shield, sleep,
    timeout, wait, wait_for,
};
use common::run;
use futures::channel::oneshot;

type Branch = Pin<Box<dyn Future<Output = ()>>>;

/// Whichever is done first; of two, the first one.
async fn race(mut first: impl Future<Output = ()> + Unpin, mut second: Branch) -> &'static str {
    let winner = poll_fn(|cx| {
        if Pin::new(&mut first).poll(cx).is_ready() {
            return Poll::Ready("first");
        }
        second.as_mut().poll(cx).map(|()| "second")
    });
    let winner = winner.await;
    drop(second);
    winner
}

/// What another thread or library may do at any time.
fn signal() -> (impl FnOnce(), impl Future<Output = ()> + Unpin) {
    let (send, receive) = oneshot::channel::<()>();
    use futures::FutureExt;
    (move || drop(send), receive.map(drop))
}

async fn settle() {
    for _ in 0..10 {
        sleep(0).await;
    }
}

type Make = fn() -> Branch;

/// Every kind of wait, none of which ends.
const WAITS: &[(&str, Make)] = &[
    ("sleep", || Box::pin(sleep(1000))),
    ("future", || Box::pin(AsyncioFuture::<()>::new())),
    ("task", || Box::pin(create_task(sleep(1000)))),
    ("any task", || {
        Box::pin(create_task(sleep(1000)).any().into_future())
    }),
    ("a task that cleans up", || {
        Box::pin(create_task(finally(sleep(1000), sleep(50))))
    }),
    ("lock", || {
        Box::pin(async {
            let lock = Lock::new();
            lock.acquire().await.forget();
            drop(lock.acquire().await);
        })
    }),
    ("semaphore", || {
        Box::pin(async { drop(Semaphore::new(0).acquire().await) })
    }),
    ("event", || {
        Box::pin(async {
            Event::new().wait().await;
        })
    }),
    ("condition", || {
        Box::pin(async {
            let condition = Condition::new();
            let _held = condition.acquire().await;
            condition.wait().await;
        })
    }),
    ("barrier", || {
        Box::pin(async {
            let _ = Barrier::new(2).wait().await;
        })
    }),
    ("getter", || {
        Box::pin(async {
            let _ = Queue::<u32>::new().get().await;
        })
    }),
    ("putter", || {
        Box::pin(async {
            let queue = Queue::with_maxsize(1);
            let _ = queue.put(1).await;
            let _ = queue.put(2).await;
        })
    }),
    ("join", || {
        Box::pin(async {
            let queue = Queue::new();
            let _ = queue.put(1).await;
            queue.join().await;
        })
    }),
    ("wait", || {
        Box::pin(async {
            wait([create_task(sleep(1000))]).await;
        })
    }),
    ("wait with a time-out", || {
        Box::pin(async {
            wait([create_task(sleep(1000))]).timeout(500).await;
        })
    }),
    ("gather", || {
        Box::pin(async {
            gather([sleep(1000), sleep(2000)]).await;
        })
    }),
    ("try_gather", || {
        Box::pin(async {
            let work = [async {
                sleep(1000).await;
                Ok::<(), ()>(())
            }];
            let _ = asyncio::try_gather(work).await;
        })
    }),
    ("group's block", || {
        Box::pin(TaskGroup::run(async |tg| {
            tg.create_task(sleep(1000));
            sleep(1000).await;
        }))
    }),
    ("group's children", || {
        Box::pin(TaskGroup::run(async |tg| {
            tg.create_task(sleep(1000));
        }))
    }),
    ("shield", || Box::pin(shield(sleep(1000)))),
    ("as_completed", || {
        Box::pin(async {
            for next in as_completed([sleep(1000), sleep(2000)]) {
                next.await;
            }
        })
    }),
    ("wait_for", || {
        Box::pin(async {
            let _ = wait_for(sleep(1000), 500).await;
        })
    }),
    ("wait_for of a task", || {
        Box::pin(async {
            let _ = wait_for(create_task(sleep(1000)), 500).await;
        })
    }),
    ("wait_for of a task, at once", || {
        Box::pin(async {
            let slow = create_task(finally(sleep(1000), sleep(1000)));
            sleep(0).await;
            let _ = wait_for(slow, 0).await;
        })
    }),
    ("timeout", || {
        Box::pin(async {
            let _ = timeout(500, async |_| sleep(1000).await).await;
        })
    }),
    ("catch_cancelled", || {
        Box::pin(async {
            let _ = catch_cancelled(sleep(1000)).await;
        })
    }),
    ("catch_cancelled of a foreign future", || {
        Box::pin(async {
            let _ = catch_cancelled(std::future::pending::<()>()).await;
        })
    }),
    ("finally", || Box::pin(finally(sleep(1000), async {}))),
    ("boxed chain", || {
        Box::pin(async {
            let inner = create_task(async { create_task(sleep(1000)).await });
            inner.await;
        })
    }),
    ("thread", || {
        Box::pin(asyncio::to_thread(|| {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }))
    }),
];

/// Which comes first: that the task is cancelled, or that the other branch is ready.
#[derive(Clone, Copy, Debug)]
enum Order {
    CancelledFirst,
    ReadyFirst,
    /// The branch is not polled again between the two: others have a turn there.
    ReadyLater,
}

/// Has a task race a wait; cancels it as the other branch becomes ready.
async fn cancel_and_win<T: 'static>(
    order: Order,
    second: Make,
    then: impl AsyncFnOnce() -> T + 'static,
) -> Task<T> {
    let (ready, first) = signal();
    let task = create_task(async move {
        assert_eq!(race(first, second()).await, "first");
        then().await
    });
    settle().await;
    match order {
        Order::CancelledFirst => {
            assert!(task.cancel_with("why"));
            ready();
        }
        Order::ReadyFirst => {
            ready();
            assert!(task.cancel_with("why"));
        }
        Order::ReadyLater => {
            assert!(task.cancel_with("why"));
            asyncio::get_running_loop().call_soon(ready);
        }
    }
    task
}

#[test]
fn the_next_await_raises_it_once_and_with_its_message() {
    for order in [Order::CancelledFirst, Order::ReadyFirst] {
        for (name, make) in WAITS {
            let (first, second) = run(async {
                let task = cancel_and_win(order, *make, async || {
                    let first = catch_cancelled(sleep(10)).await;
                    (first, catch_cancelled(sleep(10)).await)
                });
                task.await.await
            });
            let message = first.as_ref().err().and_then(|error| error.message());
            assert_eq!(message, Some("why"), "{name}, {order:?}");
            assert!(second.is_ok(), "{name}, {order:?}: raised twice");
        }
    }
}

#[test]
fn any_kind_of_wait_raises_it() {
    for (name, make) in WAITS {
        // Not in this: a wait that nothing in the loop wakes is raised at after it.
        for (next, make_next) in WAITS {
            run(async {
                let task = cancel_and_win(Order::CancelledFirst, *make, async || {
                    let next = catch_cancelled(make_next());
                    // It catches the cancellation itself.
                    let catches = next.await;
                    catches.is_err()
                });
                let caught = task.await.await;
                let catches_itself = next.starts_with("catch_cancelled");
                assert!(caught != catches_itself, "{name}, then {next}");
            });
        }
    }
}

#[test]
fn a_task_that_ends_without_another_await_ends_cancelled_unless_it_fails() {
    for (name, make) in WAITS {
        run(async {
            let task = cancel_and_win(Order::CancelledFirst, *make, async || 42).await;
            let error = catch_cancelled(task.clone()).await.expect_err(name);
            assert!(task.cancelled(), "{name}");
            assert_eq!(error.message(), Some("why"), "{name}");
        });
    }
}

#[test]
fn uncancel_takes_it_back_until_then() {
    for (name, make) in WAITS {
        run(async {
            let task = cancel_and_win(Order::CancelledFirst, *make, async || {
                let me = asyncio::current_task().expect("it runs");
                assert_eq!((me.cancelling(), me.uncancel()), (1, 0));
                sleep(10).await;
                sleep(10).await;
                42
            });
            let task = task.await;
            assert_eq!(catch_cancelled(task).await.ok(), Some(42), "{name}");
        });
    }
}

#[test]
fn a_branch_that_raises_first_wins() {
    for (name, make) in WAITS {
        // To be raised by the wait itself, in a step of its own; a thread may end before that.
        if name.starts_with("catch") || ["thread"].contains(name) {
            continue;
        }
        run(async {
            let (_ready, first) = signal();
            let task = create_task(async move { race(first, make()).await });
            settle().await;
            task.cancel();
            assert!(catch_cancelled(task.clone()).await.is_err(), "{name}");
            assert!(task.cancelled(), "{name}");
        });
    }
}

/// What the task awaited goes on after the branch is gone: nobody will see whether it swallows the
/// cancellation.
#[test]
fn a_task_that_is_not_awaited_any_more_while_it_cleans_up_hands_the_cancellation_back() {
    run(async {
        let make: Make = || Box::pin(create_task(finally(sleep(1000), sleep(50))));
        let task = cancel_and_win(Order::ReadyLater, make, async || {
            catch_cancelled(sleep(10)).await
        });
        let raised = task.await.await.expect_err("it was asked for");
        assert_eq!(raised.message(), Some("why"));
    });
}

/// As when it is awaited to its end.
#[test]
fn what_the_awaited_task_has_swallowed_is_over() {
    run(async {
        let (ready, first) = signal();
        let inner = create_task(async {
            drop(catch_cancelled(sleep(1000)).await);
            // The other task is ready to step; that what it awaits has ended it does not know yet.
            ready();
        });
        let inner_again = inner.clone();
        let task = create_task(async move {
            assert_eq!(race(first, Box::pin(inner_again)).await, "first");
            catch_cancelled(sleep(10)).await
        });
        settle().await;
        assert!(task.cancel());
        assert!(task.await.is_ok());
        assert!(inner.done() && !inner.cancelled());
    });
}

/// A future that somebody else cancels is no request to the task.
#[test]
fn what_others_cancelled_is_not_raised_when_it_is_dropped() {
    run(async {
        let (ready, first) = signal();
        let future = AsyncioFuture::<()>::new();
        let second = future.clone();
        let task = create_task(async move {
            assert_eq!(race(first, Box::pin(second)).await, "first");
            catch_cancelled(sleep(10)).await
        });
        settle().await;
        future.cancel();
        ready();
        assert!(task.await.is_ok());
    });
}

/// What unwinds takes along all that was cancelled in it: one request is raised once.
#[test]
fn a_cancellation_that_was_caught_takes_along_what_was_passed_on_beneath() {
    run(async {
        let stubborn = create_task(finally(sleep(1000), sleep(50)));
        let other = AsyncioFuture::<()>::new();
        let task = create_task({
            let (stubborn, other) = (stubborn.clone(), other.clone());
            async move {
                let both = async { futures::join!(other, stubborn) };
                let first = catch_cancelled(both).await;
                (first.is_err(), catch_cancelled(sleep(100)).await.is_err())
            }
        });
        settle().await;
        // It goes to the innermost, that was suspended last, and that cleans up.
        task.cancel();
        settle().await;
        assert!(!stubborn.done());
        other.cancel();
        assert_eq!(task.await, (true, false));
    });
}

/// The cancellation of a time-out means what is beneath it: it does not come out of there.
#[test]
fn a_time_out_whose_block_ends_otherwise_raises_nothing_after_it() {
    for (name, make) in WAITS {
        for outer_requests in [0, 1] {
            run(async {
                let task = create_task(async move {
                    let me = asyncio::current_task().expect("it runs");
                    if outer_requests == 1 {
                        me.cancel();
                        assert!(catch_cancelled(sleep(0)).await.is_err());
                    }
                    // The time-out comes first, and then, in the same iteration, what wins.
                    let (ready, first) = signal();
                    let ended = timeout(100, async |_| {
                        asyncio::get_running_loop().call_later(100, ready);
                        race(first, make()).await
                    });
                    let ended: Result<&str, TimeoutError> = ended.await;
                    assert_eq!(me.cancelling(), outer_requests, "{name}");
                    let after = catch_cancelled(sleep(10)).await;
                    (ended, after.is_ok())
                });
                let (ended, goes_on) = task.await;
                // It had been raised by nobody when the block was over.
                if *name != "thread" {
                    assert_eq!(ended, Ok("first"), "{name}");
                }
                assert!(goes_on, "{name}, {outer_requests} requests");
            });
        }
    }
}

/// Both are one while nothing was raised, but the task's own is for all of it.
#[test]
fn a_cancellation_beside_that_of_a_time_out_comes_out_of_it() {
    for is_cancelled_first in [true, false] {
        for (name, make) in WAITS {
            if *name == "thread" {
                continue; // it ends before that
            }
            run(async {
                let task = create_task(async move {
                    let (ready, first) = signal();
                    let ended = timeout(100, async |_| {
                        asyncio::get_running_loop().call_later(100, ready);
                        race(first, make()).await
                    });
                    let ended = ended.await;
                    (ended.is_ok(), catch_cancelled(sleep(10)).await.is_err())
                });
                let event_loop = asyncio::get_running_loop();
                if is_cancelled_first {
                    let task = task.clone();
                    event_loop.call_later(100, move || assert!(task.cancel()));
                    sleep(0).await;
                } else {
                    sleep(0).await;
                    let task = task.clone();
                    let when = event_loop.time() + 100.0;
                    event_loop.call_at(when, move || assert!(task.cancel()));
                }
                // Either it is raised within, and comes out; or after it.
                match catch_cancelled(task.clone()).await {
                    Ok((_, is_raised_after)) => assert!(is_raised_after, "{name}"),
                    Err(_) => assert!(task.cancelled(), "{name}"),
                }
            });
        }
    }
}

#[test]
fn a_group_whose_block_ends_otherwise_raises_nothing_after_it() {
    for (name, make) in WAITS {
        let goes_on = run(async {
            let (ready, first) = signal();
            let ready = std::cell::Cell::new(Some(ready));
            let ready = Rc::new(ready);
            let failed = TaskGroup::try_run(async |tg| {
                tg.create_task(async move {
                    sleep(100).await;
                    if let Some(ready) = ready.take() {
                        asyncio::get_running_loop().call_soon(ready);
                    }
                    Err::<(), _>("no")
                });
                race(first, make()).await;
                Ok(())
            });
            assert!(failed.await.is_err(), "{name}");
            let me = asyncio::current_task().expect("it runs");
            assert_eq!(me.cancelling(), 0, "{name}");
            catch_cancelled(sleep(10)).await.is_ok()
        });
        assert!(goes_on, "{name}");
    }
}

/// A branch that somebody holds for longer than what polls it is there.
#[derive(Clone)]
struct Held(Rc<RefCell<Option<Branch>>>);

impl Held {
    fn new(make: Make) -> Self {
        Self(Rc::new(RefCell::new(Some(make()))))
    }

    fn branch(&self) -> Branch {
        let held = self.0.clone();
        Box::pin(poll_fn(move |cx| match &mut *held.borrow_mut() {
            Some(branch) => branch.as_mut().poll(cx),
            None => Poll::Pending,
        }))
    }

    fn drop_it(&self) {
        let branch = self.0.take();
        assert!(branch.is_some());
        drop(branch);
    }
}

/// It takes long to clean up: meanwhile nobody knows what becomes of the cancellation that it was handed.
const CLEANS_UP: Make = || Box::pin(create_task(finally(sleep(1000), sleep(50))));

/// What a time-out or a group cancelled in its block is over with it, whoever holds that branch and drops
/// it later.
#[test]
fn what_a_scope_passed_on_is_not_raised_after_it() {
    for is_group in [false, true] {
        for is_dropped_in_a_step in [false, true] {
            let task_ended = run(async move {
                let task = create_task(async move {
                    let held = Held::new(CLEANS_UP);
                    let (ready, first) = signal();
                    asyncio::get_running_loop().call_later(110, ready);
                    if is_group {
                        let failed = TaskGroup::try_run(async |tg| {
                            tg.create_task(async {
                                sleep(100).await;
                                Err::<(), _>("no")
                            });
                            race(first, held.branch()).await;
                            Ok(())
                        });
                        assert!(failed.await.is_err());
                    } else {
                        let ended = timeout(100, async |_| race(first, held.branch()).await);
                        assert_eq!(ended.await, Ok("first"));
                    }
                    let me = asyncio::current_task().expect("it runs");
                    assert_eq!(me.cancelling(), 0);
                    if is_dropped_in_a_step {
                        held.drop_it();
                    } else {
                        asyncio::get_running_loop().call_soon(move || held.drop_it());
                    }
                    for _ in 0..5 {
                        assert!(catch_cancelled(sleep(1)).await.is_ok());
                    }
                });
                catch_cancelled(task).await
            });
            assert!(
                task_ended.is_ok(),
                "a group: {is_group}, in a step: {is_dropped_in_a_step}"
            );
        }
    }
}

/// What a time-out cancelled is raised beneath it, also when others drop that branch: no other one raises
/// it, whichever is polled first.
#[test]
fn what_a_scope_passed_on_is_handed_back_to_it() {
    for is_other_first in [false, true] {
        let ended = run(async move {
            let held = Held::new(CLEANS_UP);
            let branch = held.branch();
            let task = create_task(async move {
                let timed = timeout(100, async |_| branch.await);
                let other = sleep(300);
                if is_other_first {
                    futures::join!(other, timed).1
                } else {
                    futures::join!(timed, other).0
                }
            });
            sleep(110).await;
            held.drop_it();
            catch_cancelled(task).await
        });
        assert_eq!(
            ended.expect("it is only the time-out's"),
            Err(TimeoutError),
            "{is_other_first}"
        );
    }
}

/// An error is worth more than a cancellation that nobody raised, as in Python; a value is not.
#[test]
fn an_error_is_worth_more_than_a_cancellation_that_was_not_raised() {
    #[asyncio::coroutine]
    async fn fails(make: Make, first: Branch) -> Result<(), &'static str> {
        race(first, make()).await;
        Err("broken")
    }
    for (name, make) in WAITS {
        run(async {
            let (ready, first) = signal();
            let task = create_task(fails(*make, Box::pin(first)));
            settle().await;
            task.cancel();
            ready();
            let ended = catch_cancelled(task.clone()).await;
            assert_eq!(ended.ok(), Some(Err("broken")), "{name}");
            assert!(!task.cancelled());
        });
    }
}
