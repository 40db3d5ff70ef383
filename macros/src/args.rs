//! The arguments of the attributes.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote_spanned};
use syn::Token;
use syn::parse::{Parse, ParseStream, Parser};

use crate::diagnostic::Mistake;

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
    path: Option<syn::Path>,
}

impl Args {
    /// The path of the runtime crate.
    pub(crate) fn asyncio(&self) -> TokenStream {
        match &self.path {
            Some(path) => path.to_token_stream(),
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
    let parsed = (|input: ParseStream<'_>| {
        while !input.is_empty() {
            let argument: Argument = input.parse()?;
            let span = argument.name.span();
            match (
                attribute,
                argument.name.to_string().as_str(),
                argument.value,
            ) {
                (_, "crate", Some(value)) if !value.is_empty() => {
                    args.path = Some(syn::Path::parse_mod_style.parse2(value)?);
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
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(())
    })
    .parse2(tokens);
    if let Err(error) = parsed {
        mistakes.push(Mistake::at(
            error.span(),
            format!("{error}; the arguments are {}", attribute.takes()),
        ));
    }
    (args, mistakes)
}

/// `name` or `name = value`.
struct Argument {
    name: Ident,
    value: Option<TokenStream>,
}

impl Parse for Argument {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        use syn::ext::IdentExt;
        let name = input.call(Ident::parse_any)?;
        let mut value = None;
        if input.parse::<Option<Token![=]>>()?.is_some() {
            let tokens = value.get_or_insert_with(TokenStream::new);
            while !input.is_empty() && !input.peek(Token![,]) {
                tokens.extend([input.parse::<proc_macro2::TokenTree>()?]);
            }
        }
        Ok(Argument { name, value })
    }
}
