//! The lifetimes that a type leaves out, or writes as `'_`.

use crate::token::{Delimiter, Punct, Spacing, TokenTree};
use crate::types::{Type, closing};
use crate::write::{Lifetime, Tokens, Write, group, inside, is_named};

/// Writes what `name` gives in the place of each, in their order.
///
/// Those within the parentheses of `fn(..)` and `Fn(..)` are their own.
///
/// Input:  `Pin<&mut Cow<'_, str>>`
/// Output: `Pin<&'life0 mut Cow<'life1, str>>`
pub(crate) fn replace(ty: &mut Type, name: &mut dyn FnMut() -> Lifetime) {
    ty.0 = replaced(&ty.0, name);
}

fn replaced(trees: &[TokenTree], name: &mut dyn FnMut() -> Lifetime) -> Tokens {
    let is = |at: usize, char: char| matches!(trees.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == char);
    let mut out = Tokens::with_capacity(trees.len() + 2);
    let mut at = 0;
    while let Some(tree) = trees.get(at) {
        at += 1;
        match tree {
            TokenTree::Punct(punct) if punct.as_char() == '&' => {
                // Of `&&`, each is one.
                let mut and = Punct::new('&', Spacing::Alone);
                and.set_span(punct.span());
                out.push(and.into());
                if !is(at, '\'') {
                    name().write(&mut out);
                }
            }
            TokenTree::Punct(punct) if punct.as_char() == '\'' => match trees.get(at) {
                Some(TokenTree::Ident(ident)) if is_named(ident, "_") => {
                    at += 1;
                    name().write(&mut out);
                }
                _ => out.push(tree.clone()),
            },
            TokenTree::Group(inner) => {
                let before = at.checked_sub(2).and_then(|at| trees.get(at));
                let is_signature = inner.delimiter() == Delimiter::Parenthesis
                    && matches!(before, Some(TokenTree::Ident(word)) if !["dyn", "impl", "mut", "const"].contains(&word.to_string().as_str()));
                let is_macro =
                    matches!(before, Some(TokenTree::Punct(punct)) if punct.as_char() == '!');
                if is_signature || is_macro {
                    let end = end_of_output(trees, at);
                    out.push(tree.clone());
                    out.extend_from_slice(&trees[at..end]);
                    at = end;
                } else if inner.delimiter() == Delimiter::Brace {
                    out.push(tree.clone());
                } else {
                    let trees = inside(inner);
                    // The length of an array is no type.
                    let length = trees
                        .iter()
                        .position(|tree| matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ';'))
                        .unwrap_or(trees.len());
                    let mut inside = replaced(&trees[..length], name);
                    inside.extend_from_slice(&trees[length..]);
                    out.push(group(inner.delimiter(), inside, inner.span()).into());
                }
            }
            tree => out.push(tree.clone()),
        }
    }
    out
}

/// Where the `-> Type` ends that begins at `at`, if there is one.
fn end_of_output(trees: &[TokenTree], at: usize) -> usize {
    let is = |at: usize, any: &[char]| matches!(trees.get(at), Some(TokenTree::Punct(punct)) if any.contains(&punct.as_char()));
    if !is(at, &['-']) || !is(at + 1, &['>']) {
        return at;
    }
    let mut end = at + 2;
    while end < trees.len() && !is(end, &[',', '+', '>', '=', ';']) {
        end = match trees.get(end + 1) {
            _ if is(end, &['<']) => closing(trees, end).unwrap_or(end) + 1,
            // Of a function that gives one.
            _ if is(end, &['-']) => end + 2,
            _ => end + 1,
        };
    }
    end.min(trees.len())
}

#[cfg(test)]
mod tests {
    use crate::token::{Span, TokenStream};
    use crate::types::Type;
    use crate::write::{Lifetime, taken_apart};

    fn ty(text: &str) -> Type {
        Type(taken_apart(text.parse().unwrap()))
    }

    #[test]
    fn each_has_a_name_of_its_own_in_the_order_they_are_written() {
        for (written, expected) in [
            ("u8", "u8"),
            ("&str", "&'a0 str"),
            ("&'s mut [&str]", "&'s mut [&'a0 str]"),
            (
                "(&A, [&B; 2], *const &C)",
                "(&'a0 A, [&'a1 B; 2], *const &'a2 C)",
            ),
            ("Pin<&mut Cow<'_, str>>", "Pin<&'a0 mut Cow<'a1, str>>"),
            (
                "<&A as Into<Out<'_>>>::Item",
                "<&'a0 A as Into<Out<'a1>>>::Item",
            ),
            (
                "impl Iterator<Item = &str> + '_",
                "impl Iterator<Item = &'a0 str> + 'a1",
            ),
            (
                "Box<dyn Iterator<Item: Into<&A>> + '_>",
                "Box<dyn Iterator<Item: Into<&'a0 A>> + 'a1>",
            ),
            ("&&str", "&'a0 &'a1 str"),
            ("[&u8; N & M]", "[&'a0 u8; N & M]"),
            ("Foo<{ N & 1 }, &u8>", "Foo<{ N & 1 }, &'a0 u8>"),
            (
                "Box<dyn Fn(&A) -> Map<&B, &C> + '_>",
                "Box<dyn Fn(&A) -> Map<&B, &C> + 'a0>",
            ),
            (
                "(fn() -> fn(&A) -> &B, &C)",
                "(fn() -> fn(&A) -> &B, &'a0 C)",
            ),
            ("&(dyn (Send) + '_)", "&'a0 (dyn (Send) + 'a1)"),
            (
                "(fn(&A) -> &B, &dyn Fn(&A) -> &B)",
                "(fn(&A) -> &B, &'a0 dyn Fn(&A) -> &B)",
            ),
        ] {
            let mut replaced = ty(written);
            let mut count = 0;
            super::replace(&mut replaced, &mut || {
                count += 1;
                Lifetime::new(&format!("a{}", count - 1), Span::call_site())
            });
            let texts = [replaced, ty(expected)].map(|ty| {
                ty.0.into_iter()
                    .collect::<TokenStream>()
                    .to_string()
                    .replace(' ', "")
            });
            assert_eq!(texts[0], texts[1], "{written}");
        }
    }
}
