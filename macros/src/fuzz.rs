//! The attributes given arbitrary tokens, and functions that somebody has mangled: they never panic, and always give items or a
//! message.
//!
//! `cargo test -p asyncio-macros` looks at the same few thousand inputs each time. For a long run, elsewhere each time:
//!
//! ```sh
//! FUZZ_SECONDS=600 cargo test --release -p asyncio-macros fuzz
//! ```
//!
//! `FUZZ_SEED=<number>` begins with the input that a failure named.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use proc_macro2::{Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree};
use syn::parse::Parser;

use crate::expand;

/// A xorshift generator: the same seed, the same input.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        random.next();
        random
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 33).unwrap_or_default() % end
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    fn of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }
}

const WORDS: &[&str] = &[
    "await_",
    "yield_",
    "yield_from",
    "async_for",
    "async_with",
    "yield",
    "await",
    "async",
    "move",
    "fn",
    "for",
    "in",
    "while",
    "loop",
    "let",
    "if",
    "else",
    "match",
    "return",
    "break",
    "continue",
    "pub",
    "crate",
    "const",
    "unsafe",
    "extern",
    "impl",
    "trait",
    "mod",
    "struct",
    "enum",
    "where",
    "dyn",
    "ref",
    "mut",
    "self",
    "Self",
    "static",
    "type",
    "use",
    "as",
    "Generator",
    "AsyncGenerator",
    "Iterator",
    "Stream",
    "Item",
    "coroutine",
    "coroutines",
    "boxed",
    "send",
    "generator",
    "virtual_clock",
    "f",
    "walk",
    "x",
    "a",
    "T",
    "u8",
    "println",
    "vec",
    "matches",
    "todo",
    "cfg",
    "test",
    "macro_rules",
    "r#yield",
    "r#async",
    "gen",
    "_",
];

const PUNCTS: &[char] = &[
    '!', '#', '|', '&', '.', ',', ';', ':', '=', '<', '>', '-', '+', '*', '/', '?', '$', '@', '~',
    '^', '%',
];

const DELIMITERS: [Delimiter; 4] = [
    Delimiter::Parenthesis,
    Delimiter::Brace,
    Delimiter::Bracket,
    Delimiter::None,
];

/// Functions and items that use all there is.
const REAL: &[&str] = &[
    "async fn fetch(url: &str) -> Result<String, Error> { let page = await_!(get(url))?; Ok(page.text) }",
    "fn old(x: u32) -> u32 { let y = yield_from!(sleep(x)); yield_!(); y + x }",
    "pub(crate) fn count(n: u32) -> Generator<u32> { for i in 0..n { yield_!(i); } }",
    "fn echo() -> Generator<i32, i32, &'static str> { let mut x = 0; while let Some(y) = yield_!(x) { x = y * 2; } \"done\" }",
    "fn walk<'a>(tree: &'a Tree) -> Generator<&'a u32> { if let Some(l) = &tree.left { yield_from!(walk(l)); } yield_!(&tree.value); }",
    "fn each(&self) -> Generator<u32> { for c in &self.children { yield_from!(c.each()); yield_from!(self.each()); yield_from!(Self::each(c)); } }",
    "async fn ticks(n: u32) -> AsyncGenerator<u32> { for i in 0..n { await_!(sleep(1)); println!(\"{}\", yield_!(i)); } }",
    "fn items(v: Vec<u8>) -> impl Iterator<Item = u8> { yield_from!(v); yield_!(1 | 2); }",
    "async fn all(self: Pin<&mut Self>, (a, b): (u8, u8), _: D, mut c: C) { let f = |x| x + 1; let g = async move { await_!(h(a)) }; g.await }",
    "async fn w() -> R { #[async_with(a = open(), b = open())] { a.read()?; return Ok(1); } #[async_for] 'outer: for (x, _) in s { if x { continue 'outer } else { break } } }",
    "async fn l<T: Display + 'static, const N: usize>(t: [T; N]) -> T where T: Clone { loop { select! { x = await_!(a) => break x, _ = b.await => {} } } }",
    "fn nested() -> Generator<u8> { fn inner() -> u8 { 1 } #[asyncio::coroutine] fn other() -> Generator<u8> { yield_!(1); } yield_from!(other()); }",
    "async fn main() -> Result<(), Box<dyn Error>> { let (a, b) = gather!(f(1), f(2)); assert_eq!(await_!(a), vec![1, 2][0]); Ok(()) }",
    "impl Reader for File { #[coroutine] async fn read(&mut self) -> Vec<u8> { await_!(self.inner.read()) } fn plain(&self) {} }",
    "mod m { use super::*; #[coroutine] pub fn f() -> Generator<u8> { yield_!(1); } #[coroutine(boxed, send)] async fn g() {} struct S { x: u8 } }",
    "trait Source { #[coroutine(boxed)] async fn next(&mut self) -> Option<u8>; #[coroutine] fn all(&self) -> Generator<u8>; }",
    "fn b() -> Generator<u8> { yield_!({ 1 } | 2); yield_!(if a { 1 } else { 2 } + 3); yield_!(); }",
    "fn t() -> Generator<u8, Result<u8, E>, Result<(), E>> { let _ = yield_!(match x { A | B => 1, C => yield_!(2).transpose()?, }); Ok(()) }",
];

const ARGS: &[&str] = &[
    "",
    "",
    "",
    "boxed",
    "send",
    "boxed, send",
    "generator",
    "crate = aio",
    "crate = ::a::b",
    "virtual_clock",
    "crate",
    "boxed,",
    "nonsense",
    "boxed send",
    "crate = 1",
    ",",
    "generator(1)",
];

fn tree(random: &mut Random, depth: usize) -> TokenTree {
    match random.below(if depth == 0 { 8 } else { 12 }) {
        0..4 => word(random.of(WORDS)),
        4..7 => {
            let spacing = random.of(&[Spacing::Alone, Spacing::Joint]);
            Punct::new(random.of(PUNCTS), spacing).into()
        }
        7 => match random.below(4) {
            0 => Literal::usize_unsuffixed(random.below(9)).into(),
            1 => Literal::string("{x}").into(),
            2 => Literal::character('y').into(),
            _ => Literal::f64_unsuffixed(1.5).into(),
        },
        _ => group(random, depth - 1).into(),
    }
}

fn word(name: &str) -> TokenTree {
    match name.strip_prefix("r#") {
        Some(raw) => Ident::new_raw(raw, Span::call_site()).into(),
        None => Ident::new(name, Span::call_site()).into(),
    }
}

fn group(random: &mut Random, depth: usize) -> Group {
    let stream = stream(random, depth);
    Group::new(random.of(&DELIMITERS), stream)
}

fn stream(random: &mut Random, depth: usize) -> TokenStream {
    let mut trees: Vec<TokenTree> = Vec::new();
    for _ in 0..random.below(8) {
        if random.one_in(12) {
            trees.push(Punct::new('\'', Spacing::Joint).into());
            trees.push(word(random.of(&["a", "static", "outer"])));
        } else if random.one_in(6) {
            trees.push(word(random.of(&["await_", "yield_", "yield_from"])));
            trees.push(Punct::new('!', Spacing::Alone).into());
            trees.push(group(random, depth.saturating_sub(1)).into());
        } else {
            trees.push(tree(random, depth));
        }
    }
    trees.into_iter().collect()
}

/// The functions of this workspace, as they are written.
fn workspace() -> &'static [String] {
    static FUNCTIONS: OnceLock<Vec<String>> = OnceLock::new();
    FUNCTIONS.get_or_init(|| {
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let mut functions = Vec::new();
        for folder in ["macros", "runtime", "examples", "tests"] {
            functions_below(&workspace.join(folder), &mut functions);
        }
        // In an order of their own, so that a seed means the same function everywhere.
        functions.sort();
        functions
    })
}

fn functions_below(folder: &Path, functions: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("the workspace is there") {
        let path = entry.expect("the workspace can be read").path();
        if path.is_dir() {
            functions_below(&path, functions);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("sources are text");
            if let Ok(tokens) = text.parse() {
                functions_in(tokens, functions);
            }
        }
    }
}

fn functions_in(tokens: TokenStream, functions: &mut Vec<String>) {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let is = |at: usize, name: &str| matches!(trees.get(at), Some(TokenTree::Ident(ident)) if ident == name);
    for (at, tree) in trees.iter().enumerate() {
        if let TokenTree::Group(group) = tree {
            functions_in(group.stream(), functions);
        }
        if !is(at, "fn") || !matches!(trees.get(at + 1), Some(TokenTree::Ident(_))) {
            continue;
        }
        let body = trees[at..].iter().position(
            |tree| matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace),
        );
        if let Some(body) = body {
            let start = at - usize::from(at > 0 && is(at - 1, "async"));
            let function: TokenStream = trees[start..=at + body].iter().cloned().collect();
            functions.push(function.to_string());
        }
    }
}

/// A real item with something done to it.
fn mangled(random: &mut Random) -> TokenStream {
    let real = if random.one_in(3) {
        let functions = workspace();
        functions[random.below(functions.len())].as_str()
    } else {
        random.of(REAL)
    };
    let real: TokenStream = real.parse().expect("it is Rust");
    (0..random.below(6)).fold(real, |item, _| mangle(random, item))
}

fn mangle(random: &mut Random, tokens: TokenStream) -> TokenStream {
    let mut trees: Vec<TokenTree> = tokens.into_iter().collect();
    if trees.is_empty() {
        return stream(random, 2);
    }
    // More often than not inside one of the groups.
    let groups: Vec<usize> = (0..trees.len())
        .filter(|&at| matches!(trees[at], TokenTree::Group(_)))
        .collect();
    if !groups.is_empty() && !random.one_in(4) {
        let at = random.of(&groups);
        if let TokenTree::Group(group) = &trees[at] {
            let delimiter = match random.below(12) {
                0 => random.of(&DELIMITERS),
                _ => group.delimiter(),
            };
            trees[at] = Group::new(delimiter, mangle(random, group.stream())).into();
        }
        return trees.into_iter().collect();
    }
    let at = random.below(trees.len());
    match random.below(6) {
        0 => {
            trees.remove(at);
        }
        1 => trees.insert(at, trees[at].clone()),
        2 => {
            let other = random.below(trees.len());
            trees.swap(at, other);
        }
        3 => trees[at] = tree(random, 2),
        4 => trees.insert(at, tree(random, 2)),
        _ => {
            let end = at + 1 + random.below(trees.len() - at);
            let inner: TokenStream = trees.drain(at..end).collect();
            let delimiter = random.of(&DELIMITERS);
            trees.insert(at, Group::new(delimiter, inner).into());
        }
    }
    trees.into_iter().collect()
}

/// One of the attributes.
struct Entry {
    name: &'static str,
    expand: fn(TokenStream, TokenStream) -> TokenStream,
}

const ENTRIES: [Entry; 4] = [
    Entry {
        name: "coroutine",
        expand: expand::coroutine,
    },
    Entry {
        name: "coroutines",
        expand: expand::coroutines,
    },
    Entry {
        name: "main",
        expand: expand::main,
    },
    Entry {
        name: "test",
        expand: expand::test,
    },
];

fn try_one(seed: u64) -> Result<(), String> {
    let mut random = Random::new(seed);
    let item = if random.one_in(4) {
        stream(&mut random, 4)
    } else {
        mangled(&mut random)
    };
    let args = if random.one_in(8) {
        stream(&mut random, 2)
    } else {
        random.of(ARGS).parse().expect("they are tokens")
    };
    let entry = &ENTRIES[if random.one_in(2) { 0 } else { random.below(4) }];
    let told = |what: &str| {
        let (name, args, item) = (entry.name, args.to_string(), item.to_string());
        format!("FUZZ_SEED={seed}: #[{name}({args})] {item}\n{what}")
    };
    let expanded = catch_unwind(AssertUnwindSafe(|| {
        (entry.expand)(args.clone(), item.clone())
    }))
    .map_err(|_| told("panicked"))?;
    let says = expanded.to_string();
    if syn::parse2::<syn::Item>(item.clone()).is_ok() && operands_parse(item.clone()) {
        // What was Rust is Rust afterwards.
        syn::parse2::<syn::File>(expanded)
            .map_err(|error| told(&format!("gave what does not parse, {error}: {says}")))?;
    } else if entry.name != "coroutines" && !says.contains("compile_error") {
        // What was not is told, or is a function with a body that the compiler will tell of.
        if !is_function(expanded) {
            return Err(told(&format!("gave neither items nor a message: {says}")));
        }
    }
    Ok(())
}

/// Whether what stands in the words, where a parser takes any tokens, is what belongs there.
fn operands_parse(tokens: TokenStream) -> bool {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let is = |at: usize, name: &str| matches!(trees.get(at), Some(TokenTree::Ident(ident)) if ident == name);
    trees.iter().enumerate().all(|(at, tree)| match tree {
        TokenTree::Group(group) => {
            let operand = group.stream();
            let is_word = ["await_", "yield_", "yield_from"]
                .iter()
                .any(|word| at >= 2 && is(at - 2, word));
            let fits = !is_word
                || operand.is_empty()
                || Parser::parse2(
                    syn::punctuated::Punctuated::<syn::Expr, syn::Token![,]>::parse_terminated,
                    operand.clone(),
                )
                .is_ok();
            // An invisible group is always a whole expression, type or the like, which one that was put anywhere is not.
            fits && group.delimiter() != Delimiter::None && operands_parse(operand)
        }
        // It says more than a parser of Rust looks at.
        TokenTree::Ident(ident) => ident != "async_with" && ident != "async_for",
        _ => true,
    })
}

/// Whether this ends as a function does. The compiler has parsed each signature before it asks us; what it would refuse in one need not
/// be told by us.
fn is_function(tokens: TokenStream) -> bool {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    let has_fn = (trees.iter()).any(|tree| matches!(tree, TokenTree::Ident(word) if word == "fn"));
    let ends = match trees.last() {
        Some(TokenTree::Group(body)) => body.delimiter() == Delimiter::Brace,
        Some(TokenTree::Punct(punct)) => punct.as_char() == ';',
        _ => false,
    };
    has_fn && ends
}

#[test]
fn attributes_never_panic_and_always_give_items_or_a_message() {
    let number = |name| {
        std::env::var(name)
            .ok()
            .map(|text| text.parse().expect("a number"))
    };
    let seconds: Option<u64> = number("FUZZ_SECONDS");
    let began = Instant::now();
    let first = number("FUZZ_SEED").unwrap_or_else(|| match seconds {
        Some(_) => u64::from(std::process::id()) << 32,
        None => 0,
    });
    let goes_on = |seed: u64| match seconds {
        Some(seconds) => began.elapsed() < Duration::from_secs(seconds),
        None => seed - first < 4_000,
    };
    let mut seed = first;
    while goes_on(seed) {
        if let Err(failure) = try_one(seed) {
            panic!("{failure}");
        }
        seed += 1;
    }
    println!("{} inputs from FUZZ_SEED={first}", seed - first);
}

/// Whatever a function does, the attribute can be put on it.
#[test]
fn the_functions_of_this_workspace_go_through() {
    let functions = workspace();
    assert!(functions.len() > 1_000, "{} functions", functions.len());
    for function in functions {
        let item: TokenStream = function.parse().expect("it was Rust");
        let expanded = expand::coroutine(TokenStream::new(), item.clone());
        if syn::parse2::<syn::ItemFn>(item.clone()).is_ok() && operands_parse(item) {
            let says = expanded.to_string();
            syn::parse2::<syn::File>(expanded)
                .unwrap_or_else(|error| panic!("{function}\ngave {says}: {error}"));
        }
    }
}

#[test]
fn the_signature_stands_around_a_body_that_does_not_parse() {
    for typed in [
        "async fn fetch(page: Page) -> u32 { let title = page. }",
        "fn fetch(page: Page) -> Generator<u32> { yield_!(page.); }",
        "fn fetch(page: Page) -> AsyncGenerator<u32> { let x = await_!(page.) yield_!( }",
        "async fn fetch(page: Page) -> u32",
    ] {
        // What is half typed may not even be balanced; then there are no tokens to expand.
        let Ok(item) = typed.parse::<TokenStream>() else {
            continue;
        };
        let expanded = expand::coroutine(TokenStream::new(), item);
        assert!(is_function(expanded.clone()), "{expanded}");
        assert!(
            expanded.to_string().contains("fn fetch (page : Page) ->"),
            "{expanded}"
        );
    }
}
