//! `join`, `select` and their like: one branch is unwound, and the others are dropped.

use std::cell::Cell;
use std::rc::Rc;

use asyncio::{CancelledError, catch_cancelled, create_task, finally, sleep};
use futures::FutureExt;
use futures::future::{join_all, select_all};
use futures::stream::{FuturesUnordered, StreamExt};

use super::{cancel, cleaning, settle};
use crate::common::{OnDrop, Trace, run};

#[test]
fn a_cancelled_join_unwinds_the_innermost_branch_and_drops_the_others() {
    run(async {
        let trace = Trace::default();
        let task = create_task({
            let trace = trace.clone();
            async move {
                let (one, two) = (cleaning("one", trace.clone()), cleaning("two", trace));
                futures::join!(one, two)
            }
        });
        cancel(&task).await;
        sleep(2).await;
        assert!(task.cancelled());
        assert_eq!(trace.take(), ["two"]);
    });
}

#[test]
fn a_cancelled_select_unwinds_the_innermost_branch() {
    run(async {
        let trace = Trace::default();
        let task = create_task({
            let trace = trace.clone();
            async move {
                let one = std::pin::pin!(cleaning("one", trace.clone()).fuse());
                let two = std::pin::pin!(cleaning("two", trace).fuse());
                let (mut one, mut two) = (one, two);
                futures::select_biased! { () = one => (), () = two => () }
            }
        });
        cancel(&task).await;
        sleep(2).await;
        assert!(task.cancelled());
        assert_eq!(trace.take(), ["two"]);
    });
}

#[test]
fn a_branch_that_select_drops_is_only_dropped() {
    run(async {
        let trace = Trace::default();
        let dropped = Rc::new(Cell::new(false));
        let (mut slow, mut fast) = (
            Box::pin({
                let (trace, dropped) = (trace.clone(), dropped.clone());
                async move {
                    let _sets = OnDrop(move || dropped.set(true));
                    cleaning("slow", trace).await;
                }
                .fuse()
            }),
            Box::pin(sleep(1).fuse()),
        );
        futures::select_biased! { () = slow => (), () = fast => () }
        drop(slow);
        assert!(dropped.get());
        settle().await;
        assert!(trace.take().is_empty());
        // And the place it was suspended at is forgotten: the task goes on being cancellable.
        let me = asyncio::current_task().unwrap();
        me.cancel();
        assert!(catch_cancelled(sleep(1)).await.is_err());
    });
}

#[test]
fn a_caught_cancellation_is_over_and_the_task_goes_on() {
    run(async {
        let task = create_task(async {
            let caught = catch_cancelled(join_all([sleep(100), sleep(200)])).await;
            assert_eq!(caught.unwrap_err().message(), Some("enough"));
            sleep(1).await;
            select_all([sleep(1), sleep(2)]).await;
            "went on"
        });
        settle().await;
        task.cancel_with("enough");
        assert_eq!(task.await, "went on");
    });
}

#[test]
fn a_raise_in_a_branch_unwinds_the_whole_task() {
    run(async {
        let task = create_task(async {
            futures::join!(sleep(1), CancelledError::with_message("mine").raise::<()>());
        });
        let error = catch_cancelled(task.clone()).await.unwrap_err();
        assert_eq!(error.message(), Some("mine"));
        assert!(task.cancelled());
        assert_eq!(task.cancelling(), 0);
    });
}

#[test]
fn a_time_out_in_one_branch_does_not_end_the_other() {
    run(async {
        let (late, value) = futures::join!(asyncio::wait_for(sleep(10), 1), async {
            sleep(5).await;
            "slept"
        });
        assert!(late.is_err());
        assert_eq!(value, "slept");
    });
}

#[test]
fn a_time_out_beneath_which_nothing_of_ours_is_suspended_ends_alone() {
    run(async {
        let (late, value) =
            futures::join!(asyncio::wait_for(std::future::pending::<()>(), 1), async {
                for _ in 0..5 {
                    sleep(1).await;
                }
                "slept"
            });
        assert!(late.is_err());
        assert_eq!(value, "slept");
    });
}

#[test]
fn time_outs_in_the_branches_of_a_combinator_each_end_their_own() {
    run(async {
        let naps = [3, 1, 2].map(|seconds| asyncio::wait_for(sleep(10), seconds));
        assert_eq!(join_all(naps).await, [Err(asyncio::TimeoutError); 3]);
        assert_eq!(asyncio::get_running_loop().time(), 3.0);
        let all: FuturesUnordered<_> = [3, 1, 2]
            .map(|seconds| async move {
                let late = asyncio::wait_for(finally(sleep(10), sleep(0.5)), seconds).await;
                (seconds, late.is_err())
            })
            .into_iter()
            .collect();
        assert_eq!(
            all.collect::<Vec<_>>().await,
            [(1, true), (2, true), (3, true)]
        );
    });
}

#[test]
fn a_child_that_fails_cancels_the_block_of_its_own_group_alone() {
    run(async {
        let (failed, value) = futures::join!(
            asyncio::TaskGroup::try_run(async |group| {
                group.create_task(async {
                    sleep(1).await;
                    Err::<(), _>("failed")
                });
                sleep(10).await;
                Ok(())
            }),
            async {
                sleep(5).await;
                "slept"
            }
        );
        assert_eq!(failed.unwrap_err().exceptions, ["failed"]);
        assert_eq!(value, "slept");
    });
}
