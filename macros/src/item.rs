//! The function that an attribute stands on: its signature parsed, its body kept as tokens.
//!
//! The body is never parsed, so that a function somebody is still typing completes in an editor, and so that the compiler, and nobody
//! before it, speaks about what is wrong in it.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, Signature, Visibility};

/// A function.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) body: Body,
}

/// What follows a signature.
pub(crate) enum Body {
    /// `{ .. }`, the group as it was written.
    Block(Group),
    /// `;`: a trait's method that has no body of its own. Or whatever else there is while somebody is still typing.
    None(TokenStream),
}

impl Function {
    /// Reads a function; the error is for what is not one.
    pub(crate) fn parse(tokens: TokenStream) -> syn::Result<Self> {
        let tokens = ungrouped(tokens);
        let mut trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
        // The parser is not shown the body: it would take it all apart, to no end but time.
        if let Some(block) = trees.pop().as_ref().and_then(block) {
            let signature = trees.into_iter().collect();
            if let Ok(mut function) = Function::read.parse2(signature) {
                if matches!(&function.body, Body::None(rest) if rest.is_empty()) {
                    function.body = Body::Block(block);
                    return Ok(function);
                }
            }
        }
        Function::read.parse2(tokens)
    }

    fn read(input: ParseStream<'_>) -> syn::Result<Self> {
        let attrs = input.call(Attribute::parse_outer)?;
        let vis = input.parse()?;
        let sig = Signature::parse(input)?;
        let rest: TokenStream = input.parse()?;
        Ok(Function {
            attrs,
            vis,
            sig,
            body: Body::None(rest),
        })
    }
}

/// The tokens of an item that reached us through a `macro_rules!` as one `$item:item`.
fn ungrouped(tokens: TokenStream) -> TokenStream {
    let mut trees = tokens.clone().into_iter();
    match (trees.next(), trees.next()) {
        (Some(TokenTree::Group(group)), None) if group.delimiter() == Delimiter::None => {
            ungrouped(group.stream())
        }
        _ => tokens,
    }
}

/// The block of a body, also when it reached us through a `macro_rules!` as one `$body:block`.
fn block(tree: &TokenTree) -> Option<Group> {
    let TokenTree::Group(group) = tree else {
        return None;
    };
    match group.delimiter() {
        Delimiter::Brace => Some(group.clone()),
        Delimiter::None => {
            let mut trees = group.stream().into_iter();
            match (trees.next(), trees.next()) {
                (Some(tree), None) => block(&tree),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether a function ends here without a body, as those of a trait may.
pub(crate) fn is_semicolon(rest: &TokenStream) -> bool {
    let mut trees = rest.clone().into_iter();
    matches!((trees.next(), trees.next()), (Some(TokenTree::Punct(punct)), None) if punct.as_char() == ';')
}
