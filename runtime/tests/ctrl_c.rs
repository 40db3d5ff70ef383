//! Ctrl-C in a program under `#[asyncio::main]`.
//!
//! The test runs itself as such a program: only the main thread of a process takes the signal.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read};
use std::process::{Command, Stdio};

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

fn main() {
    if std::env::var_os(PROGRAM).is_some() {
        return program();
    }
    the_first_one_cancels_main_and_is_told_in_one_line();
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

    let interrupt = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupt.unwrap().success());

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
