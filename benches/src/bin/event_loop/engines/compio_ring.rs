//! compio, on io_uring where the kernel has it.

use std::future::Future;
use std::net::Ipv4Addr;
use std::time::Duration;

use compio::buf::BufResult;
use compio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use compio::net::{TcpListener, TcpStream};
use compio::runtime::{JoinHandle, ResumeUnwind, Runtime};

use super::common::{AsyncChannel, AsyncLock};
use crate::engine::{Cancel, Echo, Engine, MESSAGE, Sleep, Synchronise, join_all};
use crate::workloads::Cases;

/// compio.
struct Compio;

/// What it can do.
pub(crate) fn cases() -> Cases {
    Cases::of::<Compio>("compio")
        .synchronise::<Compio>()
        .cancel::<Compio>()
        .sleep::<Compio>()
        .cancel_sleeping::<Compio>()
        .echo::<Compio>()
}

impl Engine for Compio {
    type Task<T: 'static> = JoinHandle<T>;

    fn run<T: 'static>(main: impl Future<Output = T> + 'static) -> T {
        Runtime::new()
            .expect("a runtime can be made")
            .block_on(main)
    }

    fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> JoinHandle<T> {
        compio::runtime::spawn(future)
    }

    fn detach<T: 'static>(task: JoinHandle<T>) {
        task.detach();
    }

    async fn join<T: 'static>(task: JoinHandle<T>) -> T {
        task.await.resume_unwind().expect("it is not cancelled")
    }

    async fn gather<T: 'static, F: Future<Output = T> + 'static>(
        futures: impl Iterator<Item = F>,
    ) -> Vec<T> {
        join_all::<Self, _, _>(futures).await
    }
}

impl Cancel for Compio {
    async fn cancel(tasks: Vec<JoinHandle<()>>) {
        for task in tasks {
            assert!(task.cancel().await.is_none());
        }
    }
}

impl Synchronise for Compio {
    type Channel = AsyncChannel;
    type Lock = AsyncLock;
}

impl Sleep for Compio {
    fn sleep(delay: Duration) -> impl Future<Output = ()> {
        compio::runtime::time::sleep(delay)
    }
}

impl Echo for Compio {
    async fn serve() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
        let listener = listener.expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        let serving = async move {
            while let Ok((stream, _)) = listener.accept().await {
                compio::runtime::spawn(echo(stream)).detach();
            }
        };
        compio::runtime::spawn(serving).detach();
        port
    }

    async fn call(port: u16, times: u64) {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await;
        let mut stream = stream.expect("it is served");
        stream.set_nodelay(true).expect("it is TCP");
        let mut buffer = vec![b'x'; MESSAGE];
        for _ in 0..times {
            let BufResult(written, back) = stream.write_all(buffer).await;
            written.expect("it can be written");
            let BufResult(read, back) = stream.read_exact(back).await;
            read.expect("it comes back");
            buffer = back;
        }
    }
}

async fn echo(mut stream: TcpStream) {
    let mut buffer = Vec::with_capacity(MESSAGE);
    loop {
        buffer.clear();
        let BufResult(read, back) = stream.read(buffer).await;
        if read.expect("it can be read") == 0 {
            break;
        }
        let BufResult(written, back) = stream.write_all(back).await;
        written.expect("it can be written");
        buffer = back;
    }
}
