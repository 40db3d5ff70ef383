//! What a body has in it, as far as it decides what the function is.
//!
//! Most bodies have few words or none, so nothing is looked at token by token before the body, written out by the compiler, is known to
//! have the letters of the word in it: proc macros are built without optimisation, the compiler is not.

use std::cell::OnceCell;

use crate::token::{Group, TokenStream, TokenTree};

/// A function's body, if it has one, and what was found in it.
pub(crate) struct Source<'a> {
    body: Option<&'a Group>,
    text: OnceCell<String>,
    yields: OnceCell<bool>,
}

impl<'a> Source<'a> {
    pub(crate) fn new(body: Option<&'a Group>) -> Self {
        Source {
            body,
            text: OnceCell::new(),
            yields: OnceCell::new(),
        }
    }

    fn stream(&self) -> TokenStream {
        self.body.map(Group::stream).unwrap_or_default()
    }

    /// Whether any of the names may be in there: false only if none is.
    pub(crate) fn mentions(&self, names: &[&str]) -> bool {
        let text = self.text.get_or_init(|| self.stream().to_string());
        // Not `contains`, which is inlined into this crate, and so runs as unoptimised as this crate is.
        names.iter().any(|name| text.split(name).nth(1).is_some())
    }

    /// Whether there may be a call of this name in there.
    pub(crate) fn may_call(&self, name: &str) -> bool {
        let is_part = |letter: char| letter == '_' || letter.is_alphanumeric();
        self.mentions(&[name])
            && self.text.get().is_some_and(|text| {
                text.match_indices(name).any(|(at, _)| {
                    let rest = text[at + name.len()..].trim_start();
                    (rest.starts_with('(') || rest.starts_with("::"))
                        && !text[..at].ends_with(is_part)
                })
            })
    }

    /// Whether a bare `yield` may be in there.
    pub(crate) fn has_keyword_yield(&self) -> bool {
        self.mentions(&["yield"])
            && self.text.get().is_some_and(|text| {
                text.split("yield")
                    .skip(1)
                    .any(|rest| !rest.starts_with('_'))
            })
    }

    /// Whether there is a word in it that yields.
    pub(crate) fn yields(&self) -> bool {
        *self.yields.get_or_init(|| {
            // The bare one is refused with a message of its own.
            let is_yield = |name: &str, bang: bool| {
                name == "yield" || (bang && (name == "yield_" || name == "yield_from"))
            };
            self.mentions(&["yield"]) && has(self.stream(), &is_yield)
        })
    }

    /// Whether nothing is to be said of its not yielding: it does, it has yet to be written, or it has a word in it that is refused in
    /// a generator with a message of its own.
    pub(crate) fn yields_or_is_excused(&self) -> bool {
        const UNWRITTEN: [&str; 4] = ["todo", "unimplemented", "unreachable", "panic"];
        let is_unwritten = |name: &str, bang: bool| bang && UNWRITTEN.contains(&name);
        self.body.is_none()
            || self.yields()
            || self.mentions(&["await", "async_", "yield_"])
            || (self.mentions(&UNWRITTEN) && has(self.stream(), &is_unwritten))
    }
}

/// Whether there is a name that is looked for; each is shown with whether a bang follows it.
fn has(tokens: TokenStream, looked_for: &dyn Fn(&str, bool) -> bool) -> bool {
    let mut trees = tokens.into_iter().peekable();
    while let Some(tree) = trees.next() {
        let is_found = match tree {
            TokenTree::Ident(ident) => {
                let bang =
                    matches!(trees.peek(), Some(TokenTree::Punct(punct)) if punct.as_char() == '!');
                looked_for(&ident.to_string(), bang)
            }
            TokenTree::Group(group) => has(group.stream(), looked_for),
            _ => false,
        };
        if is_found {
            return true;
        }
    }
    false
}
