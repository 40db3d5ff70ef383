//! A panic is an exception: it ends what it is raised in, and nothing else.

mod common;

use std::cell::{Cell, RefCell};
use std::panic;
use std::rc::Rc;
use std::sync::{Arc, Once};
use std::task::{Context, Wake, Waker};

use asyncio::{Future, KeyboardInterrupt, create_task, get_running_loop, new_event_loop, sleep};
use common::{OnDrop, Trace, message_of, run, text_of};
use tests::logged;

async fn settle() {
    for _ in 0..10 {
        sleep(0).await;
    }
}

#[test]
fn a_panic_in_one_task_leaves_the_others_running() {
    let (value, messages) = logged(|| {
        run(async {
            drop(create_task(async { panic!("oh") }));
            let other = create_task(async {
                sleep(1).await;
                "ran on"
            });
            other.await
        })
    });
    assert_eq!(value, "ran on");
    assert_eq!(messages.len(), 1);
    assert!(messages[0].starts_with("Task exception was never retrieved\nfuture: <Task finished"));
    assert!(messages[0].ends_with("exception: oh"), "{}", messages[0]);
}

/// What the panic hook is told on this thread.
fn told_of(work: impl FnOnce()) -> Vec<String> {
    thread_local!(static TOLD: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) });
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |panicked| {
            let words = text_of(panicked.payload());
            TOLD.with_borrow_mut(|told| told.push(words.to_owned()));
            before(panicked);
        }));
    });
    drop(panic::catch_unwind(panic::AssertUnwindSafe(work)));
    TOLD.take()
}

#[test]
fn who_asks_for_what_a_cancelled_task_gave_is_told_in_words() {
    let told = told_of(|| {
        run(async {
            let task = create_task(sleep(1));
            task.cancel_with("enough");
            sleep(0).await;
            task.result();
        });
    });
    let [told] = &told[..] else {
        panic!("{told:?}");
    };
    assert!(
        told.starts_with("CancelledError: enough (raised at "),
        "{told}"
    );
    assert!(told.contains(file!()), "{told}");
}

#[test]
fn the_first_to_await_gets_the_payload_and_the_others_its_message() {
    struct Payload(u32);
    let ((), messages) = logged(|| {
        run(async {
            let task = create_task(async { std::panic::panic_any(Payload(7)) });
            let awaits = |task: asyncio::Task<()>| async move {
                let caught = futures::FutureExt::catch_unwind(std::panic::AssertUnwindSafe(task));
                caught.await.unwrap_err()
            };
            let first = awaits(task.clone()).await;
            assert_eq!(first.downcast::<Payload>().unwrap().0, 7);
            let second = awaits(task.clone()).await;
            assert_eq!(
                text_of(second.as_ref()),
                "a panic with a payload that is no text"
            );
        });
    });
    assert!(messages.is_empty(), "it was retrieved: {messages:?}");
}

#[test]
fn asking_for_the_exception_is_retrieving_it() {
    let ((), messages) = logged(|| {
        run(async {
            let task = create_task(async { panic!("oh") });
            settle().await;
            assert_eq!(task.exception().unwrap().message(), "oh");
        });
    });
    assert!(messages.is_empty());
}

#[test]
fn a_panic_leaves_nothing_of_the_tasks_frames() {
    run(async {
        let trace = Trace::default();
        let task = create_task({
            let trace = trace.clone();
            async move {
                let _notes = OnDrop(|| trace.note("dropped"));
                sleep(1).await;
                panic!("oh");
            }
        });
        sleep(2).await;
        assert!(task.done());
        assert_eq!(trace.take(), ["dropped"]);
        assert!(task.exception().is_some());
    });
}

#[test]
fn a_panic_in_call_soon_is_logged_and_the_rest_of_the_iteration_runs() {
    let (trace, soon) = (Trace::default(), Cell::new(0));
    let ((), messages) = logged(|| {
        run(async {
            let event_loop = get_running_loop();
            soon.set(line!() + 1);
            event_loop.call_soon(|| panic!("soon"));
            event_loop.call_later(0, || panic!("later"));
            let other = trace.clone();
            event_loop.call_soon(move || other.note("ran"));
            settle().await;
        });
    });
    assert_eq!(trace.take(), ["ran"]);
    let (file, line) = (file!(), soon.get());
    let expected = [("soon", line), ("later", line + 1)].map(|(text, line)| {
        let handle = format!("<Handle created at {file}:{line}>");
        format!("Exception in callback\nhandle: {handle}\nexception: {text}")
    });
    assert_eq!(messages, expected);
}

#[test]
fn a_panic_in_a_done_callback_is_logged_and_the_other_callbacks_are_called() {
    let trace = Trace::default();
    let ((), messages) = logged(|| {
        run(async {
            let task = create_task(async {});
            task.add_done_callback(|_| panic!("in a callback"));
            let other = trace.clone();
            task.add_done_callback(move |_| other.note("ran"));
            task.await;
            settle().await;
        });
    });
    assert_eq!(trace.take(), ["ran"]);
    let [message] = &messages[..] else {
        panic!("{messages:?}")
    };
    let handle = format!(
        "Exception in callback\nhandle: <Handle created at {}:",
        file!()
    );
    assert!(message.starts_with(&handle), "{message}");
    assert!(
        message.ends_with(">\nexception: in a callback"),
        "{message}"
    );
}

struct Panicking;

impl Wake for Panicking {
    fn wake(self: Arc<Self>) {
        panic!("in a waker");
    }
}

#[test]
fn a_panic_in_a_waker_keeps_nobody_else_from_being_woken() {
    let (value, messages) = logged(|| {
        run(async {
            let future = Future::new();
            let waker = Waker::from(Arc::new(Panicking));
            let mut polled = Box::pin(future.clone());
            let mut timer = Box::pin(sleep(1));
            let mut cx = Context::from_waker(&waker);
            assert!(polled.as_mut().poll(&mut cx).is_pending());
            assert!(timer.as_mut().poll(&mut cx).is_pending());
            let other = create_task({
                let future = future.clone();
                async move { (&future).await }
            });
            settle().await;
            future.set_result(5);
            sleep(2).await;
            other.await
        })
    });
    assert_eq!(value, 5);
    assert_eq!(
        messages,
        ["Exception in callback\nexception: in a waker"; 2]
    );
}

#[test]
fn a_panic_in_the_destructor_of_a_value_that_nobody_wanted_is_logged() {
    let (value, messages) = logged(|| {
        run(async {
            drop(create_task(async { OnDrop(|| panic!("in a destructor")) }));
            settle().await;
            "ran on"
        })
    });
    assert_eq!(value, "ran on");
    assert_eq!(
        messages,
        ["Exception ignored in a destructor\nexception: in a destructor"]
    );
}

/// A context variable's value that is counted.
static HELD: asyncio::ContextVar<Arc<()>> = asyncio::ContextVar::new("held");

#[test]
fn a_panic_in_the_destructor_of_a_value_leaks_nothing_that_the_task_held() {
    let held = Arc::new(());
    let (given, own) = (held.clone(), held.clone());
    let ((), messages) = logged(|| {
        run(async move {
            let task = create_task(async move {
                HELD.set(own);
                OnDrop(|| panic!("in a destructor"))
            });
            task.add_done_callback(move |_| drop(given));
            settle().await;
            let dropped =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || drop(task)));
            assert_eq!(
                text_of(&*dropped.expect_err("its value panics")),
                "in a destructor"
            );
        });
    });
    assert_eq!(messages, [""; 0]);
    assert_eq!(Arc::strong_count(&held), 1);
}

#[test]
fn a_panic_in_a_destructor_of_a_finished_coroutine_is_its_exception() {
    run(async {
        let task = create_task({
            let panics = OnDrop(|| panic!("in a destructor"));
            async move {
                // Dropped with the coroutine, after it has returned.
                let _kept = &panics;
                5
            }
        });
        settle().await;
        assert_eq!(task.exception().unwrap().message(), "in a destructor");
    });
}

#[test]
fn a_panic_in_a_destructor_of_a_task_that_is_destroyed_is_logged_and_the_others_are_dropped() {
    let dropped = Rc::new(Cell::new(false));
    let ((), messages) = logged(|| {
        let event_loop = new_event_loop();
        event_loop.create_task(async {
            let _panics = OnDrop(|| panic!("in a destructor"));
            sleep(1).await;
        });
        let other = dropped.clone();
        event_loop.create_task(async move {
            let _sets = OnDrop(move || other.set(true));
            sleep(1).await;
        });
        event_loop.run_until_complete(sleep(0));
        drop(event_loop);
    });
    assert!(dropped.get());
    assert_eq!(messages.len(), 3, "{messages:?}");
    assert!(messages[1].starts_with("Exception ignored in: <Task pending"));
}

#[test]
fn a_panic_in_main_leaves_run_with_its_payload_after_the_shutdown() {
    let trace = Trace::default();
    let message = message_of(|| {
        run(async {
            let trace = trace.clone();
            create_task(asyncio::finally(sleep(100), async move {
                sleep(1).await;
                trace.note("cleaned up");
            }));
            sleep(0).await;
            panic!("main");
        })
    });
    assert_eq!(message, "main");
    assert_eq!(trace.take(), ["cleaned up"]);
}

#[test]
fn what_fails_during_the_shutdown_is_reported() {
    let ((), messages) = logged(|| {
        run(async {
            create_task(asyncio::finally(sleep(100), async { panic!("late") }));
            sleep(0).await;
        });
    });
    assert_eq!(messages.len(), 1);
    assert!(
        messages[0].starts_with("unhandled exception during asyncio.run() shutdown"),
        "{}",
        messages[0]
    );
}

#[test]
fn an_exception_handler_hears_what_nobody_could_be_told() {
    let heard = Trace::default();
    let ((), messages) = logged(|| {
        run(async {
            let event_loop = get_running_loop();
            let other = heard.clone();
            event_loop.set_exception_handler(move |_, context| {
                let exception = context.exception.as_ref().unwrap().message();
                other.note(format!("{}: {exception}", context.message));
            });
            event_loop.call_soon(|| panic!("oh"));
            settle().await;
            event_loop.set_exception_handler(|_, _| panic!("in the handler"));
            event_loop.call_soon(|| panic!("oh"));
            settle().await;
        });
    });
    assert_eq!(heard.take(), ["Exception in callback: oh"]);
    assert_eq!(messages.len(), 1);
    assert!(messages[0].starts_with("Unhandled error in exception handler"));
}

#[test]
fn a_keyboard_interrupt_ends_the_loop_itself_and_what_is_left_is_shut_down() {
    let interrupt = || std::panic::resume_unwind(Box::new(KeyboardInterrupt));
    for in_callback in [false, true] {
        let trace = Trace::default();
        let ((), messages) = logged(|| {
            let other = trace.clone();
            let main = async move {
                let _notes = OnDrop(|| other.note("main is dropped"));
                let cleaned = other.clone();
                create_task(asyncio::finally(sleep(100), async move {
                    sleep(1).await;
                    cleaned.note("cleaned up");
                }));
                sleep(0).await;
                if in_callback {
                    get_running_loop().call_soon(interrupt);
                } else {
                    create_task(async move { interrupt() });
                }
                let told = other.clone();
                let cleanup = async move {
                    sleep(2).await;
                    told.note("main cleaned up");
                };
                asyncio::finally(sleep(100), cleanup).await;
                other.note("never");
            };
            let payload =
                std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(main))).unwrap_err();
            assert!(payload.is::<KeyboardInterrupt>());
        });
        assert_eq!(
            trace.take(),
            ["cleaned up", "main cleaned up", "main is dropped"]
        );
        assert!(messages.len() <= 1, "{messages:?}");
        // The thread is as before.
        assert_eq!(run(async { 1 }), 1);
    }
}

#[test]
fn a_keyboard_interrupt_lets_the_coroutine_of_run_until_complete_clean_up_and_no_other() {
    let trace = Trace::default();
    let event_loop = new_event_loop();
    let task = event_loop.create_task({
        let trace = trace.clone();
        async move {
            settle().await;
            trace.note("went on");
        }
    });
    let main = async {
        let interrupt = || std::panic::resume_unwind(Box::new(KeyboardInterrupt));
        get_running_loop().call_soon(interrupt);
        let cleanup = async { trace.note("main cleaned up") };
        asyncio::finally(sleep(100), cleanup).await;
    };
    let run = std::panic::AssertUnwindSafe(|| event_loop.run_until_complete(main));
    let payload = std::panic::catch_unwind(run).unwrap_err();
    assert!(payload.is::<KeyboardInterrupt>());
    assert_eq!(trace.take(), ["main cleaned up"]);
    event_loop.run_until_complete(task);
    assert_eq!(trace.take(), ["went on"]);
    event_loop.close();
}

#[test]
fn a_second_keyboard_interrupt_ends_a_main_that_does_not_end() {
    let main = async {
        let interrupt = || std::panic::resume_unwind(Box::new(KeyboardInterrupt));
        get_running_loop().call_soon(interrupt);
        loop {
            if asyncio::catch_cancelled(sleep(1)).await.is_err() {
                get_running_loop().call_later(5, interrupt);
            }
        }
    };
    let run = std::panic::AssertUnwindSafe(|| run::<()>(main));
    let payload = std::panic::catch_unwind(run).unwrap_err();
    assert!(payload.is::<KeyboardInterrupt>());
}

#[test]
fn a_main_that_was_interrupted_twice_goes_with_its_loop() {
    let name: std::rc::Rc<str> = "main".into();
    let main = async {
        // As long as the task lives, so does its name.
        asyncio::current_task()
            .expect("it runs")
            .set_name(name.clone());
        let interrupt = || std::panic::resume_unwind(Box::new(KeyboardInterrupt));
        get_running_loop().call_soon(interrupt);
        while asyncio::catch_cancelled(sleep(100)).await.is_err() {
            get_running_loop().call_soon(interrupt);
        }
    };
    let run = std::panic::AssertUnwindSafe(|| run(main));
    let payload = std::panic::catch_unwind(run).unwrap_err();
    assert!(payload.is::<KeyboardInterrupt>());
    assert_eq!(std::rc::Rc::strong_count(&name), 1);
}

#[test]
fn a_keyboard_interrupt_in_main_is_no_exception_that_was_never_retrieved() {
    let ((), messages) = logged(|| {
        let main = async { std::panic::resume_unwind(Box::new(KeyboardInterrupt)) };
        let payload =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run::<()>(main))).unwrap_err();
        assert!(payload.is::<KeyboardInterrupt>());
    });
    assert!(messages.is_empty(), "{messages:?}");
}

#[test]
fn the_current_task_is_restored_after_a_panic() {
    run(async {
        let me = asyncio::current_task();
        drop(create_task(async { panic!("oh") }).any());
        settle().await;
        assert_eq!(asyncio::current_task(), me);
        get_running_loop().call_soon(|| assert!(asyncio::current_task().is_none()));
        settle().await;
    });
    assert!(asyncio::current_task().is_none());
}
