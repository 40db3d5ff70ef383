//! Ctrl-C in a program under `#[asyncio::main]`.
//!
//! The test runs itself as such a program: only the main thread of a process takes the signal.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use signal_hook::consts::SIGINT;
use signal_hook::flag;

const PROGRAM: &str = "ASYNCIO_TEST_PROGRAM";

#[asyncio::main]
async fn program() {
    println!("sleeping");
    let interrupted = asyncio::catch_cancelled(asyncio::sleep(60)).await;
    println!("cleaning up");
    asyncio::sleep(0).await;
    if let Err(cancelled) = interrupted {
        cancelled.raise::<()>().await;
    }
}

/// What a program does that goes on until it is told a line.
#[asyncio::main]
async fn listening_program() {
    println!("listening");
    let heard = asyncio::to_thread(|| std::io::stdin().lines().next()).await;
    println!("heard {}", heard.unwrap().unwrap());
}

/// What a program does that takes no notice of the first interrupt.
#[asyncio::main]
async fn stubborn_program() {
    struct Last;
    impl Drop for Last {
        fn drop(&mut self) {
            println!("cleaned up");
        }
    }
    let _last = Last;
    println!("sleeping");
    let _interrupted = asyncio::catch_cancelled(asyncio::sleep(60)).await;
    println!("sleeping on");
    asyncio::sleep(60).await;
    println!("slept");
}

/// What a program does that is never without something to do.
#[asyncio::main]
async fn busy_program() {
    println!("busy");
    loop {
        asyncio::sleep(0).await;
    }
}

/// What a program does that waits for what stands on async-io, whose own thread wakes the loop on Linux.
#[asyncio::main]
async fn reactor_program() {
    for _ in 0..100 {
        async_io::Timer::after(std::time::Duration::from_micros(100)).await;
    }
    println!("sleeping");
    asyncio::sleep(60).await;
}

/// What a program does that is interrupted while it runs, and has sockets that its loop looks at
/// before it sleeps.
#[asyncio::main]
async fn looking_program() {
    let _server = asyncio::start_server(async |_, _| {}, "127.0.0.1", 0).await;
    println!("looking");
    let id = std::process::id().to_string();
    let sent = Command::new("kill").args(["-INT", &id]).status();
    assert!(sent.unwrap().success());
    asyncio::sleep(60).await;
}

/// What a program does that blocks its loop, which takes nothing in.
#[asyncio::main]
async fn stuck_program() {
    println!("stuck");
    let _ = std::io::stdin().lines().next();
    println!("got on");
}

/// What a program does that runs one loop after the other.
fn repeated_program() {
    let runner = asyncio::Runner::new();
    for _ in 0..2 {
        let run = std::panic::AssertUnwindSafe(|| {
            runner.run(async {
                println!("sleeping");
                asyncio::sleep(60).await;
            });
        });
        let payload = std::panic::catch_unwind(run).unwrap_err();
        assert!(payload.is::<asyncio::KeyboardInterrupt>());
    }
    drop(runner);
    println!("out of loops");
    let _ = std::io::stdin().lines().next();
    println!("got on");
}

/// What a program does that interrupts itself, in runs that end in different ways.
fn own_program() {
    let interrupt = || {
        let id = std::process::id().to_string();
        let sent = Command::new("kill").args(["-INT", &id]).status();
        assert!(sent.unwrap().success());
    };
    let soon = async move |cancels: bool| {
        let main = asyncio::current_task().unwrap();
        asyncio::create_task(async move {
            asyncio::sleep(0).await;
            if cancels {
                main.cancel();
            }
            interrupt();
        });
        let caught = asyncio::catch_cancelled(asyncio::sleep(60)).await;
        caught.unwrap_err()
    };
    let runner = asyncio::Runner::new();
    let run = |name: &str, main: std::pin::Pin<Box<dyn Future<Output = u32>>>| {
        let run = std::panic::AssertUnwindSafe(|| runner.run(main));
        match std::panic::catch_unwind(run) {
            Ok(value) => println!("{name}: {value}"),
            Err(payload) if payload.is::<asyncio::KeyboardInterrupt>() => {
                println!("{name}: KeyboardInterrupt");
            }
            Err(payload) if payload.is::<asyncio::CancelledError>() => {
                println!("{name}: CancelledError");
            }
            Err(payload) => println!("{name}: {}", payload.downcast_ref::<&str>().unwrap()),
        }
    };
    run(
        "in a callback",
        Box::pin(async move {
            asyncio::get_running_loop().call_soon(interrupt);
            asyncio::Future::new().await
        }),
    );
    run(
        "cancelled before",
        Box::pin(async move { soon(true).await.raise().await }),
    );
    run(
        "as it ends",
        Box::pin(async move {
            interrupt();
            1
        }),
    );
    run(
        "swallowed",
        Box::pin(async move {
            soon(false).await;
            asyncio::current_task().unwrap().cancelling()
        }),
    );
    run(
        "failed",
        Box::pin(async move {
            soon(false).await;
            panic!("failed otherwise")
        }),
    );
}

/// What a program does whose main task is cancelled by something else.
fn cancelled_program() {
    asyncio::run(async {
        asyncio::current_task().unwrap().cancel_with("enough");
        asyncio::sleep(0).await;
    });
}

/// What a program does that counts its threads.
#[cfg(target_os = "linux")]
#[asyncio::main]
async fn counting_program() {
    let server = asyncio::start_server(async |_, _| {}, "127.0.0.1", 0).await;
    let port = server.unwrap().addresses()[0].port();
    let (reader, _writer) = asyncio::open_connection("127.0.0.1", port).await.unwrap();
    assert!(reader.read(1).await.unwrap().is_empty());
    asyncio::sleep(0.001).await;
    println!("{}", std::fs::read_dir("/proc/self/task").unwrap().count());
}

fn main() {
    match std::env::var(PROGRAM).as_deref() {
        Ok("busy") => return busy_program(),
        Ok("reactor") => return reactor_program(),
        Ok("looking") => return looking_program(),
        Ok("cancelled") => return cancelled_program(),
        Ok("stuck") => return stuck_program(),
        Ok("repeated") => return repeated_program(),
        Ok("own") => return own_program(),
        #[cfg(target_os = "linux")]
        Ok("counting") => return counting_program(),
        Ok("stubborn") => return stubborn_program(),
        Ok("listening") => return listening_program(),
        Ok(_) => return program(),
        Err(_) => {}
    }
    interrupts_are_not_ignored();
    the_first_one_cancels_main_and_is_told_in_one_line();
    the_second_one_ends_a_main_that_goes_on();
    one_that_is_ignored_already_stays_ignored();
    it_reaches_a_loop_that_never_sleeps_and_one_that_async_io_wakes();
    one_that_comes_before_a_look_at_the_input_is_not_taken_in_by_that();
    the_second_one_ends_a_loop_that_is_stuck();
    a_main_that_something_else_cancels_says_so();
    each_run_has_its_own_and_none_is_kept_from_ending_between_them();
    how_main_ends_is_what_its_run_ends_with();
    #[cfg(target_os = "linux")]
    it_costs_no_thread();
}

fn interrupt(child: &Child) {
    let interrupt = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupt.unwrap().success());
}

fn start(program: &str) -> (Child, impl Iterator<Item = String> + use<>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .env(PROGRAM, program)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let shown = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, shown.map(Result::unwrap))
}

/// Programs that are started from now on do not ignore it, even if this one was made to, as what a shell
/// runs in the background is: a handler does not outlive the start of a program, where being ignored does.
fn interrupts_are_not_ignored() {
    let always = Arc::new(AtomicBool::new(true));
    flag::register_conditional_default(SIGINT, always).unwrap();
}

/// How a program ends that Ctrl-C has ended.
fn interrupted() -> (Option<i32>, String) {
    (Some(130), "KeyboardInterrupt\n".to_owned())
}

/// Its status, and what it said of its end.
fn end_of(child: Child) -> (Option<i32>, String) {
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), said)
}

fn it_reaches_a_loop_that_never_sleeps_and_one_that_async_io_wakes() {
    for (program, begun) in [("busy", "busy"), ("reactor", "sleeping")] {
        let (child, mut shown) = start(program);
        assert_eq!(shown.next().unwrap(), begun);
        interrupt(&child);
        assert_eq!(end_of(child), interrupted());
    }
}

fn one_that_comes_before_a_look_at_the_input_is_not_taken_in_by_that() {
    let begun = std::time::Instant::now();
    let (child, mut shown) = start("looking");
    assert_eq!(shown.next().unwrap(), "looking");
    assert_eq!(end_of(child), interrupted());
    // Or else it was the end of the sleep that it came with.
    assert!(begun.elapsed().as_secs() < 60);
}

fn the_second_one_ends_a_loop_that_is_stuck() {
    let (mut child, mut shown) = start("stuck");
    assert_eq!(shown.next().unwrap(), "stuck");
    let input = child.stdin.take();
    // Two that come while it takes in neither are one to the system: it gets as many as it takes.
    while child.try_wait().unwrap().is_none() {
        interrupt(&child);
    }
    drop(input);
    assert_eq!(shown.next(), None);
    assert_eq!(end_of(child), interrupted());
}

fn a_main_that_something_else_cancels_says_so() {
    let (child, mut shown) = start("cancelled");
    assert_eq!(shown.next(), None);
    let (status, said) = end_of(child);
    assert_eq!(status, Some(101));
    let told = "\nCancelledError: enough (raised at runtime/tests/ctrl_c.rs:";
    assert!(said.contains(told), "{said}");
}

fn each_run_has_its_own_and_none_is_kept_from_ending_between_them() {
    let (mut child, mut shown) = start("repeated");
    let input = child.stdin.take();
    for line in ["sleeping", "sleeping", "out of loops"] {
        assert_eq!(shown.next().unwrap(), line);
        interrupt(&child);
    }
    assert_eq!(shown.next(), None);
    assert_eq!(end_of(child), (Some(130), String::new()));
    drop(input);
}

/// As CPython's `test_interrupt_call_soon` and `test_interrupt_cancelled_task`: main was interrupted if it ends
/// cancelled by that and by nothing else.
fn how_main_ends_is_what_its_run_ends_with() {
    let (child, shown) = start("own");
    let ended = [
        "in a callback: KeyboardInterrupt",
        "cancelled before: CancelledError",
        "as it ends: KeyboardInterrupt",
        "swallowed: 1",
        "failed: failed otherwise",
    ];
    assert_eq!(shown.collect::<Vec<_>>(), ended);
    assert_eq!(end_of(child).0, Some(0));
}

#[cfg(target_os = "linux")]
fn it_costs_no_thread() {
    let (child, mut shown) = start("counting");
    assert_eq!(shown.next().unwrap(), "1");
    assert_eq!(end_of(child), (Some(0), String::new()));
}

/// As under `nohup` and for what a shell runs in the background: who made it so handles it.
fn one_that_is_ignored_already_stays_ignored() {
    let mut child = Command::new("sh")
        .args(["-c", "trap '' INT; exec \"$0\""])
        .arg(std::env::current_exe().unwrap())
        .env(PROGRAM, "listening")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(shown.next().unwrap().unwrap(), "listening");
    interrupt(&child);
    writeln!(child.stdin.take().unwrap(), "this").unwrap();
    assert_eq!(shown.next().unwrap().unwrap(), "heard this");
    assert!(child.wait().unwrap().success());
}

fn the_second_one_ends_a_main_that_goes_on() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .env(PROGRAM, "stubborn")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = BufReader::new(child.stdout.take().unwrap()).lines();
    for line in ["sleeping", "sleeping on"] {
        assert_eq!(shown.next().unwrap().unwrap(), line);
        interrupt(&child);
    }
    let rest: Vec<String> = shown.map(Result::unwrap).collect();
    assert_eq!(end_of(child), interrupted());
    assert_eq!(rest, ["cleaned up"]);
}

fn the_first_one_cancels_main_and_is_told_in_one_line() {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .env(PROGRAM, "")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut shown = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    shown.read_line(&mut line).unwrap();
    assert_eq!(line, "sleeping\n");

    interrupt(&child);

    let mut rest = String::new();
    shown.read_to_string(&mut rest).unwrap();
    assert_eq!(end_of(child), interrupted());
    assert_eq!(rest, "cleaning up\n");
}
