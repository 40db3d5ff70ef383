//! Safe code that does what nobody would: it keeps what is suspended when its task and its loop are gone, wakes
//! and drops in the middle of everything, forgets and panics. Nothing that is gone is touched.
//!
//! What would be is seen by valgrind, and here by what is shown.

mod common;

use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Wake, Waker};

use asyncio::{Event, EventLoop, Lock, Queue, Semaphore, Task, new_event_loop};
use common::{Counter, OnDrop, Token, logged, text_of};
use futures::FutureExt;

type Held = Rc<RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>>>;

/// A future that others hold, too.
fn held(future: impl Future<Output = ()> + 'static) -> Held {
    Rc::new(RefCell::new(Some(Box::pin(future))))
}

/// Polls what is held, if anything is.
fn poll_held(held: &Held, cx: &mut Context<'_>) -> Poll<()> {
    let Some(mut future) = held.borrow_mut().take() else {
        return Poll::Pending;
    };
    let polled = future.as_mut().poll(cx);
    if polled.is_pending() {
        *held.borrow_mut() = Some(future);
    }
    polled
}

async fn await_held(held: Held) {
    std::future::poll_fn(move |cx| poll_held(&held, cx)).await;
}

/// Runs what is ready, a few times over.
fn settle(event_loop: &EventLoop) {
    event_loop.run_until_complete(async {
        for _ in 0..5 {
            asyncio::sleep(0).await;
        }
    });
}

/// What waits for an event, as its task is shown that waits in it.
fn waiting() -> Held {
    let event = Event::new();
    held(async move {
        event.wait().await;
    })
}

/// As long as a future would be that was freed in between: what is shown of it then is something else.
fn fill_memory() -> Vec<Box<[u8]>> {
    (1..64)
        .flat_map(|size| (0..8).map(move |_| vec![0xAA; size * 8].into_boxed_slice()))
        .collect()
}

thread_local! {
    static FILLED: RefCell<Vec<Box<[u8]>>> = const { RefCell::new(Vec::new()) };
}

#[test]
fn a_wait_that_outlives_its_loop_is_forgotten_by_its_task() {
    let ((), messages) = logged(|| {
        let event_loop = new_event_loop();
        let wait = waiting();
        let task = event_loop.create_task(await_held(wait.clone()));
        settle(&event_loop);
        assert!(format!("{task:?}").contains("wait_for=<Future pending>"));
        drop(event_loop);
        drop(wait.take());
        let _filled = fill_memory();
        assert!(!format!("{task:?}").contains("wait_for="), "{task:?}");
    });
    assert_eq!(messages.len(), 1);
    assert!(
        messages[0].contains("wait_for=<Future pending>"),
        "{messages:?}"
    );
}

#[test]
fn a_wait_goes_with_another_task_or_callback_of_its_loop() {
    // What drops it: a task that is destroyed before its own, a callback that is ready, a timer, a call of a thread.
    for how in 0..4 {
        let ((), messages) = logged(|| {
            let event_loop = new_event_loop();
            let wait = waiting();
            let goes = wait.clone();
            let drops = OnDrop(move || {
                drop(goes.take());
                // Kept for longer than the loop is: in the place of what was freed.
                FILLED.with(|filled| filled.borrow_mut().extend(fill_memory()));
            });
            if how == 0 {
                event_loop.create_task(async move {
                    let _drops = drops;
                    asyncio::sleep(1000).await;
                });
                settle(&event_loop);
                event_loop.create_task(await_held(wait));
                settle(&event_loop);
            } else {
                event_loop.create_task(await_held(wait));
                settle(&event_loop);
                match how {
                    1 => drop(event_loop.call_soon(move || drop(drops))),
                    2 => drop(event_loop.call_later(1, move || drop(drops))),
                    _ => {
                        // Only what is `Send` comes from a thread; this leads to what is not.
                        thread_local!(static KEPT: RefCell<Option<Box<dyn std::any::Any>>> = const { RefCell::new(None) });
                        KEPT.set(Some(Box::new(drops)));
                        let sends = OnDrop(|| drop(KEPT.take()));
                        event_loop.call_soon_threadsafe(move || drop(sends));
                    }
                }
            }
            drop(event_loop);
        });
        FILLED.take();
        let last = messages.last().expect("a task is destroyed");
        // The task was told that the wait is gone, though the loop was going already.
        assert!(!last.contains("wait_for="), "{how}: {messages:?}");
    }
}

#[test]
fn a_wait_that_begins_in_a_destructor_is_forgotten_by_the_task_that_is_destroyed() {
    let ((), _) = logged(|| {
        let event_loop = new_event_loop();
        let wait = waiting();
        let late = wait.clone();
        let task = event_loop.create_task(async move {
            let _polls = OnDrop(move || {
                let mut cx = Context::from_waker(Waker::noop());
                let _ = catch_unwind(AssertUnwindSafe(|| poll_held(&late, &mut cx)));
            });
            asyncio::sleep(1000).await;
        });
        settle(&event_loop);
        drop(event_loop);
        drop(wait.take());
        let _filled = fill_memory();
        assert!(!format!("{task:?}").contains("wait_for="), "{task:?}");
    });
}

#[test]
fn a_wait_that_goes_on_in_another_loop_is_forgotten_by_the_task_of_the_first() {
    let ((), _) = logged(|| {
        let (first, second) = (new_event_loop(), new_event_loop());
        let wait = waiting();
        let one = first.create_task(await_held(wait.clone()));
        settle(&first);
        drop(first);
        let other = second.create_task(await_held(wait.clone()));
        settle(&second);
        assert!(format!("{other:?}").contains("wait_for=<Future pending>"));
        drop(wait.take());
        let _filled = fill_memory();
        assert!(!format!("{one:?}").contains("wait_for="), "{one:?}");
        assert!(!format!("{other:?}").contains("wait_for="), "{other:?}");
    });
}

thread_local! {
    /// What the next wakers drop when they are woken: they are `Send`, and this is not.
    static ON_WAKE: RefCell<Vec<Box<dyn FnOnce()>>> = const { RefCell::new(Vec::new()) };
}

/// Calls what there is in `ON_WAKE`.
struct Meddles;

impl Wake for Meddles {
    fn wake(self: Arc<Self>) {
        while let Some(call) = ON_WAKE.with(|calls| calls.borrow_mut().pop()) {
            call();
        }
    }
}

fn meddling() -> Waker {
    Waker::from(Arc::new(Meddles))
}

fn on_wake(call: impl FnOnce() + 'static) {
    ON_WAKE.with(|calls| calls.borrow_mut().push(Box::new(call)));
}

/// What waits in one line, each polled with a waker that meddles.
fn line(waits: impl IntoIterator<Item = Held>) -> Vec<Held> {
    let waker = meddling();
    let waits: Vec<Held> = waits.into_iter().collect();
    for wait in &waits {
        assert!(poll_held(wait, &mut Context::from_waker(&waker)).is_pending());
    }
    waits
}

/// A line of ten is woken by `wake`, and the first to be woken drops all others, or those from the middle on; or
/// adds to the line.
fn while_woken(make: impl Fn() -> (Box<dyn Fn() -> Held>, Box<dyn Fn()>)) {
    for how in 0..3 {
        asyncio::run(async {
            let (wait, wake) = make();
            let waits = line((0..10).map(|_| wait()));
            let (others, newcomers) = (waits.clone(), Rc::new(RefCell::new(Vec::new())));
            let late = newcomers.clone();
            on_wake(move || match how {
                0 => others.iter().for_each(|wait| drop(wait.take())),
                1 => others[5..].iter().for_each(|wait| drop(wait.take())),
                _ => *late.borrow_mut() = line((0..3).map(|_| wait())),
            });
            wake();
            wake();
            asyncio::sleep(0).await;
            for wait in waits.into_iter().chain(newcomers.take()) {
                drop(wait.take());
            }
            wake();
            ON_WAKE.take();
        });
    }
}

#[test]
fn who_is_woken_may_drop_all_others_in_the_line() {
    while_woken(|| {
        let event = Event::new();
        let sets = event.clone();
        (
            Box::new(move || {
                let event = event.clone();
                held(async move {
                    let _ = event.wait().await;
                })
            }),
            Box::new(move || sets.set()),
        )
    });
    while_woken(|| {
        let lock = Lock::new();
        let taken = Cell::new(lock.acquire().now_or_never());
        let other = lock.clone();
        (
            Box::new(move || {
                let lock = lock.clone();
                held(async move { drop(lock.acquire().await) })
            }),
            Box::new(move || {
                drop(taken.take());
                drop(other.acquire().now_or_never());
            }),
        )
    });
    while_woken(|| {
        let queue = Queue::<u32>::new();
        let puts = queue.clone();
        (
            Box::new(move || {
                let queue = queue.clone();
                held(async move {
                    let _ = queue.get().await;
                })
            }),
            Box::new(move || puts.put_nowait(1).unwrap()),
        )
    });
    while_woken(|| {
        let queue = Queue::<u32>::new();
        let closes = queue.clone();
        (
            Box::new(move || {
                let queue = queue.clone();
                held(async move {
                    let _ = queue.get().await;
                })
            }),
            Box::new(move || closes.shutdown(true)),
        )
    });
}

#[test]
fn who_is_woken_by_a_cancellation_may_drop_what_else_the_task_waits_for() {
    asyncio::run(async {
        let (first, second) = (waiting(), waiting());
        let (one, other) = (first.clone(), second.clone());
        let waker = meddling();
        let task: Task<()> = asyncio::create_task(std::future::poll_fn(move |_| {
            let mut cx = Context::from_waker(&waker);
            let _ = poll_held(&one, &mut cx);
            let _ = poll_held(&other, &mut cx);
            Poll::Pending
        }));
        asyncio::sleep(0).await;
        let shown = task.clone();
        on_wake(move || {
            drop(first.take());
            drop(second.take());
            assert!(!format!("{shown:?}").contains("wait_for="), "{shown:?}");
        });
        assert!(task.cancel());
        let _filled = fill_memory();
        assert!(!format!("{task:?}").contains("wait_for="), "{task:?}");
        asyncio::sleep(0).await;
        // Who was to raise it is gone: the task does.
        assert!(task.cancelled());
    });
}

#[test]
fn what_is_forgotten_in_a_line_is_no_harm() {
    asyncio::run(async {
        let lock = Lock::new();
        let guard = lock.acquire().await;
        let waits = line((0..3).map(|_| {
            let lock = lock.clone();
            held(async move { drop(lock.acquire().await) })
        }));
        std::mem::forget(waits[1].take());
        drop(waits[0].take());
        drop(guard);
        // It was handed to one who never comes for it, and nobody overtakes.
        assert!(!lock.locked());
        assert!(lock.acquire().now_or_never().is_none());
        drop(waits);
    });
}

/// Destructors of all kinds of things that a loop holds panic: everything else goes, and nothing is lost.
#[test]
fn whatever_panics_as_a_loop_goes_the_rest_of_it_goes_too() {
    let counter = Counter::default();
    let ((), messages) = logged(|| {
        let event_loop = new_event_loop();
        let panics = |what: &'static str| OnDrop(move || panic!("{what}"));
        let keeps = |token: Token| {
            let me = Rc::new(RefCell::new(None::<Task<()>>));
            let own = me.clone();
            let task = event_loop.create_task(async move {
                let _kept = (token, own);
                asyncio::sleep(1000).await;
            });
            *me.borrow_mut() = Some(task);
        };
        keeps(counter.token());
        let panicking = panics("task");
        event_loop.create_task(async move {
            let _panics = panicking;
            asyncio::sleep(1000).await;
        });
        keeps(counter.token());
        settle(&event_loop);
        let (first, second) = (panics("ready"), panics("ready too"));
        let token = counter.token();
        event_loop.call_soon(move || drop(first));
        event_loop.call_soon(move || drop(second));
        event_loop.call_soon(move || drop(token));
        let (first, second) = (panics("timer"), panics("timer too"));
        let token = counter.token();
        event_loop.call_later(1, move || drop(first));
        event_loop.call_later(2, move || drop(second));
        event_loop.call_later(3, move || drop(token));
        let (first, second) = (panics("mail"), panics("mail too"));
        event_loop.call_soon_threadsafe(move || drop(first));
        event_loop.call_soon_threadsafe(move || drop(second));
        drop(event_loop);
    });
    assert_eq!(counter.alive(), 0);
    for what in [
        "task",
        "ready",
        "ready too",
        "timer",
        "timer too",
        "mail",
        "mail too",
    ] {
        let told = messages.iter().filter(|text| {
            text.ends_with(&format!(": {what}")) || text.ends_with(&format!("\n{what}"))
        });
        assert_eq!(told.count(), 1, "{what}: {messages:?}");
    }
}

/// An error that cannot even be shown.
struct Unspeakable(#[allow(dead_code, reason = "it is counted")] Token);

impl std::fmt::Debug for Unspeakable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("no words")
    }
}

#[asyncio::coroutine]
async fn fails(token: Token) -> Result<(), Unspeakable> {
    Err(Unspeakable(token))
}

#[test]
fn an_error_that_panics_when_it_is_shown_ends_nothing_else() {
    let counter = Counter::default();
    let ((), messages) = logged(|| {
        common::run(async {
            let task = asyncio::create_task(fails(counter.token()));
            asyncio::sleep(1).await;
            let shown = catch_unwind(AssertUnwindSafe(|| format!("{task:?}")));
            assert!(shown.is_ok(), "its repr");
            drop(task);
            asyncio::sleep(1).await;
        });
    });
    assert_eq!(counter.alive(), 0);
    assert_eq!(messages.len(), 1, "{messages:?}");
    assert!(
        messages[0].starts_with("Task exception was never retrieved"),
        "{messages:?}"
    );
}

/// A waker that panics in each of its functions, and when it goes.
struct Fragile;

impl Wake for Fragile {
    fn wake(self: Arc<Self>) {
        panic!("woken")
    }
}

impl Drop for Fragile {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            panic!("dropped")
        }
    }
}

#[test]
fn a_waker_may_panic_as_it_goes() {
    let ((), _) = logged(|| {
        asyncio::run(async {
            let event = Event::new();
            let other = event.clone();
            let mut wait = Box::pin(async move {
                let _ = other.wait().await;
            });
            let waker = Waker::from(Arc::new(Fragile));
            assert!(
                wait.as_mut()
                    .poll(&mut Context::from_waker(&waker))
                    .is_pending()
            );
            drop(waker);
            // Another waker takes its place.
            let polled = catch_unwind(AssertUnwindSafe(|| {
                wait.as_mut().poll(&mut Context::from_waker(Waker::noop()))
            }));
            assert_eq!(
                text_of(&*polled.expect_err("the old waker goes")),
                "dropped"
            );
            let next = asyncio::create_task(async move {
                let _ = event.wait().await;
            });
            asyncio::sleep(0).await;
            drop(wait);
            next.cancel();
        });
    });
}

/// The link of what goes is out of the line before anything of anybody's may panic.
#[test]
fn a_waker_that_panics_as_its_wait_goes_leaves_no_link() {
    let ((), _) = logged(|| {
        asyncio::run(async {
            let lock = Lock::new();
            let guard = lock.acquire().await;
            let other = lock.clone();
            let mut wait = Box::pin(async move { drop(other.acquire().await) });
            let waker = Waker::from(Arc::new(Fragile));
            let polled = wait.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
            drop(waker);
            // It is woken, and stays in line; what its task knows of it is the last to hold the waker.
            drop(guard);
            let dropped = catch_unwind(AssertUnwindSafe(|| drop(wait)));
            assert_eq!(text_of(&*dropped.expect_err("the waker goes")), "dropped");
            let _filled = fill_memory();
            let first = lock.acquire().await;
            let next = asyncio::create_task({
                let lock = lock.clone();
                async move { drop(lock.acquire().await) }
            });
            asyncio::sleep(0).await;
            drop(first);
            next.await;
        });
    });
}

/// Neither is the wake-up lost that it had, and that others in the line wait for.
#[test]
fn a_waker_that_panics_as_its_wait_goes_keeps_no_wake_up() {
    type Begin = fn() -> (Box<dyn Fn() -> Held>, Box<dyn FnOnce()>);
    let begins: [(&str, Begin); 3] = [
        ("lock", || {
            let lock = Lock::new();
            let guard = lock.acquire().now_or_never();
            let acquire = move || {
                let lock = lock.clone();
                held(async move { drop(lock.acquire().await) })
            };
            (Box::new(acquire), Box::new(|| drop(guard)))
        }),
        ("semaphore", || {
            let semaphore = Semaphore::new(1);
            let guard = semaphore.acquire().now_or_never();
            let acquire = move || {
                let semaphore = semaphore.clone();
                held(async move { drop(semaphore.acquire().await) })
            };
            (Box::new(acquire), Box::new(|| drop(guard)))
        }),
        ("queue", || {
            let queue = Queue::new();
            let getter = queue.clone();
            let get = move || {
                let queue = getter.clone();
                held(async move {
                    let _ = queue.get().await;
                })
            };
            let put = move || queue.put_nowait(()).expect("there is room");
            (Box::new(get), Box::new(put))
        }),
    ];
    for (name, begin) in begins {
        let ((), _) = logged(|| {
            asyncio::run(async {
                let (wait, release) = begin();
                let first = wait();
                let waker = Waker::from(Arc::new(Fragile));
                assert!(poll_held(&first, &mut Context::from_waker(&waker)).is_pending());
                drop(waker);
                let next = asyncio::create_task(await_held(wait()));
                asyncio::sleep(0).await;
                release();
                let dropped = catch_unwind(AssertUnwindSafe(|| drop(first.take())));
                assert_eq!(text_of(&*dropped.expect_err("the waker goes")), "dropped");
                for _ in 0..5 {
                    asyncio::sleep(0).await;
                }
                assert!(next.done(), "{name}");
            });
        });
    }
}

/// What other threads have sent is all taken in, though a waker panics that goes with some of it.
#[test]
fn a_waker_that_panics_as_it_is_sent_back_holds_up_no_mail() {
    let ((), _) = logged(|| {
        asyncio::run(async {
            let mut sleep = asyncio::sleep(3600);
            let waker = Waker::from(Arc::new(Fragile));
            let polled = Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker));
            assert!(polled.is_pending());
            drop(waker);
            let (send, receive) = futures::channel::oneshot::channel();
            let receiver = asyncio::create_task(receive);
            asyncio::sleep(0).await;
            let sender = std::thread::spawn(move || {
                drop(sleep);
                send.send(()).expect("it is waited for");
            });
            sender.join().expect("it sends");
            for _ in 0..5 {
                asyncio::sleep(0).await;
            }
            assert!(receiver.done());
        });
    });
}

thread_local! {
    static BEGUN: RefCell<Option<asyncio::Sleep>> = const { RefCell::new(None) };
}

/// Begins a sleep as it is woken.
struct BeginsASleep;

impl Wake for BeginsASleep {
    fn wake(self: Arc<Self>) {
        let mut sleep = asyncio::sleep(1000);
        let polled = Pin::new(&mut sleep).poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        BEGUN.set(Some(sleep));
    }
}

/// A destructor of one loop's task runs another loop, and there a waker begins a sleep: its timer is that
/// loop's, and no other one of the first.
#[test]
fn a_sleep_that_begins_in_one_loop_within_the_task_of_another_is_of_the_first() {
    let (outer, inner) = (new_event_loop(), new_event_loop());
    let runs_inner = OnDrop({
        let inner = inner.clone();
        move || {
            inner.run_until_complete(async {
                let waker = Waker::from(Arc::new(BeginsASleep));
                let mut sleep = asyncio::sleep(0.001);
                let polled = Pin::new(&mut sleep).poll(&mut Context::from_waker(&waker));
                assert!(polled.is_pending());
                asyncio::sleep(0.002).await;
            });
        }
    });
    let stopped = catch_unwind(AssertUnwindSafe(|| {
        let stops = outer.clone();
        outer.run_until_complete(async move {
            let _runs_inner = runs_inner;
            stops.stop();
            asyncio::sleep(1000).await;
        });
    }));
    assert!(stopped.is_err());
    let begun = BEGUN.take().expect("it was woken");
    outer.run_until_complete(async {
        let sleeps = [1, 2].map(|_| asyncio::create_task(asyncio::sleep(0.01)));
        asyncio::sleep(0).await;
        drop(begun);
        for sleep in sleeps {
            assert!(asyncio::wait_for(sleep, 5).await.is_ok());
        }
    });
}

/// A cancellation that a task was woken for is raised there, though what it waited at is gone.
#[test]
fn a_cancelled_wait_that_others_drop_cancels_its_task_all_the_same() {
    asyncio::run(async {
        for is_cancelled_first in [true, false] {
            let wait = waiting();
            let task = asyncio::create_task(await_held(wait.clone()));
            asyncio::sleep(0).await;
            if is_cancelled_first {
                task.cancel();
                drop(wait.take());
            } else {
                drop(wait.take());
                task.cancel();
            }
            for _ in 0..5 {
                asyncio::sleep(0).await;
            }
            assert!(task.cancelled(), "{is_cancelled_first}");
        }
    });
}

thread_local! {
    static ON_CLONE: RefCell<Vec<Box<dyn FnOnce()>>> = const { RefCell::new(Vec::new()) };
    static CLONES_WOKEN: Cell<u32> = const { Cell::new(0) };
}

/// A waker whose clone does what [`ON_CLONE`] says.
fn meddling_as_it_is_cloned() -> Waker {
    const VTABLE: &RawWakerVTable = &RawWakerVTable::new(
        |_| {
            let call = ON_CLONE.with(|calls| calls.borrow_mut().pop());
            if let Some(call) = call {
                call();
            }
            RawWaker::new(std::ptr::null(), VTABLE)
        },
        |_| CLONES_WOKEN.set(CLONES_WOKEN.get() + 1),
        |_| CLONES_WOKEN.set(CLONES_WOKEN.get() + 1),
        |_| (),
    );
    // SAFETY: its functions look at no data, and at what is each thread's own.
    unsafe { Waker::from_raw(RawWaker::new(std::ptr::null(), VTABLE)) }
}

#[test]
fn a_waker_may_wake_what_polls_as_it_is_cloned() {
    for clones_before in 0..2 {
        asyncio::run(async move {
            let event = Event::new();
            let wait = event.clone();
            let mut wait = Box::pin(async move { wait.wait().await });
            ON_CLONE.with(|calls| {
                let mut calls = calls.borrow_mut();
                calls.push(Box::new(move || event.set()));
                for _ in 0..clones_before {
                    calls.push(Box::new(|| ()));
                }
            });
            let waker = meddling_as_it_is_cloned();
            let polled = wait.as_mut().poll(&mut Context::from_waker(&waker));
            assert!(ON_CLONE.take().is_empty());
            assert!(polled.is_ready() || CLONES_WOKEN.take() > 0);
        });
    }
}

/// Everything at once that a guard of a lock can be made to do.
#[test]
fn guards_may_be_forgotten_and_outlive_their_loop() {
    let lock = Rc::new(RefCell::new(None));
    let guard = asyncio::run({
        let lock = lock.clone();
        async move {
            let made = Lock::new();
            let guard = made.acquire().await;
            *lock.borrow_mut() = Some(made);
            guard
        }
    });
    let made = lock.take().unwrap();
    assert!(made.locked());
    drop(guard);
    assert!(!made.locked());
    std::mem::forget(made.acquire().now_or_never());
    assert!(made.locked());
    made.release();
    assert!(!made.locked());
}
