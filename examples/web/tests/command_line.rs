//! The programs as their users meet them.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::Command;

use examples::peers::Running;
use examples::programs::executable;

#[test]
fn sigterm_lets_the_request_end_and_then_ends_the_server() {
    let mut server = Running::start(Command::new(executable("http_server")).args([
        "--host",
        "127.0.0.1",
        "--port",
        "0",
    ]));
    let address = server.address();
    // Kept open, and idle.
    let mut idle = BufReader::new(TcpStream::connect(address).unwrap());
    idle.get_mut()
        .write_all(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        .unwrap();
    while idle.by_ref().lines().next().unwrap().unwrap() != "hello" {}
    // In the middle of its request.
    let mut busy = TcpStream::connect(address).unwrap();
    busy.write_all(
        b"POST /echo HTTP/1.1\r\nHost: here\r\nExpect: 100-continue\r\nContent-Length: 10\r\n\r\n",
    )
    .unwrap();
    let mut expected = [0; 4];
    busy.read_exact(&mut expected).unwrap();
    assert_eq!(&expected, b"HTTP");

    let stopped = std::thread::spawn(move || server.terminate());
    let mut rest = String::new();
    idle.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    busy.write_all(b"helloworld").unwrap();
    let mut answer = String::new();
    busy.read_to_string(&mut answer).unwrap();
    assert!(
        answer.contains("200 OK") && answer.contains("helloworld"),
        "{answer}"
    );
    let (status, _) = stopped.join().unwrap();
    assert!(status.success(), "it ended with {status}");
}

#[test]
fn fetch_all_fetches_its_own_site_when_it_is_told_nothing() {
    let output = Command::new(executable("fetch_all")).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(said.lines().count(), 30, "{said}");
    assert!(said.lines().all(|line| line.starts_with("200 ")), "{said}");
}

#[test]
fn fetch_all_tells_of_each_url_what_became_of_it() {
    let mut command = Command::new(executable("fetch_all"));
    let urls = ["https://127.0.0.1:1/", "http://127.0.0.1:1/", "rubbish"];
    let said = String::from_utf8(command.args(urls).output().unwrap().stdout).unwrap();
    let lines: Vec<_> = said.lines().collect();
    assert!(lines[0].contains("only http: is spoken here"), "{said}");
    assert!(
        lines[1].contains("Connect call failed 127.0.0.1:1"),
        "{said}"
    );
    for (line, url) in lines.iter().zip(urls) {
        assert!(line.ends_with(&format!(" {url}")), "{said}");
    }
}
