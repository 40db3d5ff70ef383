//! A waker says nothing of who made it: another one may lead where a generator's own does.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use asyncio::Generator;

/// Takes off the `.await` of what a word became, and leaves the future.
macro_rules! without_await {
    (($($words:tt)*) . $method:ident ($($operand:tt)*) . await) => {
        ($($words)*).$method($($operand)*)
    };
}

/// Awaits where the macro does not see it.
macro_rules! smuggled_await {
    ($e:expr) => {
        $e.await
    };
}

/// Polls a word that it was given when it is asked for an item, with a waker of this address.
struct PollsAWord<F> {
    word: F,
    address: *const (),
}

static NOTHING: RawWakerVTable = RawWakerVTable::new(
    |address| RawWaker::new(address, &NOTHING),
    |_| {},
    |_| {},
    |_| {},
);

impl<F: Future + Unpin> Iterator for PollsAWord<F> {
    type Item = Box<u32>;

    fn next(&mut self) -> Option<Box<u32>> {
        // SAFETY: none of the functions does anything with the address.
        let waker = unsafe { Waker::from_raw(RawWaker::new(self.address, &NOTHING)) };
        let _ = Pin::new(&mut self.word).poll(&mut Context::from_waker(&waker));
        Some(Box::new(2))
    }
}

#[asyncio::coroutine]
fn delegates_to_what_polls_its_word() -> Generator<Box<u32>> {
    let word = without_await!(yield_!(Box::new(1)));
    let address = smuggled_await!(poll_fn(|cx| Poll::Ready(cx.waker().data())));
    yield_from!(PollsAWord { word, address });
}

/// What it leaves in the slot is not lost; and nobody holds the slot meanwhile, which Miri would see.
#[test]
fn an_iterator_that_yields_as_it_is_asked_for_an_item_is_found_out() {
    let mut g = delegates_to_what_polls_its_word();
    let payload = catch_unwind(AssertUnwindSafe(|| g.next())).expect_err("it is found out");
    let message = payload.downcast_ref::<&str>().expect("a message");
    assert!(
        message.contains("whose value nobody was given"),
        "{message}"
    );
    assert_eq!(g.next(), None);
}
