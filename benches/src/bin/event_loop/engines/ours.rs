//! asyncio.

use std::future::Future;
use std::time::Duration;

use asyncio::{
    Queue, StreamReader, StreamWriter, Task, catch_cancelled, create_task, open_connection, sleep,
    start_server,
};

use crate::engine::{Cancel, Channel, Combine, Echo, Engine, Lock, MESSAGE, Sleep, Synchronise};
use crate::workloads::Cases;

/// asyncio.
pub(crate) struct Ours;

/// What it can do.
pub(crate) fn cases() -> Cases {
    Cases::of::<Ours>("asyncio")
        .synchronise::<Ours>()
        .combine::<Ours>()
        .cancel::<Ours>()
        .sleep::<Ours>()
        .cancel_sleeping::<Ours>()
        .echo::<Ours>()
}

impl Engine for Ours {
    type Task<T: 'static> = Task<T>;

    fn run<T: 'static>(main: impl Future<Output = T> + 'static) -> T {
        asyncio::run(main)
    }

    fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> Task<T> {
        create_task(future)
    }

    async fn join<T: 'static>(task: Task<T>) -> T {
        task.await
    }

    async fn gather<T: 'static, F: Future<Output = T> + 'static>(
        futures: impl Iterator<Item = F>,
    ) -> Vec<T> {
        asyncio::gather(futures).await
    }

    async fn yield_now() {
        sleep(0).await;
    }
}

impl Cancel for Ours {
    async fn cancel(tasks: Vec<Task<()>>) {
        for task in &tasks {
            task.cancel();
        }
        for task in tasks {
            let outcome = catch_cancelled(task).await;
            assert!(outcome.is_err());
        }
    }
}

impl Combine for Ours {
    async fn shield<T: 'static>(future: impl Future<Output = T> + 'static) -> T {
        asyncio::shield(future).await
    }

    async fn as_completed<F: Future<Output = u64> + 'static>(
        futures: impl Iterator<Item = F>,
    ) -> u64 {
        let mut sum = 0;
        for value in asyncio::as_completed(futures) {
            sum += value.await;
        }
        sum
    }

    async fn timeout<T>(future: impl Future<Output = T>) -> T {
        let ended = asyncio::timeout(3600, async |_| future.await).await;
        ended.expect("it ends in time")
    }
}

impl Synchronise for Ours {
    type Channel = Queue<u64>;
    type Lock = asyncio::Lock;
}

impl Channel for Queue<u64> {
    type Sender = Queue<u64>;
    type Receiver = Queue<u64>;

    fn channel() -> (Self, Self) {
        let queue = Queue::with_maxsize(1);
        (queue.clone(), queue)
    }

    async fn put(sender: &Self, item: u64) {
        sender.put(item).await.expect("it is open");
    }

    async fn get(receiver: &mut Self) -> u64 {
        receiver.get().await.expect("it is open")
    }
}

impl Lock for asyncio::Lock {
    fn new() -> Self {
        asyncio::Lock::new()
    }

    async fn with(&self, inside: impl Future<Output = ()>) {
        let _guard = self.acquire().await;
        inside.await;
    }
}

impl Sleep for Ours {
    fn sleep(delay: Duration) -> impl Future<Output = ()> {
        sleep(delay)
    }
}

impl Echo for Ours {
    async fn serve() -> u16 {
        let server = start_server(
            async |reader: StreamReader, writer: StreamWriter| {
                loop {
                    let data = reader.read(MESSAGE).await.expect("it can be read");
                    if data.is_empty() {
                        break;
                    }
                    writer.write(&data);
                    writer.drain().await.expect("it can be written");
                }
            },
            "127.0.0.1",
            0,
        )
        .await
        .expect("a port is free");
        server.addresses()[0].port()
    }

    async fn call(port: u16, times: u64) {
        let (reader, writer) = open_connection("127.0.0.1", port)
            .await
            .expect("it is served");
        for _ in 0..times {
            writer.write([b'x'; MESSAGE]);
            writer.drain().await.expect("it can be written");
            let echoed = reader.readexactly(MESSAGE).await.expect("it comes back");
            assert_eq!(echoed.len(), MESSAGE);
        }
    }
}

/// asyncio with its debug mode on, to tell what that costs; and, beside it, that it costs nothing when it is off.
struct Debug;

/// asyncio with tasks of `#[asyncio::coroutine]` functions, which know their names and where they are suspended.
struct Coroutines;

/// asyncio with a name of its own for each task.
struct Named;

/// The rows that are compared with ours alone.
pub(crate) fn variants() -> [Cases; 3] {
    [
        Cases::of::<Coroutines>("asyncio, coroutines"),
        Cases::of::<Named>("asyncio, named tasks"),
        Cases::of::<Debug>("asyncio, debug mode"),
    ]
}

macro_rules! variant {
    ($engine:ident, |$main:ident| $run:expr, |$future:ident| $spawn:expr, |$futures:ident| $gathered:expr) => {
        impl Engine for $engine {
            type Task<T: 'static> = Task<T>;

            fn run<T: 'static>($main: impl Future<Output = T> + 'static) -> T {
                $run
            }

            fn spawn<T: 'static>($future: impl Future<Output = T> + 'static) -> Task<T> {
                $spawn
            }

            async fn join<T: 'static>(task: Task<T>) -> T {
                task.await
            }

            async fn gather<T: 'static, F: Future<Output = T> + 'static>(
                $futures: impl Iterator<Item = F>,
            ) -> Vec<T> {
                asyncio::gather($gathered).await
            }

            async fn yield_now() {
                sleep(0).await;
            }
        }
    };
}

variant!(
    Debug,
    |main| asyncio::Runner::new().debug(true).run(main),
    |future| create_task(future),
    |futures| futures
);
variant!(
    Named,
    |main| asyncio::run(main),
    |future| {
        let task = create_task(future);
        task.set_name("worker");
        task
    },
    |futures| futures.map(Self::spawn)
);
variant!(
    Coroutines,
    |main| asyncio::run(main),
    |future| create_task(coroutine(future)),
    |futures| futures.map(coroutine)
);

#[asyncio::coroutine]
async fn coroutine<F: Future>(future: F) -> F::Output {
    await_!(future)
}
