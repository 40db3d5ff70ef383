//! The memory of tasks, which loops keep for the next: wakers that stay behind elsewhere, and come late.

use std::future::poll_fn;
use std::sync::mpsc;
use std::task::{Poll, Waker};

/// Tasks whose wakers go elsewhere; they have ended when this returns.
async fn tasks_with_wakers(count: usize, mut take: impl FnMut(Waker) + Clone + 'static) {
    let tasks: Vec<_> = (0..count)
        .map(|number| {
            let mut take = take.clone();
            asyncio::create_task(async move {
                let mut is_first = true;
                poll_fn(move |cx| {
                    if !std::mem::replace(&mut is_first, false) {
                        return Poll::Ready(());
                    }
                    take(cx.waker().clone());
                    cx.waker().wake_by_ref();
                    Poll::Pending
                })
                .await;
                vec![number; 3]
            })
        })
        .collect();
    take(Waker::noop().clone());
    for (number, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await, [number; 3]);
    }
}

#[test]
fn blocks_whose_wakers_are_elsewhere_are_not_given_to_other_tasks() {
    let (sender, receiver) = mpsc::channel::<Waker>();
    let elsewhere = std::thread::spawn(move || {
        let mut count = 0;
        for waker in receiver {
            waker.wake_by_ref();
            drop(waker.clone());
            drop(waker);
            count += 1;
        }
        count
    });
    asyncio::run(async move {
        for _ in 0..20 {
            let sender = sender.clone();
            tasks_with_wakers(50, move |waker| sender.send(waker).expect("it is there")).await;
        }
    });
    assert_eq!(elsewhere.join().expect("it ends"), 20 * 51);
}

#[test]
fn a_loop_takes_in_the_blocks_of_another_ones_tasks() {
    let (sender, receiver) = mpsc::channel();
    asyncio::run(tasks_with_wakers(100, move |waker| {
        sender.send(waker).expect("it is there");
    }));
    // That loop is gone: what is left of its tasks is this one's, and is used again.
    let wakers: Vec<_> = receiver.into_iter().collect();
    let elsewhere = std::thread::spawn(move || {
        asyncio::run(async move {
            for waker in wakers {
                waker.wake();
            }
            tasks_with_wakers(200, |_| ()).await;
        });
    });
    elsewhere.join().expect("it ends");
}

#[test]
fn wakers_come_home_after_their_tasks_have_ended_and_after_their_loop_has() {
    let mut wakers = Vec::new();
    for _ in 0..3 {
        let (sender, receiver) = mpsc::channel();
        asyncio::run(async move {
            tasks_with_wakers(10, {
                let sender = sender.clone();
                move |waker| sender.send(waker).expect("it is there")
            })
            .await;
            drop(sender);
            for waker in receiver {
                drop(waker.clone());
                waker.wake_by_ref();
            }
            tasks_with_wakers(20, |_| ()).await;
        });
        let (sender, receiver) = mpsc::channel();
        asyncio::run(tasks_with_wakers(10, move |waker| {
            sender.send(waker).expect("it is there");
        }));
        wakers.extend(receiver);
    }
    assert_eq!(wakers.len(), 33);
    wakers.into_iter().for_each(Waker::wake);
}
