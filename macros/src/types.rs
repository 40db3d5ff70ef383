//! A type, as it was written: its tokens, and what can be seen in them.

use crate::token::{Delimiter, Ident, Spacing, Span, TokenTree};
use crate::write::{Tokens, Write, inside, is_named};

/// A type.
#[derive(Clone)]
pub(crate) struct Type(pub(crate) Tokens);

impl Write for Type {
    fn write(&self, out: &mut Tokens) {
        out.extend_from_slice(&self.0);
    }
}

/// The last segment of a path.
pub(crate) struct Segment<'a> {
    pub(crate) ident: &'a Ident,
    /// Its name as a string.
    pub(crate) name: String,
    /// The path without the segment's arguments.
    pub(crate) path: &'a [TokenTree],
    /// What stands between `<` and `>`, if they are there.
    pub(crate) arguments: Option<&'a [TokenTree]>,
    /// The `>` that closes them.
    pub(crate) close: Option<&'a TokenTree>,
    /// Whether the path begins with `<T as Trait>`.
    pub(crate) is_qualified: bool,
}

/// What one of the arguments of a generic type is.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Argument {
    Type,
    /// `Item = T`, and where `T` begins.
    Assoc(usize),
    /// A lifetime, a constant or a bound.
    Other,
}

impl Type {
    /// Where it stands.
    pub(crate) fn span(&self) -> Span {
        self.0
            .first()
            .map_or_else(Span::mixed_site, TokenTree::span)
    }

    /// The type without the invisible groups of a `$t:ty`, and without parentheses.
    pub(crate) fn ungrouped(&self) -> Type {
        let mut ty = self.clone();
        while let [TokenTree::Group(group)] = ty.0.as_slice() {
            let trees = inside(group);
            let is_wrapped = match group.delimiter() {
                Delimiter::None => true,
                Delimiter::Parenthesis => !trees.is_empty() && is_one(&trees),
                _ => false,
            };
            if !is_wrapped {
                break;
            }
            ty.0 = trees;
        }
        ty
    }

    /// Whether it is `!`.
    pub(crate) fn is_never(&self) -> bool {
        matches!(self.0.as_slice(), [TokenTree::Punct(punct)] if punct.as_char() == '!')
    }

    /// Whether it is an `impl Trait`, and the bounds after the word.
    pub(crate) fn bounds(&self) -> Option<&[TokenTree]> {
        match self.0.as_slice() {
            [TokenTree::Ident(word), bounds @ ..] if is_named(word, "impl") => Some(bounds),
            _ => None,
        }
    }

    /// The last segment of a type that is a path.
    pub(crate) fn last_segment(&self) -> Option<Segment<'_>> {
        last_segment(&self.0)
    }

    /// Where it has an `impl` in it, which cannot be written in a body.
    pub(crate) fn opaque(&self) -> Option<Span> {
        opaque(&self.0)
    }
}

pub(crate) fn opaque(trees: &[TokenTree]) -> Option<Span> {
    trees.iter().find_map(|tree| match tree {
        TokenTree::Ident(ident) if is_named(ident, "impl") => Some(ident.span()),
        TokenTree::Group(group) => opaque(&inside(group)),
        _ => None,
    })
}

/// The last segment of a path; `None` if this is not one.
pub(crate) fn last_segment(trees: &[TokenTree]) -> Option<Segment<'_>> {
    const OTHERS: [&str; 6] = ["impl", "dyn", "fn", "unsafe", "extern", "for"];
    let mut at = 0;
    let is_qualified = is_punct(trees.first(), '<');
    if is_qualified {
        at = closing(trees, 0)? + 1;
    }
    loop {
        if is_punct(trees.get(at), ':') && is_punct(trees.get(at + 1), ':') {
            at += 2;
        } else if at > 0 {
            return None;
        }
        let TokenTree::Ident(ident) = trees.get(at)? else {
            return None;
        };
        let name = ident.to_string();
        if at == 0 && OTHERS.contains(&name.as_str()) {
            return None;
        }
        at += 1;
        let path = &trees[..at];
        let open = match is_punct(trees.get(at), ':') && is_punct(trees.get(at + 2), '<') {
            true => at + 2,
            false => at,
        };
        let (mut arguments, mut close) = (None, None);
        if is_punct(trees.get(open), '<') {
            at = closing(trees, open)?;
            arguments = Some(&trees[open + 1..at]);
            close = Some(&trees[at]);
            at += 1;
        } else if matches!(trees.get(at), Some(TokenTree::Group(_))) {
            // `Fn(A) -> B`, which is nothing that is asked for here.
            at = trees.len();
        }
        if at == trees.len() {
            return Some(Segment {
                ident,
                name,
                path,
                arguments,
                close,
                is_qualified,
            });
        }
    }
}

/// Where the angle bracket is closed that is opened at `open`.
pub(crate) fn closing(trees: &[TokenTree], open: usize) -> Option<usize> {
    let mut depth = 0usize;
    for (at, tree) in trees.iter().enumerate().skip(open) {
        let TokenTree::Punct(punct) = tree else {
            continue;
        };
        match punct.as_char() {
            '<' => depth += 1,
            '>' if is_arrow(trees, at) => {}
            '>' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at);
                }
            }
            ';' => return None,
            _ => {}
        }
    }
    None
}

/// Whether the `>` at `at` is that of `->` or `=>`.
fn is_arrow(trees: &[TokenTree], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|at| trees.get(at));
    matches!(before, Some(TokenTree::Punct(punct)) if "-=".contains(punct.as_char()) && punct.spacing() == Spacing::Joint)
}

/// Whether `::` stands at `at`, and not the colon before a type that begins with it.
pub(crate) fn is_path_separator(trees: &[TokenTree], at: usize) -> bool {
    let is_joint = matches!(trees.get(at), Some(TokenTree::Punct(punct)) if punct.as_char() == ':' && punct.spacing() == Spacing::Joint);
    is_joint && is_punct(trees.get(at + 1), ':')
}

/// What commas separate, each with the comma after it, if there is one.
pub(crate) fn split(
    trees: &[TokenTree],
) -> impl Iterator<Item = (&[TokenTree], Option<&TokenTree>)> {
    split_by(trees, ',')
}

/// The same, of another punct.
pub(crate) fn split_by(
    trees: &[TokenTree],
    separator: char,
) -> impl Iterator<Item = (&[TokenTree], Option<&TokenTree>)> {
    let mut start = 0;
    std::iter::from_fn(move || {
        if start >= trees.len() {
            return None;
        }
        let mut at = start;
        while at < trees.len() && !is_punct(trees.get(at), separator) {
            if is_punct(trees.get(at), '<') {
                at = closing(trees, at).unwrap_or(trees.len() - 1);
            }
            at += 1;
        }
        let piece = (&trees[start..at], trees.get(at));
        start = at + 1;
        Some(piece)
    })
}

fn is_one(trees: &[TokenTree]) -> bool {
    matches!(split(trees).next(), Some((_, None)))
}

/// What an argument of a generic type is.
pub(crate) fn argument(trees: &[TokenTree]) -> Argument {
    match trees {
        [TokenTree::Punct(punct), ..] if "'-".contains(punct.as_char()) => Argument::Other,
        [TokenTree::Literal(_), ..] => Argument::Other,
        [TokenTree::Group(group), ..] if group.delimiter() == Delimiter::Brace => Argument::Other,
        [TokenTree::Ident(_), ..] => {
            let mut at = 1;
            if is_punct(trees.get(at), '<') {
                at = closing(trees, at).unwrap_or(at) + 1;
            }
            if is_punct(trees.get(at), '=') {
                Argument::Assoc(at + 1)
            } else if is_punct(trees.get(at), ':') && !is_path_separator(trees, at) {
                Argument::Other
            } else {
                Argument::Type
            }
        }
        _ => Argument::Type,
    }
}

fn is_punct(tree: Option<&TokenTree>, char: char) -> bool {
    matches!(tree, Some(TokenTree::Punct(punct)) if punct.as_char() == char)
}
