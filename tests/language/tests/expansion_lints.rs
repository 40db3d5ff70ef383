//! What the attribute makes of a function causes no warning that the function itself does not.
#![deny(warnings)]

use std::convert::Infallible;

use asyncio::Generator;

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

#[test]
fn a_body_without_an_end_is_no_unreachable_code() {
    asyncio::run(async {
        assert_eq!(first_even(&[1, 2, 3]).await, Some(3));
        assert!(asyncio::wait_for(for_ever(), 0).await.is_err());
    });
    assert_eq!(ones().take(3).sum::<u32>(), 3);
}
