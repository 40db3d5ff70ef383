//! Python's reprs of tasks and futures.

use std::cell::Cell;

use super::{TaskRef, about};
use crate::diagnostics;
use crate::exceptions::Exception;
use crate::futures::{FutureCore, State};

/// `<Task pending name='Task-1' coro=<main() running at main.rs:3> wait_for=<Future pending>>`.
#[cold]
pub(crate) fn task(task: &TaskRef) -> String {
    let core = task.core();
    let future = task.future();
    let status = match future.state() {
        State::Pending if core.cancellation.requested() > 0 => "cancelling",
        state => status(state),
    };
    about::ask(task);
    let (file, line) = core.comes_from();
    let (doing, file, line) = if future.is_done() {
        ("done, defined", file, line)
    } else {
        let stands_at = core.stands_at();
        let (file, line) = stands_at.map_or((file, line), |it| (it.file(), it.line()));
        ("running", file, line)
    };
    let mut text = format!(
        "<Task {status} name={} coro=<{}() {doing} at {file}:{line}>",
        quoted(&core.name()),
        task.coroutine_name()
    );
    if let Some(target) = core.cancellation.waits_for() {
        diagnostics::add(&mut text, " wait_for=", &target);
    }
    match task.error().filter(|_| future.is_done()) {
        Some(error) => {
            diagnostics::add(&mut text, " exception=", &error);
            waiting(&mut text, future);
        }
        None => ending(&mut text, future, || task.repr_value()),
    }
    text
}

/// How deep the reprs of what waits for what are nested.
const DEEPEST: usize = 8;

/// What `repr` gives, unless it is nested too deep.
pub(super) fn nested(repr: impl FnOnce() -> Option<String>) -> Option<String> {
    thread_local! {
        static DEPTH: Cell<usize> = const { Cell::new(0) };
    }
    struct Leave;
    impl Drop for Leave {
        fn drop(&mut self) {
            let _ = DEPTH.try_with(|depth| depth.set(depth.get() - 1));
        }
    }
    let depth = DEPTH
        .try_with(|depth| depth.replace(depth.get() + 1))
        .ok()?;
    let _leave = Leave;
    if depth < DEEPEST { repr() } else { None }
}

/// `<Future finished result=42>`.
#[cold]
pub(crate) fn future(class: &str, core: &FutureCore, value: String) -> String {
    let mut text = String::from("<");
    diagnostics::add(&mut text, class, " ");
    text.push_str(status(core.state()));
    ending(&mut text, core, || value);
    text
}

fn status(state: State) -> &'static str {
    match state {
        State::Pending => "pending",
        State::Cancelled => "cancelled",
        State::Finished => "finished",
    }
}

fn ending(text: &mut String, core: &FutureCore, value: impl FnOnce() -> String) {
    match (core.state(), &core.peek_failure()) {
        (State::Finished, Some(failure)) => {
            let shown = match failure {
                Exception::Panic(panic) => format!("{panic:?}"),
                Exception::CancelledError(error) => format!("{error:?}"),
            };
            diagnostics::add(text, " exception=", &shown);
        }
        (State::Finished, None) => {
            diagnostics::add(text, " result=", &value());
        }
        _ => {}
    }
    waiting(text, core);
}

fn waiting(text: &mut String, core: &FutureCore) {
    match core.is_waited_for() {
        0 => {}
        1 => text.push_str(" cb=[<1 callback>]"),
        more => {
            *text += &format!(" cb=[<{more} callbacks>]");
        }
    }
    text.push('>');
}

/// A value as Python would show it, where that is known without asking the type; else its type.
pub(crate) fn value<T>(value: Option<&T>) -> String {
    let Some(value) = value else {
        return format!("<{}>", std::any::type_name::<T>());
    };
    macro_rules! known {
        ($type:ty) => {
            // SAFETY: the type has no lifetime, or the value is shown before this function returns.
            unsafe { crate::cast::downcast::<T, $type>(value) }
        };
    }
    macro_rules! shown {
        ($($type:ty)*) => {$(
            if let Some(value) = known!($type) {
                return format!("{value:?}");
            }
        )*};
    }
    if typeid::of::<T>() == typeid::of::<()>() {
        return "None".to_owned();
    }
    if let Some(value) = known!(bool) {
        return if *value { "True" } else { "False" }.to_owned();
    }
    if let Some(value) = known!(String) {
        return quoted(value);
    }
    if let Some(value) = known!(&str) {
        return quoted(value);
    }
    shown!(u8 u16 u32 u64 u128 usize i8 i16 i32 i64 i128 isize f32 f64);
    format!("<{}>", std::any::type_name::<T>())
}

/// As Python's `repr` of a `str`, near enough.
#[cold]
#[inline(never)]
pub(super) fn quoted(text: &str) -> String {
    let has = |quote: u8| text.bytes().any(|byte| byte == quote);
    let quote = if has(b'\'') && !has(b'"') {
        b'"'
    } else {
        b'\''
    };
    let mut shown = vec![quote];
    for byte in text.bytes() {
        if byte == quote || byte == b'\\' {
            shown.push(b'\\');
        }
        shown.push(byte);
    }
    shown.push(quote);
    String::from_utf8_lossy(&shown).into_owned()
}

/// The last part of the name of a coroutine's type, as of any closure's.
const CLOSURE: &[u8] = b"{{closure}}";

/// The function of a coroutine, as Python's `__qualname__`, from the name of the future's type.
///
/// `asyncio::coroutines::Coroutine<app::Crawler::work::{{closure}}>` is `Crawler.work`.
///
/// It goes by bytes: what it looks for are signs of ASCII, and what searches in a `str` is large.
#[cold]
pub(crate) fn qualified_name(type_name: &str) -> String {
    let mut name = type_name.as_bytes();
    // Through the wrappers, to the innermost type that has a closure.
    while let Some(inside) = wrapped(name) {
        name = argument_with_closure(inside);
    }
    let flat = without_generics(name);
    let parts = flat.split(|byte| *byte == b':');
    let parts: Vec<&[u8]> = parts.filter(|part| !part.is_empty()).collect();
    let mut text = Vec::new();
    match parts.iter().position(|part| *part == CLOSURE) {
        Some(closure) if flat.ends_with(CLOSURE) => {
            // From the function that the first closure is in, or its type.
            let mut first = closure.saturating_sub(1);
            if first > 0 && is_type(parts[first - 1]) {
                first -= 1;
            }
            let mut is_within = false;
            for part in &parts[first..] {
                if *part == CLOSURE {
                    is_within = true;
                    continue;
                }
                if !text.is_empty() {
                    text.push(b'.');
                }
                if std::mem::take(&mut is_within) {
                    text.extend_from_slice(b"<locals>.");
                }
                text.extend_from_slice(part);
            }
        }
        _ => text.extend_from_slice(parts.last().copied().unwrap_or(b"future")),
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn place_of(byte: u8, text: &[u8]) -> Option<usize> {
    text.iter().position(|it| *it == byte)
}

/// Whether a name is that of a type, and not of a module.
fn is_type(name: &[u8]) -> bool {
    let name = std::str::from_utf8(name).unwrap_or_default();
    name.starts_with(char::is_uppercase)
}

#[inline(never)]
fn has_closure(text: &[u8]) -> bool {
    text.windows(CLOSURE.len()).any(|part| part == CLOSURE)
}

/// The generic arguments of a type that is no closure itself, if there is one among them.
fn wrapped(name: &[u8]) -> Option<&[u8]> {
    let (head, rest) = name.split_at(place_of(b'<', name)?);
    let inside = rest[1..].strip_suffix(b">")?;
    let is_wrapper = !head.is_empty() && !has_closure(head) && has_closure(inside);
    is_wrapper.then_some(inside)
}

/// The first of the generic arguments in `list` that has one.
fn argument_with_closure(list: &[u8]) -> &[u8] {
    let (mut depth, mut start) = (0_usize, 0);
    for (at, byte) in list.iter().enumerate() {
        match byte {
            b'<' | b'(' | b'[' => depth += 1,
            b'>' | b')' | b']' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                let argument = &list[start..at];
                if has_closure(argument) {
                    return argument;
                }
                // There is a space behind it.
                start = at + 2;
            }
            _ => {}
        }
    }
    list.get(start..).unwrap_or(list)
}

fn without_generics(name: &[u8]) -> Vec<u8> {
    let mut text = Vec::with_capacity(name.len());
    // Of `<app::Crawler>::work` and `<app::Crawler as Work>::work` the type is kept, which is one level deep.
    let mut kept = usize::from(name.starts_with(b"<"));
    let mut depth = 0_usize;
    for byte in name {
        match byte {
            b'<' => depth += 1,
            b'>' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    kept = 0;
                }
            }
            b' ' if (depth, kept) == (1, 1) => kept = 0,
            _ if depth == kept => text.push(*byte),
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::any::type_name_of_val;

    use super::{qualified_name, quoted};

    #[test]
    fn names_come_from_types_as_python_writes_them() {
        for (type_name, expected) in [
            ("app::main::{{closure}}", "main"),
            ("app::Crawler::work::{{closure}}", "Crawler.work"),
            ("<app::Crawler>::work::{{closure}}", "Crawler.work"),
            (
                "<app::Crawler as app::Work>::work::{{closure}}",
                "Crawler.work",
            ),
            (
                "asyncio::coroutines::Coroutine<asyncio::fallible::Fallible<app::main::{{closure}}, asyncio::fallible::ByDebug<()>>>",
                "main",
            ),
            (
                "asyncio::coroutines::Coroutine<app::main::{{closure}}>",
                "main",
            ),
            (
                "app::main::{{closure}}::worker::{{closure}}",
                "main.<locals>.worker",
            ),
            (
                "app::Stack<alloc::vec::Vec<u8>>::push::{{closure}}",
                "Stack.push",
            ),
            ("core::future::ready::Ready<i32>", "Ready"),
            (
                "core::pin::Pin<alloc::boxed::Box<app::work::{{closure}}>>",
                "work",
            ),
            (
                "<app::Stack<u8> as app::Work<u16>>::work::{{closure}}",
                "Stack.work",
            ),
            (
                "asyncio::coroutines::Coroutine<<app::Stack<alloc::vec::Vec<u8>>>::push::{{closure}}>",
                "Stack.push",
            ),
            ("app::größe::wähle::{{closure}}", "wähle"),
            ("app::élan::work::{{closure}}", "work"),
            ("app::Élan::work::{{closure}}", "Élan.work"),
        ] {
            assert_eq!(qualified_name(type_name), expected, "{type_name}");
        }
    }

    #[test]
    fn a_method_of_a_trait_has_the_name_of_the_type_whatever_that_is_made_of() {
        trait Work<T> {
            async fn work(&self);
        }
        struct Stack<T>(T);
        impl<T> Work<Option<T>> for Stack<Vec<T>> {
            async fn work(&self) {
                let _ = &self.0;
            }
        }
        let stack = Stack(vec![1]);
        assert_eq!(
            qualified_name(type_name_of_val(&stack.work())),
            "Stack.work"
        );
    }

    #[test]
    fn a_text_is_quoted_as_python_does() {
        for (text, expected) in [
            ("", "''"),
            ("naïve 日本", "'naïve 日本'"),
            ("it's", "\"it's\""),
            ("it's \"so\"", r#"'it\'s "so"'"#),
            (r"it's \ so", r#""it's \\ so""#),
        ] {
            assert_eq!(quoted(text), expected);
        }
    }
}
