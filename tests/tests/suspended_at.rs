//! A task says at which line of the program it is suspended, whatever it awaits.

mod common;

use std::rc::Rc;

use asyncio::{
    Barrier, BoundedSemaphore, Condition, Event, Lock, PriorityQueue, Queue, Semaphore, Task,
    TaskGroup, create_task, sleep,
};
use common::run;

async fn turns() {
    for _ in 0..4 {
        sleep(0).await;
    }
}

/// The line in this file that the task says it is suspended at.
fn line_of<T: 'static>(task: &Task<T>) -> u32 {
    let shown = format!("{task:?}");
    let (_, place) = shown.split_once("running at ").expect(&shown);
    let (file, rest) = place.split_once(".rs:").expect(&shown);
    assert_eq!(format!("{file}.rs"), file!(), "{shown}");
    let digits = rest.split(|c: char| !c.is_ascii_digit()).next();
    digits.and_then(|it| it.parse().ok()).expect(&shown)
}

/// Has a task run the block, which is to be suspended at the last `.await` in it.
macro_rules! suspended {
    ($block:block) => {{
        let (line, block) = (line!(), stringify!($block));
        let task = create_task(async move { $block });
        turns().await;
        assert!(!task.done(), "{block}");
        let shown = line_of(&task);
        let mut source = include_str!("suspended_at.rs").lines();
        let source = source.nth(shown as usize - 1).unwrap();
        let is_beneath = (line..line + 12).contains(&shown);
        assert!(is_beneath && source.contains(".await"), "{task:?}");
        task.cancel();
        turns().await;
        assert!(task.cancelled(), "{block}");
    }};
}

#[test]
fn in_sleep_tasks_and_futures() {
    run(async {
        let nap = || create_task(sleep(1000));
        suspended!({ sleep(1000).await });
        let task = nap();
        suspended!({ task.await });
        let task = nap();
        suspended!({ (&task).await });
        let task = nap().any();
        suspended!({ task.await });
        let task = nap().any();
        suspended!({ (&task).await });
        let future = asyncio::Future::<u32>::new();
        suspended!({ future.await });
        let future = asyncio::Future::<u32>::new();
        suspended!({ (&future).await });
    });
}

#[test]
fn where_the_one_that_awaits_stands_in_its_own_file_line_by_line() {
    run(async {
        let first = line!() + 3;
        let task = create_task(async {
            for _ in 0..2 {
                sleep(1000).await;
            }
            create_task(sleep(1000)).name("a line further down").await;
        });
        turns().await;
        assert_eq!(line_of(&task), first);
        sleep(1500).await;
        assert_eq!(line_of(&task), first);
        sleep(1000).await;
        assert_eq!(line_of(&task), first + 2);
        task.cancel();
    });
}

#[test]
fn in_what_waits_for_many() {
    run(async {
        let nap = || create_task(sleep(1000));
        suspended!({ asyncio::gather([sleep(1000)]).await });
        suspended!({ asyncio::gather!(sleep(1000), sleep(1000)).await });
        suspended!({ asyncio::gather([sleep(1000)]).return_exceptions().await });
        let failing = async { Err::<(), _>(asyncio::Future::<u32>::new().await) };
        suspended!({ asyncio::try_gather([failing]).await });
        suspended!({ asyncio::wait([create_task(sleep(1000))]).await });
        suspended!({ asyncio::shield(sleep(1000)).await });
        suspended!({ asyncio::as_completed([sleep(1000)]).next().unwrap().await });
        let spawn = async |tg: TaskGroup| drop(tg.create_task(sleep(1000)));
        suspended!({ TaskGroup::run(spawn).await });
        let failing = async { Err::<(), _>(asyncio::Future::<u32>::new().await) };
        let spawn = async |tg: TaskGroup<asyncio::Results<u32>>| {
            tg.create_task(failing);
            Ok(())
        };
        suspended!({ TaskGroup::try_run(spawn).await });
        let task = nap();
        suspended!({ asyncio::wait_for(task, 2000).await });
        let future = Rc::new(asyncio::Future::<u32>::new());
        suspended!({ asyncio::timeout(2000, async |_| (&*future).await).await });
        suspended!({ asyncio::timeout_at(1e9, async |_| sleep(1000).await).await });
        let task = nap();
        suspended!({ asyncio::finally(task, async {}).await });
        let task = nap();
        suspended!({
            let caught = asyncio::catch_cancelled(task).await;
            caught.unwrap_err().raise::<()>().await // not reached before it is cancelled
        });
    });
}

#[test]
fn in_locks() {
    run(async {
        let lock = Lock::new();
        let held = lock.acquire().await;
        suspended!({ lock.acquire().await });
        drop(held);
        let event = Event::new();
        suspended!({ event.wait().await });
        let condition = Condition::new();
        suspended!({
            let _held = condition.acquire().await;
            condition.wait().await
        });
        let condition = Condition::new();
        suspended!({
            let _held = condition.acquire().await;
            condition.wait_for(|| false).await
        });
        let condition = Condition::new();
        let held = condition.acquire().await;
        suspended!({ condition.acquire().await });
        drop(held);
        let semaphore = Semaphore::new(0);
        suspended!({ semaphore.acquire().await });
        let semaphore = BoundedSemaphore::new(1);
        let held = semaphore.acquire().await;
        suspended!({ semaphore.acquire().await });
        drop(held);
        let barrier = Barrier::new(2);
        suspended!({ barrier.wait().await });
    });
}

#[test]
fn in_queues() {
    run(async {
        let queue = Queue::<u32>::with_maxsize(1);
        suspended!({ queue.get().await });
        let queue = Queue::<u32>::with_maxsize(1);
        queue.put(1).await.unwrap();
        let full = queue.clone();
        suspended!({ full.put(2).await });
        suspended!({ queue.join().await });
        let queue = PriorityQueue::<u32>::new();
        suspended!({ queue.get().await });
    });
}

#[test]
fn in_streams_threads_and_processes() {
    run(async {
        let keep = |reader, writer| async move {
            let _held = (reader, writer);
            sleep(1000).await;
        };
        let server = asyncio::start_server(keep, "127.0.0.1", 0);
        let server = server.await.unwrap();
        let port = server.addresses()[0].port();
        let connected = asyncio::open_connection("127.0.0.1", port).await.unwrap();
        let reader = || connected.0.clone();
        let input = reader();
        suspended!({ input.read(1).await });
        let input = reader();
        suspended!({ input.read_to_end().await });
        let input = reader();
        suspended!({ input.readexactly(1).await });
        let input = reader();
        suspended!({ input.readline().await });
        let input = reader();
        suspended!({ input.readuntil("\n").await });
        let input = reader();
        suspended!({ input.readuntil_any(["\n"]).await });
        let endpoint = asyncio::create_datagram_endpoint().local_addr("127.0.0.1", 0);
        let endpoint = endpoint.await.unwrap();
        suspended!({ endpoint.recvfrom().await });
        let (hold, held) = std::sync::mpsc::channel::<()>();
        suspended!({ asyncio::to_thread(move || held.recv()).await });
        drop(hold);
        let process = asyncio::create_subprocess_exec("sleep", ["1000"])
            .await
            .unwrap();
        let waited = process.clone();
        suspended!({ waited.wait().await });
        let waited = process.clone();
        suspended!({ waited.communicate("").await });
        process.kill().unwrap();
        process.wait().await.unwrap();
        server.abort_clients();
    });
}

#[asyncio::coroutine]
fn old_style(task: Task<()>) {
    yield_from!(task);
}

#[asyncio::coroutine]
fn one_turn() {
    loop {
        yield_!();
    }
}

#[asyncio::coroutine]
async fn new_style(task: Task<()>) {
    await_!(task);
}

#[test]
fn in_the_words_of_coroutines() {
    run(async {
        let old = create_task(old_style(create_task(sleep(1000))));
        let new = create_task(new_style(create_task(sleep(1000))));
        let turning = create_task(one_turn());
        turns().await;
        let source = include_str!("suspended_at.rs").lines();
        for (task, word) in [
            (&old, "yield_from!(task);"),
            (&turning, "yield_!();"),
            (&new, "await_!(task);"),
        ] {
            let line = source.clone().nth(line_of(task) as usize - 1);
            assert_eq!(line.map(str::trim), Some(word), "{task:?}");
        }
        for task in [old, new, turning] {
            task.cancel();
        }
    });
}
