//! CPython's tests of queues, told anew.

use asyncio::{
    LifoQueue, PriorityQueue, Queue, QueueShutDown, TaskGroup, catch_cancelled, create_task, sleep,
};
use tests::{panics, virtually};

/// Mirrors `test_queues.QueueGetTests.test_get_cancelled_race`.
#[test]
fn get_cancelled_race() {
    virtually(async {
        let queue = Queue::new();
        let getters = [queue.clone(), queue.clone()]
            .map(|queue| create_task(async move { queue.get().await }));
        sleep(0).await;
        getters[0].cancel();
        sleep(0).await;
        assert!(getters[0].done());
        queue.put("a").await.expect("open");
        sleep(0).await;
        assert_eq!((&getters[1]).await, Ok("a"));
    });
}

/// Mirrors `test_queues.QueuePutTests.test_put_cancelled_race`.
#[test]
fn put_cancelled_race() {
    virtually(async {
        let queue = Queue::with_maxsize(1);
        let [a, b, c] = ["a", "b", "X"].map(|item| {
            let queue = queue.clone();
            create_task(async move { queue.put(item).await })
        });
        sleep(0).await;
        assert!(a.done() && !b.done());
        c.cancel();
        sleep(0).await;
        assert!(c.done());
        assert_eq!(queue.get_nowait(), Ok("a"));
        sleep(0).await;
        assert_eq!(queue.get_nowait(), Ok("b"));
        b.await.expect("open");
    });
}

/// Mirrors `test_queues.QueuePutTests.test_get_cancel_drop_one_pending_reader`.
#[test]
fn get_cancel_drop_one_pending_reader() {
    virtually(async {
        let queue = Queue::new();
        let reading = queue.clone();
        let reader = create_task(async move { reading.get().await });
        sleep(0).await;
        queue.put_nowait(1).expect("no limit");
        queue.put_nowait(2).expect("no limit");
        reader.cancel();
        let read = match catch_cancelled(&reader).await {
            Ok(item) => item,
            Err(_) => queue.get().await,
        };
        // 2 would say that 1 was dropped.
        assert_eq!(read, Ok(1));
    });
}

/// Mirrors `test_queues.QueuePutTests.test_put_cancel_drop`.
#[test]
fn put_cancel_drop() {
    virtually(async {
        let queue = Queue::with_maxsize(1);
        queue.put_nowait(1).expect("empty");
        let writing = queue.clone();
        let writer = create_task(async move { writing.put(2).await });
        sleep(0).await;
        assert_eq!(queue.get_nowait(), Ok(1));
        writer.cancel();
        if catch_cancelled(&writer).await.is_err() {
            queue.put(2).await.expect("open");
        }
        assert_eq!(queue.get_nowait(), Ok(2));
        assert_eq!(queue.qsize(), 0);
    });
}

/// Mirrors `test_queues.QueueGetTests.test_why_are_getters_waiting`.
#[test]
fn why_are_getters_waiting() {
    virtually(async {
        let queue = Queue::with_maxsize(1);
        TaskGroup::run(async |tg| {
            let (puts, gets) = (queue.clone(), queue.clone());
            tg.create_task(async move {
                for item in 0..5 {
                    puts.put(item).await.expect("open");
                }
            });
            tg.create_task(async move {
                for item in 0..5 {
                    assert_eq!(gets.get().await, Ok(item));
                }
            });
        })
        .await;
    });
}

/// Mirrors `test_queues._QueueJoinTestMixin.test_task_done_underflow`.
#[test]
fn task_done_underflow() {
    virtually(async {
        let queue = Queue::<()>::new();
        assert_eq!(
            panics(|| queue.task_done()),
            "task_done() called too many times"
        );
    });
}

/// Mirrors `test_queues._QueueJoinTestMixin.test_join_empty_queue`.
#[test]
fn join_empty_queue() {
    virtually(async {
        let queue = Queue::<()>::new();
        queue.join().await;
        queue.join().await;
    });
}

/// Mirrors `test_queues.LifoQueueTests.test_order`.
#[test]
fn lifo_order() {
    virtually(async {
        let queue = LifoQueue::new();
        for item in [1, 3, 2] {
            queue.put_nowait(item).expect("no limit");
        }
        assert_eq!(
            [queue.get_nowait(), queue.get_nowait(), queue.get_nowait()],
            [Ok(2), Ok(3), Ok(1)]
        );
    });
}

/// Mirrors `test_queues.PriorityQueueTests.test_order`.
#[test]
fn priority_order() {
    virtually(async {
        let queue = PriorityQueue::new();
        for item in [1, 3, 2] {
            queue.put_nowait(item).expect("no limit");
        }
        assert_eq!(
            [queue.get_nowait(), queue.get_nowait(), queue.get_nowait()],
            [Ok(1), Ok(2), Ok(3)]
        );
    });
}

/// Mirrors `test_queues._QueueShutdownTestMixin.test_shutdown_empty`.
#[test]
fn shutdown_empty() {
    virtually(async {
        let queue = Queue::new();
        let getting = queue.clone();
        let getter = create_task(async move { getting.get().await });
        sleep(0).await;
        queue.shutdown(false);
        assert_eq!(queue.qsize(), 0);
        queue.join().await;
        sleep(0).await;
        assert!(getter.done());
        assert_eq!(getter.await, Err(QueueShutDown));
        assert_eq!(queue.put("data").await, Err(QueueShutDown));
        assert_eq!(queue.get().await, Err(QueueShutDown));
    });
}

/// Mirrors `test_queues._QueueShutdownTestMixin.test_shutdown_nonempty`.
#[test]
fn shutdown_nonempty() {
    virtually(async {
        let queue = Queue::with_maxsize(1);
        queue.put_nowait("data").expect("empty");
        let (joining, putting) = (queue.clone(), queue.clone());
        let join = create_task(async move { joining.join().await });
        let put = create_task(async move { putting.put("data2").await });
        sleep(0).await;
        assert!(!put.done());
        queue.shutdown(false);
        assert_eq!(queue.qsize(), 1);
        sleep(0).await;
        assert!(put.done());
        assert_eq!(put.await, Err(QueueShutDown));
        assert_eq!(queue.get().await, Ok("data"));
        sleep(0).await;
        assert!(!join.done());
        assert_eq!(queue.put("data").await, Err(QueueShutDown));
        assert_eq!(queue.get().await, Err(QueueShutDown));
        queue.task_done();
        sleep(0).await;
        assert!(join.done());
    });
}

/// Mirrors `test_queues._QueueShutdownTestMixin.test_shutdown_immediate`.
#[test]
fn shutdown_immediate() {
    virtually(async {
        let queue = Queue::new();
        queue.put_nowait("data").expect("no limit");
        let joining = queue.clone();
        let join = create_task(async move { joining.join().await });
        queue.shutdown(true);
        assert_eq!(queue.qsize(), 0);
        sleep(0).await;
        assert!(join.done());
        assert_eq!(queue.get().await, Err(QueueShutDown));
        assert_eq!(
            panics(|| queue.task_done()),
            "task_done() called too many times"
        );
    });
}

/// Mirrors `test_queues._QueueShutdownTestMixin.test_shutdown_immediate_with_unfinished`.
#[test]
fn shutdown_immediate_with_unfinished() {
    virtually(async {
        let queue = Queue::new();
        queue.put_nowait("data").expect("no limit");
        queue.put_nowait("data").expect("no limit");
        let joining = queue.clone();
        let join = create_task(async move { joining.join().await });
        assert_eq!(queue.get().await, Ok("data"));
        queue.shutdown(true);
        assert_eq!(queue.qsize(), 0);
        sleep(0).await;
        assert!(!join.done());
        queue.task_done();
        sleep(0).await;
        assert!(join.done());
    });
}

// The rest of `test_queues`, in short

/// Mirrors `test_queues.QueueBasicTests.test_repr`, `test_queues._QueueJoinTestMixin.test_format` and
/// `test_queues._QueueShutdownTestMixin.test_format`.
#[test]
fn repr() {
    virtually(async {
        let queue = Queue::with_maxsize(3);
        assert!(format!("{queue:?}").starts_with("<Queue"));
        assert!(format!("{queue:?}").contains("maxsize=3"));
        let getting = queue.clone();
        let getter = create_task(async move { getting.get().await });
        sleep(0).await;
        assert!(format!("{queue:?}").contains("_getters[1]"));
        queue.put_nowait(1).expect("room");
        getter.await.expect("open");
        assert!(format!("{queue:?}").contains("tasks=1"));
        queue.shutdown(false);
        assert!(format!("{queue:?}").contains("shutdown"));
    });
}

/// Mirrors `test_queues.QueueBasicTests.test_empty`, `test_queues.QueueBasicTests.test_full`,
/// `test_queues.QueueBasicTests.test_maxsize` and `test_queues.QueuePutTests.test_nonblocking_put_exception`.
#[test]
fn it_is_empty_and_full_as_it_says() {
    let queue = Queue::with_maxsize(2);
    assert!(queue.empty() && !queue.full());
    queue.put_nowait(1).expect("room");
    assert!(!queue.empty() && !queue.full());
    queue.put_nowait(2).expect("room");
    assert!(queue.full() && queue.qsize() == 2 && queue.maxsize() == 2);
    let refused = queue.put_nowait(3).expect_err("full");
    assert_eq!(refused.0, 3);
    assert!((0..100).all(|item| Queue::new().put_nowait(item).is_ok()));
}

/// Mirrors `test_queues.QueueBasicTests.test_order`, `test_queues.QueueGetTests.test_nonblocking_get`,
/// `test_queues.QueuePutTests.test_nonblocking_put` and
/// `test_queues.QueueGetTests.test_nonblocking_get_exception`.
#[test]
fn first_in_first_out() {
    let queue = Queue::new();
    for item in [1, 3, 2] {
        queue.put_nowait(item).expect("no limit");
    }
    let got: Vec<i32> = (0..3).map(|_| queue.get_nowait().expect("one")).collect();
    assert_eq!(got, [1, 3, 2]);
    assert!(queue.get_nowait().is_err());
}

/// Mirrors `test_queues.QueueGetTests.test_blocking_get`, `test_queues.QueueGetTests.test_blocking_get_wait`,
/// `test_queues.QueuePutTests.test_blocking_put`, `test_queues.QueuePutTests.test_put_cancelled` and
/// `test_queues.QueuePutTests.test_put_with_waiting_getters`.
#[test]
fn a_getter_waits_for_an_item() {
    virtually(async {
        let queue = Queue::new();
        queue.put("a").await.expect("open");
        assert_eq!(queue.get().await, Ok("a"));
        let getting = queue.clone();
        let getter = create_task(async move { getting.get().await });
        sleep(0).await;
        assert!(!getter.done());
        let late = queue.clone();
        asyncio::get_running_loop().call_later(0.01, move || late.put_nowait("b").expect("room"));
        assert_eq!(getter.await, Ok("b"));
    });
}

/// Mirrors `test_queues.QueueGetTests.test_get_with_putters`,
/// `test_queues.QueueGetTests.test_get_with_waiting_putters` and
/// `test_queues.QueuePutTests.test_blocking_put_wait`.
#[test]
fn a_putter_waits_for_room() {
    virtually(async {
        let queue = Queue::with_maxsize(1);
        let putters = ["a", "b"].map(|item| {
            let queue = queue.clone();
            create_task(async move { queue.put(item).await })
        });
        sleep(0).await;
        assert!(putters[0].done() && !putters[1].done());
        assert_eq!(queue.get().await, Ok("a"));
        assert_eq!(queue.get().await, Ok("b"));
        assert!(putters[1].done());
    });
}

/// Mirrors `test_queues.QueueGetTests.test_cancelled_getters_not_being_held_in_self_getters` and
/// `test_queues.QueuePutTests.test_cancelled_puts_not_being_held_in_self_putters`.
#[test]
fn who_was_cancelled_is_held_no_more() {
    virtually(async {
        let queue = Queue::with_maxsize(1);
        assert!(asyncio::wait_for(queue.get(), 0.1).await.is_err());
        assert!(!format!("{queue:?}").contains("_getters"));
        queue.put_nowait(1).expect("room");
        let putting = queue.clone();
        let putter = create_task(async move { putting.put(1).await });
        sleep(0).await;
        assert!(format!("{queue:?}").contains("_putters[1]"));
        putter.cancel();
        assert!(catch_cancelled(&putter).await.is_err());
        assert!(!format!("{queue:?}").contains("_putters"));
    });
}

/// Mirrors `test_queues.QueuePutTests.test_get_cancel_drop_many_pending_readers`.
#[test]
fn an_item_of_a_cancelled_reader_goes_to_another() {
    virtually(async {
        let queue = Queue::new();
        let readers = [(); 3].map(|()| {
            let queue = queue.clone();
            create_task(async move { queue.get().await.expect("open") })
        });
        sleep(0).await;
        queue.put_nowait(1).expect("no limit");
        queue.put_nowait(2).expect("no limit");
        readers[0].cancel();
        let [first, second, third] = readers;
        assert!(catch_cancelled(first).await.is_err());
        let mut read = [second.await, third.await];
        read.sort_unstable();
        assert_eq!(read, [1, 2]);
    });
}

/// Mirrors `test_queues.QueuePutTests.test_why_are_putters_waiting`.
#[test]
fn as_many_putters_go_on_as_there_is_room_for() {
    virtually(async {
        let queue = Queue::with_maxsize(2);
        TaskGroup::run(async |group| {
            let taking = queue.clone();
            group.create_task(async move {
                sleep(0).await;
                for _ in 0..taking.qsize() {
                    taking.get_nowait().expect("one");
                }
            });
            for item in 0..4 {
                let queue = queue.clone();
                group.create_task(async move { queue.put(item).await.expect("open") });
            }
        })
        .await;
        assert_eq!(queue.qsize(), 2);
    });
}

/// Mirrors `test_queues._QueueJoinTestMixin.test_task_done`.
#[test]
fn join_waits_until_every_item_is_done_with() {
    virtually(async {
        let queue = Queue::new();
        for item in 0..100 {
            queue.put_nowait(item).expect("no limit");
        }
        let sum = std::rc::Rc::new(std::cell::Cell::new(0));
        let workers = [(); 2].map(|()| {
            let (queue, sum) = (queue.clone(), sum.clone());
            create_task(async move {
                while let Ok(item) = queue.get().await {
                    sleep(0.1).await;
                    sum.set(sum.get() + item);
                    queue.task_done();
                }
            })
        });
        queue.join().await;
        assert_eq!(sum.get(), (0..100).sum::<i32>());
        queue.shutdown(false);
        asyncio::gather(workers).await;
    });
}
