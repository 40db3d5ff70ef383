//! A coroutine function without any of the words is what the same `async fn` is: it gives the same, does the same in the same order,
//! suspends as often, and drops what it holds in the same order, whether it is run to its end or dropped anywhere on the way.
//!
//! The functions are made up. `FUZZ_FUNCTIONS=1000 FUZZ_SEED=7 cargo test -p language --test same_as_async_fn` makes up more, and others.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

#[test]
fn functions_without_words_behave_as_the_same_async_fn() {
    let number = |name: &str, default| {
        std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
    };
    let functions = number("FUZZ_FUNCTIONS", 30);
    let mut program = PRELUDE.to_owned();
    let mut main = String::new();
    for seed in 0..functions {
        let mut function = Function::new(number("FUZZ_SEED", 0) * 1_000_000 + seed);
        let (plain, ours, call) = function.write(seed);
        program += &plain;
        program += &ours;
        main += &call;
    }
    writeln!(program, "fn main() {{\n{main}}}").expect("a string");
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("same_as_async_fn.rs");
    fs::write(&file, program).expect("the target directory can be written");
    trybuild::TestCases::new().pass(file);
}

const PRELUDE: &str = r#"
#![allow(warnings)]
use std::{cell::RefCell, future::{Future, ready}, pin::{Pin, pin}, task::{Context, Poll, Waker}};

thread_local!(static LOG: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) });

fn log(what: impl ToString) {
    LOG.with_borrow_mut(|log| log.push(what.to_string()));
}

struct Tracked(u32);

impl Tracked {
    fn value(&self) -> u32 { self.0 }
    fn itself(&self) -> &Self { self }
}

impl Drop for Tracked {
    fn drop(&mut self) { log(format!("drop {}", self.0)); }
}

/// Pending once.
async fn turn() {
    let mut first = true;
    std::future::poll_fn(|_| match std::mem::replace(&mut first, false) {
        true => Poll::Pending,
        false => Poll::Ready(()),
    })
    .await
}

fn fallible(x: u32) -> Result<u32, String> {
    if x % 5 == 4 { Err(format!("no {x}")) } else { Ok(x) }
}

/// What happens, if the future is dropped after so many polls.
fn observe<F: Future<Output: std::fmt::Debug>>(polls: usize, make: impl FnOnce() -> F) -> (bool, Vec<String>) {
    let mut done = false;
    {
        let mut future = pin!(Some(make()));
        log("made");
        for _ in 0..polls {
            log("poll");
            let polled = future.as_mut().as_pin_mut().expect("still there").poll(&mut Context::from_waker(Waker::noop()));
            if let Poll::Ready(value) = polled {
                log(format!("{value:?}"));
                done = true;
                break;
            }
        }
        log("dropping");
        future.set(None);
    }
    (done, LOG.take())
}

fn same<A: Future<Output: std::fmt::Debug>, B: Future<Output: std::fmt::Debug>>(name: &str, a: impl Fn() -> A, b: impl Fn() -> B) {
    for polls in 0.. {
        let (done, expected) = observe(polls, &a);
        assert_eq!(observe(polls, &b), (done, expected), "{name}, dropped after {polls} polls");
        if done {
            break;
        }
    }
}
"#;

/// A function that is being made up.
struct Function {
    random: u64,
    /// The numbers in scope.
    numbers: Vec<String>,
    fails: bool,
    named: usize,
    tracked: u32,
    in_loop: bool,
    in_block: bool,
}

impl Function {
    fn new(seed: u64) -> Self {
        let mut function = Function {
            random: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
            numbers: Vec::new(),
            fails: false,
            named: 0,
            tracked: 100,
            in_loop: false,
            in_block: false,
        };
        for _ in 0..3 {
            function.below(2);
        }
        function.fails = function.below(2) == 0;
        function
    }

    fn below(&mut self, end: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        usize::try_from(self.random >> 33).unwrap_or_default() % end
    }

    fn name(&mut self, kind: &str) -> String {
        self.named += 1;
        format!("{kind}{}", self.named)
    }

    fn tracked(&mut self) -> String {
        self.tracked += 1;
        format!("Tracked({})", self.tracked)
    }

    /// The same function twice, and the call that compares the two.
    fn write(&mut self, n: u64) -> (String, String, String) {
        let mut parameters = Vec::new();
        let mut arguments = Vec::new();
        for _ in 0..self.below(4) {
            let number = self.below(20).to_string();
            let name = self.name("a");
            let (parameter, argument) = match self.below(7) {
                0 => (format!("{name}: u32"), number),
                1 => (format!("mut {name}: u32"), number),
                2 => ("_: Tracked".to_owned(), self.tracked()),
                3 => (format!("{name}: Tracked"), self.tracked()),
                4 => (
                    format!("({name}, _): (u32, Tracked)"),
                    format!("({number}, {})", self.tracked()),
                ),
                5 => (format!("_{name}: Tracked"), self.tracked()),
                _ => (
                    format!("Tracked({name}): &Tracked"),
                    format!("&Tracked({number})"),
                ),
            };
            let is_number = !parameter.contains(": Tracked") && !parameter.contains(": &");
            if is_number {
                self.numbers.push(name);
            }
            parameters.push(parameter);
            arguments.push(argument);
        }
        // A borrowed argument has to outlive the future.
        let mut lent = String::new();
        for (n, argument) in arguments.iter_mut().enumerate() {
            if argument.starts_with('&') {
                writeln!(
                    lent,
                    "let lent{n} = std::mem::ManuallyDrop::new({});",
                    &argument[1..]
                )
                .expect("a string");
                *argument = format!("&lent{n}");
            }
        }
        let body = self.block(3);
        let tail = self.tail();
        let (output, tail) = match self.fails {
            true => ("Result<u32, String>", format!("Ok({tail})")),
            false => ("u32", tail),
        };
        let parameters = parameters.join(", ");
        let arguments = arguments.join(", ");
        let plain = format!("async fn plain{n}({parameters}) -> {output} {{\n{body}{tail}\n}}\n");
        let native = if self.below(2) == 0 { "async " } else { "" };
        let ours = format!(
            "#[asyncio::coroutine]\n{native}fn ours{n}({parameters}) -> {output} {{\n{body}{tail}\n}}\n"
        );
        let call = format!(
            "{{\n{lent}same(\"plain{n}\", || plain{n}({arguments}), || ours{n}({arguments}));\n}}\n"
        );
        (plain, ours, call)
    }

    fn block(&mut self, depth: usize) -> String {
        let known = self.numbers.len();
        let statements: String = (0..1 + self.below(4))
            .map(|_| self.statement(depth))
            .collect();
        if depth < 3 {
            self.numbers.truncate(known);
        }
        statements
    }

    fn statement(&mut self, depth: usize) -> String {
        let choice = self.below(if depth == 0 { 9 } else { 16 });
        match choice {
            0 => {
                let value = self.number();
                self.bind(&value)
            }
            1 => format!("let {} = {};\n", self.name("t"), self.tracked()),
            2 => format!("log({});\n", self.number()),
            3 => "turn().await;\n".to_owned(),
            4 => {
                let value = self.number();
                self.bind(&format!("ready({value}).await"))
            }
            5 if self.fails => {
                let value = self.number();
                self.bind(&format!("fallible({value})?"))
            }
            6 => format!(
                "match {}.itself().value() {{ 0 => {{}} v => {{ turn().await; log(v) }} }}\n",
                self.tracked()
            ),
            7 => format!("let _ = {};\n", self.tracked()),
            8 if self.in_loop => format!(
                "if {} % 3 == 0 {{ {} }}\n",
                self.number(),
                if self.below(2) == 0 {
                    "break"
                } else {
                    "continue 'outer"
                }
            ),
            9 => format!(
                "if {} % 2 == 0 {{\n{}}} else {{\n{}}}\n",
                self.number(),
                self.block(depth - 1),
                self.block(depth - 1)
            ),
            10 => {
                let outer = std::mem::replace(&mut self.in_loop, true);
                let text = format!(
                    "'outer: for i in 0..{}u32 {{\nlog(i);\n{}}}\n",
                    1 + self.below(4),
                    self.block(depth - 1)
                );
                self.in_loop = outer;
                text
            }
            11 => {
                let (known, block) = (self.numbers.len(), self.block(depth - 1));
                let value = self.number();
                self.numbers.truncate(known);
                let tracked = self.tracked();
                self.bind(&format!("{{ let _t = {tracked};\n{block}{value} }}"))
            }
            12 => {
                let outer = (
                    std::mem::replace(&mut self.in_loop, false),
                    std::mem::replace(&mut self.fails, false),
                );
                let was_in_block = std::mem::replace(&mut self.in_block, true);
                let (block, value) = (self.block(depth - 1), self.number());
                (self.in_loop, self.fails) = outer;
                self.in_block = was_in_block;
                self.bind(&format!("async {{\n{block}{value} }}.await"))
            }
            13 => {
                let (inner, outer) = (self.number(), self.number());
                self.bind(&format!("(|v: u32| v.wrapping_add({inner}) | 1)({outer})"))
            }
            14 if !self.in_block => {
                let value = self.number();
                let value = if self.fails {
                    format!("Ok({value})")
                } else {
                    value
                };
                format!("if {} % 7 == 3 {{ return {value}; }}\n", self.number())
            }
            15 => format!(
                "match {} % 4 {{ 0 | 1 => {{\n{}}} 2 => log(\"two\"), _ => {{\n{}}} }}\n",
                self.number(),
                self.block(depth - 1),
                self.block(depth - 1)
            ),
            _ => "turn().await;\n".to_owned(),
        }
    }

    fn bind(&mut self, value: &str) -> String {
        let shadows = !self.numbers.is_empty() && self.below(4) == 0;
        let name = match self.numbers.last() {
            Some(last) if shadows => last.clone(),
            _ => self.name("x"),
        };
        if !self.numbers.contains(&name) {
            self.numbers.push(name.clone());
        }
        format!("let {name} = {value};\n")
    }

    fn number(&mut self) -> String {
        let known = match self.numbers.len() {
            0 => "3u32".to_owned(),
            many => {
                let at = self.below(many);
                self.numbers[at].clone()
            }
        };
        match self.below(5) {
            0 => format!("{}u32", self.below(30)),
            1 => format!("{}.value()", self.tracked()),
            2 => format!("{known}.wrapping_mul(3).wrapping_add({})", self.below(9)),
            3 => format!("({known} | {} ^ 5)", self.below(9)),
            _ => known,
        }
    }

    fn tail(&mut self) -> String {
        let value = self.number();
        match self.below(4) {
            0 => format!("{}.itself().value()", self.tracked()),
            1 => format!(
                "if {value} % 2 == 0 {{ {value} }} else {{ turn().await; {}.value() }}",
                self.tracked()
            ),
            2 => format!("{{ let _t = {}; ready({value}).await }}", self.tracked()),
            _ => value,
        }
    }
}
