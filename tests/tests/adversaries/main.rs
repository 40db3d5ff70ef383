//! Safe code that does what nobody would: it keeps what is suspended when its task and its loop are gone, wakes
//! and drops in the middle of everything, forgets and panics. Nothing that is gone is touched.
//!
//! What would be is seen by valgrind, and here by what is shown.

#[path = "../common/mod.rs"]
mod common;
mod going;
mod meddling;
mod outlived;
mod panicking;

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use asyncio::{Event, EventLoop};

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
