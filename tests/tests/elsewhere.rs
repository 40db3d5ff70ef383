//! What is `Send`, and works on other executors and threads; what does not, and says so.

mod common;

use std::task::{Context, Poll, Waker};
use std::time::Duration;

use asyncio::{
    Event, Future, Queue, TimeoutError, catch_cancelled, finally, sleep, timeout, timeout_at,
    wait_for,
};
use common::{message_of, run};
use futures::executor::block_on;

fn is_send<T: Send>(value: T) -> T {
    value
}

#[test]
fn sleeps_time_outs_and_catches_are_send_when_what_they_hold_is() {
    drop(is_send(sleep(1)));
    drop(is_send(wait_for(sleep(1), 1)));
    drop(is_send(wait_for(async { 1 }, 0)));
    drop(is_send(catch_cancelled(sleep(1))));
    drop(is_send(finally(sleep(1), sleep(1))));
    drop(is_send(timeout(1, async |cm| {
        sleep(1).await;
        cm.reschedule(Some(2.0));
        sleep(1).await;
    })));
    drop(is_send(timeout_at(None, async |_| ())));
    drop(is_send(async {
        let nested = timeout(1, async |_| finally(wait_for(sleep(1), 1), async {}).await);
        catch_cancelled(nested).await
    }));
}

#[test]
fn they_work_on_another_executor_and_another_thread() {
    let future = is_send(async {
        let kept = wait_for(async { 1 }, 10).await;
        let late = wait_for(std::future::pending::<()>(), Duration::from_millis(1)).await;
        let never = wait_for(async { 1 }, 0).await;
        let block = timeout(0.001, async |_| std::future::pending::<()>().await).await;
        let caught = catch_cancelled(async { 2 }).await;
        (kept, late, never, block, caught.ok())
    });
    let given = std::thread::spawn(|| block_on(future)).join().unwrap();
    assert_eq!(
        given,
        (
            Ok(1),
            Err(TimeoutError),
            Err(TimeoutError),
            Err(TimeoutError),
            Some(2)
        )
    );
}

#[test]
fn a_time_out_can_be_rescheduled_on_another_executor() {
    let ended = block_on(timeout(None::<f64>, async |cm| {
        cm.reschedule(Some(0.0));
        std::future::pending::<()>().await;
    }));
    assert_eq!(ended, Err(TimeoutError));
    let ended = block_on(timeout(0, async |cm| {
        cm.reschedule(None);
        futures::future::ready(1).await
    }));
    assert_eq!(ended, Ok(1));
}

#[test]
fn a_finally_cleans_up_on_another_executor_after_a_value_and_a_panic() {
    let (sender, receiver) = std::sync::mpsc::channel();
    let other = sender.clone();
    let cleanup = async move { sender.send("returned").unwrap() };
    assert_eq!(block_on(finally(async { 3 }, cleanup)), 3);
    let cleanup = async move { other.send("panicked").unwrap() };
    let message = message_of(|| block_on(finally(async { panic!("oh") }, cleanup)));
    assert_eq!(message, "oh");
    assert_eq!(
        receiver.iter().collect::<Vec<_>>(),
        ["returned", "panicked"]
    );
}

#[test]
fn a_sleep_that_moves_to_another_thread_sleeps_the_rest_there() {
    let mut nap = Box::pin(sleep(0.001));
    asyncio::run(async {
        let mut cx = Context::from_waker(Waker::noop());
        assert_eq!(nap.as_mut().poll(&mut cx), Poll::Pending);
    });
    std::thread::spawn(move || block_on(nap)).join().unwrap();
}

#[test]
fn what_belongs_to_a_loop_says_so_when_it_is_awaited_outside_of_one() {
    let no_loop = |message: String| assert!(message.contains("no running event loop"), "{message}");
    let event_loop = asyncio::new_event_loop();
    no_loop(message_of(|| block_on(event_loop.create_future::<()>())));
    no_loop(message_of(|| block_on(event_loop.create_task(async {}))));
    no_loop(message_of(|| block_on(Event::new().wait())));
    no_loop(message_of(|| block_on(Queue::<()>::new().get())));
    no_loop(message_of(|| {
        drop(asyncio::create_task(std::future::pending::<()>()))
    }));
    no_loop(message_of(|| {
        block_on(asyncio::wait([event_loop.create_task(async {})]))
    }));
    let group = message_of(|| block_on(asyncio::TaskGroup::run(async |_| ())));
    assert_eq!(group, "TaskGroup cannot determine the parent task");
    asyncio::set_event_loop(None);
}

#[test]
fn what_is_done_can_be_awaited_anywhere() {
    let future = Future::new();
    future.set_result(1);
    assert_eq!(block_on(future), 1);
}

#[test]
fn a_task_that_awaits_what_is_of_another_loop_is_told() {
    let other = asyncio::new_event_loop();
    let foreign = other.create_future::<()>();
    let message = message_of(|| run(foreign));
    assert!(message.starts_with("Task <Task pending"), "{message}");
    assert!(
        message.ends_with("got Future <Future pending> attached to a different loop"),
        "{message}"
    );
}

#[test]
fn a_cancelled_task_awaited_off_the_loop_panics_with_the_error() {
    let event_loop = asyncio::new_event_loop();
    let task = event_loop.create_task(sleep(1));
    task.cancel_with("enough");
    event_loop.run_until_complete(sleep(0));
    assert_eq!(message_of(|| block_on(task)), "CancelledError(\"enough\")");
}

#[cfg(unix)]
mod async_io_inside {
    use std::os::unix::net::UnixStream;
    use std::sync::{Arc, Mutex};
    use std::task::{Context, Poll, Wake, Waker};
    use std::thread::{self, ThreadId};

    use asyncio::{StreamReader, StreamWriter, open_connection, sleep, start_server, to_thread};

    use super::run;

    /// Notes which thread wakes.
    struct Woken {
        waker: Waker,
        by: Mutex<Option<ThreadId>>,
    }

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            *self.by.lock().unwrap() = Some(thread::current().id());
            self.waker.wake_by_ref();
        }
    }

    /// What woke a task that waited for a socket of async-io's.
    async fn waits_for_async_io() -> ThreadId {
        let (ours, theirs) = async_io::Async::<UnixStream>::pair().unwrap();
        let mut woken = None;
        let mut has_written = false;
        std::future::poll_fn(|cx| {
            let woken = woken.get_or_insert_with(|| {
                Arc::new(Woken {
                    waker: cx.waker().clone(),
                    by: Mutex::new(None),
                })
            });
            if let Some(by) = *woken.by.lock().unwrap() {
                return Poll::Ready(by);
            }
            let waker = Waker::from(woken.clone());
            let polled = ours.poll_readable(&mut Context::from_waker(&waker));
            if !std::mem::replace(&mut has_written, true) {
                assert!(polled.is_pending());
                assert_eq!(
                    std::io::Write::write(&mut theirs.get_ref(), b"x").unwrap(),
                    1
                );
            }
            Poll::Pending
        })
        .await
    }

    #[test]
    fn a_loop_that_async_ios_own_thread_wakes_goes_on_to_drive_the_reactor_itself() {
        run(async {
            let own = thread::current().id();
            for _ in 0..10_000 {
                if waits_for_async_io().await == own {
                    return;
                }
            }
            panic!("it was always another thread");
        });
    }

    #[test]
    fn what_else_wakes_a_loop_goes_on_while_it_drives_the_reactor() {
        let echo = async |reader: StreamReader, writer: StreamWriter| {
            while let Ok(line) = reader.readline().await {
                if line.is_empty() {
                    break;
                }
                writer.write(&line);
                writer.drain().await.unwrap();
            }
        };
        // On the real clock: a virtual one stands still while a stream is read.
        asyncio::run(async move {
            let own = thread::current().id();
            let server = start_server(echo, "127.0.0.1", 0).await.unwrap();
            let port = server.addresses()[0].port();
            let (reader, writer) = open_connection("127.0.0.1", port).await.unwrap();
            while waits_for_async_io().await != own {}
            for number in 0..20 {
                let line = format!("{number}\n");
                writer.write(line.as_bytes());
                assert_eq!(reader.readline().await.unwrap(), line.as_bytes());
                assert_eq!(to_thread(move || number).await, number);
                sleep(0.0005).await;
                waits_for_async_io().await;
            }
        });
    }
}
