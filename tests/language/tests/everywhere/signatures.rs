//! What a function may take and give: every kind of `self`, methods of traits, generics, `impl Trait`, lifetimes, patterns and attributes.

use std::collections::HashMap;
use std::fmt::{Debug, Display};
use std::pin::Pin;
use std::rc::Rc;

use asyncio::Generator;
use language::block_on;

use crate::double;

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
    #[cfg(not(any()))] present: u32,
) -> u32 {
    #[cfg(any())]
    {
        await_!(absent);
    }
    #[cfg(not(any()))]
    let x = await_!(double(present));
    #[allow(clippy::let_and_return)]
    let y = x;
    y
}

#[test]
fn attributes_on_parameters_and_statements() {
    assert_eq!(block_on(attributes(1, 2)), 4);
}
