//! Where in a row of tokens something begins and ends: a closure, a macro's arguments, a call's.

use proc_macro2::{Delimiter, TokenTree};

use super::tokens::{is_before_expression, is_ident, is_joint, is_punct};

/// The arguments of a macro call whose bang stands at `at`.
pub(super) fn macro_arguments(trees: &[TokenTree], at: usize) -> Option<usize> {
    let is_name = match trees.get(at.checked_sub(1)?)? {
        tree @ TokenTree::Ident(_) => !is_before_expression(tree),
        TokenTree::Group(_) => true,
        _ => false,
    };
    if !is_name {
        return None;
    }
    match (trees.get(at + 1), trees.get(at + 2)) {
        (Some(TokenTree::Group(_)), _) => Some(at + 1),
        // `macro_rules! name { .. }`
        (Some(TokenTree::Ident(_)), Some(TokenTree::Group(_))) => Some(at + 2),
        _ => None,
    }
}

/// Where the body of the closure whose parameters begin at `at` begins and ends; `None` if that is an `or`, of values or of patterns.
pub(super) fn closure_body(trees: &[TokenTree], at: usize) -> Option<(usize, usize)> {
    let begins = match at.checked_sub(1).map(|i| &trees[i]) {
        None => true,
        Some(tree @ TokenTree::Ident(_)) => is_before_expression(tree),
        Some(TokenTree::Punct(punct)) => match punct.as_char() {
            '?' | '.' | '|' | '\'' => false,
            '>' => at >= 2 && is_punct(trees.get(at - 2), &['=']),
            _ => true,
        },
        Some(TokenTree::Group(_) | TokenTree::Literal(_)) => false,
    };
    if !begins {
        return None;
    }
    let is_arrow = |i: usize| is_joint(&trees[i], '=') && is_punct(trees.get(i + 1), &['>']);
    let mut close = at + 1;
    while !is_punct(trees.get(close), &['|']) {
        if close >= trees.len() || is_punct(trees.get(close), &[';']) || is_arrow(close) {
            return None;
        }
        close += 1;
    }
    let start = close + 1;
    match trees.get(start) {
        Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
            return Some((start, start + 1));
        }
        Some(TokenTree::Punct(punct))
            if punct.as_char() == '-' && is_punct(trees.get(start + 1), &['>']) =>
        {
            let block = (start..trees.len())
                .find(|&i| matches!(&trees[i], TokenTree::Group(group) if group.delimiter() == Delimiter::Brace))?;
            return Some((start, block + 1));
        }
        _ => {}
    }
    let mut end = start;
    while end < trees.len() && !is_punct(trees.get(end), &[',', ';']) {
        if is_arrow(end) {
            return None;
        }
        end += 1;
    }
    Some((start, end))
}

/// Whether the closure whose parameters begin at `at` is an async one.
pub(super) fn is_async_closure(trees: &[TokenTree], at: usize) -> bool {
    let before = |n: usize| at.checked_sub(n).and_then(|i| trees.get(i));
    is_ident(before(1), "async") || (is_ident(before(1), "move") && is_ident(before(2), "async"))
}

/// Whether the function whose `fn` stands at `at` has an attribute that may rewrite it.
pub(super) fn has_attribute(trees: &[TokenTree], at: usize) -> bool {
    let mut before = trees[..at].iter().rev();
    loop {
        match before.next() {
            // Visibility and qualifiers.
            Some(TokenTree::Ident(ident))
                if [
                    "pub", "const", "async", "unsafe", "extern", "safe", "default",
                ]
                .iter()
                .any(|word| ident == word) => {}
            Some(TokenTree::Literal(_)) => {}
            Some(TokenTree::Group(group)) => match group.delimiter() {
                Delimiter::Parenthesis => {}
                Delimiter::Bracket => {
                    let attribute = group.stream().to_string();
                    let path = attribute
                        .split(['(', '='])
                        .next()
                        .unwrap_or_default()
                        .trim();
                    if path.contains("::") || ["coroutine", "main", "test"].contains(&path) {
                        return true;
                    }
                    before.next();
                }
                Delimiter::Brace | Delimiter::None => return false,
            },
            _ => return false,
        }
    }
}

/// The arguments of a call: those of `name(..)` or `name::<..>(..)`, counted from the name.
pub(super) fn call_arguments(trees: &[TokenTree]) -> Option<usize> {
    let mut at = 1;
    if is_punct(trees.get(1), &[':'])
        && is_punct(trees.get(2), &[':'])
        && is_punct(trees.get(3), &['<'])
    {
        let mut depth = 1;
        at = 4;
        while depth > 0 {
            match trees.get(at)? {
                TokenTree::Punct(punct) if punct.as_char() == '<' => depth += 1,
                TokenTree::Punct(punct)
                    if punct.as_char() == '>' && !is_joint(&trees[at - 1], '-') =>
                {
                    depth -= 1
                }
                _ => {}
            }
            at += 1;
        }
    }
    match trees.get(at)? {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => Some(at),
        _ => None,
    }
}
