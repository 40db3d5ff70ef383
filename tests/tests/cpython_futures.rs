//! CPython's tests of futures and of the loop, told anew.

use asyncio::{Future, get_running_loop, new_event_loop, sleep};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use tests::{panics, virtually};

// Futures

/// Mirrors `test_futures.BaseFutureTests.test_initial_state`.
#[test]
fn initial_state() {
    virtually(async {
        let future = Future::<()>::new();
        assert!(!future.done() && !future.cancelled());
        future.cancel();
        assert!(future.cancelled());
    });
}

/// Mirrors `test_futures.BaseFutureTests.test_cancel`.
#[test]
fn cancel() {
    virtually(async {
        let future = Future::<i32>::new();
        assert!(future.cancel());
        assert!(future.cancelled() && future.done() && !future.cancel());
        assert!(panics(|| future.set_result(1)).starts_with("invalid state"));
    });
}

/// Mirrors `test_futures.BaseFutureTests.test_result`.
#[test]
fn result() {
    virtually(async {
        let future = Future::new();
        assert_eq!(panics(|| *future.result()), "Result is not set.");
        future.set_result(42);
        assert!(!future.cancelled() && future.done());
        assert_eq!(*future.result(), 42);
        assert!(panics(|| future.set_result(1)).starts_with("invalid state"));
        assert!(!future.cancel());
    });
}

/// Mirrors `test_futures.BaseFutureTests.test_exception`.
#[test]
fn exception() {
    virtually(async {
        let future = Future::<Result<(), &str>>::new();
        future.set_exception("runtime error");
        assert!(!future.cancelled() && future.done());
        assert_eq!(*future.result(), Err("runtime error"));
        assert!(panics(|| future.set_exception("again")).starts_with("invalid state"));
        assert!(!future.cancel());
    });
}

/// Adds what it is called with.
fn adds(number: i32, to: &Rc<RefCell<Vec<i32>>>) -> impl FnOnce(&Future<i32>) + use<> {
    let list = to.clone();
    move |_| list.borrow_mut().push(number)
}

/// Mirrors `test_futures.BaseFutureDoneCallbackTests.test_callbacks_invoked_on_set_result`.
#[test]
fn callbacks_invoked_on_set_result() {
    virtually(async {
        let (future, called) = (Future::new(), Rc::default());
        future.add_done_callback(adds(42, &called));
        future.add_done_callback(adds(17, &called));
        assert!(called.borrow().is_empty());
        future.set_result(0);
        assert!(
            called.borrow().is_empty(),
            "they go through the ready queue"
        );
        sleep(0).await;
        assert_eq!(*called.borrow(), [42, 17]);
    });
}

/// Mirrors `test_futures.BaseFutureDoneCallbackTests.test_schedule_callbacks_list_mutation_1`.
#[test]
fn schedule_callbacks_list_mutation_1() {
    virtually(async {
        let (future, called) = (Future::new(), Rc::<RefCell<Vec<i32>>>::default());
        let (inner, late) = (future.clone(), adds(2, &called));
        future.add_done_callback(move |_| inner.add_done_callback(late));
        future.add_done_callback(adds(1, &called));
        future.set_result(0);
        sleep(0).await;
        assert_eq!(*called.borrow(), [1], "what a callback adds waits a turn");
        sleep(0).await;
        assert_eq!(*called.borrow(), [1, 2]);
    });
}

type Called = Rc<RefCell<Vec<&'static str>>>;

thread_local! {
    static CALLED: Called = Called::default();
}

/// What was called on this thread since this was asked last.
fn called() -> Vec<&'static str> {
    CALLED.with(|called| called.take())
}

fn first(_: &Future<i32>) {
    CALLED.with(|called| called.borrow_mut().push("first"));
}

fn second(_: &Future<i32>) {
    CALLED.with(|called| called.borrow_mut().push("second"));
}

fn third(_: &Future<i32>) {
    CALLED.with(|called| called.borrow_mut().push("third"));
}

/// Removes what `remove` removes from three callbacks, and gives those that are called.
fn left_after(remove: impl Fn(&Future<i32>)) -> Vec<&'static str> {
    virtually(async {
        let future = Future::new();
        future.add_done_callback(first);
        future.add_done_callback(second);
        future.add_done_callback(third);
        remove(&future);
        future.set_result(0);
        sleep(0).await;
    });
    called()
}

/// Mirrors `test_futures.BaseFutureDoneCallbackTests.test_callbacks_remove_first_callback`.
#[test]
fn callbacks_remove_first_callback() {
    let left = left_after(|future| assert_eq!(future.remove_done_callback(first), 1));
    assert_eq!(left, ["second", "third"]);
}

/// Mirrors `test_futures.BaseFutureDoneCallbackTests.test_callbacks_remove_first_and_second_callback`.
#[test]
fn callbacks_remove_first_and_second_callback() {
    let left = left_after(|future| {
        assert_eq!(future.remove_done_callback(second), 1);
        assert_eq!(future.remove_done_callback(first), 1);
    });
    assert_eq!(left, ["third"]);
}

/// Mirrors `test_futures.BaseFutureDoneCallbackTests.test_callbacks_remove_third_callback`.
#[test]
fn callbacks_remove_third_callback() {
    let left = left_after(|future| assert_eq!(future.remove_done_callback(third), 1));
    assert_eq!(left, ["first", "second"]);
}

/// Mirrors `test_futures.BaseFutureDoneCallbackTests.test_remove_done_callback`.
#[test]
fn remove_done_callback() {
    virtually(async {
        let future = Future::new();
        assert_eq!(future.remove_done_callback(first), 0, "none was added");
        future.add_done_callback(first);
        assert_eq!(future.remove_done_callback(second), 0, "it is another");
        assert_eq!(future.remove_done_callback(first), 1);
        assert_eq!(future.remove_done_callback(first), 0, "it is gone");
        // Added twice, removed at once.
        future.add_done_callback(first);
        future.add_done_callback(second);
        future.add_done_callback(first);
        assert_eq!(future.remove_done_callback(first), 2);
        future.set_result(42);
        assert_eq!(future.remove_done_callback(second), 0, "it is on its way");
        sleep(0).await;
        assert_eq!(called(), ["second"]);
    });
}

/// What acts when it is dropped.
struct OnDrop(Box<dyn Fn()>);

impl Drop for OnDrop {
    fn drop(&mut self) {
        (self.0)();
    }
}

/// A future with `count` callbacks, all in a context whose only value acts when the last goes.
fn whose_callbacks_act(count: usize, act: impl Fn(&Future<i32>) + 'static) -> Future<i32> {
    let (future, held) = (Future::new(), asyncio::ContextVar::local("held"));
    let inner = Rc::new(future.clone());
    let context = asyncio::Context::new();
    context.run(|| {
        drop(held.set(Rc::new(OnDrop(Box::new(move || act(&inner))))));
        (0..count).for_each(|_| future.add_done_callback(first));
    });
    future
}

/// Mirrors `test_futures.BaseFutureDoneCallbackTests.test_remove_done_callbacks_list_mutation`: what
/// goes with a callback that is removed may itself remove some.
#[test]
fn remove_done_callbacks_list_mutation() {
    virtually(async {
        let future = whose_callbacks_act(63, |future| {
            assert_eq!(future.remove_done_callback(second), 1);
        });
        future.add_done_callback(second);
        future.add_done_callback(third);
        assert_eq!(future.remove_done_callback(first), 63);
        future.set_result(0);
        sleep(0).await;
        assert_eq!(called(), ["third"]);
    });
}

/// Mirrors `test_futures.BaseFutureDoneCallbackTests.test_remove_done_callbacks_list_clear`: it may
/// also end the future.
#[test]
fn remove_done_callbacks_list_clear() {
    virtually(async {
        let future = whose_callbacks_act(63, |future| assert!(future.cancel()));
        future.add_done_callback(third);
        assert_eq!(future.remove_done_callback(first), 63);
        assert!(future.cancelled());
        sleep(0).await;
        assert_eq!(called(), ["third"]);
    });
}

/// Mirrors `test_futures.BaseFutureDoneCallbackTests.test_schedule_callbacks_list_mutation_2`: a
/// callback that is on its way is not removed by another one.
#[test]
fn schedule_callbacks_list_mutation_2() {
    virtually(async {
        let future = Future::new();
        future.add_done_callback(|future| {
            assert_eq!(future.remove_done_callback(first), 0);
        });
        future.add_done_callback(first);
        future.set_result(0);
        sleep(0).await;
        assert_eq!(called(), ["first"]);
    });
}

/// Mirrors `test_futures.BaseFutureTests.test_future_exception_never_retrieved`.
#[test]
fn future_exception_never_retrieved() {
    let said = "Future exception was never retrieved\nfuture: <Future finished exception=\"no\">";
    let never = tests::log_of(|| {
        virtually(async { Future::<Result<(), &str>>::new().set_exception("no") });
    });
    assert!(never.starts_with(said), "{never}");
    let awaited = tests::log_of(|| {
        virtually(async {
            let future = Future::<Result<(), &str>>::new();
            future.set_exception("no");
            assert_eq!(future.await, Err("no"));
            let future = Future::<Result<(), &str>>::new();
            future.set_exception("no");
            assert!(future.result().is_err());
            // A value is none, whatever it is.
            Future::<Result<(), &str>>::new().set_result(Err("no"));
        });
    });
    assert_eq!(awaited, "");
}

/// Mirrors `test_futures.BaseFutureTests.test_tb_logger_result_unretrieved`.
#[test]
fn tb_logger_result_unretrieved() {
    let logged = tests::log_of(|| virtually(async { Future::new().set_result(42) }));
    assert_eq!(logged, "");
}

/// Mirrors `test_futures.BaseFutureTests.test_tb_logger_exception_unretrieved`.
#[test]
fn tb_logger_exception_unretrieved() {
    let logged = tests::log_of(|| {
        virtually(async {
            drop(asyncio::create_task(async { panic!("nobody asks") }));
            sleep(1).await;
        });
    });
    assert!(
        logged.contains("Task exception was never retrieved"),
        "{logged}"
    );
}

/// Mirrors `test_futures.BaseFutureTests.test_tb_logger_exception_retrieved`.
#[test]
fn tb_logger_exception_retrieved() {
    let logged = tests::log_of(|| {
        virtually(async {
            let task = asyncio::create_task(async { panic!("somebody asks") });
            sleep(1).await;
            assert!(task.exception().is_some());
        });
    });
    assert_eq!(logged, "");
}

// The loop

/// Mirrors `test_base_events.BaseEventLoopTests.test__run_once_schedule_handle`.
#[test]
fn run_once_schedule_handle() {
    let event_loop = new_event_loop();
    let (first, second) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
    let (one, two) = (first.clone(), second.clone());
    event_loop.call_soon(move || {
        one.set(true);
        get_running_loop().call_soon(move || two.set(true));
    });
    event_loop.stop();
    event_loop.run_forever();
    assert!(
        first.get() && !second.get(),
        "one iteration runs what it found"
    );
    event_loop.close();
}

/// Mirrors `test_base_events.BaseEventLoopTests.test_single_selecter_event_callback_after_stopping`.
#[test]
fn single_selecter_event_callback_after_stopping() {
    let event_loop = new_event_loop();
    let calls = Rc::new(RefCell::new(Vec::new()));
    let (one, two) = (calls.clone(), calls.clone());
    event_loop.call_soon(move || {
        one.borrow_mut().push(1);
        get_running_loop().stop();
    });
    event_loop.call_soon(move || two.borrow_mut().push(2));
    event_loop.run_forever();
    assert_eq!(
        *calls.borrow(),
        [1, 2],
        "the iteration that stops is run to its end"
    );
    event_loop.close();
}

/// Mirrors `test_base_events.BaseEventLoopTests.test_call_later_negative_delays`.
#[test]
fn call_later_negative_delays() {
    virtually(async {
        let calls = Rc::new(RefCell::new(Vec::new()));
        for (delay, name) in [(-1, 'a'), (-2, 'b')] {
            let calls = calls.clone();
            get_running_loop().call_later(delay, move || calls.borrow_mut().push(name));
        }
        // Timers come after what was ready before them, as is this task after one turn.
        sleep(0).await;
        sleep(0).await;
        assert_eq!(*calls.borrow(), ['b', 'a']);
    });
}

/// Mirrors `test_base_events.BaseEventLoopTests.test_default_exc_handler_callback`.
#[test]
fn default_exc_handler_callback() {
    let logged = tests::log_of(|| {
        virtually(async {
            get_running_loop().call_soon(|| panic!("in a callback"));
            sleep(0).await;
        });
    });
    assert!(logged.contains("Exception in callback"), "{logged}");
    assert!(logged.contains("in a callback"), "{logged}");
}

/// Mirrors `test_base_events.BaseEventLoopWithSelectorTests.test_log_slow_callbacks`.
#[test]
fn log_slow_callbacks() {
    let slow = || {
        let runner = asyncio::Runner::new()
            .debug(true)
            .clock(asyncio::testing::Clock::virtual_clock());
        runner.run(async {
            get_running_loop().call_soon(|| asyncio::testing::block(0.15));
            sleep(0).await;
            let task = asyncio::create_task(async { asyncio::testing::block(0.25) }).name("Slow");
            task.await;
        });
    };
    let logged = tests::log_of(slow);
    assert!(
        logged.contains("Executing <Handle") && logged.contains("took 0.150 seconds"),
        "{logged}"
    );
    assert!(
        logged.contains("Executing <Task finished name='Slow'"),
        "{logged}"
    );
    assert!(logged.contains("took 0.250 seconds"), "{logged}");
}
