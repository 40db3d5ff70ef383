//! The virtual clock: when it jumps, and when not.

mod common;

use asyncio::testing::{Clock, block};
use asyncio::{Runner, create_task, get_running_loop, sleep};
use common::run;
use tests::logged;

fn now() -> f64 {
    get_running_loop().time()
}

#[test]
fn it_jumps_to_each_timer_in_turn() {
    run(async {
        let times = asyncio::gather([3, 1, 2].map(|seconds| async move {
            sleep(seconds).await;
            now()
        }));
        assert_eq!(times.await, [3.0, 1.0, 2.0]);
    });
}

#[test]
fn it_jumps_however_late_it_is() {
    run(async {
        for _ in 0..3 {
            sleep(1e17).await;
            sleep(1e-3).await;
        }
        assert_eq!(now(), 3e17);
    });
}

#[test]
fn it_does_not_jump_to_the_end_of_time() {
    run(async {
        let endless = create_task(sleep(f64::INFINITY));
        let endless_wait = create_task(asyncio::wait_for(sleep(f64::INFINITY), f64::INFINITY));
        sleep(1).await;
        assert_eq!(now(), 1.0);
        assert!(!endless.done() && !endless_wait.done());
    });
}

#[test]
fn it_stands_still_while_another_thread_is_awaited() {
    run(async {
        let (go, may_go) = std::sync::mpsc::channel::<()>();
        let (sender, receiver) = futures::channel::oneshot::channel();
        std::thread::spawn(move || {
            may_go.recv().unwrap();
            sender.send(()).unwrap();
        });
        let timer = create_task(sleep(1));
        let waiting = create_task(async move {
            receiver.await.unwrap();
            now()
        });
        sleep(0).await;
        go.send(()).unwrap();
        assert_eq!(waiting.await, 0.0);
        timer.await;
        assert_eq!(now(), 1.0);
    });
}

#[test]
fn it_jumps_for_a_task_that_awaits_another_one_through_a_foreign_channel() {
    use futures::{SinkExt, StreamExt};
    let started = std::time::Instant::now();
    run(async {
        let (mut sender, mut receiver) = futures::channel::mpsc::channel(0);
        let producer = create_task(async move {
            for n in 0..200 {
                sleep(1).await;
                sender.send(n).await.unwrap();
            }
        });
        for n in 0..200 {
            assert_eq!(receiver.next().await, Some(n));
            assert_eq!(now(), f64::from(n + 1));
        }
        producer.await;
    });
    let took = started.elapsed().as_secs_f64();
    assert!(took < 20.0, "it is less patient each time: {took} s");
}

#[test]
fn what_was_awaited_in_vain_is_awaited_no_more() {
    let started = std::time::Instant::now();
    run(async {
        let endless = create_task(std::future::pending::<()>());
        for _ in 0..1_000 {
            sleep(1).await;
        }
        assert!(!endless.done());
    });
    assert!(started.elapsed().as_secs_f64() < 20.0);
}

#[test]
fn a_task_that_was_stopped_while_it_awaited_a_thread_is_awaited_no_more() {
    let clock = Clock::virtual_clock();
    let runner = Runner::new().clock(clock.clone());
    let event_loop = runner.get_loop();
    let other = event_loop.clone();
    event_loop.call_soon(move || {
        let again = other.clone();
        other.call_soon(move || again.stop());
    });
    let stopped = common::message_of(|| {
        event_loop.run_until_complete(std::future::pending::<()>());
    });
    assert_eq!(stopped, "Event loop stopped before Future completed.");
    runner.run(sleep(1));
    assert_eq!(clock.time(), 1.0);
}

#[test]
fn blocking_work_moves_it_on_and_what_is_due_meanwhile_rings_after() {
    run(async {
        let naps = [1, 2].map(|seconds| {
            create_task(async move {
                sleep(seconds).await;
                now()
            })
        });
        sleep(0).await;
        block(3);
        assert_eq!(asyncio::gather(naps).await, [3.0, 3.0]);
    });
}

#[test]
fn in_debug_mode_what_blocks_is_named() {
    let ((), messages) = logged(|| {
        let runner = Runner::new().clock(Clock::virtual_clock()).debug(true);
        runner.run(async {
            create_task(async { block(0.5) }).name("slow").await;
            get_running_loop().call_soon(|| block(0.2));
            sleep(0).await;
        });
    });
    assert_eq!(messages.len(), 2, "{messages:?}");
    assert!(messages[0].starts_with("Executing <Task finished name='slow'"));
    assert!(messages[0].ends_with("took 0.500 seconds"));
    assert!(messages[1].starts_with("Executing <Handle"));
    assert!(messages[1].ends_with("took 0.200 seconds"));
}
