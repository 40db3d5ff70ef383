//! A server of a process that has no file descriptors left. Alone in its process, whose limit it
//! changes.
#![cfg(target_os = "linux")]

use std::cell::Cell;
use std::net::TcpStream;
use std::rc::Rc;

use asyncio::{StreamWriter, sleep, start_server};
use rustix::process::{Resource, getrlimit, setrlimit};

#[asyncio::test(virtual_clock)]
async fn a_server_without_descriptors_waits_and_then_accepts_all() {
    let accepted = Rc::new(Cell::new(0));
    let count = accepted.clone();
    let handler = move |_, writer: StreamWriter| {
        count.set(count.get() + 1);
        async move { drop(writer) }
    };
    let server = start_server(handler, "127.0.0.1", 0).await.unwrap();
    let address = server.addresses()[0];

    let open = std::fs::read_dir("/proc/self/fd").unwrap().count() as u64;
    let before = getrlimit(Resource::Nofile);
    let mut few = before;
    few.current = Some(open + 20);
    setrlimit(Resource::Nofile, few).unwrap();
    // The system takes them in, but there is no descriptor left to accept one.
    let mut clients = Vec::new();
    while let Ok(client) = TcpStream::connect(address) {
        clients.push(client);
    }
    assert!(clients.len() > 5);
    for _ in 0..200 {
        sleep(0).await;
    }
    assert_eq!(accepted.get(), 0);
    assert!(server.is_serving());

    setrlimit(Resource::Nofile, before).unwrap();
    sleep(2).await;
    while accepted.get() < clients.len() {
        sleep(0).await;
    }
    server.close();
    server.wait_closed().await;
}
