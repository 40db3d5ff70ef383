//! The echo server.

use std::io;

use asyncio::{create_task, open_connection};
use futures::{AsyncReadExt, AsyncWriteExt};
use services::echo::serve;
use services::stopping::shut_down;

use crate::{Crowd, Figures, HOST, Plan, round, settle, without_descriptors};

const IDLE: f64 = 3.0;

/// Says something else than the others, and hears it.
async fn client(crowd: Crowd, n: usize) -> io::Result<()> {
    let (reader, writer) = crowd.connect().await?;
    crowd.gathered().await;
    for length in [1, 100, 20_000] {
        let said: Vec<u8> = (n..n + length).map(|byte| byte as u8).collect();
        writer.write(&said);
        writer.drain().await?;
        assert!(reader.readexactly(length).await? == said);
    }
    writer.write_eof();
    assert_eq!(reader.read_to_end().await?, b"");
    writer.close();
    writer.wait_closed().await
}

/// Runs it.
///
/// # Errors
///
/// When a client is not served.
///
/// # Panics
///
/// When it is not served rightly, or something is left of it.
pub async fn soak(plan: &Plan) -> io::Result<()> {
    let tasks = asyncio::all_tasks().len();
    let server = serve(&HOST.to_string(), 0, IDLE).await?;
    let port = server.addresses()[0].port();
    let mut figures = Figures::new("echo", plan);
    while let Some(n) = figures.next_round() {
        round(plan, port, plan.seed + n, client).await?;
        without_descriptors(port, |mut socket| async move {
            let mut heard = [0; 5];
            socket.write_all(b"hello").await?;
            socket.read_exact(&mut heard).await?;
            assert_eq!(&heard, b"hello");
            Ok(())
        })
        .await?;
        figures.take();
    }
    figures.assert_flat();

    // In the middle of it: one that is silent, and one that does not take what it has asked for.
    let silent = open_connection(HOST.to_string(), port).await?;
    let (deaf, writer) = open_connection(HOST.to_string(), port).await?;
    let flood = create_task(async move {
        while writer.drain().await.is_ok() {
            writer.write([b'x'; 64 << 10]);
        }
    });
    for _ in 0..1000 {
        asyncio::sleep(0).await;
    }
    let stopped = create_task(async move { shut_down(&server, IDLE).await });
    settle(tasks).await;
    assert!(stopped.done() && flood.done());
    drop((silent, deaf));
    Ok(())
}
