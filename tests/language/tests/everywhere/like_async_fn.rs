//! What a function gives is a future like an `async fn`'s: it drops its arguments when that does, is hardly larger, and is `Send` when what it
//! holds is.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use asyncio::Coroutine;
use language::block_on;

use crate::double;

struct Noted(Rc<RefCell<Vec<&'static str>>>, &'static str);

impl Drop for Noted {
    fn drop(&mut self) {
        self.0.borrow_mut().push(self.1);
    }
}

type Log = Rc<RefCell<Vec<&'static str>>>;

#[asyncio::coroutine]
async fn ours(log: &Log, a: Noted, _: Noted, _unused: Noted, (_b, _): (Noted, Noted)) {
    let _local = Noted(log.clone(), "local");
    log.borrow_mut().push(a.1);
}

async fn theirs(log: &Log, a: Noted, _: Noted, _unused: Noted, (_b, _): (Noted, Noted)) {
    let _local = Noted(log.clone(), "local");
    log.borrow_mut().push(a.1);
}

impl Noted {
    #[asyncio::coroutine]
    async fn ours(self, other: Noted) {
        let _ = &other;
        Noted(self.0.clone(), "body");
    }

    async fn theirs(self, other: Noted) {
        let _ = &other;
        Noted(self.0.clone(), "body");
    }
}

#[test]
fn arguments_are_dropped_when_those_of_an_async_fn_are() {
    let noted = |log: &Log, name| Noted(log.clone(), name);
    let five = |log: &Log| {
        (
            noted(log, "a"),
            noted(log, "_"),
            noted(log, "unused"),
            (noted(log, "b"), noted(log, "ignored")),
        )
    };
    let logs = [Log::default(), Log::default()];
    let (a, b, c, d) = five(&logs[0]);
    block_on(ours(&logs[0], a, b, c, d));
    let (a, b, c, d) = five(&logs[1]);
    block_on(theirs(&logs[1], a, b, c, d));
    assert_eq!(logs[0], logs[1]);

    // The same when they are dropped before they are polled.
    let logs = [Log::default(), Log::default()];
    let (a, b, c, d) = five(&logs[0]);
    ours(&logs[0], a, b, c, d).close();
    let (a, b, c, d) = five(&logs[1]);
    drop(theirs(&logs[1], a, b, c, d));
    assert_eq!(logs[0], logs[1]);

    let logs = [Log::default(), Log::default()];
    block_on(noted(&logs[0], "self").ours(noted(&logs[0], "other")));
    block_on(noted(&logs[1], "self").theirs(noted(&logs[1], "other")));
    assert_eq!(logs[0], logs[1]);
}

#[test]
fn a_state_machine_is_no_larger_than_the_async_fns() {
    async fn theirs(x: [u64; 8]) -> u64 {
        std::future::ready(()).await;
        x.iter().sum()
    }
    #[asyncio::coroutine]
    async fn ours(x: [u64; 8]) -> u64 {
        std::future::ready(()).await;
        x.iter().sum()
    }
    let ours = ours([0; 8]);
    let word = size_of::<usize>();
    assert!(size_of_val(&ours) <= size_of_val(&theirs([0; 8])) + 2 * word);
    ours.close();
}

#[test]
fn coroutines_are_send_when_their_contents_are() {
    fn is_send<T: Send>(_: &T) {}
    let c = double(1);
    is_send(&c);
    c.close();
    let stored: Vec<Coroutine<Pin<Box<dyn Future<Output = u32>>>>> =
        vec![double(1).boxed(), double(2).boxed()];
    assert_eq!(
        format!("{:?}", stored[0]).split(" at ").next(),
        Some("<coroutine object double")
    );
    assert_eq!(stored.into_iter().map(block_on).sum::<u32>(), 6);
}
