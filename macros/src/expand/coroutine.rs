//! A coroutine: an `async` block that knows its function.

use super::lifetimes::Lifetimes;
use super::shell::{Shell, asyncness, expect, traits};
use crate::args::Args;
use crate::body::{Language, Names, Rewriter, Source, entered};
use crate::diagnostic::Mistake;
use crate::item::{Body, Function, Signature};
use crate::kind::{self, Coroutine};
use crate::token::{Group, Ident, Span};
use crate::types::Type;
use crate::write::{Tokens, located, quote_spanned};

// Input:  async fn f(a: A) -> T { body }
// Output: fn f(a: A) -> Coroutine<impl Future<Output = T>> { private::coroutine(about, async move { let a = a; body }) }
pub(super) fn expand(
    args: &Args,
    function: &Function,
    source: &Source<'_>,
    coroutine: &Coroutine,
) -> Tokens {
    let span = Span::mixed_site();
    let asyncio = args.asyncio();
    let names = Names::new(&asyncio);
    let private = &names.private;
    let mut shell = Shell::new(function);
    let name = function.sig.ident.clone();
    let output = coroutine
        .output
        .clone()
        .unwrap_or_else(|| Type(quote_spanned!(span=> ())));
    let send = args
        .send
        .then(|| quote_spanned!(span=> + ::core::marker::Send));

    // Where the type is written is where the compiler is to point when a trait asks for another.
    let written = function.sig.returned().map(Type::span);
    let there = written.map_or(span, |written| span.located_at(written));
    let asyncio_there = located(&asyncio, there);
    let returned = if args.boxed {
        let (output, lifetime) = Lifetimes::bind(&mut shell.sig, vec![output], span);
        quote_spanned! {there=>
            #asyncio_there::Coroutine<::core::pin::Pin<::std::boxed::Box<
                dyn ::core::future::Future<Output = #(#output)*> #send + #lifetime
            >>>
        }
    } else {
        quote_spanned!(there=> #asyncio_there::Coroutine<impl ::core::future::Future<Output = #output> #send>)
    };

    let body = match &function.body {
        Body::None(semicolon) => semicolon.clone(),
        Body::Block(body) => {
            let language = if coroutine.native {
                Language::NativeCoroutine
            } else {
                Language::Coroutine
            };
            let own = (!args.boxed).then_some(&name);
            let block = async_block(
                &names,
                language,
                &shell.parameters,
                coroutine.output.as_ref(),
                (body, source),
                &function.sig,
                own,
            );
            let about = about(&names, &name);
            let block = fallible(&names, coroutine.output.as_ref(), args.result, block);
            let block = if args.boxed {
                quote_spanned!(span=> ::std::boxed::Box::pin(#block))
            } else {
                block
            };
            quote_spanned!(span=> { #private::coroutine(#about, #block) })
        }
    };
    shell.wrap(returned, &body)
}

/// The block of a coroutine: `async move { .. }`.
pub(super) fn async_block(
    names: &Names,
    language: Language,
    parameters: &Tokens,
    output: Option<&Type>,
    (body, source): (&Group, &Source<'_>),
    sig: &Signature,
    own: Option<&Ident>,
) -> Tokens {
    let name = &sig.ident;
    let span = Span::mixed_site();
    let returned = match output {
        None => Some(quote_spanned!(span=> ())),
        // An `impl` cannot be named in a body.
        Some(ty) => ty.opaque().is_none().then(|| ty.0.clone()),
    };
    let mut rewriter =
        Rewriter::new(language, names, own, returned.clone()).of_method(sig.has_receiver());
    let body = rewriter.body(body, source);
    let Rewriter {
        needs, mistakes, ..
    } = rewriter;
    let mistakes: Vec<_> = mistakes.into_iter().map(Mistake::into_tokens).collect();
    let traits = traits(names, &needs, None);
    let expected = returned.map(|returned| {
        let written = output.map_or(name.span(), Type::span);
        expect(&returned, written)
    });
    let body = entered(names, &body);
    let asyncness = asyncness(name);
    quote_spanned! {span=>
        #asyncness {
            #traits
            #(#mistakes)*
            #parameters
            #expected
            #body
        }
    }
}

/// What a coroutine knows of its function.
fn about(names: &Names, name: &Ident) -> Tokens {
    let span = Span::mixed_site();
    let private = &names.private;
    // With the user's own span, as these look where the macro was called that they come from: that would be the attribute.
    let place = quote_spanned!(name.span()=> ::core::file!(), ::core::line!());
    let name = name.to_string();
    let name = name.trim_start_matches("r#");
    quote_spanned! {span=>
        const { &#private::About::unawaited(const { &#private::About::awaited(#name, #place) }) }
    }
}

// Input:  async move { .. }
// Output: private::fallible({ use ..; (&private::Output::<Result<T, E>>::new()).reports() }, async move { .. })
pub(super) fn fallible(
    names: &Names,
    output: Option<&Type>,
    says_so: bool,
    block: Tokens,
) -> Tokens {
    let Some(ty) = output.and_then(|ty| kind::result(ty, says_so)) else {
        return block;
    };
    let private = &names.private;
    quote_spanned! {Span::mixed_site()=>
        #private::fallible(
            {
                use #private::{OutputOther as _, OutputResult as _};
                (&#private::Output::<#ty>::new()).reports()
            },
            #block
        )
    }
}
