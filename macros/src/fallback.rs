//! What an attribute gives when it cannot do its work: the message, and an item of the same signature.
//!
//! One mistake is to give one error. Were the function left out, each use of it would give one more; were it left as it was written,
//! every word in its body would.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::{GenericArgument, PathArguments, ReturnType, Type, parse_quote};

use crate::diagnostic::Mistake;
use crate::item::Function;

/// The function with nothing in it but the mistake.
pub(crate) fn signature(function: &Function, mistake: Mistake) -> TokenStream {
    let Function {
        attrs,
        vis,
        sig,
        body: _,
    } = function;
    let mut sig = sig.clone();
    sig.asyncness = None;
    if let ReturnType::Type(_, ty) = &mut sig.output {
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
    let Type::Path(path) = ty else { return };
    let Some(last) = path.path.segments.last_mut() else {
        return;
    };
    if !["Generator", "AsyncGenerator"]
        .iter()
        .any(|name| last.ident == name)
    {
        return;
    }
    let types: Vec<_> = match &last.arguments {
        PathArguments::AngleBracketed(arguments) => {
            let is_type =
                |argument: &&GenericArgument| matches!(argument, GenericArgument::Type(_));
            arguments.args.iter().filter(is_type).cloned().collect()
        }
        _ => Vec::new(),
    };
    let types = if types.is_empty() {
        vec![parse_quote!(())]
    } else {
        types
    };
    last.arguments = PathArguments::AngleBracketed(parse_quote!(<#(#types),*>));
}

/// An item that is not what the attribute is for: it stands, and the message beside it.
pub(crate) fn item(item: TokenStream, mistake: Mistake) -> TokenStream {
    let message = mistake.into_tokens();
    quote_spanned!(Span::mixed_site()=> #item #message)
}
