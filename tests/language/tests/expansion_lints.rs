//! What the attribute makes of a function causes no warning that the function itself does not: neither the compiler's, nor, where that
//! is run, clippy's.
#![deny(warnings, clippy::pedantic)]

use std::convert::Infallible;

use asyncio::{AsyncGenerator, Generator};

#[asyncio::coroutine]
fn first_even(numbers: &[u32]) -> Option<u32> {
    let mut numbers = numbers.iter();
    loop {
        yield_!();
        if numbers.next()? % 2 == 0 {
            return numbers.next().copied();
        }
    }
}

#[asyncio::coroutine]
async fn for_ever() -> Infallible {
    loop {
        await_!(asyncio::sleep(1));
    }
}

#[asyncio::coroutine]
fn ones() -> Generator<u32> {
    loop {
        yield_!(1);
    }
}

#[asyncio::coroutine]
fn in_a_macro_and_out_of_it(n: u32) -> Generator<u32, u32> {
    let first = yield_!(n).unwrap_or(0);
    assert_eq!(yield_!(first), None);
    yield_!(2);
}

#[asyncio::coroutine]
fn only_in_a_macro() -> Generator<u32, u32> {
    assert_eq!(yield_!(1), None);
}

#[asyncio::coroutine]
fn only_delegates() -> Generator<u32, u32> {
    yield_from!(only_in_a_macro());
}

#[asyncio::coroutine]
async fn only_in_a_macro_and_awaits() -> AsyncGenerator<u32, u32> {
    assert_eq!(yield_!(await_!(std::future::ready(1))), None);
}

#[test]
fn what_a_word_leaves_behind_is_no_unused_variable() {
    assert_eq!(in_a_macro_and_out_of_it(1).collect::<Vec<_>>(), [1, 0, 2]);
    assert_eq!(only_delegates().collect::<Vec<_>>(), [1]);
    let items = only_in_a_macro_and_awaits();
    let items: Vec<_> = futures::executor::block_on_stream(items).collect();
    assert_eq!(items, [1]);
}

#[test]
fn a_body_without_an_end_is_no_unreachable_code() {
    asyncio::run(async {
        assert_eq!(first_even(&[1, 2, 3]).await, Some(3));
        assert!(asyncio::wait_for(for_ever(), 0).await.is_err());
    });
    assert_eq!(ones().take(3).sum::<u32>(), 3);
}

struct Manager;

impl asyncio::AsyncExit for Manager {
    async fn aexit(&mut self) {}
}

#[asyncio::coroutine]
async fn parse(text: &str) -> Result<u32, std::num::ParseIntError> {
    if text.is_empty() {
        return Ok(0);
    }
    text.parse()
}

#[asyncio::coroutine(boxed, send)]
async fn parse_boxed(text: &str) -> Result<u32, std::num::ParseIntError> {
    await_!(parse(text))
}

#[asyncio::coroutine]
async fn managed(texts: Vec<&str>) -> Result<u32, std::num::ParseIntError> {
    let mut sum = 0;
    #[async_for]
    for text in asyncio_items(texts) {
        #[async_with(_manager = Manager)]
        {
            if text == "skip" {
                continue;
            }
            sum += await_!(parse_boxed(text))?;
        }
    }
    Ok(sum)
}

#[asyncio::coroutine]
async fn asyncio_items(texts: Vec<&str>) -> asyncio::AsyncGenerator<&str> {
    for text in texts {
        yield_!(text);
    }
}

#[asyncio::coroutine]
fn echo(first: u32) -> Generator<u32, Result<u32, String>, Result<u32, String>> {
    let mut last = first;
    while let Some(sent) = yield_!(last).transpose()? {
        last = sent;
    }
    Ok(last)
}

#[asyncio::coroutine]
fn twice(first: u32) -> Generator<u32, Result<u32, String>, Result<u32, String>> {
    let once = yield_from!(echo(first))?;
    if once > 100 {
        return yield_from!(twice(once / 2));
    }
    yield_from!(echo(once))
}

#[asyncio::coroutine]
fn each(items: &[u32]) -> Generator<String> {
    yield_from!(items.iter().map(|item| format!("{item}")));
    let shown = format!("{:?}", yield_!(String::from("last")));
    yield_!(shown);
}

#[test]
fn functions_of_every_kind_cause_no_warnings() {
    let sum = asyncio::run(managed(vec!["1", "skip", "2"]));
    assert_eq!(sum, Ok(3));
    let mut generator = twice(1);
    assert_eq!(generator.next(), Some(1));
    assert_eq!(generator.send(Ok(5)), Ok(5));
    assert_eq!(each(&[1]).collect::<Vec<_>>(), ["1", "last", "()"]);
}
