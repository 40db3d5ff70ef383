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
