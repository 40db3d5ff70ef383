//! What is made of a function is hardly larger than the plain `async fn` of the same body: which word is for what says
//! `benches/README.md`.
#![forbid(unsafe_code)]

use std::future::ready;

use asyncio::{AsyncGenerator, Generator};

const WORD: usize = size_of::<usize>();

/// What a generator adds: its state, and whether it has moved into its box.
const GENERATOR: usize = 2 * WORD;

/// What an async generator adds, beside the value on its way: its stage, and the address of the slot in its body.
const ASYNC_GENERATOR: usize = 2 * WORD;

/// An argument, and a variable that is kept over a suspension.
mod buffer {
    use super::*;

    async fn plain(x: u64) -> u64 {
        let buffer = [x; 4];
        ready(()).await;
        buffer[1]
    }

    #[asyncio::coroutine]
    async fn coroutine(x: u64) -> u64 {
        let buffer = [x; 4];
        ready(()).await;
        buffer[1]
    }

    #[asyncio::coroutine]
    fn generator(x: u64) -> Generator<u64> {
        let buffer = [x; 4];
        yield_!(x);
        yield_!(buffer[1]);
    }

    #[asyncio::coroutine]
    async fn async_generator(x: u64) -> AsyncGenerator<u64> {
        let buffer = [x; 4];
        yield_!(x);
        yield_!(buffer[1]);
    }

    #[test]
    fn a_coroutine_is_one_word_larger() {
        let coroutine = coroutine(1);
        assert_eq!(size_of_val(&coroutine), size_of_val(&plain(1)) + WORD);
        coroutine.close();
    }

    #[test]
    fn a_generator_is_two_words_larger() {
        let size = size_of_val(&generator(1));
        assert!(size <= size_of_val(&plain(1)) + GENERATOR, "{size}");
    }

    #[test]
    fn an_async_generator_holds_the_value_on_its_way_and_two_words() {
        let size = size_of_val(&async_generator(1));
        let most = size_of_val(&plain(1)) + size_of::<u64>() + ASYNC_GENERATOR;
        assert!(size <= most, "{size}");
    }
}

/// A loop, and values that are sent.
mod echo {
    use super::*;

    async fn plain(n: u64) -> u64 {
        let mut last = 0;
        for i in 0..n {
            ready(()).await;
            last ^= i;
        }
        last
    }

    #[asyncio::coroutine]
    fn generator(n: u64) -> Generator<u64, u64> {
        let mut last = 0;
        for i in 0..n {
            last ^= i ^ yield_!(last).unwrap_or_default();
        }
    }

    #[asyncio::coroutine]
    async fn async_generator(n: u64) -> AsyncGenerator<u64, u64> {
        let mut last = 0;
        for i in 0..n {
            last ^= i ^ yield_!(last).unwrap_or_default();
        }
    }

    #[test]
    fn a_generator_that_is_sent_values_is_two_words_larger() {
        let size = size_of_val(&generator(1));
        // `last` is kept in both.
        assert!(size <= size_of_val(&plain(1)) + GENERATOR, "{size}");
    }

    #[test]
    fn an_async_generator_also_holds_what_it_is_sent() {
        let size = size_of_val(&async_generator(1));
        let exchanged = size_of::<u64>() + size_of::<Option<u64>>();
        let most = size_of_val(&plain(1)) + exchanged + ASYNC_GENERATOR;
        assert!(size <= most, "{size}");
    }
}

/// Values that are large.
mod large {
    use super::*;

    type Page = [u8; 4096];

    async fn plain(x: u8) -> u8 {
        ready(()).await;
        x
    }

    #[asyncio::coroutine]
    fn generator(x: u8) -> Generator<Page> {
        yield_!([x; 4096]);
        yield_!([x; 4096]);
    }

    #[asyncio::coroutine]
    async fn async_generator(x: u8) -> AsyncGenerator<Page> {
        yield_!([x; 4096]);
        yield_!([x; 4096]);
    }

    #[test]
    fn a_generator_never_holds_what_it_yields() {
        let size = size_of_val(&generator(1));
        assert!(
            size <= size_of_val(&plain(1)).next_multiple_of(WORD) + GENERATOR,
            "{size}"
        );
    }

    #[test]
    fn an_async_generator_holds_it_once() {
        let size = size_of_val(&async_generator(1));
        let most =
            size_of_val(&plain(1)).next_multiple_of(WORD) + size_of::<Page>() + ASYNC_GENERATOR;
        assert!(size <= most, "{size}");
    }
}

#[test]
fn an_erased_generator_is_a_fat_pointer() {
    assert_eq!(size_of::<Generator<u64, u64, u64>>(), 2 * WORD);
    assert_eq!(size_of::<AsyncGenerator<u64, u64>>(), 2 * WORD);
}
