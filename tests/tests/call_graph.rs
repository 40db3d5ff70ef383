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

async fn turns() {
    for _ in 0..4 {
        sleep(0).await;
    }
}

/// Whether the graph of `inner` says that a task named `outer` awaits it.
fn is_awaited_by_outer(inner: &asyncio::AnyTask) -> bool {
    let graph = format_call_graph(inner);
    graph.contains("+ Awaited by:\n    * Task(name='outer'")
}

#[test]
fn it_sees_through_wait_shield_groups_and_time_outs() {
    run(async {
        let nap = || create_task(sleep(100));
        let ways: [fn(asyncio::Task<()>) -> asyncio::Task<()>; 4] = [
            |inner| create_task(async move { drop(asyncio::wait([inner]).await) }),
            |inner| create_task(async move { asyncio::shield(inner).await }),
            |inner| create_task(async move { asyncio::wait_for(inner, 200).await.unwrap() }),
            |inner| {
                create_task(async move {
                    asyncio::timeout(200, async |_| drop(asyncio::gather([inner]).await))
                        .await
                        .unwrap();
                })
            },
        ];
        for (number, way) in ways.iter().enumerate() {
            let inner = nap();
            assert!(!is_awaited_by_outer(&inner.any()));
            let outer = way(inner.clone()).name("outer");
            turns().await;
            assert!(is_awaited_by_outer(&inner.any()), "way {number}");
            outer.cancel();
            turns().await;
            assert!(
                !is_awaited_by_outer(&inner.any()),
                "way {number}, cancelled"
            );
        }
        let child = std::rc::Rc::new(std::cell::RefCell::new(None));
        let outer = create_task({
            let child = child.clone();
            async move {
                asyncio::TaskGroup::run(async |tg| {
                    child.replace(Some(tg.create_task(sleep(100)).any()));
                })
                .await;
            }
        });
        let outer = outer.name("outer");
        turns().await;
        assert!(is_awaited_by_outer(&child.take().unwrap()));
        outer.cancel();
    });
}

#[test]
fn a_task_is_shown_where_the_call_stands_that_it_awaits() {
    run(async {
        let nap = create_task(sleep(100));
        let file = file!();
        let is_at = |task: &asyncio::Task<()>, line: u32| {
            let shown = format!("{task:?}");
            assert!(
                shown.contains(&format!("running at {file}:{line}")),
                "{shown}"
            );
        };
        let (line, inner) = (line!(), nap.clone());
        let gathering = create_task(async move {
            drop(asyncio::gather([inner]).await); // two lines below `line`
        });
        turns().await;
        is_at(&gathering, line + 2);
        let (line, inner) = (line!(), nap.clone());
        let waiting = create_task(async move {
            drop(asyncio::wait([inner]).await); // two lines below `line`
        });
        turns().await;
        is_at(&waiting, line + 2);
        let (line, inner) = (line!(), nap.clone());
        let shielding = create_task(async move {
            asyncio::shield(inner).await; // two lines below `line`
        });
        turns().await;
        is_at(&shielding, line + 2);
        // The only thread is busy: the name of the host is not resolved meanwhile.
        let (free, busy) = std::sync::mpsc::channel::<()>();
        let pool = asyncio::ThreadPoolExecutor::new(1);
        asyncio::get_running_loop().set_default_executor(&pool);
        drop(pool.submit(move || busy.recv()));
        let handler = |_: asyncio::StreamReader, _: asyncio::StreamWriter| async {};
        let line = line!();
        let listening = create_task(async move {
            drop(asyncio::start_server(handler, "localhost", 0).await); // two lines below `line`
        });
        turns().await;
        is_at(&listening, line + 2);
        drop(free);
        for task in [gathering, waiting, shielding, listening] {
            task.cancel();
        }
    });
}

#[test]
fn the_graph_of_a_long_chain_ends_somewhere() {
    run(async {
        let first = create_task(sleep(100));
        let mut last = first.clone();
        for _ in 0..3_000 {
            let before = last;
            last = create_task(async move {
                before.await;
            });
        }
        turns().await;
        let graph = format_call_graph(&first.any());
        assert!(graph.ends_with("...") && graph.len() < 100_000, "{graph}");
        last.cancel();
        assert!(asyncio::catch_cancelled(last).await.is_err());
    });
}

#[test]
fn it_sees_through_as_completed_and_the_children_of_a_running_block() {
    run(async {
        let (first, second) = (create_task(sleep(100)), create_task(sleep(200)));
        let outer = create_task({
            let naps = [first.clone(), second.clone()];
            async move {
                for next in asyncio::as_completed(naps) {
                    next.await;
                }
            }
        });
        let outer = outer.name("outer");
        turns().await;
        assert!(is_awaited_by_outer(&first.any()) && is_awaited_by_outer(&second.any()));
        sleep(150).await;
        assert!(is_awaited_by_outer(&second.any()), "it is still to end");
        outer.cancel();
        turns().await;
        assert!(!is_awaited_by_outer(&second.any()));

        let child = std::rc::Rc::new(std::cell::RefCell::new(None));
        let outer = create_task({
            let child = child.clone();
            async move {
                asyncio::TaskGroup::run(async |tg| {
                    child.replace(Some(tg.create_task(sleep(100)).any()));
                    sleep(50).await;
                })
                .await;
            }
        });
        let outer = outer.name("outer");
        turns().await;
        let child = child.take().unwrap();
        assert!(is_awaited_by_outer(&child), "the block runs");
        sleep(70).await;
        assert!(is_awaited_by_outer(&child), "the block has ended");
        outer.cancel();
        turns().await;
        assert!(!is_awaited_by_outer(&child) && child.cancelled());
    });
}
