//! monoio, on io_uring where the kernel has it. Its tasks cannot be cancelled.

use std::future::Future;
use std::net::Ipv4Addr;
use std::time::Duration;

use monoio::io::{AsyncReadRent, AsyncReadRentExt, AsyncWriteRentExt};
use monoio::net::{TcpListener, TcpStream};
use monoio::task::JoinHandle;
use monoio::{FusionDriver, RuntimeBuilder};

use super::common::{AsyncChannel, AsyncLock};
use crate::engine::{Echo, Engine, MESSAGE, Sleep, Synchronise, join_all};
use crate::workloads::Cases;

/// monoio.
struct Monoio;

/// What it can do.
pub(crate) fn cases() -> Cases {
    Cases::of::<Monoio>("monoio")
        .synchronise::<Monoio>()
        .sleep::<Monoio>()
        .echo::<Monoio>()
}

impl Engine for Monoio {
    type Task<T: 'static> = JoinHandle<T>;

    fn run<T: 'static>(main: impl Future<Output = T> + 'static) -> T {
        let runtime = RuntimeBuilder::<FusionDriver>::new().enable_timer().build();
        runtime.expect("a runtime can be made").block_on(main)
    }

    fn spawn<T: 'static>(future: impl Future<Output = T> + 'static) -> JoinHandle<T> {
        monoio::spawn(future)
    }

    async fn join<T: 'static>(task: JoinHandle<T>) -> T {
        task.await
    }

    async fn gather<T: 'static, F: Future<Output = T> + 'static>(
        futures: impl Iterator<Item = F>,
    ) -> Vec<T> {
        join_all::<Self, _, _>(futures).await
    }
}

impl Synchronise for Monoio {
    type Channel = AsyncChannel;
    type Lock = AsyncLock;
}

impl Sleep for Monoio {
    fn sleep(delay: Duration) -> impl Future<Output = ()> {
        monoio::time::sleep(delay)
    }
}

impl Echo for Monoio {
    async fn serve() -> u16 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
        let port = listener.local_addr().expect("it is bound").port();
        monoio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                monoio::spawn(echo(stream));
            }
        });
        port
    }

    async fn call(port: u16, times: u64) {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await;
        let mut stream = stream.expect("it is served");
        stream.set_nodelay(true).expect("it is TCP");
        let mut buffer = vec![b'x'; MESSAGE];
        for _ in 0..times {
            let (written, back) = stream.write_all(buffer).await;
            written.expect("it can be written");
            let (read, back) = stream.read_exact(back).await;
            read.expect("it comes back");
            buffer = back;
        }
    }
}

async fn echo(mut stream: TcpStream) {
    let mut buffer = Vec::with_capacity(MESSAGE);
    loop {
        buffer.clear();
        let (read, back) = stream.read(buffer).await;
        if read.expect("it can be read") == 0 {
            break;
        }
        let (written, back) = stream.write_all(back).await;
        written.expect("it can be written");
        buffer = back;
    }
}
