//! smol: its `LocalExecutor` under its `block_on`.

use std::future::Future;
use std::net::Ipv4Addr;
use std::time::Duration;

use futures::future::{FutureExt, join_all as join_all_of};
use smol::io::{AsyncReadExt, AsyncWriteExt};
use smol::net::{TcpListener, TcpStream};
use smol::{LocalExecutor, Task, Timer};

use super::common::{AsyncChannel, AsyncLock};
use crate::engine::{Cancel, Echo, Engine, MESSAGE, Sleep, Synchronise, join_all};
use crate::workloads::Cases;

/// smol.
struct Smol;

/// What it can do.
pub(crate) fn cases() -> Cases {
    Cases::of::<Smol>("smol")
        .synchronise::<Smol>()
        .cancel::<Smol>()
        .sleep::<Smol>()
        .cancel_sleeping::<Smol>()
        .echo::<Smol>()
}

thread_local! {
    // Not dropped: a task may be.
    static EXECUTOR: &'static LocalExecutor<'static> = Box::leak(Box::new(LocalExecutor::new()));
}

fn executor() -> &'static LocalExecutor<'static> {
    EXECUTOR.with(|executor| *executor)
}

impl Engine for Smol {
    type Task<T: 'static> = Task<T>;

    fn run<T: 'static>(main: impl Future<Output = T> + 'static) -> T {
        smol::block_on(executor().run(main))
    }

    fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> Task<T> {
        executor().spawn(future)
    }

    fn detach<T: 'static>(task: Task<T>) {
        task.detach();
    }

    async fn join<T: 'static>(task: Task<T>) -> T {
        task.await
    }

    async fn gather<T: 'static, F: Future<Output = T> + 'static>(
        futures: impl Iterator<Item = F>,
    ) -> Vec<T> {
        join_all::<Self, _, _>(futures).await
    }

    async fn yield_now() {
        smol::future::yield_now().await;
    }
}

impl Cancel for Smol {
    async fn cancel(tasks: Vec<Task<()>>) {
        // One by one, each would take a turn of `block_on`, which goes to the reactor.
        let cancelled = join_all_of(tasks.into_iter().map(Task::cancel)).await;
        assert!(cancelled.iter().all(Option::is_none));
    }
}

impl Synchronise for Smol {
    type Channel = AsyncChannel;
    type Lock = AsyncLock;
}

impl Sleep for Smol {
    fn sleep(delay: Duration) -> impl Future<Output = ()> {
        Timer::after(delay).map(drop)
    }
}

impl Echo for Smol {
    async fn serve() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let serving = async move {
            while let Ok((stream, _)) = listener.accept().await {
                executor().spawn(echo(stream)).detach();
            }
        };
        executor().spawn(serving).detach();
        port
    }

    async fn call(port: u16, times: u64) {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await;
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
