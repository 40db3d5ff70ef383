//! Peers that are not fair: none of them may hold up another, or cost anything after it is gone.

use std::io;
use std::time::Duration;

use asyncio::{Task, create_task, sleep};
use futures::AsyncWriteExt;
use socket2::SockRef;

use crate::Crowd;

/// Connects, says nothing and hears nothing.
async fn silent(crowd: Crowd) -> io::Result<()> {
    let _connection = crowd.connect().await?;
    crowd.end.wait().await;
    Ok(())
}

/// Says something now and then, byte by byte.
async fn slow(crowd: Crowd) -> io::Result<()> {
    let (_reader, writer) = crowd.connect().await?;
    for byte in b"GET / HT".iter().cycle() {
        writer.write([*byte]);
        writer.drain().await?;
        for _ in 0..20 {
            if crowd.end.is_set() {
                return Ok(());
            }
            sleep(0).await;
        }
    }
    Ok(())
}

/// Says as much as it can, and hears nothing.
async fn flood(crowd: Crowd, text: &'static [u8]) -> io::Result<()> {
    let (_reader, writer) = crowd.connect().await?;
    let block = text.repeat((64 << 10) / text.len());
    while !crowd.end.is_set() {
        // It is stopped by the server, which reads no more; or thrown out.
        if writer.get_write_buffer_size() < 256 << 10 {
            writer.write(&block);
        }
        if writer.is_closing() {
            break;
        }
        sleep(0).await;
    }
    writer.abort();
    Ok(())
}

/// Vanishes with a reset, in the middle of a word, again and again.
async fn reset(crowd: Crowd) -> io::Result<()> {
    for _ in 0..5 {
        let mut socket = crowd.socket().await?;
        SockRef::from(&socket).set_linger(Some(Duration::ZERO))?;
        socket
            .write_all(b"GET /slow/20 HTTP/1.1\r\nHost: here\r\n\r\nand th")
            .await?;
        for _ in 0..10 {
            sleep(0).await;
        }
    }
    Ok(())
}

/// Stops speaking, and waits for an answer that does not come.
async fn half_closed(crowd: Crowd) -> io::Result<()> {
    let (reader, writer) = crowd.connect().await?;
    writer.write("half a requ");
    writer.write_eof();
    reader.read_to_end().await?;
    Ok(())
}

/// Says a line without end.
async fn endless(crowd: Crowd) -> io::Result<()> {
    let (reader, writer) = crowd.connect().await?;
    let read = create_task(async move { reader.read_to_end().await.map(drop) });
    for _ in 0..32 {
        writer.write([b'x'; 8 << 10]);
        if writer.drain().await.is_err() {
            break;
        }
    }
    writer.close();
    read.await
}

/// Says nothing that makes sense.
async fn noise(crowd: Crowd, seed: u64) -> io::Result<()> {
    let (reader, writer) = crowd.connect().await?;
    let read = create_task(async move { reader.read_to_end().await.map(drop) });
    let mut random = fastrand::Rng::with_seed(seed);
    for _ in 0..20 {
        let noise: Vec<u8> = (0..random.usize(1..500)).map(|_| random.u8(..)).collect();
        writer.write(noise);
        if writer.drain().await.is_err() {
            break;
        }
    }
    writer.close();
    read.await
}

/// Starts so many of each kind. How they end is their own affair.
pub(crate) fn unfair(crowd: &Crowd, each: usize, seed: u64) -> Vec<Task<io::Result<()>>> {
    let mut peers = Vec::new();
    for n in 0..each as u64 {
        let crowd = || crowd.clone();
        peers.extend([
            create_task(silent(crowd())),
            create_task(slow(crowd())),
            create_task(flood(crowd(), b"flood\n")),
            create_task(flood(
                crowd(),
                b"GET /bytes/5000 HTTP/1.1\r\nHost: here\r\n\r\n",
            )),
            create_task(reset(crowd())),
            create_task(half_closed(crowd())),
            create_task(endless(crowd())),
            create_task(noise(crowd(), seed + n)),
        ]);
    }
    peers
}
