//! The attribute macros of [`asyncio`](https://docs.rs/asyncio), which re-exports them: use them from there.
//!
//! They do nothing but token work. An attribute's arguments are read (`args`), the function it stands on is split into its signature
//! and its body (`item`, `types`); the return type says what the function is (`kind`); the words in the body are rewritten (`body`); and
//! the function that comes out is put together (`expand`), token by token (`write`). Whatever goes wrong on the way is told at the token
//! it is about (`diagnostic`), and the signature still stands (`fallback`).
//!
//! There is no parser of Rust behind it: the compiler has parsed each item before it asks us, and a parser takes longer to build than
//! all the rest of a program's dependencies together.
#![forbid(unsafe_code)]
#![recursion_limit = "256"]
#![cfg_attr(
    not(test),
    allow(
        clippy::useless_conversion,
        reason = "in the unit tests these tokens are others"
    )
)]

mod args;
mod body;
mod diagnostic;
mod elided;
mod expand;
mod fallback;
#[cfg(test)]
mod fuzz;
mod item;
mod kind;
#[cfg(test)]
mod tests;
mod types;
mod write;

#[cfg(not(test))]
use proc_macro as token;
use proc_macro::TokenStream;
// Outside the compiler there are no tokens of its own: the unit tests run on their twins.
#[cfg(test)]
use proc_macro2 as token;

/// Makes a function a coroutine, a generator or an async generator: Python's `@asyncio.coroutine`.
///
/// This page is the language's manual:
/// [what a function is](#what-a-function-is-its-return-type-says) ·
/// [the words](#the-words), [where they reach](#where-a-word-reaches) ·
/// [coroutines](#coroutines-in-both-of-pythons-styles) ·
/// [generators](#generators), [driven by hand](#generators-driven-by-hand), [delegation](#delegation) ·
/// [async generators](#async-generators) ·
/// [managers](#managers) ·
/// [everything a function can be](#everything-a-function-can-be), [recursion](#recursion), [traits](#traits), [storing](#storing-them) ·
/// [arguments of the attribute](#arguments-of-the-attribute) ·
/// [errors as exceptions](#an-err-is-an-exception) ·
/// [when it does not compile](#when-it-does-not-compile).
///
/// # What a function is, its return type says
///
/// | written | a call gives |
/// |---|---|
/// | `fn f(..) -> T` or `async fn f(..) -> T` | a [`Coroutine`], a future of `T` |
/// | `fn f(..) -> Generator<Y, S = (), R = ()>` | a [`Generator`]: yields `Y`, is sent `S`, returns `R` |
/// | `async fn f(..) -> AsyncGenerator<Y, S = ()>` (or `fn`) | an [`AsyncGenerator`]: yields `Y`, is sent `S`, awaits in between |
/// | `fn f(..) -> impl Iterator<Item = Y>`, with a word that yields | a generator, shown as no more than that |
/// | `async fn f(..) -> impl Stream<Item = Y>` (or `fn`), with a word that yields | an async generator, shown as no more than that |
///
/// It is the last segment of the path that counts, so `asyncio::Generator<u32>` is one too. For an alias of one say
/// `#[asyncio::coroutine(generator)]`.
///
/// ```
/// use asyncio::Generator;
///
/// # mod numbers { use asyncio::Generator;
/// // def countdown(n):
/// //     while n > 0:
/// //         yield n
/// //         n -= 1
/// #[asyncio::coroutine]
/// pub fn countdown(mut n: u32) -> Generator<u32> {
///     while n > 0 {
///         yield_!(n);
///         n -= 1;
///     }
/// }
/// # }
/// # use numbers::countdown;
///
/// // async def total():
/// //     return sum(countdown(3))
/// #[asyncio::coroutine]
/// async fn total() -> u32 {
///     countdown(3).sum()
/// }
///
/// assert_eq!(asyncio::run(total()), 6);
/// ```
///
/// # The words
///
/// They need no import, and they work wherever an expression does, also in the arguments of other macros.
///
/// | Python | Rust | where |
/// |---|---|---|
/// | `await x` | `await_!(x)` or `x.await` | coroutines and async generators, and the `async` blocks and async closures in them |
/// | `yield from x`, x awaitable | `yield_from!(x)` | coroutines written as plain `fn`, and the `async` blocks in them |
/// | `yield` | `yield_!()` | coroutines written as plain `fn`: one turn of the loop |
/// | `v = yield x` | `let v = yield_!(x);` | generators and async generators: the function's own body only |
/// | `r = yield from g` | `let r = yield_from!(g);` | generators: own body only; `g` a generator, or anything that can be iterated over |
/// | `async for p in x:` | `#[async_for] for p in x { }` | where `await_!` works |
/// | `async with m as x:` | `#[async_with(x = m)] { }` | where `await_!` works |
/// | `return v` | `return v`, or the last expression | everywhere |
///
/// ## Where a word reaches
///
/// A word suspends the function that it is written in, from wherever in the body an expression can stand: a loop, a `match`, an operand, the
/// argument of another macro (`println!`, `vec!`, `select!` ..). What runs on its own is out of reach:
///
/// | | `await_!`, `#[async_for]`, `#[async_with]` | `yield_!` and `yield_from!` of a generator |
/// |---|---|---|
/// | the body | yes | yes |
/// | an `async` block or an async closure in it | yes: it awaits itself | no: it is a coroutine of its own |
/// | a closure in it | no: it cannot wait | no: it returns at once |
/// | a `fn` in it | with an attribute of its own | with an attribute of its own |
///
/// Whatever lives in the body, borrows included, lives on while the function stands still. Only the operand's temporaries do not: they are
/// dropped before a generator is suspended, so that a lock taken in an operand is not held while the caller goes on.
///
/// # Coroutines, in both of Python's styles
///
/// ```
/// // @asyncio.coroutine
/// // def old(x):
/// //     yield from asyncio.sleep(0.001)
/// //     yield
/// //     return x + 1
/// #[asyncio::coroutine]
/// fn old(x: u32) -> u32 {
///     yield_from!(asyncio::sleep(0.001));
///     yield_!();
///     x + 1
/// }
///
/// // async def new(x):
/// //     return await old(x) * 2
/// #[asyncio::coroutine]
/// async fn new(x: u32) -> u32 {
///     await_!(old(x)) * 2
/// }
///
/// assert_eq!(asyncio::run(new(4)), 10);
/// ```
///
/// As in Python, an `async fn` awaits, and has no `yield_from!`.
///
/// # Generators
///
/// A call gives the generator, and nothing of the body runs before the first value is asked for. A [`Generator`] is an iterator, with all
/// that iterators have; it needs no pinning, and can be moved after it has begun.
///
/// A `yield_!` gives `Option<S>`: what was sent, and `None` after a plain `next`; or `()` if nothing is ever sent.
///
/// ```
/// use asyncio::Generator;
///
/// // def averager():
/// //     total = count = average = 0
/// //     while True:
/// //         total += yield average
/// //         count += 1
/// //         average = total / count
/// #[asyncio::coroutine]
/// fn averager() -> Generator<f64, f64> {
///     let (mut total, mut count) = (0.0, 0.0);
///     let mut average = 0.0;
///     while let Some(x) = yield_!(average) {
///         total += x;
///         count += 1.0;
///         average = total / count;
///     }
/// }
///
/// let mut g = averager().primed(); // Beazley's @coroutine
/// assert_eq!(g.send(10.0), Ok(10.0));
/// assert_eq!(g.send(30.0), Ok(20.0));
/// ```
///
/// ## Generators driven by hand
///
/// | Python | Rust |
/// |---|---|
/// | `next(g)` | `g.next()`: `Some(y)`, and `None` at the end |
/// | `g.send(v)` | `g.send(v)`: `Ok(y)`, and `Err(StopIteration { value })` at the end |
/// | `next(g)`, if the value at the end is wanted | `g.send(None)` |
/// | `stop.value` | `stop.value`: `Some(r)` the first time, `None` after it |
/// | `g.throw(e)` | `g.throw(e)`, in a generator with `S = Result<V, E>` and `R = Result<T, E>` |
/// | `g.close()` | `g.close()`, or drop it |
/// | `try: yield x` `except E as e:` | `match yield_!(x) { Some(Err(e)) => .., sent => .. }` |
/// | `yield x`, with nothing to catch it | `yield_!(x).transpose()?` |
/// | `finally:` | a destructor |
///
/// ```
/// use asyncio::{Generator, StopIteration};
///
/// // def numbers():
/// //     try:
/// //         yield 1
/// //     except ValueError as e:
/// //         yield -1
/// //     yield 2
/// //     return "done"
/// #[asyncio::coroutine]
/// fn numbers() -> Generator<i32, Result<(), String>, Result<&'static str, String>> {
///     if let Some(Err(_error)) = yield_!(1) {
///         yield_!(-1).transpose()?;
///     }
///     yield_!(2).transpose()?; // raises what is thrown in here
///     Ok("done")
/// }
///
/// let mut g = numbers();
/// assert_eq!(g.next(), Some(1));
/// assert_eq!(g.throw("bad".to_owned()), Ok(-1));
/// assert_eq!(g.next(), Some(2));
/// assert_eq!(g.send(None), Err(StopIteration { value: Some(Ok("done")) }));
///
/// let mut g = numbers();
/// assert_eq!(g.nth(1), Some(2));
/// assert_eq!(g.throw("worse".to_owned()), Err(StopIteration { value: Some(Err("worse".to_owned())) }));
/// ```
///
/// As in Python, a value that is sent before the first `next` is a mistake, `can't send non-None value to a just-started generator`; an error
/// thrown then comes back at once, and a generator that is closed then runs nothing. See [`Generator::send`] and [`throw`].
///
/// ## Delegation
///
/// `yield_from!` a generator passes what is yielded out, and what is sent and thrown in, and evaluates to what the inner generator
/// returns; `Y` and `S` of the two must be the same. It costs the same at any depth, and neither running nor dropping a deep chain uses
/// the stack.
///
/// In the argument of another macro, `vec![yield_from!(g)]`, it means the same, but each item passes through the generators in between, and
/// uses their stack. That macro may do anything with the word: keep its future, poll it elsewhere, drop it while the inner generator runs. So
/// the inner one can be reached only through it, while it is being polled. Deep recursion therefore takes the value first:
/// `let r = yield_from!(g); vec![r]`.
///
/// ```
/// use asyncio::Generator;
///
/// struct Tree { value: u32, children: Vec<Tree> }
///
/// #[asyncio::coroutine]
/// fn walk(tree: &Tree) -> Generator<u32, (), usize> {
///     yield_!(tree.value);
///     let mut nodes = 1;
///     for child in &tree.children {
///         nodes += yield_from!(walk(child));
///     }
///     nodes
/// }
/// # let leaf = |value| Tree { value, children: vec![] };
/// # assert_eq!(walk(&Tree { value: 1, children: vec![leaf(2), leaf(3)] }).collect::<Vec<_>>(), [1, 2, 3]);
/// ```
///
/// Of anything else that can be iterated over, the items are yielded. A plain iterator can be sent nothing: where Python raises
/// `AttributeError`, the delegation ends and gives what was sent, `Some(value)`; run to its end it gives `None`. So an error that is
/// thrown is raised by `yield_from!(items).transpose()?`. In a generator that is sent nothing it gives `()`.
///
/// # Async generators
///
/// ```
/// use asyncio::AsyncGenerator;
///
/// // async def ticks(n):
/// //     for i in range(n):
/// //         await asyncio.sleep(0.001)
/// //         yield i
/// #[asyncio::coroutine]
/// async fn ticks(n: u32) -> AsyncGenerator<u32> {
///     for i in 0..n {
///         await_!(asyncio::sleep(0.001));
///         yield_!(i);
///     }
/// }
///
/// // async def main():
/// //     async for i in ticks(3):
/// //         print(i)
/// #[asyncio::coroutine]
/// async fn collect() -> Vec<u32> {
///     let mut seen = vec![];
///     #[async_for]
///     for i in ticks(3) {
///         seen.push(i);
///     }
///     seen
/// }
///
/// assert_eq!(asyncio::run(collect()), [0, 1, 2]);
/// ```
///
/// `#[async_for]` takes any `Stream`, pinned for the loop, and anything with an `async fn anext(&mut self) -> Option<T>`. Patterns,
/// labels, `break`, `continue` and `?` mean what they mean in any loop.
///
/// By hand there are `g.anext()`, `g.asend(v)`, `g.athrow(e)` and `g.aclose()`, one at a time. `aclose` raises at the `yield_!` that the
/// generator stands at and awaits what is left to do, which a drop cannot. Python's `finally:` with an `await` in it is a manager:
///
/// ```
/// use asyncio::{AsyncGenerator, on_exit};
///
/// // async def pages():
/// //     try:
/// //         yield 1
/// //         yield 2
/// //     finally:
/// //         await asyncio.sleep(0.001)
/// //         print("closed")
/// #[asyncio::coroutine]
/// async fn pages() -> AsyncGenerator<u32> {
///     #[async_with(on_exit(async || {
///         await_!(asyncio::sleep(0.001));
///         println!("closed");
///     }))]
///     {
///         yield_!(1);
///         yield_!(2);
///     }
/// }
///
/// // async with aclosing(pages()) as g:
/// //     async for page in g:
/// //         break
/// #[asyncio::coroutine]
/// async fn first() -> Option<u32> {
///     #[async_with(g = pages())]
///     {
///         #[async_for]
///         for page in &mut g {
///             return Some(page);
///         }
///         None
///     }
/// }
///
/// assert_eq!(asyncio::run(first()), Some(1));
/// ```
///
/// # Managers
///
/// `#[async_with(x = manager, ..)] { .. }` awaits [`AsyncExit::aexit`] of each manager, the last one first, whatever way the block is
/// left: at its end, by `return`, `?`, `break` or `continue`, by a panic and by a cancellation. It is an expression: its value is the
/// block's.
///
/// ```
/// use asyncio::AsyncExit;
///
/// struct Connection(u32);
///
/// impl AsyncExit for Connection {
///     async fn aexit(&mut self) {
///         asyncio::sleep(0.001).await;
///     }
/// }
///
/// #[asyncio::coroutine]
/// async fn ask() -> Option<u32> {
///     #[async_with(connection = Connection(7))]
///     {
///         let answer = connection.0.checked_mul(6)?;
///         Some(answer)
///     }
/// }
///
/// assert_eq!(asyncio::run(ask()), Some(42));
/// ```
///
/// An async generator is a manager, closed by `aclose`: Python's `aclosing`. In a block a variable can be
/// changed, but not given its first value, and a `break` out of it takes no value: the block becomes an `async` one, which borrows what is
/// around it.
///
/// # Everything a function can be
///
/// Methods with any kind of `self`, methods of traits and of their implementations, generics, `const` generics, `impl Trait` and borrowed
/// arguments, patterns, `where` clauses, attributes: all as in an `async fn`. All lifetimes are captured, in every edition, and arguments
/// are dropped when those of an `async fn` are.
///
/// ## Recursion
///
/// Recursion needs no boxing by hand. A call of the function inside itself, `walk(..)`, or of the method, `self.walk(..)`, `child.walk(..)`
/// or `Self::walk(..)`, goes in a box; not `self.inner.walk(..)`, which is how a wrapper hands a call on. Two functions that call each
/// other need one `.boxed()` or `Box::pin` between them.
///
/// ## Traits
///
/// A trait's methods are marked where they are declared and where they are implemented. `boxed` erases what they give, for `dyn`.
///
/// ```
/// use asyncio::Generator;
///
/// trait Shape {
///     #[asyncio::coroutine(boxed)]
///     async fn area(&self) -> u32;
///     #[asyncio::coroutine(boxed)]
///     fn corners(&self) -> Generator<(u32, u32)>;
/// }
///
/// struct Square(u32);
///
/// #[asyncio::coroutines]
/// impl Shape for Square {
///     #[coroutine(boxed)]
///     async fn area(&self) -> u32 {
///         self.0 * self.0
///     }
///
///     #[coroutine(boxed)]
///     fn corners(&self) -> Generator<(u32, u32)> {
///         yield_from!([(0, 0), (self.0, 0), (self.0, self.0), (0, self.0)]);
///     }
/// }
///
/// let shape: &dyn Shape = &Square(2);
/// assert_eq!(asyncio::run(shape.area()), 4);
/// assert_eq!(shape.corners().count(), 4);
/// ```
///
/// ## Storing them
///
/// Each function's generators have a type of their own. The type `Generator<Y, S, R>`, written anywhere but as a return type, is what `.boxed()`
/// makes of any of them.
///
/// ```
/// use asyncio::Generator;
///
/// #[asyncio::coroutine]
/// fn up(n: u32) -> Generator<u32> {
///     yield_from!(0..n);
/// }
///
/// #[asyncio::coroutine]
/// fn once(n: u32) -> Generator<u32> {
///     yield_!(n);
/// }
///
/// let mut waiting: Vec<Generator<u32>> = vec![up(2).boxed(), once(7).boxed()];
/// assert_eq!(waiting[1].next(), Some(7));
/// ```
///
/// # Arguments of the attribute
///
/// | | |
/// |---|---|
/// | `boxed` | what is returned is erased: `Coroutine<Pin<Box<dyn Future<..>>>>`, `BoxGenerator`, `BoxAsyncGenerator`; makes a trait's method usable with `dyn` |
/// | `send` | what is returned is `Send`, boxed or not, and the compiler says where it is not |
/// | `result` | the return type is an alias of a `Result`, and its name does not say so: see below |
/// | `generator` | the return type is an alias of a generator; of an async one if it is an `async fn` |
/// | `crate = path` | where `asyncio` is, if a macro of yours re-exports it or it has another name |
///
/// # An `Err` is an exception
///
/// A coroutine function whose written return type is a `Result` (by the last segment of its path, which ends in `Result`: `io::Result<T>`,
/// `ParseResult`) tells the task that runs it of the `Err` that it returns. If nobody asks that task for its result, the error is logged
/// with Python's words, `Task exception was never retrieved`, by its `Debug`, or by the name of its type if it has none. As in Python,
/// such an error also ends the task as it is when a cancellation came too late to be raised.
///
/// ```
/// use std::io;
///
/// #[asyncio::coroutine]
/// async fn fetch() -> io::Result<Vec<u8>> {
///     Err(io::ErrorKind::NotFound.into())
/// }
///
/// type Answer = Result<u32, String>;
///
/// #[asyncio::coroutine(result)]
/// async fn ask() -> Answer {
///     Err("nobody knows".to_owned())
/// }
/// # assert!(asyncio::run(fetch()).is_err() && asyncio::run(ask()).is_err());
/// ```
///
/// # When it does not compile
///
#[doc = include_str!("compiler.md")]
///
/// The rest are our own messages.
///
#[doc = include_str!("messages.md")]
///
/// [`Coroutine`]: https://docs.rs/asyncio/latest/asyncio/struct.Coroutine.html
/// [`Generator`]: https://docs.rs/asyncio/latest/asyncio/struct.Generator.html
/// [`Generator::send`]: https://docs.rs/asyncio/latest/asyncio/struct.Generator.html#method.send
/// [`throw`]: https://docs.rs/asyncio/latest/asyncio/struct.Generator.html#method.throw
/// [`AsyncGenerator`]: https://docs.rs/asyncio/latest/asyncio/struct.AsyncGenerator.html
/// [`AsyncExit::aexit`]: https://docs.rs/asyncio/latest/asyncio/trait.AsyncExit.html#tymethod.aexit
#[proc_macro_attribute]
pub fn coroutine(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::coroutine(args.into(), item.into()).into()
}

/// Makes the bare `#[coroutine]` work inside an inline `mod`, an `impl` or a `trait`.
///
/// Rust has a built-in attribute of that name, so it cannot be imported; this one gives each `#[coroutine]` inside its full path.
///
/// ```
/// struct Greeter(String);
///
/// #[asyncio::coroutines]
/// impl Greeter {
///     #[coroutine]
///     async fn greet(&self, who: &str) -> String {
///         format!("{}, {who}", self.0)
///     }
///
///     #[coroutine]
///     fn letters(&self) -> asyncio::Generator<char> {
///         yield_from!(self.0.chars());
///     }
/// }
///
/// let greeter = Greeter("hello".to_owned());
/// assert_eq!(asyncio::run(greeter.greet("world")), "hello, world");
/// assert_eq!(greeter.letters().count(), 5);
/// ```
#[proc_macro_attribute]
pub fn coroutines(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::coroutines(args.into(), item.into()).into()
}

/// Makes a coroutine the program's `main`: Python's `asyncio.run(main())`.
///
/// It implies [`#[asyncio::coroutine]`](macro@coroutine), written as `async fn` or as plain `fn`. The function may return whatever a
/// `main` may. Ctrl-C cancels it; then the program says `KeyboardInterrupt` and exits with the code 130.
///
/// ```
/// #[asyncio::main]
/// async fn main() {
///     await_!(asyncio::sleep(0.001));
///     println!("slept");
/// }
/// ```
#[proc_macro_attribute]
pub fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::main(args.into(), item.into()).into()
}

/// Makes a coroutine a test, run by a loop of its own.
///
/// It implies [`#[asyncio::coroutine]`](macro@coroutine). With `virtual_clock` the loop's time jumps to the next timer whenever there is
/// nothing to do, so that a test of a minute's sleep takes no time.
///
/// ```
/// #[asyncio::test(virtual_clock)]
/// async fn sleeps_for_a_day() {
///     await_!(asyncio::sleep(86_400));
/// }
/// ```
#[proc_macro_attribute]
pub fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    expand::test(args.into(), item.into()).into()
}
