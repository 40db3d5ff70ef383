//! `#[asyncio::coroutines]`: the bare `#[coroutine]` by its full path.

use super::tokens::is_punct;
use crate::token::{Delimiter, Span, TokenStream, TokenTree};
use crate::write::{Tokens, group, is_named, quote_spanned, taken_apart};

/// Replaces `#[coroutine]` by the attribute's full path, wherever it stands in `tokens`; `None` if it stands nowhere.
pub(crate) fn qualify(tokens: TokenStream, asyncio: &Tokens) -> Option<Tokens> {
    let mut changed = false;
    let mut after_hash = false;
    let out = tokens
        .into_iter()
        .map(|tree| {
            let is_attribute = std::mem::replace(&mut after_hash, is_punct(Some(&tree), &['#']));
            let TokenTree::Group(written) = &tree else {
                return tree;
            };
            let rewritten = if is_attribute && written.delimiter() == Delimiter::Bracket {
                qualified(written.stream(), asyncio)
            } else {
                qualify(written.stream(), asyncio)
            };
            let Some(rewritten) = rewritten else {
                return tree;
            };
            changed = true;
            group(written.delimiter(), rewritten, written.span()).into()
        })
        .collect();
    changed.then_some(out)
}

/// The inside of `#[coroutine]` or `#[coroutine(..)]` with the full path; `None` for any other attribute.
fn qualified(attribute: TokenStream, asyncio: &Tokens) -> Option<Tokens> {
    let trees = taken_apart(attribute);
    match trees.as_slice() {
        [TokenTree::Ident(name), arguments @ ..] if is_named(name, "coroutine") => {
            let is_path = is_punct(arguments.first(), &[':']);
            (!is_path).then(|| quote_spanned!(Span::call_site()=> #asyncio::#name #arguments))
        }
        _ => None,
    }
}
