//! The words that are macros: `await_!`, `yield_!` and `yield_from!`; what each becomes, and what is wrong with it where it stands.

use super::shapes::commas;
use super::tokens::{Output, is_ident, is_punct, ours};
use super::{Inside, Language, Place, Rewriter, checked, label, way, words};
use crate::diagnostic::Mistake;
use crate::token::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use crate::write::{Tokens, group, inside, quote_spanned};

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Word {
    Await,
    Yield,
    YieldFrom,
}

impl Word {
    pub(super) fn of(name: &str) -> Option<Self> {
        match name {
            "await_" => Some(Word::Await),
            "yield_" => Some(Word::Yield),
            "yield_from" => Some(Word::YieldFrom),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Word::Await => "await_",
            Word::Yield => "yield_",
            Word::YieldFrom => "yield_from",
        }
    }
}

impl Rewriter<'_> {
    /// `word!(..)`.
    pub(super) fn word(
        &mut self,
        trees: &[TokenTree],
        at: usize,
        word: Word,
        place: Place,
        out: &mut Output<'_>,
    ) -> Option<usize> {
        let before = at.checked_sub(1).and_then(|i| trees.get(i));
        let start = trees[at].span();
        let Some(TokenTree::Punct(bang)) = trees.get(at + 1) else {
            return self.without_bang(trees, at, word, place, out);
        };
        let Some(TokenTree::Group(group)) = trees.get(at + 2) else {
            return None;
        };
        if bang.as_char() != '!' || group.delimiter() == Delimiter::None || is_punct(before, &['.'])
        {
            return None;
        }
        out.drop_path();
        let written = inside(group);
        let has_comma = written.len() > 1 && is_punct(written.last(), &[',']);
        let rewritten = self.tokens(&written, place);
        let unchanged = (rewritten.is_none() && !has_comma).then(|| group.stream());
        let mut operand = rewritten.unwrap_or(written);
        if has_comma {
            operand.pop();
        }
        let operand = Operand {
            trees: operand,
            unchanged,
        };
        let rewritten = match self.mistake(word, &operand.trees, place) {
            Some(message) => Mistake::between(start, group.span(), message).into_expression(),
            None => self.rewritten(word, start, group.span(), operand, place),
        };
        out.rewrite(rewritten);
        let next = trees.get(at + 3);
        // A macro call in braces is a statement by itself, if it begins one.
        let is_statement = group.delimiter() == Delimiter::Brace
            && next.is_some_and(|next| !is_punct(Some(next), &['.', '?', ';']))
            && match before {
                Some(TokenTree::Group(block)) => block.delimiter() == Delimiter::Brace,
                before => is_punct(before, &[';']),
            };
        // Of any other that a statement follows, the compiler has asked for the semicolon already.
        if !place.in_macro && (is_statement || begins_a_statement(next)) {
            out.rewrite(quote_spanned!(group.span()=> ;));
        }
        Some(3)
    }

    /// `yield_from(..)`: a word written as a function.
    fn without_bang(
        &mut self,
        trees: &[TokenTree],
        at: usize,
        word: Word,
        place: Place,
        out: &mut Output<'_>,
    ) -> Option<usize> {
        let before = at.checked_sub(1).and_then(|i| trees.get(i));
        let Some(TokenTree::Group(group)) = trees.get(at + 1) else {
            return None;
        };
        let is_other = group.delimiter() != Delimiter::Parenthesis
            || place.in_macro
            || is_punct(before, &['.', ':'])
            || is_ident(before, "fn")
            || place.inside == Inside::Function;
        if is_other {
            return None;
        }
        let name = word.name();
        let message = format!(
            "`{name}(..)` without the bang: the words of a coroutine are macros, write `{name}!(..)`; for a function of your own that has this \
             name write its path, `self::{name}(..)`"
        );
        out.rewrite(Mistake::between(trees[at].span(), group.span(), message).into_expression());
        if begins_a_statement(trees.get(at + 2)) {
            out.rewrite(quote_spanned!(group.span()=> ;));
        }
        Some(2)
    }

    /// `yield x`: the compiler has refused the keyword before we are asked, and not said what to write in its place.
    pub(super) fn yield_keyword(
        &mut self,
        trees: &[TokenTree],
        at: usize,
        place: Place,
        out: &mut Output<'_>,
    ) -> Option<usize> {
        let is_word = !place.in_macro
            && !is_punct(
                at.checked_sub(1).and_then(|i| trees.get(i)),
                &['.', ':', '\''],
            );
        if !is_word {
            return None;
        }
        let end = (at..trees.len())
            .find(|&i| is_punct(trees.get(i), &[';', ',']))
            .unwrap_or(trees.len());
        let message = "`yield` without the bang: Rust keeps the bare word for itself, write `yield_!(x)`; for Python's `yield from` write \
                       `yield_from!(x)`";
        out.rewrite(
            Mistake::between(trees[at].span(), trees[end - 1].span(), message).into_expression(),
        );
        Some(end - at)
    }

    /// `async with m { .. }` and `async for x in xs { .. }`: the compiler has refused them, too, and said no more than that.
    pub(super) fn python_block(
        &mut self,
        trees: &[TokenTree],
        at: usize,
        place: Place,
        out: &mut Output<'_>,
    ) -> Option<usize> {
        let message = if is_ident(trees.get(at + 1), "with") {
            "`async with` is an attribute, and stands on a block: `#[async_with(name = manager)] { .. }`"
        } else if is_ident(trees.get(at + 1), "for") {
            "`async for` is an attribute, and stands on a loop: `#[async_for] for x in xs { .. }`"
        } else {
            return None;
        };
        if place.in_macro {
            return None;
        }
        let block = (at..trees.len()).find(|&i| {
            matches!(&trees[i], TokenTree::Group(group) if group.delimiter() == Delimiter::Brace)
        })?;
        out.rewrite(
            Mistake::between(trees[at].span(), trees[at + 1].span(), message).into_tokens(),
        );
        Some(block + 1 - at)
    }

    /// What is wrong with a word where it stands, if anything.
    fn mistake(&self, word: Word, operand: &[TokenTree], place: Place) -> Option<String> {
        let name = word.name();
        match place.inside {
            Inside::Function => {
                return Some(format!(
                    "`{name}!` in a function of its own: the coroutine around it does not reach in here; mark this function \
                     `#[asyncio::coroutine]` too"
                ));
            }
            Inside::Closure if word == Word::Await => {
                return Some(
                    "`await_!` in a closure, which cannot wait: write an async closure, `async |..| { .. }`, and await what it gives, or a `for` \
                     loop in its place"
                        .to_owned(),
                );
            }
            Inside::Closure if self.language == Language::NativeCoroutine => {}
            Inside::Closure => {
                return Some(format!(
                    "`{name}!` in a closure, which cannot be suspended: only the function's own body can; write a `for` loop in place of the \
                     closure"
                ));
            }
            Inside::Async
                if word == Word::Yield
                    || (word == Word::YieldFrom && self.language == Language::Generator) =>
            {
                return Some(format!(
                    "`{name}!` in an `async` block, which is a coroutine of its own: only the function's own body can yield; move the word out of \
                     the block"
                ));
            }
            Inside::Async | Inside::Own => {}
        }
        match (self.language, word) {
            (Language::NativeCoroutine, Word::YieldFrom) => Some(
                "`yield_from!` in an `async fn`: as in Python, an `async fn` awaits, write `await_!(..)`; the coroutines that say `yield_from!` are \
                 written as plain `fn`"
                    .to_owned(),
            ),
            (Language::NativeCoroutine, Word::Yield) if operand.is_empty() => Some(
                "`yield_!()` in an `async fn`: to give up one turn of the loop write `await_!(asyncio::sleep(0))`, or write the coroutine as plain \
                 `fn`"
                    .to_owned(),
            ),
            (Language::NativeCoroutine, Word::Yield) => Some(
                "`yield_!` in a coroutine, which returns one value and yields none: for an async generator return `asyncio::AsyncGenerator<Y>`"
                    .to_owned(),
            ),
            (Language::Coroutine, Word::Yield) if !operand.is_empty() => Some(
                "`yield_!` of a value in a coroutine, which yields none: for a generator say what it yields in the return type, `-> \
                 asyncio::Generator<Y>`; to give up one turn of the loop write `yield_!()`"
                    .to_owned(),
            ),
            (Language::AsyncGenerator, Word::YieldFrom) => Some(
                "`yield_from!` in an async generator: as in Python, it delegates with a loop, `#[async_for] for x in inner { yield_!(x); }`"
                    .to_owned(),
            ),
            (Language::Generator, Word::Await) if place.inside == Inside::Own => Some(
                "`await_!` in a generator, which cannot wait: it runs only while somebody asks it for a value; to delegate to another generator \
                 write `yield_from!(..)`; one that also awaits returns `asyncio::AsyncGenerator<..>`"
                    .to_owned(),
            ),
            (Language::Generator, Word::YieldFrom) if operand.is_empty() => Some(
                "`yield_from!()` of nothing: write what it is to delegate to, another generator or anything that can be iterated over".to_owned(),
            ),
            (_, Word::Await | Word::YieldFrom) if operand.is_empty() => {
                Some(format!("`{name}!()` of nothing: write what it is to wait for, `{name}!(x)`"))
            }
            _ => is_several(operand).then(|| format!("`{name}!` takes one value: for a tuple write `{name}!((a, b))`")),
        }
    }

    /// The expression that a word becomes. It binds as tightly as the macro call it replaces.
    fn rewritten(
        &mut self,
        word: Word,
        start: Span,
        end: Span,
        operand: Operand,
        place: Place,
    ) -> Tokens {
        // Input:  await_!(x)
        // Output: (x).await
        if word == Word::Await || (word == Word::YieldFrom && self.language == Language::Coroutine)
        {
            let operand = operand.parenthesized(end);
            return quote_spanned!(start=> #operand.await);
        }
        let span = ours(start);
        let private = self.names.private_at(start);
        // The first token of each, and its last, is the user's: of an expression that begins with one of ours and goes on with one of the
        // user's, as with `?`, the compiler would tell at the attribute.
        let wait = quote_spanned!(end=> .await);
        match (self.language, word) {
            // Input:  yield_!()
            // Output: (private::turn()).await
            (Language::Coroutine, _) => {
                let turn = parenthesized(quote_spanned!(span=> #private::turn()), start);
                quote_spanned!(start=> #turn #wait)
            }
            // Input:  yield_!(x)
            // Output, in another macro's arguments:
            //         (guarded words).yield_({ (x) }).await
            //    or, in a generator:
            //         ({ let resumed = (guarded words).yield_({ (x) }, _way).await; _way = resumed.way; resumed }).sent()
            //    or, in an async generator:
            //         ({
            //             let resumed = (guarded words).yield_here({ (x) }).await;
            //             words = resumed.words;
            //             resumed
            //         }).sent()
            //    or, in a block of one that a manager guards, the same with `yield_within` and the words as they are
            (language, Word::Yield) => {
                let guarded = parenthesized(self.guarded(span, &private, place, &[]), start);
                // In parentheses, as `{ a } | b` at the beginning of a block would be two statements.
                let operand = (!operand.trees.is_empty()).then(|| operand.parenthesized(span));
                if place.in_macro {
                    let operand = quote_spanned!(span=> ({ #operand }));
                    return quote_spanned!(start=> #guarded.yield_ #operand #wait);
                }
                if language == Language::Generator {
                    let way = way(span);
                    let operand = quote_spanned!(span=> ({ #operand }, #way));
                    let resumed = quote_spanned!(start=> #guarded.yield_ #operand #wait);
                    let resumed = quote_spanned!(span=> { let resumed = #resumed; #way = resumed.way; resumed });
                    let resumed = parenthesized(resumed, start);
                    return quote_spanned!(end=> #resumed.sent());
                }
                let words = words(span);
                let operand = quote_spanned!(span=> ({ #operand }));
                let (resumed, next) = if place.guarded {
                    let resumed = quote_spanned!(start=> #guarded.yield_within #operand #wait);
                    (resumed, Tokens::new())
                } else {
                    self.needs.renews = true;
                    let resumed = quote_spanned!(start=> #guarded.yield_here #operand #wait);
                    (resumed, quote_spanned!(span=> #words = resumed.words;))
                };
                let resumed = quote_spanned! {span=> {
                    let resumed = #resumed;
                    #next
                    resumed
                }};
                let resumed = parenthesized(resumed, start);
                quote_spanned!(end=> #resumed.sent())
            }
            // Input:  yield_from!(x)
            // Output: (private::From(x)).delegate(guarded words).await
            (_, Word::YieldFrom | Word::Await) => {
                self.needs.delegates = true;
                let delegate = Ident::new(
                    if place.in_macro {
                        "delegate_checked"
                    } else {
                        "delegate"
                    },
                    start,
                );
                // An operand that does not fit is told of at the operand.
                let words = self.guarded(span, &private, place, &operand.trees);
                let operand = operand.parenthesized(span);
                let from = parenthesized(quote_spanned!(span=> #private::From #operand), start);
                let arguments = parenthesized(words, end);
                quote_spanned!(start=> #from.#delegate #arguments.await)
            }
        }
    }

    /// The words of a generator, behind a jump that the compiler checks and nothing takes: it cannot leave an `async` block or a
    /// closure, so a word that some macro wraps in one does not compile. As an expression they stand at `place_of`.
    fn guarded(
        &mut self,
        span: Span,
        private: &Tokens,
        place: Place,
        place_of: &[TokenTree],
    ) -> Tokens {
        self.needs.label = true;
        self.needs.checked |= place.in_macro;
        let label = label(span);
        let words = if place.in_macro {
            checked(span)
        } else {
            words(span)
        };
        let first = place_of.first().map_or(span, TokenTree::span);
        let end = place_of.last().map_or(span, TokenTree::span);
        let condition = Ident::new("if", first);
        let words = group(Delimiter::Brace, vec![words.into()], end);
        // The loop is for the compiler: of a jump to a label out of reach it says so, and of one that is in no loop it says that, too.
        quote_spanned! {span=>
            #condition false { loop { break #label #private::never() } } else #words
        }
    }
}

/// What a word is given.
struct Operand {
    trees: Tokens,
    /// The same as it was written: where nothing is rewritten, for what is put together again can mean something else.
    unchanged: Option<TokenStream>,
}

impl Operand {
    fn parenthesized(self, span: Span) -> TokenTree {
        match self.unchanged {
            Some(stream) => {
                let mut group = Group::new(Delimiter::Parenthesis, stream);
                group.set_span(span);
                group.into()
            }
            None => parenthesized(self.trees, span),
        }
    }
}

fn parenthesized(trees: Tokens, span: Span) -> TokenTree {
    group(Delimiter::Parenthesis, trees, span).into()
}

/// Whether what follows an expression is no part of anything that goes on with it.
fn begins_a_statement(next: Option<&TokenTree>) -> bool {
    const GO_ON: [&str; 4] = ["as", "else", "if", "in"];
    matches!(next, Some(TokenTree::Ident(ident)) if !GO_ON.contains(&ident.to_string().as_str()))
}

/// Whether an operand is several, separated by commas, and not one that has commas in it (`f::<A, B>()`).
fn is_several(operand: &[TokenTree]) -> bool {
    commas(operand).next().is_some()
}
