//! What a function is: its return type says it.

use crate::args::Args;
use crate::body::Source;
use crate::diagnostic::Mistake;
use crate::item::Signature;
use crate::token::{TokenStream, TokenTree};
use crate::types::{Argument, Segment, Type, argument, last_segment, split, split_by};
use crate::write::{Tokens, is_named, quote_spanned};

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
    Generator(Tokens),
    /// A type that is erased already, as it was written.
    Erased(Type),
    /// No more than `impl Iterator` or `impl Stream`.
    Bounds(Type),
}

/// What the signature says a function is.
pub(crate) fn of(sig: &Signature, args: &Args, source: &Source<'_>) -> Result<Kind, Mistake> {
    let Some(ty) = sig.returned() else {
        if args.generator {
            return Err(Mistake::at(
                sig.ident.span(),
                "a generator's return type says what it yields: write `-> asyncio::Generator<Y>` or an alias of it",
            ));
        }
        return Ok(coroutine(sig, None));
    };
    let inner = ty.ungrouped();
    if inner.is_never() {
        return Err(Mistake::at(
            inner.span(),
            "a coroutine cannot return `!`, which is no type on stable Rust: return `std::convert::Infallible`",
        ));
    }
    if args.generator {
        return Ok(Kind::Generator(erased(ty, sig.asyncness.is_some())));
    }
    match generator(ty, &inner, source)? {
        Some(generator) => {
            if !generator.is_async {
                refuse_async(sig, &inner)?;
            }
            Ok(Kind::Generator(generator))
        }
        None => Ok(coroutine(sig, Some(ty))),
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
    let (first, _) = split(ty.last_segment()?.arguments?).next()?;
    Some(first.iter().cloned().collect::<TokenStream>().to_string())
}

/// The generator that a return type says, if it does; `inner` is what is in the groups around it.
fn generator(ty: &Type, inner: &Type, source: &Source<'_>) -> Result<Option<Generator>, Mistake> {
    if let Some(bounds) = inner.bounds() {
        if !source.yields() {
            return Ok(None);
        }
        return Ok(split_by(bounds, '+').find_map(|(bound, _)| {
            let last = last_segment(bound)?;
            let is_async = match last.name.as_str() {
                "Iterator" => false,
                "Stream" => true,
                _ => return None,
            };
            Some(Generator {
                is_async,
                types: Exchanged::Items(last.arguments.and_then(item_of)),
                shown: Shown::Bounds(ty.clone()),
            })
        }));
    }
    let Some(last) = inner.last_segment().filter(|last| !last.is_qualified) else {
        return Ok(None);
    };
    let is_async = match last.name.as_str() {
        "Generator" => false,
        "AsyncGenerator" => true,
        "BoxGenerator" | "BoxSendGenerator" => return Ok(Some(erased(ty, false))),
        "BoxAsyncGenerator" | "BoxSendAsyncGenerator" => return Ok(Some(erased(ty, true))),
        _ => return Ok(None),
    };
    Ok(Some(Generator {
        is_async,
        types: exchanged(&last, is_async)?,
        shown: Shown::Generator(last.path.to_vec()),
    }))
}

/// Whether a return type says that the function is a generator.
pub(crate) fn is_generator(ty: &Type) -> bool {
    let inner = ty.ungrouped();
    let last = inner.last_segment();
    last.is_some_and(|last| last.name == "Generator" || last.name == "AsyncGenerator")
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
fn exchanged(last: &Segment<'_>, is_async: bool) -> Result<Exchanged, Mistake> {
    let span = last.ident.span();
    let (Some(arguments), Some(close)) = (last.arguments, last.close) else {
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
    for (written, _) in split(arguments) {
        let ty = Type(written.to_vec());
        if argument(written) != Argument::Type {
            return Err(Mistake::at(
                ty.span(),
                "a generator's arguments are types: `Generator<Y, S, R>`, and it borrows what they borrow",
            ));
        }
        if let Some(opaque) = ty.opaque() {
            let bound = if is_async { "Stream" } else { "Iterator" };
            return Err(Mistake::at(
                opaque,
                format!(
                    "a generator exchanges types that have a name: write the type, `Box<dyn Trait>`, or return `impl {bound}<Item = impl Trait>`"
                ),
            ));
        }
        types.push(ty);
    }
    let count = types.len();
    let mut types = types.into_iter();
    match types.next() {
        Some(yields) if count <= if is_async { 2 } else { 3 } => Ok(Exchanged::Listed {
            yields,
            sent: types.next(),
            returns: types.next(),
        }),
        _ => Err(Mistake::between(
            span,
            close.span(),
            if is_async {
                "`AsyncGenerator` takes one or two types: `AsyncGenerator<Y, S>` yields `Y` and is sent `S`, which may be left out; as in Python, it returns no value"
            } else {
                "`Generator` takes one to three types: `Generator<Y, S, R>` yields `Y`, is sent `S` and returns `R`; both `S` and `R` may be left out"
            },
        )),
    }
}

/// The `T` of `Item = T`.
fn item_of(arguments: &[TokenTree]) -> Option<Type> {
    split(arguments).find_map(|(written, _)| match (written.first(), argument(written)) {
        (Some(TokenTree::Ident(name)), Argument::Assoc(start)) if is_named(name, "Item") => {
            Some(Type(written[start..].to_vec()))
        }
        _ => None,
    })
}

/// The type of what a function returns as its body may write it, if that says that it is a `Result`: `io::Result<T>`, `IoResult`, an alias
/// of whose kind `says_so`. A name says little, so the expansion asks the type itself; this only keeps it from asking each.
pub(crate) fn result(ty: &Type, says_so: bool) -> Option<Type> {
    let inner = ty.ungrouped();
    let Some(last) = inner.last_segment() else {
        return says_so.then(|| ty.clone());
    };
    if !says_so && !last.name.ends_with("Result") {
        return None;
    }
    let first = last.arguments.and_then(|arguments| split(arguments).next());
    // The compiler finds out what an `impl` in the first place is; from the error it has to tell whether that shows itself.
    let ty = match (first, last.arguments, last.close) {
        (Some((first, _)), Some(arguments), Some(close))
            if argument(first) == Argument::Type && Type(first.to_vec()).opaque().is_some() =>
        {
            let hidden = quote_spanned!(first[0].span()=> _);
            let before = inner.0.len() - arguments.len() - 1;
            let rest = &arguments[first.len()..];
            let (start, close) = (&inner.0[..before], std::slice::from_ref(close));
            Type([start, &hidden, rest, close].concat())
        }
        _ => inner,
    };
    ty.opaque().is_none().then_some(ty)
}
