//! What the two pages on cancellation in `docs/` say: each row of "What runs and what does not", and
//! the sentences that no other test is named for.

mod common;

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Waker};

use asyncio::{
    AsyncExit, TaskGroup, TimeoutError, catch_cancelled, create_task, finally, sleep, timeout,
    wait_for,
};
use common::run;
use futures::FutureExt as _;

/// What ran of some work that was given up.
#[derive(Clone, Default)]
struct Ran {
    destructor: Rc<Cell<bool>>,
    cleanup: Rc<Cell<bool>>,
}

struct SetOnDrop(Rc<Cell<bool>>);

impl Drop for SetOnDrop {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

impl Ran {
    /// Work that takes long, and whose cleanup awaits.
    async fn work(&self) {
        let _guard = SetOnDrop(self.destructor.clone());
        finally(sleep(1000), async {
            sleep(0).await;
            self.cleanup.set(true);
        })
        .await;
    }

    async fn owned_work(self) {
        self.work().await;
    }

    /// Whether its destructor ran, and whether its cleanup did.
    fn both(&self) -> (bool, bool) {
        (self.destructor.get(), self.cleanup.get())
    }
}

#[test]
fn a_cancelled_task_runs_both() {
    run(async {
        let ran = Ran::default();
        let task = create_task(ran.clone().owned_work());
        sleep(1).await;
        task.cancel();
        assert!(catch_cancelled(task).await.is_err());
        assert_eq!(ran.both(), (true, true));
    });
}

#[test]
fn time_outs_run_both_before_they_give_their_error() {
    run(async {
        let ran = Ran::default();
        assert_eq!(wait_for(ran.work(), 1).await, Err(TimeoutError));
        assert_eq!(ran.both(), (true, true));
        let ran = Ran::default();
        let late = timeout(1, async |_| ran.work().await).await;
        assert_eq!(late, Err(TimeoutError));
        assert_eq!(ran.both(), (true, true));
    });
}

#[test]
fn the_siblings_of_a_failed_child_run_both() {
    run(async {
        let ran = Ran::default();
        let failed = TaskGroup::try_run(async |tg| {
            let work = ran.clone().owned_work();
            tg.create_task(async move {
                work.await;
                Ok(())
            });
            tg.create_task(async {
                sleep(1).await;
                Err::<(), _>("failed")
            });
            Ok(())
        });
        assert_eq!(failed.await.unwrap_err().exceptions, ["failed"]);
        assert_eq!(ran.both(), (true, true));
    });
}

#[test]
fn what_is_left_at_the_end_of_run_runs_both() {
    let ran = Ran::default();
    run(async {
        create_task(ran.clone().owned_work());
        sleep(1).await;
    });
    assert_eq!(ran.both(), (true, true));
}

#[test]
fn a_panic_runs_both_but_is_not_caught_as_a_cancellation() {
    struct Door(Rc<Cell<bool>>);
    impl AsyncExit for Door {
        async fn aexit(&mut self) {
            sleep(0).await;
            self.0.set(true);
        }
    }
    #[asyncio::coroutine]
    async fn through(door: Door) {
        #[async_with(_door = door)]
        {
            panic!("in the house");
        }
    }
    run(async {
        let (closed, cleaned) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(false)));
        let task = create_task(through(Door(closed.clone())));
        let guarded = {
            let cleaned = cleaned.clone();
            async move {
                let cleanup = async { cleaned.set(true) };
                let caught = catch_cancelled(finally(task, cleanup)).await;
                assert!(caught.is_ok(), "a panic is none");
            }
        };
        let task = create_task(guarded);
        asyncio::wait([task.any()]).await;
        assert_eq!(task.exception().unwrap().message(), "in the house");
        assert!(closed.get() && cleaned.get());
    });
}

#[test]
fn of_a_cancelled_join_one_branch_is_unwound_and_the_other_dropped() {
    run(async {
        let (first, second) = (Ran::default(), Ran::default());
        let (one, other) = (first.clone(), second.clone());
        let task = create_task(async move { futures::join!(one.work(), other.work()) });
        sleep(1).await;
        task.cancel();
        assert!(catch_cancelled(task).await.is_err());
        let cleanups = [first.both(), second.both()];
        assert!(cleanups.iter().all(|(destructor, _)| *destructor));
        let cleaned = cleanups.iter().filter(|(_, cleanup)| *cleanup).count();
        assert_eq!(cleaned, 1, "{cleanups:?}");

        let (first, second) = (Ran::default(), Ran::default());
        let both = asyncio::gather([first.clone().owned_work(), second.clone().owned_work()]);
        let task = create_task(both);
        sleep(1).await;
        task.cancel();
        assert!(catch_cancelled(task).await.is_err());
        assert_eq!((first.both(), second.both()), ((true, true), (true, true)));
    });
}

/// The work loses against a nap.
async fn race(work: impl Future<Output = ()>) {
    let mut work = pin!(work.fuse());
    let mut nap = pin!(sleep(1).fuse());
    futures::select_biased! {
        () = work => unreachable!("it takes longer"),
        () = nap => {}
    }
}

#[test]
fn a_branch_that_lost_a_select_is_only_dropped() {
    run(async {
        let ran = Ran::default();
        race(ran.work()).await;
        assert_eq!(ran.both(), (true, false));

        // As a task it goes on, and when it is told, cleans up.
        let ran = Ran::default();
        let task = create_task(ran.clone().owned_work());
        race((&task).into_future()).await;
        assert_eq!(ran.both(), (false, false));
        task.cancel();
        assert!(catch_cancelled(task).await.is_err());
        assert_eq!(ran.both(), (true, true));
    });
}

#[test]
fn what_is_dropped_is_only_dropped_here_and_elsewhere() {
    run(async {
        let ran = Ran::default();
        {
            let mut work = pin!(ran.work());
            assert!(futures::poll!(work.as_mut()).is_pending());
        }
        assert_eq!(ran.both(), (true, false));
    });
    let ran = Ran::default();
    {
        let mut work = pin!(ran.work());
        let mut cx = Context::from_waker(Waker::noop());
        assert!(work.as_mut().poll(&mut cx).is_pending());
    }
    assert_eq!(ran.both(), (true, false));
    // Off the loop a time-out drops what it holds, too.
    let ran = Ran::default();
    let late = futures::executor::block_on(wait_for(ran.work(), 0.001));
    assert_eq!((late, ran.both()), (Err(TimeoutError), (true, false)));
}

#[test]
fn a_loop_that_is_dropped_drops_its_tasks() {
    let ran = Ran::default();
    let ((), messages) = tests::logged(|| {
        let event_loop = asyncio::new_event_loop();
        event_loop.create_task(ran.clone().owned_work());
        event_loop.run_until_complete(sleep(0));
        event_loop.close();
    });
    assert_eq!(ran.both(), (true, false));
    assert!(
        messages[0].starts_with("Task was destroyed but it is pending!"),
        "{messages:?}"
    );
}

/// What the page for tokio people has in the place of `handle.await` that gives a `JoinError`.
#[test]
fn who_awaits_a_cancelled_task_is_cancelled_too_unless_it_catches() {
    run(async {
        let nap = create_task(sleep(1000));
        let bare = create_task(nap.clone());
        let catching = create_task({
            let nap = nap.clone();
            async move { catch_cancelled(nap).await.is_err() }
        });
        sleep(1).await;
        nap.cancel();
        assert!(catching.await);
        assert!(bare.cancelled());
    });
}

/// "A future that nobody polls any more is dropped, not cancelled", and "who cancels can wait for the
/// end of it".
#[test]
fn a_cancelled_task_may_refuse_and_who_cancelled_it_waits() {
    run(async {
        let task = create_task(async {
            let first = catch_cancelled(sleep(1000)).await;
            sleep(2).await;
            (first.is_err(), "went on")
        });
        sleep(1).await;
        assert!(task.cancel());
        let start = asyncio::get_running_loop().time();
        assert_eq!(task.await, (true, "went on"));
        assert_eq!(asyncio::get_running_loop().time() - start, 2.0);
    });
}

/// "One that tries to block on the loop while a task unwinds is refused" is in
/// `cancellation_under_combinators`; a nested `run` is refused anywhere.
#[test]
fn blocking_on_the_loop_in_a_coroutine_is_refused() {
    run(async {
        let nested = catch_unwind(AssertUnwindSafe(|| asyncio::run(async {})));
        let said = common::text_of(nested.unwrap_err().as_ref());
        assert_eq!(
            said,
            "asyncio.run() cannot be called from a running event loop"
        );
    });
}
