//! What the tests of streams share.
#![allow(dead_code, reason = "each test file uses what it needs")]

use asyncio::{Future, Server, StreamReader, StreamWriter, open_connection, start_server};

pub(crate) const HOST: &str = "127.0.0.1";

pub(crate) fn port(server: &Server) -> u16 {
    server.addresses()[0].port()
}

/// A connection to ourselves: the client's ends, and the server's.
pub(crate) async fn pair(
    limit: usize,
) -> ((StreamReader, StreamWriter), (StreamReader, StreamWriter)) {
    let accepted = Future::new();
    let accept = accepted.clone();
    let handler = move |reader, writer| {
        let accept = accept.clone();
        async move { accept.set_result((reader, writer)) }
    };
    let server = start_server(handler, HOST, 0).limit(limit).await.unwrap();
    let client = open_connection(HOST, port(&server))
        .limit(limit)
        .await
        .unwrap();
    let served = accepted.await;
    server.close();
    (client, served)
}
