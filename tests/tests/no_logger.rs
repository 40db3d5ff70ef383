//! What is said when the program set no logger. No test here may set one.

use std::process::Command;

use asyncio::{create_task, get_running_loop, sleep};

/// The child's part is this test, too.
#[test]
fn it_is_said_on_standard_error_as_python_does() {
    if std::env::var_os("SAYS").is_some() {
        return asyncio::Runner::new()
            .debug(true)
            .clock(asyncio::testing::Clock::virtual_clock())
            .run(async {
                std::panic::set_hook(Box::new(|_| ()));
                drop(create_task(async { panic!("nobody asks") }).name("loser"));
                sleep(1).await;
                get_running_loop().call_soon(|| asyncio::testing::block(0.5));
                sleep(1).await;
            });
    }
    let mut child = Command::new(std::env::current_exe().expect("this test"));
    child.args([
        "--exact",
        "it_is_said_on_standard_error_as_python_does",
        "--nocapture",
    ]);
    child.env_remove("ASYNCIO_DEBUG");
    let ended = child.env("SAYS", "1").output().expect("it runs");
    let said = String::from_utf8_lossy(&ended.stderr).into_owned();
    assert!(ended.status.success(), "{said}");
    let said: Vec<&str> = said.lines().collect();
    let [never, task, .., slow] = said[..] else {
        panic!("{said:?}");
    };
    assert_eq!(never, "Task exception was never retrieved");
    assert!(task.starts_with("future: <Task finished name='loser' coro=<"));
    assert!(said.contains(&"exception: nobody asks"), "{said:?}");
    assert!(slow.starts_with("Executing <Handle"), "{slow}");
    assert!(slow.ends_with(" took 0.500 seconds"), "{slow}");
}
