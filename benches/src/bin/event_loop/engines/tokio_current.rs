//! tokio's `current_thread` runtime, in its three ways: tasks of a `LocalSet`, tasks of a `LocalRuntime`, and tasks that are `Send`.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures::stream::{FuturesUnordered, StreamExt};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions, Runtime};
use tokio::sync::mpsc::{Receiver, Sender, channel};
use tokio::task::{JoinHandle, LocalSet, spawn_local, yield_now};

use crate::engine::{
    Cancel, Channel, Combine, Echo, Engine, Lock, MESSAGE, Sleep, Synchronise, join_all,
};
use crate::workloads::Cases;

/// Tasks of a `LocalSet`.
struct Set;

/// Tasks of a `LocalRuntime`.
pub(crate) struct Local;

/// Tasks of the runtime itself.
struct Plain;

/// What all can do.
pub(crate) fn cases() -> [Cases; 3] {
    fn all<E: Sleep + Echo + Cancel + Combine + Synchronise>(name: &'static str) -> Cases {
        Cases::of::<E>(name)
            .synchronise::<E>()
            .combine::<E>()
            .cancel::<E>()
            .sleep::<E>()
            .cancel_sleeping::<E>()
            .echo::<E>()
    }
    [
        all::<Plain>("tokio"),
        all::<Set>("tokio LocalSet"),
        all::<Local>("tokio LocalRuntime"),
    ]
}

fn runtime() -> Runtime {
    let runtime = Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime can be made")
}

/// A future or its value, kept on one thread by a workload that has only one.
struct OneThread<T>(T);

// SAFETY: a `current_thread` runtime polls and drops its tasks on the thread that blocks on it, and that thread is the only one that a
// workload has; it drops the runtime, too.
unsafe impl<T> Send for OneThread<T> {}

impl<F: Future> Future for OneThread<F> {
    type Output = OneThread<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // SAFETY: the field is pinned whenever the wrapper is, and never moved out of it.
        let inner = unsafe { self.map_unchecked_mut(|wrapper| &mut wrapper.0) };
        inner.poll(cx).map(OneThread)
    }
}

/// What differs between them.
macro_rules! engine {
    ($engine:ident, $task:ty, |$main:ident| $run:expr, |$future:ident| $spawn:expr, |$value:ident| $unwrap:expr) => {
        impl Engine for $engine {
            type Task<T: 'static> = $task;

            fn run<T: 'static>($main: impl Future<Output = T> + 'static) -> T {
                $run
            }

            fn spawn<T: 'static>($future: impl Future<Output = T> + 'static) -> Self::Task<T> {
                $spawn
            }

            async fn join<T: 'static>(task: Self::Task<T>) -> T {
                let $value = task.await.expect("it is not cancelled");
                $unwrap
            }

            async fn gather<T: 'static, F: Future<Output = T> + 'static>(
                futures: impl Iterator<Item = F>,
            ) -> Vec<T> {
                join_all::<Self, _, _>(futures).await
            }

            async fn yield_now() {
                yield_now().await;
            }
        }

        impl Cancel for $engine {
            async fn cancel(tasks: Vec<Self::Task<()>>) {
                for task in &tasks {
                    task.abort();
                }
                for task in tasks {
                    assert!(task.await.is_err());
                }
            }
        }

        impl Combine for $engine {
            // Who awaits a task's handle may go, and the task goes on.
            async fn shield<T: 'static>(future: impl Future<Output = T> + 'static) -> T {
                Self::join(Self::spawn(future)).await
            }

            async fn as_completed<F: Future<Output = u64> + 'static>(
                futures: impl Iterator<Item = F>,
            ) -> u64 {
                let tasks: FuturesUnordered<_> = futures
                    .map(|future| Self::join(Self::spawn(future)))
                    .collect();
                tasks.fold(0, async |sum, value| sum + value).await
            }

            async fn timeout<T>(future: impl Future<Output = T>) -> T {
                let ended = tokio::time::timeout(Duration::from_secs(3600), future).await;
                ended.expect("it ends in time")
            }
        }

        impl Synchronise for $engine {
            type Channel = Mpsc;
            type Lock = Mutex;
        }

        impl Sleep for $engine {
            fn sleep(delay: Duration) -> impl Future<Output = ()> {
                tokio::time::sleep(delay)
            }
        }

        impl Echo for $engine {
            async fn serve() -> u16 {
                let listener = TcpListener::bind(("127.0.0.1", 0)).await;
                let listener = listener.expect("a port is free");
                let port = listener.local_addr().expect("it is bound").port();
                Self::spawn(async move {
                    while let Ok((stream, _)) = listener.accept().await {
                        Self::spawn(echo(stream));
                    }
                });
                port
            }

            async fn call(port: u16, times: u64) {
                call(port, times).await;
            }
        }
    };
}

engine!(
    Local,
    JoinHandle<T>,
    |main| Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())
        .expect("a runtime can be made")
        .block_on(main),
    |future| spawn_local(future),
    |value| value
);
engine!(
    Set,
    JoinHandle<T>,
    |main| LocalSet::new().block_on(&runtime(), main),
    |future| spawn_local(future),
    |value| value
);
engine!(
    Plain,
    JoinHandle<OneThread<T>>,
    |main| runtime().block_on(main),
    |future| tokio::spawn(OneThread(future)),
    |value| value.0
);

/// `tokio::sync::mpsc`.
pub(crate) struct Mpsc;

impl Channel for Mpsc {
    type Sender = Sender<u64>;
    type Receiver = Receiver<u64>;

    fn channel() -> (Self::Sender, Self::Receiver) {
        channel(1)
    }

    async fn put(sender: &Self::Sender, item: u64) {
        sender.send(item).await.expect("it is open");
    }

    async fn get(receiver: &mut Self::Receiver) -> u64 {
        receiver.recv().await.expect("it is open")
    }
}

/// `tokio::sync::Mutex`.
#[derive(Clone)]
pub(crate) struct Mutex(std::rc::Rc<tokio::sync::Mutex<()>>);

impl Lock for Mutex {
    fn new() -> Self {
        Mutex(std::rc::Rc::new(tokio::sync::Mutex::new(())))
    }

    async fn with(&self, inside: impl Future<Output = ()>) {
        let _guard = self.0.lock().await;
        inside.await;
    }
}

async fn echo(mut stream: TcpStream) {
    let mut buffer = [0; MESSAGE];
    loop {
        let n = stream.read(&mut buffer).await.expect("it can be read");
        if n == 0 {
            break;
        }
        let written = stream.write_all(&buffer[..n]).await;
        written.expect("it can be written");
    }
}

async fn call(port: u16, times: u64) {
    let stream = TcpStream::connect(("127.0.0.1", port)).await;
    let mut stream = stream.expect("it is served");
    stream.set_nodelay(true).expect("it is TCP");
    let mut buffer = [b'x'; MESSAGE];
    for _ in 0..times {
        let written = stream.write_all(&buffer).await;
        written.expect("it can be written");
        let read = stream.read_exact(&mut buffer).await;
        read.expect("it comes back");
    }
}
