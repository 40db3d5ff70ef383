//! The loop, the tasks, what they wait for and their wakers go in any order, from any state, on any thread that
//! may hold one: nothing is left of them. Every combination is made, not only those that somebody thought of.

#[path = "../common/mod.rs"]
mod common;
mod states;

use std::task::Waker;

use asyncio::{EventLoop, create_task, new_event_loop, sleep};
use states::{Kit, STATES, State};
use tests::logged;

/// What becomes of the wakers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wakers {
    Dropped,
    Woken,
    DroppedElsewhere,
    WokenElsewhere,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Loop,
    Tasks,
    Things,
    Wakers,
}

fn orders() -> Vec<[Part; 4]> {
    use Part::*;
    let all = [Loop, Tasks, Things, Wakers];
    let mut orders = Vec::new();
    for a in all {
        for b in all.into_iter().filter(|b| *b != a) {
            for c in all.into_iter().filter(|c| *c != a && *c != b) {
                let last = all.into_iter().find(|d| ![a, b, c].contains(d));
                orders.push([a, b, c, last.expect("there are four")]);
            }
        }
    }
    orders
}

fn let_go(wakers: Vec<Waker>, how: Wakers) {
    let act = move |wake: bool| {
        for waker in wakers {
            if wake {
                let other = waker.clone();
                waker.wake_by_ref();
                other.wake();
            }
            drop(waker.clone());
            drop(waker);
        }
    };
    match how {
        Wakers::Dropped => act(false),
        Wakers::Woken => act(true),
        Wakers::DroppedElsewhere => std::thread::spawn(move || act(false)).join().unwrap(),
        Wakers::WokenElsewhere => std::thread::spawn(move || act(true)).join().unwrap(),
    }
}

fn turns(event_loop: &EventLoop) {
    event_loop.run_until_complete(async {
        for _ in 0..4 {
            sleep(0).await;
        }
    });
}

/// Makes a state, and drops its parts in this order. In between the loop may be closed, or run again.
fn check((name, make): State, order: [Part; 4], how: Wakers, closes: bool, runs: bool) {
    let kit = Kit::default();
    let ((), _) = logged(|| {
        let event_loop = new_event_loop();
        let mut made = event_loop.run_until_complete(async {
            let made = make(&kit);
            for _ in 0..4 {
                sleep(0).await;
            }
            made
        });
        if let Some(after) = made.after.take() {
            made.tasks.extend(after(&event_loop));
        }
        if closes {
            event_loop.close();
        }
        let mut event_loop = Some(event_loop);
        for part in order {
            match part {
                Part::Loop => drop(event_loop.take()),
                Part::Tasks => made.tasks.clear(),
                Part::Things => made.things.clear(),
                Part::Wakers => {
                    let wakers = std::mem::take(&mut *kit.wakers.lock().unwrap());
                    let_go(wakers, how);
                }
            }
            if let Some(event_loop) = event_loop.as_ref().filter(|_| runs && !closes) {
                turns(event_loop);
            }
        }
        // Those of coroutines that ran in between.
        kit.wakers.lock().unwrap().clear();
    });
    let alive = kit.counter.alive();
    assert_eq!(
        alive, 0,
        "{name}: {order:?}, {how:?}, closes {closes}, runs {runs}"
    );
}

#[test]
fn whatever_goes_first_nothing_is_left() {
    let all = [
        Wakers::Dropped,
        Wakers::Woken,
        Wakers::DroppedElsewhere,
        Wakers::WokenElsewhere,
    ];
    let mut orders = orders();
    assert_eq!(orders.len(), 24);
    if cfg!(valgrind) {
        orders.retain(|order| order[0] != Part::Things);
    }
    std::panic::set_hook(Box::new(|_| {}));
    for state in STATES {
        for (number, order) in orders.iter().enumerate() {
            for (closes, runs) in [(false, false), (false, true), (true, false)] {
                for how in all {
                    // Threads take their time there.
                    if cfg!(valgrind) && how as usize != number % all.len() {
                        continue;
                    }
                    check(*state, *order, how, closes, runs);
                }
            }
        }
    }
    drop(std::panic::take_hook());
}

/// A loop that is dropped by one of its own tasks' destructors, or while another loop runs.
#[test]
fn a_loop_goes_while_another_one_runs() {
    std::panic::set_hook(Box::new(|_| {}));
    for state in STATES {
        let kit = Kit::default();
        let ((), _) = logged(|| {
            let inner = new_event_loop();
            let mut made = inner.run_until_complete(async {
                let made = (state.1)(&kit);
                for _ in 0..4 {
                    sleep(0).await;
                }
                made
            });
            if let Some(after) = made.after.take() {
                made.tasks.extend(after(&inner));
            }
            asyncio::run(async {
                // Its wakers are woken in a loop that is not theirs.
                for waker in kit.wakers.lock().unwrap().iter() {
                    waker.wake_by_ref();
                }
                let holds = create_task(async move {
                    let _made = made;
                    let _inner = inner;
                    sleep(1000).await;
                });
                sleep(0).await;
                holds.cancel();
                sleep(0).await;
                for waker in kit.wakers.lock().unwrap().drain(..) {
                    waker.wake();
                }
            });
        });
        assert_eq!(kit.counter.alive(), 0, "{}", state.0);
    }
    drop(std::panic::take_hook());
}
