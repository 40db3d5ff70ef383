//! Reads a function: from the tokens of the item to its parts.

use super::{
    Attribute, Body, Function, Generic, GenericKind, Generics, Input, InputKind, Parameter,
    Receiver, Signature,
};
use crate::diagnostic::Mistake;
use crate::token::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use crate::types::{self, Type, split};
use crate::write::{Lifetime, Tokens, inside, is_named, taken_apart};

impl Function {
    /// Reads a function; the mistake is of what is not one.
    pub(crate) fn parse(item: TokenStream) -> Result<Self, Mistake> {
        let trees = ungrouped(item);
        let mut rest = Trees {
            trees: &trees,
            at: 0,
        };
        let attrs = rest.attributes();
        let vis = rest.visibility();
        let sig = rest.signature()?;
        let rest = &trees[rest.at..];
        let body = match rest {
            [tree] => block(tree),
            _ => None,
        };
        Ok(Function {
            attrs,
            vis,
            sig,
            body: body.map_or_else(|| Body::None(rest.to_vec()), Body::Block),
        })
    }
}

/// The tokens of an item, also of one that reached us through a `macro_rules!` as one `$item:item`.
fn ungrouped(tokens: TokenStream) -> Tokens {
    let trees = taken_apart(tokens);
    match trees.as_slice() {
        [TokenTree::Group(group)] if group.delimiter() == Delimiter::None => {
            ungrouped(group.stream())
        }
        _ => trees,
    }
}

/// The block of a body, also when it reached us through a `macro_rules!` as one `$body:block`.
fn block(tree: &TokenTree) -> Option<Group> {
    let TokenTree::Group(group) = tree else {
        return None;
    };
    match group.delimiter() {
        Delimiter::Brace => Some(group.clone()),
        Delimiter::None => match inside(group).as_slice() {
            [tree] => block(tree),
            _ => None,
        },
        _ => None,
    }
}

/// Tokens that are read one after the other.
struct Trees<'a> {
    trees: &'a [TokenTree],
    at: usize,
}

impl<'a> Trees<'a> {
    fn peek(&self) -> Option<&'a TokenTree> {
        self.trees.get(self.at)
    }

    fn next(&mut self) -> Option<&'a TokenTree> {
        let next = self.peek();
        self.at += usize::from(next.is_some());
        next
    }

    /// The next token, if it is this identifier.
    fn ident(&mut self, name: &str) -> Option<&'a Ident> {
        match self.peek() {
            Some(TokenTree::Ident(ident)) if is_named(ident, name) => {
                self.at += 1;
                Some(ident)
            }
            _ => None,
        }
    }

    /// The next token, if it is this punct.
    fn punct(&mut self, char: char) -> Option<&'a TokenTree> {
        match self.peek() {
            Some(tree @ TokenTree::Punct(punct)) if punct.as_char() == char => {
                self.at += 1;
                Some(tree)
            }
            _ => None,
        }
    }

    /// What is wrong at this place.
    fn mistake(&self, expected: &str) -> Mistake {
        let span = self.peek().or(self.trees.last()).map(TokenTree::span);
        Mistake::at(
            span.unwrap_or_else(Span::call_site),
            format!("expected {expected}"),
        )
    }

    fn attributes(&mut self) -> Vec<Attribute> {
        let mut attrs = Vec::new();
        while let [
            hash @ TokenTree::Punct(punct),
            TokenTree::Group(brackets),
            ..,
        ] = &self.trees[self.at..]
        {
            if punct.as_char() != '#' || brackets.delimiter() != Delimiter::Bracket {
                break;
            }
            self.at += 2;
            attrs.push(Attribute {
                hash: hash.clone(),
                brackets: brackets.clone(),
            });
        }
        attrs
    }

    fn visibility(&mut self) -> Tokens {
        match self.peek() {
            // A macro's `$vis:vis`, which may have nothing in it.
            Some(tree @ TokenTree::Group(group)) if group.delimiter() == Delimiter::None => {
                self.at += 1;
                vec![tree.clone()]
            }
            _ => {
                let start = self.at;
                if self.ident("pub").is_some() {
                    if let Some(TokenTree::Group(group)) = self.peek() {
                        self.at += usize::from(group.delimiter() == Delimiter::Parenthesis);
                    }
                }
                self.trees[start..self.at].to_vec()
            }
        }
    }

    fn signature(&mut self) -> Result<Signature, Mistake> {
        let (mut constness, mut asyncness, mut qualifiers) = (None, None, Tokens::new());
        let fn_token = loop {
            let Some(tree @ TokenTree::Ident(ident)) = self.peek() else {
                return Err(self.mistake("`fn`"));
            };
            let word = ident.to_string();
            match word.as_str() {
                "const" => constness = Some(ident.clone()),
                "async" => asyncness = Some(ident.clone()),
                "unsafe" | "safe" | "extern" => qualifiers.push(tree.clone()),
                "fn" => break tree.clone(),
                _ => return Err(self.mistake("`fn`")),
            }
            self.at += 1;
            if let (Some(abi @ TokenTree::Literal(_)), "extern") = (self.peek(), word.as_str()) {
                qualifiers.push(abi.clone());
                self.at += 1;
            }
        };
        self.at += 1;
        let Some(TokenTree::Ident(ident)) = self.next() else {
            self.at -= 1;
            return Err(self.mistake("the function's name"));
        };
        let generics = self.generics()?;
        let inputs = match self.peek() {
            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Parenthesis => group,
            _ => return Err(self.mistake("the function's parameters: `(..)`")),
        };
        self.at += 1;
        let (parentheses, inputs) = (inputs.span(), parameters(inputs)?);
        let mut output = None;
        if let [
            minus @ TokenTree::Punct(first),
            greater @ TokenTree::Punct(second),
            ..,
        ] = &self.trees[self.at..]
        {
            if first.as_char() == '-' && second.as_char() == '>' {
                self.at += 2;
                let ty = self.until(|ident| is_named(ident, "where"));
                if ty.is_empty() {
                    return Err(self.mistake("a type"));
                }
                output = Some((vec![minus.clone(), greater.clone()], Type(ty)));
            }
        }
        let clause = match self.peek() {
            Some(TokenTree::Ident(word)) if is_named(word, "where") => self.until(|_| false),
            _ => Tokens::new(),
        };
        Ok(Signature {
            constness,
            asyncness,
            qualifiers,
            fn_token,
            ident: ident.clone(),
            generics,
            parentheses,
            inputs,
            output,
            clause,
        })
    }

    /// What there is before the function's body, a semicolon, or a word that ends it.
    fn until(&mut self, ends: impl Fn(&Ident) -> bool) -> Tokens {
        let start = self.at;
        while let Some(tree) = self.peek() {
            match tree {
                TokenTree::Ident(ident) if ends(ident) => break,
                TokenTree::Punct(punct) if punct.as_char() == ';' => break,
                TokenTree::Punct(punct) if punct.as_char() == '<' => {
                    // What is not closed goes to the end.
                    self.at = types::closing(self.trees, self.at).unwrap_or(self.trees.len() - 1);
                }
                tree if block(tree).is_some() => break,
                _ => {}
            }
            self.at += 1;
        }
        self.trees[start..self.at].to_vec()
    }

    fn generics(&mut self) -> Result<Generics, Mistake> {
        let open = self.at;
        let Some(less) = self.punct('<') else {
            return Ok(Generics::default());
        };
        let Some(close) = types::closing(self.trees, open) else {
            return Err(self.mistake("a `>` after it"));
        };
        let params = split(&self.trees[open + 1..close])
            .map(|(param, comma)| {
                let mut rest = Trees {
                    trees: param,
                    at: 0,
                };
                rest.attributes();
                let kind = match (rest.next(), rest.next()) {
                    (Some(TokenTree::Punct(_)), Some(TokenTree::Ident(name))) => {
                        GenericKind::Lifetime(Lifetime(name.clone()))
                    }
                    (Some(TokenTree::Ident(word)), Some(TokenTree::Ident(_)))
                        if is_named(word, "const") =>
                    {
                        GenericKind::Const
                    }
                    (Some(TokenTree::Ident(name)), _) => GenericKind::Type(name.clone()),
                    _ => return Err(rest.mistake("a generic parameter")),
                };
                let tokens = param.iter().chain(comma).cloned().collect();
                Ok(Generic { kind, tokens })
            })
            .collect::<Result<_, _>>()?;
        self.at = close + 1;
        Ok(Generics {
            params,
            brackets: Some((less.clone(), self.trees[close].clone())),
        })
    }
}

fn parameters(group: &Group) -> Result<Vec<Input>, Mistake> {
    split(&inside(group))
        .map(|(input, comma)| {
            Ok(Input {
                kind: parameter(input)?,
                comma: comma.cloned(),
            })
        })
        .collect()
}

fn parameter(trees: &[TokenTree]) -> Result<InputKind, Mistake> {
    let mut rest = Trees { trees, at: 0 };
    let attrs = rest.attributes();
    let start = rest.at;
    let reference = rest.punct('&').map(|and| {
        let lifetime = rest.punct('\'').and_then(|_| rest.next());
        let lifetime = lifetime.and_then(|name| match name {
            TokenTree::Ident(name) => Some(Lifetime(name.clone())),
            _ => None,
        });
        (and.clone(), lifetime)
    });
    let mutability = rest.ident("mut").map(|word| word.clone().into());
    if let Some(this) = rest.ident("self") {
        let ty = match rest.punct(':') {
            Some(colon) if reference.is_none() && rest.peek().is_some() => {
                Some((colon.clone(), Type(trees[rest.at..].to_vec())))
            }
            None if rest.peek().is_none() => None,
            _ => return Err(rest.mistake("`,` or the type of `self`")),
        };
        return Ok(InputKind::Receiver(Receiver {
            attrs,
            reference,
            mutability,
            this: this.clone(),
            ty,
        }));
    }
    let mut colon = start;
    while let Some(tree) = trees.get(colon) {
        if types::is_path_separator(trees, colon) {
            colon += 1;
        } else if matches!(tree, TokenTree::Punct(punct) if punct.as_char() == ':') {
            let (pattern, ty) = (&trees[start..colon], &trees[colon + 1..]);
            if matches!(ty, [TokenTree::Punct(dot), ..] if dot.as_char() == '.') {
                return Ok(InputKind::Variadic(trees.to_vec()));
            }
            if pattern.is_empty() || ty.is_empty() {
                break;
            }
            return Ok(InputKind::Typed(Parameter {
                attrs,
                pattern: pattern.to_vec(),
                colon: tree.clone(),
                ty: Type(ty.to_vec()),
            }));
        } else if matches!(tree, TokenTree::Punct(punct) if punct.as_char() == '<') {
            colon = types::closing(trees, colon).unwrap_or(colon);
        }
        colon += 1;
    }
    if matches!(trees.get(start), Some(TokenTree::Punct(dot)) if dot.as_char() == '.') {
        return Ok(InputKind::Variadic(trees.to_vec()));
    }
    rest.at = start;
    Err(rest.mistake("a parameter: `name: Type`"))
}
