//! The lifetimes of a function whose return type erases what it is.

use crate::elided;
use crate::item::{InputKind, Signature};
use crate::token::Span;
use crate::types::Type;
use crate::write::{Lifetime, Tokens, is_named, quote_spanned};

/// The lifetimes of a signature, all of them named, for a return type that erases and so must say what it borrows.
pub(super) struct Lifetimes {
    /// Those that had no name.
    named: Vec<Lifetime>,
    span: Span,
}

impl Lifetimes {
    /// Names every lifetime in the parameters, and bounds each, and each type parameter, by one. Gives the `outputs` with their elided
    /// lifetimes named, and the lifetime that everything the function is given outlives.
    ///
    /// Input:  `fn f<T>(&self, a: &A, t: T) -> &B`
    /// Output: `fn f<'life0, 'life1, 'all, T>(&'life0 self, a: &'life1 A, t: T) -> &'life0 B where 'life0: 'all, 'life1: 'all, T: 'all`
    pub(super) fn bind(
        sig: &mut Signature,
        mut outputs: Vec<Type>,
        span: Span,
    ) -> (Vec<Type>, Lifetime) {
        let mut names = Lifetimes {
            named: Vec::new(),
            span,
        };
        let mut receiver = None;
        let mut borrows = !sig.generics.is_empty() || sig.has_receiver();
        let all = Lifetime::new("all", span);
        for input in &mut sig.inputs {
            let before = names.named.len();
            match &mut input.kind {
                InputKind::Receiver(this) => {
                    if let Some((_, lifetime)) = &mut this.reference {
                        let has_name = |one: &Lifetime| !is_named(&one.0, "_");
                        if !lifetime.as_ref().is_some_and(has_name) {
                            *lifetime = Some(names.fresh());
                        }
                        receiver.clone_from(lifetime);
                    } else if let Some((_, ty)) = &mut this.ty {
                        elided::replace(ty, &mut || names.fresh());
                        receiver = names.named.get(before).cloned();
                    }
                }
                InputKind::Typed(parameter) => {
                    let ty = &mut parameter.ty;
                    elided::replace(ty, &mut || names.fresh());
                    borrows |= ty.opaque().is_some();
                }
                InputKind::Variadic(_) => {}
            }
        }
        let elided = receiver.or_else(|| {
            let mut written = sig.generics.lifetimes();
            match (names.named.as_slice(), written.next(), written.next()) {
                ([one], _, _) | ([], Some(one), None) => Some(one.clone()),
                _ => None,
            }
        });
        if let Some(lifetime) = elided {
            for output in &mut outputs {
                elided::replace(output, &mut || lifetime.clone());
            }
        }
        if !borrows && names.named.is_empty() {
            return (outputs, Lifetime::new("static", span));
        }
        for input in &mut sig.inputs {
            if let InputKind::Typed(parameter) = &mut input.kind {
                if parameter.ty.bounds().is_some() {
                    parameter.ty.0.extend(quote_spanned!(span=> + #all));
                }
            }
        }
        let mut outlive: Vec<Tokens> = Vec::new();
        for lifetime in &names.named {
            outlive.push(quote_spanned!(span=> #lifetime));
        }
        outlive.extend(sig.generics.names());
        if sig.has_receiver() {
            outlive.push(quote_spanned!(span=> Self));
        }
        for one in outlive {
            sig.require(&quote_spanned!(span=> #one: #all), span);
        }
        for lifetime in names.named.iter().rev().chain([&all]) {
            sig.generics.add_lifetime(lifetime, span);
        }
        (outputs, all)
    }

    fn fresh(&mut self) -> Lifetime {
        let lifetime = Lifetime::new(&format!("life{}", self.named.len()), self.span);
        self.named.push(lifetime.clone());
        lifetime
    }
}
