//! Destructors, wakers and errors that panic: everything else goes its way.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Wake, Waker};

use asyncio::{Event, Lock, Queue, Semaphore, Task, new_event_loop};
use futures::FutureExt;

use super::{Held, await_held, fill_memory, held, poll_held, settle};
use crate::common::{Counter, OnDrop, Token, run, text_of};
use tests::logged;

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
        run(async {
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
