//! Callbacks of the loop for input and for signals.
#![cfg(unix)]

use std::cell::{Cell, RefCell};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::rc::Rc;

use asyncio::{Event, Signal, create_subprocess_shell, create_task, get_running_loop, sleep};

async fn kill(signal: &str) {
    let command = format!("kill -{signal} {}", std::process::id());
    let process = create_subprocess_shell(command).await.unwrap();
    assert_eq!(process.wait().await.unwrap(), 0);
}

#[asyncio::test]
async fn a_reader_is_called_as_long_as_there_is_input() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let event_loop = get_running_loop();
    let done = Event::new();
    let read = Rc::new(RefCell::new(Vec::new()));
    let mut input = ours.try_clone().unwrap();
    event_loop
        .add_reader(&ours, {
            let (done, read) = (done.clone(), read.clone());
            move || {
                let mut byte = [0];
                input.read_exact(&mut byte).unwrap();
                read.borrow_mut().push(byte[0]);
                if byte == *b"." {
                    done.set();
                }
            }
        })
        .unwrap();
    theirs.write_all(b"one.").unwrap();
    done.wait().await;
    assert_eq!(*read.borrow(), b"one.");
    assert!(event_loop.remove_reader(&ours));
    assert!(!event_loop.remove_reader(&ours));
    theirs.write_all(b"two").unwrap();
    for _ in 0..50 {
        sleep(0).await;
    }
    assert_eq!(*read.borrow(), b"one.");
}

#[asyncio::test]
async fn a_reader_that_panics_is_called_again_and_may_remove_itself() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let ours = Rc::new(ours);
    let event_loop = get_running_loop();
    event_loop.set_exception_handler(|_, _| ());
    let done = Event::new();
    let calls = Rc::new(Cell::new(0));
    event_loop
        .add_reader(&ours, {
            let (ours, done, calls) = (ours.clone(), done.clone(), calls.clone());
            move || {
                calls.set(calls.get() + 1);
                assert!(calls.get() > 1, "the first call fails");
                assert!(get_running_loop().remove_reader(&ours));
                done.set();
            }
        })
        .unwrap();
    theirs.write_all(b"x").unwrap();
    done.wait().await;
    for _ in 0..50 {
        sleep(0).await;
    }
    assert_eq!(calls.get(), 2);
}

#[asyncio::test]
async fn a_writer_is_called_when_there_is_room() {
    let (ours, _theirs) = UnixStream::pair().unwrap();
    let event_loop = get_running_loop();
    let room = Event::new();
    let set = room.clone();
    event_loop.add_writer(&ours, move || set.set()).unwrap();
    room.wait().await;
    assert!(event_loop.remove_writer(&ours));
}

#[asyncio::test(virtual_clock)]
async fn a_virtual_clock_does_not_jump_while_there_is_a_reader() {
    let (ours, mut theirs) = UnixStream::pair().unwrap();
    let event_loop = get_running_loop();
    let came = Event::new();
    let set = came.clone();
    event_loop.add_reader(&ours, move || set.set()).unwrap();
    create_task(sleep(1000));
    std::thread::spawn(move || theirs.write_all(b"x"));
    came.wait().await;
    assert_eq!(event_loop.time(), 0.0);
    event_loop.remove_reader(&ours);
    sleep(1).await;
    assert_eq!(event_loop.time(), 1.0);
}

#[asyncio::test]
async fn a_signal_calls_its_handler_in_the_loop() {
    let event_loop = get_running_loop();
    let came = Event::new();
    let here = std::thread::current().id();
    let set = came.clone();
    event_loop
        .add_signal_handler(Signal::Usr1, move || {
            assert_eq!(std::thread::current().id(), here);
            set.set();
        })
        .unwrap();
    for _ in 0..2 {
        kill("USR1").await;
        came.wait().await;
        came.clear();
    }
    assert!(event_loop.remove_signal_handler(Signal::Usr1));
    assert!(!event_loop.remove_signal_handler(Signal::Usr1));
}

#[asyncio::test]
async fn a_new_handler_replaces_the_old_one() {
    let event_loop = get_running_loop();
    let old = || panic!("the old one");
    event_loop.add_signal_handler(Signal::Usr2, old).unwrap();
    let came = Event::new();
    let set = came.clone();
    let new = move || set.set();
    event_loop.add_signal_handler(Signal::Usr2, new).unwrap();
    kill("USR2").await;
    came.wait().await;
    assert!(event_loop.remove_signal_handler(Signal::Usr2));
}

#[asyncio::test]
async fn a_signal_that_cannot_be_caught_is_refused() {
    let event_loop = get_running_loop();
    for signal in [Signal::Kill, Signal::Stop, Signal::Segv] {
        let refused = event_loop.add_signal_handler(signal, || ()).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
    }
}

/// Runs in a process of its own, which is to be ended by the last signal.
async fn outlive_one_signal_and_not_the_next() {
    let event_loop = get_running_loop();
    for _ in 0..2 {
        let came = Event::new();
        event_loop
            .add_signal_handler(Signal::Term, {
                let came = came.clone();
                move || came.set()
            })
            .unwrap();
        kill("TERM").await;
        came.wait().await;
        assert!(event_loop.remove_signal_handler(Signal::Term));
    }
    kill("TERM").await;
    // It has ended by now.
    sleep(10).await;
}

#[asyncio::test]
async fn a_signal_whose_handler_was_removed_does_what_it_does_by_default() {
    const CHILD: &str = "ASYNCIO_TEST_OF_REMOVED_HANDLER";
    if std::env::var_os(CHILD).is_some() {
        return outlive_one_signal_and_not_the_next().await;
    }
    let this = std::env::current_exe().unwrap();
    let name = "a_signal_whose_handler_was_removed_does_what_it_does_by_default";
    let child = asyncio::create_subprocess_exec(this, ["--exact", name])
        .env(CHILD, "1")
        .stdout(std::process::Stdio::null())
        .await
        .unwrap();
    assert_eq!(child.wait().await.unwrap(), -(Signal::Term as i32));
}
