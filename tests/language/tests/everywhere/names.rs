//! How the attribute may be called, and names that mean something else than they seem to.

use language::block_on;

#[asyncio::coroutines]
mod bare {
    #[coroutine]
    pub(super) async fn in_module(x: u32) -> u32 {
        await_!(crate::double(x))
    }

    pub(super) struct T;
    impl T {
        #[coroutine(boxed)]
        pub(super) async fn method(&self) -> u32 {
            #[coroutine]
            async fn nested() -> u32 {
                1
            }
            await_!(nested())
        }
    }
}

#[test]
fn the_bare_attribute_inside_a_marked_module() {
    assert_eq!(block_on(bare::in_module(4)), 8);
    assert_eq!(block_on(bare::T.method()), 1);
}

mod renamed {
    use asyncio as aio;

    #[aio::coroutine(crate = aio)]
    pub(super) fn numbers() -> aio::Generator<u32> {
        yield_!(1);
        println!("{:?}", yield_!(2));
    }

    #[aio::coroutine(crate = asyncio)]
    pub(super) async fn coroutine() -> u32 {
        3
    }
}

#[test]
fn under_another_name() {
    assert_eq!(renamed::numbers().sum::<u32>(), 3);
    assert_eq!(block_on(renamed::coroutine()), 3);
}

/// Names that mean something in our expansions, or in std, and other things here.
mod clashing {
    #![allow(dead_code, non_camel_case_types, unused_macros)]

    pub(super) struct Option;
    pub(super) struct Future;
    pub(super) struct Box;
    pub(super) struct Name;
    pub(super) struct Some;
    pub(super) fn never() {}
    pub(super) mod core {}
    pub(super) mod std {}
    pub(super) mod asyncio {}
    macro_rules! unreachable {
        () => {};
    }
    macro_rules! compile_error {
        () => {};
    }

    #[::asyncio::coroutine]
    pub(super) async fn coroutine(
        words: u32,
        exchange: u32,
        returned: u32,
        arg0: u32,
        (item, _): (u32, u32),
    ) -> u32 {
        let checked = words + exchange + returned + arg0 + item;
        let stream = checked;
        stream
    }

    #[::asyncio::coroutine]
    pub(super) fn generator(words: u32, exchange: u32, current: u32) -> ::asyncio::Generator<u32> {
        let returned = words + exchange + current;
        yield_!(returned);
        'body: loop {
            ::std::println!("{:?}", yield_!(words));
            break 'body;
        }
        let _ = (Option, Future, Box, Name, Some);
        never();
    }

    #[::asyncio::coroutine(boxed)]
    pub(super) async fn boxed(x: &u32) -> u32 {
        *x
    }
}

#[test]
fn names_that_could_clash_with_ours() {
    assert_eq!(block_on(clashing::coroutine(1, 2, 3, 4, (5, 6))), 15);
    assert_eq!(clashing::generator(1, 2, 3).collect::<Vec<_>>(), [6, 1]);
    assert_eq!(block_on(clashing::boxed(&1)), 1);
}

/// What only has the same name as the function is not the function.
mod namesakes {
    use std::collections::VecDeque;

    use asyncio::{AsyncGenerator, Generator};

    #[asyncio::coroutine]
    pub(super) fn parse(text: &str) -> impl Iterator<Item = Result<i32, String>> {
        for line in text.lines() {
            let Ok(number) = line.parse() else {
                yield_!(Err(format!("{line} is no number")));
                return;
            };
            yield_!(Ok(number));
        }
    }

    #[asyncio::coroutine]
    pub(super) async fn next(mut items: impl Iterator<Item = u32>) -> u32 {
        let first: Option<u32> = items.next();
        first.unwrap_or(0)
    }

    fn take(n: u32) -> std::ops::Range<u32> {
        0..n
    }

    pub(super) struct Queue(pub(super) VecDeque<u32>);

    #[asyncio::coroutines]
    impl Queue {
        #[coroutine]
        pub(super) fn take(&mut self, n: u32) -> impl Iterator<Item = u32> {
            let all: std::ops::Range<u32> = take(n);
            for _ in all {
                yield_!(self.pop().unwrap_or(0));
            }
        }

        #[coroutine]
        pub(super) fn pop_front(&mut self) -> Generator<u32> {
            while let Some(n) = self.0.pop_front() {
                yield_!(n);
            }
        }

        #[coroutine]
        pub(super) async fn iter(&self) -> AsyncGenerator<u32> {
            let items = &self.0;
            for n in items.iter() {
                yield_!(*n);
            }
        }

        fn pop(&mut self) -> Option<u32> {
            self.0.pop_front()
        }
    }
}

#[test]
fn what_has_the_same_name_is_not_the_function() {
    use futures::StreamExt as _;

    let parsed: Vec<_> = namesakes::parse("1\n2\nx\n3").collect();
    assert_eq!(parsed, [Ok(1), Ok(2), Err("x is no number".to_owned())]);
    assert_eq!(block_on(namesakes::next([4, 5].into_iter())), 4);
    let mut queue = namesakes::Queue((1..5).collect());
    assert_eq!(queue.take(2).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(block_on(queue.iter().collect::<Vec<_>>()), [3, 4]);
    assert_eq!(queue.pop_front().collect::<Vec<_>>(), [3, 4]);
}
