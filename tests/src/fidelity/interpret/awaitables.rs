//! What programs wait for: the tasks in slots, new coroutines, and who waits for whom.

use super::failing::{Fail, exception_name, show, unmoved};
use super::{Boxed, Frame, Outcome, Run, Value};
use crate::fidelity::program::{Item, Mode};
use asyncio::{Exception, Task};
use futures::FutureExt;
use std::cell::RefCell;
use std::collections::HashSet;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

impl Run {
    pub(super) fn reaches(&self, start: usize, goal: usize) -> bool {
        let waits = self.waits.borrow();
        let mut todo = vec![start];
        let mut seen = HashSet::new();
        while let Some(task) = todo.pop() {
            if task == goal {
                return true;
            }
            if seen.insert(task) {
                todo.extend(waits.get(&task).into_iter().flatten());
            }
        }
        false
    }

    /// The awaitables of `items` and the tasks they are, or `None` where the program may not wait for them.
    pub(super) fn take(
        self: &Rc<Self>,
        f: &Frame,
        items: &[Item],
    ) -> Option<(Vec<Awaitable>, Vec<usize>)> {
        for item in items {
            if let Item::Slot(n) = item {
                let Some(slot) = self.slot(*n) else {
                    self.log(&f.name, "empty");
                    return None;
                };
                if slot.typed.is_none() {
                    self.log(&f.name, "main");
                    return None;
                }
                if self.reaches(slot.number, f.task) {
                    self.log(&f.name, "cycle");
                    return None;
                }
            }
        }
        if self.full(items.len()) {
            self.log(&f.name, "full");
            return None;
        }
        let take = |item: &Item| match item {
            Item::Slot(n) => {
                let slot = self.slot(*n).expect("seen above");
                (
                    Awaitable::Task(slot.typed.expect("seen above")),
                    Some(slot.number),
                )
            }
            Item::Coro(coro) => {
                let child = self.frame(*coro, None, Vec::new());
                let number = child.task;
                let coro = Awaitable::Coro(Box::pin(self.clone().body(child)));
                (coro, Some(number))
            }
            Item::Future(n) => (Awaitable::Future(self.future(*n)), None),
        };
        let (awaitables, numbers): (_, Vec<_>) = items.iter().map(take).unzip();
        Some((awaitables, numbers.into_iter().flatten().collect()))
    }

    /// Marks that the task of `f` waits for others, as long as what it returns lives.
    pub(super) fn waiting<'a>(&'a self, f: &Frame, numbers: Vec<usize>) -> Waiting<'a> {
        self.waits
            .borrow_mut()
            .entry(f.task)
            .or_default()
            .extend(&numbers);
        Waiting {
            run: self,
            task: f.task,
            numbers,
        }
    }
}

pub(super) struct Waiting<'a> {
    run: &'a Run,
    task: usize,
    numbers: Vec<usize>,
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut waits = self.run.waits.borrow_mut();
        let waits = waits.entry(self.task).or_default();
        for number in &self.numbers {
            if let Some(at) = waits.iter().position(|other| other == number) {
                waits.remove(at);
            }
        }
    }
}

pub(super) enum Awaitable {
    Task(Task<Outcome>),
    Coro(Boxed<'static, Outcome>),
    Future(asyncio::Future<Outcome>),
}

impl Awaitable {
    pub(super) fn into_task(self) -> Task<Outcome> {
        match self {
            Awaitable::Task(task) => task,
            Awaitable::Coro(coro) => asyncio::ensure_future(coro),
            Awaitable::Future(_) => unreachable!("only what takes futures is given them"),
        }
    }

    pub(super) fn task(&self) -> Task<Outcome> {
        match self {
            Awaitable::Task(task) => task.clone(),
            _ => unreachable!("a slot holds a task"),
        }
    }
}

/// A gather by its handle, of the kind that the program's mode takes.
pub(super) struct Gathered {
    gather: Rc<RefCell<Kind>>,
    /// The tasks in it.
    numbers: Vec<usize>,
    /// A result can be had once.
    is_awaited: bool,
}

enum Kind {
    Values(asyncio::Gather<Vec<Outcome>>),
    Results(asyncio::Gather<Result<Vec<Value>, Fail>>),
    Exceptions(asyncio::Gather<Vec<Result<Outcome, Exception>>>),
}

impl Kind {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Vec<Value>, Fail>> {
        match self {
            Kind::Values(gather) => gather
                .poll_unpin(cx)
                .map(|values| Ok(values.into_iter().map(show).collect())),
            Kind::Results(gather) => gather.poll_unpin(cx),
            Kind::Exceptions(gather) => gather.poll_unpin(cx).map(|values| {
                let shown =
                    |value: Result<Outcome, Exception>| value.map_or_else(exception_name, show);
                Ok(values.into_iter().map(shown).collect())
            }),
        }
    }
}

impl Gathered {
    pub(super) fn cancel(&self) -> bool {
        match &*self.gather.borrow() {
            Kind::Values(gather) => gather.cancel(),
            Kind::Results(gather) => gather.cancel(),
            Kind::Exceptions(gather) => gather.cancel(),
        }
    }

    pub(super) fn state(&self) -> String {
        let (done, cancelled) = match &*self.gather.borrow() {
            Kind::Values(gather) => (gather.done(), gather.cancelled()),
            Kind::Results(gather) => (gather.done(), gather.cancelled()),
            Kind::Exceptions(gather) => (gather.done(), gather.cancelled()),
        };
        format!("{} {}", i32::from(done), i32::from(cancelled))
    }
}

impl Run {
    fn gathered(&self, awaitables: Vec<Awaitable>, exceptions: bool) -> Kind {
        let as_future = |awaitable: &Awaitable| match awaitable {
            Awaitable::Future(future) => Some(future.into_future()),
            _ => None,
        };
        let futures: Vec<_> = awaitables.iter().filter_map(as_future).collect();
        if !futures.is_empty() {
            return self.gathered_all(futures, exceptions);
        }
        let tasks = awaitables.into_iter().map(Awaitable::into_task);
        let tasks = tasks.map(|task| (&task).into_future()).collect();
        self.gathered_all(tasks, exceptions)
    }

    fn gathered_all<A>(&self, all: Vec<A>, exceptions: bool) -> Kind
    where
        A: Future<Output = Outcome> + 'static,
    {
        if exceptions {
            Kind::Exceptions(asyncio::gather(all).return_exceptions())
        } else if self.program.mode == Mode::Err {
            Kind::Results(asyncio::try_gather(all))
        } else {
            Kind::Values(asyncio::gather(all))
        }
    }

    pub(super) async fn gather(
        self: &Rc<Self>,
        f: &Frame,
        items: &[Item],
        exceptions: bool,
    ) -> Result<(), Fail> {
        let Some((awaitables, numbers)) = self.take(f, items) else {
            return Ok(());
        };
        self.log(&f.name, format!("gather {}", numbers.len()));
        let waiting = self.waiting(f, numbers);
        let shown = match self.gathered(awaitables, exceptions) {
            Kind::Values(gather) => gather.await.into_iter().map(show).collect(),
            Kind::Results(gather) => unmoved(gather).await??,
            mut gather @ Kind::Exceptions(_) => poll_fn(|cx| gather.poll(cx)).await?,
        };
        drop(waiting);
        self.log(&f.name, format!("gathered [{}]", shown.join(",")));
        Ok(())
    }

    /// Gathers, to await it later or elsewhere, or never.
    pub(super) fn gather_new(
        self: &Rc<Self>,
        f: &Frame,
        number: usize,
        items: &[Item],
        exceptions: bool,
    ) {
        let Some((awaitables, numbers)) = self.take(f, items) else {
            return;
        };
        let gathered = Gathered {
            gather: Rc::new(RefCell::new(self.gathered(awaitables, exceptions))),
            numbers,
            is_awaited: false,
        };
        let text = format!("gather new {number} {}", gathered.numbers.len());
        let old = self.gathers.borrow_mut().insert(number, gathered);
        drop(old);
        self.log(&f.name, text);
    }

    pub(super) async fn gather_await(&self, f: &Frame, number: usize) -> Result<(), Fail> {
        let (gather, numbers) = {
            let mut gathers = self.gathers.borrow_mut();
            let Some(gathered) = gathers.get_mut(&number) else {
                self.log(&f.name, "empty");
                return Ok(());
            };
            if gathered.is_awaited {
                self.log(&f.name, "awaited");
                return Ok(());
            }
            if gathered
                .numbers
                .iter()
                .any(|child| self.reaches(*child, f.task))
            {
                self.log(&f.name, "cycle");
                return Ok(());
            }
            gathered.is_awaited = true;
            (gathered.gather.clone(), gathered.numbers.clone())
        };
        self.log(&f.name, format!("gather await {number}"));
        let waiting = self.waiting(f, numbers);
        // Others may cancel it meanwhile.
        let shown = unmoved(poll_fn(|cx| gather.borrow_mut().poll(cx))).await??;
        drop(waiting);
        self.log(&f.name, format!("gathered {number} [{}]", shown.join(",")));
        Ok(())
    }
}
