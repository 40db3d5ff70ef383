//! Async generators do what Python's do, and are streams.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use asyncio::testing::Clock;
use asyncio::{AsyncGenerator, Runner, sleep};
use futures::{Stream, StreamExt};

type Log = Rc<RefCell<Vec<String>>>;

fn log(log: &Log, line: impl ToString) {
    log.borrow_mut().push(line.to_string());
}

fn run<F: Future>(future: F) -> F::Output {
    Runner::new().clock(Clock::virtual_clock()).run(future)
}

#[asyncio::coroutine]
async fn ticks(up_to: u32) -> AsyncGenerator<u32> {
    for n in 0..up_to {
        await_!(sleep(1));
        yield_!(n);
    }
}

#[asyncio::coroutine]
fn plain_function() -> AsyncGenerator<u32> {
    sleep(1).await;
    yield_!(1);
}

#[test]
fn yields_and_awaits_in_turn() {
    run(async {
        assert_eq!(ticks(3).collect::<Vec<_>>().await, [0, 1, 2]);
        assert_eq!(plain_function().collect::<Vec<_>>().await, [1]);
    });
}

#[asyncio::coroutine]
async fn sum_to(stop: u32) -> Result<u32, String> {
    let mut sum = 0;
    #[async_for]
    for n in ticks(10) {
        if n == 1 {
            continue;
        }
        if n == stop {
            break;
        }
        sum += check(n)?;
    }
    Ok(sum)
}

fn check(n: u32) -> Result<u32, String> {
    if n == 7 {
        Err("seven".to_owned())
    } else {
        Ok(n)
    }
}

#[test]
fn async_for_breaks_continues_and_fails() {
    run(async {
        assert_eq!(sum_to(5).await, Ok(2 + 3 + 4));
        assert_eq!(sum_to(9).await, Err("seven".to_owned()));
    });
}

#[asyncio::coroutine]
async fn labelled(log_: Log) {
    #[async_for]
    'outer: for a in ticks(3) {
        #[async_for]
        for (b, _) in ticks(3).map(|b| (b, ())) {
            if b == 2 {
                continue 'outer;
            }
            if a == 1 {
                break 'outer;
            }
            log(&log_, format!("{a}{b}"));
        }
    }
}

#[test]
fn async_for_takes_labels_and_patterns() {
    let lines = Log::default();
    run(labelled(lines.clone()));
    assert_eq!(*lines.borrow(), ["00", "01"]);
}

struct Countdown(u32);

impl Countdown {
    async fn anext(&mut self) -> Option<u32> {
        sleep(1).await;
        self.0 = self.0.checked_sub(1)?;
        Some(self.0)
    }
}

#[asyncio::coroutine]
async fn over_anext() -> Vec<u32> {
    let mut seen = Vec::new();
    #[async_for]
    for n in Countdown(3) {
        seen.push(n);
    }
    seen
}

#[test]
fn async_for_takes_anything_with_anext() {
    assert_eq!(run(over_anext()), [2, 1, 0]);
}

#[asyncio::coroutine]
async fn doubling() -> AsyncGenerator<i32, i32> {
    let mut answer = 0;
    while let Some(n) = yield_!(answer) {
        await_!(sleep(1));
        println!("{:?}", yield_!(-1));
        answer = 2 * n;
    }
}

#[test]
fn is_sent_values() {
    run(async {
        let mut g = doubling();
        assert_eq!(g.asend(None).await, Some(0));
        assert_eq!(g.asend(4).await, Some(-1));
        assert_eq!(g.anext().await, Some(8));
        assert_eq!(g.anext().await, None);
        assert_eq!(g.anext().await, None);
        assert_eq!(g.asend(1).await, None);
    });
}

#[test]
#[should_panic = "can't send non-None value to a just-started async generator"]
fn refuses_a_value_before_it_has_started() {
    run(async { doubling().asend(1).await });
}

#[test]
fn a_unit_may_be_sent_before_it_has_started() {
    #[asyncio::coroutine]
    async fn one() -> AsyncGenerator<u32> {
        yield_!(1);
    }
    run(async {
        let mut g = one();
        assert_eq!((g.asend(()).await, g.asend(()).await), (Some(1), None));
    });
}

#[asyncio::coroutine]
async fn careful() -> AsyncGenerator<&'static str, Result<(), String>> {
    let mut told = yield_!("first");
    while let Some(Err(error)) = told {
        told = yield_!(if error == "a" { "caught a" } else { "caught b" });
    }
}

#[test]
fn errors_are_thrown_in() {
    run(async {
        let mut g = careful();
        assert_eq!(g.athrow("x".to_owned()).await, Err("x".to_owned()));
        assert_eq!(g.anext().await, None);
        let mut g = careful();
        g.anext().await;
        assert_eq!(g.athrow("a".to_owned()).await, Ok(Some("caught a")));
        assert_eq!(g.athrow("b".to_owned()).await, Ok(Some("caught b")));
        assert_eq!(g.anext().await, None);
    });
}

struct Resource(Log, &'static str);

impl asyncio::AsyncExit for Resource {
    async fn aexit(&mut self) {
        log(&self.0, format!("closing {}", self.1));
        sleep(1).await;
        log(&self.0, format!("closed {}", self.1));
    }
}

#[asyncio::coroutine]
async fn rows(lines: Log) -> AsyncGenerator<u32> {
    #[async_with(a = Resource(lines.clone(), "a"), _b = Resource(lines.clone(), "b"))]
    {
        log(&a.0, "opened");
        for n in 0.. {
            yield_!(n);
        }
    }
}

#[test]
fn aclose_awaits_the_cleanup() {
    let lines = Log::default();
    run(async {
        let mut g = rows(lines.clone());
        assert_eq!(g.anext().await, Some(0));
        assert_eq!(g.anext().await, Some(1));
        g.aclose().await;
        assert_eq!(g.anext().await, None);
    });
    assert_eq!(
        *lines.borrow(),
        ["opened", "closing b", "closed b", "closing a", "closed a"]
    );
}

#[test]
fn aclose_works_off_the_loop() {
    let lines = Log::default();
    let mut g = quick_rows(lines.clone());
    futures::executor::block_on(async {
        assert_eq!(g.anext().await, Some(0));
        g.aclose().await;
        assert_eq!(g.anext().await, None);
    });
    assert_eq!(*lines.borrow(), ["closed"]);
}

struct Quick(Log);
impl asyncio::AsyncExit for Quick {
    async fn aexit(&mut self) {
        log(&self.0, "closed");
    }
}

#[asyncio::coroutine]
async fn quick_rows(lines: Log) -> AsyncGenerator<u32> {
    #[async_with(_q = Quick(lines))]
    {
        loop {
            yield_!(0);
        }
    }
}

#[test]
fn a_bare_drop_awaits_nothing() {
    let lines = Log::default();
    run(async {
        let mut g = rows(lines.clone());
        g.anext().await;
        drop(g);
        sleep(5).await;
    });
    assert_eq!(*lines.borrow(), ["opened"]);
}

#[asyncio::coroutine]
async fn closes_by_with(lines: Log) -> u32 {
    #[async_with(g = rows(lines.clone()))]
    {
        #[async_for]
        for n in &mut g {
            if n == 2 {
                return n;
            }
        }
    }
    0
}

#[test]
fn async_with_closes_a_generator() {
    let lines = Log::default();
    assert_eq!(run(closes_by_with(lines.clone())), 2);
    assert_eq!(lines.borrow().len(), 5);
}

#[test]
fn a_cancellation_unwinds_the_body_and_finishes_it() {
    let lines = Log::default();
    run(async {
        let mut g = ticks(9);
        g.anext().await;
        let waited = asyncio::wait_for(g.anext(), 0.5).await;
        assert!(waited.is_err());
        assert_eq!(g.anext().await, None);
        log(&lines, "end");
    });
    assert_eq!(*lines.borrow(), ["end"]);
}

#[asyncio::coroutine]
fn as_a_stream(n: u32) -> impl Stream<Item = u32> + Unpin {
    for n in 0..n {
        sleep(Duration::from_secs(1)).await;
        yield_!(n);
    }
}

#[test]
fn can_be_shown_as_a_stream_only() {
    run(async {
        let mut s = as_a_stream(2);
        assert_eq!(s.next().await, Some(0));
        assert_eq!(s.next().await, Some(1));
        assert_eq!(s.next().await, None);
    });
}

#[asyncio::coroutine]
async fn recursive_stream(n: u32) -> impl Stream<Item = u32> {
    yield_!(n);
    if n > 0 {
        #[async_for]
        for x in recursive_stream(n - 1) {
            yield_!(x);
        }
    }
}

#[test]
fn can_run_where_it_is_pinned() {
    run(async {
        let mut g = std::pin::pin!(ticks(2).in_place());
        assert_eq!(g.next().await, Some(0));
        assert_eq!(g.next().await, Some(1));
        assert_eq!(g.next().await, None);
        assert_eq!(g.next().await, None);
        let all: Vec<u32> = recursive_stream(2).collect().await;
        assert_eq!(all, [2, 1, 0]);
    });
}

#[asyncio::coroutine]
async fn descend(n: u32) -> AsyncGenerator<u32> {
    yield_!(n);
    if n > 0 {
        #[async_for]
        for x in descend(n - 1) {
            yield_!(x);
        }
    }
}

#[test]
fn recurses() {
    run(async { assert_eq!(descend(3).collect::<Vec<_>>().await, [3, 2, 1, 0]) });
}

#[test]
fn is_send_and_unpin_when_its_contents_are() {
    fn check<T: Send + Unpin>(_: T) {}
    check(ticks(1));
    check(descend(1));
    check(doubling());
    check(ticks(1).boxed_send());
    let stored: Vec<AsyncGenerator<u32>> = vec![ticks(1).boxed(), descend(2).boxed()];
    assert!(format!("{:?}", stored[0]).starts_with("<async_generator object ticks at 0x"));
}

#[test]
fn one_that_panics_is_finished() {
    #[asyncio::coroutine]
    async fn panicking(lines: Log) -> AsyncGenerator<Rc<u32>> {
        let _told = Told(lines);
        yield_!(Rc::new(1));
        panic!("in the generator");
    }
    struct Told(Log);
    impl Drop for Told {
        fn drop(&mut self) {
            log(&self.0, "dropped");
        }
    }
    let lines = Log::default();
    let mut g = panicking(lines.clone());
    futures::executor::block_on(async {
        assert_eq!(g.anext().await, Some(Rc::new(1)));
        let next = std::panic::AssertUnwindSafe(g.anext());
        assert!(futures::FutureExt::catch_unwind(next).await.is_err());
        assert_eq!(*lines.borrow(), ["dropped"]);
        assert_eq!(g.anext().await, None);
        g.aclose().await;
    });
    assert_eq!(lines.borrow().len(), 1);
}

#[test]
fn its_size_hint_is_that_of_a_stream_that_may_end_any_time() {
    use futures::stream::FusedStream;
    let mut g = plain_function();
    assert_eq!((g.size_hint(), g.is_terminated()), ((0, None), false));
    run(async {
        g.anext().await;
        assert_eq!((g.size_hint(), g.is_terminated()), ((0, None), false));
        g.anext().await;
    });
    assert_eq!((g.size_hint(), g.is_terminated()), ((0, Some(0)), true));
}

#[test]
fn aclose_ends_it_at_the_yield_it_stands_at() {
    #[asyncio::coroutine]
    async fn managed() -> AsyncGenerator<u32> {
        #[async_with(_q = Quick(Log::default()))]
        {
            yield_!(1);
        }
    }
    #[asyncio::coroutine]
    async fn bare() -> AsyncGenerator<u32> {
        yield_!(1);
        yield_!(2);
    }
    run(async {
        let mut g = managed();
        g.anext().await;
        g.aclose().await;
        let mut g = bare();
        g.anext().await;
        g.aclose().await;
        assert_eq!(g.anext().await, None);
    });
}

#[test]
fn closing_one_that_has_not_started_runs_nothing_of_it() {
    let lines = Log::default();
    run(async {
        let mut g = rows(lines.clone());
        g.aclose().await;
        assert_eq!(g.anext().await, None);
    });
    assert!(lines.borrow().is_empty());
    assert_eq!(Rc::strong_count(&lines), 1);
}

#[asyncio::coroutine]
async fn with_words_in_macros(lines: Log) -> AsyncGenerator<u32, u32> {
    #[async_with(_r = Resource(lines.clone(), "it"))]
    {
        let own = yield_!(1);
        log(&lines, format!("{own:?} {:?}", yield_!(2)));
        yield_!(3);
    }
}

#[test]
fn aclose_raises_at_a_word_in_a_macros_argument_and_beside_one() {
    for resumed in 1..=3 {
        let lines = Log::default();
        run(async {
            let mut g = with_words_in_macros(lines.clone());
            for n in 1..=resumed {
                let sent = (n > 1).then_some(10 * n);
                assert_eq!(g.asend(sent).await, Some(n));
            }
            g.aclose().await;
            assert_eq!(g.anext().await, None);
        });
        let told: &[&str] = match resumed {
            3 => &["Some(20) Some(30)", "closing it", "closed it"],
            _ => &["closing it", "closed it"],
        };
        assert_eq!(*lines.borrow(), told);
    }
}

#[test]
fn closing_it_again_or_when_it_has_ended_does_nothing() {
    let lines = Log::default();
    run(async {
        let mut g = rows(lines.clone());
        g.anext().await;
        g.aclose().await;
        g.aclose().await;
        let mut g = careful();
        g.anext().await;
        assert_eq!(g.anext().await, None);
        g.aclose().await;
        // Python swallows the error here.
        assert_eq!(g.athrow("late".to_owned()).await, Err("late".to_owned()));
        assert_eq!(g.asend(Ok(())).await, None);
    });
    assert_eq!(lines.borrow().len(), 5);
}

#[test]
fn what_its_cleanup_raises_comes_out_of_aclose_and_ends_it() {
    struct Failing;
    impl asyncio::AsyncExit for Failing {
        async fn aexit(&mut self) {
            sleep(1).await;
            panic!("in the cleanup");
        }
    }
    #[asyncio::coroutine]
    async fn failing() -> AsyncGenerator<u32> {
        #[async_with(_f = Failing)]
        {
            yield_!(1);
        }
        yield_!(2);
    }
    run(async {
        let mut g = failing();
        g.anext().await;
        let closing = std::panic::AssertUnwindSafe(g.aclose());
        let raised = futures::FutureExt::catch_unwind(closing).await;
        let message = raised.unwrap_err();
        assert_eq!(
            message.downcast_ref::<&str>().copied(),
            Some("in the cleanup")
        );
        assert_eq!(g.anext().await, None);
    });
}

#[test]
fn an_anext_that_is_dropped_leaves_it_in_the_middle_of_what_it_awaits() {
    #[asyncio::coroutine]
    async fn telling(lines: Log) -> AsyncGenerator<u32> {
        let _told = Told(lines.clone());
        log(&lines, "begun");
        sleep(5).await;
        yield_!(1);
        sleep(5).await;
        yield_!(2);
    }
    struct Told(Log);
    impl Drop for Told {
        fn drop(&mut self) {
            log(&self.0, "dropped");
        }
    }
    let lines = Log::default();
    let noop = std::task::Waker::noop();
    run(async {
        let mut g = telling(lines.clone());
        let mut cx = std::task::Context::from_waker(noop);
        assert!(futures::FutureExt::poll_unpin(&mut g.anext(), &mut cx).is_pending());
        assert_eq!(g.anext().await, Some(1));
        assert!(futures::FutureExt::poll_unpin(&mut g.anext(), &mut cx).is_pending());
        assert_eq!(*lines.borrow(), ["begun"]);
        g.aclose().await;
        assert_eq!(*lines.borrow(), ["begun", "dropped"]);
        assert_eq!(g.anext().await, None);
    });
}
