//! The `Err` of a coroutine function that returns a `Result` is the exception of its task.

mod common;

use asyncio::{Task, create_task, sleep};
use common::{logged, run};

#[derive(Debug)]
struct Lost(#[allow(dead_code, reason = "shown")] u32);

/// As the expansion of a coroutine function does.
async fn lose(n: u32) -> Result<u32, Lost> {
    let result = if n == 0 { Ok(n) } else { Err(Lost(n)) };
    asyncio::__private::returned(&result, |error| format!("{error:?}"));
    result
}

async fn done<T: 'static>(task: &Task<T>) {
    while !task.done() {
        sleep(0).await;
    }
}

fn messages_after<T: 'static>(what: impl AsyncFnOnce(Task<Result<u32, Lost>>) -> T) -> Vec<String> {
    let ((), messages) = logged(|| {
        run(async {
            let task = create_task(lose(7)).name("loser");
            done(&task).await;
            drop(what(task).await);
        });
    });
    messages
}

#[test]
fn an_error_that_nobody_asks_for_is_logged_as_a_panic_is() {
    let messages = messages_after(async |task| drop(task));
    assert_eq!(messages.len(), 1);
    assert!(
        messages[0].starts_with(
            "Task exception was never retrieved\nfuture: <Task finished name='loser' coro=<lose() done> exception=Lost(7)>"
        ),
        "{}",
        messages[0]
    );
}

#[test]
fn an_error_that_somebody_asks_for_is_not_logged() {
    assert!(messages_after(async |task| task.await.is_err()).is_empty());
    assert!(messages_after(async |task| task.result().is_err()).is_empty());
    assert!(messages_after(async |task| task.exception().is_none()).is_empty());
    assert!(messages_after(async |task| asyncio::gather([task]).await).is_empty());
    assert!(messages_after(async |task| asyncio::shield(task).await).is_empty());
    assert!(messages_after(async |task| asyncio::wait_for(task, 1).await).is_empty());
    assert!(messages_after(async |task| task.cancel()).is_empty());
    let tried = messages_after(async |task| {
        drop(asyncio::try_gather([task]));
    });
    assert!(
        tried.is_empty(),
        "CPython's gather retrieves what its children raise"
    );
    let waited = messages_after(async |task| {
        let wait = asyncio::wait([task]);
        wait.return_when(asyncio::FIRST_EXCEPTION).await
    });
    assert!(waited.is_empty());
}

#[test]
fn waiting_for_a_task_without_its_value_is_not_asking() {
    assert_eq!(messages_after(async |task| task.any().await).len(), 1);
    assert_eq!(
        messages_after(async |task| asyncio::wait([task]).await).len(),
        1
    );
    assert_eq!(
        messages_after(async |task| task.add_done_callback(|_| ())).len(),
        1
    );
}

#[test]
fn an_error_that_the_coroutine_itself_deals_with_is_nobodys() {
    let (_, messages) = logged(|| {
        run(async {
            let task = create_task(async {
                assert!(lose(1).await.is_err());
                lose(0).await
            });
            done(&task).await;
            let other = create_task(async { lose(1).await.unwrap_or(3) });
            done(&other).await;
        })
    });
    assert!(messages.is_empty(), "{messages:?}");
}

#[test]
fn an_error_that_the_handler_hears_of_says_what_it_is() {
    let heard = std::rc::Rc::new(std::cell::RefCell::new(Vec::new()));
    run(async {
        asyncio::get_running_loop().set_exception_handler({
            let heard = heard.clone();
            move |_, context| {
                let exception = context.exception.as_ref().map(|it| it.message().to_owned());
                heard.borrow_mut().push(exception);
            }
        });
        let task = create_task(lose(7));
        done(&task).await;
    });
    assert_eq!(*heard.borrow(), [Some("Lost(7)".to_owned())]);
}

#[test]
fn an_error_during_the_shutdown_is_reported() {
    let (_, messages) = logged(|| {
        run(async {
            drop(create_task(async {
                let _ = asyncio::catch_cancelled(sleep(10)).await;
                lose(7).await
            }));
            sleep(0).await;
        })
    });
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(messages[0].starts_with("unhandled exception during asyncio.run() shutdown"));
    assert!(
        messages[0].ends_with("exception: Lost(7)"),
        "{}",
        messages[0]
    );
}

/// CPython: an exception ends the task as it is, a return with a cancellation to come as cancelled.
#[test]
fn an_error_overtakes_a_cancellation_that_comes_too_late_and_a_value_does_not() {
    run(async {
        for n in [0, 7] {
            let task = create_task(async move {
                asyncio::current_task().unwrap().cancel();
                lose(n).await
            });
            let ended = asyncio::catch_cancelled(task.clone()).await;
            match n {
                0 => assert!(ended.is_err() && task.cancelled()),
                _ => assert!(matches!(ended, Ok(Err(Lost(7)))) && !task.cancelled()),
            }
        }
    });
}

#[test]
fn the_error_of_main_overtakes_a_cancellation_too() {
    let main = async {
        asyncio::current_task().unwrap().cancel();
        lose(7).await
    };
    assert!(matches!(run(main), Err(Lost(7))));
}

#[test]
fn an_error_that_borrows_ends_main_as_any_other() {
    let text = String::from("seven");
    let main = async {
        asyncio::current_task().unwrap().cancel();
        let result = Err::<(), &str>(text.as_str());
        asyncio::__private::returned(&result, |error| (*error).to_owned());
        result
    };
    assert_eq!(run(main), Err("seven"));
}

#[test]
fn a_task_that_fails_with_an_error_shows_it() {
    run(async {
        let task = create_task(lose(7));
        done(&task).await;
        assert!(
            format!("{task:?}").ends_with(" exception=Lost(7)>"),
            "{task:?}"
        );
        assert!(task.await.is_err());
    });
}
