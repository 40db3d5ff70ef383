//! Many tasks, and tasks that never end: memory that does not grow, and turns for everybody.

mod common;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::Write;
use std::net::UdpSocket;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use async_io::Async;
use asyncio::{Event, Future, Queue, Runner, Semaphore, Task, create_task, sleep};
use common::run;

/// Counts what is allocated, and the most that ever was.
struct Counting;

static NOW: AtomicUsize = AtomicUsize::new(0);
static MOST: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is left to `System`; the counting allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = NOW.fetch_add(layout.size(), Relaxed) + layout.size();
        MOST.fetch_max(now, Relaxed);
        // SAFETY: the caller's promises are handed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller's promises are handed on.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The tests of this file look at one counter of bytes, so they take turns.
static ALONE: std::sync::Mutex<()> = std::sync::Mutex::new(());

fn alone() -> std::sync::MutexGuard<'static, ()> {
    ALONE
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The bytes a task took at most, while `tasks` of them were there, and what of them is left.
fn bytes_per_task(tasks: usize, act: impl FnOnce()) -> (usize, usize) {
    let _alone = ALONE
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    // What the first wait for input in a process leaves behind is not the tasks'. This input is there already.
    asyncio::run(async {
        let own = Async::<UdpSocket>::bind(([127, 0, 0, 1], 0)).expect("a free port");
        let address = own.get_ref().local_addr().expect("bound");
        own.get_ref().send_to(b"here", address).expect("sent");
        own.readable().await.expect("the reactor");
    });
    let before = NOW.load(Relaxed);
    MOST.store(before, Relaxed);
    act();
    let most = MOST.load(Relaxed) - before;
    let left = NOW.load(Relaxed).saturating_sub(before);
    (most / tasks, left)
}

/// As many as the issue asks for; a build without optimisation is slower by an order of magnitude.
const MILLION: usize = if cfg!(debug_assertions) {
    100_000
} else {
    1_000_000
};

/// What a waiting task may take, with its coroutine and what it waits for. Python's takes three times as much.
const MOST_BYTES: usize = 1500;

/// Has a million tasks wait for something, cancels every one of them, and waits for them.
fn a_million_wait<F>(wait: impl Fn(usize) -> F) -> (usize, usize)
where
    F: std::future::Future<Output = ()> + 'static,
{
    bytes_per_task(MILLION, move || {
        run(async {
            let tasks: Vec<Task<()>> = (0..MILLION)
                .map(|number| create_task(wait(number)))
                .collect();
            sleep(0).await;
            assert_eq!(asyncio::all_tasks().len(), MILLION + 1);
            for task in &tasks {
                assert!(task.cancel());
            }
            sleep(0).await;
            sleep(0).await;
            assert!(tasks.iter().all(Task::cancelled));
        });
    })
}

#[test]
fn a_million_tasks_sleep_and_are_cancelled() {
    let (each, left) = a_million_wait(|number| async move { sleep(1 + number % 1000).await });
    assert!(each < MOST_BYTES, "{each} bytes a task");
    assert!(left < MILLION / 5, "{left} bytes are left");
}

#[test]
fn a_million_tasks_wait_for_one_event_and_are_cancelled() {
    let event = Event::new();
    let (each, left) = a_million_wait(move |_| {
        let event = event.clone();
        async move { event.wait().await }
    });
    assert!(each < MOST_BYTES, "{each} bytes a task");
    assert!(left < MILLION / 5, "{left} bytes are left");
}

#[test]
fn a_million_tasks_wait_for_one_future_and_get_its_value() {
    let (each, left) = bytes_per_task(MILLION, || {
        run(async {
            let future = Future::new();
            let tasks: Vec<Task<u8>> = (0..MILLION)
                .map(|_| {
                    let future = future.clone();
                    create_task(async move { (&future).await })
                })
                .collect();
            sleep(0).await;
            future.set_result(7_u8);
            let values = asyncio::gather(tasks).await;
            assert!(values.len() == MILLION && values.iter().all(|value| *value == 7));
        });
    });
    // A gather has a callback and two handles for each.
    assert!(each < MOST_BYTES + 500, "{each} bytes a task");
    assert!(left < MILLION / 5, "{left} bytes are left");
}

#[test]
fn a_million_tasks_one_after_the_other_take_the_memory_of_one() {
    let (_, left) = bytes_per_task(1, || {
        let before = NOW.load(Relaxed);
        let mut most_after_start = 0;
        run(async {
            for number in 0..MILLION {
                let task = create_task(async move { number });
                assert_eq!(task.await, number);
                if number == 1000 {
                    MOST.store(NOW.load(Relaxed), Relaxed);
                }
            }
            most_after_start = MOST.load(Relaxed) - before;
        });
        assert!(most_after_start < 100_000, "{most_after_start} bytes");
    });
    assert!(left < 100_000, "{left} bytes are left");
}

#[test]
fn cancelled_timers_do_not_pile_up() {
    let (_, left) = bytes_per_task(1, || {
        run(async {
            for _ in 0..1000 {
                let _ = asyncio::wait_for(sleep(0), 3600).await;
            }
            let base = NOW.load(Relaxed);
            MOST.store(base, Relaxed);
            for _ in 0..MILLION / 10 {
                assert!(asyncio::wait_for(sleep(0), 3600).await.is_ok());
            }
            let grown = MOST.load(Relaxed) - base;
            assert!(grown < 100_000, "{grown} bytes");
        });
    });
    assert!(left < 100_000, "{left} bytes are left");
}

#[test]
fn waiters_that_are_cancelled_leave_no_trace_in_what_they_waited_for() {
    let _alone = ALONE
        .lock()
        .unwrap_or_else(|poisoned| poisoned.into_inner());
    run(async {
        let (event, semaphore) = (Event::new(), Semaphore::new(0));
        let queue = Queue::<u8>::new();
        let mut base = 0;
        for round in 0..MILLION / 100 {
            let all = {
                let (event, semaphore, queue) = (event.clone(), semaphore.clone(), queue.clone());
                [
                    create_task(async move { event.wait().await }),
                    create_task(async move { drop(semaphore.acquire().await) }),
                    create_task(async move { queue.get().await.map_or((), drop) }),
                ]
            };
            sleep(0).await;
            for task in &all {
                task.cancel();
            }
            sleep(0).await;
            assert!(all.iter().all(Task::cancelled));
            drop(all);
            if round == 100 {
                base = NOW.load(Relaxed);
            }
        }
        let grown = NOW.load(Relaxed).saturating_sub(base);
        assert!(grown < 50_000, "{grown} bytes");
    });
}

/// A task that makes another one like itself, for ever.
fn spawn_for_ever(stop: Rc<Cell<bool>>, count: Rc<Cell<usize>>) {
    create_task(async move {
        count.set(count.get() + 1);
        if !stop.get() {
            spawn_for_ever(stop, count);
        }
    });
}

#[test]
fn a_task_that_spawns_itself_for_ever_does_not_starve_timers() {
    let _alone = alone();
    let (stop, count) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(0)));
    Runner::new().run(async {
        spawn_for_ever(stop.clone(), count.clone());
        // The real clock, since the virtual one stands still while anything is ready.
        sleep(Duration::from_millis(5)).await;
        let before = count.get();
        sleep(Duration::from_millis(5)).await;
        assert!(before > 0 && count.get() > before);
        stop.set(true);
    });
}

#[test]
fn a_task_that_spawns_itself_for_ever_does_not_starve_input() {
    let _alone = alone();
    let (stop, count) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(0)));
    Runner::new().run(async {
        let server = asyncio::start_server(
            |reader, writer| async move {
                let line = reader.readline().await.expect("a line");
                writer.write(&line);
                writer.drain().await.expect("connected");
                writer.close();
            },
            "127.0.0.1",
            0,
        );
        let server = server.await.expect("a free port");
        let port = server.addresses()[0].port();
        spawn_for_ever(stop.clone(), count.clone());
        let echoed = asyncio::to_thread(move || {
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).expect("it listens");
            stream.write_all(b"still here\n").expect("connected");
            let mut text = String::new();
            std::io::Read::read_to_string(&mut stream, &mut text).expect("connected");
            text
        });
        assert_eq!(echoed.await, "still here\n");
        assert!(count.get() > 0);
        stop.set(true);
        server.close();
    });
}

#[test]
fn callbacks_that_call_themselves_for_ever_do_not_starve_other_threads() {
    let _alone = alone();
    fn again(running: asyncio::EventLoop, stop: Rc<Cell<bool>>) {
        let inner = running.clone();
        running.call_soon(move || {
            if !stop.get() {
                again(inner, stop);
            }
        });
    }
    let stop = Rc::new(Cell::new(false));
    Runner::new().run(async {
        again(asyncio::get_running_loop(), stop.clone());
        assert_eq!(asyncio::to_thread(|| 7).await, 7);
        stop.set(true);
    });
}
