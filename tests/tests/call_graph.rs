//! Who awaits whom, as Python 3.14 shows it.

mod common;

use asyncio::{Task, create_task, format_call_graph, sleep};
use common::run;

/// The graph without what changes from run to run.
fn graph<T: 'static>(task: &Task<T>) -> Vec<String> {
    let graph = format_call_graph(&task.any());
    let without_id = |line: &str| match line.split_once(", id=") {
        Some((before, _)) => format!("{before})"),
        None => line.to_owned(),
    };
    graph.lines().map(without_id).collect()
}

async fn settle() {
    for _ in 0..5 {
        sleep(0).await;
    }
}

#[test]
fn it_goes_up_through_awaits_and_gathers() {
    run(async {
        async fn naps() {
            sleep(1).await;
        }
        let line = line!() - 2;
        let inner = create_task(naps()).name("inner");
        let middle = create_task(asyncio::gather([inner.clone()])).name("middle");
        let outer = create_task(middle.clone()).name("outer");
        settle().await;
        let lines = graph(&inner);
        assert_eq!(lines[0], "* Task(name='inner')");
        assert_eq!(lines[1], "  + Call stack:");
        let here = format!("  |   File '{}', line {line}, in async ", file!());
        assert!(lines[2].starts_with(&here), "{lines:?}");
        assert!(lines[2].ends_with("naps()"), "{lines:?}");
        assert_eq!(lines[3], "  + Awaited by:");
        assert_eq!(lines[4], "    * Task(name='middle')");
        assert!(lines.contains(&"        * Task(name='outer')".to_owned()));
        outer.await;
        assert_eq!(graph(&inner), ["* Task(name='inner')"]);
    });
}

#[test]
fn tasks_that_await_each_other_end_it() {
    run(async {
        let later = asyncio::Future::<Task<()>>::new();
        let first = create_task({
            let later = later.clone();
            async move { later.await.await }
        })
        .name("first");
        let second = create_task(first.clone()).name("second");
        later.set_result(second.clone());
        settle().await;
        let names = graph(&first).concat();
        assert_eq!(names.matches("Task(name='first')").count(), 2);
        second.add_done_callback(|_| ());
        first.print_stack();
    });
}

#[test]
fn tasks_that_await_each_other_can_be_shown_and_cancelled() {
    run(async {
        let later = asyncio::Future::<Task<()>>::new();
        let first = create_task({
            let later = later.clone();
            async move { later.await.await }
        });
        let second = create_task(first.clone());
        later.set_result(second.clone());
        settle().await;
        assert!(format!("{first:?}").contains("wait_for=..."));
        assert!(first.cancel());
        settle().await;
        assert!(first.cancelled() && second.cancelled());
    });
}
