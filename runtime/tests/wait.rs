//! When `wait` ends.

use asyncio::testing::Clock;
use asyncio::{FIRST_EXCEPTION, Runner, Task};

type Outcome = Result<u32, &'static str>;

fn on_the_virtual_clock<T>(main: impl Future<Output = T>) -> T {
    Runner::new().clock(Clock::virtual_clock()).run(main)
}

fn after(seconds: u64, outcome: Outcome) -> Task<Outcome> {
    asyncio::create_task(async move {
        asyncio::sleep(seconds).await;
        outcome
    })
}

#[test]
fn an_err_is_the_exception_of_a_task_whose_output_is_a_result() {
    on_the_virtual_clock(async {
        let tasks = [after(1, Ok(1)), after(2, Err("two")), after(3, Ok(3))];
        let (done, pending) = asyncio::wait(tasks.clone())
            .return_when(FIRST_EXCEPTION)
            .await;
        assert_eq!(done, tasks[..2]);
        assert_eq!(pending, tasks[2..]);
    });
}

#[test]
fn tasks_may_be_waited_for_by_reference() {
    on_the_virtual_clock(async {
        let tasks = [after(1, Ok(1)), after(2, Err("two"))];
        let (done, pending) = asyncio::wait(&tasks).timeout(1.5).await;
        assert_eq!((&done[..], &pending[..]), (&tasks[..1], &tasks[1..]));
        let any = tasks.each_ref().map(Task::any);
        let (done, pending) = asyncio::wait(&any).await;
        assert_eq!((&done[..], pending.len()), (&any[..], 0));
        assert_eq!(asyncio::gather(&tasks).await, [Ok(1), Err("two")]);
    });
}

#[test]
fn a_panic_is_an_exception_of_any_task() {
    on_the_virtual_clock(async {
        let fails = asyncio::create_task(async {
            asyncio::sleep(1).await;
            panic!("one");
        });
        let sleeps = asyncio::create_task(asyncio::sleep(2));
        let (done, pending) = asyncio::wait([fails.any(), sleeps.any()])
            .return_when(FIRST_EXCEPTION)
            .await;
        assert_eq!((done, pending), (vec![fails.any()], vec![sleeps.any()]));
    });
}

#[test]
fn a_cancelled_task_has_not_failed() {
    on_the_virtual_clock(async {
        let tasks = [after(5, Ok(5)), after(2, Ok(2))];
        asyncio::get_running_loop().call_later(1, {
            let first = tasks[0].clone();
            move || {
                first.cancel();
            }
        });
        let (done, pending) = asyncio::wait(tasks).return_when(FIRST_EXCEPTION).await;
        assert_eq!((done.len(), pending.len()), (2, 0));
    });
}

#[test]
fn an_err_that_somebody_else_has_taken_is_none() {
    on_the_virtual_clock(async {
        let tasks = [after(1, Err("one")), after(2, Ok(2))];
        let taker = asyncio::create_task(tasks[0].clone());
        asyncio::sleep(0).await;
        let (done, _) = asyncio::wait(tasks).return_when(FIRST_EXCEPTION).await;
        assert_eq!(done.len(), 2);
        assert_eq!(taker.await, Err("one"));
    });
}
