//! The function that an attribute stands on: its signature taken apart, its body kept as tokens.
//!
//! The body is never parsed, so that a function somebody is still typing completes in an editor, and so that the compiler, and nobody
//! before it, speaks about what is wrong in it. The signature the compiler has parsed before it asks us; it is only split.

use crate::diagnostic::Mistake;
use crate::token::{Delimiter, Group, Ident, Span, TokenStream, TokenTree};
use crate::types::{self, Type, split};
use crate::write::{Lifetime, Tokens, Write, group, inside, is_named, quote_spanned, taken_apart};

/// A function.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Tokens,
    pub(crate) sig: Signature,
    pub(crate) body: Body,
}

/// What follows a signature.
pub(crate) enum Body {
    /// `{ .. }`, the group as it was written.
    Block(Group),
    /// `;`: a trait's method that has no body of its own. Or whatever else there is while somebody is still typing.
    None(Tokens),
}

/// `#[..]`
#[derive(Clone)]
pub(crate) struct Attribute {
    hash: TokenTree,
    brackets: Group,
}

impl Attribute {
    /// Whether it is `#[allow(..)]` or one of the others that set a lint's level.
    pub(crate) fn is_lint(&self) -> bool {
        let trees = inside(&self.brackets);
        let [TokenTree::Ident(level), TokenTree::Group(_)] = trees.as_slice() else {
            return false;
        };
        let level = level.to_string();
        ["allow", "expect", "warn", "deny", "forbid"].contains(&level.as_str())
    }
}

impl Write for Attribute {
    fn write(&self, out: &mut Tokens) {
        out.extend([self.hash.clone(), self.brackets.clone().into()]);
    }
}

/// `const async unsafe extern "C" fn name<generics>(inputs) -> output where clause`
#[derive(Clone)]
pub(crate) struct Signature {
    pub(crate) constness: Option<Ident>,
    pub(crate) asyncness: Option<Ident>,
    /// `unsafe` and `extern "C"`.
    qualifiers: Tokens,
    fn_token: TokenTree,
    pub(crate) ident: Ident,
    pub(crate) generics: Generics,
    parentheses: Span,
    pub(crate) inputs: Vec<Input>,
    /// `->`, and the type.
    pub(crate) output: Option<(Tokens, Type)>,
    /// `where` and what it says, if anything.
    clause: Tokens,
}

/// `<'a, T: Bound, const N: usize>`
#[derive(Clone, Default)]
pub(crate) struct Generics {
    /// Each with the comma after it, if there is one.
    params: Vec<Generic>,
    /// The angle brackets, if they are written.
    brackets: Option<(TokenTree, TokenTree)>,
}

#[derive(Clone)]
struct Generic {
    kind: GenericKind,
    tokens: Tokens,
}

#[derive(Clone)]
enum GenericKind {
    Lifetime(Lifetime),
    Type(Ident),
    Const,
}

/// A parameter, with the comma after it, if there is one.
#[derive(Clone)]
pub(crate) struct Input {
    pub(crate) kind: InputKind,
    comma: Option<TokenTree>,
}

#[derive(Clone)]
pub(crate) enum InputKind {
    Receiver(Receiver),
    Typed(Parameter),
    /// C's variable arguments.
    Variadic(Tokens),
}

/// `self`, however it is taken.
#[derive(Clone)]
pub(crate) struct Receiver {
    attrs: Vec<Attribute>,
    /// The `&` and the lifetime after it.
    pub(crate) reference: Option<(TokenTree, Option<Lifetime>)>,
    mutability: Option<TokenTree>,
    pub(crate) this: Ident,
    /// The colon and the type.
    pub(crate) ty: Option<(TokenTree, Type)>,
}

/// `pattern: Type`
#[derive(Clone)]
pub(crate) struct Parameter {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) pattern: Tokens,
    colon: TokenTree,
    pub(crate) ty: Type,
}

impl Parameter {
    /// The name, and the `mut` before it, of a parameter that is no more than that.
    pub(crate) fn name(&self) -> Option<(Option<TokenTree>, Ident)> {
        name(&self.pattern)
    }
}

/// The name, and the `mut` before it, of a pattern that is no more than that.
pub(crate) fn name(pattern: &[TokenTree]) -> Option<(Option<TokenTree>, Ident)> {
    let is_mut = |ident: &Ident| is_named(ident, "mut");
    match pattern {
        [TokenTree::Ident(name)] if !is_named(name, "_") => Some((None, name.clone())),
        [word @ TokenTree::Ident(mutability), TokenTree::Ident(name)] if is_mut(mutability) => {
            Some((Some(word.clone()), name.clone()))
        }
        _ => None,
    }
}

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

/// Whether a function ends here without a body, as those of a trait may.
pub(crate) fn is_semicolon(rest: &[TokenTree]) -> bool {
    matches!(rest, [TokenTree::Punct(punct)] if punct.as_char() == ';')
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

impl Signature {
    /// Whether it is a method's.
    pub(crate) fn has_receiver(&self) -> bool {
        matches!(self.inputs.first(), Some(input) if matches!(input.kind, InputKind::Receiver(_)))
    }

    /// Where C's variable arguments are, if it takes them.
    pub(crate) fn variadic(&self) -> Option<Span> {
        let Some(InputKind::Variadic(tokens)) = self.inputs.last().map(|input| &input.kind) else {
            return None;
        };
        let dots = tokens
            .iter()
            .find(|tree| matches!(tree, TokenTree::Punct(dot) if dot.as_char() == '.'));
        dots.map(TokenTree::span)
    }

    /// The type of what it returns, if it is written.
    pub(crate) fn returned(&self) -> Option<&Type> {
        self.output.as_ref().map(|(_, ty)| ty)
    }

    /// Adds what must hold: `'a: 'b`.
    pub(crate) fn require(&mut self, predicate: &[TokenTree], span: Span) {
        if self.clause.is_empty() {
            self.clause = quote_spanned!(span=> where);
        } else if !matches!(self.clause.last(), Some(TokenTree::Ident(_)) if self.clause.len() == 1)
            && !matches!(self.clause.last(), Some(TokenTree::Punct(comma)) if comma.as_char() == ',')
        {
            self.clause.extend(quote_spanned!(span=> ,));
        }
        self.clause.extend_from_slice(predicate);
    }
}

impl Generics {
    pub(crate) fn is_empty(&self) -> bool {
        self.params.is_empty()
    }

    /// The lifetimes, and the types, each by its name.
    pub(crate) fn names(&self) -> impl Iterator<Item = Tokens> {
        self.params.iter().filter_map(|param| {
            let mut name = Tokens::new();
            match &param.kind {
                GenericKind::Lifetime(lifetime) => lifetime.write(&mut name),
                GenericKind::Type(ident) => ident.write(&mut name),
                GenericKind::Const => return None,
            }
            Some(name)
        })
    }

    pub(crate) fn lifetimes(&self) -> impl Iterator<Item = &Lifetime> {
        self.params.iter().filter_map(|param| match &param.kind {
            GenericKind::Lifetime(lifetime) => Some(lifetime),
            _ => None,
        })
    }

    /// Puts a lifetime before all that there are.
    pub(crate) fn add_lifetime(&mut self, lifetime: &Lifetime, span: Span) {
        let tokens = quote_spanned!(span=> #lifetime,);
        self.params.insert(
            0,
            Generic {
                kind: GenericKind::Lifetime(lifetime.clone()),
                tokens,
            },
        );
        if self.brackets.is_none() {
            let mut brackets = quote_spanned!(span=> < >).into_iter();
            self.brackets = brackets.next().zip(brackets.next());
        }
    }
}

impl Write for Signature {
    fn write(&self, out: &mut Tokens) {
        self.constness.write(out);
        self.asyncness.write(out);
        self.qualifiers.write(out);
        self.fn_token.write(out);
        self.ident.write(out);
        if let Some((less, greater)) = &self.generics.brackets {
            less.write(out);
            for param in &self.generics.params {
                param.tokens.write(out);
            }
            greater.write(out);
        }
        let mut inputs = Tokens::new();
        for input in &self.inputs {
            match &input.kind {
                InputKind::Receiver(receiver) => receiver.write(&mut inputs),
                InputKind::Typed(parameter) => parameter.write(&mut inputs),
                InputKind::Variadic(tokens) => tokens.write(&mut inputs),
            }
            input.comma.write(&mut inputs);
        }
        group(Delimiter::Parenthesis, inputs, self.parentheses).write(out);
        if let Some((arrow, ty)) = &self.output {
            arrow.write(out);
            ty.write(out);
        }
        self.clause.write(out);
    }
}

impl Write for Receiver {
    fn write(&self, out: &mut Tokens) {
        for attr in &self.attrs {
            attr.write(out);
        }
        if let Some((and, lifetime)) = &self.reference {
            and.write(out);
            lifetime.write(out);
        }
        self.mutability.write(out);
        self.this.write(out);
        if let Some((colon, ty)) = &self.ty {
            colon.write(out);
            ty.write(out);
        }
    }
}

impl Write for Parameter {
    fn write(&self, out: &mut Tokens) {
        for attr in &self.attrs {
            attr.write(out);
        }
        self.pattern.write(out);
        self.colon.write(out);
        self.ty.write(out);
    }
}

impl Input {
    /// Where it begins.
    pub(crate) fn span(&self) -> Span {
        match &self.kind {
            InputKind::Receiver(Receiver { attrs, .. })
            | InputKind::Typed(Parameter { attrs, .. })
                if !attrs.is_empty() =>
            {
                attrs[0].hash.span()
            }
            InputKind::Receiver(Receiver {
                reference: Some((and, _)),
                ..
            }) => and.span(),
            InputKind::Receiver(receiver) => receiver.this.span(),
            InputKind::Typed(parameter) => parameter.pattern[0].span(),
            InputKind::Variadic(tokens) => tokens[0].span(),
        }
    }
}
