//! What an attribute gives when it cannot do its work: the message, and an item of the same signature.
//!
//! One mistake is to give one error. Were the function left out, each use of it would give one more; were it left as it was written,
//! every word in its body would.

use crate::diagnostic::Mistake;
use crate::item::Function;
use crate::token::{Span, TokenStream};
use crate::types::{Argument, Type, argument, split};
use crate::write::{Tokens, quote_spanned, taken_apart};

/// The function with nothing in it but the mistake.
pub(crate) fn signature(function: &Function, mistake: Mistake) -> Tokens {
    let Function {
        attrs,
        vis,
        sig,
        body: _,
    } = function;
    let mut sig = sig.clone();
    sig.asyncness = None;
    if let Some((_, ty)) = &mut sig.output {
        complete(ty);
    }
    let message = mistake.into_tokens();
    quote_spanned! {Span::mixed_site()=>
        #(#attrs)*
        #vis #sig { #message loop {} }
    }
}

/// Gives a `Generator` without its types some, and takes from it what is no type, so that the compiler does not find that too.
fn complete(ty: &mut Type) {
    let Some(last) = ty.last_segment() else {
        return;
    };
    if last.name != "Generator" && last.name != "AsyncGenerator" {
        return;
    }
    let span = Span::mixed_site();
    let mut types = Tokens::new();
    for (written, _) in split(last.arguments.unwrap_or_default()) {
        if argument(written) == Argument::Type {
            types.extend(quote_spanned!(span=> #written,));
        }
    }
    if types.is_empty() {
        types = quote_spanned!(span=> ());
    }
    let path = last.path;
    ty.0 = quote_spanned!(span=> #path<#types>);
}

/// An item that is not what the attribute is for: it stands, and the message beside it.
pub(crate) fn item(item: TokenStream, mistake: Mistake) -> Tokens {
    let mut tokens = taken_apart(item);
    tokens.extend(mistake.into_tokens());
    tokens
}
