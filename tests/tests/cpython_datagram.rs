//! CPython's tests of datagrams, told anew.

use std::io::ErrorKind;

use asyncio::{
    DatagramEndpoint, catch_cancelled, create_datagram_endpoint, create_task, gather, run, sleep,
};

const HOST: &str = "127.0.0.1";

/// One that listens, and one that talks to it.
async fn pair(host: &str) -> (DatagramEndpoint, DatagramEndpoint) {
    let server = create_datagram_endpoint()
        .local_addr(host, 0)
        .await
        .unwrap();
    let port = server.sockname().unwrap().port();
    let client = create_datagram_endpoint()
        .remote_addr(host, port)
        .await
        .unwrap();
    (server, client)
}

async fn sends_and_receives(host: &str) {
    let (server, client) = pair(host).await;
    client.send("xxx").await.unwrap();
    let (data, sender) = server.recvfrom().await.unwrap();
    assert_eq!(
        (data.as_slice(), sender),
        (&b"xxx"[..], client.sockname().unwrap())
    );
    server.sendto("yyyy", sender).await.unwrap();
    let (data, sender) = client.recvfrom().await.unwrap();
    assert_eq!(
        (data.as_slice(), sender),
        (&b"yyyy"[..], client.peername().unwrap())
    );
    // Each is a message of its own, even an empty one.
    for message in ["one", "", "three"] {
        client.send(message).await.unwrap();
    }
    for message in ["one", "", "three"] {
        assert_eq!(server.recvfrom().await.unwrap().0, message.as_bytes());
    }
    client.close();
    assert!(client.is_closing());
    let closed = client.send("zzz").await.unwrap_err();
    assert_eq!(closed.kind(), ErrorKind::NotConnected);
}

/// Mirrors `test_events.EventLoopTestsMixin.test_create_datagram_endpoint`.
#[test]
fn create_endpoint() {
    run(sends_and_receives(HOST));
}

/// Mirrors `test_events.EventLoopTestsMixin.test_create_datagram_endpoint_ipv6`.
#[test]
fn create_endpoint_ipv6() {
    if std::net::UdpSocket::bind("[::1]:0").is_ok() {
        run(sends_and_receives("::1"));
    }
}

/// Mirrors `test_events.EventLoopTestsMixin.test_datagram_send_to_non_listening_address`.
#[test]
fn send_to_non_listening_address() {
    run(async {
        let (server, client) = pair(HOST).await;
        server.close();
        client.send("nobody there").await.unwrap();
        let refused = client.recvfrom().await.unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        // The endpoint goes on.
        let (other, sender) = pair(HOST).await;
        sender.send("still here").await.unwrap();
        other.recvfrom().await.unwrap();
        assert!(!client.is_closing());
    });
}

/// Mirrors `test_base_events.BaseEventLoopWithSelectorTests.test_create_datagram_endpoint_cant_bind`.
#[test]
fn cannot_bind() {
    run(async {
        let (server, _client) = pair(HOST).await;
        let taken = server.sockname().unwrap();
        let error = create_datagram_endpoint()
            .local_addr(HOST, taken.port())
            .await
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&taken.to_string()), "{error}");
    });
}

/// Mirrors `test_base_events.BaseEventLoopWithSelectorTests.test_create_datagram_endpoint_noaddr_nofamily`.
#[test]
fn neither_address() {
    run(async {
        let error = create_datagram_endpoint().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput);
    });
}

/// Mirrors `test_base_events.BaseEventLoopWithSelectorTests.test_create_datagram_endpoint_no_matching_family`.
#[test]
fn no_matching_family() {
    run(async {
        let error = create_datagram_endpoint()
            .local_addr("::1", 0)
            .remote_addr(HOST, 1)
            .await
            .unwrap_err();
        assert_eq!(error.to_string(), "can not get address information");
    });
}

/// Mirrors `test_base_events.BaseEventLoopWithSelectorTests.test_create_datagram_endpoint_allow_broadcast`.
#[test]
fn allow_broadcast() {
    run(async {
        for allowed in [false, true] {
            let endpoint = create_datagram_endpoint()
                .local_addr(HOST, 0)
                .allow_broadcast(allowed)
                .await
                .unwrap();
            let everybody = "127.255.255.255:9".parse().unwrap();
            let sent = endpoint.sendto("all", everybody).await;
            if !allowed {
                assert_eq!(sent.unwrap_err().kind(), ErrorKind::PermissionDenied);
            }
        }
    });
}

/// Mirrors `test_selector_events.SelectorDatagramTransportTests.test_close`.
#[test]
fn close_ends_all_who_wait() {
    run(async {
        let (server, _client) = pair(HOST).await;
        let waiting = gather((0..3).map(|_| {
            let server = server.clone();
            async move { server.recvfrom().await.unwrap_err().kind() }
        }));
        sleep(0).await;
        server.close();
        assert_eq!(waiting.await, [ErrorKind::NotConnected; 3]);
    });
}

/// Mirrors `test_selector_events.SelectorDatagramTransportTests.test_read_ready`.
#[test]
fn each_datagram_goes_to_one_of_those_who_wait() {
    run(async {
        let (server, client) = pair(HOST).await;
        let receivers: Vec<_> = (0..3)
            .map(|_| {
                let server = server.clone();
                create_task(async move { server.recvfrom().await.unwrap().0 })
            })
            .collect();
        sleep(0).await;
        receivers[1].cancel();
        let mut receivers = receivers.into_iter();
        let (first, second, third) = (
            receivers.next().unwrap(),
            receivers.next().unwrap(),
            receivers.next().unwrap(),
        );
        assert!(catch_cancelled(second).await.is_err());
        client.send("a").await.unwrap();
        client.send("b").await.unwrap();
        let mut received = [first.await, third.await];
        received.sort();
        assert_eq!(received, [b"a", b"b"]);
    });
}

/// Mirrors `test_selector_events.SelectorDatagramTransportTests.test_sendto_buffer`.
#[test]
fn a_flood_waits_for_room_and_works_on_other_threads() {
    let (server, client) = run(pair(HOST));
    let receiving = std::thread::spawn(move || {
        async_io::block_on(async move {
            let mut received = 0;
            loop {
                let (data, _) = server.recvfrom().await.unwrap();
                if data.is_empty() {
                    return received;
                }
                received += 1;
            }
        })
    });
    async_io::block_on(async move {
        for _ in 0..2000 {
            client.send([7; 1000]).await.unwrap();
        }
        while !receiving.is_finished() {
            // What there is no room for at the other end is lost: that is UDP.
            client.send("").await.ok();
            std::thread::yield_now();
        }
        assert!(receiving.join().unwrap() > 0);
    });
}
