//! What the macros say to whoever made a mistake: what was written, why it cannot be, what to write instead.

use crate::token::{Delimiter, Ident, Literal, Spacing, Span, TokenTree};
use crate::write::{Tokens, group, punct};

/// One mistake, and the tokens it was made with.
#[derive(Debug)]
pub(crate) struct Mistake {
    start: Span,
    end: Span,
    message: String,
}

impl Mistake {
    /// A mistake at one token.
    pub(crate) fn at(span: Span, message: impl Into<String>) -> Self {
        Mistake {
            start: span,
            end: span,
            message: message.into(),
        }
    }

    /// A mistake made with several tokens, told by the first and the last.
    pub(crate) fn between(start: Span, end: Span, message: impl Into<String>) -> Self {
        Mistake {
            start,
            end,
            message: message.into(),
        }
    }

    /// A `compile_error!` under the user's own tokens: good as an item, a statement or an expression, and of any type.
    ///
    /// The compiler takes the span of a macro call from its first token to its last, so only these two carry the user's.
    pub(crate) fn into_tokens(self) -> Tokens {
        self.delimited(Delimiter::Brace)
    }

    /// The same in the place of an expression, which may go on after it: what begins with braces is a statement of its own.
    pub(crate) fn into_expression(self) -> Tokens {
        self.delimited(Delimiter::Parenthesis)
    }

    fn delimited(self, delimiter: Delimiter) -> Tokens {
        let punct = |char, spacing| punct(char, spacing, self.start);
        let mut message = Literal::string(&self.message);
        message.set_span(self.end);
        let message = vec![TokenTree::Literal(message)];
        vec![
            punct(':', Spacing::Joint),
            punct(':', Spacing::Alone),
            Ident::new("core", self.start).into(),
            punct(':', Spacing::Joint),
            punct(':', Spacing::Alone),
            Ident::new("compile_error", self.start).into(),
            punct('!', Spacing::Alone),
            group(delimiter, message, self.end).into(),
        ]
    }
}
