//! Finds the words in a function's body and rewrites them, token by token.
//!
//! Two rules hold everywhere. What has no word in it passes through untouched, group by group: a rebuilt group can mean something
//! else (an invisible one loses its precedence). And valid code is never refused: where tokens alone cannot tell what something is,
//! it is left for the compiler to judge, and the guard that every `yield_!` carries makes the compiler refuse what would be unsound.

mod blocks;

use proc_macro2::{Delimiter, Group, Ident, Spacing, Span, TokenStream, TokenTree};
use quote::{quote, quote_spanned};
use syn::Lifetime;

use crate::diagnostic::Mistake;

/// What a body has in it, as far as it decides what the function is.
#[derive(Default)]
pub(crate) struct Found {
    yield_: bool,
    yield_from: bool,
    /// `todo!()` and the like: the body has yet to be written.
    unwritten: bool,
}

impl Found {
    /// Looks through a body.
    pub(crate) fn in_body(body: TokenStream) -> Self {
        let mut found = Found::default();
        if mentions(
            &body,
            &["yield", "todo", "unimplemented", "unreachable", "panic"],
        ) {
            found.look(body);
        }
        found
    }

    /// Whether there is a word in it that yields.
    pub(crate) fn yields(&self) -> bool {
        self.yield_ || self.yield_from
    }

    /// Whether nothing is to be said of its not yielding: it does, it is a placeholder, or it has a word in it that is refused in a
    /// generator with a message of its own.
    pub(crate) fn yields_or_is_excused(&self, body: &TokenStream) -> bool {
        self.yields() || self.unwritten || mentions(body, &["await", "async_", "yield_"])
    }

    fn look(&mut self, tokens: TokenStream) {
        let mut before: Option<String> = None;
        for tree in tokens {
            let mut name = None;
            match tree {
                TokenTree::Ident(ident) => {
                    let ident = ident.to_string();
                    // Refused with a message of its own.
                    self.yield_ |= ident == "yield";
                    name = Some(ident);
                }
                TokenTree::Punct(punct) if punct.as_char() == '!' => match before.as_deref() {
                    Some("yield_") => self.yield_ = true,
                    Some("yield_from") => self.yield_from = true,
                    Some("todo" | "unimplemented" | "unreachable" | "panic") => {
                        self.unwritten = true
                    }
                    _ => {}
                },
                TokenTree::Group(group) => self.look(group.stream()),
                _ => {}
            }
            before = name;
        }
    }
}

/// Whether any of the names may be in there: false only if none is.
///
/// The compiler writes tokens out many times faster than they can be asked for one by one, and most bodies have few words or none.
fn mentions(tokens: &TokenStream, names: &[&str]) -> bool {
    let text = tokens.to_string();
    names.iter().any(|name| text.contains(name))
}

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

/// The names that the expansion uses in the body. They are hygienic: nothing the user writes can mean them.
pub(crate) struct Names {
    /// The path of the hidden module that expansions call.
    pub(crate) private: TokenStream,
}

/// The words of a generator.
pub(crate) fn words(span: Span) -> Ident {
    Ident::new("words", ours(span))
}

/// The words of a generator in other macros' arguments.
pub(crate) fn checked(span: Span) -> Ident {
    Ident::new("checked", ours(span))
}

/// The label of a generator's body. A word that a macro moves out of the body is refused as a "use of unreachable label" by its name.
pub(crate) fn label(span: Span) -> Lifetime {
    Lifetime::new(&format!("'{LABEL}"), ours(span))
}

const LABEL: &str = "yield_only_in_the_generators_own_body";

impl Names {
    pub(crate) fn new(asyncio: &TokenStream) -> Self {
        let span = Span::mixed_site();
        Names {
            private: quote_spanned!(span=> #asyncio::__private),
        }
    }
}

/// What the rewritten body needs around it.
#[derive(Default)]
pub(crate) struct Needs {
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
    returns: Option<TokenStream>,
    /// How many `#[async_with]` blocks there were.
    blocks: usize,
    /// The function's name, if calls of it in its own body are to be boxed.
    recursive: Option<String>,
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

#[derive(Clone, Copy, PartialEq)]
enum Word {
    Await,
    Yield,
    YieldFrom,
}

impl Word {
    fn of(name: &str) -> Option<Self> {
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

impl<'a> Rewriter<'a> {
    /// For a body of a function that is `language`. Calls of `recursive` in it are boxed.
    pub(crate) fn new(
        language: Language,
        names: &'a Names,
        recursive: Option<&Ident>,
        returns: Option<TokenStream>,
    ) -> Self {
        Rewriter {
            language,
            shows: None,
            returns,
            blocks: 0,
            names,
            recursive: recursive.map(ToString::to_string),
            needs: Needs::default(),
            mistakes: Vec::new(),
        }
    }

    /// For a function that shows what it gives as an `impl Iterator` or an `impl Stream`.
    pub(crate) fn showing(mut self, shows: Option<Shows>) -> Self {
        self.shows = shows;
        self
    }

    /// The body with its words rewritten; it keeps the span of its braces, which say the edition of its temporaries.
    pub(crate) fn body(&mut self, body: &Group) -> Group {
        let mut words = vec!["await_", "yield", "async_for", "async_with"];
        words.extend(self.recursive.as_deref());
        if self.language == Language::Generator {
            // Refused with a message.
            words.push("await");
        }
        if !mentions(&body.stream(), &words) {
            return body.clone();
        }
        let place = Place {
            inside: Inside::Own,
            in_macro: false,
        };
        self.group(body, place).unwrap_or_else(|| body.clone())
    }

    /// A group with the words in it rewritten; `None` if there are none.
    fn group(&mut self, group: &Group, place: Place) -> Option<Group> {
        let stream = self.tokens(group.stream(), place)?;
        let delimiter = match group.delimiter() {
            Delimiter::None => visible(&stream),
            delimiter => delimiter,
        };
        let mut rewritten = Group::new(delimiter, stream);
        rewritten.set_span(group.span());
        Some(rewritten)
    }

    /// Tokens with the words in them rewritten; `None` if there are none.
    fn tokens(&mut self, tokens: TokenStream, outer: Place) -> Option<TokenStream> {
        let trees: Vec<TokenTree> = tokens.into_iter().collect();
        let mut out = Output {
            trees: Vec::with_capacity(trees.len()),
            changed: false,
        };
        let mut closure: Option<(usize, Inside)> = None;
        let mut at = 0;
        while let Some(tree) = trees.get(at) {
            let place = match closure {
                Some((end, inside)) if at < end => Place { inside, ..outer },
                _ => outer,
            };
            match tree {
                TokenTree::Ident(ident) => {
                    let name = ident.to_string();
                    if let Some(taken) = self.ident(&trees, at, &name, place, &mut out) {
                        at += taken;
                        continue;
                    }
                }
                TokenTree::Punct(punct) => match punct.as_char() {
                    // An attribute.
                    '#' if matches!(trees.get(at + 1), Some(TokenTree::Group(_))) => {
                        if let Some(taken) = self.attribute(&trees, at, place, &mut out) {
                            at += taken;
                            continue;
                        }
                        out.copy(&trees[at..at + 2]);
                        at += 2;
                        continue;
                    }
                    '!' => {
                        if let Some(arguments) = macro_arguments(&trees, at) {
                            out.copy(&trees[at..arguments]);
                            self.copy_tree(
                                &trees[arguments],
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
                        if let Some((start, end)) = closure_body(&trees, at) {
                            let inside = if is_async_closure(&trees, at) {
                                Inside::Async
                            } else {
                                Inside::Closure
                            };
                            out.copy(&trees[at..start]);
                            closure = Some((end, inside));
                            at = start;
                            continue;
                        }
                    }
                    _ => {}
                },
                TokenTree::Group(_) | TokenTree::Literal(_) => {}
            }
            self.copy_tree(tree, place, &mut out);
            at += 1;
        }
        out.changed.then(|| out.trees.into_iter().collect())
    }

    /// One token, rewritten if it is a group with words in it.
    fn copy_tree(&mut self, tree: &TokenTree, place: Place, out: &mut Output) {
        if let TokenTree::Group(group) = tree {
            if let Some(rewritten) = self.group(group, place) {
                out.trees.push(rewritten.into());
                out.changed = true;
                return;
            }
        }
        out.trees.push(tree.clone());
    }

    /// What begins with an identifier and is more than that; gives how many tokens it took.
    fn ident(
        &mut self,
        trees: &[TokenTree],
        at: usize,
        name: &str,
        place: Place,
        out: &mut Output,
    ) -> Option<usize> {
        match name {
            "async" => self.async_block(trees, at, place, out),
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
        out: &mut Output,
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
        out.copy(&trees[at..block]);
        self.copy_tree(
            &trees[block],
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
        out: &mut Output,
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
        out.copy(&trees[at..body]);
        if place.in_macro || has_attribute(trees, at) {
            out.trees.push(trees[body].clone());
        } else {
            self.copy_tree(
                &trees[body],
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

    /// The call of the function inside itself: what it gives contains, or would contain, itself, so it goes in a box.
    fn own_call(
        &mut self,
        trees: &[TokenTree],
        at: usize,
        place: Place,
        out: &mut Output,
    ) -> Option<usize> {
        if place.inside == Inside::Function {
            return None;
        }
        let arguments = at + call_arguments(&trees[at..])?;
        let before = |n: usize| at.checked_sub(n).and_then(|i| trees.get(i));
        let receiver = if is_punct(before(1), &['.']) {
            self.receiver(&trees[..at - 1])? + 1
        } else if is_punct(before(1), &[':']) {
            (is_punct(before(2), &[':'])
                && is_ident(before(3), "Self")
                && !is_punct(before(4), &[':', '<']))
            .then_some(3)?
        } else if is_ident(before(1), "fn") {
            return None;
        } else {
            0
        };
        let mut call = Output {
            trees: Vec::new(),
            changed: true,
        };
        let kept = out.trees.len().checked_sub(receiver)?;
        call.trees.extend(out.trees.drain(kept..));
        call.copy(&trees[at..arguments]);
        self.copy_tree(&trees[arguments], place, &mut call);
        let call: TokenStream = call.trees.into_iter().collect();
        let span = ours(trees[at].span());
        let private = &self.names.private;
        out.rewrite(match self.shows {
            None => quote_spanned!(span=> #private::Call(#call).boxed()),
            Some(Shows::Iterator) => quote_spanned!(span=> #private::boxed_iterator(#call)),
            Some(Shows::Stream) => quote_spanned!(span=> #private::boxed_stream(#call)),
        });
        self.needs.recurses |= self.shows.is_none();
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

    /// `word!(..)`.
    fn word(
        &mut self,
        trees: &[TokenTree],
        at: usize,
        word: Word,
        place: Place,
        out: &mut Output,
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
        let stream = group.stream();
        let operand = self.tokens(stream.clone(), place).unwrap_or(stream);
        let operand = without_trailing_comma(operand);
        let rewritten = match self.mistake(word, &operand, place) {
            Some(message) => Mistake::between(start, group.span(), message).into_tokens(),
            None => self.rewritten(word, start, group.span(), operand, place),
        };
        out.rewrite(rewritten);
        Some(3)
    }

    /// `yield_from(..)`: a word written as a function.
    fn without_bang(
        &mut self,
        trees: &[TokenTree],
        at: usize,
        word: Word,
        place: Place,
        out: &mut Output,
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
        out.rewrite(Mistake::between(trees[at].span(), group.span(), message).into_tokens());
        Some(2)
    }

    /// `yield x`: the compiler has refused the keyword before we are asked, and not said what to write in its place.
    fn yield_keyword(
        &mut self,
        trees: &[TokenTree],
        at: usize,
        place: Place,
        out: &mut Output,
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
            Mistake::between(trees[at].span(), trees[end - 1].span(), message).into_tokens(),
        );
        Some(end - at)
    }

    /// What is wrong with a word where it stands, if anything.
    fn mistake(&self, word: Word, operand: &TokenStream, place: Place) -> Option<String> {
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
        operand: TokenStream,
        place: Place,
    ) -> TokenStream {
        let span = ours(start);
        let private = &self.names.private;
        match (self.language, word) {
            // Input:  yield_!()
            // Output: private::turn().await
            (Language::Coroutine, Word::Yield) => quote_spanned!(span=> #private::turn().await),
            // Input:  await_!(x)
            // Output: (x).await
            (_, Word::Await) | (Language::Coroutine, Word::YieldFrom) => {
                let mut operand = Group::new(Delimiter::Parenthesis, operand);
                operand.set_span(end);
                quote_spanned!(start=> #operand.await)
            }
            // Input:  yield_!(x)
            // Output: (guarded words).yield_({ (x) }).await
            (_, Word::Yield) => {
                let words = self.guarded(span, place);
                // In parentheses, as `{ a } | b` at the beginning of a block would be two statements.
                let operand = (!operand.is_empty()).then(|| quote_spanned!(span=> (#operand)));
                quote_spanned!(span=> #words.yield_({ #operand }).await)
            }
            // Input:  yield_from!(x)
            // Output: private::From(x).delegate(guarded words).await
            (_, Word::YieldFrom) => {
                let words = self.guarded(span, place);
                self.needs.delegates = true;
                let delegate = Ident::new(
                    if place.in_macro {
                        "delegate_checked"
                    } else {
                        "delegate"
                    },
                    span,
                );
                quote_spanned!(span=> #private::From(#operand).#delegate(#words).await)
            }
        }
    }

    /// The words of a generator, behind a jump that the compiler checks and nothing takes: it cannot leave an `async` block or a
    /// closure, so a word that some macro wraps in one does not compile.
    fn guarded(&mut self, span: Span, place: Place) -> TokenStream {
        let private = &self.names.private;
        self.needs.label = true;
        self.needs.checked |= place.in_macro;
        let label = label(span);
        let words = if place.in_macro {
            checked(span)
        } else {
            words(span)
        };
        quote_spanned!(span=> (if false { break #label #private::never() } else { #words }))
    }
}

/// Tokens on their way out.
struct Output {
    trees: Vec<TokenTree>,
    changed: bool,
}

impl Output {
    fn copy(&mut self, trees: &[TokenTree]) {
        self.trees.extend_from_slice(trees);
    }

    fn rewrite(&mut self, tokens: TokenStream) {
        self.trees.extend(tokens);
        self.changed = true;
    }

    /// Takes back the `asyncio::` of a word written with its path.
    fn drop_path(&mut self) {
        while let [.., TokenTree::Punct(a), TokenTree::Punct(b)] = self.trees.as_slice() {
            if a.as_char() != ':' || b.as_char() != ':' {
                break;
            }
            self.trees.truncate(self.trees.len() - 2);
            if let Some(TokenTree::Ident(_)) = self.trees.last() {
                self.trees.pop();
                if is_punct(self.trees.last(), &['$']) {
                    self.trees.pop();
                }
            }
        }
    }
}

/// Our own hygiene at the user's place.
fn ours(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}

fn is_ident(tree: Option<&TokenTree>, name: &str) -> bool {
    matches!(tree, Some(TokenTree::Ident(ident)) if ident == name)
}

fn is_punct(tree: Option<&TokenTree>, any: &[char]) -> bool {
    matches!(tree, Some(TokenTree::Punct(punct)) if any.contains(&punct.as_char()))
}

/// The delimiter of an invisible group, `$e:expr` or the like, that had to be rebuilt: parentheses keep the precedence of an
/// expression; anything else has none to lose.
fn visible(stream: &TokenStream) -> Delimiter {
    let trees: Vec<TokenTree> = stream.clone().into_iter().collect();
    let is_statement = is_ident(trees.first(), "let") || is_punct(trees.last(), &[';']);
    let is_block = matches!(trees.as_slice(), [TokenTree::Group(_)]);
    if is_statement || is_block {
        Delimiter::None
    } else {
        Delimiter::Parenthesis
    }
}

/// Keywords that an expression may follow, and that no macro can be named.
const BEFORE_EXPRESSION: &[&str] = &[
    "return", "break", "in", "match", "if", "while", "else", "move", "async", "static", "yield",
];

fn is_before_expression(tree: &TokenTree) -> bool {
    matches!(tree, TokenTree::Ident(ident) if BEFORE_EXPRESSION.iter().any(|keyword| ident == keyword))
}

/// The arguments of a macro call whose bang stands at `at`.
fn macro_arguments(trees: &[TokenTree], at: usize) -> Option<usize> {
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
fn closure_body(trees: &[TokenTree], at: usize) -> Option<(usize, usize)> {
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

fn is_joint(tree: &TokenTree, c: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == c && punct.spacing() == Spacing::Joint)
}

/// Whether the closure whose parameters begin at `at` is an async one.
fn is_async_closure(trees: &[TokenTree], at: usize) -> bool {
    let before = |n: usize| at.checked_sub(n).and_then(|i| trees.get(i));
    is_ident(before(1), "async") || (is_ident(before(1), "move") && is_ident(before(2), "async"))
}

/// Whether the function whose `fn` stands at `at` has an attribute that may rewrite it.
fn has_attribute(trees: &[TokenTree], at: usize) -> bool {
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
fn call_arguments(trees: &[TokenTree]) -> Option<usize> {
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

fn without_trailing_comma(tokens: TokenStream) -> TokenStream {
    let mut trees: Vec<TokenTree> = tokens.clone().into_iter().collect();
    if trees.len() > 1 && is_punct(trees.last(), &[',']) {
        trees.pop();
        return trees.into_iter().collect();
    }
    tokens
}

/// Whether an operand is several, separated by commas, and not one that has commas in it (`f::<A, B>()`).
fn is_several(operand: &TokenStream) -> bool {
    let has_comma = operand
        .clone()
        .into_iter()
        .any(|tree| matches!(&tree, TokenTree::Punct(punct) if punct.as_char() == ','));
    has_comma && syn::parse2::<syn::Expr>(operand.clone()).is_err()
}

/// Replaces `#[coroutine]` by the attribute's full path, wherever it stands in `tokens`; `None` if it stands nowhere.
pub(crate) fn qualify(tokens: TokenStream, asyncio: &TokenStream) -> Option<TokenStream> {
    let mut changed = false;
    let mut after_hash = false;
    let out = tokens
        .into_iter()
        .map(|tree| {
            let is_attribute = std::mem::replace(&mut after_hash, is_punct(Some(&tree), &['#']));
            let TokenTree::Group(group) = &tree else {
                return tree;
            };
            let stream = if is_attribute && group.delimiter() == Delimiter::Bracket {
                qualified(group.stream(), asyncio)
            } else {
                qualify(group.stream(), asyncio)
            };
            let Some(stream) = stream else { return tree };
            changed = true;
            let mut rewritten = Group::new(group.delimiter(), stream);
            rewritten.set_span(group.span());
            rewritten.into()
        })
        .collect();
    changed.then_some(out)
}

/// The inside of `#[coroutine]` or `#[coroutine(..)]` with the full path; `None` for any other attribute.
fn qualified(attribute: TokenStream, asyncio: &TokenStream) -> Option<TokenStream> {
    let mut trees = attribute.into_iter();
    match trees.next()? {
        TokenTree::Ident(name) if name == "coroutine" => {
            let arguments: TokenStream = trees.collect();
            let is_path = is_punct(arguments.clone().into_iter().next().as_ref(), &[':']);
            (!is_path).then(|| quote!(#asyncio::#name #arguments))
        }
        _ => None,
    }
}
