//! The words that stand before a block: `#[async_for]` and `#[async_with]`.

use super::names::LABEL;
use super::shapes::{body_after, closure_body, commas, is_assignment};
use super::tokens::{Output, is_ident, is_punct, kept, ours};
use super::{Inside, Language, Place, Rewriter, entered, label};
use crate::diagnostic::Mistake;
use crate::item;
use crate::token::{Delimiter, Group, Ident, Span, TokenTree};
use crate::write::{Tokens, group, inside, quote_spanned};

/// The attribute's name and the tokens after it.
fn name_of(attribute: &Group) -> Option<(Ident, Tokens)> {
    let mut trees = attribute.stream().into_iter();
    let mut name = None;
    loop {
        match trees.next() {
            Some(TokenTree::Ident(ident)) => name = Some(ident),
            Some(TokenTree::Punct(punct)) if punct.as_char() == ':' => {}
            Some(TokenTree::Group(arguments)) => return Some((name?, inside(&arguments))),
            None => return Some((name?, Tokens::new())),
            _ => return None,
        }
    }
}

impl Rewriter<'_> {
    /// `#[async_for]` and `#[async_with(..)]`, with what they stand on; gives how many tokens that took.
    pub(super) fn attribute(
        &mut self,
        trees: &[TokenTree],
        at: usize,
        place: Place,
        out: &mut Output<'_>,
    ) -> Option<usize> {
        let Some(TokenTree::Group(attribute)) = trees.get(at + 1) else {
            return None;
        };
        let (name, arguments) = name_of(attribute)?;
        let is_for = match name.to_string().as_str() {
            "async_for" => true,
            "async_with" => false,
            _ => return None,
        };
        let rest = &trees[at + 2..];
        let rewritten = match self.cannot_wait(&name, place) {
            Some(message) => Err(Mistake::between(name.span(), attribute.span(), message)),
            None if is_for => self.async_for(&name, rest, place),
            None => self.async_with(&name, &arguments, rest, place),
        };
        let (tokens, taken) = rewritten.unwrap_or_else(|mistake| {
            // What it stands on goes too: without the attribute it would be one more mistake.
            let block = rest.iter().position(
                |tree| matches!(tree, TokenTree::Group(group) if group.delimiter() == Delimiter::Brace),
            );
            (mistake.into_tokens(), block.map_or(0, |block| block + 1))
        });
        out.rewrite(tokens);
        Some(2 + taken)
    }

    /// Why a block that awaits cannot stand here, if it cannot.
    fn cannot_wait(&self, name: &Ident, place: Place) -> Option<String> {
        match (place.inside, self.language) {
            (Inside::Function, _) => Some(format!(
                "`#[{name}]` in a function of its own: the coroutine around it does not reach in here; mark this function `#[asyncio::coroutine]` too"
            )),
            (Inside::Closure, _) => Some(format!(
                "`#[{name}]` in a closure, which cannot wait: write an async closure, `async |..| {{ .. }}`, and await what it gives"
            )),
            (Inside::Own, Language::Generator) => Some(format!(
                "`#[{name}]` in a generator, which cannot wait: one that also awaits returns `asyncio::AsyncGenerator<..>`"
            )),
            _ => None,
        }
    }

    // Input:  #[async_for] 'label: for pat in expr { body }
    // Output: match expr { stream => {
    //             let mut stream = pin!(stream);
    //             'label: while let Some(item) = stream.anext().await { let pat = item; { body } }
    //         } }
    fn async_for(
        &mut self,
        name: &Ident,
        rest: &[TokenTree],
        place: Place,
    ) -> Result<(Tokens, usize), Mistake> {
        let misplaced = || {
            Mistake::at(
                name.span(),
                "`#[async_for]` stands on a `for` loop: `#[async_for] for x in stream { .. }`",
            )
        };
        let mut at = 0;
        while is_punct(rest.get(at), &['#'])
            && matches!(rest.get(at + 1), Some(TokenTree::Group(_)))
        {
            at += 2;
        }
        let attrs = &rest[..at];
        let start = at;
        if is_punct(rest.get(at), &['\'']) {
            at += 3;
        }
        if !is_ident(rest.get(at), "for") {
            return Err(misplaced());
        }
        let loop_label = &rest[start..at];
        let pattern_start = at + 1;
        let of = (pattern_start..rest.len())
            .find(|&i| is_ident(rest.get(i), "in"))
            .ok_or_else(misplaced)?;
        let body = body_after(rest, of + 1)
            .filter(|&body| body > of + 1)
            .ok_or_else(misplaced)?;
        let pattern = &rest[pattern_start..of];
        let operand = &rest[of + 1..body];
        let operand_span = rest[of + 1].span();
        let operand = (self.tokens(operand, place))
            .unwrap_or_else(|| (0..operand.len()).map(|at| kept(operand, at)).collect());
        let TokenTree::Group(group) = &rest[body] else {
            return Err(misplaced());
        };
        let group = self.group(group, place).unwrap_or_else(|| group.clone());
        let span = ours(name.span());
        let private = self.names.private_at(operand_span);
        let anext = Ident::new("anext", ours(operand_span));
        let tokens = quote_spanned! {span=>
            #attrs
            match #operand {
                stream => {
                    let mut stream = ::core::pin::pin!(stream);
                    #loop_label while let ::core::option::Option::Some(item) = {
                        use #private::StreamAnext as _;
                        stream.#anext()
                    }.await {
                        let #pattern = item;
                        #group
                    }
                }
            }
        };
        // Python's `else` of a loop: the compiler has refused it already, and said what to write.
        let is_else = !place.in_macro
            && is_ident(rest.get(body + 1), "else")
            && matches!(rest.get(body + 2), Some(TokenTree::Group(_)));
        Ok((tokens, if is_else { body + 3 } else { body + 1 }))
    }

    // Input:  #[async_with(x = expr)] { block }
    // Output: {
    //             let mut x = expr;
    //             let mut value = None;
    //             let leave = Leave::new();
    //             let ended = guard(&leave, async { value = Some({ block }); match leave.by(1).await {} }).await;
    //             private::aexit(&mut x).await;
    //             match ended {
    //                 Ended::Returned(returned) => return returned,
    //                 Ended::Raised(raised) => raised.again().await,
    //                 Ended::Left(2) => break 'outer,
    //                 Ended::Left(_) => value.unwrap(),
    //             }
    //         }
    fn async_with(
        &mut self,
        name: &Ident,
        arguments: &[TokenTree],
        rest: &[TokenTree],
        place: Place,
    ) -> Result<(Tokens, usize), Mistake> {
        let Some(TokenTree::Group(block)) = rest.first() else {
            return Err(on_a_block(name));
        };
        if block.delimiter() != Delimiter::Brace {
            return Err(on_a_block(name));
        }
        let managers = managers(arguments)?;
        if managers.is_empty() {
            return Err(Mistake::at(
                name.span(),
                "`#[async_with]` needs a manager: `#[async_with(x = expression)] { .. }`",
            ));
        }
        let guarded = Place {
            guarded: true,
            ..place
        };
        let mut block = self.group(block, guarded).unwrap_or_else(|| block.clone());
        for (at, manager) in managers.into_iter().enumerate().rev() {
            // The others guard what makes this one.
            let place = if at == 0 { place } else { guarded };
            let tokens = self.guarded_block(name, manager, &block, place)?;
            block = group(Delimiter::Brace, tokens, ours(name.span()));
        }
        Ok((vec![block.into()], 1))
    }

    fn guarded_block(
        &mut self,
        name: &Ident,
        manager: Manager,
        block: &Group,
        place: Place,
    ) -> Result<Tokens, Mistake> {
        let span = ours(name.span());
        let private = self.names.private_at(name.span());
        let leave = Ident::new(&format!("leave{}", self.blocks), span);
        self.blocks += 1;
        let mut escapes = Escapes {
            leave: &leave,
            found: Vec::new(),
            mistakes: Vec::new(),
        };
        let stream = escapes.rewrite(&inside(block), false, &mut Vec::new());
        let Escapes {
            found, mistakes, ..
        } = escapes;
        if let Some(mistake) = mistakes.into_iter().next() {
            return Err(mistake);
        }
        let block = stream.map_or_else(
            || block.clone(),
            |rewritten| group(Delimiter::Brace, rewritten, block.span()),
        );
        // The jumps are numbered from two: one is the block's own end.
        let ways: Vec<Tokens> = (2usize..)
            .zip(&found)
            .map(|(way, jump)| quote_spanned!(span=> #private::Ended::Left(#way) => #jump,))
            .collect();
        let operand = manager.operand;
        let manager_span = operand.first().map_or(span, TokenTree::span);
        let operand = self.tokens(&operand, place).unwrap_or(operand);
        let is_yielding = matches!(
            self.language,
            Language::Generator | Language::AsyncGenerator
        );
        let own = place.inside == Inside::Own;
        let label = (own && is_yielding && self.needs.label).then(|| {
            let label = label(span);
            quote_spanned!(span=> #label:)
        });
        let block = entered(self.names, &block);
        let expected = match &self.returns {
            Some(returns) if own => quote_spanned! {span=>
                if let ::core::option::Option::Some(returned) = ::core::option::Option::None::<#returns> {
                    return returned;
                }
            },
            _ => Tokens::new(),
        };
        let variable = manager
            .variable
            .unwrap_or_else(|| Ident::new("manager", span));
        let pattern = quote_spanned!(span=> mut #variable);
        // What is wrong with the manager is told where it is written.
        let mut there = variable.clone();
        there.set_span(variable.span().located_at(manager_span));
        let private_there = self.names.private_at(manager_span);
        let exit = quote_spanned!(ours(manager_span)=> #private_there::aexit(&mut #there).await);
        Ok(quote_spanned! {span=>
            let #pattern = #operand;
            let mut value = ::core::option::Option::None;
            let #leave = #private::Leave::new();
            let ended = #private::guard(&#leave, async {
                #expected
                value = ::core::option::Option::Some(#label { #block });
                match #leave.by(1).await {}
            }).await;
            #exit;
            match ended {
                #private::Ended::Returned(returned) => return returned,
                #private::Ended::Raised(raised) => raised.again().await,
                #(#ways)*
                #private::Ended::Left(_) => match value {
                    ::core::option::Option::Some(value) => value,
                    ::core::option::Option::None => ::core::unreachable!(),
                },
            }
        })
    }
}

fn on_a_block(name: &Ident) -> Mistake {
    Mistake::at(
        name.span(),
        "`#[async_with(..)]` stands on a block: `#[async_with(x = expression)] { .. }`",
    )
}

/// `x = expression` or `expression`.
struct Manager {
    variable: Option<Ident>,
    operand: Tokens,
}

fn managers(arguments: &[TokenTree]) -> Result<Vec<Manager>, Mistake> {
    let mut start = 0;
    let ends: Vec<usize> = commas(arguments).chain([arguments.len()]).collect();
    let mut managers = Vec::new();
    for end in ends {
        let written = &arguments[start..end];
        start = end + 1;
        if written.is_empty() && end == arguments.len() {
            break;
        }
        managers.push(manager(written).map_err(|wrong| {
            let at = written.first().or(arguments.get(end)).or(arguments.last());
            Mistake::at(
                at.map_or_else(Span::call_site, TokenTree::span),
                format!("{wrong}; write `#[async_with(x = expression)] {{ .. }}`, with several managers separated by commas"),
            )
        })?);
    }
    Ok(managers)
}

fn manager(written: &[TokenTree]) -> Result<Manager, &'static str> {
    let assignment = (0..written.len())
        .take_while(|&at| !is_ident(written.get(at), "let"))
        .find(|&at| is_assignment(written, at));
    let (variable, operand) = match assignment.map(|at| written.split_at(at)) {
        None => (None, written),
        Some((pattern, operand)) => match (pattern, item::name(pattern)) {
            (_, Some((_, name))) => (Some(name), &operand[1..]),
            ([TokenTree::Ident(_)], None) => (None, &operand[1..]),
            _ => return Err("a manager has a name of its own, not a pattern"),
        },
    };
    if operand.is_empty() {
        return Err("expected an expression");
    }
    Ok(Manager {
        variable,
        operand: operand.to_vec(),
    })
}

/// The `break`s and `continue`s that leave a block for a loop around it. They cannot cross the `async` block that it becomes, so they
/// say which way they leave and are taken outside.
struct Escapes<'a> {
    leave: &'a Ident,
    /// The jumps, as written; each once.
    found: Vec<Tokens>,
    mistakes: Vec<Mistake>,
}

impl Escapes<'_> {
    /// Rewrites the jumps; `None` if there are none. `labels` are those of the loops inside the block.
    fn rewrite(
        &mut self,
        tokens: &[TokenTree],
        in_loop: bool,
        labels: &mut Vec<String>,
    ) -> Option<Tokens> {
        let trees = tokens;
        let mut out = Tokens::with_capacity(trees.len());
        let mut changed = false;
        // Where the body of the loop stands that was begun last.
        let mut loop_body = None;
        let mut of_for = false;
        let depth = labels.len();
        let mut at = 0;
        while let Some(tree) = trees.get(at) {
            match tree {
                TokenTree::Ident(ident) => match ident.to_string().as_str() {
                    "loop" => loop_body = Some(at + 1),
                    "while" => loop_body = body_after(trees, at + 1),
                    "for" => of_for = true,
                    "in" if of_for => {
                        of_for = false;
                        loop_body = body_after(trees, at + 1);
                    }
                    keyword @ ("break" | "continue") => {
                        if let Some(taken) =
                            self.jump(trees, at, keyword, in_loop, labels, &mut out)
                        {
                            changed = true;
                            at += taken;
                            continue;
                        }
                    }
                    "async" => {
                        // What is in there cannot jump out of it.
                        let block = if is_ident(trees.get(at + 1), "move") {
                            at + 2
                        } else {
                            at + 1
                        };
                        if let Some(TokenTree::Group(_)) = trees.get(block) {
                            out.extend_from_slice(&trees[at..=block]);
                            at = block + 1;
                            continue;
                        }
                    }
                    _ => {}
                },
                TokenTree::Punct(punct)
                    if punct.as_char() == '\'' && is_punct(trees.get(at + 2), &[':']) =>
                {
                    if let Some(TokenTree::Ident(label)) = trees.get(at + 1) {
                        labels.push(label.to_string());
                    }
                }
                TokenTree::Punct(punct) if punct.as_char() == '|' => {
                    if let Some((start, end)) = closure_body(trees, at) {
                        let _ = start;
                        out.extend_from_slice(&trees[at..end]);
                        at = end;
                        continue;
                    }
                }
                TokenTree::Group(written) => {
                    let is_body = loop_body == Some(at);
                    let rewritten = self.rewrite(&inside(written), in_loop || is_body, labels);
                    if let Some(rewritten) = rewritten {
                        out.push(group(written.delimiter(), rewritten, written.span()).into());
                        changed = true;
                        at += 1;
                        continue;
                    }
                }
                _ => {}
            }
            out.push(kept(trees, at));
            at += 1;
        }
        labels.truncate(depth);
        changed.then_some(out)
    }

    /// One `break` or `continue`, if it leaves; gives how many tokens it took.
    fn jump(
        &mut self,
        trees: &[TokenTree],
        at: usize,
        keyword: &str,
        in_loop: bool,
        labels: &[String],
        out: &mut Vec<TokenTree>,
    ) -> Option<usize> {
        let mut end = at + 1;
        if is_punct(trees.get(end), &['\'']) {
            let TokenTree::Ident(name) = trees.get(end + 1)? else {
                return None;
            };
            let name = name.to_string();
            if labels.contains(&name) || name == LABEL {
                return None;
            }
            end += 2;
        } else if in_loop {
            return None;
        }
        let span = trees[at].span();
        let has_value = keyword == "break"
            && !matches!(trees.get(end), None | Some(TokenTree::Punct(_)))
            && !is_ident(trees.get(end), "else");
        if has_value {
            self.mistakes.push(Mistake::at(
                span,
                "a `break` with a value cannot leave an `#[async_with]` block: keep the value in a variable, and `break` without it",
            ));
            return None;
        }
        let jump = &trees[at..end];
        let is_same = |known: &Tokens| {
            let texts = |trees: &[TokenTree]| trees.iter().map(ToString::to_string).collect();
            let (known, jump): (Vec<String>, Vec<String>) = (texts(known), texts(jump));
            known == jump
        };
        let known = self.found.iter().position(is_same);
        let way = 2 + known.unwrap_or_else(|| {
            self.found.push(jump.to_vec());
            self.found.len() - 1
        });
        let leave = self.leave;
        out.extend(quote_spanned!(ours(span)=> match #leave.by(#way).await {}));
        Some(end - at)
    }
}
