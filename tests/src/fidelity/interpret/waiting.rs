//! The operations that wait.

use super::at_once::Scope;
use super::awaitables::Awaitable;
use super::failing::{Fail, outcome, show, unmoved};
use super::{Frame, Inside, Outcome, Run, Slot, Value, current_task, seconds};
use crate::fidelity::program::{Block, Handler, Item, Op, Ticks, Until};
use asyncio::Task;
use futures::future::{Either, abortable, select};
use futures::{FutureExt, StreamExt};
use std::future::Future;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::rc::Rc;

impl Run {
    /// Does an operation that may wait; the value if it returned.
    pub(super) async fn later(
        self: &Rc<Self>,
        f: &Rc<Frame>,
        op: &Op,
    ) -> Result<Option<Value>, Fail> {
        let log = |what: String| self.log(&f.name, what);
        match op {
            Op::Turn => {
                asyncio::sleep(0).await;
                log("turned".into());
            }
            Op::Sleep(delay) => {
                log(format!("sleep {delay}"));
                asyncio::sleep(seconds(*delay)).await;
                log("slept".into());
            }
            Op::Call(coro) => {
                if self.full(1) {
                    log("full".into());
                    return Ok(None);
                }
                let child = self.frame(*coro, Some(f), Vec::new());
                log(format!("call {}", child.name));
                let number = self.frames.get();
                let value = through_foreign_hands(number, self.clone().body(child)).await?;
                log(format!("called {value}"));
            }
            Op::Await(n) => {
                let Some((awaitables, numbers)) = self.take(f, &[Item::Slot(*n)]) else {
                    return Ok(None);
                };
                let task = awaitables[0].task();
                log(format!("await s{n}"));
                let waiting = self.waiting(f, numbers);
                let value = unmoved(&task).await??;
                drop(waiting);
                log(format!("awaited s{n} {value}"));
            }
            Op::Gather { items, exceptions } => self.gather(f, items, *exceptions).await?,
            Op::Wait {
                slots,
                timeout,
                until,
            } => self.wait(f, slots, *timeout, *until).await,
            Op::WaitFor { item, timeout } => self.wait_for(f, item, *timeout).await?,
            Op::Timeout { delay, at, ops } => return self.timeout(f, *delay, *at, ops).await,
            Op::Shield(item) => {
                let Some((mut awaitables, _)) = self.take(f, std::slice::from_ref(item)) else {
                    return Ok(None);
                };
                log("shield".into());
                let value = match awaitables.remove(0) {
                    Awaitable::Task(task) => unmoved(asyncio::shield(&task)).await??,
                    Awaitable::Coro(coro) => asyncio::shield(coro).await?,
                    Awaitable::Future(future) => match asyncio::shield(&future).await {
                        Ok(value) => value,
                        Err(fail) => return fail.raise(),
                    },
                };
                log(format!("shielded {value}"));
            }
            Op::AsCompleted { items, timeout } => self.as_completed(f, items, *timeout).await,
            Op::AsCompletedStream { items, timeout } => {
                self.as_completed_stream(f, items, *timeout).await;
            }
            Op::Group(ops) => return self.group(f, ops).await,
            Op::Try {
                ops,
                cancelled,
                failed,
            } => {
                return self
                    .catch(f, ops, cancelled.as_ref(), failed.as_ref())
                    .await;
            }
            Op::Finally { ops, cleanup } => {
                let cleanup = async {
                    log("finally".into());
                    if let Err(fail) = self.block(f, cleanup).await {
                        let _ = Fail {
                            panic: true,
                            ..fail
                        }
                        .raise::<()>();
                    }
                    log("finally end".into());
                };
                return asyncio::finally(self.block(f, ops), cleanup).await;
            }
            Op::GatherAwait(n) => self.gather_await(f, *n).await?,
            Op::VarScope { var, value, ops } => {
                log(format!("var {var} scope"));
                let _scope = Scope::new(*var, *value);
                return self.block(f, ops).await;
            }
            op => return self.use_shared(f, op).await,
        }
        Ok(None)
    }

    async fn wait(&self, f: &Frame, slots: &[usize], timeout: Option<Ticks>, until: Until) {
        let mut found: Vec<Slot> = Vec::new();
        for slot in slots.iter().filter_map(|n| self.slot(*n)) {
            let is_new = found.iter().all(|known| known.number != slot.number);
            if slot.typed.is_some() && is_new {
                found.push(slot);
            }
        }
        if found.is_empty() {
            return self.log(&f.name, "empty");
        }
        self.log(&f.name, format!("wait {}", found.len()));
        let tasks: Vec<_> = found.iter().filter_map(|slot| slot.typed.clone()).collect();
        let wait = asyncio::wait(tasks).timeout(timeout.map(seconds));
        let (done, pending) = match until {
            Until::FirstCompleted => wait.return_when(asyncio::FIRST_COMPLETED).await,
            Until::FirstException => wait.return_when(asyncio::FIRST_EXCEPTION).await,
            Until::AllCompleted => wait.return_when(asyncio::ALL_COMPLETED).await,
        };
        let names = |tasks: &[Task<Outcome>]| {
            let number = |task: &Task<Outcome>| {
                found
                    .iter()
                    .find(|slot| slot.typed.as_ref() == Some(task))
                    .expect("one of ours")
                    .number
            };
            tasks
                .iter()
                .map(|task| format!("#{}", number(task)))
                .collect::<Vec<_>>()
                .join(",")
        };
        self.log(
            &f.name,
            format!("waited [{}] [{}]", names(&done), names(&pending)),
        );
    }

    async fn wait_for(
        self: &Rc<Self>,
        f: &Rc<Frame>,
        item: &Item,
        timeout: Option<Ticks>,
    ) -> Result<(), Fail> {
        let shown = timeout.map_or("none".to_owned(), |timeout| timeout.to_string());
        let result = match item {
            Item::Coro(coro) => {
                if self.full(1) {
                    self.log(&f.name, "full");
                    return Ok(());
                }
                let child = self.frame(*coro, Some(f), Vec::new());
                self.log(&f.name, format!("wait for {shown}"));
                asyncio::wait_for(self.clone().body(child), timeout.map(seconds)).await
            }
            Item::Slot(_) => {
                let Some((awaitables, numbers)) = self.take(f, std::slice::from_ref(item)) else {
                    return Ok(());
                };
                self.log(&f.name, format!("wait for {shown}"));
                let _waiting = self.waiting(f, numbers);
                let task = awaitables[0].task();
                unmoved(asyncio::wait_for(&task, timeout.map(seconds))).await?
            }
            Item::Future(n) => {
                self.log(&f.name, format!("wait for {shown}"));
                asyncio::wait_for(&self.future(*n), timeout.map(seconds)).await
            }
        };
        let Ok(result) = result else {
            self.log(&f.name, "timed out");
            return self.fail("Timeout").raise();
        };
        match result {
            Ok(value) => self.log(&f.name, format!("waited for {value}")),
            Err(fail) => return fail.raise(),
        }
        Ok(())
    }

    async fn timeout(
        self: &Rc<Self>,
        f: &Rc<Frame>,
        delay: Option<Ticks>,
        at: bool,
        ops: &Block,
    ) -> Result<Option<Value>, Fail> {
        self.log(
            &f.name,
            format!(
                "timeout {}",
                delay.map_or("none".to_owned(), |delay| delay.to_string())
            ),
        );
        let block = async |cm| {
            let _inside = Inside::new(&f.timeouts, cm);
            self.block(f, ops).await
        };
        let value = if at {
            let now = asyncio::get_running_loop().time();
            asyncio::timeout_at(delay.map(|delay| now + seconds(delay)), block).await
        } else {
            asyncio::timeout(delay.map(seconds), block).await
        };
        let Ok(value) = value else {
            self.log(&f.name, "timed out");
            return self.fail("Timeout").raise();
        };
        let value = value?;
        self.log(&f.name, "in time");
        Ok(value)
    }

    async fn as_completed(self: &Rc<Self>, f: &Frame, items: &[Item], timeout: Option<Ticks>) {
        let Some((awaitables, numbers)) = self.take(f, items) else {
            return;
        };
        self.log(&f.name, format!("as completed {}", numbers.len()));
        let tasks: Vec<_> = awaitables.into_iter().map(Awaitable::into_task).collect();
        for next in asyncio::as_completed(&tasks).timeout(timeout.map(seconds)) {
            let next = AssertUnwindSafe(next).catch_unwind().await;
            let next = match next {
                Ok(Ok(next)) => show(next),
                Ok(Err(_)) => "Timeout".to_owned(),
                Err(payload) => match Fail::from_panic(payload) {
                    Ok(fail) => show(Err(fail)),
                    Err(payload) => resume_unwind(payload),
                },
            };
            self.log(&f.name, format!("completed {next}"));
        }
    }

    /// Awaits tasks as they end, each of which is one that was given.
    async fn as_completed_stream(
        self: &Rc<Self>,
        f: &Frame,
        items: &[Item],
        timeout: Option<Ticks>,
    ) {
        let Some((awaitables, numbers)) = self.take(f, items) else {
            return;
        };
        self.log(&f.name, format!("as completed {}", numbers.len()));
        let tasks: Vec<_> = awaitables.into_iter().map(Awaitable::into_task).collect();
        let mut ended = asyncio::as_completed(&tasks).timeout(timeout.map(seconds));
        while let Some(next) = StreamExt::next(&mut ended).await {
            let Ok(task) = next else {
                self.log(&f.name, "completed Timeout");
                break;
            };
            let at = tasks.iter().position(|one| *one == task);
            let number = numbers[at.expect("one of those that were given")];
            self.log(&f.name, format!("completed #{number} {}", outcome(&task)));
        }
    }

    async fn catch(
        self: &Rc<Self>,
        f: &Rc<Frame>,
        ops: &Block,
        cancelled: Option<&Handler>,
        failed: Option<&Handler>,
    ) -> Result<Option<Value>, Fail> {
        let body = AssertUnwindSafe(self.block(f, ops)).catch_unwind();
        let result = match cancelled {
            None => body.await,
            Some(handler) => match asyncio::catch_cancelled(body).await {
                Ok(result) => result,
                Err(error) => {
                    let name = error
                        .message()
                        .map_or("Cancelled".into(), |text| format!("Cancelled:{text}"));
                    self.log(
                        &f.name,
                        format!("caught {name} {}", current_task().cancelling()),
                    );
                    let value = self.block(f, &handler.ops).await?;
                    if value.is_some() || !handler.again {
                        return Ok(value);
                    }
                    return error.raise().await;
                }
            },
        };
        let result = result.or_else(|payload| Fail::from_panic(payload).map(Err));
        let fail = match result.unwrap_or_else(|payload| resume_unwind(payload)) {
            Ok(value) => return Ok(value),
            Err(fail) => fail,
        };
        let Some(handler) = failed else {
            return fail.raise();
        };
        self.log(
            &f.name,
            format!("caught {} {}", fail.name, current_task().cancelling()),
        );
        let value = self.block(f, &handler.ops).await?;
        if value.is_some() || !handler.again {
            Ok(value)
        } else {
            fail.raise()
        }
    }
}

/// Awaits `future` inside one or another combinator that knows nothing of us: that must not show.
async fn through_foreign_hands<T>(number: usize, future: impl Future<Output = T>) -> T {
    match number % 4 {
        0 => future.await,
        1 => futures::join!(future, std::future::ready(())).0,
        2 => match select(Box::pin(future), std::future::pending::<()>()).await {
            Either::Left((value, _)) => value,
            Either::Right(_) => unreachable!("it is never ready"),
        },
        _ => {
            let (future, _handle) = abortable(future);
            future.await.expect("nobody aborts it")
        }
    }
}
