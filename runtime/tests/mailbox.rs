//! The way into a loop from other threads, through every interleaving of them.

use std::task::Poll;

use loom::sync::Arc;
use loom::thread;

mod sync {
    pub(super) use loom::sync::atomic::{AtomicBool, Ordering};
    pub(super) use loom::sync::{Mutex, MutexGuard};
}

#[path = "../src/event_loop/mailbox.rs"]
mod mailbox;

use mailbox::Mailbox;

const LOOP: u64 = 7;

fn open() -> Arc<Mailbox<u32>> {
    let mailbox = Arc::new(Mailbox::default());
    mailbox.open(LOOP);
    mailbox
}

/// Waits as a loop does: it says how to be woken, looks at what has come in, and parks.
fn receive(mailbox: &Mailbox<u32>, count: usize) -> Vec<u32> {
    let mut received = Vec::new();
    loom::future::block_on(std::future::poll_fn(|cx| {
        mailbox.set_unpark(Some(cx.waker().clone()));
        received.extend(mailbox.receive());
        if received.len() == count {
            mailbox.set_unpark(None);
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }));
    received
}

/// With two senders there are too many interleavings: all with two preemptions at most.
#[test]
fn a_loop_that_parks_is_woken_by_every_message() {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(2);
    model.check(|| {
        let mailbox = open();
        let senders = [1, 2].map(|message| {
            let mailbox = mailbox.clone();
            thread::spawn(move || mailbox.send(LOOP, message).unwrap())
        });
        let mut received = receive(&mailbox, 2);
        received.sort_unstable();
        assert_eq!(received, [1, 2]);
        for sender in senders {
            sender.join().unwrap();
        }
    });
}

#[test]
fn the_messages_of_one_thread_come_in_order() {
    loom::model(|| {
        let mailbox = open();
        let sender = thread::spawn({
            let mailbox = mailbox.clone();
            move || [1, 2].map(|message| mailbox.send(LOOP, message).unwrap())
        });
        assert_eq!(receive(&mailbox, 2), [1, 2]);
        sender.join().unwrap();
    });
}

#[test]
fn a_message_to_a_loop_that_closes_is_taken_in_dropped_or_given_back_once() {
    loom::model(|| {
        let mailbox = open();
        let sender = thread::spawn({
            let mailbox = mailbox.clone();
            move || [1, 2].map(|message| mailbox.send(LOOP, message).err())
        });
        let mut seen = mailbox.receive();
        seen.extend(mailbox.close());
        seen.extend(sender.join().unwrap().into_iter().flatten());
        assert_eq!(seen, [1, 2]);
        assert!(mailbox.receive().is_empty());
    });
}

#[test]
fn a_message_to_a_loop_that_is_gone_never_reaches_the_next_one_there() {
    loom::model(|| {
        let mailbox = open();
        let sender = thread::spawn({
            let mailbox = mailbox.clone();
            move || mailbox.send(LOOP, 1).err()
        });
        let mut seen = mailbox.close();
        mailbox.open(LOOP + 1);
        let next = mailbox.receive();
        assert!(next.is_empty(), "{next:?}");
        seen.extend(sender.join().unwrap());
        assert_eq!(seen, [1]);
        assert!(mailbox.receive().is_empty());
    });
}
