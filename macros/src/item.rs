//! The function that an attribute stands on: its signature taken apart, its body kept as tokens.
//!
//! The body is never parsed, so that a function somebody is still typing completes in an editor, and so that the compiler, and nobody
//! before it, speaks about what is wrong in it. The signature the compiler has parsed before it asks us; it is only split.
//!
//! Here are the parts, what is asked of them, and how they are written down again; [`parse`] reads them.

mod parse;

use crate::token::{Delimiter, Group, Ident, Span, TokenTree};
use crate::types::Type;
use crate::write::{Lifetime, Tokens, Write, group, inside, is_named, quote_spanned};

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

/// Whether a function ends here without a body, as those of a trait may.
pub(crate) fn is_semicolon(rest: &[TokenTree]) -> bool {
    matches!(rest, [TokenTree::Punct(punct)] if punct.as_char() == ';')
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
