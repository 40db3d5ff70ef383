//! What an attribute gives when it cannot do its work: the message, and an item of the same signature.
//!
//! One mistake is to give one error. Were the function left out, each use of it would give one more; were it left as it was written,
//! every word in its body would.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;

use crate::diagnostic::Mistake;
use crate::item::{Body, Function};

/// The function with nothing in it but the mistake.
pub(crate) fn signature(function: &Function, mistake: Mistake) -> TokenStream {
    let Function {
        attrs,
        vis,
        sig,
        body,
    } = function;
    let mut sig = sig.clone();
    sig.asyncness = None;
    let message = mistake.into_tokens();
    let span = Span::mixed_site();
    match body {
        Body::Block(_) => quote_spanned! {span=>
            #(#attrs)*
            #vis #sig { #message loop {} }
        },
        Body::None(_) => quote_spanned! {span=>
            #(#attrs)*
            #vis #sig { #message loop {} }
        },
    }
}

/// An item that is not what the attribute is for: it stands, and the message beside it.
pub(crate) fn item(item: TokenStream, mistake: Mistake) -> TokenStream {
    let message = mistake.into_tokens();
    quote_spanned!(Span::mixed_site()=> #item #message)
}
