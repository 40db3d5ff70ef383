//! Who awaits whom: the call graph of a task, in the form of Python 3.14.

use std::collections::HashMap;
use std::fmt::Write as _;

use super::{AnyTask, TaskRef, repr};

/// The task, where it is suspended, and the tasks that await it, theirs, and so on.
///
/// Mirrors `asyncio.format_call_graph` of Python 3.14. A task awaits another one if it awaits it by
/// itself, in a `gather`, a `wait`, a `shield` or an `as_completed`, or if it runs the `TaskGroup` of
/// it; of its own frames it knows the innermost in the program.
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
    describe(&task.0, &awaiters(&task.0), &mut Vec::new(), &mut text);
    text.truncate(text.trim_end().len());
    text
}

/// Prints [`format_call_graph`].
///
/// Mirrors `asyncio.print_call_graph` of Python 3.14.
///
/// ```
/// # asyncio::run(async {
/// let nap = asyncio::create_task(asyncio::sleep(0)).name("nap");
/// asyncio::print_call_graph(&nap.any());
/// # });
/// ```
pub fn print_call_graph(task: &AnyTask) {
    println!("{}", format_call_graph(task));
}

/// How many tasks that await each other are shown, one indented beneath the other.
const DEEPEST: usize = 64;

/// Who awaits each task, by the task's number.
type Awaiters = HashMap<usize, Vec<TaskRef>>;

fn awaiters(task: &TaskRef) -> Awaiters {
    let mut awaiters = Awaiters::new();
    let all = task.event_loop().upgrade().map(|it| it.all_tasks());
    for other in all.unwrap_or_default() {
        let mut awaited = Vec::new();
        let cancellation = &other.core().cancellation;
        cancellation.each_awaited(&mut |task| awaited.push(task.id()));
        awaited.sort_unstable();
        awaited.dedup();
        for id in awaited {
            awaiters.entry(id).or_default().push(other.clone());
        }
    }
    awaiters
}

fn describe(task: &TaskRef, awaiters: &Awaiters, above: &mut Vec<usize>, text: &mut String) {
    let core = task.core();
    let indent = " ".repeat(above.len() * 4);
    let name = repr::quoted(&core.name());
    let _ = writeln!(text, "{indent}* Task(name={name}, id={:#x})", core.id);
    if let Some((file, line, function)) = stands_at(task) {
        let _ = writeln!(text, "{indent}  + Call stack:");
        let _ = writeln!(
            text,
            "{indent}  |   File '{file}', line {line}, in async {function}()"
        );
    }
    let waiting = awaiters.get(&task.id());
    if above.contains(&task.id()) || waiting.is_none() {
        return;
    }
    let _ = writeln!(text, "{indent}  + Awaited by:");
    if above.len() == DEEPEST {
        let _ = writeln!(text, "{indent}    ...");
        return;
    }
    above.push(task.id());
    for other in waiting.into_iter().flatten() {
        describe(other, awaiters, above, text);
    }
    above.pop();
}

/// The file, the line and the function that a pending task is suspended in.
fn stands_at(task: &TaskRef) -> Option<(&'static str, u32, String)> {
    if task.future().is_done() {
        return None;
    }
    let core = task.core();
    let location = core.stands_at().unwrap_or(core.created_at);
    let function = task.coroutine_name();
    Some((location.file(), location.line(), function))
}

impl AnyTask {
    /// Prints where the task is suspended, to standard error. Mirrors `Task.print_stack`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let nap = asyncio::create_task(asyncio::sleep(1)).any();
    /// asyncio::sleep(0).await;
    /// nap.print_stack();
    /// # });
    /// ```
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
    ///
    /// ```
    /// # asyncio::run(async {
    /// let nap = asyncio::create_task(asyncio::sleep(0));
    /// asyncio::sleep(0).await;
    /// nap.print_stack();
    /// # });
    /// ```
    pub fn print_stack(&self) {
        self.any().print_stack();
    }
}
