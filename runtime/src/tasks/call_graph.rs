//! Who awaits whom: the call graph of a task, in the form of Python 3.14.

use std::fmt::Write as _;

use super::{AnyTask, TaskKey, TaskRef, repr};

/// The task, where it is suspended, and the tasks that await it, theirs, and so on.
///
/// Mirrors `asyncio.format_call_graph` of Python 3.14. A task awaits another one if it awaits it by
/// itself or in a `gather`; of its own frames it knows the innermost.
///
/// ```
/// # asyncio::run(async {
/// let inner = asyncio::create_task(asyncio::sleep(1)).name("inner");
/// let outer = asyncio::create_task(inner.clone()).name("outer");
/// asyncio::sleep(0).await;
/// asyncio::sleep(0).await;
/// let graph = asyncio::format_call_graph(&inner.any());
/// assert!(graph.starts_with("* Task(name='inner', id="));
/// assert!(graph.contains("+ Awaited by:"));
/// assert!(graph.contains("* Task(name='outer', id="));
/// # outer.cancel();
/// # });
/// ```
pub fn format_call_graph(task: &AnyTask) -> String {
    let mut text = String::new();
    describe(&task.0, 0, &mut Vec::new(), &mut text);
    text.truncate(text.trim_end().len());
    text
}

/// Prints [`format_call_graph`].
pub fn print_call_graph(task: &AnyTask) {
    println!("{}", format_call_graph(task));
}

fn describe(task: &TaskRef, depth: usize, above: &mut Vec<TaskKey>, text: &mut String) {
    let core = task.core();
    let indent = " ".repeat(depth * 4);
    let name = repr::quoted(&core.name.borrow().to_string());
    let _ = writeln!(text, "{indent}* Task(name={name}, id={:#x})", core.key.id);
    if let Some((file, line, function)) = stands_at(task) {
        let _ = writeln!(text, "{indent}  + Call stack:");
        let _ = writeln!(
            text,
            "{indent}  |   File '{file}', line {line}, in async {function}()"
        );
    }
    if above.contains(&core.key) {
        return;
    }
    let waiting = awaited_by(task);
    if waiting.is_empty() {
        return;
    }
    let _ = writeln!(text, "{indent}  + Awaited by:");
    above.push(core.key);
    for other in waiting {
        describe(&other, depth + 1, above, text);
    }
    above.pop();
}

/// The file, the line and the function that a pending task is suspended in.
fn stands_at(task: &TaskRef) -> Option<(&'static str, u32, String)> {
    if task.future().is_done() {
        return None;
    }
    let core = task.core();
    let location = core.cancellation.location().unwrap_or(core.created_at);
    let function = core.coroutine.name();
    Some((location.file(), location.line(), function))
}

fn awaited_by(task: &TaskRef) -> Vec<TaskRef> {
    let Some(event_loop) = task.event_loop().upgrade() else {
        return Vec::new();
    };
    let key = task.core().key;
    let mut all = event_loop.all_tasks();
    all.retain(|other| other.core().cancellation.awaits(key));
    all
}

impl AnyTask {
    /// Prints where the task is suspended, to standard error. Mirrors `Task.print_stack`.
    pub fn print_stack(&self) {
        match stands_at(&self.0) {
            Some((file, line, function)) => eprintln!(
                "Stack for {self:?} (most recent call last):\n  File \"{file}\", line {line}, in {function}"
            ),
            None => eprintln!("No stack for {self:?}"),
        }
    }
}

impl<T: 'static> super::Task<T> {
    /// Prints where the task is suspended, to standard error. Mirrors `Task.print_stack`.
    pub fn print_stack(&self) {
        self.any().print_stack();
    }
}
