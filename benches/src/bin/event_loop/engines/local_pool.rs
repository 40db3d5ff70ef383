//! futures' `LocalPool`, with its `remote_handle` and `abortable`. It has no timers and no I/O.

use std::cell::RefCell;
use std::future::Future;
use std::rc::Rc;

use futures::executor::{LocalPool, LocalSpawner};
use futures::future::{AbortHandle, Aborted, RemoteHandle, abortable};
use futures::task::LocalSpawnExt;

use super::common::AsyncChannel;
use crate::engine::{Cancel, Engine, Lock, Synchronise, join_all};
use crate::workloads::Cases;

/// futures' `LocalPool`.
struct Pool;

/// The same, of tasks that can be cancelled.
struct AbortablePool;

/// What it can do.
pub(crate) fn cases() -> Cases {
    Cases::of::<Pool>("LocalPool")
        .synchronise::<Pool>()
        .cancel::<AbortablePool>()
}

thread_local! {
    static SPAWNER: RefCell<Option<LocalSpawner>> = const { RefCell::new(None) };
}

fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> RemoteHandle<T> {
    let spawned = SPAWNER.with_borrow(|spawner| {
        let spawner = spawner.as_ref().expect("the pool runs");
        spawner.spawn_local_with_handle(future)
    });
    spawned.expect("the pool runs")
}

fn run<T: 'static>(main: impl Future<Output = T> + 'static) -> T {
    let mut pool = LocalPool::new();
    SPAWNER.set(Some(pool.spawner()));
    pool.run_until(main)
}

impl Engine for Pool {
    type Task<T: 'static> = RemoteHandle<T>;

    fn run<T: 'static>(main: impl Future<Output = T> + 'static) -> T {
        run(main)
    }

    fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> RemoteHandle<T> {
        spawn(future)
    }

    fn detach<T: 'static>(task: RemoteHandle<T>) {
        task.forget();
    }

    async fn join<T: 'static>(task: RemoteHandle<T>) -> T {
        task.await
    }

    async fn gather<T: 'static, F: Future<Output = T> + 'static>(
        futures: impl Iterator<Item = F>,
    ) -> Vec<T> {
        join_all::<Self, _, _>(futures).await
    }
}

impl Engine for AbortablePool {
    type Task<T: 'static> = (AbortHandle, RemoteHandle<Result<T, Aborted>>);

    fn run<T: 'static>(main: impl Future<Output = T> + 'static) -> T {
        run(main)
    }

    fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> Self::Task<T> {
        let (future, abort) = abortable(future);
        (abort, spawn(future))
    }

    async fn join<T: 'static>(task: Self::Task<T>) -> T {
        task.1.await.expect("it is not cancelled")
    }

    async fn gather<T: 'static, F: Future<Output = T> + 'static>(
        futures: impl Iterator<Item = F>,
    ) -> Vec<T> {
        join_all::<Self, _, _>(futures).await
    }
}

impl Cancel for AbortablePool {
    async fn cancel(tasks: Vec<Self::Task<()>>) {
        for (abort, _) in &tasks {
            abort.abort();
        }
        for (_, task) in tasks {
            assert!(task.await.is_err());
        }
    }
}

impl Synchronise for Pool {
    type Channel = AsyncChannel;
    type Lock = FuturesLock;
}

/// `futures::lock::Mutex`.
#[derive(Clone)]
struct FuturesLock(Rc<futures::lock::Mutex<()>>);

impl Lock for FuturesLock {
    fn new() -> Self {
        FuturesLock(Rc::new(futures::lock::Mutex::new(())))
    }

    async fn with(&self, inside: impl Future<Output = ()>) {
        let _guard = self.0.lock().await;
        inside.await;
    }
}
