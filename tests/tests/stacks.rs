//! The stack of a task in debug mode: every coroutine it is within, as Python shows them.
//!
//! The texts are those of CPython 3.13's `Task.print_stack` (which shows the outermost frame alone) and
//! of the call graphs of 3.14, with the files, lines and names of this program.

mod common;

use std::process::Command;

use asyncio::testing::Clock;
use asyncio::{
    AnyTask, Event, FrameCallGraphEntry, Runner, Task, capture_call_graph, create_task, sleep,
};

#[asyncio::coroutine]
async fn leaf() {
    sleep(1).await; // in leaf
    sleep(1).await; // in leaf, further
}

#[asyncio::coroutine]
fn inner() {
    yield_from!(leaf()); // in inner
    yield_from!(leaf()); // in inner, again
}

#[asyncio::coroutine]
async fn outer() {
    inner().await; // in outer
}

struct Crawler;

impl Crawler {
    #[asyncio::coroutine]
    async fn work(&self) {
        outer().await; // in Crawler.work
    }
}

/// Runs `main` in debug mode.
fn debugged<T>(main: impl Future<Output = T>) -> T {
    let runner = Runner::new().clock(Clock::virtual_clock()).debug(true);
    runner.run(main)
}

/// The line in this file that ends with this comment.
fn line_of(comment: &str) -> usize {
    let end = format!(" // {comment}");
    let mut lines = include_str!("stacks.rs").lines();
    lines.position(|line| line.ends_with(&end)).expect(comment) + 1
}

/// The functions, and the comments at the lines they stand at, as `function: in function`.
fn told(stack: &[FrameCallGraphEntry]) -> Vec<String> {
    let source: Vec<&str> = include_str!("stacks.rs").lines().collect();
    let told = stack.iter().map(|entry| {
        assert_eq!(entry.file, file!());
        let line = source[entry.line as usize - 1];
        let comment = line.rsplit_once(" // ").map_or(line.trim(), |(_, it)| it);
        format!("{}: {comment}", entry.function)
    });
    told.collect()
}

async fn turns() {
    for _ in 0..4 {
        sleep(0).await;
    }
}

fn has_chains() -> bool {
    // Without debug assertions the library keeps no chains.
    cfg!(debug_assertions)
}

#[test]
fn it_goes_from_the_outermost_coroutine_to_the_innermost() {
    debugged(async {
        let task = create_task(outer());
        assert_eq!(task.get_stack().len(), 1, "it has not begun");
        turns().await;
        if !has_chains() {
            return;
        }
        let stack = ["outer: in outer", "inner: in inner", "leaf: in leaf"];
        assert_eq!(told(&task.get_stack()), stack);
        sleep(1.5).await;
        let stack = [
            "outer: in outer",
            "inner: in inner",
            "leaf: in leaf, further",
        ];
        assert_eq!(told(&task.get_stack()), stack);
        sleep(1).await;
        let stack = ["outer: in outer", "inner: in inner, again", "leaf: in leaf"];
        assert_eq!(told(&task.get_stack()), stack);
        task.cancel();
        turns().await;
        assert!(task.get_stack().is_empty() && task.cancelled());
    });
}

#[test]
fn without_debug_mode_it_is_the_innermost_line_alone() {
    common::run(async {
        let task = create_task(outer());
        turns().await;
        assert_eq!(told(&task.get_stack()), ["outer: in leaf"]);
        task.cancel();
    });
}

#[test]
fn debug_mode_shows_also_the_coroutines_that_began_before_it() {
    common::run(async {
        let task = create_task(outer());
        turns().await;
        asyncio::get_running_loop().set_debug(true);
        sleep(1.5).await;
        let stack = [
            "outer: in outer",
            "inner: in inner",
            "leaf: in leaf, further",
        ];
        assert!(!has_chains() || told(&task.get_stack()) == stack);
        task.cancel();
    });
}

#[test]
fn methods_are_known_by_their_type_and_blocks_by_where_they_stand() {
    debugged(async {
        let task = create_task(async {
            Crawler.work().await; // in the block
        });
        turns().await;
        let stack = told(&task.get_stack());
        if has_chains() {
            assert!(stack[0].ends_with(": in the block"), "{stack:?}");
            assert_eq!(stack[1], "Crawler.work: in Crawler.work");
            assert_eq!(stack.len(), 5);
        }
        task.cancel();
    });
}

#[test]
fn operations_of_the_library_are_shown_by_where_they_are_called() {
    #[asyncio::coroutine]
    async fn in_time() {
        let _ = asyncio::wait_for(leaf(), 100).await; // in in_time
    }
    #[asyncio::coroutine]
    async fn caught() {
        let _ = asyncio::catch_cancelled(leaf()).await; // in caught
    }
    #[asyncio::coroutine]
    async fn cleaned() {
        asyncio::finally(leaf(), async {}).await; // in cleaned
    }
    #[asyncio::coroutine]
    async fn timed() {
        let _ = asyncio::timeout(100, async |_| {
            leaf().await; // in timed
        })
        .await;
    }
    #[asyncio::coroutine]
    async fn joined() {
        asyncio::gather!(leaf(), leaf()).await; // in joined
    }
    #[asyncio::coroutine]
    async fn waits(event: Event) {
        event.wait().await; // in waits
    }
    fn ends<T: 'static>(task: &Task<T>, expected: &[&str]) {
        let stack = told(&task.get_stack());
        let matches = stack
            .iter()
            .zip(expected)
            .all(|(it, end)| it.ends_with(end));
        let is_whole = stack.len() == expected.len();
        assert!(!has_chains() || matches && is_whole, "{stack:?}");
        task.cancel();
    }
    debugged(async {
        let leaf = "leaf: in leaf";
        let (a, b, c) = (
            create_task(in_time()),
            create_task(caught()),
            create_task(cleaned()),
        );
        let (d, e) = (create_task(timed()), create_task(joined()));
        let f = create_task(waits(Event::new()));
        turns().await;
        ends(&a, &["in_time: in in_time", leaf]);
        ends(&b, &["caught: in caught", leaf]);
        ends(&c, &["cleaned: in cleaned", leaf]);
        ends(&d, &["timed: in timed", leaf]);
        ends(&e, &["joined: in joined"]);
        ends(&f, &["waits: in waits"]);
    });
}

#[test]
fn of_several_branches_it_is_the_one_that_was_polled_last_and_still_waits() {
    #[asyncio::coroutine]
    async fn short() {
        sleep(0.25).await;
    }
    #[asyncio::coroutine]
    async fn long() {
        sleep(3).await; // in long
    }
    #[asyncio::coroutine]
    async fn branches() {
        futures::join!(leaf(), long(), short());
    }
    debugged(async {
        let task = create_task(branches());
        sleep(0.5).await;
        let stack = told(&task.get_stack());
        assert!(
            !has_chains() || stack.last().unwrap().ends_with("long: in long"),
            "{stack:?}"
        );
        assert!(!has_chains() || stack.len() == 2, "{stack:?}");
        task.cancel();
    });
}

#[test]
fn of_the_task_that_runs_it_ends_where_it_is_asked_for() {
    #[asyncio::coroutine]
    async fn asks() -> Vec<FrameCallGraphEntry> {
        leaf().await;
        asyncio::current_task().unwrap().get_stack() // in asks
    }
    #[asyncio::coroutine]
    async fn calls() -> Vec<FrameCallGraphEntry> {
        asks().await // in calls
    }
    let stack = told(&debugged(calls()));
    let ends = ["calls: in calls", "asks: in asks"];
    let matches = stack.iter().zip(ends).all(|(it, end)| it.ends_with(end));
    assert!(!has_chains() || matches && stack.len() == 2, "{stack:?}");
    // Without debug mode, it is where it is asked for.
    let stack = told(&common::run(calls()));
    assert!(
        stack.len() == 1 && stack[0].ends_with("calls: in asks"),
        "{stack:?}"
    );
}

#[test]
fn an_eager_task_has_a_stack_of_its_own() {
    #[asyncio::coroutine]
    async fn makes() -> AnyTask {
        let task = asyncio::create_eager_task(outer()).any();
        sleep(0).await;
        task
    }
    debugged(async {
        let made = makes().await;
        let stack = ["outer: in outer", "inner: in inner", "leaf: in leaf"];
        assert!(!has_chains() || told(&made.get_stack()) == stack);
        made.cancel();
    });
}

#[test]
fn the_call_graph_has_every_coroutine_innermost_first() {
    debugged(async {
        let task = create_task(outer()).name("worker");
        #[asyncio::coroutine]
        async fn waits_for(task: Task<()>) {
            task.await; // in waits_for
        }
        let waiting = create_task(waits_for(task.clone())).name("waiting");
        turns().await;
        if !has_chains() {
            return;
        }
        let graph = capture_call_graph(&task.any());
        assert!(graph.future == task && graph.awaited_by[0].future == waiting);
        let place = |comment: &str| format!("File '{}', line {}", file!(), line_of(comment));
        let id = |shown: &str| {
            let (_, rest) = shown.split_once("id=").unwrap();
            rest.split_once(')').unwrap().0.to_owned()
        };
        let text = asyncio::format_call_graph(&task.any());
        let waits = graph.awaited_by[0].call_stack[0].function.clone();
        assert!(waits.ends_with("waits_for"), "{waits}");
        // As Python 3.14's documentation has it.
        let expected = [
            format!("* Task(name='worker', id={})", id(&text)),
            "  + Call stack:".to_owned(),
            format!("  |   {}, in async leaf()", place("in leaf")),
            format!("  |   {}, in async inner()", place("in inner")),
            format!("  |   {}, in async outer()", place("in outer")),
            "  + Awaited by:".to_owned(),
            format!(
                "    * Task(name='waiting', id={})",
                id(&graph.awaited_by[0].to_string())
            ),
            "      + Call stack:".to_owned(),
            format!("      |   {}, in async {waits}()", place("in waits_for")),
        ];
        assert_eq!(text.lines().collect::<Vec<_>>(), expected);
        assert_eq!(graph.to_string(), text);
        task.cancel();
    });
}

/// The child's part is this test, too: its standard error is read.
#[test]
fn it_is_printed_as_python_prints_it() {
    if std::env::var_os("PRINTS_STACKS").is_some() {
        return debugged(async {
            let waiting = create_task(outer()).name("waiting");
            let done = create_task(async { 42 }).name("done");
            let failed = create_task(async { panic!("no paper") }).name("failed");
            #[asyncio::coroutine]
            async fn errs() -> Result<(), u8> {
                Err(7)
            }
            let errs = create_task(errs()).name("errs");
            turns().await;
            eprintln!("the stacks:");
            waiting.print_stack();
            done.print_stack();
            failed.print_stack();
            errs.print_stack();
            eprintln!("the end");
            waiting.cancel();
            drop((failed.exception(), errs.exception()));
        });
    }
    let mut child = Command::new(std::env::current_exe().unwrap());
    child.args([
        "--exact",
        "it_is_printed_as_python_prints_it",
        "--nocapture",
    ]);
    let ended = child.env("PRINTS_STACKS", "1").output().unwrap();
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{said}");
    let (_, said) = said.split_once("the stacks:\n").unwrap();
    let (said, _) = said.split_once("the end").unwrap();
    let said: Vec<&str> = said.lines().collect();
    let file = file!();
    let frames: &[(&str, &str)] = if has_chains() {
        &[
            ("in outer", "outer"),
            ("in inner", "inner"),
            ("in leaf", "leaf"),
        ]
    } else {
        &[("in leaf", "outer")]
    };
    let head = said[0];
    assert!(head.starts_with("Stack for <Task pending name='waiting' coro=<outer() running at "));
    assert!(head.ends_with("> (most recent call last):"), "{head}");
    for ((comment, function), line) in frames.iter().zip(&said[1..]) {
        let number = line_of(comment);
        assert_eq!(
            *line,
            format!("  File \"{file}\", line {number}, in {function}")
        );
    }
    let rest = &said[frames.len() + 1..];
    assert!(rest[0].starts_with("No stack for <Task finished name='done' coro=<"));
    assert!(rest[0].ends_with(" result=42>"), "{rest:?}");
    assert!(rest[1].starts_with("Traceback for <Task finished name='failed' coro=<"));
    assert!(rest[1].ends_with("> (most recent call last):"), "{rest:?}");
    assert_eq!(rest[2], "no paper");
    assert!(rest[3].starts_with("Traceback for <Task finished name='errs' coro=<"));
    assert_eq!(rest[4..], ["7"]);
}
