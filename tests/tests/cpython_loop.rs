//! CPython's tests of what the loop calls, told anew.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::mpsc;
use std::time::Duration;

use asyncio::{create_task, finally, get_running_loop, new_event_loop, sleep};
use tests::{panics, virtually};

/// What was called, by number.
#[derive(Clone, Default)]
struct Calls(Rc<RefCell<Vec<u32>>>);

impl Calls {
    fn note(&self, number: u32) -> impl FnOnce() + 'static {
        let calls = self.clone();
        move || calls.0.borrow_mut().push(number)
    }

    fn take(&self) -> Vec<u32> {
        self.0.take()
    }
}

/// Mirrors `test_base_events.BaseEventLoopTests.test_run_forever_pre_stopped`.
#[test]
fn a_loop_that_is_stopped_before_it_runs_runs_one_iteration() {
    let (event_loop, calls) = (new_event_loop(), Calls::default());
    event_loop.call_soon(calls.note(1));
    event_loop.call_later(0, calls.note(2));
    event_loop.stop();
    event_loop.run_forever();
    assert_eq!(calls.take(), [1, 2]);
    event_loop.stop();
    event_loop.stop();
    event_loop.call_soon({
        let (event_loop, next) = (event_loop.clone(), calls.note(3));
        move || drop(event_loop.call_soon(next))
    });
    event_loop.run_forever();
    assert!(calls.take().is_empty(), "it comes with the next iteration");
    event_loop.stop();
    event_loop.run_forever();
    assert_eq!(calls.take(), [3]);
}

/// Mirrors `test_base_events.BaseEventLoopTests.test_call_soon`,
/// `test_base_events.BaseEventLoopTests.test_call_later` and
/// `test_base_events.BaseEventLoopTests.test_time_and_call_at`: they are called though their handles are dropped.
#[test]
fn what_is_to_be_called_is_called_when_it_is_due() {
    virtually(async {
        let (event_loop, calls) = (get_running_loop(), Calls::default());
        event_loop.call_at(event_loop.time() + 0.2, calls.note(3));
        event_loop.call_later(0.1, calls.note(2));
        event_loop.call_soon(calls.note(1));
        assert!(calls.take().is_empty());
        sleep(0).await;
        assert_eq!(calls.take(), [1]);
        sleep(0.15).await;
        assert_eq!(calls.take(), [2]);
        sleep(0.15).await;
        assert_eq!(calls.take(), [3]);
    });
}

/// Mirrors `test_base_events.BaseEventLoopTests.test__add_callback_cancelled_handle`,
/// `test_events.HandleTests.test_handle`, `test_events.TimerTests.test_when` and `test_events.TimerTests.test_timer`.
#[test]
fn a_cancelled_handle_is_not_called() {
    virtually(async {
        let (event_loop, calls) = (get_running_loop(), Calls::default());
        let soon = event_loop.call_soon(calls.note(1));
        let later = event_loop.call_at(5.0, calls.note(2));
        assert!(!soon.cancelled() && !later.cancelled());
        assert_eq!(later.when(), 5.0);
        soon.cancel();
        later.clone().cancel();
        later.cancel();
        assert!(soon.cancelled() && later.cancelled());
        assert_eq!(later.when(), 5.0);
        sleep(10).await;
        assert!(calls.take().is_empty());
        let called = event_loop.call_soon(calls.note(3));
        sleep(0).await;
        called.cancel();
        assert!(called.cancelled());
        assert_eq!(calls.take(), [3]);
    });
}

/// Mirrors `test_events.HandleTests.test_handle_repr` and `test_events.TimerTests.test_timer_repr`.
#[test]
fn reprs_of_handles() {
    virtually(async {
        let soon = get_running_loop().call_soon(|| ());
        let later = get_running_loop().call_at(123.0, || ());
        assert!(format!("{soon:?}").starts_with("<Handle"));
        assert!(format!("{later:?}").starts_with("<TimerHandle when=123"));
        soon.cancel();
        later.cancel();
        assert!(format!("{soon:?}").starts_with("<Handle cancelled"));
        assert!(format!("{later:?}").starts_with("<TimerHandle cancelled when=123"));
    });
}

/// Mirrors `test_events.EventLoopTestsMixin.test_close_running_event_loop`.
#[test]
fn a_loop_that_runs_is_not_closed() {
    let event_loop = new_event_loop();
    let message = panics(|| event_loop.run_until_complete(async { get_running_loop().close() }));
    assert_eq!(message, "Cannot close a running event loop");
    event_loop.close();
    event_loop.close();
    assert!(event_loop.is_closed() && !event_loop.is_running());
}

/// Mirrors `test_events.EventLoopTestsMixin.test_call_soon_threadsafe`: it ends the loop's wait.
#[test]
fn a_call_from_another_thread_comes_among_the_loops_own() {
    let (event_loop, calls) = (new_event_loop(), Calls::default());
    let (sent, comes) = mpsc::channel();
    event_loop.call_soon({
        let (event_loop, first, second) = (event_loop.clone(), calls.note(1), calls.note(3));
        move || {
            first();
            let remote = event_loop.remote();
            let thread = std::thread::spawn(move || {
                let stops = move || {
                    sent.send(()).expect("the test waits");
                    get_running_loop().stop();
                };
                remote.call_soon_threadsafe(stops).expect("it is open");
            });
            thread.join().expect("it calls");
            event_loop.call_soon(second);
        }
    });
    event_loop.call_soon(calls.note(2));
    event_loop.run_forever();
    assert_eq!(comes.try_recv(), Ok(()));
    assert_eq!(calls.take(), [1, 2, 3]);
}

/// Measured: what is left is cancelled and awaited, then what failed is reported, then the threads are joined.
#[test]
fn the_order_of_the_shutdown() {
    let (told, order) = mpsc::channel();
    let (release, released) = mpsc::channel();
    virtually(async move {
        let event_loop = get_running_loop();
        let in_thread = told.clone();
        drop(event_loop.run_in_executor(None, move || {
            let was_released = released.recv_timeout(Duration::from_secs(60)).is_ok();
            in_thread.send("thread ends").expect("the test waits");
            assert!(was_released, "it was joined before the report");
        }));
        let in_handler = told.clone();
        event_loop.set_exception_handler(move |_, context| {
            assert_eq!(
                context.message,
                "unhandled exception during asyncio.run() shutdown"
            );
            in_handler.send("reported").expect("the test waits");
            release.send(()).expect("the thread waits");
        });
        drop(create_task(finally(sleep(100), async move {
            told.send("cleans up").expect("the test waits");
            sleep(0).await;
            told.send("cleaned up").expect("the test waits");
            panic!("in the cleanup")
        })));
        sleep(0).await;
    });
    let order: Vec<&str> = order.try_iter().collect();
    assert_eq!(
        order,
        ["cleans up", "cleaned up", "reported", "thread ends"]
    );
}

/// Outside of a running loop what makes tasks takes the one that `get_event_loop` gives, as the old programs do.
#[test]
fn what_makes_tasks_outside_of_a_loop_takes_the_one_that_is_set() {
    let event_loop = new_event_loop();
    asyncio::set_event_loop(Some(&event_loop));
    assert_eq!(asyncio::get_event_loop(), event_loop);
    let task = asyncio::ensure_future(async { 1 });
    assert_eq!(task.get_loop(), event_loop);
    assert_eq!(asyncio::all_tasks(), [task.any()]);
    assert_eq!(event_loop.run_until_complete(task), 1);
    let gathered = asyncio::gather([async { 2 }]);
    assert_eq!(event_loop.run_until_complete(gathered), [2]);
    let shielded = asyncio::shield(async { 3 });
    assert_eq!(event_loop.run_until_complete(shielded), 3);
    let mut completed = asyncio::as_completed([async { 4 }]);
    let next = completed.next().expect("one");
    assert_eq!(event_loop.run_until_complete(next), 4);
    let (done, _) = event_loop.run_until_complete(async {
        assert_eq!(asyncio::get_event_loop(), get_running_loop());
        asyncio::wait([create_task(async {})]).await
    });
    assert_eq!(done.len(), 1);
    asyncio::set_event_loop(None);
    event_loop.close();
    assert_ne!(asyncio::get_event_loop(), event_loop);
}

/// What is slow is what the program says: CPython's `slow_callback_duration`.
#[test]
fn what_takes_less_than_the_slow_callback_duration_is_not_slow() {
    let said = |limit: Option<f64>| {
        tests::log_of(|| {
            virtually(async {
                let event_loop = get_running_loop();
                event_loop.set_debug(true);
                assert!((event_loop.slow_callback_duration() - 0.1).abs() < 1e-9);
                if let Some(limit) = limit {
                    event_loop.set_slow_callback_duration(limit);
                }
                event_loop.call_soon(|| asyncio::testing::block(0.5));
                sleep(0).await;
            });
        })
    };
    assert!(said(None).contains("took 0.500 seconds"));
    assert!(said(Some(0.4)).contains("took 0.500 seconds"));
    assert_eq!(said(Some(1.0)), "");
}
