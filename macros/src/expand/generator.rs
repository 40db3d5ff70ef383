//! A generator, or an async generator: what it exchanges, and the block that is resumed.

use super::lifetimes::Lifetimes;
use super::shell::{Shell, asyncness, expect, traits};
use crate::args::Args;
use crate::body::{self, Language, Names, Rewriter, Shows, Source, entered};
use crate::diagnostic::Mistake;
use crate::item::{Body, Function};
use crate::kind::{Exchanged, Generator, Shown};
use crate::token::{Group, Ident, Span, TokenTree};
use crate::types::Type;
use crate::write::{Tokens, is_named, quote_spanned};

// Input:  fn f(a: A) -> Generator<Y, S, R> { body }
// Output: fn f(a: A) -> Generator<Y, S, R, impl Body<Y, S, R>> {
//             enum Name {}
//             impl Named for Name { const NAME: &'static str = "f"; }
//             let return_type = Exchange::<Y, S>::types();
//             private::generator::<Name, _, _, _>(return_type, async move {
//                 let words = unsafe { return_type.words() };
//                 let a = a;
//                 let returned: R = 'body: { body };
//                 returned
//             })
//         }
pub(super) fn expand(
    args: &Args,
    function: &Function,
    source: &Source<'_>,
    generator: &Generator,
) -> Tokens {
    let span = Span::mixed_site();
    let asyncio = args.asyncio();
    let names = Names::new(&asyncio);
    let private = &names.private;
    let unit = || Type(quote_spanned!(span=> ()));
    let mut shell = Shell::new(function);
    let send = args
        .send
        .then(|| quote_spanned!(span=> + ::core::marker::Send));

    let (yields, sent, returns) = match &generator.types {
        Exchanged::Listed {
            yields,
            sent,
            returns,
        } => (
            yields.clone(),
            sent.clone().unwrap_or_else(unit),
            returns.clone().unwrap_or_else(unit),
        ),
        Exchanged::Alias(ty) => {
            let of = |name: &str| {
                let name = Ident::new(name, span);
                Type(quote_spanned!(span=> <#ty as #private::GeneratorTypes>::#name))
            };
            (of("Yielded"), of("Sent"), of("Returned"))
        }
        Exchanged::Items(item) => {
            let item = match item {
                Some(ty) if ty.opaque().is_none() => ty.clone(),
                _ => Type(quote_spanned!(span=> _)),
            };
            (item, unit(), unit())
        }
    };

    // As in a coroutine, all of the type stands where its name is written. A macro's `$crate` keeps its own way to be resolved.
    let there = match &generator.shown {
        Shown::Generator(path) => span.located_at(path[0].span()),
        _ => span,
    };
    let at_its_place = |path: &Tokens| -> Tokens {
        let ours = |tree: &TokenTree| {
            let mut tree = tree.clone();
            let is_crate = matches!(&tree, TokenTree::Ident(ident) if is_named(ident, "$crate"));
            if !is_crate {
                tree.set_span(span.located_at(tree.span()));
            }
            tree
        };
        path.iter().map(ours).collect()
    };
    let mut erase = None;
    let output = match &generator.shown {
        Shown::Generator(path) if args.boxed => {
            let types = vec![yields.clone(), sent.clone(), returns.clone()];
            let (types, lifetime) = Lifetimes::bind(&mut shell.sig, types, span);
            let mut types = types.into_iter();
            let (yields, sent) = (types.next(), types.next());
            erase = Some(if args.send { "boxed_send" } else { "boxed" });
            let erased = match (generator.is_async, args.send) {
                (false, false) => "Erased",
                (false, true) => "ErasedSend",
                (true, false) => "AsyncErased",
                (true, true) => "AsyncErasedSend",
            };
            let erased = Ident::new(erased, span);
            let path = at_its_place(path);
            if generator.is_async {
                quote_spanned!(there=> #path<#yields, #sent, #private::#erased<#lifetime, #yields, #sent>>)
            } else {
                let returns = types.next();
                quote_spanned! {there=>
                    #path<#yields, #sent, #returns, #private::#erased<#lifetime, #yields, #sent, #returns>>
                }
            }
        }
        Shown::Generator(path) if generator.is_async => {
            let path = at_its_place(path);
            quote_spanned!(there=> #path<#yields, #sent, impl #private::AsyncBody<#yields, #sent> #send>)
        }
        Shown::Generator(path) => {
            let path = at_its_place(path);
            quote_spanned!(there=> #path<#yields, #sent, #returns, impl #private::Body<#yields, #sent, #returns> #send>)
        }
        Shown::Erased(ty) => {
            erase = Some(if args.send { "boxed_send" } else { "boxed" });
            ty.0.clone()
        }
        Shown::Bounds(ty) => match ty.bounds() {
            Some(bounds) => quote_spanned!(span=> impl #bounds #send),
            None => ty.0.clone(),
        },
    };

    let body = match &function.body {
        Body::None(semicolon) => semicolon.clone(),
        Body::Block(body) => {
            let written = function.sig.returned().map(Type::span);
            let written = written.unwrap_or_else(|| function.sig.ident.span());
            let own = erase.is_none().then_some(&function.sig.ident);
            let shows = match (&generator.shown, generator.is_async) {
                (Shown::Bounds(_), false) => Some(Shows::Iterator),
                (Shown::Bounds(_), true) => Some(Shows::Stream),
                _ => None,
            };
            let language = if generator.is_async {
                Language::AsyncGenerator
            } else {
                Language::Generator
            };
            let rewriter = Rewriter::new(language, &names, own, Some(returns.0.clone()))
                .of_method(function.sig.has_receiver())
                .showing(shows);
            let place = (&function.sig.ident, written);
            let body = (body, source);
            let block =
                generator_block(&names, rewriter, &shell.parameters, &returns.0, place, body);
            let GeneratorBlock { block, constructor } = block;
            let return_type = return_type(written);
            let name = function.sig.ident.to_string();
            let name = name.trim_start_matches("r#");
            let erase = erase.map(|method| {
                let method = Ident::new(method, span);
                quote_spanned!(span=> .#method())
            });
            quote_spanned! {span=> {
                enum Name {}
                impl #private::Named for Name {
                    const NAME: &'static ::core::primitive::str = #name;
                }
                let #return_type = #private::Exchange::<#yields, #sent>::types();
                #private::#constructor::<Name, _, _, _>(#return_type, #block) #erase
            }}
        }
    };
    shell.wrap(output, &body)
}

/// The body of a generator, and what makes a generator of it.
struct GeneratorBlock {
    block: Tokens,
    constructor: Ident,
}

fn generator_block(
    names: &Names,
    mut rewriter: Rewriter<'_>,
    parameters: &Tokens,
    returns: &Tokens,
    (name, written): (&Ident, Span),
    (body, source): (&Group, &Source<'_>),
) -> GeneratorBlock {
    let span = Span::mixed_site();
    let Names { private } = names;
    let (words, checked, label) = (body::words(span), body::checked(span), body::label(span));
    let way = body::way(span);
    let body = rewriter.body(body, source);
    let is_async = rewriter.language == Language::AsyncGenerator;
    let shows = rewriter.shows();
    let Rewriter {
        needs, mistakes, ..
    } = rewriter;
    let mistakes: Vec<_> = mistakes.into_iter().map(Mistake::into_tokens).collect();
    let traits = traits(names, &needs, shows);
    let expected = expect(returns, written);
    let label = needs.label.then(|| quote_spanned!(span=> #label:));
    let body = entered(names, &body);
    let body = quote_spanned!(span=> #label { #body });
    // SAFETY of what is written here: the words stand in the body alone, outside any macro's reach; the rewriter awaits each where it
    // stands, and the label keeps it from standing in an `async` block or a closure.
    let inner = quote_spanned! {span=>
        #(#mistakes)*
        #parameters
        #expected
        #body
    };
    // Where each word is the body's own and stands in it, values need not wait for a poll to find the slot.
    let make_way = if needs.checked || needs.delegates {
        quote_spanned!(span=> let mut #way = #words.carried(); let _ = &mut #way;)
    } else if needs.label {
        // SAFETY: awaited at the top of a generator's body, whose words all stand in it directly and which does not delegate.
        quote_spanned!(span=> let mut #way = unsafe { #words.straight() }.await;)
    } else {
        Tokens::new()
    };
    let return_type = return_type(written);
    let make_words = if is_async {
        let made = quote_spanned!(return_type.span()=> #return_type.async_words());
        // Never borrowed where each `yield_!` gives them anew: then the body need not keep them.
        let mutability = (needs.renews && !needs.checked).then(|| quote_spanned!(span=> mut));
        quote_spanned! {span=>
            use #private::AsyncExchangeAny as _;
            // SAFETY: these words are used directly in the body: the label guard refuses them elsewhere, and what cannot be
            // known to stand there gets the checked words.
            let #mutability #words = unsafe { #made }.await;
        }
    } else {
        let made = quote_spanned!(return_type.span()=> #return_type.words());
        quote_spanned! {span=>
            use #private::ExchangeAny as _;
            // SAFETY: as of those of an async generator.
            let #words = unsafe { #made };
            #make_way
        }
    };
    let run = match (needs.checked, is_async) {
        (false, _) => inner,
        (true, false) => quote_spanned! {span=>
            let current = #private::Current::new();
            let #checked = current.words(#words);
            // SAFETY: it is awaited directly in the body whose words were made above.
            unsafe { current.run(async move { #inner }) }.await
        },
        (true, true) => quote_spanned! {span=>
            let current = #private::AsyncCurrent::new();
            let #checked = current.words(#words);
            let mut #words = #checked;
            let _ = &mut #words;
            // SAFETY: as of a generator's.
            unsafe { current.run(async move { #inner }) }.await
        },
    };
    let asyncness = asyncness(name);
    let block = quote_spanned! {span=>
        #asyncness {
            #traits
            #make_words
            #run
        }
    };
    let constructor = match (is_async, needs.delegates) {
        (true, _) => "async_generator",
        (false, true) => "delegating_generator",
        (false, false) => "generator",
    };
    GeneratorBlock {
        block,
        constructor: Ident::new(constructor, span),
    }
}

/// What a generator exchanges. The compiler calls it by this name, at the place of the return type, when a value does not live as long as
/// that says.
fn return_type(written: Span) -> Ident {
    Ident::new("return_type", Span::mixed_site().located_at(written))
}
