//! A caller without a prelude: the expansions name everything by its path.
#![no_implicit_prelude]
#![forbid(unsafe_code)]

#[::asyncio::coroutine]
fn numbers(n: u32) -> ::asyncio::Generator<u32, u32, ::std::string::String> {
    yield_!(n);
    ::std::println!("{:?}", yield_!(n));
    yield_from!([1, 2]);
    ::std::string::String::new()
}

#[::asyncio::coroutine(boxed)]
async fn boxed(x: &u32) -> u32 {
    await_!(coroutine(*x))
}

#[::asyncio::coroutine]
async fn coroutine(n: u32) -> u32 {
    if n == 0 {
        0
    } else {
        await_!(coroutine(n - 1)) + 1
    }
}

#[::asyncio::coroutine]
async fn stream(n: u32) -> ::asyncio::AsyncGenerator<u32> {
    yield_!(n);
    #[async_for]
    for x in stream(n) {
        yield_!(x);
    }
}

struct Manager;
impl ::asyncio::AsyncExit for Manager {
    async fn aexit(&mut self) {}
}

#[::asyncio::coroutine]
async fn with() -> u32 {
    loop {
        #[async_with(_m = Manager)]
        {
            break;
        }
    }
    await_!(boxed(&3))
}

#[::asyncio::test(virtual_clock)]
async fn everything_is_found() {
    let mut g = numbers(5);
    ::std::assert_eq!(
        g.send(::std::option::Option::None),
        ::std::result::Result::Ok(5)
    );
    ::std::assert_eq!(await_!(with()), 3);
    let mut s = stream(1);
    ::std::assert_eq!(await_!(s.anext()), ::std::option::Option::Some(1));
}
