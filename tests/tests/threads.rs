//! The loop and other threads: wakes, calls, and what is left when either goes first.

mod common;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Poll, Waker};
use std::thread;

use asyncio::{Future, create_task, get_running_loop, new_event_loop, sleep};
use common::run;

#[test]
fn what_another_thread_was_quick_with_takes_a_turn_of_the_loop_too() {
    run(async {
        let pool = asyncio::ThreadPoolExecutor::new(1);
        let work = pool.submit(|| 42);
        pool.shutdown();
        assert!(work.done());
        let turn = std::rc::Rc::new(std::cell::Cell::new(false));
        let taken = turn.clone();
        get_running_loop().call_soon(move || taken.set(true));
        assert_eq!(work.await, 42);
        assert!(turn.get());
    });
}

#[test]
fn a_call_from_another_thread_ends_the_loops_wait() {
    run(async {
        let (remote, future) = (get_running_loop().remote(), Future::new());
        let (sender, receiver) = channel();
        let ours = thread::current().id();
        thread::spawn(move || {
            remote
                .call_soon_threadsafe(move || sender.send(thread::current().id()).unwrap())
                .unwrap();
        });
        let other = future.clone();
        let poll = create_task(std::future::poll_fn(move |cx| match receiver.try_recv() {
            Ok(id) => {
                other.set_result(id);
                Poll::Ready(())
            }
            Err(_) => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        }));
        poll.await;
        assert_eq!(future.await, ours);
    });
}

#[test]
fn wakes_from_many_threads_are_none_lost() {
    const THREADS: usize = 8;
    const ROUNDS: usize = 2_000;
    asyncio::run(async {
        let counters: Vec<_> = (0..THREADS)
            .map(|_| {
                let (sender, mut receiver) = futures::channel::mpsc::unbounded();
                thread::spawn(move || {
                    for round in 0..ROUNDS {
                        sender.unbounded_send(round).unwrap();
                        if round % 64 == 0 {
                            thread::yield_now();
                        }
                    }
                });
                create_task(async move {
                    let mut count = 0;
                    while let Some(round) = futures::StreamExt::next(&mut receiver).await {
                        assert_eq!(round, count);
                        count += 1;
                    }
                    count
                })
            })
            .collect();
        assert_eq!(asyncio::gather(counters).await, [ROUNDS; THREADS]);
    });
}

#[test]
fn calls_of_one_thread_come_in_order_and_each_once() {
    let order = Arc::new(Mutex::new(Vec::new()));
    let event_loop = new_event_loop();
    let (remote, barrier) = (event_loop.remote(), Arc::new(Barrier::new(2)));
    let sender = thread::spawn({
        let (order, barrier) = (order.clone(), barrier.clone());
        move || {
            barrier.wait();
            for n in 0..1_000 {
                let order = order.clone();
                let push = move || order.lock().unwrap().push(n);
                remote.call_soon_threadsafe(push).unwrap();
            }
        }
    });
    let all_came = order.clone();
    event_loop.run_until_complete(async move {
        barrier.wait();
        while all_came.lock().unwrap().len() < 1_000 {
            sleep(0).await;
        }
    });
    sender.join().unwrap();
    assert_eq!(*order.lock().unwrap(), (0..1_000).collect::<Vec<_>>());
}

/// A waker of a suspended task of `event_loop`.
fn waker_of_a_task(event_loop: &asyncio::EventLoop) -> (Waker, Arc<AtomicUsize>) {
    let polls = Arc::new(AtomicUsize::new(0));
    let (sender, receiver) = channel();
    let counter = polls.clone();
    event_loop.create_task(std::future::poll_fn(move |cx| {
        counter.fetch_add(1, Ordering::SeqCst);
        let _ = sender.send(cx.waker().clone());
        Poll::<()>::Pending
    }));
    event_loop.run_until_complete(sleep(0));
    event_loop.run_until_complete(sleep(0));
    (receiver.recv().unwrap(), polls)
}

#[test]
fn a_waker_that_outlives_its_task_its_loop_and_its_thread_wakes_nobody() {
    let (sender, receiver) = channel();
    let (waker, polls) = tests::logged(|| {
        thread::spawn(move || {
            let event_loop = new_event_loop();
            let (waker, polls) = waker_of_a_task(&event_loop);
            let clones: Vec<_> = (0..4).map(|_| waker.clone()).collect();
            let others: Vec<_> = clones
                .into_iter()
                .map(|waker| thread::spawn(move || waker.wake()))
                .collect();
            event_loop.run_until_complete(sleep(0));
            drop(event_loop);
            waker.wake_by_ref();
            sender.send((waker, polls)).unwrap();
            others.into_iter().for_each(|other| other.join().unwrap());
        })
        .join()
        .unwrap();
        receiver.recv().unwrap()
    })
    .0;
    let before = polls.load(Ordering::SeqCst);
    waker.wake_by_ref();
    let clone = waker.clone();
    clone.wake();
    drop(waker);
    assert_eq!(polls.load(Ordering::SeqCst), before);
}

#[test]
fn a_wake_of_a_loop_that_does_not_run_is_kept_until_it_does() {
    let event_loop = new_event_loop();
    let (waker, polls) = waker_of_a_task(&event_loop);
    let before = polls.load(Ordering::SeqCst);
    thread::spawn(move || waker.wake()).join().unwrap();
    assert_eq!(polls.load(Ordering::SeqCst), before);
    event_loop.run_until_complete(sleep(0));
    event_loop.run_until_complete(sleep(0));
    assert_eq!(polls.load(Ordering::SeqCst), before + 1);
}

#[test]
fn what_was_called_for_on_a_loop_that_closes_is_dropped_on_its_way() {
    struct Sends(std::sync::mpsc::Sender<()>);
    impl Drop for Sends {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let event_loop = new_event_loop();
    let (sender, receiver) = channel();
    let (remote, sends) = (event_loop.remote(), Sends(sender.clone()));
    let late = Sends(sender);
    let other = remote.clone();
    thread::spawn(move || other.call_soon_threadsafe(move || drop(sends)))
        .join()
        .unwrap()
        .unwrap();
    event_loop.close();
    assert_eq!(receiver.recv(), Ok(()));
    let refused = thread::spawn(move || remote.call_soon_threadsafe(move || drop(late)));
    assert!(refused.join().unwrap().is_err());
    assert_eq!(receiver.recv(), Ok(()));
}

#[test]
fn input_arrives_while_a_task_spawns_itself_for_ever() {
    fn spawn(turns: usize, go: std::sync::mpsc::Sender<()>) {
        if turns == 1_000 {
            go.send(()).unwrap();
        }
        create_task(async move { spawn(turns + 1, go) });
    }
    asyncio::run(async {
        let (go, may_go) = channel();
        spawn(0, go);
        let listener = async_io::Async::<std::net::TcpListener>::bind(([127, 0, 0, 1], 0)).unwrap();
        let address = listener.get_ref().local_addr().unwrap();
        thread::spawn(move || {
            use std::io::Write;
            may_go.recv().unwrap();
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            stream.write_all(b"hello").unwrap();
        });
        let (stream, _) = listener.accept().await.unwrap();
        let mut buffer = [0; 5];
        let mut read = 0;
        while read < buffer.len() {
            read += stream
                .read_with(|mut stream| std::io::Read::read(&mut stream, &mut buffer[read..]))
                .await
                .unwrap();
        }
        assert_eq!(&buffer, b"hello");
    });
}

#[test]
fn a_timer_rings_while_a_task_spawns_itself_for_ever() {
    fn spawn(clock: asyncio::testing::Clock) {
        clock.advance(0.001);
        create_task(async move { spawn(clock) });
    }
    run(async {
        spawn(get_running_loop().clock());
        sleep(1).await;
        assert!(get_running_loop().time() >= 1.0);
    });
}

#[test]
fn loops_of_many_threads_know_nothing_of_each_other() {
    let threads: Vec<_> = (0..8)
        .map(|n| {
            thread::spawn(move || {
                run(async move {
                    let naps = (0..50).map(|turn| async move {
                        sleep(turn % 7).await;
                        turn + n
                    });
                    asyncio::gather(naps).await.into_iter().sum::<u64>()
                })
            })
        })
        .collect();
    for (n, thread) in threads.into_iter().enumerate() {
        assert_eq!(thread.join().unwrap(), 1225 + 50 * n as u64);
    }
}
