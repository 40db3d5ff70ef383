//! Where the words may stand in a body, whoever wrote it, and what else may stand there.

use asyncio::Generator;
use language::block_on;

use crate::double;

macro_rules! whole_functions {
    ($($vis:vis $name:ident($arg:ident: $ty:ty) -> $out:ty $body:block)*) => {
        $(
            #[asyncio::coroutine]
            $vis async fn $name($arg: $ty) -> $out $body
        )*
    };
}

whole_functions! {
    pub(crate) from_macro(x: u32) -> u32 { await_!(double(x)) + 1 }
    also_from_macro(x: &str) -> usize { x.len() }
}

macro_rules! with_expression {
    ($name:ident, $e:expr, $t:ty) => {
        #[asyncio::coroutine]
        fn $name() -> Generator<$t> {
            yield_!($e * 2);
            yield_!(2 * $e);
            yield_!(identity($e) * 2);
        }
    };
}

fn identity(x: u32) -> u32 {
    x
}

with_expression!(precedence, 1 + 2, u32);

/// Where what is around an expression is put together again.
macro_rules! beside_words {
    ($name:ident, $e:expr, $t:ty, $p:pat) => {
        #[asyncio::coroutine]
        fn $name() -> Generator<$t> {
            let x: $t = $e * 2;
            let $p = Some(-$e);
            let y = $e as i64;
            if $e == 3 && true {
                yield_!(x);
            }
            yield_!(2 * $e + $e.pow(2));
            yield_!(if $e * 2 == 6 {
                yield_!($e);
                $e % 2
            } else {
                0
            });
            yield_!(i32::try_from(y).unwrap_or_default() + -$e);
        }
    };
}

beside_words!(precedence_beside_words, 1i32 + 2, i32, (Some(_) | None));

macro_rules! with_word_in_expression {
    ($name:ident, $e:expr) => {
        #[asyncio::coroutine]
        async fn $name() -> u32 {
            $e * 10
        }
    };
}

with_word_in_expression!(word_in_fragment, 1 + await_!(double(2)));

macro_rules! item {
    ($item:item) => {
        #[asyncio::coroutine]
        $item
    };
}

item! {
    async fn whole_item(x: u32) -> u32 { await_!(double(x)) }
}

#[test]
fn functions_that_macros_write() {
    assert_eq!(block_on(from_macro(3)), 7);
    assert_eq!(block_on(also_from_macro("abc")), 3);
    assert_eq!(precedence().collect::<Vec<_>>(), [6, 6, 6]);
    let all: Vec<_> = precedence_beside_words().collect();
    assert_eq!(all, [6, 15, 3, 1, 0]);
    assert_eq!(block_on(word_in_fragment()), 50);
    assert_eq!(block_on(whole_item(2)), 4);
}

#[asyncio::coroutine]
fn functions_inside() -> Generator<u32> {
    #[asyncio::coroutine]
    fn inner(n: u32) -> Generator<u32> {
        yield_!(n);
    }
    fn plain(n: u32) -> u32 {
        n + 1
    }
    struct Local;
    impl Local {
        #[asyncio::coroutine]
        async fn method(&self) -> u32 {
            await_!(double(5))
        }
    }
    yield_from!(inner(1));
    yield_!(plain(1));
    yield_!(block_on(async { await_!(Local.method()) }));
}

#[test]
fn functions_inside_functions() {
    assert_eq!(functions_inside().collect::<Vec<_>>(), [1, 2, 10]);
}

#[asyncio::coroutine]
async fn in_macros(x: Option<u32>) -> String {
    assert_eq!(await_!(double(1)), 2, "{}", await_!(double(2)));
    let v = vec![await_!(double(1)), await_!(double(2))];
    assert!(matches!(await_!(double(3)), 6 | 7));
    let _ = dbg!(await_!(double(4)));
    let some = x.map(|x| x + 1).unwrap_or(await_!(double(0)));
    format!(
        "{v:?} {} {some} {}",
        await_!(double(5)),
        asyncio::await_!(double(6))
    )
}

#[test]
fn words_in_the_arguments_of_macros() {
    assert_eq!(block_on(in_macros(None)), "[2, 4] 10 0 12");
}

#[asyncio::coroutine]
async fn expressions(x: u32) -> Result<u32, Wrapped> {
    let a = 1 + await_!(double(x)) * 2;
    let b = -(await_!(double(x)) as i64);
    let c = &await_!(double(x));
    let d = if await_!(double(x)) > 2 {
        await_!(ok(*c))?
    } else {
        0
    };
    let e = match await_!(double(d)) {
        0 | 1 => 0,
        n if n > await_!(double(1)) => n,
        n => n | await_!(double(1)) | 4,
    };
    let f = [await_!(double(1)); 2][0] & !await_!(double(0));
    'outer: loop {
        while await_!(double(1)) == 2 {
            break 'outer;
        }
    }
    let closure = |x: u32| x | 1;
    let g = async { await_!(double(closure(x))) };
    let h = async |y: u32| await_!(double(y));
    Ok(a + (b.unsigned_abs() as u32) + c + d + e + f + g.await + h(1).await)
}

#[asyncio::coroutine]
async fn ok(x: u32) -> Result<u32, std::num::ParseIntError> {
    x.to_string().parse()
}

impl From<std::num::ParseIntError> for Wrapped {
    fn from(_: std::num::ParseIntError) -> Self {
        Wrapped
    }
}

#[derive(Debug, PartialEq)]
struct Wrapped;

#[asyncio::coroutine]
async fn converting() -> Result<u32, Wrapped> {
    let n: u32 = "x".parse()?;
    Ok(n)
}

#[test]
fn words_stand_wherever_an_expression_does() {
    assert_eq!(
        block_on(expressions(3)),
        Ok(13 + 6 + 6 + 6 + 12 + 2 + 6 + 2)
    );
    assert_eq!(block_on(converting()), Err(Wrapped));
}

#[asyncio::coroutine]
async fn fib(n: u64) -> u64 {
    if n < 2 {
        n
    } else {
        await_!(fib(n - 1)) + fib(n - 2).await
    }
}

#[test]
fn coroutines_recurse_without_boxing_by_hand() {
    assert_eq!(block_on(fib(15)), 610);
    fn is_send<T: Send>(x: T) -> T {
        x
    }
    assert_eq!(block_on(is_send(fib(3))), 2);
}

#[asyncio::coroutine]
fn old_style(n: u32) -> u32 {
    let a = yield_from!(double(n));
    let b = yield_from!(async { yield_from!(double(a)) });
    assert_eq!(yield_from!(double(b)), 8 * n);
    b
}

#[test]
fn a_plain_function_awaits_with_yield_from() {
    assert_eq!(block_on(old_style(3)), 12);
}

/// A macro call in braces needs no semicolon.
#[asyncio::coroutine]
async fn in_braces(x: u32) -> u32 {
    await_! { double(x) }
    let mut y = 1;
    y += 1;
    await_! { double(x) }
    (y, _) = (y + 1, ());
    if y > 9 {
        return 0;
    }
    await_! { double(y) }
    #[allow(unused)]
    let z = y;
    y *= await_! { double(y) } + 1;
    await_! { double(y) }.min(100)
}

#[asyncio::coroutine]
fn generator_in_braces() -> Generator<u32> {
    yield_from! { 0..2 }
    for n in 5..7 {
        yield_! { n }
        yield_! { n + 10 }
    }
    yield_! { 9 }
}

#[test]
fn words_may_stand_in_braces() {
    assert_eq!(block_on(in_braces(1)), 42);
    assert_eq!(
        generator_in_braces().collect::<Vec<_>>(),
        [0, 1, 5, 15, 6, 16, 9]
    );
}
