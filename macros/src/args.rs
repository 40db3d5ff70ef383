//! The arguments of the attributes.

use crate::diagnostic::Mistake;
use crate::token::{Span, TokenStream, TokenTree};
use crate::types::{last_segment, split};
use crate::write::{Tokens, quote_spanned, taken_apart};

/// What `#[asyncio::coroutine(..)]` was told.
#[derive(Default)]
pub(crate) struct Args {
    /// `generator`: the return type is an alias of a generator.
    pub(crate) generator: bool,
    /// `result`: the return type is an alias of a `Result`.
    pub(crate) result: bool,
    /// `boxed`: what is returned is erased.
    pub(crate) boxed: bool,
    /// `send`: what is returned is `Send`.
    pub(crate) send: bool,
    /// `virtual_clock`, of `#[asyncio::test]`.
    pub(crate) virtual_clock: bool,
    /// `crate = path`: where the crate `asyncio` is to be found.
    path: Option<Tokens>,
}

impl Args {
    /// The path of the runtime crate.
    pub(crate) fn asyncio(&self) -> Tokens {
        match &self.path {
            Some(path) => path.clone(),
            None => quote_spanned!(Span::mixed_site()=> ::asyncio),
        }
    }
}

/// Which attribute the arguments are of.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Attribute {
    Coroutine,
    Coroutines,
    Main,
    Test,
}

impl Attribute {
    /// The arguments it takes, as a message lists them.
    fn takes(self) -> &'static str {
        match self {
            Attribute::Coroutine => "`generator`, `result`, `boxed`, `send`, `crate = path`",
            Attribute::Coroutines | Attribute::Main => "only `crate = path`",
            Attribute::Test => "`virtual_clock`, `crate = path`",
        }
    }
}

/// Reads the arguments; the mistakes in them keep nothing else from working.
pub(crate) fn parse(attribute: Attribute, tokens: TokenStream) -> (Args, Vec<Mistake>) {
    let mut args = Args::default();
    let mut mistakes = Vec::new();
    let trees = taken_apart(tokens);
    for (argument, _) in split(&trees) {
        let wrong = |at: usize, what: &str| {
            let at = argument.get(at).or(argument.last());
            let span = at.map_or_else(Span::call_site, TokenTree::span);
            Mistake::at(
                span,
                format!("{what}; the arguments are {}", attribute.takes()),
            )
        };
        let Some(TokenTree::Ident(name)) = argument.first() else {
            mistakes.push(wrong(0, "expected identifier"));
            continue;
        };
        let value = match argument.get(1) {
            None => None,
            Some(TokenTree::Punct(equals)) if equals.as_char() == '=' => Some(&argument[2..]),
            Some(_) => {
                mistakes.push(wrong(1, "expected `,`"));
                continue;
            }
        };
        let span = name.span();
        match (attribute, name.to_string().as_str(), value) {
            (_, "crate", Some(value)) if !value.is_empty() => {
                if is_path(value) {
                    args.path = Some(value.to_vec());
                } else {
                    mistakes.push(wrong(2, "expected a path"));
                }
            }
            (_, "crate", _) => mistakes.push(Mistake::at(
                span,
                "say where the crate is: `crate = path::to::asyncio`",
            )),
            (Attribute::Coroutine, "generator", None) => args.generator = true,
            (Attribute::Coroutine, "result", None) => args.result = true,
            (Attribute::Coroutine, "boxed", None) => args.boxed = true,
            (Attribute::Coroutine, "send", None) => args.send = true,
            (Attribute::Test, "virtual_clock", None) => args.virtual_clock = true,
            (_, name, _) => {
                mistakes.push(Mistake::at(
                    span,
                    format!("no argument `{name}` here: there are {}", attribute.takes()),
                ));
            }
        }
    }
    (args, mistakes)
}

/// Whether this is a path as that of a module: names, with `::` between them.
fn is_path(trees: &[TokenTree]) -> bool {
    last_segment(trees).is_some_and(|last| last.path.len() == trees.len() && !last.is_qualified)
}
