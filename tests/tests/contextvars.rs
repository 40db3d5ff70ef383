//! Context variables follow tasks and callbacks.

mod common;

use asyncio::{Context, ContextVar, create_task, get_running_loop, sleep};
use common::{Counter, OnDrop, Token, Trace, message_of, run};
use tests::logged;

static NUMBER: ContextVar<u32> = ContextVar::with_default("number", || 0);
static NAME: ContextVar<String> = ContextVar::new("name");

#[test]
fn a_task_has_a_copy_of_the_context_it_was_created_in() {
    run(async {
        NUMBER.set(1);
        let task = create_task(async {
            let before = NUMBER.get();
            sleep(1).await;
            let after = NUMBER.get();
            NUMBER.set(2);
            sleep(1).await;
            (before, after, NUMBER.get())
        });
        NUMBER.set(3);
        assert_eq!(task.await, (1, 1, 2));
        assert_eq!(NUMBER.get(), 3);
    });
    assert_eq!(NUMBER.get(), 0);
}

#[test]
fn tasks_that_take_turns_do_not_see_each_others_values() {
    run(async {
        let tasks = (1..=20).map(|number| async move {
            NUMBER.set(number);
            for _ in 0..5 {
                sleep(0).await;
                assert_eq!(NUMBER.get(), number);
            }
            number
        });
        assert_eq!(asyncio::gather(tasks).await.iter().sum::<u32>(), 210);
    });
}

#[test]
fn callbacks_run_in_a_copy_of_the_context_they_were_added_in() {
    let trace = Trace::default();
    run(async {
        let note = |what: &'static str| {
            let trace = trace.clone();
            move || {
                trace.note(format!("{what} {}", NUMBER.get()));
                NUMBER.set(99);
            }
        };
        let event_loop = get_running_loop();
        let task = create_task(async {});
        NUMBER.set(1);
        event_loop.call_soon(note("soon"));
        NUMBER.set(2);
        event_loop.call_later(1, note("later"));
        NUMBER.set(3);
        let done = note("done");
        task.add_done_callback(move |_| done());
        NUMBER.set(4);
        event_loop.call_soon_threadsafe({
            let number = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
            move || {
                number.store(NUMBER.get(), std::sync::atomic::Ordering::Relaxed);
                assert_eq!(NUMBER.get(), 4);
            }
        });
        NUMBER.set(5);
        sleep(2).await;
        assert_eq!(NUMBER.get(), 5);
    });
    assert_eq!(trace.take(), ["soon 1", "done 3", "later 2"]);
}

#[test]
fn what_is_awaited_in_place_shares_the_context() {
    run(async {
        async fn sets() {
            NAME.set("inner".to_owned());
        }
        sets().await;
        assert_eq!(NAME.get(), "inner");
        asyncio::wait_for(async { drop(NAME.set("timed".to_owned())) }, 1)
            .await
            .unwrap();
        assert_eq!(NAME.get(), "timed");
    });
}

#[test]
fn a_token_takes_a_set_back() {
    let outer = NAME.set("outer".to_owned());
    let inner = NAME.set("inner".to_owned());
    NAME.reset(inner);
    assert_eq!(NAME.get(), "outer");
    NAME.reset(outer);
    assert_eq!(NAME.try_get(), None);
    let other = NUMBER.set(1);
    static OTHER: ContextVar<u32> = ContextVar::new("other");
    let message = message_of(|| OTHER.reset(other));
    assert!(message.starts_with("ValueError: the token was created by a different ContextVar"));
}

#[test]
fn a_variable_that_was_never_set_says_so() {
    let message = message_of(|| NAME.get());
    assert_eq!(message, "LookupError: <ContextVar name='name'>");
}

#[test]
fn a_context_keeps_what_is_set_in_it_and_can_be_given_to_tasks() {
    run(async {
        let context = Context::copy();
        create_task(async { drop(NUMBER.set(1)) })
            .context(&context)
            .await;
        let task = create_task(async {
            let number = NUMBER.get();
            NUMBER.set(number + 1);
            sleep(0).await;
            NUMBER.get()
        });
        assert_eq!(task.context(&context).await, 2);
        assert_eq!(context.run(|| NUMBER.get()), 2);
        assert_eq!(NUMBER.get(), 0);
        let message = message_of(|| context.run(|| context.run(|| ())));
        assert!(message.ends_with("is already entered"), "{message}");
    });
}

#[test]
fn the_context_is_restored_after_a_panic() {
    let ((), _) = logged(|| {
        run(async {
            NUMBER.set(7);
            let task = create_task(async {
                NUMBER.set(8);
                panic!("oh");
            });
            get_running_loop().call_soon(|| {
                NUMBER.set(9);
                panic!("oh");
            });
            sleep(1).await;
            assert!(task.exception().is_some());
            assert_eq!(NUMBER.get(), 7);
        });
    });
}

#[test]
fn values_go_with_the_last_context_that_holds_them() {
    static KEPT: ContextVar<std::rc::Rc<Token>> = ContextVar::local("kept");
    let counter = Counter::default();
    run(async {
        let token = counter.token();
        create_task(async {
            KEPT.set(std::rc::Rc::new(token));
            sleep(1).await;
        })
        .await;
        assert_eq!(counter.alive(), 0);
    });
}

/// CPython's `Runner` runs everything in one copy of the context.
#[test]
fn what_one_main_sets_the_next_of_its_runner_finds_and_nobody_else() {
    let runner = asyncio::Runner::new();
    runner.run(async { drop(NUMBER.set(1)) });
    assert_eq!(runner.run(async { NUMBER.get() }), 1);
    assert_eq!(NUMBER.get(), 0);
    assert_eq!(asyncio::run(async { NUMBER.get() }), 0);
}

/// What is destroyed with its loop is destroyed in its own context, not in that of whoever drops the loop.
#[test]
fn destructors_of_a_task_that_is_left_over_run_in_its_context() {
    let event_loop = asyncio::new_event_loop();
    let seen = Trace::default();
    let outer = NUMBER.set(10);
    let left_over = |number: u32| {
        let seen = seen.clone();
        async move {
            NUMBER.set(number);
            let mut token = Some(NUMBER.set(number + 1));
            let _guard = OnDrop(move || {
                seen.note(NUMBER.get().to_string());
                NUMBER.reset(token.take().unwrap());
                seen.note(NUMBER.get().to_string());
            });
            sleep(1000).await;
        }
    };
    let context = Context::copy();
    event_loop.create_task(left_over(1));
    event_loop.create_task(left_over(3)).context(&context);
    let stop = event_loop.clone();
    event_loop.call_later(0, move || stop.stop());
    let message = logged(|| message_of(|| event_loop.run_until_complete(left_over(5)))).0;
    assert_eq!(message, "Event loop stopped before Future completed.");
    assert_eq!(seen.take(), ["6", "5"], "the main task ends with the call");
    assert_eq!(NUMBER.get(), 10);
    let ((), messages) = logged(|| drop(event_loop));
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert_eq!(seen.take(), ["2", "1", "4", "3"]);
    assert_eq!(context.run(|| NUMBER.get()), 3);
    assert_eq!(NUMBER.get(), 10);
    NUMBER.reset(outer);
}
