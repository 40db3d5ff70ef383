//! Tokens, looked at and put together.

use std::ops::Range;

use crate::token::{Delimiter, Group, Spacing, Span, TokenTree};
use crate::write::{Tokens, group, inside, is_named};

/// Tokens on their way out. What stays as it is is only counted: most groups turn out to have nothing to rewrite in them, and to copy a
/// token is to ask the compiler for it.
pub(super) struct Output<'a> {
    trees: &'a [TokenTree],
    pieces: Vec<Piece>,
    changed: bool,
}

enum Piece {
    /// The token at this place, as it is.
    Kept(usize),
    New(TokenTree),
}

impl<'a> Output<'a> {
    pub(super) fn new(trees: &'a [TokenTree]) -> Self {
        Output {
            trees,
            pieces: Vec::with_capacity(trees.len()),
            changed: false,
        }
    }

    /// The tokens stay as they are.
    pub(super) fn keep(&mut self, range: Range<usize>) {
        self.pieces.extend(range.map(Piece::Kept));
    }

    /// The group at `at` becomes another, if it does.
    pub(super) fn keep_or(&mut self, at: usize, rewritten: Option<Group>) {
        self.changed |= rewritten.is_some();
        self.pieces
            .push(rewritten.map_or(Piece::Kept(at), |group| Piece::New(group.into())));
    }

    pub(super) fn rewrite(&mut self, tokens: Tokens) {
        self.pieces.extend(tokens.into_iter().map(Piece::New));
        self.changed = true;
    }

    fn get(&self, index: usize) -> Option<&TokenTree> {
        self.pieces.get(index).map(|piece| match piece {
            Piece::Kept(at) => &self.trees[*at],
            Piece::New(tree) => tree,
        })
    }

    /// Takes back the last `count` tokens; `None` if there are not so many.
    pub(super) fn take_back(&mut self, count: usize) -> Option<Tokens> {
        let kept = self.pieces.len().checked_sub(count)?;
        let taken = self.pieces.split_off(kept).into_iter();
        Some(
            taken
                .map(|piece| match piece {
                    Piece::Kept(at) => self.trees[at].clone(),
                    Piece::New(tree) => tree,
                })
                .collect(),
        )
    }

    /// Takes back the `asyncio::` of a word written with its path.
    pub(super) fn drop_path(&mut self) {
        let is = |this: &Self, back: usize, any: &[char]| {
            let index = this.pieces.len().checked_sub(back);
            is_punct(index.and_then(|index| this.get(index)), any)
        };
        while is(self, 1, &[':']) && is(self, 2, &[':']) {
            self.pieces.truncate(self.pieces.len() - 2);
            let last = self.pieces.len().checked_sub(1);
            if let Some(TokenTree::Ident(_)) = last.and_then(|last| self.get(last)) {
                self.pieces.pop();
                if is(self, 1, &['$']) {
                    self.pieces.pop();
                }
            }
        }
    }

    /// The tokens, if any of them was rewritten.
    pub(super) fn finish(self) -> Option<Tokens> {
        let trees = self.trees;
        let pieces = self.pieces.into_iter();
        self.changed.then(|| {
            pieces
                .map(|piece| match piece {
                    Piece::Kept(at) => kept(trees, at),
                    Piece::New(tree) => tree,
                })
                .collect()
        })
    }
}

/// The token at `at`, where what is around it is put together again. There the invisible groups of a `$e:expr` mean nothing to the
/// compiler, so one that stands beside an operator gets parentheses.
pub(super) fn kept(trees: &[TokenTree], at: usize) -> TokenTree {
    let tree = trees[at].clone();
    let TokenTree::Group(written) = &tree else {
        return tree;
    };
    if written.delimiter() != Delimiter::None || !is_operand(trees, at) {
        return tree;
    }
    let inner = inside(written);
    match visible(&inner) {
        Delimiter::Parenthesis if inner.len() > 1 => {
            group(Delimiter::Parenthesis, inner, written.span()).into()
        }
        _ => tree,
    }
}

/// Whether an operator that no type or pattern has stands before `at`, or after it.
fn is_operand(trees: &[TokenTree], at: usize) -> bool {
    const EITHER: [char; 6] = ['*', '/', '%', '+', '-', '^'];
    let two = |at: usize, first: char, second: char| {
        trees.get(at).is_some_and(|tree| is_joint(tree, first))
            && is_punct(trees.get(at + 1), &[second])
    };
    let compares = |at: usize| {
        two(at, '=', '=') || two(at, '!', '=') || two(at, '&', '&') || two(at, '|', '|')
    };
    let before = |n: usize| at.checked_sub(n);
    let follows = before(1).is_some_and(|before| {
        is_punct(trees.get(before), &EITHER) || is_punct(trees.get(before), &['!'])
    }) || before(2).is_some_and(compares);
    let next = trees.get(at + 1);
    follows
        || is_punct(next, &EITHER)
        || is_punct(next, &['.', '?'])
        || is_ident(next, "as")
        || compares(at + 1)
}

/// Our own hygiene at the user's place.
pub(super) fn ours(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}

pub(super) fn is_ident(tree: Option<&TokenTree>, name: &str) -> bool {
    matches!(tree, Some(TokenTree::Ident(ident)) if is_named(ident, name))
}

pub(super) fn is_punct(tree: Option<&TokenTree>, any: &[char]) -> bool {
    matches!(tree, Some(TokenTree::Punct(punct)) if any.contains(&punct.as_char()))
}

pub(super) fn is_joint(tree: &TokenTree, c: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == c && punct.spacing() == Spacing::Joint)
}

/// Keywords that an expression may follow, and that no macro can be named.
const BEFORE_EXPRESSION: &[&str] = &[
    "return", "break", "in", "match", "if", "while", "else", "move", "async", "static", "yield",
];

pub(super) fn is_before_expression(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Ident(ident) if BEFORE_EXPRESSION.contains(&ident.to_string().as_str()))
}

/// The delimiter of an invisible group, `$e:expr` or the like, that had to be rebuilt: parentheses keep the precedence of an
/// expression; anything else has none to lose.
pub(super) fn visible(trees: &[TokenTree]) -> Delimiter {
    let is_statement = is_ident(trees.first(), "let") || is_punct(trees.last(), &[';']);
    let is_block = matches!(trees, [TokenTree::Group(_)]);
    if is_statement || is_block {
        Delimiter::None
    } else {
        Delimiter::Parenthesis
    }
}
