//! Finds the words in a function's body and rewrites them, token by token.
//!
//! Two rules hold everywhere. What has no word in it passes through untouched, group by group: a rebuilt group can mean something
//! else (an invisible one loses its precedence). And valid code is never refused: where tokens alone cannot tell what something is,
//! it is left for the compiler to judge, and the guard that every `yield_!` carries makes the compiler refuse what would be unsound.
//!
//! - `source`: what is in a body at all;
//! - `words`: `await_!`, `yield_!`, `yield_from!`;
//! - `blocks`: `#[async_for]` and `#[async_with]`;
//! - `recursion`: the call of the function inside itself;
//! - `shapes` and `tokens`: where things begin and end, and how they are put together again;
//! - `names`: what the expansion calls things, in the body and around it;
//! - `qualify`: the bare `#[coroutine]`.

mod blocks;
mod names;
mod qualify;
mod recursion;
mod shapes;
mod source;
mod tokens;
mod words;

use self::shapes::{closure_body, has_attribute, is_async_closure, macro_arguments};
use self::tokens::{Output, is_ident, is_punct, visible};
use self::words::Word;
use crate::diagnostic::Mistake;
use crate::token::{Delimiter, Group, Ident, TokenTree};
use crate::write::{Tokens, inside};

pub(crate) use self::names::{Names, checked, entered, label, way, words};
pub(crate) use self::qualify::qualify;
pub(crate) use self::source::Source;

/// What the function is whose body is rewritten.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Language {
    /// A coroutine written as plain `fn`: Python's `@asyncio.coroutine`.
    Coroutine,
    /// A coroutine written as `async fn`: Python's `async def`.
    NativeCoroutine,
    /// A generator.
    Generator,
    /// An async generator.
    AsyncGenerator,
}

/// What a generator is shown as, when it is not as a generator.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Shows {
    Iterator,
    Stream,
}

/// What the rewritten body needs around it.
#[derive(Default)]
pub(crate) struct Needs {
    /// The words of an async generator are given anew at a `yield_!`.
    pub(crate) renews: bool,
    /// The label: there is a word that yields.
    pub(crate) label: bool,
    /// The words that check: one of them is in another macro's argument.
    pub(crate) checked: bool,
    /// A chain: there is a `yield_from!`.
    pub(crate) delegates: bool,
    /// The trait that boxes calls of the function inside itself.
    pub(crate) recurses: bool,
}

/// Rewrites one body.
pub(crate) struct Rewriter<'a> {
    pub(crate) language: Language,
    names: &'a Names,
    /// What calls of the function give, if that is shown as no more than an `impl Trait`.
    shows: Option<Shows>,
    /// What the function returns, if that can be named in its body.
    returns: Option<Tokens>,
    /// How many `#[async_with]` blocks there were.
    blocks: usize,
    /// The function's name, if calls of it in its own body are to be boxed.
    recursive: Option<String>,
    /// Whether it can be called as a method.
    is_method: bool,
    /// Whether a keyword that is refused may be in there, on its own and before any token: a bare `yield`, an `await` in a generator.
    has_keywords: bool,
    pub(crate) needs: Needs,
    /// Mistakes that cannot stand where they were made.
    pub(crate) mistakes: Vec<Mistake>,
}

/// Where a token stands.
#[derive(Clone, Copy)]
struct Place {
    inside: Inside,
    /// In the argument of a macro that is not ours.
    in_macro: bool,
    /// In a block that a manager guards, which is a future of its own.
    guarded: bool,
}

/// The innermost thing around a token that runs on its own.
#[derive(Clone, Copy, PartialEq)]
enum Inside {
    /// The function's own body.
    Own,
    /// An `async` block or an async closure.
    Async,
    /// A closure.
    Closure,
    /// A function in the function.
    Function,
}

impl<'a> Rewriter<'a> {
    /// For a body of a function that is `language`. Calls of `recursive` in it are boxed.
    pub(crate) fn new(
        language: Language,
        names: &'a Names,
        recursive: Option<&Ident>,
        returns: Option<Tokens>,
    ) -> Self {
        Rewriter {
            language,
            shows: None,
            returns,
            blocks: 0,
            names,
            recursive: recursive.map(ToString::to_string),
            is_method: false,
            has_keywords: false,
            needs: Needs::default(),
            mistakes: Vec::new(),
        }
    }

    /// For a function that shows what it gives as an `impl Iterator` or an `impl Stream`.
    pub(crate) fn showing(mut self, shows: Option<Shows>) -> Self {
        self.shows = shows;
        self
    }

    /// For a function that may be called as a method.
    pub(crate) fn of_method(mut self, is_method: bool) -> Self {
        self.is_method = is_method;
        self
    }

    /// What the function shows what it gives as.
    pub(crate) fn shows(&self) -> Option<Shows> {
        self.shows
    }

    /// The body with its words rewritten; it keeps the span of its braces, which say the edition of its temporaries.
    pub(crate) fn body(&mut self, body: &Group, source: &Source<'_>) -> Group {
        let is_mentioned = source.mentions(&[
            "await_",
            "yield",
            "async_for",
            "async_with",
            // Refused with a message.
            "async for",
            "async with",
        ]) || (self.recursive.as_deref())
            .is_some_and(|name| source.may_call(name));
        // Refused with a message.
        let has_await = self.language == Language::Generator && source.mentions(&["await"]);
        if !is_mentioned && !has_await {
            return body.clone();
        }
        self.has_keywords = has_await || source.has_keyword_yield();
        let place = Place {
            inside: Inside::Own,
            in_macro: false,
            guarded: false,
        };
        self.group(body, place).unwrap_or_else(|| body.clone())
    }

    /// A group with the words in it rewritten; `None` if there are none.
    fn group(&mut self, group: &Group, place: Place) -> Option<Group> {
        let rewritten = self.tokens(&inside(group), place)?;
        let delimiter = match group.delimiter() {
            Delimiter::None => visible(&rewritten),
            delimiter => delimiter,
        };
        Some(crate::write::group(delimiter, rewritten, group.span()))
    }

    /// Tokens with the words in them rewritten; `None` if there are none.
    fn tokens(&mut self, trees: &[TokenTree], outer: Place) -> Option<Tokens> {
        let mut out = Output::new(trees);
        let mut closure: Option<(usize, Inside)> = None;
        let mut at = 0;
        while let Some(tree) = trees.get(at) {
            let place = match closure {
                Some((end, inside)) if at < end => Place { inside, ..outer },
                _ => outer,
            };
            match tree {
                TokenTree::Ident(ident) if self.has_keywords || may_be_more(trees.get(at + 1)) => {
                    let name = ident.to_string();
                    if let Some(taken) = self.ident(trees, at, &name, place, &mut out) {
                        at += taken;
                        continue;
                    }
                }
                TokenTree::Punct(punct) => match punct.as_char() {
                    // An attribute.
                    '#' if matches!(trees.get(at + 1), Some(TokenTree::Group(_))) => {
                        if let Some(taken) = self.attribute(trees, at, place, &mut out) {
                            at += taken;
                            continue;
                        }
                        out.keep(at..at + 2);
                        at += 2;
                        continue;
                    }
                    '!' => {
                        if let Some(arguments) = macro_arguments(trees, at) {
                            out.keep(at..arguments);
                            self.tree(
                                trees,
                                arguments,
                                Place {
                                    in_macro: true,
                                    ..place
                                },
                                &mut out,
                            );
                            at = arguments + 1;
                            continue;
                        }
                    }
                    '|' if !matches!(closure, Some((end, _)) if at < end) => {
                        if let Some((start, end)) = closure_body(trees, at) {
                            let inside = if is_async_closure(trees, at) {
                                Inside::Async
                            } else {
                                Inside::Closure
                            };
                            out.keep(at..start);
                            closure = Some((end, inside));
                            at = start;
                            continue;
                        }
                    }
                    _ => {}
                },
                _ => {}
            }
            self.tree(trees, at, place, &mut out);
            at += 1;
        }
        out.finish()
    }

    /// The token at `at`, rewritten if it is a group with words in it.
    fn tree(&mut self, trees: &[TokenTree], at: usize, place: Place, out: &mut Output<'_>) {
        let rewritten = match &trees[at] {
            TokenTree::Group(group) => self.group(group, place),
            _ => None,
        };
        out.keep_or(at, rewritten);
    }

    /// What begins with an identifier and is more than that; gives how many tokens it took.
    fn ident(
        &mut self,
        trees: &[TokenTree],
        at: usize,
        name: &str,
        place: Place,
        out: &mut Output<'_>,
    ) -> Option<usize> {
        match name {
            "async" => self
                .python_block(trees, at, place, out)
                .or_else(|| self.async_block(trees, at, place, out)),
            "fn" => self.function(trees, at, place, out),
            "yield" => self.yield_keyword(trees, at, place, out),
            "await" => {
                self.plain_await(trees, at, place);
                None
            }
            _ => match Word::of(name) {
                Some(word) => self.word(trees, at, word, place, out),
                None if self.recursive.as_deref() == Some(name) => {
                    self.own_call(trees, at, place, out)
                }
                None => None,
            },
        }
    }

    /// `async { .. }` and `async move { .. }`.
    fn async_block(
        &mut self,
        trees: &[TokenTree],
        at: usize,
        place: Place,
        out: &mut Output<'_>,
    ) -> Option<usize> {
        let block = if is_ident(trees.get(at + 1), "move") {
            at + 2
        } else {
            at + 1
        };
        let TokenTree::Group(group) = trees.get(block)? else {
            return None;
        };
        if group.delimiter() != Delimiter::Brace {
            return None;
        }
        out.keep(at..block);
        self.tree(
            trees,
            block,
            Place {
                inside: Inside::Async,
                ..place
            },
            out,
        );
        Some(block + 1 - at)
    }

    /// `fn name(..) { .. }` in the body: one with an attribute of its own is left to that.
    fn function(
        &mut self,
        trees: &[TokenTree],
        at: usize,
        place: Place,
        out: &mut Output<'_>,
    ) -> Option<usize> {
        if !matches!(trees.get(at + 1), Some(TokenTree::Ident(_))) {
            return None;
        }
        let body = (at + 2..trees.len()).find(|&i| match &trees[i] {
            TokenTree::Group(group) => {
                group.delimiter() == Delimiter::Brace
                    && !is_punct(trees.get(i - 1), &['<', ',', '='])
            }
            TokenTree::Punct(punct) => punct.as_char() == ';',
            _ => false,
        })?;
        out.keep(at..body);
        if place.in_macro || has_attribute(trees, at) {
            out.keep(body..body + 1);
        } else {
            self.tree(
                trees,
                body,
                Place {
                    inside: Inside::Function,
                    ..place
                },
                out,
            );
        }
        Some(body + 1 - at)
    }

    /// `.await` in a generator.
    fn plain_await(&mut self, trees: &[TokenTree], at: usize, place: Place) {
        let misplaced =
            self.language == Language::Generator && place.inside == Inside::Own && !place.in_macro;
        if misplaced && at > 0 && is_punct(trees.get(at - 1), &['.']) {
            let message = "a generator cannot await: it runs only while somebody asks it for a value; make it an async generator, by returning \
                           `AsyncGenerator<..>`, or await outside and hand the value in";
            self.mistakes.push(Mistake::at(trees[at].span(), message));
        }
    }
}

/// Whether what begins with an identifier can be more than that, as the next token says: a macro, a block, a call, `fn name`. To ask for
/// an identifier's name is what takes the time.
fn may_be_more(next: Option<&TokenTree>) -> bool {
    match next {
        Some(TokenTree::Punct(punct)) => matches!(punct.as_char(), '!' | ':'),
        Some(TokenTree::Group(_) | TokenTree::Ident(_)) => true,
        Some(TokenTree::Literal(_)) | None => false,
    }
}
