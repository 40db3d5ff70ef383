//! The words work everywhere a Rust function can stand.
#![forbid(unsafe_code)]
#![allow(clippy::all, reason = "odd code is what is tested here")]

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::{Debug, Display};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;

use asyncio::{Coroutine, Generator};
use language::block_on;

#[asyncio::coroutine]
async fn double(x: u32) -> u32 {
    2 * x
}

struct S {
    n: u32,
    name: String,
}

impl S {
    #[asyncio::coroutine]
    async fn by_ref(&self) -> &str {
        await_!(double(self.n));
        &self.name
    }

    #[asyncio::coroutine]
    async fn by_mut(&mut self, by: u32) -> &mut u32 {
        self.n += await_!(double(by));
        &mut self.n
    }

    #[asyncio::coroutine]
    async fn by_value(mut self) -> String {
        self.name.push('!');
        self.name
    }

    #[asyncio::coroutine]
    async fn by_rc(self: Rc<Self>) -> u32 {
        self.n
    }

    #[asyncio::coroutine]
    async fn by_pin(self: Pin<&mut Self>) -> u32 {
        self.n
    }

    #[asyncio::coroutine]
    async fn by_box(self: Box<Self>) -> u32 {
        self.n
    }

    #[asyncio::coroutine]
    fn chars(&self) -> Generator<char> {
        yield_from!(self.name.chars());
    }

    #[asyncio::coroutine]
    fn drain(&mut self) -> Generator<char> {
        while let Some(c) = self.name.pop() {
            yield_!(c);
        }
    }

    #[asyncio::coroutine]
    async fn associated() -> Self {
        Self {
            n: 1,
            name: "new".into(),
        }
    }
}

#[test]
fn every_kind_of_self() {
    let mut s = block_on(S::associated());
    assert_eq!(block_on(s.by_ref()), "new");
    *block_on(s.by_mut(3)) += 1;
    assert_eq!(s.n, 8);
    assert_eq!(s.chars().collect::<String>(), "new");
    assert_eq!(s.drain().collect::<String>(), "wen");
    assert_eq!(block_on(Pin::new(&mut s).by_pin()), 8);
    assert_eq!(block_on(s.by_value()), "!");
    let s = |n| S {
        n,
        name: String::new(),
    };
    assert_eq!(block_on(Rc::new(s(4)).by_rc()), 4);
    assert_eq!(block_on(Box::new(s(5)).by_box()), 5);
}

trait Animal {
    #[asyncio::coroutine]
    async fn speak(&self, to: &str) -> String;

    #[asyncio::coroutine]
    fn steps(&self) -> Generator<u32>;

    #[asyncio::coroutine]
    async fn twice(&self) -> String {
        let once = await_!(self.speak("a"));
        format!("{once} {}", await_!(self.speak("b")))
    }
}

struct Dog;

impl Animal for Dog {
    #[asyncio::coroutine]
    async fn speak(&self, to: &str) -> String {
        format!("woof {to}")
    }

    #[asyncio::coroutine]
    fn steps(&self) -> Generator<u32> {
        yield_!(4);
    }
}

#[test]
fn trait_methods_and_their_implementations() {
    assert_eq!(block_on(Dog.twice()), "woof a woof b");
    assert_eq!(Dog.steps().collect::<Vec<_>>(), [4]);
}

trait Shape {
    #[asyncio::coroutine(boxed)]
    async fn area(&self, scale: &u32, label: &str) -> String;

    #[asyncio::coroutine(boxed)]
    fn corners(&self, of: &str) -> Generator<&u32>;

    #[asyncio::coroutine(boxed, send)]
    async fn sent(&self) -> u32
    where
        Self: Sync;
}

struct Square(Vec<u32>);

impl Shape for Square {
    #[asyncio::coroutine(boxed)]
    async fn area(&self, scale: &u32, label: &str) -> String {
        format!(
            "{label}{}",
            self.0.iter().sum::<u32>() * await_!(double(*scale))
        )
    }

    #[asyncio::coroutine(boxed)]
    fn corners(&self, of: &str) -> Generator<&u32> {
        println!("{of}");
        for corner in &self.0 {
            yield_!(corner);
        }
    }

    #[asyncio::coroutine(boxed, send)]
    async fn sent(&self) -> u32 {
        await_!(double(self.0[0]))
    }
}

#[test]
fn dyn_traits_through_boxed() {
    let shapes: Vec<Box<dyn Shape>> = vec![Box::new(Square(vec![1, 2]))];
    let scale = 10;
    for shape in &shapes {
        assert_eq!(block_on(shape.area(&scale, "=")), "=60");
        assert_eq!(shape.corners("square").collect::<Vec<_>>(), [&1, &2]);
    }
    fn is_send<T: Send>(x: T) -> T {
        x
    }
    assert_eq!(block_on(is_send(Square(vec![7]).sent())), 14);
}

#[asyncio::coroutine]
async fn generic<T, F, const N: usize>(items: [T; N], mut f: F) -> Vec<T>
where
    T: Clone + Debug,
    F: FnMut(&T) -> bool,
{
    let mut kept = Vec::new();
    for item in items {
        if f(&item) {
            kept.push(item.clone());
        }
    }
    kept
}

#[asyncio::coroutine]
fn generic_generator<T: Clone, const N: usize>(item: &T) -> Generator<T, (), [T; N]> {
    for _ in 0..N {
        yield_!(item.clone());
    }
    [const { () }; N].map(|()| item.clone())
}

#[test]
fn generics_and_const_generics() {
    assert_eq!(block_on(generic([1, 2, 3], |x| x % 2 == 1)), [1, 3]);
    let mut g = generic_generator::<_, 2>(&"x");
    assert_eq!(g.by_ref().count(), 2);
    assert_eq!(
        generic_generator::<_, 0>(&1).send(None).unwrap_err().value,
        Some([])
    );
}

#[asyncio::coroutine]
async fn impl_arguments(show: impl Display, items: impl IntoIterator<Item = u32>) -> String {
    format!("{show}{}", items.into_iter().sum::<u32>())
}

#[asyncio::coroutine]
async fn impl_output(x: &u32) -> impl Display {
    await_!(double(*x))
}

#[asyncio::coroutine]
fn impl_generator(items: impl IntoIterator<Item = u32>) -> Generator<u32> {
    for item in items {
        yield_!(item);
    }
}

#[asyncio::coroutine(boxed)]
async fn impl_boxed(items: impl IntoIterator<Item = u32>) -> u32 {
    items.into_iter().sum()
}

#[test]
fn impl_trait_in_arguments_and_outputs() {
    assert_eq!(block_on(impl_arguments("=", [1, 2])), "=3");
    assert_eq!(block_on(impl_output(&4)).to_string(), "8");
    assert_eq!(impl_generator(vec![1, 2]).sum::<u32>(), 3);
    assert_eq!(block_on(impl_boxed([4, 5])), 9);
}

#[asyncio::coroutine]
async fn lifetimes<'a, 'b: 'a>(a: &'a str, b: &'b str, _other: &str) -> &'a str {
    if a.len() > b.len() { a } else { b }
}

#[asyncio::coroutine]
fn lifetimes_of_a_generator<'a>(
    words: &'a [&str],
    by: &str,
    map: &HashMap<String, u32>,
) -> Generator<&'a str, &'a str> {
    for word in words {
        if word.contains(by) && map.is_empty() {
            let _: Option<&'a str> = yield_!(&word[..1]);
        }
    }
}

#[test]
fn named_and_elided_lifetimes_in_several_arguments() {
    let b = String::from("bcd");
    assert_eq!(block_on(lifetimes("a", &b, &String::new())), "bcd");
    assert_eq!(
        lifetimes_of_a_generator(&["abc", "bcd"], "a", &HashMap::new()).collect::<Vec<_>>(),
        ["a"]
    );
}

struct Point {
    x: u32,
    y: u32,
}

#[asyncio::coroutine]
async fn patterns(
    Point { x, mut y }: Point,
    (a, (b, _)): (u32, (u32, u32)),
    [first, ..]: [u32; 3],
    ref r: u32,
    _: u32,
) -> u32 {
    y += 1;
    x + y + a + b + first + r
}

#[asyncio::coroutine]
fn pattern_generator(Point { x, y }: Point, mut times: u32) -> Generator<u32> {
    while times > 0 {
        times -= 1;
        yield_!(x + y);
    }
}

#[test]
fn destructured_and_mutable_parameters() {
    assert_eq!(
        block_on(patterns(
            Point { x: 1, y: 2 },
            (3, (4, 5)),
            [6, 7, 8],
            9,
            10
        )),
        26
    );
    assert_eq!(
        pattern_generator(Point { x: 1, y: 2 }, 2).collect::<Vec<_>>(),
        [3, 3]
    );
}

#[asyncio::coroutine]
async fn attributes(
    #[cfg(any())] absent: u32,
    #[allow(unused_variables)] unused: u32,
    #[cfg(all())] present: u32,
) -> u32 {
    #[cfg(any())]
    {
        await_!(absent);
    }
    #[cfg(all())]
    let x = await_!(double(present));
    #[allow(clippy::let_and_return)]
    let y = x;
    y
}

#[test]
fn attributes_on_parameters_and_statements() {
    assert_eq!(block_on(attributes(1, 2)), 4);
}

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

#[asyncio::coroutines]
mod bare {
    #[coroutine]
    pub(super) async fn in_module(x: u32) -> u32 {
        await_!(super::double(x))
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
