//! What a function is: its return type says it.
#![allow(
    clippy::large_enum_variant,
    reason = "one of each is made for a whole function"
)]

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::{GenericArgument, Path, PathArguments, ReturnType, Signature, Type, TypeParamBound};

use crate::args::Args;
use crate::body::Found;
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
    /// No more than `impl Iterator`.
    Iterator(Type),
}

/// What the signature says a function is.
pub(crate) fn of(sig: &Signature, args: &Args, found: &Found) -> Result<Kind, Mistake> {
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
        Some(ty) if args.generator => {
            refuse_async(sig, ty)?;
            Ok(Kind::Generator(Generator {
                types: Exchanged::Alias(ty.clone()),
                shown: Shown::Erased(ty.clone()),
            }))
        }
        None if args.generator => Err(Mistake::at(
            sig.ident.span(),
            "a generator's return type says what it yields: write `-> asyncio::Generator<Y>` or an alias of it",
        )),
        Some(ty) => match generator(ty, found)? {
            Some(generator) => {
                refuse_async(sig, ty)?;
                Ok(Kind::Generator(generator))
            }
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
fn generator(ty: &Type, found: &Found) -> Result<Option<Generator>, Mistake> {
    match ungrouped(ty) {
        Type::Path(path) if path.qself.is_none() => {
            let Some(last) = path.path.segments.last() else {
                return Ok(None);
            };
            let erased = match last.ident.to_string().as_str() {
                "Generator" => false,
                "BoxGenerator" | "BoxSendGenerator" => true,
                _ => return Ok(None),
            };
            if erased {
                return Ok(Some(Generator {
                    types: Exchanged::Alias(ty.clone()),
                    shown: Shown::Erased(ty.clone()),
                }));
            }
            let types = exchanged(last, last.ident.span())?;
            let mut shown = path.path.clone();
            if let Some(last) = shown.segments.last_mut() {
                last.arguments = PathArguments::None;
            }
            Ok(Some(Generator {
                types,
                shown: Shown::Generator(shown),
            }))
        }
        Type::ImplTrait(bounds) if found.yields() => {
            let item = bounds.bounds.iter().find_map(|bound| match bound {
                TypeParamBound::Trait(bound) => {
                    let last = bound.path.segments.last()?;
                    (last.ident == "Iterator").then(|| item_of(&last.arguments))
                }
                _ => None,
            });
            Ok(item.map(|item| Generator {
                types: Exchanged::Items(item),
                shown: Shown::Iterator(ty.clone()),
            }))
        }
        _ => Ok(None),
    }
}

/// The types in `Generator<Y, S, R>`.
fn exchanged(last: &syn::PathSegment, span: Span) -> Result<Exchanged, Mistake> {
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return Err(Mistake::at(
            span,
            "a generator's return type says what it yields: `Generator<Y>`; if it is sent values or returns one, `Generator<Y, S, R>`",
        ));
    };
    let mut types = Vec::new();
    for argument in &arguments.args {
        match argument {
            GenericArgument::Type(ty) => {
                if let Some(opaque) = opaque(ty) {
                    return Err(Mistake::at(
                        opaque,
                        "a generator exchanges types that have a name: write the type, `Box<dyn Trait>`, or return `impl Iterator<Item = impl Trait>`",
                    ));
                }
                types.push(ty.clone());
            }
            other => {
                return Err(Mistake::at(
                    other.span(),
                    "`Generator` takes types: `Generator<Y, S, R>`",
                ));
            }
        }
    }
    if types.is_empty() || types.len() > 3 {
        return Err(Mistake::between(
            span,
            arguments.gt_token.span(),
            "`Generator` takes one to three types: `Generator<Y, S, R>` yields `Y`, is sent `S` and returns `R`; both `S` and `R` may be left out",
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
