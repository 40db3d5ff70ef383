//! Python's reprs of tasks and futures.

use std::cell::Cell;
use std::fmt::Write as _;

use super::{TaskRef, about};
use crate::exceptions::Exception;
use crate::futures::{FutureCore, State};

/// `<Task pending name='Task-1' coro=<main() running at main.rs:3> wait_for=<Future pending>>`.
pub(crate) fn task(task: &TaskRef) -> String {
    let core = task.core();
    let future = task.future();
    let status = match future.state() {
        State::Pending if core.cancellation.requested() > 0 => "cancelling",
        state => status(state),
    };
    let mut text = format!("<Task {status} name={}", quoted(&core.name()));
    about::ask(task);
    let name = task.coroutine_name();
    let (file, line) = core.comes_from();
    let doing = if future.is_done() {
        format!("done, defined at {file}:{line}")
    } else {
        let stands_at = core.stands_at();
        let (file, line) = stands_at.map_or((file, line), |it| (it.file(), it.line()));
        format!("running at {file}:{line}")
    };
    let _ = write!(text, " coro=<{name}() {doing}>");
    if let Some(target) = core.cancellation.waits_for() {
        let _ = write!(text, " wait_for={target}");
    }
    match task.error().filter(|_| future.is_done()) {
        Some(error) => {
            let _ = write!(text, " exception={error}");
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
pub(crate) fn future(class: &str, core: &FutureCore, value: String) -> String {
    let mut text = format!("<{class} {}", status(core.state()));
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
            let _ = match failure {
                Exception::Panic(panic) => write!(text, " exception={panic:?}"),
                Exception::CancelledError(error) => write!(text, " exception={error:?}"),
            };
        }
        (State::Finished, None) => {
            let _ = write!(text, " result={}", value());
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
            let _ = write!(text, " cb=[<{more} callbacks>]");
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
            unsafe { crate::futures::downcast::<T, $type>(value) }
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
pub(super) fn quoted(text: &str) -> String {
    if text.contains('\'') && !text.contains('"') {
        format!("\"{text}\"")
    } else {
        format!("'{}'", text.replace('\\', "\\\\").replace('\'', "\\'"))
    }
}

/// The function of a coroutine, as Python's `__qualname__`, from the name of the future's type.
///
/// `asyncio::coroutines::Coroutine<app::Crawler::work::{{closure}}>` is `Crawler.work`.
pub(crate) fn qualified_name(type_name: &str) -> String {
    const CLOSURE: &str = "{{closure}}";
    let mut name = type_name;
    // Through the wrappers, to the innermost type that has a closure.
    while let Some(open) = name.find('<') {
        let (head, inside) = (&name[..open], &name[open + 1..]);
        let is_wrapper = name.ends_with('>') && inside.contains(CLOSURE);
        if !is_wrapper || head.contains(CLOSURE) || head.is_empty() {
            break;
        }
        name = argument_with(CLOSURE, inside.strip_suffix('>').unwrap_or(inside));
    }
    let flat = without_generics(name);
    let mut parts: Vec<&str> = flat.split("::").filter(|part| !part.is_empty()).collect();
    let mut is_closure = false;
    while parts.last() == Some(&CLOSURE) {
        is_closure = true;
        parts.pop();
    }
    if !is_closure {
        return parts.last().unwrap_or(&"future").to_string();
    }
    // From the first type or function that is no module: what comes before a closure, or a type.
    let first = parts
        .iter()
        .position(|part| *part == CLOSURE)
        .map_or(parts.len(), |closure| closure)
        .saturating_sub(1);
    let is_type = |part: &&str| part.starts_with(char::is_uppercase);
    let first = if first > 0 && is_type(&parts[first - 1]) {
        first - 1
    } else {
        first
    };
    let mut text = String::new();
    for part in &parts[first..] {
        let part = if *part == CLOSURE { "<locals>" } else { part };
        if part == "<locals>" && text.ends_with("<locals>") {
            continue;
        }
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(part);
    }
    text
}

/// The first of the generic arguments in `list` that has `what` in it.
fn argument_with<'a>(what: &str, list: &'a str) -> &'a str {
    let (mut depth, mut start) = (0_usize, 0);
    for (at, character) in list.char_indices() {
        match character {
            '<' | '(' | '[' => depth += 1,
            '>' | ')' | ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                if list[start..at].contains(what) {
                    return &list[start..at];
                }
                start = at + 2;
            }
            _ => {}
        }
    }
    list.get(start..).unwrap_or(list)
}

fn without_generics(name: &str) -> String {
    let mut depth = 0_usize;
    let mut text = String::new();
    // `<app::Crawler>::work` and `<app::Crawler as Work>::work` keep the type.
    let name = match name.strip_prefix('<') {
        Some(rest) => {
            let end = rest.find([' ', '>']).unwrap_or(rest.len());
            let after = rest.find('>').map_or("", |close| &rest[close + 1..]);
            format!("{}{after}", &rest[..end])
        }
        None => name.to_owned(),
    };
    for character in name.chars() {
        match character {
            '<' => depth += 1,
            '>' => depth = depth.saturating_sub(1),
            _ if depth == 0 => text.push(character),
            _ => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::qualified_name;

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
        ] {
            assert_eq!(qualified_name(type_name), expected, "{type_name}");
        }
    }
}
