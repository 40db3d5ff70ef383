//! Generators do what Python's do: `next`, `send`, `throw`, `close`, and what is left when they end.
#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;

use asyncio::{BoxGenerator, Generator, StopIteration};

#[asyncio::coroutine]
fn two() -> Generator<u32> {
    yield_!(1);
    yield_!(2);
}

#[test]
fn yields_in_order() {
    assert_eq!(two().collect::<Vec<_>>(), [1, 2]);
    let mut seen = Vec::new();
    for x in two() {
        seen.push(x);
    }
    assert_eq!(seen, [1, 2]);
}

#[test]
fn nothing_runs_before_the_first_next() {
    let ran = RefCell::new(false);
    #[asyncio::coroutine]
    fn telling(ran: &RefCell<bool>) -> Generator<()> {
        *ran.borrow_mut() = true;
        yield_!();
    }
    let mut g = telling(&ran);
    assert!(!*ran.borrow());
    g.next();
    assert!(*ran.borrow());
}

#[asyncio::coroutine]
fn doubling() -> Generator<i32, i32, &'static str> {
    let mut answer = 0;
    while let Some(number) = yield_!(answer) {
        answer = number * 2;
    }
    "sent nothing"
}

#[test]
fn is_sent_values_and_returns_one() {
    let mut g = doubling();
    assert_eq!(g.send(None), Ok(0));
    assert_eq!(g.send(21), Ok(42));
    assert_eq!(g.send(Some(2)), Ok(4));
    assert_eq!(
        g.send(None),
        Err(StopIteration {
            value: Some("sent nothing")
        })
    );
}

#[test]
fn is_fused_and_gives_its_value_once() {
    let mut g = doubling();
    g.next();
    assert!(g.send(None).is_err());
    assert_eq!(g.send(None), Err(StopIteration { value: None }));
    assert_eq!(g.send(7), Err(StopIteration { value: None }));
    assert_eq!(g.next(), None);
    assert_eq!(g.size_hint(), (0, Some(0)));
    assert!(g.is_finished());
}

#[test]
fn a_yield_may_stand_in_the_operand_of_another() {
    #[asyncio::coroutine]
    fn nested() -> Generator<u32, u32> {
        let sent = yield_!(10 + yield_!(1).unwrap_or(0) + yield_!(2).unwrap_or(0));
        yield_!(sent.unwrap_or(0));
    }
    let mut g = nested();
    assert_eq!((g.next(), g.send(5), g.send(7)), (Some(1), Ok(2), Ok(22)));
    assert_eq!((g.send(9), g.next()), (Ok(9), None));
}

#[test]
#[should_panic = "can't send non-None value to a just-started generator"]
fn refuses_a_value_before_it_has_started() {
    let _ = doubling().send(1);
}

#[test]
#[should_panic = "can't send non-None value to a just-started generator"]
fn refuses_a_value_before_it_has_started_when_erased() {
    let _ = doubling().boxed().send(1);
}

#[test]
fn a_unit_may_be_sent_before_it_has_started_for_nothing_is_lost_with_it() {
    #[asyncio::coroutine]
    fn countdown() -> Generator<u32, (), &'static str> {
        yield_!(2);
        yield_!(1);
        "liftoff"
    }
    let ended = Err(StopIteration {
        value: Some("liftoff"),
    });
    let mut g = countdown();
    assert_eq!((g.send(()), g.send(()), g.send(())), (Ok(2), Ok(1), ended));
    assert_eq!(countdown().boxed().send(()), Ok(2));
}

#[test]
fn a_unit_that_is_waited_for_arrives() {
    #[asyncio::coroutine]
    fn count<S>() -> Generator<u32, S> {
        let mut count = 0;
        while yield_!(count).is_some() {
            count += 1;
        }
    }
    let mut g = count::<()>();
    assert_eq!((g.send(()), g.send(()), g.next()), (Ok(0), Ok(1), None));
}

#[test]
fn a_primed_generator_can_be_sent_to_at_once() {
    assert_eq!(doubling().primed().send(4), Ok(8));
}

type Throwing = Generator<&'static str, Result<i32, String>, Result<i32, String>>;

#[asyncio::coroutine]
fn careful() -> Generator<&'static str, Result<i32, String>, Result<i32, String>> {
    let mut sum = 0;
    loop {
        match yield_!("ready") {
            Some(Ok(n)) => sum += n,
            Some(Err(error)) if error == "minor" => {
                yield_!("recovering").transpose()?;
            }
            Some(Err(error)) => return Err(format!("failed: {error}")),
            None => return Ok(sum),
        }
    }
}

#[test]
fn an_error_is_thrown_at_the_yield_it_stands_at() {
    let mut g = careful();
    g.next();
    assert_eq!(g.throw("minor".into()), Ok("recovering"));
    assert_eq!(g.send(Ok(1)), Ok("ready"));
    assert_eq!(
        g.throw("major".into()),
        Err(StopIteration {
            value: Some(Err("failed: major".into()))
        })
    );
    assert_eq!(
        g.throw("again".into()),
        Err(StopIteration {
            value: Some(Err("again".into()))
        })
    );
}

#[test]
fn an_error_that_is_not_caught_comes_back() {
    let mut g: Throwing = careful().boxed();
    g.next();
    assert_eq!(g.throw("minor".into()), Ok("recovering"));
    assert_eq!(
        g.throw("second".into()),
        Err(StopIteration {
            value: Some(Err("second".into()))
        })
    );
}

#[test]
fn thrown_into_an_unstarted_generator_it_exhausts_it() {
    let mut g = careful();
    assert_eq!(
        g.throw("early".into()),
        Err(StopIteration {
            value: Some(Err("early".into()))
        })
    );
    assert_eq!(g.next(), None);
}

struct Noted(Rc<RefCell<Vec<&'static str>>>, &'static str);
impl Drop for Noted {
    fn drop(&mut self) {
        self.0.borrow_mut().push(self.1);
    }
}

#[asyncio::coroutine]
fn with_destructors(log: Rc<RefCell<Vec<&'static str>>>) -> Generator<u32> {
    let _outer = Noted(log.clone(), "outer");
    yield_from!(inner_with_destructors(log.clone()));
    log.borrow_mut().push("not reached");
}

#[asyncio::coroutine]
fn inner_with_destructors(log: Rc<RefCell<Vec<&'static str>>>) -> Generator<u32> {
    let _inner = Noted(log, "inner");
    for n in 0.. {
        yield_!(n);
    }
}

#[test]
fn close_runs_the_destructors_inner_generator_first() {
    let log = Rc::default();
    let mut g = with_destructors(Rc::clone(&log));
    g.next();
    g.close();
    assert_eq!(*log.borrow(), ["inner", "outer"]);
    assert_eq!(g.next(), None);
    g.close();
    assert_eq!(log.borrow().len(), 2);
}

#[test]
fn drop_is_close() {
    let log = Rc::default();
    let mut g = with_destructors(Rc::clone(&log));
    g.nth(5);
    drop(g);
    assert_eq!(*log.borrow(), ["inner", "outer"]);
}

#[test]
fn closing_an_unstarted_generator_runs_nothing_of_it() {
    let log = Rc::default();
    let mut g = with_destructors(Rc::clone(&log));
    g.close();
    assert_eq!(g.next(), None);
    assert!(log.borrow().is_empty());
    assert_eq!(Rc::strong_count(&log), 1);
}

#[asyncio::coroutine]
fn panicking(log: Rc<RefCell<Vec<&'static str>>>) -> Generator<u32> {
    let _outer = Noted(log.clone(), "outer");
    yield_from!(panicking_inner(log));
}

#[asyncio::coroutine]
fn panicking_inner(log: Rc<RefCell<Vec<&'static str>>>) -> Generator<u32> {
    let _inner = Noted(log, "inner");
    yield_!(1);
    panic!("in the generator");
}

#[test]
fn a_generator_that_panics_is_finished() {
    let log = Rc::default();
    let mut g = panicking(Rc::clone(&log));
    assert_eq!(g.next(), Some(1));
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| g.next()));
    assert_eq!(
        *panicked.unwrap_err().downcast::<&str>().unwrap(),
        "in the generator"
    );
    assert_eq!(*log.borrow(), ["inner", "outer"]);
    assert_eq!(g.next(), None);
}

#[test]
fn a_started_generator_can_be_moved() {
    let mut g = two();
    assert_eq!(g.next(), Some(1));
    let mut moved = Box::new(g);
    assert_eq!(moved.next(), Some(2));
    let mut generators = vec![two(), two()];
    generators[0].next();
    generators.swap(0, 1);
    assert_eq!(
        generators.into_iter().flatten().collect::<Vec<_>>(),
        [1, 2, 2]
    );
}

#[test]
fn a_pinned_generator_runs_where_it_is() {
    let g = pin!(doubling());
    let mut g = g.pinned().primed();
    assert_eq!(g.send(3), Ok(6));
    drop(g);
    let mut sum = 0;
    for x in pin!(two()) {
        sum += x;
    }
    assert_eq!(sum, 3);
}

#[test]
fn erased_generators_are_stored_together() {
    let mut all: Vec<Generator<u32>> = vec![two().boxed(), two().boxed()];
    all[0].next();
    let boxed_again = all.remove(0).boxed();
    assert_eq!(boxed_again.collect::<Vec<_>>(), [2]);
    let started = {
        let mut g = two();
        g.next();
        g.boxed_send()
    };
    fn is_send<T: Send>(x: T) -> T {
        x
    }
    assert_eq!(is_send(started).collect::<Vec<_>>(), [2]);
}

enum Op {
    Print(&'static str),
    Call(Generator<Op, u32>),
}

#[asyncio::coroutine]
fn program() -> Generator<Op, u32> {
    yield_!(Op::Print("start"));
    let got = yield_!(Op::Call(subprogram().boxed()));
    yield_!(Op::Print(if got == Some(5) { "five" } else { "other" }));
}

#[asyncio::coroutine]
fn subprogram() -> Generator<Op, u32> {
    yield_!(Op::Print("sub"));
}

#[test]
fn a_generator_can_yield_generators_of_its_own_kind() {
    let mut printed = Vec::new();
    let mut stack: Vec<Generator<Op, u32>> = vec![program().boxed()];
    let mut reply = None;
    while let Some(top) = stack.last_mut() {
        match top.send(reply.take()) {
            Ok(Op::Print(text)) => printed.push(text),
            Ok(Op::Call(g)) => stack.push(g),
            Err(_) => {
                stack.pop();
                reply = Some(5);
            }
        }
    }
    assert_eq!(printed, ["start", "sub", "five"]);
}

#[asyncio::coroutine]
fn borrowing<'a>(words: &'a mut [String], suffix: &str) -> Generator<usize> {
    let local = String::from("local");
    let view = &local;
    for word in words.iter_mut() {
        word.push_str(suffix);
        let length = &word.len();
        yield_!(*length);
        assert_eq!(view, "local");
    }
}

#[test]
fn borrows_live_across_a_yield() {
    let mut words = vec!["a".to_owned(), "bc".to_owned()];
    assert_eq!(borrowing(&mut words, "!").sum::<usize>(), 5);
    assert_eq!(words, ["a!", "bc!"]);
}

trait Shape {
    fn describe(&self) -> Box<dyn Fn() -> u32>;
}

#[asyncio::coroutine]
fn coerced() -> Generator<Box<dyn Fn(u32) -> u32>, Box<dyn std::error::Error>> {
    yield_!(Box::new(|x| x + 1));
    let by = 3;
    yield_!(Box::new(move |x| x * by));
}

#[test]
fn the_operand_is_coerced_to_the_yielded_type() {
    assert_eq!(coerced().map(|f| f(5)).collect::<Vec<_>>(), [6, 15]);
}

#[test]
fn its_repr_is_pythons() {
    let g = two();
    let shown = format!("{g:?}");
    assert!(shown.starts_with("<generator object two at 0x"), "{shown}");
    assert_eq!(
        format!("{:?}", g.boxed()).split(" at ").next(),
        Some("<generator object two")
    );
}

#[asyncio::coroutine(generator)]
fn aliased() -> Throwing {
    let _ = yield_!("one");
    Ok(1)
}

#[asyncio::coroutine]
fn erased_by_type(x: &str) -> BoxGenerator<'_, char> {
    yield_from!(x.chars());
}

#[test]
fn an_alias_of_a_generator_can_be_returned() {
    let mut g = aliased();
    assert_eq!(g.next(), Some("one"));
    assert_eq!(g.send(None), Err(StopIteration { value: Some(Ok(1)) }));
    assert_eq!(erased_by_type("ab").collect::<Vec<_>>(), ['a', 'b']);
}

#[asyncio::coroutine]
fn shown_as_an_iterator<T: Clone>(x: &T, n: usize) -> impl Iterator<Item = T> {
    for _ in 0..n {
        yield_!(x.clone());
    }
}

#[test]
fn can_be_shown_as_an_iterator_only() {
    assert_eq!(shown_as_an_iterator(&"x", 3).collect::<Vec<_>>(), ["x"; 3]);
}

/// A lock's guard in the operand is released before the generator stands still.
#[test]
fn the_operands_temporaries_are_dropped_before_it_is_suspended() {
    #[asyncio::coroutine]
    fn reading(cell: &RefCell<u32>) -> Generator<u32> {
        loop {
            yield_!(*cell.borrow());
        }
    }
    let cell = RefCell::new(1);
    let mut g = reading(&cell);
    assert_eq!(g.next(), Some(1));
    *cell.borrow_mut() = 2;
    assert_eq!(g.next(), Some(2));
}

impl Shape for u32 {
    fn describe(&self) -> Box<dyn Fn() -> u32> {
        let n = *self;
        Box::new(move || n)
    }
}

#[test]
fn a_generator_may_yield_what_a_trait_object_gives() {
    #[asyncio::coroutine]
    fn all(shapes: Vec<Box<dyn Shape>>) -> Generator<u32> {
        for shape in shapes {
            yield_!(shape.describe()());
        }
    }
    assert_eq!(all(vec![Box::new(3), Box::new(4)]).sum::<u32>(), 7);
}

#[test]
fn its_size_hint_is_that_of_an_iterator_that_may_end_any_time() {
    fn is_fused(_: &impl std::iter::FusedIterator) {}
    let mut g = two();
    is_fused(&g);
    assert_eq!(g.size_hint(), (0, None));
    g.next();
    assert_eq!(g.size_hint(), (0, None));
    assert_eq!((g.by_ref().count(), g.size_hint()), (1, (0, Some(0))));
    let mut pinned = pin!(two());
    is_fused(&pinned);
    assert_eq!((pinned.next(), pinned.size_hint()), (Some(1), (0, None)));
}

/// What makes generators, whichever: it is used through a `dyn`.
trait Source {
    fn items(&self) -> BoxGenerator<'_, u32, u32, String>;
}

struct Countdown(u32);

impl Source for Countdown {
    #[asyncio::coroutine]
    fn items(&self) -> BoxGenerator<'_, u32, u32, String> {
        let mut sent = 0;
        for n in (0..self.0).rev() {
            sent += yield_!(n).unwrap_or(0);
        }
        format!("was sent {sent}")
    }
}

struct Doubled(Box<dyn Source>);

impl Source for Doubled {
    #[asyncio::coroutine]
    fn items(&self) -> BoxGenerator<'_, u32, u32, String> {
        yield_from!(self.0.items());
        yield_from!(self.0.items())
    }
}

#[test]
fn an_erased_generator_stands_behind_a_trait() {
    let sources: Vec<Box<dyn Source>> = vec![
        Box::new(Countdown(2)),
        Box::new(Doubled(Box::new(Countdown(1)))),
    ];
    let mut told = Vec::new();
    for source in &sources {
        let mut g = source.items().primed();
        let returned = loop {
            match g.send(7) {
                Ok(value) => told.push(value.to_string()),
                Err(StopIteration { value }) => break value,
            }
        };
        told.extend(returned);
    }
    assert_eq!(told, ["0", "was sent 14", "0", "was sent 7"]);
}
