//! Where a task is suspended, and who awaits whom: stacks in the form of Python's tracebacks, call
//! graphs in that of Python 3.14.

use std::collections::HashMap;
use std::fmt;
use std::panic::Location;

use super::{AnyTask, Called, TaskRef, chain, current, repr};

/// One function that a task is within.
///
/// Mirrors `asyncio.FrameCallGraphEntry` of Python 3.14, and the frames of `Task.get_stack`.
///
/// ```
/// # asyncio::run(async {
/// let nap = asyncio::create_task(asyncio::sleep(0)).any();
/// asyncio::sleep(0).await;
/// for entry in nap.get_stack() {
///     println!("{}:{} in {}", entry.file, entry.line, entry.function);
/// }
/// # });
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct FrameCallGraphEntry {
    /// The source file, as the compiler was told of it.
    pub file: &'static str,
    /// The line that the function stands at, counted from one.
    pub line: u32,
    /// The function, as Python's `__qualname__`: `Crawler.work`.
    pub function: String,
}

/// A task, what it is within, and who awaits it: what [`capture_call_graph`] gives.
///
/// Shown with `{}` it is [`format_call_graph`]'s text. Mirrors `asyncio.FutureCallGraph` of Python 3.14.
///
/// ```
/// # asyncio::run(async {
/// let nap = asyncio::create_task(asyncio::sleep(0)).name("nap");
/// let graph = asyncio::capture_call_graph(&nap.any());
/// assert_eq!(graph.future.get_name(), "nap");
/// assert!(graph.awaited_by.is_empty());
/// # });
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct FutureCallGraph {
    /// The task. (Python's field holds any future.)
    pub future: AnyTask,
    /// What it is within, innermost first; nothing once it is done.
    pub call_stack: Vec<FrameCallGraphEntry>,
    /// The tasks that await it.
    pub awaited_by: Vec<FutureCallGraph>,
    /// Whether it goes on where this was cut off.
    goes_on: bool,
}

/// Who awaits the task, who awaits those, and so on, and what each of them is within.
///
/// A task awaits another one if it awaits it by itself, in a `gather`, a `wait`, a `shield` or an
/// `as_completed`, or if it runs the `TaskGroup` of it. What it is within is what
/// [`AnyTask::get_stack`] gives. At the 64th level of awaiters it is cut off, and where tasks await
/// each other in a circle. Mirrors `asyncio.capture_call_graph` of Python 3.14.
///
/// ```
/// # asyncio::run(async {
/// let inner = asyncio::create_task(asyncio::sleep(0)).name("inner");
/// let outer = asyncio::create_task(inner.clone()).name("outer");
/// asyncio::sleep(0).await;
/// let graph = asyncio::capture_call_graph(&inner.any());
/// assert_eq!(graph.awaited_by[0].future, outer);
/// # });
/// ```
#[track_caller]
pub fn capture_call_graph(task: &AnyTask) -> FutureCallGraph {
    let here = Location::caller();
    capture(&task.0, &awaiters(&task.0), &mut Vec::new(), here)
}

/// The task, what it is within, and the tasks that await it, theirs, and so on, as text.
///
/// Mirrors `asyncio.format_call_graph` of Python 3.14; [`capture_call_graph`] says more.
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
#[track_caller]
pub fn format_call_graph(task: &AnyTask) -> String {
    capture_call_graph(task).to_string()
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
#[track_caller]
pub fn print_call_graph(task: &AnyTask) {
    println!("{}", capture_call_graph(task));
}

/// How many tasks that await each other are shown, one indented beneath the other.
const DEEPEST: usize = 64;

/// Who awaits each task, by the task's number.
type Awaiters = HashMap<usize, Vec<TaskRef>>;

fn awaiters(task: &TaskRef) -> Awaiters {
    let mut awaiters = Awaiters::new();
    let all = task.event_loop().upgrade().map(|it| it.all_tasks());
    for other in all.unwrap_or_default() {
        let cancellation = &other.core().cancellation;
        cancellation.each_awaited(&mut |task| {
            let of_task = awaiters.entry(task.id()).or_default();
            // It may await one task in several ways.
            if of_task.last().is_none_or(|last| last.id() != other.id()) {
                of_task.push(other.clone());
            }
        });
    }
    awaiters
}

fn capture(
    task: &TaskRef,
    awaiters: &Awaiters,
    above: &mut Vec<usize>,
    here: Called,
) -> FutureCallGraph {
    let mut call_stack = stack(task, here);
    call_stack.reverse();
    let is_above = above.contains(&task.id());
    let waiting = awaiters.get(&task.id()).filter(|_| !is_above);
    let goes_on = waiting.is_some() && above.len() == DEEPEST;
    let mut awaited_by = Vec::new();
    if !goes_on {
        above.push(task.id());
        for other in waiting.into_iter().flatten() {
            awaited_by.push(capture(other, awaiters, above, here));
        }
        above.pop();
    }
    FutureCallGraph {
        future: AnyTask(task.clone()),
        call_stack,
        awaited_by,
        goes_on,
    }
}

impl FutureCallGraph {
    fn describe(&self, level: usize, text: &mut Vec<String>) {
        let indent = " ".repeat(level * 4);
        let core = self.future.0.core();
        let name = repr::quoted(&core.name());
        text.push(format!(
            "{indent}* Task(name={name}, id={:#x})",
            self.future.0.id()
        ));
        if !self.call_stack.is_empty() {
            text.push(format!("{indent}  + Call stack:"));
        }
        for entry in &self.call_stack {
            text.push(format!(
                "{indent}  |   File '{}', line {}, in async {}()",
                entry.file, entry.line, entry.function
            ));
        }
        if !self.awaited_by.is_empty() || self.goes_on {
            text.push(format!("{indent}  + Awaited by:"));
        }
        if self.goes_on {
            text.push(format!("{indent}    ..."));
        }
        for other in &self.awaited_by {
            other.describe(level + 1, text);
        }
    }
}

impl fmt::Display for FutureCallGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::new();
        self.describe(0, &mut text);
        f.write_str(&text.join("\n"))
    }
}

/// The functions that a task is within, outermost first; none when it is done.
fn stack(task: &TaskRef, here: Called) -> Vec<FrameCallGraphEntry> {
    if task.future().is_done() {
        return Vec::new();
    }
    let core = task.core();
    let is_coroutine = core.function().is_some();
    let is_current = current::with_task(|current| current.is(task)) == Some(true);
    let known = if is_current {
        chain::of_current(here, is_coroutine)
    } else {
        let chain = core.chain();
        chain.map_or_else(Vec::new, |chain| chain::of(&chain, is_coroutine))
    };
    let entry = |(file, line), type_name: Option<&str>| FrameCallGraphEntry {
        file,
        line,
        function: type_name.map_or_else(|| task.coroutine_name(), repr::qualified_name),
    };
    if known.is_empty() {
        let place = if is_current {
            Some(here)
        } else {
            core.stands_at()
        };
        let place = place.map_or_else(|| core.comes_from(), |it| (it.file(), it.line()));
        return vec![entry(place, None)];
    }
    let entries = known.iter().map(|it| entry(it.place, it.type_name));
    entries.collect()
}

impl AnyTask {
    /// What the task is within, outermost first; nothing once it is done.
    ///
    /// It is one entry, the task's own coroutine with the innermost line of the program at which it is
    /// suspended, unless the loop is in debug mode ([`EventLoop::set_debug`](crate::EventLoop::set_debug),
    /// `ASYNCIO_DEBUG=1`) and the library was built with debug assertions, as unoptimised programs are:
    /// then it is every `#[asyncio::coroutine]` from the task's own to the innermost, each with the line
    /// at which it awaits the next. A plain `async fn` among them has no entry: its line is in that of
    /// the coroutine above it. Mirrors `Task.get_stack`, which gives the outermost frame alone where a
    /// coroutine is suspended.
    ///
    /// ```
    /// #[asyncio::coroutine]
    /// async fn inner() {
    ///     asyncio::sleep(1).await;
    /// }
    ///
    /// #[asyncio::coroutine]
    /// async fn outer() {
    ///     inner().await;
    /// }
    ///
    /// # let clock = asyncio::testing::Clock::virtual_clock();
    /// asyncio::Runner::new().debug(true).clock(clock).run(async {
    ///     let task = asyncio::create_task(outer());
    ///     asyncio::sleep(0).await;
    ///     let stack = task.any().get_stack();
    ///     # if cfg!(debug_assertions) && stack.len() > 1 {
    ///     assert!(stack[0].function.ends_with("outer"));
    ///     assert!(stack[1].function.ends_with("inner"));
    ///     # }
    /// });
    /// ```
    #[track_caller]
    pub fn get_stack(&self) -> Vec<FrameCallGraphEntry> {
        stack(&self.0, Location::caller())
    }

    /// Prints [`get_stack`](Self::get_stack) as Python prints a traceback, to standard error; of a task
    /// that has failed, what it failed with. Mirrors `Task.print_stack`.
    ///
    /// ```
    /// # asyncio::Runner::new().clock(asyncio::testing::Clock::virtual_clock()).run(async {
    /// let nap = asyncio::create_task(asyncio::sleep(1)).any();
    /// asyncio::sleep(0).await;
    /// nap.print_stack();
    /// # });
    /// ```
    #[track_caller]
    pub fn print_stack(&self) {
        eprintln!("{}", self.formatted_stack(Location::caller()));
    }

    /// The text of [`print_stack`](Self::print_stack).
    fn formatted_stack(&self, here: Called) -> String {
        let stack = stack(&self.0, here);
        if stack.is_empty() {
            let error = self.0.future().failure().filter(|_| !self.cancelled());
            let error = error.map(|error| error.message().to_owned());
            return match error.or_else(|| self.0.error()) {
                Some(error) => format!("Traceback for {self:?} (most recent call last):\n{error}"),
                None => format!("No stack for {self:?}"),
            };
        }
        let mut text = format!("Stack for {self:?} (most recent call last):");
        for entry in stack {
            text += &format!(
                "\n  File \"{}\", line {}, in {}",
                entry.file, entry.line, entry.function
            );
        }
        text
    }
}

impl<T: 'static> super::Task<T> {
    /// What the task is within, see [`AnyTask::get_stack`]. Mirrors `Task.get_stack`.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let nap = asyncio::create_task(asyncio::sleep(0));
    /// asyncio::sleep(0).await;
    /// assert_eq!(nap.get_stack().len(), 1);
    /// # });
    /// ```
    #[track_caller]
    pub fn get_stack(&self) -> Vec<FrameCallGraphEntry> {
        self.any().get_stack()
    }

    /// Prints where the task is suspended, to standard error, see [`AnyTask::print_stack`]. Mirrors
    /// `Task.print_stack`.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let nap = asyncio::create_task(asyncio::sleep(0));
    /// asyncio::sleep(0).await;
    /// nap.print_stack();
    /// # });
    /// ```
    #[track_caller]
    pub fn print_stack(&self) {
        self.any().print_stack();
    }
}
