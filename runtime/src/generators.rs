//! Generators: `yield`, `send`, `throw` and `yield from` on stable Rust.
//!
//! # Implementation
//!
//! A generator's body is an `async` block, which the compiler makes a state machine. Nothing ever schedules it: each
//! [`next`](Iterator::next) polls it once, with a waker whose data pointer leads to a *slot* on the caller's stack, and a `yield_!`
//! is a future that leaves its value in that slot and is ready the second time it is polled.
//!
//! - [`frame`]: the slot, and the frames that run a body, pinned;
//! - [`places`]: where a frame can be: in the generator itself, in a box, where its owner pinned it;
//! - [`erased`]: the box of a frame of any type;
//! - [`words`]: the futures that `yield_!` and `yield_from!` become;
//! - [`delegation`]: the chain of generators that delegate to one another, of which only the innermost is resumed.

pub(crate) mod delegation;
pub(crate) mod erased;
pub(crate) mod frame;
pub(crate) mod places;
pub(crate) mod words;

use std::fmt;
use std::iter::FusedIterator;
use std::marker::PhantomData;
use std::pin::Pin;

use erased::Boxed;
use frame::{Frame, Resume as _, Resumed, State};
use places::Body;

/// A generator: yields values of `Y`, is sent values of `S`, returns an `R`.
///
/// Made by calling an [`#[asyncio::coroutine]`](macro@crate::coroutine) function whose return type says `Generator`. It is an
/// [`Iterator`], so `for` is all it takes; [`send`](Self::send), [`throw`](Self::throw) and [`close`](Self::close) are Python's.
///
/// ```
/// use asyncio::Generator;
///
/// #[asyncio::coroutine]
/// fn countdown(from: u32) -> Generator<u32> {
///     for n in (1..=from).rev() {
///         yield_!(n);
///     }
/// }
///
/// assert_eq!(countdown(3).collect::<Vec<_>>(), [3, 2, 1]);
/// ```
///
/// What is sent arrives as the value of the `yield_!` it stands at, `None` if the generator was resumed by `next`:
///
/// ```
/// use asyncio::{Generator, StopIteration};
///
/// #[asyncio::coroutine]
/// fn doubling() -> Generator<i32, i32, &'static str> {
///     let mut answer = 0;
///     while let Some(number) = yield_!(answer) {
///         answer = number * 2;
///     }
///     "sent nothing"
/// }
///
/// let mut g = doubling();
/// assert_eq!(g.next(), Some(0));
/// assert_eq!(g.send(21), Ok(42));
/// assert_eq!(g.send(None), Err(StopIteration { value: Some("sent nothing") }));
/// ```
///
/// # Storing generators
///
/// Every generator function has a type of its own, the hidden fourth parameter. Where you write the type yourself, its default
/// stands for *any* generator, behind a box: [`boxed`](Self::boxed) makes it, and it is `'static`; [`BoxGenerator`] is the one that may
/// borrow.
///
/// ```
/// use asyncio::Generator;
///
/// #[asyncio::coroutine]
/// fn evens() -> Generator<u32> { for n in 0.. { yield_!(2 * n); } }
/// #[asyncio::coroutine]
/// fn squares() -> Generator<u32> { for n in 0.. { yield_!(n * n); } }
///
/// let mut all: Vec<Generator<u32>> = vec![evens().boxed(), squares().boxed()];
/// assert_eq!(all[1].by_ref().take(4).collect::<Vec<_>>(), [0, 1, 4, 9]);
/// ```
///
/// # Moving, pinning, allocating
///
/// A generator that has not been resumed is only its arguments. The first time it is resumed, its body moves into a box, so that a
/// started generator can be moved like any other value. One that is pinned first runs where it is and allocates nothing:
///
/// ```
/// # use asyncio::Generator;
/// # #[asyncio::coroutine]
/// # fn countdown(from: u32) -> Generator<u32> { for n in (1..=from).rev() { yield_!(n); } }
/// use std::pin::pin;
///
/// for n in pin!(countdown(3)) {
///     println!("{n}");
/// }
/// ```
#[must_use = "a generator does nothing until it is asked for a value: use it in a `for` loop, or call `next` or `send`"]
pub struct Generator<Y, S = (), R = (), B = Erased<'static, Y, S, R>> {
    body: B,
    exchange: PhantomData<fn(S) -> (Y, R)>,
}

/// A [`Generator`] of any function, that may borrow for `'a`.
///
/// ```
/// use asyncio::BoxGenerator;
///
/// fn pick<'a>(words: &'a [String], backwards: bool) -> BoxGenerator<'a, &'a str> {
///     # #[asyncio::coroutine]
///     # fn forth(words: &[String]) -> asyncio::Generator<&str> { for w in words { yield_!(w); } }
///     # #[asyncio::coroutine]
///     # fn back(words: &[String]) -> asyncio::Generator<&str> { for w in words.iter().rev() { yield_!(w); } }
///     if backwards { back(words).boxed() } else { forth(words).boxed() }
/// }
/// # assert_eq!(pick(&["a".into(), "b".into()], true).collect::<String>(), "ba");
/// ```
pub type BoxGenerator<'a, Y, S = (), R = ()> = Generator<Y, S, R, Erased<'a, Y, S, R>>;

/// A [`BoxGenerator`] that may go to another thread.
pub type BoxSendGenerator<'a, Y, S = (), R = ()> = Generator<Y, S, R, ErasedSend<'a, Y, S, R>>;

/// The body of any generator.
#[doc(hidden)]
pub type Erased<'a, Y, S, R> = Pin<Box<Boxed<Y, S, R, dyn Frame<Y, S, R> + 'a>>>;

/// The body of any generator that is `Send`.
#[doc(hidden)]
pub type ErasedSend<'a, Y, S, R> = Pin<Box<Boxed<Y, S, R, dyn Frame<Y, S, R> + Send + 'a>>>;

/// What [`send`](Generator::send) and [`throw`](Generator::throw) give when the generator returns instead of yielding.
///
/// `value` is what it returned: the first time, and `None` from then on.
///
/// ```
/// use asyncio::{Generator, StopIteration};
///
/// #[asyncio::coroutine]
/// fn average() -> Generator<(), f64, f64> {
///     let (mut sum, mut count) = (0.0, 0.0);
///     while let Some(number) = yield_!() {
///         sum += number;
///         count += 1.0;
///     }
///     sum / count
/// }
///
/// let mut average = average().primed();
/// average.send(2.0)?;
/// average.send(4.0)?;
/// assert_eq!(average.send(None), Err(StopIteration { value: Some(3.0) }));
/// assert_eq!(average.send(None), Err(StopIteration { value: None }));
/// # Ok::<(), StopIteration<f64>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StopIteration<R = ()> {
    /// What the generator returned, unless it has been given out before.
    pub value: Option<R>,
}

impl<R> fmt::Display for StopIteration<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the generator has returned")
    }
}

impl<R: fmt::Debug> std::error::Error for StopIteration<R> {}

impl<Y, S, R, B: Body<Y, S, R>> Generator<Y, S, R, B> {
    /// A generator that runs `body`.
    pub(crate) fn new(body: B) -> Self {
        Generator {
            body,
            exchange: PhantomData,
        }
    }

    /// Resumes the generator: the `yield_!` it stands at evaluates to `value`, and the next value it yields is given.
    ///
    /// `send(None)` is [`next`](Iterator::next) that keeps the value which the generator returns. Where nothing is ever sent, `send(())` is
    /// the same.
    ///
    /// # Errors
    ///
    /// [`StopIteration`] with the generator's return value when it returns.
    ///
    /// # Panics
    ///
    /// `can't send non-None value to a just-started generator`: there is no `yield_!` yet to receive it. Call `next` or `send(None)`
    /// first, or [`primed`](Self::primed). A `()` is none.
    ///
    /// Mirrors `generator.send`.
    ///
    /// ```
    /// use asyncio::{Generator, StopIteration};
    ///
    /// #[asyncio::coroutine]
    /// fn adding() -> Generator<u32, u32, &'static str> {
    ///     let mut sum = 0;
    ///     while let Some(number) = yield_!(sum) {
    ///         sum += number;
    ///     }
    ///     "enough"
    /// }
    ///
    /// let mut sum = adding();
    /// assert_eq!(sum.send(None), Ok(0));
    /// assert_eq!(sum.send(40), Ok(40));
    /// assert_eq!(sum.send(2), Ok(42));
    /// assert_eq!(sum.send(None), Err(StopIteration { value: Some("enough") }));
    /// ```
    #[inline]
    pub fn send(&mut self, value: impl Into<Option<S>>) -> Result<Y, StopIteration<R>> {
        let mut value = value.into();
        if is_unit::<S>() && self.body.state() == State::Created {
            // It says no more than `next` does: there is nothing in it to be lost.
            value = None;
        }
        match self.body.frame().resume(value) {
            Resumed::Yielded(value) => Ok(value),
            Resumed::Returned(value) => Err(StopIteration { value: Some(value) }),
            Resumed::Finished => Err(StopIteration { value: None }),
        }
    }

    /// Ends the generator: its destructors run, those of a generator it delegates to first.
    ///
    /// That is what dropping it does; `close` is for when the variable lives on. Afterwards it is finished.
    ///
    /// Mirrors `generator.close`, which may also run `except GeneratorExit` and give a value: here destructors are `finally`, and nothing
    /// else runs.
    ///
    /// ```
    /// # use asyncio::Generator;
    /// #[asyncio::coroutine]
    /// fn numbers() -> Generator<u32> {
    ///     for n in 0.. {
    ///         yield_!(n);
    ///     }
    /// }
    ///
    /// let mut numbers = numbers();
    /// assert_eq!(numbers.next(), Some(0));
    /// numbers.close();
    /// assert_eq!(numbers.next(), None);
    /// ```
    pub fn close(&mut self) {
        self.body.close();
    }

    /// Whether the generator has returned, was closed, or panicked: Python's `g.gi_frame is None`.
    ///
    /// A finished generator has given its value out, so `yield_from!` of one panics; in Python, where everything may be `None`, it is
    /// `None`. Where somebody else may have finished it, ask first:
    ///
    /// ```
    /// use asyncio::Generator;
    ///
    /// # #[asyncio::coroutine]
    /// # fn one() -> Generator<u32> { yield_!(1); }
    /// #[asyncio::coroutine]
    /// fn the_rest_of(g: Generator<u32>) -> Generator<u32> {
    ///     if !g.is_finished() {
    ///         yield_from!(g);
    ///     }
    ///     yield_!(100);
    /// }
    ///
    /// let mut done = one().boxed();
    /// assert_eq!(done.by_ref().count(), 1);
    /// assert!(done.is_finished());
    /// assert_eq!(the_rest_of(done).collect::<Vec<_>>(), [100]);
    /// ```
    pub fn is_finished(&self) -> bool {
        self.body.state() == State::Finished
    }

    /// Runs the generator to its first `yield_!` and drops what that yields, so that it can be [sent](Self::send) a value at once.
    ///
    /// ```
    /// use asyncio::Generator;
    ///
    /// #[asyncio::coroutine]
    /// fn averager() -> Generator<f64, f64> {
    ///     let (mut total, mut count, mut average) = (0.0, 0.0, 0.0);
    ///     while let Some(number) = yield_!(average) {
    ///         total += number;
    ///         count += 1.0;
    ///         average = total / count;
    ///     }
    /// }
    ///
    /// let mut average = averager().primed();
    /// assert_eq!(average.send(10.0), Ok(10.0));
    /// assert_eq!(average.send(20.0), Ok(15.0));
    /// ```
    pub fn primed(mut self) -> Self {
        drop(self.send(None));
        self
    }

    /// The same generator behind a box, its type erased: to be stored beside others that exchange the same types.
    ///
    /// Erase once: a generator that is erased already is given back as it is.
    ///
    /// ```
    /// # use asyncio::Generator;
    /// #[asyncio::coroutine]
    /// fn up() -> Generator<u32> {
    ///     yield_!(1);
    ///     yield_!(2);
    /// }
    ///
    /// #[asyncio::coroutine]
    /// fn down() -> Generator<u32> {
    ///     yield_!(2);
    ///     yield_!(1);
    /// }
    ///
    /// let both: Vec<Generator<u32>> = vec![up().boxed(), down().boxed()];
    /// assert_eq!(both.into_iter().flatten().collect::<Vec<_>>(), [1, 2, 2, 1]);
    /// ```
    pub fn boxed<'a>(self) -> BoxGenerator<'a, Y, S, R>
    where
        B: 'a,
    {
        Generator {
            body: self.body.erase(),
            exchange: PhantomData,
        }
    }

    /// [`boxed`](Self::boxed), for a generator that may go to another thread.
    ///
    /// ```
    /// # use asyncio::Generator;
    /// #[asyncio::coroutine]
    /// fn up() -> Generator<u32> {
    ///     yield_!(1);
    ///     yield_!(2);
    /// }
    ///
    /// let up = up().boxed_send();
    /// let sum = std::thread::spawn(move || up.sum::<u32>());
    /// assert_eq!(sum.join().unwrap(), 3);
    /// ```
    pub fn boxed_send<'a>(self) -> BoxSendGenerator<'a, Y, S, R>
    where
        B: Send + 'a,
    {
        Generator {
            body: self.body.erase_send(),
            exchange: PhantomData,
        }
    }

    /// A typed box: what the call of a function inside itself becomes.
    #[doc(hidden)]
    pub fn boxed_typed(self) -> Generator<Y, S, R, Pin<Box<B>>> {
        Generator {
            body: Box::pin(self.body),
            exchange: PhantomData,
        }
    }

    /// A pinned generator with all its methods: it runs where it was pinned and allocates nothing.
    ///
    /// ```
    /// # use asyncio::Generator;
    /// # #[asyncio::coroutine]
    /// # fn echo() -> Generator<i32, i32> { let mut x = 0; while let Some(y) = yield_!(x) { x = y; } }
    /// use std::pin::pin;
    ///
    /// let g = pin!(echo());
    /// let mut g = g.pinned();
    /// g.next();
    /// assert_eq!(g.send(7), Ok(7));
    /// ```
    pub fn pinned(self: Pin<&mut Self>) -> Generator<Y, S, R, Pin<&mut B>> {
        Generator {
            body: self.body_pinned(),
            exchange: PhantomData,
        }
    }

    #[inline]
    fn body_pinned(self: Pin<&mut Self>) -> Pin<&mut B> {
        // SAFETY: `body` is pinned whenever the generator is. The methods that take `&mut self` of a generator that is not `Unpin`
        // cannot be reached from a pinned one.
        unsafe { self.map_unchecked_mut(|this| &mut this.body) }
    }

    /// The body by reference, for a delegation that leaves the generator with its owner.
    #[inline]
    pub(crate) fn frame(&mut self) -> Pin<&mut B::Pinned> {
        self.body.frame()
    }

    /// The body by value, for a delegation that takes the generator.
    #[inline]
    pub(crate) fn into_body(self) -> B {
        self.body
    }
}

impl<Y, V, T, E, B> Generator<Y, Result<V, E>, Result<T, E>, B>
where
    B: Body<Y, Result<V, E>, Result<T, E>>,
{
    /// Raises `error` at the `yield_!` the generator stands at, which evaluates to `Some(Err(error))`; so `yield_!(x).transpose()?`
    /// raises it on, and a `match` catches it. Gives the next value the generator yields.
    ///
    /// ```
    /// use asyncio::{Generator, StopIteration};
    ///
    /// #[asyncio::coroutine]
    /// fn careful() -> Generator<&'static str, Result<(), String>, Result<(), String>> {
    ///     if let Some(Err(error)) = yield_!("working") {
    ///         yield_!(if error == "minor" { "going on" } else { "stopping" }).transpose()?;
    ///     }
    ///     Ok(())
    /// }
    ///
    /// let mut g = careful();
    /// g.next();
    /// assert_eq!(g.throw("minor".to_owned()), Ok("going on"));
    /// assert_eq!(g.throw("again".to_owned()), Err(StopIteration { value: Some(Err("again".to_owned())) }));
    /// ```
    ///
    /// # Errors
    ///
    /// [`StopIteration`] with the generator's return value when it returns: `Err(error)` if it does not catch the error. One that has
    /// not started, or has finished, gives the error straight back, and its body never runs.
    #[inline]
    pub fn throw(&mut self, error: E) -> Result<Y, StopIteration<Result<T, E>>> {
        match self.body.state() {
            State::Suspended => self.send(Err(error)),
            State::Created | State::Finished => {
                self.close();
                Err(StopIteration {
                    value: Some(Err(error)),
                })
            }
        }
    }
}

impl<Y, S, R, B: Body<Y, S, R>> Iterator for Generator<Y, S, R, B> {
    type Item = Y;

    // So that the optimiser sees through the box of a short-lived one.
    #[inline(always)]
    fn next(&mut self) -> Option<Y> {
        yielded(self.body.frame().resume(None))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        size_hint(self.body.state())
    }
}

impl<Y, S, R, B: Body<Y, S, R>> FusedIterator for Generator<Y, S, R, B> {}

/// A pinned generator is an iterator too: `for x in pin!(f()) { .. }` allocates nothing.
impl<Y, S, R, B: Body<Y, S, R>> Iterator for Pin<&mut Generator<Y, S, R, B>> {
    type Item = Y;

    #[inline(always)]
    fn next(&mut self) -> Option<Y> {
        yielded(self.as_mut().body_pinned().resume(None))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        size_hint(self.body.state())
    }
}

impl<Y, S, R, B: Body<Y, S, R>> FusedIterator for Pin<&mut Generator<Y, S, R, B>> {}

/// What an iterator gives: the returned value is dropped.
#[inline(always)]
fn yielded<Y, R>(resumed: Resumed<Y, R>) -> Option<Y> {
    match resumed {
        Resumed::Yielded(value) => Some(value),
        Resumed::Returned(_) | Resumed::Finished => None,
    }
}

/// Whether `S` is `()`, which a generator is sent that is sent nothing.
#[inline(always)]
pub(crate) fn is_unit<S>() -> bool {
    size_of::<S>() == 0 && typeid::of::<S>() == typeid::of::<()>()
}

/// Nothing is known of how many values are to come, except that a finished generator has none.
fn size_hint(state: State) -> (usize, Option<usize>) {
    match state {
        State::Created | State::Suspended => (0, None),
        State::Finished => (0, Some(0)),
    }
}

impl<Y, S, R, B: Body<Y, S, R>> fmt::Debug for Generator<Y, S, R, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<generator object {} at {:p}>", self.body.name(), self)
    }
}
