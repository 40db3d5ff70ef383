//! Where in a row of tokens something begins and ends: a closure, a macro's arguments, a call's.

use super::tokens::{is_before_expression, is_ident, is_joint, is_punct};
use crate::token::{Delimiter, TokenTree};
use crate::types::closing;

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
                .contains(&ident.to_string().as_str()) => {}
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
        at = closing(trees, 3)? + 1;
    }
    match trees.get(at)? {
        TokenTree::Group(group) if group.delimiter() == Delimiter::Parenthesis => Some(at),
        _ => None,
    }
}

/// The commas that separate expressions: not those of a closure's parameters, nor of a type's arguments, as in `f::<A, B>()`.
pub(super) fn commas(trees: &[TokenTree]) -> impl Iterator<Item = usize> {
    let mut at = 0;
    std::iter::from_fn(move || {
        while let Some(tree) = trees.get(at) {
            let here = at;
            at += 1;
            if let TokenTree::Punct(punct) = tree {
                match punct.as_char() {
                    ',' => return Some(here),
                    '<' if begins_arguments(trees, here) => {
                        at = closing(trees, here).unwrap_or(here) + 1
                    }
                    '|' => {
                        if let Some((body, end)) = closure_body(trees, here) {
                            // What it returns is a type.
                            at = if is_punct(trees.get(body), &['-']) {
                                end
                            } else {
                                body
                            };
                            // What follows a closure's parameters may be another's.
                            while is_punct(trees.get(at), &['|']) {
                                let Some((body, _)) = closure_body(&trees[at..], 0) else {
                                    break;
                                };
                                at += body;
                            }
                        }
                    }
                    _ => {}
                }
            }
        }
        None
    })
}

/// Whether the `<` at `at`, in an expression, is that of a type, and does not compare.
fn begins_arguments(trees: &[TokenTree], at: usize) -> bool {
    let Some(mut before) = at.checked_sub(1) else {
        return true;
    };
    loop {
        let (tree, further) = (&trees[before], before.checked_sub(1));
        match tree {
            TokenTree::Punct(punct) => match punct.as_char() {
                '?' => return false,
                // `a::<B, C>`, or `x as a::B<C, D>`.
                ':' if before + 1 < at => {}
                // `x as &T<A, B>`, `*const T<A, B>`, or an operator, after which it begins a path: `<T as Trait<A>>::f()`.
                _ if before + 1 == at => return true,
                '&' | '*' | '\'' => {}
                _ => return false,
            },
            TokenTree::Ident(word) => {
                let word = word.to_string();
                if word == "as" || (before + 1 == at && is_before_expression(tree)) {
                    return true;
                }
                let goes_on = match further {
                    Some(further) => {
                        let is_path = is_punct(trees.get(further), &[':', '&', '*', '\'']);
                        is_path || matches!(&trees[further], TokenTree::Ident(_))
                    }
                    None => false,
                };
                if !goes_on {
                    return false;
                }
            }
            TokenTree::Group(_) | TokenTree::Literal(_) => return false,
        }
        match further {
            Some(further) => before = further,
            None => return false,
        }
    }
}

/// Where the block is that follows the condition, or the iterable, which begins at `start`: the first that is no part of that. As no
/// structure is written there without parentheses, a block is a part of it only after a word or an operator that asks for one.
pub(super) fn body_after(trees: &[TokenTree], start: usize) -> Option<usize> {
    const TAKE_A_BLOCK: [&str; 9] = [
        "match", "if", "while", "for", "loop", "unsafe", "async", "const", "else",
    ];
    let mut first = None;
    // How many words have yet to be followed by their blocks.
    let mut words = 0usize;
    let mut at = start;
    while let Some(tree) = trees.get(at) {
        match tree {
            TokenTree::Ident(word) => {
                let word = word.to_string();
                if word == "let" {
                    // In a pattern, braces are no block.
                    at = (at..trees.len()).find(|&at| is_assignment(trees, at))?;
                } else if TAKE_A_BLOCK.contains(&word.as_str()) {
                    // `else if` takes one.
                    let is_first = word == "else" && is_ident(trees.get(at + 1), "if");
                    words += usize::from(!is_first);
                }
            }
            TokenTree::Punct(punct) if punct.as_char() == '|' => {
                if let Some((body, end)) = closure_body(trees, at) {
                    let is_block = matches!(trees.get(body), Some(TokenTree::Group(_)));
                    at = if is_block && end == body + 1 {
                        end
                    } else {
                        body
                    };
                    continue;
                }
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::Brace => {
                first = first.or(Some(at));
                let before = &trees[start..at];
                let is_operand = match before.last() {
                    None => true,
                    // After a range, or the arguments of a type, nothing need follow.
                    Some(TokenTree::Punct(punct)) => !"?.>".contains(punct.as_char()),
                    _ => false,
                };
                if words > 0 {
                    words -= 1;
                } else if !is_operand {
                    return Some(at);
                }
            }
            _ => {}
        }
        at += 1;
    }
    first
}

/// Whether a `=` stands at `at`, and not one that is part of another operator.
pub(super) fn is_assignment(trees: &[TokenTree], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| trees.get(at));
    let is_operator = matches!(before, Some(TokenTree::Punct(punct)) if punct.spacing() == crate::token::Spacing::Joint && "=!<>.+-*/%^&|".contains(punct.as_char()));
    is_punct(trees.get(at), &['=']) && !is_operator && !is_joint_operator(trees, at)
}

/// Whether the `=` at `at` begins `==` or `=>`.
fn is_joint_operator(trees: &[TokenTree], at: usize) -> bool {
    is_joint(&trees[at], '=') && is_punct(trees.get(at + 1), &['=', '>'])
}

#[cfg(test)]
mod tests {
    use quote::ToTokens;
    use syn::parse::Parser;
    use syn::punctuated::Punctuated;

    use super::*;
    use crate::token::TokenStream;
    use crate::write::{Tokens, taken_apart};

    fn trees(text: &str) -> Tokens {
        taken_apart(text.parse().unwrap())
    }

    /// As text without spaces, which say nothing.
    fn text(tokens: impl Into<TokenStream>) -> String {
        tokens.into().to_string().replace(' ', "")
    }

    /// As many expressions as a parser finds, the same ones.
    #[test]
    fn commas_stand_between_expressions() {
        for source in [
            "a",
            "a, b",
            "a < b, c > d",
            "a < b, c > (d)",
            "f::<A, B>(), c",
            "Map::<A, Vec<B>>::new(), 2",
            "<A as Into<Map<B, C>>>::into(a), b",
            "!<A as F<B, C>>::f(), b",
            "a < <A as F<B, C>>::N, b",
            "x as Map<A, B>, c",
            "x as &'a mut m::Map<A, B>, c",
            "x as *const Map<A, B>, c",
            "|a, b| a + b, c",
            "move |a: Map<A, B>, _| -> Map<A, B> { a }, c",
            "|a| |b, c| a, d",
            "a | b, c | d",
            "a || b, c || d",
            "a? < b, c > d",
            "a.b < c, d",
            "1 < 2, 3 > 4",
            "[a, b], (c, d), { e }",
            "if a < b { c } else { d }, e",
            "return <A as F<B, C>>::f(), b",
            "vec![a, b], c",
            "a..b, c..=d",
            "match a { B => c, D => e }, f",
        ] {
            let written = trees(source);
            let parsed = Punctuated::<syn::Expr, syn::Token![,]>::parse_terminated
                .parse_str(source)
                .unwrap_or_else(|error| panic!("{source}: {error}"));
            assert_eq!(commas(&written).count() + 1, parsed.len(), "{source}");
            let first = commas(&written).next().unwrap_or(written.len());
            let first: TokenStream = written[..first].iter().cloned().collect();
            let expected = parsed[0].to_token_stream();
            assert_eq!(text(first), text(expected), "{source}");
        }
    }

    /// Where a parser finds the body of a loop.
    #[test]
    fn a_body_stands_after_the_whole_condition() {
        for head in [
            "a",
            "{ a }",
            "{ a }.b()",
            "match a { B => c }",
            "match a { B => c }.d()",
            "if a { b } else { c }",
            "if a { b } else if c { d } else { e }",
            "if let A { b, .. } = c { d } else { e }",
            "unsafe { a }",
            "unsafe { a }.b",
            "loop { break a }",
            "a + { b }",
            "a..",
            "0..n",
            "0..={ n }",
            "f::<A>",
            "a.map(|x| { x })",
            "a && !{ b }",
            "vec! { a, b }",
            "(A { b })",
            "[A { b }; 2]",
            "f(A { b }).c",
            "m::f",
        ] {
            let source = format!("for x in {head} {{ body }}");
            let parsed = syn::parse_str::<syn::ExprForLoop>(&source);
            let parsed = parsed.unwrap_or_else(|error| panic!("{source}: {error}"));
            let expected = parsed.expr.to_token_stream();
            let written = trees(&format!("{source} after {{ all }}"));
            let body = body_after(&written, 3).unwrap_or_else(|| panic!("{source}"));
            assert_eq!(body, written.len() - 3, "{source}");
            let found: TokenStream = written[3..body].iter().cloned().collect();
            assert_eq!(text(found), text(expected), "{source}");
        }
        for head in [
            "let Some(x) = a",
            "let A { b, .. } = c",
            "let A { b: 1..=2 } = c && let D { e } = f",
            "a == b",
            "let a = { b }",
        ] {
            let source = format!("while {head} {{ body }} after {{ all }}");
            let written = trees(&source);
            let body = body_after(&written, 1);
            assert_eq!(body, Some(written.len() - 3), "{source}");
        }
    }
}
