//! What a function is: its return type says it.
#![allow(
    clippy::large_enum_variant,
    reason = "one of each is made for a whole function"
)]

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{GenericArgument, Path, PathArguments, ReturnType, Signature, Type, TypeParamBound};

use crate::args::Args;
use crate::body::Source;
use crate::diagnostic::Mistake;

/// What a function is.
pub(crate) enum Kind {
    /// Returns a value, after awaiting what it likes.
    Coroutine(Coroutine),
    /// Yields values.
    Generator(Generator),
}

/// A coroutine function.
pub(crate) struct Coroutine {
    /// Written as `async fn`, and not as a plain one.
    pub(crate) native: bool,
    /// What it returns; `None` for the unit it need not write.
    pub(crate) output: Option<Type>,
}

/// A generator function.
pub(crate) struct Generator {
    /// Awaits too.
    pub(crate) is_async: bool,
    pub(crate) types: Exchanged,
    pub(crate) shown: Shown,
}

/// What a generator yields, is sent and returns.
pub(crate) enum Exchanged {
    /// As its return type lists them; what it leaves out is `()`.
    Listed {
        yields: Type,
        sent: Option<Type>,
        returns: Option<Type>,
    },
    /// As an alias says.
    Alias(Type),
    /// Yields whatever the body yields: the items of an `impl Iterator`.
    Items(Option<Type>),
}

/// What a generator function's caller sees.
pub(crate) enum Shown {
    /// `Generator`, at this path.
    Generator(Path),
    /// A type that is erased already, as it was written.
    Erased(Type),
    /// No more than `impl Iterator` or `impl Stream`.
    Bounds(Type),
}

/// What the signature says a function is.
pub(crate) fn of(sig: &Signature, args: &Args, source: &Source<'_>) -> Result<Kind, Mistake> {
    let output = match &sig.output {
        ReturnType::Default => None,
        ReturnType::Type(_, ty) => Some(&**ty),
    };
    if let Some(never @ Type::Never(_)) = output.map(ungrouped) {
        return Err(Mistake::at(
            never.span(),
            "a coroutine cannot return `!`, which is no type on stable Rust: return `std::convert::Infallible`",
        ));
    }
    match output {
        Some(ty) if args.generator => Ok(Kind::Generator(Generator {
            is_async: sig.asyncness.is_some(),
            types: Exchanged::Alias(ty.clone()),
            shown: Shown::Erased(ty.clone()),
        })),
        None if args.generator => Err(Mistake::at(
            sig.ident.span(),
            "a generator's return type says what it yields: write `-> asyncio::Generator<Y>` or an alias of it",
        )),
        Some(ty) => match generator(ty, source)? {
            Some(generator) if !generator.is_async => {
                refuse_async(sig, ty)?;
                Ok(Kind::Generator(generator))
            }
            Some(generator) => Ok(Kind::Generator(generator)),
            None => Ok(coroutine(sig, Some(ty))),
        },
        None => Ok(coroutine(sig, None)),
    }
}

fn coroutine(sig: &Signature, output: Option<&Type>) -> Kind {
    Kind::Coroutine(Coroutine {
        native: sig.asyncness.is_some(),
        output: output.cloned(),
    })
}

fn refuse_async(sig: &Signature, ty: &Type) -> Result<(), Mistake> {
    let Some(asyncness) = &sig.asyncness else {
        return Ok(());
    };
    Err(Mistake::between(
        asyncness.span(),
        sig.ident.span(),
        format!(
            "a generator is a plain `fn`: write `fn {}`, without `async`; one that also awaits returns `AsyncGenerator<{}>`",
            sig.ident,
            listed(ty).unwrap_or_else(|| "..".to_owned())
        ),
    ))
}

/// The first argument of a generic type, as it was written.
fn listed(ty: &Type) -> Option<String> {
    let Type::Path(path) = ungrouped(ty) else {
        return None;
    };
    let PathArguments::AngleBracketed(arguments) = &path.path.segments.last()?.arguments else {
        return None;
    };
    let first = arguments.args.first()?;
    Some(quote::quote!(#first).to_string())
}

/// The generator that a return type says, if it does.
fn generator(ty: &Type, source: &Source<'_>) -> Result<Option<Generator>, Mistake> {
    match ungrouped(ty) {
        Type::Path(path) if path.qself.is_none() => {
            let Some(last) = path.path.segments.last() else {
                return Ok(None);
            };
            let name = last.ident.to_string();
            let is_async = match name.as_str() {
                "Generator" => false,
                "AsyncGenerator" => true,
                "BoxGenerator" | "BoxSendGenerator" => return Ok(Some(erased(ty, false))),
                "BoxAsyncGenerator" | "BoxSendAsyncGenerator" => return Ok(Some(erased(ty, true))),
                _ => return Ok(None),
            };
            let types = exchanged(last, is_async)?;
            let mut shown = path.path.clone();
            if let Some(last) = shown.segments.last_mut() {
                last.arguments = PathArguments::None;
            }
            Ok(Some(Generator {
                is_async,
                types,
                shown: Shown::Generator(shown),
            }))
        }
        Type::ImplTrait(bounds) if source.yields() => Ok(bounds.bounds.iter().find_map(|bound| {
            let TypeParamBound::Trait(bound) = bound else {
                return None;
            };
            let last = bound.path.segments.last()?;
            let is_async = match last.ident.to_string().as_str() {
                "Iterator" => false,
                "Stream" => true,
                _ => return None,
            };
            Some(Generator {
                is_async,
                types: Exchanged::Items(item_of(&last.arguments)),
                shown: Shown::Bounds(ty.clone()),
            })
        })),
        _ => Ok(None),
    }
}

/// Whether a return type says that the function is a generator.
pub(crate) fn is_generator(ty: &Type) -> bool {
    let Type::Path(path) = ungrouped(ty) else {
        return false;
    };
    path.path
        .segments
        .last()
        .is_some_and(|last| last.ident == "Generator" || last.ident == "AsyncGenerator")
}

/// A generator whose written type is erased.
fn erased(ty: &Type, is_async: bool) -> Generator {
    Generator {
        is_async,
        types: Exchanged::Alias(ty.clone()),
        shown: Shown::Erased(ty.clone()),
    }
}

/// The types in `Generator<Y, S, R>` or `AsyncGenerator<Y, S>`.
fn exchanged(last: &syn::PathSegment, is_async: bool) -> Result<Exchanged, Mistake> {
    let span = last.ident.span();
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return Err(Mistake::at(
            span,
            if is_async {
                "an async generator's return type says what it yields: `AsyncGenerator<Y>`; if it is sent values, `AsyncGenerator<Y, S>`"
            } else {
                "a generator's return type says what it yields: `Generator<Y>`; if it is sent values or returns one, `Generator<Y, S, R>`"
            },
        ));
    };
    let mut types = Vec::new();
    for argument in &arguments.args {
        let GenericArgument::Type(ty) = argument else {
            return Err(Mistake::at(
                argument.span(),
                "a generator's arguments are types: `Generator<Y, S, R>`, and it borrows what they borrow",
            ));
        };
        if let Some(opaque) = opaque(ty) {
            let bound = if is_async { "Stream" } else { "Iterator" };
            return Err(Mistake::at(
                opaque,
                format!(
                    "a generator exchanges types that have a name: write the type, `Box<dyn Trait>`, or return `impl {bound}<Item = impl Trait>`"
                ),
            ));
        }
        types.push(ty.clone());
    }
    if types.is_empty() || types.len() > if is_async { 2 } else { 3 } {
        return Err(Mistake::between(
            span,
            arguments.gt_token.span(),
            if is_async {
                "`AsyncGenerator` takes one or two types: `AsyncGenerator<Y, S>` yields `Y` and is sent `S`, which may be left out; as in Python, it returns no value"
            } else {
                "`Generator` takes one to three types: `Generator<Y, S, R>` yields `Y`, is sent `S` and returns `R`; both `S` and `R` may be left out"
            },
        ));
    }
    let mut types = types.into_iter();
    let Some(yields) = types.next() else {
        unreachable!("one at least")
    };
    Ok(Exchanged::Listed {
        yields,
        sent: types.next(),
        returns: types.next(),
    })
}

/// The `T` of `Item = T`.
fn item_of(arguments: &PathArguments) -> Option<Type> {
    let PathArguments::AngleBracketed(arguments) = arguments else {
        return None;
    };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(assoc) if assoc.ident == "Item" => Some(assoc.ty.clone()),
        _ => None,
    })
}

/// The type of what a function returns as its body may write it, if that says that it is a `Result`: `io::Result<T>`, `IoResult`, an alias
/// of whose kind `says_so`. A name says little, so the expansion asks the type itself; this only keeps it from asking each.
pub(crate) fn result(ty: &Type, says_so: bool) -> Option<Type> {
    let Type::Path(path) = ungrouped(ty) else {
        return says_so.then(|| ty.clone());
    };
    if !says_so
        && !path
            .path
            .segments
            .last()?
            .ident
            .to_string()
            .ends_with("Result")
    {
        return None;
    }
    let mut path = path.clone();
    if let PathArguments::AngleBracketed(arguments) = &mut path.path.segments.last_mut()?.arguments
    {
        // The compiler finds out what an `impl` in the first place is; from the error it has to tell whether that shows itself.
        if let Some(GenericArgument::Type(value)) = arguments.args.first_mut() {
            if opaque(value).is_some() {
                *value = syn::parse_quote_spanned!(value.span()=> _);
            }
        }
    }
    let ty = Type::Path(path);
    opaque(&ty).is_none().then_some(ty)
}

/// A type without the invisible groups of a `$t:ty`.
pub(crate) fn ungrouped(mut ty: &Type) -> &Type {
    loop {
        ty = match ty {
            Type::Group(group) => &group.elem,
            Type::Paren(paren) => &paren.elem,
            _ => return ty,
        };
    }
}

/// Where a type has an `impl` in it, which cannot be written in a body.
pub(crate) fn opaque(ty: &Type) -> Option<Span> {
    fn find(tokens: proc_macro2::TokenStream) -> Option<Span> {
        tokens.into_iter().find_map(|tree| match tree {
            proc_macro2::TokenTree::Ident(ident) if ident == "impl" => Some(ident.span()),
            proc_macro2::TokenTree::Group(group) => find(group.stream()),
            _ => None,
        })
    }
    find(quote::ToTokens::to_token_stream(ty))
}
