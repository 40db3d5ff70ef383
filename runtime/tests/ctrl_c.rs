//! Ctrl-C in a program under `#[asyncio::main]`.
//!
//! The test runs itself as such a program: only the main thread of a process takes the signal.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, Stdio};

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

fn main() {
    match std::env::var(PROGRAM).as_deref() {
        Ok("stubborn") => return stubborn_program(),
        Ok("listening") => return listening_program(),
        Ok(_) => return program(),
        Err(_) => {}
    }
    the_first_one_cancels_main_and_is_told_in_one_line();
    the_second_one_ends_a_main_that_goes_on();
    one_that_is_ignored_already_stays_ignored();
}

fn interrupt(child: &Child) {
    let interrupt = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupt.unwrap().success());
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
    let output = child.wait_with_output().unwrap();
    assert_eq!(rest, ["cleaned up"]);
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "KeyboardInterrupt\n"
    );
    assert_eq!(output.status.code(), Some(130));
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
    let output = child.wait_with_output().unwrap();
    assert_eq!(rest, "cleaning up\n");
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "KeyboardInterrupt\n"
    );
    assert_eq!(output.status.code(), Some(130));
}
