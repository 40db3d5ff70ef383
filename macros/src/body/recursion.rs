//! The call of a function inside itself, which goes in a box.

use super::shapes::call_arguments;
use super::tokens::{Output, is_ident, is_punct, ours};
use super::{Inside, Place, Rewriter, Shows};
use crate::token::{Delimiter, TokenTree};
use crate::write::quote_spanned;

impl Rewriter<'_> {
    /// The call of the function inside itself: what it gives contains, or would contain, itself, so it goes in a box.
    pub(super) fn own_call(
        &mut self,
        trees: &[TokenTree],
        at: usize,
        place: Place,
        out: &mut Output<'_>,
    ) -> Option<usize> {
        if place.inside == Inside::Function {
            return None;
        }
        let arguments = at + call_arguments(&trees[at..])?;
        let before = |n: usize| at.checked_sub(n).and_then(|i| trees.get(i));
        let receiver = if is_punct(before(1), &['.']) {
            if !self.is_method {
                return None;
            }
            self.receiver(&trees[..at - 1])? + 1
        } else if is_punct(before(1), &[':']) {
            (is_punct(before(2), &[':'])
                && is_ident(before(3), "Self")
                && !is_punct(before(4), &[':', '<']))
            .then_some(3)?
        } else if is_ident(before(1), "fn") || self.is_method {
            // A method is not called by its name alone.
            return None;
        } else {
            0
        };
        let mut call = out.take_back(receiver)?;
        call.extend_from_slice(&trees[at..arguments]);
        let TokenTree::Group(group) = &trees[arguments] else {
            return None;
        };
        call.push(
            self.group(group, place)
                .unwrap_or_else(|| group.clone())
                .into(),
        );
        let written = trees[at].span();
        let span = ours(written);
        let private = self.names.private_at(written);
        out.rewrite(match self.shows {
            // The user's own token is the first one: an expression that begins with one of ours, and goes on with `?`, would be told of
            // at the attribute.
            None => quote_spanned!(written=> #call.boxed_typed()),
            Some(Shows::Iterator) => {
                quote_spanned!(span=> #private::Called(#call).boxed_iterator())
            }
            Some(Shows::Stream) => quote_spanned!(span=> #private::Called(#call).boxed_stream()),
        });
        self.needs.recurses = true;
        Some(arguments + 1 - at)
    }

    /// How many trees at the end of `before` are the receiver of a method call, if it may well be of the type that the method is of:
    /// `self`, `child`, `node.children[0]`; but not `self.inner`, to which a wrapper hands a call on.
    fn receiver(&self, before: &[TokenTree]) -> Option<usize> {
        let mut start = before.len();
        loop {
            while let Some(TokenTree::Group(group)) =
                start.checked_sub(1).and_then(|i| before.get(i))
            {
                if !matches!(
                    group.delimiter(),
                    Delimiter::Bracket | Delimiter::Parenthesis
                ) {
                    return None;
                }
                start -= 1;
            }
            start = start.checked_sub(1)?;
            let TokenTree::Ident(name) = before.get(start)? else {
                return None;
            };
            let name = name.to_string();
            if Some(name.as_str()) == self.recursive.as_deref() {
                return None;
            }
            match start.checked_sub(1).and_then(|i| before.get(i)) {
                Some(TokenTree::Punct(punct)) if punct.as_char() == '.' => start -= 1,
                Some(TokenTree::Punct(punct)) if punct.as_char() == ':' => return None,
                _ if name == "self" && before.len() - start > 1 => return None,
                _ => return Some(before.len() - start),
            }
        }
    }
}
