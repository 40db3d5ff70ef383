//! `#[async_with]`: whatever way the block is left, `aexit` runs first, and then it is left that way.
#![forbid(unsafe_code)]
#![allow(clippy::never_loop, reason = "the jumps are what is tested")]

use std::cell::RefCell;
use std::rc::Rc;

use asyncio::testing::Clock;
use asyncio::{AsyncExit, Runner, catch_cancelled, create_task, sleep};

type Log = Rc<RefCell<Vec<&'static str>>>;

fn run<F: Future>(future: F) -> F::Output {
    Runner::new().clock(Clock::virtual_clock()).run(future)
}

struct M(Log, u32);

impl AsyncExit for M {
    async fn aexit(&mut self) {
        self.0.borrow_mut().push("exit");
        sleep(1).await;
        self.0.borrow_mut().push("exited");
    }
}

#[asyncio::coroutine]
async fn leave(log: Log, how: &str) -> Result<u32, String> {
    let mut rounds = 0;
    let _ = rounds;
    'outer: loop {
        for round in 0..5 {
            rounds = round;
            let value = #[async_with(m = M(log.clone(), 3))]
            {
                await_!(sleep(1));
                m.1 += 1;
                match how {
                    "end" => {}
                    "return" => return Ok(m.1),
                    "error" => failing()?,
                    "continue" if round < 2 => continue,
                    "break" => break,
                    "break outer" => {
                        let mut n = 0;
                        loop {
                            n += 1;
                            if n > 3 {
                                break;
                            }
                        }
                        while n < 10 {
                            n += 1;
                            continue;
                        }
                        if n == 10 {
                            break 'outer;
                        }
                    }
                    "panic" => panic!("in the block"),
                    _ => {}
                }
                m.1 * 10
            };
            log.borrow_mut().push("after");
            return Ok(value + rounds);
        }
        if rounds < 9 {
            return Ok(100);
        }
    }
    Ok(200 + rounds)
}

fn failing() -> Result<(), String> {
    Err("failed".to_owned())
}

#[track_caller]
fn check(how: &str, result: Result<u32, String>, logged: &[&str]) {
    let log = Log::default();
    assert_eq!(run(leave(log.clone(), how)), result);
    assert_eq!(*log.borrow(), logged);
}

#[test]
fn its_value_is_the_blocks() {
    check("end", Ok(40), &["exit", "exited", "after"]);
}

#[test]
fn return_exits_first() {
    check("return", Ok(4), &["exit", "exited"]);
}

#[test]
fn an_error_exits_first() {
    check("error", Err("failed".to_owned()), &["exit", "exited"]);
}

#[test]
fn continue_exits_each_time() {
    check(
        "continue",
        Ok(42),
        &[
            "exit", "exited", "exit", "exited", "exit", "exited", "after",
        ],
    );
}

#[test]
fn break_exits_first() {
    check("break", Ok(100), &["exit", "exited"]);
    check("break outer", Ok(200), &["exit", "exited"]);
}

#[test]
fn a_panic_exits_first() {
    let log = Log::default();
    let lines = log.clone();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
        run(leave(lines, "panic"))
    }));
    assert_eq!(
        *panicked.unwrap_err().downcast::<&str>().unwrap(),
        "in the block"
    );
    assert_eq!(*log.borrow(), ["exit", "exited"]);
}

#[test]
fn a_cancellation_exits_first() {
    let log = Log::default();
    run(async {
        let task = create_task({
            let log = log.clone();
            async move { leave(log, "end").await }
        });
        sleep(0.5).await;
        task.cancel();
        assert!(catch_cancelled(task.clone()).await.is_err());
        assert!(task.cancelled());
    });
    assert_eq!(*log.borrow(), ["exit", "exited"]);
}

#[asyncio::coroutine]
async fn several(log: Log) -> u32 {
    #[async_with(a = M(log.clone(), 1), b = M(log.clone(), a.1 + 1), M(log.clone(), 9))]
    {
        b.1 += a.1;
        b.1
    }
}

#[test]
fn takes_several_managers_and_stands_as_a_tail() {
    let log = Log::default();
    assert_eq!(run(several(log.clone())), 3);
    assert_eq!(log.borrow().len(), 6);
}

#[asyncio::coroutine]
async fn nested(log: Log) -> u32 {
    for n in 0..3 {
        #[async_with(_a = M(log.clone(), 1))]
        {
            #[async_with(_b = M(log.clone(), 1))]
            {
                if n == 0 {
                    continue;
                }
                if n == 1 {
                    break;
                }
            }
            unreachable!();
        }
    }
    log.borrow().len() as u32
}

#[test]
fn jumps_cross_several_blocks() {
    assert_eq!(run(nested(Log::default())), 8);
}

struct Pair {
    a: u32,
}

#[asyncio::coroutine]
async fn loops_inside(log: Log) -> Vec<u32> {
    let mut seen = Vec::new();
    for n in 0..2 {
        #[async_with(_m = M(log.clone(), 1))]
        {
            let mut next = Some(Pair { a: n });
            while let Some(Pair { a }) = next.take() {
                seen.push(a);
                break;
            }
            let mut pair = Pair { a: 10 };
            while let Pair { a: 10 } = pair {
                pair.a += 1;
                seen.push(pair.a);
                continue;
            }
            for Pair { a } in [Pair { a: 20 }, Pair { a: 21 }] {
                if a == 21 {
                    break;
                }
                seen.push(a);
            }
            let last = loop {
                break 30;
            };
            seen.push(last);
        }
    }
    seen
}

#[test]
fn loops_inside_keep_their_own_jumps() {
    assert_eq!(
        run(loops_inside(Log::default())),
        [0, 11, 20, 30, 1, 11, 20, 30]
    );
}

/// `try` .. `finally` with an await in it, in an async generator.
#[asyncio::coroutine]
async fn pages(log: &Log, n: usize) -> asyncio::AsyncGenerator<usize> {
    #[async_with(asyncio::on_exit(async || {
        log.borrow_mut().push("closing");
        await_!(sleep(1));
        log.borrow_mut().push("closed");
    }))]
    {
        for i in 0..n {
            if i == 3 {
                return;
            }
            yield_!(i);
        }
        log.borrow_mut().push("end");
    }
    log.borrow_mut().push("after");
}

#[test]
fn a_closure_is_run_on_every_way_out() {
    let log = Log::default();
    run(async {
        let mut g = pages(&log, 2);
        assert_eq!(g.anext().await, Some(0));
        g.aclose().await;
        assert_eq!(log.take(), ["closing", "closed"]);

        let mut g = pages(&log, 1);
        assert_eq!(g.anext().await, Some(0));
        assert_eq!(g.anext().await, None);
        assert_eq!(log.take(), ["end", "closing", "closed", "after"]);

        let mut g = pages(&log, 9);
        while g.anext().await.is_some() {}
        assert_eq!(log.take(), ["closing", "closed"]);

        // Dropped, it has nobody to await it.
        let mut g = pages(&log, 2);
        assert_eq!(g.anext().await, Some(0));
        drop(g);
        assert!(log.take().is_empty());
    });
}

/// Whose loop a `break` leaves, where it is hard to see which braces are a loop's body.
#[asyncio::coroutine]
async fn jumps_of_inner_loops(log: &Log) -> Vec<u32> {
    let mut seen = Vec::new();
    for round in 0..3 {
        #[async_with(_m = M(log.clone(), 0))]
        {
            #[async_for]
            for x in futures::stream::iter(0..9) {
                if x == 1 {
                    break;
                }
                if x == 0 {
                    continue;
                }
                unreachable!();
            }
            #[allow(clippy::blocks_in_conditions)]
            while {
                let more = round + 1;
                more > 0
            } {
                break;
            }
            while let Some(n) = match round {
                0 => Some(7),
                _ => None,
            } {
                seen.push(n);
                break;
            }
            for n in {
                let last = 21;
                [20, last]
            } {
                if n == 21 {
                    break;
                }
                seen.push(n);
            }
            while let M(_, 0) = _m {
                break;
            }
            if round == 1 {
                break;
            }
            seen.push(round);
        }
    }
    seen
}

#[test]
fn the_jumps_of_inner_loops_are_theirs() {
    let log = Log::default();
    let seen = run(jumps_of_inner_loops(&log));
    assert_eq!(seen, [7, 20, 0, 20]);
    assert_eq!(log.take().len(), 4);
}
