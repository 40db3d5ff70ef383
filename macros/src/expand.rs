//! The item that comes out: the attributes, each from its tokens to what it expands to.
//!
//! - `shell`: what is the same in every expansion, around the block that the body becomes;
//! - `coroutine` and `generator`: that block, and what is returned;
//! - `runner`: `#[asyncio::main]` and `#[asyncio::test]`;
//! - `lifetimes`: what an erased type says that it borrows.

mod coroutine;
mod generator;
mod lifetimes;
mod runner;
mod shell;

use self::runner::runner;
use crate::args::{self, Args, Attribute};
use crate::body::{self, Source};
use crate::diagnostic::Mistake;
use crate::fallback;
use crate::item::{self, Body, Function};
use crate::kind::{self, Kind};
use crate::token::{Span, TokenStream, TokenTree};
use crate::write::{Tokens, is_named, quote_spanned, taken_apart};

/// `#[asyncio::coroutine]`.
pub(crate) fn coroutine(args: TokenStream, item: TokenStream) -> TokenStream {
    let (args, mistakes) = args::parse(Attribute::Coroutine, args);
    let expansion = match function(item, Attribute::Coroutine) {
        Ok(function) => expand(&args, function),
        Err(expansion) => expansion,
    };
    together(mistakes, expansion)
}

/// `#[asyncio::coroutines]`.
pub(crate) fn coroutines(args: TokenStream, item: TokenStream) -> TokenStream {
    let (args, mistakes) = args::parse(Attribute::Coroutines, args);
    let asyncio = args.asyncio();
    match body::qualify(item.clone(), &asyncio) {
        Some(qualified) => together(mistakes, qualified),
        None if mistakes.is_empty() => item,
        None => together(mistakes, taken_apart(item)),
    }
}

/// `#[asyncio::main]`.
pub(crate) fn main(args: TokenStream, item: TokenStream) -> TokenStream {
    let (args, mistakes) = args::parse(Attribute::Main, args);
    let expansion = match function(item, Attribute::Main) {
        Ok(function) => {
            let asyncio = args.asyncio();
            runner(
                &args,
                function,
                &Tokens::new(),
                |body| quote_spanned!(Span::mixed_site()=> #asyncio::__private::main(#body)),
            )
        }
        Err(expansion) => expansion,
    };
    together(mistakes, expansion)
}

/// `#[asyncio::test]`.
pub(crate) fn test(args: TokenStream, item: TokenStream) -> TokenStream {
    let (args, mistakes) = args::parse(Attribute::Test, args);
    let expansion = match function(item, Attribute::Test) {
        Ok(function) => {
            let asyncio = args.asyncio();
            let virtual_clock = args.virtual_clock;
            let test = quote_spanned!(Span::mixed_site()=> #[::core::prelude::v1::test]);
            runner(
                &args,
                function,
                &test,
                |body| quote_spanned!(Span::mixed_site()=> #asyncio::__private::test(#virtual_clock, #body)),
            )
        }
        Err(expansion) => expansion,
    };
    together(mistakes, expansion)
}

fn together(mistakes: Vec<Mistake>, expansion: Tokens) -> TokenStream {
    with_mistakes(mistakes, expansion).into_iter().collect()
}

fn with_mistakes(mistakes: Vec<Mistake>, expansion: Tokens) -> Tokens {
    let mistakes = mistakes.into_iter().flat_map(Mistake::into_tokens);
    mistakes.chain(expansion).collect()
}

/// The function that an attribute stands on, or what to give if it stands on something else.
fn function(item: TokenStream, attribute: Attribute) -> Result<Function, Tokens> {
    let function = Function::parse(item.clone()).map_err(|mistake| {
        let (name, instead) = match attribute {
            Attribute::Main => ("main", ""),
            Attribute::Test => ("test", ""),
            Attribute::Coroutine | Attribute::Coroutines => {
                ("coroutine", "; on an inline `mod`, an `impl` or a `trait`, `#[asyncio::coroutines]` marks what is in it")
            }
        };
        let keyword = item.clone().into_iter().find_map(|tree| match tree {
            TokenTree::Ident(ident) if !is_named(&ident, "pub") => Some(ident),
            _ => None,
        });
        let mistake = match keyword {
            Some(keyword) if !["fn", "async", "unsafe", "extern", "const"].contains(&keyword.to_string().as_str()) => {
                Mistake::at(keyword.span(), format!("`#[asyncio::{name}]` stands on a function{instead}"))
            }
            _ => mistake,
        };
        fallback::item(item, mistake)
    })?;
    match &function.body {
        Body::None(rest) if !item::is_semicolon(rest) => {
            let span = (rest.first()).map_or(function.sig.ident.span(), TokenTree::span);
            let mistake = Mistake::at(span, "here the function's body is missing: `{ .. }`");
            Err(fallback::signature(&function, mistake))
        }
        _ => Ok(function),
    }
}

/// A coroutine or a generator function.
fn expand(args: &Args, mut function: Function) -> Tokens {
    let mut mistakes = Vec::new();
    if let Some(constness) = function.sig.constness.take() {
        mistakes.push(Mistake::at(
            constness.span(),
            "a coroutine cannot be a `const fn`: it runs when it is awaited, not when it is called",
        ));
    }
    if let Some(dots) = function.sig.variadic() {
        mistakes.push(Mistake::at(
            dots,
            "a coroutine cannot take C's variable arguments",
        ));
    }
    let source = Source::new(match &function.body {
        Body::Block(body) => Some(body),
        Body::None(_) => None,
    });
    let expansion = match kind::of(&function.sig, args, &source) {
        Ok(Kind::Coroutine(coroutine)) => coroutine::expand(args, &function, &source, &coroutine),
        Ok(Kind::Generator(generator)) => {
            if !source.yields_or_is_excused() {
                let message = format!(
                    "a generator without a `yield_!` in it: yield something, or, for a plain function that gives a generator made elsewhere, take \
                     `#[asyncio::coroutine]` off `{}`",
                    function.sig.ident
                );
                mistakes.push(Mistake::at(function.sig.ident.span(), message));
            }
            generator::expand(args, &function, &source, &generator)
        }
        Err(mistake) => fallback::signature(&function, mistake),
    };
    with_mistakes(mistakes, expansion)
}
