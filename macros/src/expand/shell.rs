//! What is the same in every expansion.

use crate::body::{Names, Needs, Shows};
use crate::item::{Attribute, Body, Function, InputKind, Signature};
use crate::token::{Ident, Span};
use crate::types::Type;
use crate::write::{Tokens, quote_spanned};

/// The function around the block that its body became.
pub(super) struct Shell {
    attrs: Vec<Attribute>,
    vis: Tokens,
    pub(super) sig: Signature,
    /// `let` statements that bring the parameters into the block, in order.
    pub(super) parameters: Tokens,
}

impl Shell {
    pub(super) fn new(function: &Function) -> Self {
        let mut sig = function.sig.clone();
        sig.asyncness = None;
        let has_body = matches!(function.body, Body::Block(_));
        let parameters = if has_body {
            rebind(&mut sig)
        } else {
            Tokens::new()
        };
        Shell {
            attrs: function.attrs.clone(),
            vis: function.vis.clone(),
            sig,
            parameters,
        }
    }

    /// The function, returning `output`, with `body` in it.
    pub(super) fn wrap(self, output: Tokens, body: &Tokens) -> Tokens {
        let Shell {
            attrs,
            vis,
            mut sig,
            ..
        } = self;
        let span = Span::mixed_site();
        sig.output = Some((quote_spanned!(span=> ->), Type(output)));
        quote_spanned! {span=>
            #(#attrs)*
            #vis #sig #body
        }
    }
}

/// Moves the parameters into the block as an `async fn` does: each of them, used or not, in order, so that they drop when those of an
/// `async fn` would.
///
/// Input:  `(&self, mut a: A, (x, y): B, _: C)`
/// Output: `(&self, a: A, arg1: B, arg2: C)` and
/// `let _ = &self; let mut a = a; let arg1 = arg1; let (x, y) = arg1; let arg2 = arg2; let _ = arg2;`
fn rebind(sig: &mut Signature) -> Tokens {
    let span = Span::mixed_site();
    let mut statements = Tokens::new();
    for (n, input) in sig.inputs.iter_mut().enumerate() {
        match &mut input.kind {
            InputKind::Receiver(receiver) => {
                let this = &receiver.this;
                // `self` cannot be rebound, but it is moved here all the same; as the first parameter, it drops last.
                statements.extend(quote_spanned!(span=> let _ = &#this;));
            }
            InputKind::Typed(parameter) => {
                let attrs = parameter.attrs.clone();
                parameter.attrs.retain(|attr| !attr.is_lint());
                if let Some((mutability, name)) = parameter.name() {
                    statements
                        .extend(quote_spanned!(span=> #(#attrs)* let #mutability #name = #name;));
                    parameter.pattern = vec![name.into()];
                } else {
                    let name = Ident::new(&format!("arg{n}"), span);
                    let (cfgs, pattern) = (&parameter.attrs, &parameter.pattern);
                    statements.extend(quote_spanned!(span=> #(#cfgs)* let #name = #name; #(#attrs)* let #pattern = #name;));
                    parameter.pattern = vec![name.into()];
                }
            }
            InputKind::Variadic(_) => {}
        }
    }
    statements
}

/// Says what the block returns before the body does, so that the body's `return`, `?` and `todo!()` have an expected type.
pub(super) fn expect(output: &Tokens, written: Span) -> Tokens {
    // Where the type is written is where the compiler is to point when something else is returned.
    quote_spanned! {Span::mixed_site().located_at(written)=>
        if let ::core::option::Option::Some(returned) = ::core::option::Option::None::<#output> {
            return returned;
        }
    }
}

/// What begins the block that a function's body becomes. What is wrong with all of it, as that it contains itself, is told at the name.
pub(super) fn asyncness(name: &Ident) -> Tokens {
    quote_spanned!(Span::mixed_site().located_at(name.span())=> async move)
}

/// The traits whose methods the rewritten body calls.
pub(super) fn traits(names: &Names, needs: &Needs, shows: Option<Shows>) -> Tokens {
    let span = Span::mixed_site();
    let private = &names.private;
    let calls = needs.recurses.then(|| match shows {
        None => quote_spanned!(span=> use #private::CallOther as _;),
        Some(_) => quote_spanned!(span=> use #private::CalledOther as _;),
    });
    let delegates = needs
        .delegates
        .then(|| quote_spanned!(span=> use #private::Delegate as _;));
    quote_spanned!(span=> #calls #delegates)
}
