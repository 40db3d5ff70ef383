//! Threads: what they give, what they raise, and what becomes of them.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::task::{Context, Wake, Waker};

use asyncio::{
    Future, ThreadPoolExecutor, catch_cancelled, create_task, get_running_loop,
    run_coroutine_threadsafe, sleep, to_thread, wrap_future,
};

fn message(payload: Box<dyn std::any::Any + Send>) -> String {
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => (*payload.downcast::<&str>().expect("a message")).to_owned(),
    }
}

#[asyncio::test]
async fn a_function_runs_on_another_thread() {
    let here = std::thread::current().id();
    assert_ne!(to_thread(move || std::thread::current().id()).await, here);
}

#[asyncio::test]
async fn nothing_starts_before_to_thread_is_awaited() {
    let called = Arc::new(AtomicBool::new(false));
    let call = called.clone();
    drop(to_thread(move || call.store(true, Ordering::SeqCst)));
    to_thread(|| ()).await;
    assert!(!called.load(Ordering::SeqCst));
}

#[test]
fn to_thread_works_on_other_executors_and_is_send() {
    fn is_send<T: Send>(value: T) -> T {
        value
    }
    assert_eq!(async_io::block_on(is_send(to_thread(|| 6 * 7))), 42);
}

#[asyncio::test]
async fn a_panic_in_the_thread_is_raised_in_who_awaits() {
    let task = create_task(to_thread(|| -> u32 { panic!("in the thread") }));
    let raised = futures::FutureExt::catch_unwind(AssertUnwindSafe(task)).await;
    assert_eq!(message(raised.unwrap_err()), "in the thread");

    let pool = ThreadPoolExecutor::new(1);
    let future = get_running_loop().run_in_executor(Some(&pool), || -> u32 { panic!("in a pool") });
    let raised = futures::FutureExt::catch_unwind(AssertUnwindSafe(future)).await;
    assert_eq!(message(raised.unwrap_err()), "in a pool");
}

#[asyncio::test(virtual_clock)]
async fn a_virtual_clock_does_not_jump_while_a_thread_is_awaited() {
    let event_loop = get_running_loop();
    let (release, released) = mpsc::channel::<()>();
    let waiting = create_task(to_thread(move || released.recv()));
    let also_waiting = event_loop.run_in_executor(None, || 1);
    create_task(sleep(1000));
    sleep(0).await;
    std::thread::spawn(move || release.send(()));
    assert_eq!(waiting.await, Ok(()));
    assert_eq!(also_waiting.await, 1);
    assert_eq!(event_loop.time(), 0.0);
    sleep(1).await;
    assert_eq!(event_loop.time(), 1.0);
}

#[asyncio::test]
async fn a_cancelled_to_thread_raises_at_once_and_leaves_the_function_to_itself() {
    let (release, released) = mpsc::channel::<()>();
    let (started, has_started) = mpsc::channel::<()>();
    let task = create_task(to_thread(move || {
        started.send(()).expect("the test waits");
        released.recv()
    }));
    sleep(0).await;
    has_started.recv().expect("the thread starts");
    task.cancel();
    assert!(catch_cancelled(task.clone()).await.is_err());
    assert!(task.cancelled());
    release.send(()).expect("the function still runs");
}

#[asyncio::test]
async fn a_function_that_has_not_started_is_not_called_when_it_is_cancelled() {
    let event_loop = get_running_loop();
    let pool = ThreadPoolExecutor::new(1);
    let (release, released) = mpsc::channel::<()>();
    let busy = event_loop.run_in_executor(Some(&pool), move || released.recv());
    let called = Arc::new(AtomicBool::new(false));
    let call = called.clone();
    let waiting =
        event_loop.run_in_executor(Some(&pool), move || call.store(true, Ordering::SeqCst));
    waiting.cancel();
    sleep(0).await;
    release.send(()).expect("the function waits");
    assert_eq!(busy.await, Ok(()));
    pool.shutdown();
    assert!(!called.load(Ordering::SeqCst));
}

#[test]
fn run_joins_the_threads_at_its_end() {
    let ended = Arc::new(AtomicBool::new(false));
    let end = ended.clone();
    let (release, released) = mpsc::channel::<()>();
    asyncio::run(async move {
        get_running_loop().run_in_executor(None, move || {
            released.recv().expect("the loop is shut down");
            std::thread::yield_now();
            end.store(true, Ordering::SeqCst);
        });
        // Sent by a task that the shutdown cancels: the function is still running then.
        create_task(asyncio::finally(Future::<()>::new(), async move {
            release.send(()).expect("the function waits");
        }));
        sleep(0).await;
    });
    assert!(ended.load(Ordering::SeqCst));
}

#[test]
fn a_pool_has_no_more_threads_than_it_may_and_as_many_as_it_needs() {
    let pool = ThreadPoolExecutor::new(3);
    let all = Arc::new(Barrier::new(3));
    let now = Arc::new(AtomicUsize::new(0));
    let futures: Vec<_> = (0..30)
        .map(|_| {
            let (all, now) = (all.clone(), now.clone());
            pool.submit(move || {
                assert!(now.fetch_add(1, Ordering::SeqCst) < 3);
                all.wait();
                now.fetch_sub(1, Ordering::SeqCst);
                // Nobody enters before all three have left.
                all.wait();
            })
        })
        .collect();
    for future in futures {
        assert_eq!(future.result(None::<f64>), Ok(()));
    }
}

/// As in CPython: what fails in what is called at the end is logged, and no more.
#[test]
fn what_panics_as_a_work_ends_keeps_nothing_else_waiting() {
    struct PanicsAsItIsWoken;
    impl Wake for PanicsAsItIsWoken {
        fn wake(self: Arc<Self>) {
            panic!("as it is woken")
        }
    }
    struct PanicsAsItGoes;
    impl Drop for PanicsAsItGoes {
        fn drop(&mut self) {
            panic!("as it goes")
        }
    }
    let pool = ThreadPoolExecutor::new(1);
    let (release, released) = mpsc::channel::<()>();
    let mut first = pool.submit(move || released.recv());
    let waker = Waker::from(Arc::new(PanicsAsItIsWoken));
    let polled = Pin::new(&mut first).poll(&mut Context::from_waker(&waker));
    assert!(polled.is_pending());
    let (call, called) = mpsc::channel();
    first.add_done_callback(|| panic!("in a callback"));
    first.add_done_callback(move || call.send(()).expect("the test waits"));
    // Nobody takes what this gives.
    drop(pool.submit(|| PanicsAsItGoes));
    let last = pool.submit(|| 42);
    release.send(()).expect("the function waits");
    assert_eq!(called.recv(), Ok(()));
    assert_eq!(last.result(60), Ok(42));
    first.add_done_callback(|| panic!("at once"));
}

#[test]
fn a_pool_that_was_shut_down_takes_no_work() {
    let pool = ThreadPoolExecutor::new(1);
    let before = pool.submit(|| 1);
    pool.shutdown();
    assert_eq!(before.result(0), Ok(1));
    let refused = catch_unwind(AssertUnwindSafe(|| pool.submit(|| 2)));
    assert_eq!(
        message(refused.map(drop).unwrap_err()),
        "cannot schedule new futures after shutdown"
    );
}

#[test]
fn a_pool_that_is_dropped_finishes_its_work() {
    let pool = ThreadPoolExecutor::new(1);
    let futures = [pool.submit(|| 1), pool.submit(|| 2)];
    drop(pool);
    assert_eq!(
        futures.map(|future| future.result(None::<f64>)),
        [Ok(1), Ok(2)]
    );
}

#[test]
fn a_result_that_does_not_come_times_out() {
    let pool = ThreadPoolExecutor::new(1);
    let (release, released) = mpsc::channel::<()>();
    let future = pool.submit(move || released.recv());
    assert_eq!(future.result(0), Err(asyncio::TimeoutError));
    release.send(()).expect("the function waits");
    assert_eq!(future.result(None::<f64>), Ok(Ok(())));
}

#[asyncio::test]
async fn a_coroutine_from_another_thread_runs_on_the_loop() {
    let remote = get_running_loop().remote();
    let here = std::thread::current().id();
    let ran_on = to_thread(move || {
        let coroutine = async {
            sleep(0).await;
            std::thread::current().id()
        };
        run_coroutine_threadsafe(coroutine, &remote)
            .expect("the loop runs")
            .result(None::<f64>)
    });
    assert_eq!(ran_on.await, Ok(here));
}

#[asyncio::test]
async fn a_coroutine_that_panics_panics_in_the_thread_that_asked() {
    let remote = get_running_loop().remote();
    let task = create_task(to_thread(move || {
        let failing = async { panic!("in the loop") };
        run_coroutine_threadsafe(failing, &remote)
            .expect("the loop runs")
            .result(None::<f64>)
    }));
    let raised = futures::FutureExt::catch_unwind(AssertUnwindSafe(task)).await;
    assert_eq!(message(raised.unwrap_err()), "in the loop");
}

#[asyncio::test]
async fn cancelling_from_the_thread_cancels_the_task_in_the_loop() {
    let remote = get_running_loop().remote();
    let (cancelled, was_cancelled) = futures::channel::oneshot::channel();
    to_thread(move || {
        let (started, has_started) = mpsc::channel();
        let coroutine = async move {
            started.send(()).expect("the thread waits");
            let caught = catch_cancelled(sleep(1000)).await;
            cancelled.send(caught.is_err()).expect("the test waits");
        };
        let future = run_coroutine_threadsafe(coroutine, &remote).expect("the loop runs");
        has_started.recv().expect("the coroutine starts");
        assert!(future.cancel());
        assert!(future.cancelled());
    })
    .await;
    assert_eq!(was_cancelled.await, Ok(true));
}

#[test]
fn a_loop_that_closes_cancels_what_it_was_asked_for() {
    let event_loop = asyncio::new_event_loop();
    let remote = event_loop.remote();
    let future = run_coroutine_threadsafe(async { 1 }, &remote).expect("the loop is open");
    event_loop.close();
    assert!(future.cancelled());
    assert!(run_coroutine_threadsafe(async { 1 }, &remote).is_err());
}

#[asyncio::test]
async fn cancelling_a_wrapped_future_cancels_what_it_wraps() {
    let pool = ThreadPoolExecutor::new(1);
    let (release, released) = mpsc::channel::<()>();
    let busy = wrap_future(pool.submit(move || released.recv()));
    let waiting = create_task(pool.submit(|| 2));
    sleep(0).await;
    waiting.cancel();
    assert!(catch_cancelled(waiting).await.is_err());
    release.send(()).expect("the function waits");
    assert_eq!(busy.await, Ok(()));
}

/// What is suspended in a task, and dropped on another thread, is the task's no more: neither shown as
/// what it waits for, nor is there a timer that wakes anybody.
#[test]
fn a_sleep_that_another_thread_drops_leaves_nothing_behind() {
    struct Nobody;
    impl std::task::Wake for Nobody {
        fn wake(self: std::sync::Arc<Self>) {}
    }
    asyncio::Runner::new().run(async {
        let waker = std::sync::Arc::new(Nobody);
        let (line, mut nap) = (line!(), Box::pin(asyncio::sleep(1000)));
        let polled = {
            let waker = waker.clone().into();
            nap.as_mut()
                .poll(&mut std::task::Context::from_waker(&waker))
        };
        assert!(polled.is_pending());
        let shown = |line: u32| {
            let me = asyncio::current_task().unwrap();
            format!("{me:?}").contains(&format!("worker_threads.rs:{line}>"))
        };
        assert!(shown(line) && std::sync::Arc::strong_count(&waker) > 1);
        std::thread::spawn(move || drop(nap)).join().unwrap();
        asyncio::sleep(0).await;
        assert!(!shown(line));
        assert_eq!(std::sync::Arc::strong_count(&waker), 1);
    });
}
