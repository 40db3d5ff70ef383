//! Tokens, written as they will stand: as `quote!` does, for the little that is needed here.
//!
//! The macros stand on no crate: whatever a program's dependencies take to build, none of it waits for a parser that looks at signatures
//! alone. And tokens stay in vectors, for each `TokenStream` that is made, cloned, taken apart or dropped is a question to the compiler.

use crate::token::{
    Delimiter, Group, Ident, Literal, Punct, Spacing, Span, TokenStream, TokenTree,
};

/// Tokens in a row.
pub(crate) type Tokens = Vec<TokenTree>;

/// Tokens of ours at `$span`, with the user's in the place of each `#name`, and each of the user's in the place of `#(#names)*`.
macro_rules! quote_spanned {
    ($span:expr=> $($tokens:tt)*) => {{
        let mut written = $crate::write::Writer::new($span);
        let writer = &mut written;
        $crate::write::each!(writer $($tokens)*);
        written.trees
    }};
}

/// Writes one token after the other.
macro_rules! each {
    ($w:ident) => { let _ = $w; };
    ($w:ident #(#$each:ident)* $($rest:tt)*) => {
        for one in $each.iter() {
            $w.write(one);
        }
        $crate::write::each!($w $($rest)*);
    };
    ($w:ident #$name:ident $($rest:tt)*) => {
        $w.write(&$name);
        $crate::write::each!($w $($rest)*);
    };
    ($w:ident ($($inner:tt)*) $($rest:tt)*) => {
        let outer = $w.open();
        $crate::write::each!($w $($inner)*);
        $w.close($crate::token::Delimiter::Parenthesis, outer);
        $crate::write::each!($w $($rest)*);
    };
    ($w:ident {$($inner:tt)*} $($rest:tt)*) => {
        let outer = $w.open();
        $crate::write::each!($w $($inner)*);
        $w.close($crate::token::Delimiter::Brace, outer);
        $crate::write::each!($w $($rest)*);
    };
    ($w:ident [$($inner:tt)*] $($rest:tt)*) => {
        let outer = $w.open();
        $crate::write::each!($w $($inner)*);
        $w.close($crate::token::Delimiter::Bracket, outer);
        $crate::write::each!($w $($rest)*);
    };
    // Several at once, where they are often together: each step takes the compiler through all that is left.
    ($w:ident $a:ident :: $b:ident :: $($rest:tt)*) => {
        $w.path(&[stringify!($a), stringify!($b)]);
        $crate::write::each!($w $($rest)*);
    };
    ($w:ident $a:ident :: $($rest:tt)*) => {
        $w.path(&[stringify!($a)]);
        $crate::write::each!($w $($rest)*);
    };
    ($w:ident $name:ident $($rest:tt)*) => {
        $w.ident(stringify!($name));
        $crate::write::each!($w $($rest)*);
    };
    ($w:ident $punct:tt $($rest:tt)*) => {
        $w.other(stringify!($punct));
        $crate::write::each!($w $($rest)*);
    };
}

pub(crate) use {each, quote_spanned};

/// Writes tokens of ours, all at one place.
pub(crate) struct Writer {
    span: Span,
    pub(crate) trees: Tokens,
}

impl Writer {
    pub(crate) fn new(span: Span) -> Self {
        Writer {
            span,
            trees: Tokens::new(),
        }
    }

    pub(crate) fn write(&mut self, tokens: &(impl Write + ?Sized)) {
        tokens.write(&mut self.trees);
    }

    pub(crate) fn ident(&mut self, name: &str) {
        self.trees.push(Ident::new(name, self.span).into());
    }

    /// `a::b::`
    pub(crate) fn path(&mut self, names: &[&str]) {
        for name in names {
            self.ident(name);
            self.puncts("::");
        }
    }

    /// Begins a group; gives what stands before it.
    pub(crate) fn open(&mut self) -> Tokens {
        std::mem::take(&mut self.trees)
    }

    /// Ends the group that was begun after `outer`.
    pub(crate) fn close(&mut self, delimiter: Delimiter, outer: Tokens) {
        let inner = std::mem::replace(&mut self.trees, outer);
        self.trees.push(group(delimiter, inner, self.span).into());
    }

    /// Puncts that belong together, a number, a lifetime or `_`.
    pub(crate) fn other(&mut self, text: &str) {
        match text.parse() {
            Ok(number) => {
                let mut literal = Literal::usize_unsuffixed(number);
                literal.set_span(self.span);
                self.trees.push(literal.into());
            }
            Err(_) if text == "_" => self.ident(text),
            Err(_) if text.starts_with('\'') => {
                Lifetime::new(&text[1..], self.span).write(&mut self.trees);
            }
            Err(_) => self.puncts(text),
        }
    }

    fn puncts(&mut self, text: &str) {
        for (at, char) in text.char_indices() {
            let spacing = if at + 1 < text.len() {
                Spacing::Joint
            } else {
                Spacing::Alone
            };
            self.trees.push(punct(char, spacing, self.span));
        }
    }
}

pub(crate) fn punct(char: char, spacing: Spacing, span: Span) -> TokenTree {
    let mut punct = Punct::new(char, spacing);
    punct.set_span(span);
    punct.into()
}

pub(crate) fn group(delimiter: Delimiter, trees: Tokens, span: Span) -> Group {
    let mut group = Group::new(delimiter, trees.into_iter().collect());
    group.set_span(span);
    group
}

/// What can stand in the place of a `#name`.
pub(crate) trait Write {
    fn write(&self, out: &mut Tokens);
}

impl Write for Tokens {
    fn write(&self, out: &mut Tokens) {
        out.extend_from_slice(self);
    }
}

impl Write for [TokenTree] {
    fn write(&self, out: &mut Tokens) {
        out.extend_from_slice(self);
    }
}

impl Write for TokenTree {
    fn write(&self, out: &mut Tokens) {
        out.push(self.clone());
    }
}

impl Write for Group {
    fn write(&self, out: &mut Tokens) {
        out.push(self.clone().into());
    }
}

impl Write for Ident {
    fn write(&self, out: &mut Tokens) {
        out.push(self.clone().into());
    }
}

impl Write for Lifetime {
    fn write(&self, out: &mut Tokens) {
        let apostrophe = punct('\'', Spacing::Joint, self.0.span());
        out.extend([apostrophe, self.0.clone().into()]);
    }
}

/// As a string in quotes.
impl Write for str {
    fn write(&self, out: &mut Tokens) {
        let mut literal = Literal::string(self);
        literal.set_span(Span::mixed_site());
        out.push(literal.into());
    }
}

impl Write for bool {
    fn write(&self, out: &mut Tokens) {
        let name = if *self { "true" } else { "false" };
        out.push(Ident::new(name, Span::mixed_site()).into());
    }
}

impl Write for usize {
    fn write(&self, out: &mut Tokens) {
        let mut literal = Literal::usize_unsuffixed(*self);
        literal.set_span(Span::mixed_site());
        out.push(literal.into());
    }
}

impl<T: Write> Write for Option<T> {
    fn write(&self, out: &mut Tokens) {
        if let Some(some) = self {
            some.write(out);
        }
    }
}

impl<T: Write + ?Sized> Write for &T {
    fn write(&self, out: &mut Tokens) {
        (**self).write(out);
    }
}

/// A lifetime or a label, by its name without the apostrophe.
#[derive(Clone)]
pub(crate) struct Lifetime(pub(crate) Ident);

impl Lifetime {
    pub(crate) fn new(name: &str, span: Span) -> Self {
        Lifetime(Ident::new(name, span))
    }
}

/// Whether this is the identifier of that name.
pub(crate) fn is_named(ident: &Ident, name: &str) -> bool {
    let written = ident.to_string();
    written == name
}

/// The tokens of a group.
pub(crate) fn inside(group: &Group) -> Tokens {
    group.stream().into_iter().collect()
}

/// The tokens of a stream.
pub(crate) fn taken_apart(tokens: TokenStream) -> Tokens {
    tokens.into_iter().collect()
}

/// A path of ours, for what stands at `span`.
pub(crate) fn located(path: &[TokenTree], span: Span) -> Tokens {
    let at_span = |tree: &TokenTree| {
        let mut tree = tree.clone();
        tree.set_span(tree.span().located_at(span));
        tree
    };
    path.iter().map(at_span).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_written_as_they_stand() {
        let span = Span::mixed_site();
        let name = Ident::new("name", span);
        let (some, none) = (Some(Lifetime::new("a", span)), None::<Ident>);
        let names = [&name, &name];
        let (text, way, flag) = ("text", 2usize, true);
        let written = quote_spanned! {span=>
            #[attr] fn #name(#none _: ::a::b::C<#some>) -> u8 { f(#text, 1, #way, #flag); #(#names)* x..=y && 'z }
        };
        let expected: TokenStream = "#[attr] fn name(_: ::a::b::C< 'a>) -> u8 { f(\"text\", 1, 2, true); name name x..=y && 'z }"
            .parse()
            .unwrap();
        let written: TokenStream = written.into_iter().collect();
        assert_eq!(written.to_string(), expected.to_string());
    }
}
