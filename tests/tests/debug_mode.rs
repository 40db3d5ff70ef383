//! Debug mode: how it is turned on, and what it says of what is slow.

mod common;

use std::process::Command;

use asyncio::{create_task, sleep};
use common::run;
use tests::logged;

/// The child's part is this test, too: it is told what to expect.
#[test]
fn the_environment_turns_it_on() {
    if let Some(expected) = std::env::var_os("EXPECTED_DEBUG") {
        let event_loop = asyncio::new_event_loop();
        assert_eq!(event_loop.get_debug(), expected == "on");
        return event_loop.close();
    }
    let this_test = std::env::current_exe().unwrap();
    for (value, expected) in [
        (Some("1"), "on"),
        (Some("0"), "off"),
        (Some(""), "off"),
        (None, "off"),
    ] {
        let mut child = Command::new(&this_test);
        child.args(["--exact", "the_environment_turns_it_on"]);
        child.env_remove("ASYNCIO_DEBUG");
        child.envs(value.map(|value| ("ASYNCIO_DEBUG", value)));
        let ended = child.env("EXPECTED_DEBUG", expected).output().unwrap();
        let said = String::from_utf8_lossy(&ended.stdout);
        assert!(ended.status.success(), "{value:?}: {said}");
        assert!(said.contains("1 passed"), "{said}");
    }
}

#[test]
fn a_runner_and_the_loop_itself_turn_it_on_and_off() {
    let runner = asyncio::Runner::new().debug(true);
    runner.run(async {
        let event_loop = asyncio::get_running_loop();
        assert!(event_loop.get_debug());
        event_loop.set_debug(false);
        assert!(!event_loop.get_debug());
    });
}

/// Debug mode says which callback was slow by the line that handed it over.
#[test]
fn slow_callbacks_are_known_by_where_they_were_handed_over() {
    let slow = || asyncio::testing::block(0.25);
    let lines = std::cell::RefCell::new(Vec::new());
    let ((), messages) = logged(|| {
        run(async {
            let event_loop = asyncio::get_running_loop();
            event_loop.set_debug(true);
            let future = asyncio::Future::<()>::new();
            let task = create_task(sleep(1));
            lines.borrow_mut().push(line!() + 1);
            event_loop.call_soon(slow);
            lines.borrow_mut().push(line!() + 1);
            event_loop.call_soon_threadsafe(slow);
            lines.borrow_mut().push(line!() + 1);
            event_loop.remote().call_soon_threadsafe(slow).unwrap();
            lines.borrow_mut().push(line!() + 1);
            event_loop.call_later(0.5, slow);
            lines.borrow_mut().push(line!() + 1);
            task.add_done_callback(move |_| slow());
            lines.borrow_mut().push(line!() + 1);
            future.add_done_callback(move |_| slow());
            sleep(2).await;
            future.set_result(());
            sleep(1).await;
        });
    });
    let lines = lines.into_inner();
    assert_eq!(messages.len(), lines.len(), "{messages:?}");
    for (message, line) in messages.iter().zip(lines) {
        let file = file!();
        let expected = format!("<Handle created at {file}:{line}> took 0.250 seconds");
        assert!(message.contains(&expected), "{message}");
    }
}
