//! Whatever a macro does with what it is given, a `yield_!` suspends its own generator and nothing else, and no value is lost.
//!
//! What a wrapping macro makes of it is refused by the compiler: see `ui/fail/yield-in-a-macro-*`. Here is what still compiles: macros
//! that take apart the tokens of a word and put them together in another way. This crate forbids unsafe code, as theirs would.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use asyncio::{AsyncExit, AsyncGenerator, Generator};

/// Polls a future with a waker of its own, in the middle of the body that made it.
fn poll_with_another_waker<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

/// Takes off the `.await` of what a word became, and leaves the future.
macro_rules! without_await {
    (($($words:tt)*) . $method:ident ($($operand:tt)*) . await) => {
        ($($words)*).$method($($operand)*)
    };
}

#[asyncio::coroutine]
fn polled_by_another() -> Generator<Box<u32>> {
    let mut stolen = without_await!(yield_!(Box::new(1)));
    let _ = poll_with_another_waker(&mut stolen);
    yield_!(Box::new(2));
}

#[test]
fn a_stolen_word_that_another_polls_panics() {
    let mut g = polled_by_another();
    let panicked = catch_unwind(AssertUnwindSafe(|| g.next()));
    let message = *panicked.unwrap_err().downcast::<&str>().unwrap();
    assert!(
        message.contains("polled by something else than its own generator"),
        "{message}"
    );
    assert_eq!(g.next(), None);
}

#[asyncio::coroutine]
fn dropped_or_forgotten() -> Generator<Box<u32>, Box<u32>> {
    drop(without_await!(yield_!(Box::new(1))));
    std::mem::forget(without_await!(yield_!(Box::new(2))));
    yield_!(Box::new(3));
}

#[test]
fn a_stolen_word_that_is_dropped_yields_nothing() {
    assert_eq!(dropped_or_forgotten().collect::<Vec<_>>(), [Box::new(3)]);
}

/// Awaits what it is given, in a generator's own body: the only way to await something there.
macro_rules! smuggled_await {
    ($e:expr) => {
        $e.await
    };
}

#[asyncio::coroutine]
fn keeps_the_waker(kept: &RefCell<Option<Waker>>) -> Generator<u32> {
    smuggled_await!(poll_fn(|cx| {
        *kept.borrow_mut() = Some(cx.waker().clone());
        Poll::Ready(())
    }));
    yield_!(1);
    yield_!(2);
}

#[test]
fn a_waker_that_outlives_the_resumption_leads_nowhere() {
    let kept = RefCell::new(None);
    let mut g = keeps_the_waker(&kept);
    assert_eq!(g.next(), Some(1));
    let waker = kept.take().unwrap();
    let clone = waker.clone();
    drop(g);
    waker.wake_by_ref();
    clone.wake();
    std::thread::spawn(move || waker.wake()).join().unwrap();
}

#[asyncio::coroutine]
fn waits() -> Generator<u32> {
    yield_!(1);
    smuggled_await!(std::future::pending::<()>());
    yield_!(2);
}

#[test]
fn a_generator_that_really_waits_panics_and_is_finished() {
    let mut g = waits();
    assert_eq!(g.next(), Some(1));
    let panicked = catch_unwind(AssertUnwindSafe(|| g.next()));
    let message = *panicked.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("'waits' awaited something"), "{message}");
    assert_eq!(g.next(), None);
}

#[asyncio::coroutine]
fn outer_that_polls_for_the_inner() -> Generator<u64> {
    let mut stolen = without_await!(yield_!(7));
    let mut inner = polls_what_it_is_given(&mut stolen);
    println!(
        "{:?}",
        catch_unwind(AssertUnwindSafe(|| inner.next())).is_err()
    );
    drop(inner);
    yield_!(8);
}

#[asyncio::coroutine]
fn polls_what_it_is_given<F: Future + Unpin>(stolen: &mut F) -> Generator<Box<str>> {
    smuggled_await!(poll_fn(|cx| {
        let _ = Pin::new(&mut *stolen).poll(cx);
        Poll::Ready(())
    }));
    yield_!("".into());
}

#[test]
fn a_word_cannot_be_polled_by_a_generator_of_other_types() {
    assert_eq!(outer_that_polls_for_the_inner().collect::<Vec<_>>(), [8]);
}

#[asyncio::coroutine]
async fn on_another_thread() -> AsyncGenerator<Box<u32>> {
    let mut stolen = without_await!(yield_!(Box::new(1)));
    let panicked = std::thread::scope(|scope| {
        let stolen = &mut stolen;
        scope
            .spawn(move || poll_with_another_waker(stolen))
            .join()
            .is_err()
    });
    assert!(panicked);
    yield_!(Box::new(2));
}

#[test]
fn a_stolen_word_of_an_async_generator_does_not_work_on_another_thread() {
    let mut g = on_another_thread();
    let next = futures::executor::block_on(g.anext());
    assert_eq!(next, Some(Box::new(2)));
}

#[asyncio::coroutine]
async fn two_at_once() -> AsyncGenerator<Box<u32>> {
    let mut a = without_await!(yield_!(Box::new(1)));
    let mut b = without_await!(yield_!(Box::new(2)));
    let _ = poll_with_another_waker(&mut a);
    let _ = poll_with_another_waker(&mut b);
    yield_!(Box::new(3));
}

#[test]
fn an_async_generator_loses_no_value_silently() {
    let mut g = two_at_once();
    let panicked = catch_unwind(AssertUnwindSafe(|| futures::executor::block_on(g.anext())));
    let message = *panicked.unwrap_err().downcast::<&str>().unwrap();
    assert!(message.contains("two `yield_!`"), "{message}");
}

#[asyncio::coroutine]
async fn stolen_then_its_own() -> AsyncGenerator<Box<u32>> {
    let mut stolen = without_await!(yield_!(Box::new(1)));
    let _ = poll_with_another_waker(&mut stolen);
    yield_!(Box::new(2));
}

#[asyncio::coroutine]
async fn stolen_at_the_end() -> AsyncGenerator<Box<u32>> {
    let mut stolen = without_await!(yield_!(Box::new(1)));
    let _ = poll_with_another_waker(&mut stolen);
}

#[test]
fn a_stolen_value_is_not_overwritten_by_the_bodys_own_nor_forgotten_at_its_end() {
    for mut g in [stolen_then_its_own().boxed(), stolen_at_the_end().boxed()] {
        let next = || futures::executor::block_on(g.anext());
        let panicked = catch_unwind(AssertUnwindSafe(next));
        let message = *panicked.unwrap_err().downcast::<&str>().unwrap();
        assert!(message.contains("two `yield_!`"), "{message}");
        assert_eq!(futures::executor::block_on(g.anext()), None);
    }
}

/// Polls a future once in the body's own context, and goes on.
macro_rules! polled_once {
    ($future:expr) => {
        smuggled_await!(poll_fn(|cx| Poll::Ready(
            Pin::new(&mut $future).poll(cx).is_pending()
        )))
    };
}

#[asyncio::coroutine]
fn polled_once_then_its_own() -> Generator<Box<u32>> {
    let mut stolen = without_await!(yield_!(Box::new(1)));
    assert!(polled_once!(stolen));
    // Once more: it has not been resumed.
    assert!(polled_once!(stolen));
    yield_!(Box::new(2));
}

#[asyncio::coroutine]
fn polled_once_at_the_end() -> Generator<Box<u32>> {
    let mut stolen = without_await!(yield_!(Box::new(1)));
    assert!(polled_once!(stolen));
}

#[asyncio::coroutine]
fn delegates_beside_its_own() -> Generator<Box<u32>> {
    let mut stolen = without_await!(yield_!(Box::new(1)));
    assert!(polled_once!(stolen));
    let mut each = without_await!(yield_from!([Box::new(2), Box::new(3)]));
    assert!(polled_once!(each));
}

#[asyncio::coroutine]
fn two() -> Generator<Box<u32>> {
    yield_!(Box::new(1));
    yield_!(Box::new(2));
}

#[asyncio::coroutine]
fn delegates_twice_at_once() -> Generator<Box<u32>> {
    let mut first = without_await!(yield_from!(two()));
    assert!(polled_once!(first));
    let mut second = without_await!(yield_from!(two()));
    assert!(polled_once!(second));
}

/// Once more before it is resumed: it goes on only then.
#[asyncio::coroutine]
fn delegates_and_is_polled_again() -> Generator<Box<u32>> {
    let mut each = without_await!(yield_from!([Box::new(1), Box::new(2)]));
    smuggled_await!(poll_fn(|cx| {
        let polled = Pin::new(&mut each).poll(cx);
        if polled.is_pending() {
            assert!(Pin::new(&mut each).poll(cx).is_pending());
        }
        polled
    }));
}

#[test]
fn an_item_of_a_delegation_is_not_lost() {
    let all: Vec<_> = delegates_and_is_polled_again().collect();
    assert_eq!(all, [Box::new(1), Box::new(2)]);
}

#[test]
fn a_value_that_was_left_is_not_lost_silently() {
    for mut g in [
        delegates_beside_its_own().boxed(),
        delegates_twice_at_once().boxed(),
        polled_once_then_its_own().boxed(),
        polled_once_at_the_end().boxed(),
    ] {
        let panicked = catch_unwind(AssertUnwindSafe(|| g.next()));
        let message = *panicked.unwrap_err().downcast::<&str>().unwrap();
        assert!(message.contains("nobody was given"), "{message}");
        assert_eq!(g.next(), None);
    }
}

/// Suspends the body in a way of its own: as a `yield_!` leaves a value, and then waits for something else.
#[asyncio::coroutine]
fn yields_and_waits_elsewhere() -> Generator<Box<u32>> {
    let mut stolen = without_await!(yield_!(Box::new(1)));
    let mut polls = 0;
    smuggled_await!(poll_fn(|cx| {
        polls += 1;
        if polls == 1 {
            return Pin::new(&mut stolen).poll(cx);
        }
        Poll::Ready(())
    }));
    // The slot of this resumption is another one.
    yield_!(Box::new(2));
    yield_!(Box::new(3));
}

#[test]
fn a_body_that_was_suspended_elsewhere_yields_to_whoever_resumes_it() {
    let all: Vec<_> = yields_and_waits_elsewhere().collect();
    assert_eq!(all, [Box::new(1), Box::new(2), Box::new(3)]);
    let mut g = yields_and_waits_elsewhere();
    assert_eq!(g.next(), Some(Box::new(1)));
    let mut g = std::thread::spawn(move || {
        assert_eq!(g.next(), Some(Box::new(2)));
        g
    })
    .join()
    .unwrap();
    assert_eq!(g.next(), Some(Box::new(3)));
}

#[test]
fn a_started_generator_may_be_forgotten_and_moved_between_threads() {
    #[asyncio::coroutine]
    fn numbers() -> Generator<Box<u32>, Box<u32>> {
        let mut n = Box::new(0);
        while let Some(sent) = yield_!(n) {
            n = sent;
        }
    }
    #[asyncio::coroutine]
    async fn async_numbers() -> AsyncGenerator<Box<u32>, Box<u32>> {
        let mut n = Box::new(0);
        while let Some(sent) = yield_!(n) {
            n = sent;
        }
    }
    let mut forgotten = numbers();
    forgotten.next();
    // On purpose not dropped: nothing of it is reached any more, and nothing dangles.
    std::mem::forget(forgotten);
    let mut moved = numbers();
    let mut async_moved = async_numbers();
    moved.next();
    futures::executor::block_on(async_moved.anext());
    for n in 0..3 {
        (moved, async_moved) = std::thread::spawn(move || {
            assert_eq!(moved.send(Box::new(n)), Ok(Box::new(n)));
            let sent = futures::executor::block_on(async_moved.asend(Box::new(n)));
            assert_eq!(sent, Some(Box::new(n)));
            (moved, async_moved)
        })
        .join()
        .unwrap();
    }
}

/// A macro that evaluates its argument twice, and one that never does.
macro_rules! twice {
    ($e:expr) => {
        ($e, $e)
    };
}
macro_rules! never {
    ($e:expr) => {
        if false {
            $e;
        }
    };
}

#[asyncio::coroutine]
fn counted() -> Generator<u32, u32> {
    let (a, b) = twice!(yield_!(1));
    never!(yield_!(100));
    yield_!(a.unwrap_or(0) * 10 + b.unwrap_or(0));
}

#[test]
fn a_macro_may_evaluate_a_word_as_often_as_it_likes() {
    let mut g = counted();
    assert_eq!(g.next(), Some(1));
    assert_eq!(g.send(2), Ok(1));
    assert_eq!(g.send(3), Ok(23));
    assert_eq!(g.next(), None);
}

/// A macro of the function's own, whose definition has the word in it.
#[asyncio::coroutine]
fn with_a_local_macro() -> Generator<u32, u32> {
    macro_rules! emit {
        ($e:expr) => {
            yield_!($e * 2)
        };
    }
    let got = emit!(1 + 2);
    emit!(got.unwrap_or(0));
}

#[test]
fn a_local_macro_may_have_words_in_it() {
    let mut g = with_a_local_macro();
    assert_eq!(g.next(), Some(6));
    assert_eq!(g.send(5), Ok(10));
}

#[test]
#[cfg_attr(miri, ignore = "there, no two wakers of one kind are the same")]
fn the_awaited_futures_see_the_callers_own_waker() {
    struct SameWaker(Waker);
    impl Future for SameWaker {
        type Output = bool;
        fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<bool> {
            Poll::Ready(cx.waker().will_wake(&self.0))
        }
    }
    #[asyncio::coroutine]
    async fn checking(waker: Waker) -> AsyncGenerator<bool> {
        yield_!(await_!(SameWaker(waker.clone())));
        println!("{:?}", yield_!(await_!(SameWaker(waker.clone()))));
        yield_!(await_!(SameWaker(waker)));
    }
    struct Quiet;
    impl std::task::Wake for Quiet {
        fn wake(self: std::sync::Arc<Self>) {}
    }
    let waker = Waker::from(std::sync::Arc::new(Quiet));
    let mut g = checking(waker.clone());
    let mut cx = Context::from_waker(&waker);
    for _ in 0..3 {
        let mut next = g.anext();
        assert_eq!(Pin::new(&mut next).poll(&mut cx), Poll::Ready(Some(true)));
    }
}

#[test]
fn values_are_neither_lost_nor_dropped_twice() {
    thread_local!(static ALIVE: RefCell<i32> = const { RefCell::new(0) });
    struct Counted;
    impl Counted {
        fn new() -> Self {
            ALIVE.with_borrow_mut(|n| *n += 1);
            Counted
        }
    }
    impl Drop for Counted {
        fn drop(&mut self) {
            ALIVE.with_borrow_mut(|n| *n -= 1);
        }
    }
    #[asyncio::coroutine]
    fn values() -> Generator<Counted, Counted, Counted> {
        let kept = yield_!(Counted::new());
        let _ = yield_!(Counted::new());
        yield_from!([Counted::new(), Counted::new()]);
        drop(kept);
        Counted::new()
    }
    for stop in 0..8 {
        let mut g = values();
        for n in 0..stop {
            drop(if n % 2 == 1 {
                g.send(Counted::new())
            } else {
                g.send(None)
            });
        }
        drop(g);
        assert_eq!(ALIVE.with_borrow(|n| *n), 0);
    }
}

#[asyncio::coroutine]
async fn wide() -> AsyncGenerator<[u64; 16]> {
    yield_!([7; 16]);
    yield_!([8; 16]);
}

/// Asks an async generator of other types, which is gone afterwards.
fn ask_another() {
    let mut another = wide();
    for expected in [[7; 16], [8; 16]] {
        let next = pin!(another.anext()).poll(&mut Context::from_waker(Waker::noop()));
        assert_eq!(next, Poll::Ready(Some(expected)));
    }
}

/// As a waker, as a manager and as what is sent: whenever anything of it runs, another generator does.
struct Asks;

impl Drop for Asks {
    fn drop(&mut self) {
        ask_another();
    }
}

impl Wake for Asks {
    fn wake(self: Arc<Self>) {
        ask_another();
    }
}

impl AsyncExit for Asks {
    async fn aexit(&mut self) {
        ask_another();
        asyncio::sleep(0).await;
        ask_another();
    }
}

#[asyncio::coroutine]
async fn among_others() -> AsyncGenerator<String, Asks> {
    ask_another();
    let sent = yield_!("a".to_owned());
    ask_another();
    yield_!("b".to_owned());
    drop(sent);
    #[async_with(_first = Asks, _second = { drop(yield_!("c".to_owned())); Asks })]
    {
        yield_!("d".to_owned());
        asyncio::sleep(0).await;
        drop(yield_!("e".to_owned()));
        ask_another();
        yield_!("f".to_owned());
    }
    yield_!("g".to_owned());
}

/// The next value of `g`, each poll of which has another waker.
async fn ask(g: &mut AsyncGenerator<String, Asks>, value: Option<Asks>) -> Option<String> {
    let mut next = pin!(g.asend(value));
    poll_fn(|cx| {
        cx.waker().wake_by_ref();
        let waker = Waker::from(Arc::new(Asks));
        next.as_mut().poll(&mut Context::from_waker(&waker))
    })
    .await
}

#[test]
fn what_other_generators_do_in_between_is_nothing_to_one() {
    asyncio::run(async {
        let mut g = among_others().boxed();
        assert_eq!(ask(&mut g, None).await.as_deref(), Some("a"));
        for expected in ["b", "c", "d", "e", "f", "g"] {
            let given = ask(&mut g, Some(Asks)).await;
            assert_eq!(given.as_deref(), Some(expected));
        }
        assert_eq!(ask(&mut g, Some(Asks)).await, None);

        for until in ["a", "c", "d", "g"] {
            let mut g = among_others().boxed();
            while ask(&mut g, None).await.as_deref() != Some(until) {}
            g.aclose().await;
            assert_eq!(ask(&mut g, None).await, None);
        }
    });
}
