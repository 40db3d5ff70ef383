//! `#[asyncio::coroutines]`: the bare `#[coroutine]` by its full path.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use quote::quote;

use super::tokens::is_punct;

/// Replaces `#[coroutine]` by the attribute's full path, wherever it stands in `tokens`; `None` if it stands nowhere.
pub(crate) fn qualify(tokens: TokenStream, asyncio: &TokenStream) -> Option<TokenStream> {
    let mut changed = false;
    let mut after_hash = false;
    let out = tokens
        .into_iter()
        .map(|tree| {
            let is_attribute = std::mem::replace(&mut after_hash, is_punct(Some(&tree), &['#']));
            let TokenTree::Group(group) = &tree else {
                return tree;
            };
            let stream = if is_attribute && group.delimiter() == Delimiter::Bracket {
                qualified(group.stream(), asyncio)
            } else {
                qualify(group.stream(), asyncio)
            };
            let Some(stream) = stream else { return tree };
            changed = true;
            let mut rewritten = Group::new(group.delimiter(), stream);
            rewritten.set_span(group.span());
            rewritten.into()
        })
        .collect();
    changed.then_some(out)
}

/// The inside of `#[coroutine]` or `#[coroutine(..)]` with the full path; `None` for any other attribute.
fn qualified(attribute: TokenStream, asyncio: &TokenStream) -> Option<TokenStream> {
    let mut trees = attribute.into_iter();
    match trees.next()? {
        TokenTree::Ident(name) if name == "coroutine" => {
            let arguments: TokenStream = trees.collect();
            let is_path = is_punct(arguments.clone().into_iter().next().as_ref(), &[':']);
            (!is_path).then(|| quote!(#asyncio::#name #arguments))
        }
        _ => None,
    }
}
