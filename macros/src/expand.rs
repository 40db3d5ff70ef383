//! The item that comes out.

use crate::args::{self, Args, Attribute};
use crate::body::{self, Language, Names, Needs, Rewriter, Shows, Source};
use crate::diagnostic::Mistake;
use crate::elided;
use crate::fallback;
use crate::item::{self, Attribute as Written, Body, Function, InputKind, Signature};
use crate::kind::{self, Coroutine, Exchanged, Generator, Kind, Shown};
use crate::token::{Group, Ident, Span, TokenStream, TokenTree};
use crate::types::Type;
use crate::write::{Lifetime, Tokens, is_named, quote_spanned, taken_apart};

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
        Ok(Kind::Coroutine(coroutine)) => expand_coroutine(args, &function, &source, &coroutine),
        Ok(Kind::Generator(generator)) => {
            if !source.yields_or_is_excused() {
                let message = format!(
                    "a generator without a `yield_!` in it: yield something, or, for a plain function that gives a generator made elsewhere, take \
                     `#[asyncio::coroutine]` off `{}`",
                    function.sig.ident
                );
                mistakes.push(Mistake::at(function.sig.ident.span(), message));
            }
            expand_generator(args, &function, &source, &generator)
        }
        Err(mistake) => fallback::signature(&function, mistake),
    };
    with_mistakes(mistakes, expansion)
}

/// What is the same in every expansion: the function around the block that its body became.
struct Shell {
    attrs: Vec<Written>,
    vis: Tokens,
    sig: Signature,
    /// `let` statements that bring the parameters into the block, in order.
    parameters: Tokens,
}

impl Shell {
    fn new(function: &Function) -> Self {
        let mut sig = function.sig.clone();
        sig.asyncness = None;
        let has_body = matches!(function.body, Body::Block(_));
        let parameters = if has_body {
            rebind(&mut sig)
        } else {
            Tokens::new()
        };
        Shell {
            attrs: function.attrs.clone(),
            vis: function.vis.clone(),
            sig,
            parameters,
        }
    }

    /// The function, returning `output`, with `body` in it.
    fn wrap(self, output: Tokens, body: &Tokens) -> Tokens {
        let Shell {
            attrs,
            vis,
            mut sig,
            ..
        } = self;
        let span = Span::mixed_site();
        sig.output = Some((quote_spanned!(span=> ->), Type(output)));
        quote_spanned! {span=>
            #(#attrs)*
            #vis #sig #body
        }
    }
}

/// Moves the parameters into the block as an `async fn` does: each of them, used or not, in order, so that they drop when those of an
/// `async fn` would.
///
/// Input:  `(&self, mut a: A, (x, y): B, _: C)`
/// Output: `(&self, a: A, arg1: B, arg2: C)` and
/// `let _ = &self; let mut a = a; let arg1 = arg1; let (x, y) = arg1; let arg2 = arg2; let _ = arg2;`
fn rebind(sig: &mut Signature) -> Tokens {
    let span = Span::mixed_site();
    let mut statements = Tokens::new();
    for (n, input) in sig.inputs.iter_mut().enumerate() {
        match &mut input.kind {
            InputKind::Receiver(receiver) => {
                let this = &receiver.this;
                // `self` cannot be rebound, but it is moved here all the same; as the first parameter, it drops last.
                statements.extend(quote_spanned!(span=> let _ = &#this;));
            }
            InputKind::Typed(parameter) => {
                let attrs = parameter.attrs.clone();
                parameter.attrs.retain(|attr| !attr.is_lint());
                if let Some((mutability, name)) = parameter.name() {
                    statements
                        .extend(quote_spanned!(span=> #(#attrs)* let #mutability #name = #name;));
                    parameter.pattern = vec![name.into()];
                } else {
                    let name = Ident::new(&format!("arg{n}"), span);
                    let (cfgs, pattern) = (&parameter.attrs, &parameter.pattern);
                    statements.extend(quote_spanned!(span=> #(#cfgs)* let #name = #name; #(#attrs)* let #pattern = #name;));
                    parameter.pattern = vec![name.into()];
                }
            }
            InputKind::Variadic(_) => {}
        }
    }
    statements
}

/// Says what the block returns before the body does, so that the body's `return`, `?` and `todo!()` have an expected type.
fn expect(output: &Tokens, written: Span) -> Tokens {
    // Where the type is written is where the compiler is to point when something else is returned.
    quote_spanned! {Span::mixed_site().located_at(written)=>
        if let ::core::option::Option::Some(returned) = ::core::option::Option::None::<#output> {
            return returned;
        }
    }
}

/// The block of a coroutine: `async move { .. }`.
fn async_block(
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

/// What a generator exchanges. The compiler calls it by this name, at the place of the return type, when a value does not live as long as
/// that says.
fn return_type(written: Span) -> Ident {
    Ident::new("return_type", Span::mixed_site().located_at(written))
}

/// A path of ours, for what stands at `span`.
pub(crate) fn located(path: &[TokenTree], span: Span) -> Tokens {
    let at_span = |tree: &TokenTree| {
        let mut tree = tree.clone();
        tree.set_span(tree.span().located_at(span));
        tree
    };
    path.iter().map(at_span).collect()
}

/// What begins the block that a function's body becomes. What is wrong with all of it, as that it contains itself, is told at the name.
fn asyncness(name: &Ident) -> Tokens {
    quote_spanned!(Span::mixed_site().located_at(name.span())=> async move)
}

/// The user's block, as the branch that is always taken. The other keeps the compiler from warning of unreachable code, in what is
/// ours, after a block that never ends; and a branch drops its temporaries as a function's body does, in every edition.
pub(crate) fn entered(names: &Names, block: &Group) -> Tokens {
    let private = &names.private;
    quote_spanned!(Span::mixed_site()=> if true #block else { #private::never() })
}

/// The traits whose methods the rewritten body calls.
fn traits(names: &Names, needs: &Needs, shows: Option<Shows>) -> Tokens {
    let span = Span::mixed_site();
    let private = &names.private;
    let calls = needs.recurses.then(|| match shows {
        None => quote_spanned!(span=> use #private::CallOther as _;),
        Some(_) => quote_spanned!(span=> use #private::CalledOther as _;),
    });
    let delegates = needs
        .delegates
        .then(|| quote_spanned!(span=> use #private::Delegate as _;));
    quote_spanned!(span=> #calls #delegates)
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
fn fallible(names: &Names, output: Option<&Type>, says_so: bool, block: Tokens) -> Tokens {
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

// Input:  async fn f(a: A) -> T { body }
// Output: fn f(a: A) -> Coroutine<impl Future<Output = T>> { private::coroutine(about, async move { let a = a; body }) }
fn expand_coroutine(
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
fn expand_generator(
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
        // SAFETY: these words are used directly in the body: the label guard refuses them elsewhere, and what cannot be
        // known to stand there gets the checked words.
        // Never borrowed where each `yield_!` gives them anew: then the body need not keep them.
        let mutability = (needs.renews && !needs.checked).then(|| quote_spanned!(span=> mut));
        quote_spanned! {span=>
            use #private::AsyncExchangeAny as _;
            let #mutability #words = unsafe { #made }.await;
        }
    } else {
        let made = quote_spanned!(return_type.span()=> #return_type.words());
        // SAFETY: as of those of an async generator.
        quote_spanned! {span=>
            use #private::ExchangeAny as _;
            let #words = unsafe { #made };
            #make_way
        }
    };
    let run = match (needs.checked, is_async) {
        (false, _) => inner,
        // SAFETY: here and in the next, it is awaited directly in the body whose words were made above.
        (true, false) => quote_spanned! {span=>
            let current = #private::Current::new();
            let #checked = current.words(#words);
            unsafe { current.run(async move { #inner }) }.await
        },
        (true, true) => quote_spanned! {span=>
            let current = #private::AsyncCurrent::new();
            let #checked = current.words(#words);
            let mut #words = #checked;
            let _ = &mut #words;
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

// Input:  async fn main() -> T { body }
// Output: fn main() -> T { private::main(async move { body }) }
fn runner(
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

/// The lifetimes of a signature, all of them named, for a return type that erases and so must say what it borrows.
struct Lifetimes {
    /// Those that had no name.
    named: Vec<Lifetime>,
    span: Span,
}

impl Lifetimes {
    /// Names every lifetime in the parameters, and bounds each, and each type parameter, by one. Gives the `outputs` with their elided
    /// lifetimes named, and the lifetime that everything the function is given outlives.
    ///
    /// Input:  `fn f<T>(&self, a: &A, t: T) -> &B`
    /// Output: `fn f<'life0, 'life1, 'all, T>(&'life0 self, a: &'life1 A, t: T) -> &'life0 B where 'life0: 'all, 'life1: 'all, T: 'all`
    fn bind(sig: &mut Signature, mut outputs: Vec<Type>, span: Span) -> (Vec<Type>, Lifetime) {
        let mut names = Lifetimes {
            named: Vec::new(),
            span,
        };
        let mut receiver = None;
        let mut borrows = !sig.generics.is_empty() || sig.has_receiver();
        let all = Lifetime::new("all", span);
        for input in &mut sig.inputs {
            let before = names.named.len();
            match &mut input.kind {
                InputKind::Receiver(this) => {
                    if let Some((_, lifetime)) = &mut this.reference {
                        let has_name = |one: &Lifetime| !is_named(&one.0, "_");
                        if !lifetime.as_ref().is_some_and(has_name) {
                            *lifetime = Some(names.fresh());
                        }
                        receiver.clone_from(lifetime);
                    } else if let Some((_, ty)) = &mut this.ty {
                        elided::replace(ty, &mut || names.fresh());
                        receiver = names.named.get(before).cloned();
                    }
                }
                InputKind::Typed(parameter) => {
                    let ty = &mut parameter.ty;
                    elided::replace(ty, &mut || names.fresh());
                    borrows |= ty.opaque().is_some();
                }
                InputKind::Variadic(_) => {}
            }
        }
        let elided = receiver.or_else(|| {
            let mut written = sig.generics.lifetimes();
            match (names.named.as_slice(), written.next(), written.next()) {
                ([one], _, _) | ([], Some(one), None) => Some(one.clone()),
                _ => None,
            }
        });
        if let Some(lifetime) = elided {
            for output in &mut outputs {
                elided::replace(output, &mut || lifetime.clone());
            }
        }
        if !borrows && names.named.is_empty() {
            return (outputs, Lifetime::new("static", span));
        }
        for input in &mut sig.inputs {
            if let InputKind::Typed(parameter) = &mut input.kind {
                if parameter.ty.bounds().is_some() {
                    parameter.ty.0.extend(quote_spanned!(span=> + #all));
                }
            }
        }
        let mut outlive: Vec<Tokens> = Vec::new();
        for lifetime in &names.named {
            outlive.push(quote_spanned!(span=> #lifetime));
        }
        outlive.extend(sig.generics.names());
        if sig.has_receiver() {
            outlive.push(quote_spanned!(span=> Self));
        }
        for one in outlive {
            sig.require(&quote_spanned!(span=> #one: #all), span);
        }
        for lifetime in names.named.iter().rev().chain([&all]) {
            sig.generics.add_lifetime(lifetime, span);
        }
        (outputs, all)
    }

    fn fresh(&mut self) -> Lifetime {
        let lifetime = Lifetime::new(&format!("life{}", self.named.len()), self.span);
        self.named.push(lifetime.clone());
        lifetime
    }
}
