//! The `Err` of a coroutine function that returns a `Result` is the exception of its task.

mod common;

use asyncio::{Task, create_task, sleep};
use common::run;
use tests::logged;

#[derive(Debug)]
struct Lost(#[allow(dead_code, reason = "shown")] u32);

#[asyncio::coroutine]
async fn lose(n: u32) -> Result<u32, Lost> {
    if n == 0 { Ok(n) } else { Err(Lost(n)) }
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
    let says = "Task exception was never retrieved\nfuture: <Task finished name='loser' coro=<lose() done, defined at ";
    assert!(messages[0].starts_with(says), "{}", messages[0]);
    let what = "> exception=Lost(7)>\nexception: Lost(7)";
    assert!(messages[0].ends_with(what), "{}", messages[0]);
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
    #[asyncio::coroutine]
    async fn main(text: &str) -> Result<(), &str> {
        asyncio::current_task().unwrap().cancel();
        Err(text)
    }
    assert_eq!(run(main(&text)), Err("seven"));
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

/// What is logged of a task that nobody asks.
fn said_of<T: 'static>(coroutine: impl Future<Output = T> + 'static) -> Vec<String> {
    let ((), messages) = logged(|| {
        run(async {
            let task = create_task(coroutine).name("it");
            done(&task).await;
        });
    });
    let said = messages.iter().map(|message| {
        let message = message.lines().nth(1).unwrap_or(message);
        let start = message.find("exception=").unwrap_or(0);
        message[start..].to_owned()
    });
    said.collect()
}

mod written {
    use std::fmt::Display;
    use std::io;

    #[derive(Debug)]
    pub(super) struct Shown;
    pub(super) struct Silent;

    type Answer = Result<(), Shown>;
    type ReadResult<T> = Result<T, Shown>;
    /// Named as if it were one.
    pub(super) struct SearchResult;

    #[asyncio::coroutine]
    pub(super) fn io_result() -> io::Result<u32> {
        yield_!();
        Err(io::Error::new(io::ErrorKind::NotFound, "gone"))
    }
    #[asyncio::coroutine]
    pub(super) async fn std_result() -> std::result::Result<(), Shown> {
        Err(Shown)?;
        Ok(())
    }
    #[asyncio::coroutine]
    pub(super) async fn alias_that_says_so() -> ReadResult<u8> {
        Err(Shown)
    }
    #[asyncio::coroutine(result)]
    pub(super) async fn alias_that_is_said_so() -> Answer {
        return Err(Shown);
    }
    #[asyncio::coroutine]
    pub(super) async fn alias_that_nobody_knows() -> Answer {
        Err(Shown)
    }
    #[asyncio::coroutine]
    pub(super) async fn silent() -> Result<(), Silent> {
        Err(Silent)
    }
    #[asyncio::coroutine]
    pub(super) async fn generic<E>(error: E) -> Result<(), E> {
        Err(error)
    }
    #[asyncio::coroutine]
    pub(super) async fn generic_shown<E: std::fmt::Debug>(error: E) -> Result<(), E> {
        Err(error)
    }
    #[asyncio::coroutine]
    pub(super) async fn hidden_value() -> Result<impl Display, Shown> {
        if true { Err(Shown) } else { Ok(1) }
    }
    #[asyncio::coroutine]
    pub(super) async fn hidden_error() -> Result<(), impl Display> {
        Err("nobody can tell")
    }
    #[asyncio::coroutine]
    pub(super) async fn other() -> SearchResult {
        SearchResult
    }
    #[asyncio::coroutine(boxed, send)]
    pub(super) async fn boxed() -> Result<(), Shown> {
        Err(Shown)
    }
    #[asyncio::coroutine]
    pub(super) async fn elided<'a>(text: &'a str, _: &str) -> Result<(), &'a str> {
        Err(text)
    }
    #[asyncio::coroutine]
    pub(super) async fn recursive(n: u32) -> Result<(), Shown> {
        match n {
            0 => Err(Shown),
            n => await_!(recursive(n - 1)),
        }
    }

    pub(super) trait Method {
        type Error;
        #[asyncio::coroutine]
        async fn fails(self) -> Result<(), Self::Error>;
    }
    impl Method for Shown {
        type Error = Self;
        #[asyncio::coroutine]
        async fn fails(self) -> Result<(), Self::Error> {
            Err(self)
        }
    }
}

#[test]
fn a_written_result_is_known_however_it_is_written() {
    use written::{Method as _, Shown, Silent};
    let not_found = r#"exception=Custom { kind: NotFound, error: "gone" }>"#;
    assert_eq!(said_of(written::io_result()), [not_found]);
    for said in [
        said_of(written::std_result()),
        said_of(written::alias_that_says_so()),
        said_of(written::alias_that_is_said_so()),
        said_of(written::generic_shown(Shown)),
        said_of(written::hidden_value()),
        said_of(written::boxed()),
        said_of(written::recursive(3)),
        said_of(Shown.fails()),
    ] {
        assert_eq!(said, ["exception=Shown>"]);
    }
    assert_eq!(
        said_of(written::elided("text", "")),
        ["exception=\"text\">"]
    );
    assert_eq!(said_of(written::alias_that_nobody_knows()), [""; 0]);
    assert_eq!(said_of(written::hidden_error()), [""; 0]);
    assert_eq!(said_of(written::other()), [""; 0]);
    // What no one can show is told by the name of its type.
    let by_name = ["exception=<unseen_errors::written::Silent>>"];
    assert_eq!(said_of(written::silent()), by_name);
    assert_eq!(said_of(written::generic(Silent)), by_name);
    let by_name = ["exception=<unseen_errors::written::Shown>>"];
    assert_eq!(said_of(written::generic(Shown)), by_name);
}

#[test]
fn a_coroutine_that_says_it_returns_a_result_is_no_larger() {
    #[asyncio::coroutine(result)]
    async fn told() -> Result<u32, Lost> {
        sleep(0).await;
        Ok(1)
    }
    type Answer = Result<u32, Lost>;
    #[asyncio::coroutine]
    async fn untold() -> Answer {
        sleep(0).await;
        Ok(1)
    }
    let (told, untold) = (told(), untold());
    assert_eq!(size_of_val(&told), size_of_val(&untold));
    told.close();
    untold.close();
}

/// Python shows where the function of the task's coroutine stands, before its first step, too.
#[test]
fn a_task_says_where_its_function_is_defined() {
    const LINE: u32 = line!() + 2;
    #[asyncio::coroutine]
    async fn nap() {
        sleep(1).await;
    }
    run(async {
        let task = create_task(nap());
        let file = file!();
        let new = format!("coro=<nap() running at {file}:{LINE}>");
        assert!(format!("{task:?}").contains(&new), "{task:?}");
        assert!(
            format!("{task:?}").contains(&new),
            "asking runs nothing: {task:?}"
        );
        sleep(0).await;
        let asleep = format!("coro=<nap() running at {file}:{}>", LINE + 1);
        assert!(format!("{task:?}").contains(&asleep), "{task:?}");
        (&task).await;
        let ended = format!("coro=<nap() done, defined at {file}:{LINE}>");
        assert!(format!("{task:?}").contains(&ended), "{task:?}");

        // What a task awaits is not its own coroutine.
        let line = line!() + 1;
        let other = create_task(async { nap().await });
        (&other).await;
        let created = format!("done, defined at {file}:{line}>");
        assert!(format!("{other:?}").contains(&created), "{other:?}");
    });
}

#[test]
fn who_awaits_a_failed_child_when_its_group_has_ended_is_panicked_at_with_its_words() {
    let ((), messages) = logged(|| {
        run(async {
            let child = std::cell::RefCell::new(None);
            let group = asyncio::TaskGroup::try_run(async |tg| {
                child.replace(Some(tg.create_task(lose(7))));
                Ok(())
            });
            let errors = group.await.unwrap_err().exceptions;
            assert!(matches!(errors[..], [Lost(7)]));
            let child = child.take().unwrap();
            assert_eq!(child.exception().unwrap().message(), "Lost(7)");
            let awaited = std::panic::AssertUnwindSafe(child);
            let payload = futures::FutureExt::catch_unwind(awaited).await.unwrap_err();
            assert_eq!(common::text_of(payload.as_ref()), "Lost(7)");
        });
    });
    assert!(messages.is_empty(), "the group has it: {messages:?}");
}

/// As in Python, whose gather retrieves what it cannot give any more.
#[test]
fn an_error_that_comes_after_a_gather_has_failed_was_asked_for() {
    let ((), messages) = logged(|| {
        run(async {
            #[asyncio::coroutine]
            async fn lose_later(n: u32) -> Result<u32, Lost> {
                sleep(n).await;
                Err(Lost(n))
            }
            assert!(asyncio::try_gather([1, 2].map(lose_later)).await.is_err());
            let early = Task::clone(&create_task(lose_later(1)));
            let gathered = asyncio::try_gather!(early, lose_later(2));
            assert!(gathered.await.is_err());
            let future = asyncio::Future::<Result<u32, Lost>>::new();
            let gathered = asyncio::try_gather!(lose_later(1), future.clone());
            assert!(gathered.await.is_err());
            future.set_exception(Lost(3));
            sleep(5).await;
        });
    });
    assert!(messages.is_empty(), "{messages:?}");
}
