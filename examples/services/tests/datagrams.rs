//! The datagram server.

use asyncio::{create_datagram_endpoint, gather};
use examples::peers::{Running, python_program};
use services::datagrams::serve;

const HOST: &str = "127.0.0.1";

async fn say_and_hear(port: u16, n: usize, lengths: &[usize]) {
    let endpoint = create_datagram_endpoint()
        .remote_addr(HOST, port)
        .await
        .unwrap();
    // On loopback none is lost, as long as the buffers have room.
    for &length in lengths {
        let said = vec![n as u8; length];
        endpoint.send(&said).await.unwrap();
        let (heard, sender) = endpoint.recvfrom().await.unwrap();
        assert!(heard == said, "{n}: {length}");
        assert_eq!(sender.port(), port);
    }
}

#[asyncio::test]
async fn every_client_hears_itself() {
    let server = serve(HOST, 0).await.unwrap();
    let port = server.sockname().unwrap().port();
    gather((0..5).map(|n| say_and_hear(port, n, &[0, 1, 1000, 20_000]))).await;
    server.close();
    assert!(server.recvfrom().await.is_err());
}

#[asyncio::test]
async fn cpythons_server_is_heard() {
    let Some(mut command) = python_program("udp_echo", ["--server", "--port", "0"]) else {
        return;
    };
    let mut server = Running::start(&mut command);
    // An empty one it takes in, and older versions do not send it.
    say_and_hear(server.address().port(), 7, &[1, 1000, 20_000]).await;
}
