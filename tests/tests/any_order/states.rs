//! Every state that a task can be in, and what makes tasks in it.

use std::any::Any;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use asyncio::{
    AsyncGenerator, Barrier, Condition, Event, EventLoop, Future, Lock, Queue, Semaphore, Task,
    TaskGroup, create_task, sleep,
};

use crate::common::{Counter, Token};

/// Makes what is counted, and steals wakers.
#[derive(Clone, Default)]
pub(crate) struct Kit {
    pub(crate) counter: Counter,
    pub(crate) wakers: Arc<Mutex<Vec<Waker>>>,
}

pub(crate) type Things = Vec<Box<dyn Any>>;
type Act = Box<dyn FnOnce(&EventLoop) -> Things>;

/// Something in a certain state.
#[derive(Default)]
pub(crate) struct Made {
    /// Handles to tasks.
    pub(crate) tasks: Things,
    /// What these wait for.
    pub(crate) things: Things,
    /// To be done when the loop stands still.
    pub(crate) after: Option<Act>,
}

fn boxed<T: 'static>(thing: T) -> Things {
    vec![Box::new(thing)]
}

impl Kit {
    fn token(&self) -> Token {
        self.counter.token()
    }

    /// `future` in a coroutine that is counted and has its waker stolen.
    fn coroutine<F: std::future::Future>(
        &self,
        future: F,
    ) -> impl std::future::Future<Output = F::Output> + use<F> {
        let (token, wakers) = (self.token(), self.wakers.clone());
        async move {
            let _token = token;
            std::future::poll_fn(move |cx| {
                wakers.lock().unwrap().push(cx.waker().clone());
                Poll::Ready(())
            })
            .await;
            future.await
        }
    }

    fn forever(&self) -> impl std::future::Future<Output = ()> + use<> {
        self.coroutine(sleep(1000))
    }

    fn task<T: 'static>(&self, future: impl std::future::Future<Output = T> + 'static) -> Task<T> {
        create_task(self.coroutine(future))
    }

    /// A task that waits for nothing else.
    fn alone<T: 'static>(&self, future: impl std::future::Future<Output = T> + 'static) -> Made {
        Made {
            tasks: boxed(self.task(future)),
            ..Made::default()
        }
    }

    /// A task that waits for `thing`.
    fn at<H: Clone + 'static, T: 'static, F>(&self, thing: H, wait: impl FnOnce(H) -> F) -> Made
    where
        F: std::future::Future<Output = T> + 'static,
    {
        Made {
            tasks: boxed(self.task(wait(thing.clone()))),
            things: boxed(thing),
            ..Made::default()
        }
    }
}

pub(crate) type State = (&'static str, fn(&Kit) -> Made);

/// Every state that a task can be in.
pub(crate) const STATES: &[State] = &[
    ("not begun", |kit| {
        let kit = kit.clone();
        Made {
            after: Some(Box::new(move |event_loop| {
                boxed(event_loop.create_task(kit.forever()))
            })),
            ..Made::default()
        }
    }),
    ("cancelled before it began", |kit| {
        let kit = kit.clone();
        Made {
            after: Some(Box::new(move |event_loop| {
                let task = event_loop.create_task(kit.forever());
                assert!(task.cancel());
                boxed(task)
            })),
            ..Made::default()
        }
    }),
    ("sleeping", |kit| kit.alone(sleep(1000))),
    ("eager", |kit| Made {
        tasks: boxed(asyncio::create_eager_task(kit.forever())),
        ..Made::default()
    }),
    ("waiting for nothing of asyncio's", |kit| {
        kit.alone(std::future::pending::<()>())
    }),
    ("waiting for a future", |kit| {
        kit.at(Future::<Token>::new(), |future| future)
    }),
    ("ready: its future has a value", |kit| {
        let future = Future::<Token>::new();
        let token = kit.token();
        let mut made = kit.at(future.clone(), |future| future);
        made.after = Some(Box::new(move |_| {
            future.set_result(token);
            Things::new()
        }));
        made
    }),
    ("ready: its future has failed", |kit| {
        let future = Future::<Result<Token, std::io::Error>>::new();
        let mut made = kit.at(future.clone(), |future| future);
        made.after = Some(Box::new(move |_| {
            future.set_exception(std::io::Error::other("oh"));
            Things::new()
        }));
        made
    }),
    ("cancelled, and that is not delivered", |kit| {
        let task = kit.task(sleep(1000));
        let cancelled = task.clone();
        Made {
            tasks: boxed(task),
            after: Some(Box::new(move |_| {
                assert!(cancelled.cancel_with("enough"));
                Things::new()
            })),
            ..Made::default()
        }
    }),
    ("finished and not read", |kit| {
        let token = kit.token();
        kit.alone(async move { token })
    }),
    ("failed and not read", |kit| {
        kit.alone(async { panic!("oh") })
    }),
    ("ended by a cancellation", |kit| {
        let made = kit.task(sleep(1000));
        made.cancel();
        Made {
            tasks: boxed(made),
            ..Made::default()
        }
    }),
    ("cleaning up", |kit| {
        let task = kit.task(asyncio::finally(kit.forever(), kit.forever()));
        let cancelled = task.clone();
        create_task(async move {
            sleep(0).await;
            assert!(cancelled.cancel());
        });
        Made {
            tasks: boxed(task),
            ..Made::default()
        }
    }),
    ("catching", |kit| {
        let inner = kit.forever();
        let next = kit.forever();
        let task = kit.task(async move {
            let caught = asyncio::catch_cancelled(inner).await;
            assert!(caught.is_err());
            next.await;
        });
        let cancelled = task.clone();
        create_task(async move {
            sleep(0).await;
            assert!(cancelled.cancel());
        });
        Made {
            tasks: boxed(task),
            ..Made::default()
        }
    }),
    ("awaiting another task", |kit| {
        kit.at(kit.task(sleep(1000)), |task| task)
    }),
    ("in a gather", |kit| {
        let (first, second) = (kit.forever(), kit.forever());
        kit.alone(asyncio::gather([first, second]))
    }),
    ("in a gather that keeps errors", |kit| {
        let gather = asyncio::gather([kit.task(sleep(1000)), kit.task(async { panic!("oh") })]);
        kit.alone(gather.return_exceptions())
    }),
    ("a gather by itself", |kit| Made {
        tasks: boxed(asyncio::gather([kit.forever(), kit.forever()])),
        ..Made::default()
    }),
    ("in a wait", |kit| {
        kit.at(kit.task(sleep(1000)), |task| {
            asyncio::wait([task]).timeout(100)
        })
    }),
    ("in a wait_for", |kit| {
        kit.alone(asyncio::wait_for(kit.forever(), 100))
    }),
    ("in a wait_for of a task", |kit| {
        kit.at(kit.task(sleep(1000)), |task| asyncio::wait_for(task, 100))
    }),
    ("in nested time-outs", |kit| {
        let inner = kit.forever();
        kit.alone(asyncio::timeout(100, async move |_| {
            asyncio::timeout(50, async move |_| inner.await).await
        }))
    }),
    ("a shield's own task", |kit| {
        kit.at(kit.task(sleep(1000)), |task| asyncio::shield(task))
    }),
    ("behind a shield that was cancelled", |kit| {
        let inner = kit.task(sleep(1000));
        let outer = kit.task(asyncio::shield(inner.clone()));
        let cancelled = outer.clone();
        create_task(async move {
            sleep(0).await;
            assert!(cancelled.cancel());
        });
        Made {
            tasks: boxed(outer),
            things: boxed(inner),
            ..Made::default()
        }
    }),
    ("in the body of a group", |kit| {
        let (child, body) = (kit.forever(), kit.forever());
        kit.alone(TaskGroup::run(async move |group| {
            group.create_task(child);
            body.await;
        }))
    }),
    ("in a group that waits for its children", |kit| {
        let child = kit.forever();
        kit.alone(TaskGroup::run(async move |group| {
            group.create_task(child);
        }))
    }),
    ("in a group that aborts", |kit| {
        let child = kit.task(asyncio::finally(kit.forever(), kit.forever()));
        kit.alone(TaskGroup::run(async move |group| {
            group.create_task(child);
            group.create_task(async { panic!("oh") });
            sleep(1000).await;
        }))
    }),
    ("in as_completed", |kit| {
        let tasks = [kit.task(sleep(1000)), kit.task(sleep(0))];
        kit.alone(async move {
            for next in asyncio::as_completed(tasks).timeout(100) {
                let _ = next.await;
            }
        })
    }),
    ("waiting for a lock", |kit| {
        let lock = Lock::new();
        let holder = lock.clone();
        let hold = kit.forever();
        let first = kit.task(async move {
            let _guard = holder.acquire().await;
            hold.await;
        });
        let mut made = kit.at(lock, |lock| async move { drop(lock.acquire().await) });
        made.tasks.push(Box::new(first));
        made
    }),
    ("waiting for a semaphore", |kit| {
        kit.at(Semaphore::new(0), |semaphore| async move {
            drop(semaphore.acquire().await)
        })
    }),
    ("handed a semaphore that it does not have yet", |kit| {
        let semaphore = Semaphore::new(0);
        let releases = semaphore.clone();
        let mut made = kit.at(semaphore, |semaphore| async move {
            drop(semaphore.acquire().await)
        });
        made.after = Some(Box::new(move |_| {
            releases.release();
            Things::new()
        }));
        made
    }),
    ("waiting for an event", |kit| {
        kit.at(Event::new(), |event| async move {
            event.wait().await;
        })
    }),
    ("waiting at a condition", |kit| {
        kit.at(Condition::new(), |condition| async move {
            let _guard = condition.acquire().await;
            condition.wait().await;
        })
    }),
    ("waiting at a barrier", |kit| {
        kit.at(Barrier::new(2), |barrier| async move {
            let _ = barrier.wait().await;
        })
    }),
    ("waiting to get", |kit| {
        kit.at(Queue::<Token>::new(), |queue| async move {
            let _ = queue.get().await;
        })
    }),
    ("handed an item that it has not taken yet", |kit| {
        let (queue, token) = (Queue::<Token>::new(), kit.token());
        let puts = queue.clone();
        let mut made = kit.at(queue, |queue| async move {
            let _ = queue.get().await;
        });
        made.after = Some(Box::new(move |_| {
            assert!(puts.put_nowait(token).is_ok());
            Things::new()
        }));
        made
    }),
    ("waiting to put", |kit| {
        let queue = Queue::with_maxsize(1);
        assert!(queue.put_nowait(kit.token()).is_ok());
        let token = kit.token();
        kit.at(queue, |queue| async move {
            let _ = queue.put(token).await;
        })
    }),
    ("waiting for a queue to be done with", |kit| {
        let queue = Queue::new();
        assert!(queue.put_nowait(kit.token()).is_ok());
        kit.at(queue, |queue| async move { queue.join().await })
    }),
    ("in an async generator", |kit| {
        let inner = kit.forever();
        let token = kit.token();
        kit.alone(count(Box::pin(inner), token))
    }),
    ("waiting for a thread", |kit| {
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let mut made = kit.alone(asyncio::to_thread(move || {
            let _ = receiver.recv();
        }));
        made.things = boxed(sender);
        made
    }),
    ("with a callback that waits for it", |kit| {
        let task = kit.task(sleep(1000));
        let (token, own) = (kit.token(), task.clone());
        task.add_done_callback(move |_| drop((token, own)));
        Made {
            tasks: boxed(task),
            ..Made::default()
        }
    }),
    ("with a callback that was not called yet", |kit| {
        let (task, token) = (kit.task(std::future::pending::<()>()), kit.token());
        task.add_done_callback(move |_| drop(token));
        let ends = task.clone();
        Made {
            tasks: boxed(task),
            after: Some(Box::new(move |_| {
                ends.cancel();
                Things::new()
            })),
            ..Made::default()
        }
    }),
    ("one that holds itself", |kit| {
        let me = std::rc::Rc::new(std::cell::RefCell::new(None));
        let own = me.clone();
        let task = kit.task(async move {
            let _own = own;
            sleep(1000).await;
        });
        *me.borrow_mut() = Some(task.clone());
        Made {
            tasks: boxed(task),
            ..Made::default()
        }
    }),
    ("two that wait for each other", |kit| {
        let (first, second) = (Future::<Task<()>>::new(), Future::<Task<()>>::new());
        let awaits = |other: Future<Task<()>>| async move { other.await.await };
        let (one, other) = (
            kit.task(awaits(first.clone())),
            kit.task(awaits(second.clone())),
        );
        first.set_result(other.clone());
        second.set_result(one.clone());
        Made {
            tasks: boxed(one),
            things: boxed(other),
            ..Made::default()
        }
    }),
    ("called later", |kit| {
        let token = kit.token();
        Made {
            things: boxed(asyncio::get_running_loop().call_later(100, move || drop(token))),
            ..Made::default()
        }
    }),
    ("called soon", |kit| {
        let token = kit.token();
        Made {
            after: Some(Box::new(move |event_loop| {
                boxed(event_loop.call_soon(move || drop(token)))
            })),
            ..Made::default()
        }
    }),
];

#[asyncio::coroutine]
async fn count(inner: Pin<Box<dyn std::future::Future<Output = ()>>>, token: Token) {
    #[async_for]
    for _ in numbers(inner, token) {}
}

#[asyncio::coroutine]
async fn numbers(
    mut inner: Pin<Box<dyn std::future::Future<Output = ()>>>,
    token: Token,
) -> AsyncGenerator<u32> {
    yield_!(1);
    let _token = token;
    inner.as_mut().await;
    yield_!(2);
}
