//! What comes out, looked at as tokens: for bodies that do not parse, for mistakes, and for what must pass through untouched.

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use quote::quote;

use crate::expand;

fn coroutine(item: &str) -> String {
    let item: TokenStream = item.parse().expect("the item is tokens");
    expand::coroutine(TokenStream::new(), item).to_string()
}

fn count(haystack: &str, needle: &str) -> usize {
    haystack.matches(needle).count()
}

/// A body in the middle of being typed: rustc refuses it before we are asked, but an editor asks us all the same.
#[test]
fn a_half_typed_body_goes_through_and_the_signature_stands() {
    for body in [
        "{ let x = client. }",
        "{ await_!(client.get(url) }",
        "{ if x { } else }",
        "{ foo( }",
        "{ #[async_for] for x in }",
        "{ #[async_with(x = )] { } }",
        "{ yield_! }",
        "{ match x { 1 => } }",
        "{ | }",
        "{ || }",
        "{ async }",
        "{ fn }",
        "{ walk. }",
        "{ break 'a }",
    ] {
        let item = format!("pub async fn walk(url: &str) -> u32 {body}");
        let Ok(tokens) = item.parse::<TokenStream>() else {
            // Delimiters that do not match never reach a macro.
            continue;
        };
        let expansion = expand::coroutine(TokenStream::new(), tokens).to_string();
        assert!(
            expansion.contains("pub fn walk (url : & str) ->"),
            "{body}: {expansion}"
        );
    }
}

#[test]
fn one_mistake_is_one_error() {
    for (item, message) in [
        (
            "async fn f() { yield_from!(x) }",
            "as in Python, an `async fn` awaits",
        ),
        (
            "fn f() -> Generator<u32> { (0..3).for_each(|x| yield_!(x)) }",
            "in a closure",
        ),
        (
            "fn f() -> Generator<u32> { await_!(x) }",
            "in a generator, which cannot wait",
        ),
        (
            "async fn f() -> Generator<u32> { yield_!(1) }",
            "a generator is a plain `fn`",
        ),
        ("fn f() -> Generator { yield_!(1) }", "says what it yields"),
        ("async fn f() -> ! { loop {} }", "Infallible"),
        ("fn f() { yield_from(x) }", "without the bang"),
        ("struct S;", "stands on a function"),
    ] {
        let expansion = coroutine(item);
        assert_eq!(count(&expansion, "compile_error"), 1, "{item}: {expansion}");
        assert!(expansion.contains(message), "{item}: {expansion}");
    }
}

/// Whatever its parts are, wherever they end.
#[test]
fn a_signature_comes_out_as_it_was_written() {
    for (head, clause) in [
        (
            "fn f(x: ::std::string::String, m::P { a, .. }: m::P, n::N::<u8>::C: u8)",
            "",
        ),
        (
            "pub(in a::b) unsafe extern \"C\" fn f(self: &Self, mut x: fn(u8) -> u8,)",
            "where",
        ),
        (
            "fn f<'a: 'b, 'b, T: Fn(A) -> B + 'a, const N: usize>(x: [T; N], _: &'a str)",
            "where T: Into<[u8; { N }]>, A: B,",
        ),
        (
            "fn f<T>(x: impl for<'x> Fn(&'x A) -> Box<dyn B + 'x>)",
            "where T: Fn() -> u8",
        ),
        (
            "#[a] #[b = \"c\"] fn f(#[cfg(x)] x: <T as A>::B, #[allow(d)] &y: &Y)",
            "",
        ),
    ] {
        let tokens = |text: String| text.parse::<TokenStream>().expect("it is tokens");
        // A mistake is told in the function as it was written.
        let item = tokens(format!("{head} -> Generator {clause} {{}}"));
        let expansion = expand::coroutine(TokenStream::new(), item).to_string();
        let kept = tokens(format!("{head} -> Generator<()> {clause} {{") + "}").to_string();
        let without_spaces = |text: &str| text.replace(' ', "");
        let kept = without_spaces(kept.trim_end_matches('}'));
        assert!(
            without_spaces(&expansion).starts_with(&kept),
            "{kept}: {expansion}"
        );
    }
}

/// The group of the user's body in an expansion: the one that holds `mark`, and nothing around it.
fn group_with(tokens: TokenStream, mark: &str) -> Option<TokenStream> {
    for tree in tokens {
        let TokenTree::Group(group) = tree else {
            continue;
        };
        if let Some(inner) = group_with(group.stream(), mark) {
            return Some(inner);
        }
        let is_body = group.delimiter() == Delimiter::Brace
            && group
                .stream()
                .into_iter()
                .any(|tree| matches!(&tree, TokenTree::Ident(ident) if ident == mark));
        if is_body {
            return Some(group.stream());
        }
    }
    None
}

#[test]
fn a_body_without_words_is_untouched() {
    for body in [
        quote!(mark; a | b; |x| x + 1; match x { | A | B => c || d, _ => e }),
        quote!(mark; r#yield; await_; self.yield_(1); x.yield_from(2); yield_::<u32>; Word::await_(3)),
        quote!(mark; macro_rules! await_ { () => {} }),
        quote!(mark; if !(a) {} return !(b); let c = !(d);),
        quote!(mark; fn inner() -> Foo<{ N }> { 'a: loop { break 'a } }),
    ] {
        let item = quote!(async fn f() { #body });
        let expansion = expand::coroutine(TokenStream::new(), item);
        let kept = group_with(expansion, "mark").expect("the body is in the expansion");
        assert_eq!(kept.to_string(), body.to_string());
    }
}

#[test]
fn a_bar_is_a_closure_only_where_an_expression_begins() {
    let refused = |body: &str| {
        count(
            &coroutine(&format!("fn f() -> Generator<u32> {{ {body} }}")),
            "compile_error",
        )
    };
    for closure in [
        "f(|| yield_!(1))",
        "f(a, |x| yield_!(x))",
        "let g = move |x: u32| -> u32 { yield_!(x) };",
        "let g = |x| g(|y| yield_!(y));",
        "match x { A => |y| yield_!(y), _ => z }",
        "return |x| yield_!(x)",
        "f(|x| if x { yield_!(1) } else { 2 })",
    ] {
        assert_eq!(refused(closure), 1, "{closure}");
    }
    for or in [
        "a | yield_!(1)",
        "f(x)? | yield_!(1)",
        "a[0] | yield_!(1) | yield_!(2)",
        "match x { | A | B => yield_!(1), C | D => { yield_!(2) } }",
        "match x { A => {} | B => yield_!(1) }",
        "if let | A | B = yield_!(1) {}",
        "1 | yield_!(1)",
        "a || yield_!(1)",
        "x.await_ || yield_!(1)",
        "let f = |x| x; yield_!(f(1))",
        "f(|x| x, yield_!(1))",
        "f(|x| { x }, yield_!(1))",
    ] {
        assert_eq!(refused(or), 0, "{or}");
    }
}

#[test]
fn only_calls_of_the_function_itself_are_boxed() {
    let boxed = |signature: &str, body: &str| {
        count(
            &coroutine(&format!("async fn walk({signature}) {{ {body} }}")),
            ". boxed_typed ()",
        )
    };
    for own in ["walk(1)", "walk::<T>(x)", "f(walk(1))", "vec![walk(1)]"] {
        assert_eq!(boxed("", own), 1, "{own}");
        assert_eq!(boxed("self", own), 0, "a method is not called so: {own}");
    }
    for own in ["self.walk(x)", "child.walk(x)", "a.b[0].walk()"] {
        assert_eq!(boxed("&self", own), 1, "{own}");
        assert_eq!(boxed("", own), 0, "only a method is called so: {own}");
    }
    assert_eq!(boxed("&self", "Self::walk(x)"), 1);
    assert_eq!(boxed("", "Self::walk(x)"), 1);
    for other in [
        "self.inner.walk(x)",
        "other::walk(x)",
        "walk",
        "walk!(x)",
        "Other::walk(x)",
        "x.walk",
        "fn walk(x: u32) {}",
        "<Self>::walk()",
    ] {
        assert_eq!(boxed("", other) + boxed("&self", other), 0, "{other}");
    }
}

#[test]
fn the_bare_attribute_gets_its_path() {
    let item = quote! {
        mod m {
            #[coroutine]
            async fn f() {}
            #[coroutine(boxed)]
            #[other(coroutine)]
            async fn g() { #[coroutine] fn h() {} }
            #[coroutine::path]
            struct S;
        }
    };
    let expansion = expand::coroutines(TokenStream::new(), item).to_string();
    assert_eq!(
        count(&expansion, ":: asyncio :: coroutine"),
        3,
        "{expansion}"
    );
}
