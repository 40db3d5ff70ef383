//! `#[asyncio::main]` and `#[asyncio::test]`: a function that runs a coroutine.

use super::coroutine::{async_block, fallible};
use crate::args::Args;
use crate::body::{Language, Names, Source};
use crate::diagnostic::Mistake;
use crate::fallback;
use crate::item::{Body, Function};
use crate::kind;
use crate::token::Span;
use crate::write::{Tokens, quote_spanned};

// Input:  async fn main() -> T { body }
// Output: fn main() -> T { private::main(async move { body }) }
pub(super) fn runner(
    args: &Args,
    function: Function,
    attribute: &Tokens,
    run: impl FnOnce(Tokens) -> Tokens,
) -> Tokens {
    let span = Span::mixed_site();
    let names = Names::new(&args.asyncio());
    if let Some(ty) = function.sig.returned() {
        if kind::is_generator(ty) {
            let mistake = Mistake::at(
                ty.span(),
                "nobody asks this function for what it yields: it is a coroutine, and returns `()` or a `Result`; call the generator in it",
            );
            let mut function = function;
            function.sig.output = None;
            return fallback::signature(&function, mistake);
        }
    }
    let mistake = match (&function.body, function.sig.inputs.first()) {
        (Body::None(_), _) => Some(Mistake::at(
            function.sig.ident.span(),
            "the function needs a body",
        )),
        (_, Some(input)) => Some(Mistake::at(
            input.span(),
            "nobody calls this function with arguments: it takes none",
        )),
        _ => None,
    };
    if let Some(mistake) = mistake {
        let mut function = function;
        function.sig.inputs.clear();
        return fallback::signature(&function, mistake);
    }
    let Function {
        attrs,
        vis,
        mut sig,
        body,
    } = function;
    let native = sig.asyncness.take().is_some();
    let Body::Block(body) = body else {
        unreachable!("told above")
    };
    let language = if native {
        Language::NativeCoroutine
    } else {
        Language::Coroutine
    };
    let output = sig.returned();
    let block = async_block(
        &names,
        language,
        &Tokens::new(),
        output,
        (&body, &Source::new(Some(&body))),
        &sig,
        None,
    );
    let run = run(fallible(&names, output, false, block));
    quote_spanned! {span=>
        #attribute
        #(#attrs)*
        #vis #sig { #run }
    }
}
