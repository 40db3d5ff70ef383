//! What the expansion calls things, in the body and around it.

use super::tokens::ours;
use crate::token::{Group, Ident, Span};
use crate::write::{Lifetime, Tokens, located, quote_spanned};

/// The names that the expansion uses in the body. They are hygienic: nothing the user writes can mean them.
pub(crate) struct Names {
    /// The path of the hidden module that expansions call.
    pub(crate) private: Tokens,
}

/// The words of a generator.
pub(crate) fn words(span: Span) -> Ident {
    Ident::new("words", ours(span))
}

/// The words of a generator in other macros' arguments.
pub(crate) fn checked(span: Span) -> Ident {
    Ident::new("checked", ours(span))
}

/// The way of a generator's values, which every `yield_!` uses up and makes anew. Nobody misses the last one: hence the underscore.
pub(crate) fn way(span: Span) -> Ident {
    Ident::new("_way", ours(span))
}

/// The label of a generator's body. A word that a macro moves out of the body is refused as a "use of unreachable label" by its name.
pub(crate) fn label(span: Span) -> Lifetime {
    Lifetime::new(LABEL, ours(span))
}

pub(super) const LABEL: &str = "yield_only_in_the_generators_own_body";

impl Names {
    pub(crate) fn new(asyncio: &Tokens) -> Self {
        let span = Span::mixed_site();
        Names {
            private: quote_spanned!(span=> #asyncio::__private),
        }
    }

    /// The path for what stands at `span`, so that what goes wrong with it is told there.
    pub(super) fn private_at(&self, span: Span) -> Tokens {
        located(&self.private, span)
    }
}

/// The user's block, as the branch that is always taken. The other keeps the compiler from warning of unreachable code, in what is
/// ours, after a block that never ends; and a branch drops its temporaries as a function's body does, in every edition.
pub(crate) fn entered(names: &Names, block: &Group) -> Tokens {
    let private = &names.private;
    quote_spanned!(Span::mixed_site()=> if true #block else { #private::never() })
}
