//! The HTTP server.

use std::io;

use asyncio::{StreamReader, create_task};
use futures::{AsyncReadExt, AsyncWriteExt};
use web::server::{HttpServer, Options};

use crate::{Crowd, Figures, HOST, Plan, round, settle, until, without_descriptors};

/// Reads an answer, and gives its body.
async fn answer(reader: &StreamReader) -> io::Result<Vec<u8>> {
    let head = reader.readuntil("\r\n\r\n").await?;
    let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
    assert!(head.starts_with("http/1.1 200 "), "{head}");
    let length = head.split("content-length: ").nth(1);
    let length = length.and_then(|rest| rest.split("\r\n").next()?.parse().ok());
    Ok(reader.readexactly(length.expect("a length")).await?)
}

/// Asks for several things, over one connection.
async fn client(crowd: Crowd, n: usize) -> io::Result<()> {
    let (reader, writer) = crowd.connect().await?;
    crowd.gathered().await;
    for length in [1, 100, 20_000] {
        let n = n + length;
        // Two at once.
        writer.write(format!(
            "GET /page/{n} HTTP/1.1\r\nHost: here\r\n\r\nGET /bytes/{length} HTTP/1.1\r\nHost: here\r\n\r\n"
        ));
        assert_eq!(answer(&reader).await?, format!("page {n}\n").as_bytes());
        assert_eq!(answer(&reader).await?.len(), length);
    }
    Ok(())
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
    let options = Options {
        head: 3.0,
        grace: 3.0,
    };
    let server = HttpServer::start(&HOST.to_string(), 0, options).await?;
    let port = server.port();
    let mut figures = Figures::new("http", plan);
    while let Some(n) = figures.next_round() {
        round(plan, port, plan.seed + n, client).await?;
        without_descriptors(port, |mut socket| async move {
            socket
                .write_all(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
                .await?;
            let mut heard = String::new();
            socket.read_to_string(&mut heard).await?;
            assert!(heard.ends_with("\r\n\r\nhello\n"), "{heard}");
            Ok(())
        })
        .await?;
        figures.take();
    }
    figures.assert_flat();

    // In the middle of it: one that is kept, one in the middle of its request, one that takes for ever.
    let crowd = Crowd::new(port, 0);
    let kept = crowd.connect().await?;
    kept.1.write("GET / HTTP/1.1\r\nHost: here\r\n\r\n");
    answer(&kept.0).await?;
    let asked = server.requests();
    let busy = crowd.connect().await?;
    busy.1
        .write("POST /echo HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\nhello");
    let slow = crowd.connect().await?;
    slow.1
        .write("GET /slow/100000 HTTP/1.1\r\nHost: here\r\n\r\n");
    until("all have asked", || server.requests() >= asked + 2).await;
    let stopped = create_task(async move { server.shut_down().await });
    assert_eq!(kept.0.read_to_end().await?, b"");
    busy.1.write("world");
    let heard = busy.0.read_to_end().await?;
    assert!(String::from_utf8_lossy(&heard).contains("hello"));
    settle(tasks).await;
    assert!(stopped.await, "the slow one was to be aborted");
    Ok(())
}
