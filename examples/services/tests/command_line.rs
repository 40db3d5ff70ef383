//! The programs as their users meet them: each serves, and ends when it is told to.
#![cfg(unix)]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::process::Command;

use examples::peers::{Running, python_program};
use examples::programs::executable;

/// Starts the server, has it used, and ends it.
fn assert_serves(name: &str, args: &[&str], client: impl FnOnce(u16)) {
    let mut server = Running::start(
        Command::new(executable(name))
            .args(["--host", "127.0.0.1", "--port", "0"])
            .args(args),
    );
    client(server.address().port());
    let (status, said) = server.terminate();
    assert!(status.success(), "{name} ended with {status}");
    assert_eq!(said, "");
}

#[test]
fn an_echo_is_told_which_end_it_is() {
    for name in ["tcp_echo", "udp_echo"] {
        for (args, says) in [
            (&[][..], "<--server|--client>"),
            (&["--server", "--client"], "cannot be used with"),
            (&["--server", "--port", "many"], "invalid value 'many'"),
        ] {
            let output = Command::new(executable(name)).args(args).output().unwrap();
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(output.status.code(), Some(2), "{name} {args:?}: {said}");
            assert!(said.contains(says), "{name} {args:?}: {said}");
        }
    }
}

#[test]
fn tcp_echo_serves_its_client_until_sigterm() {
    assert_serves("tcp_echo", &["--server"], |port| {
        let port = port.to_string();
        let args = ["--client", "--port", &port];
        let ours = Command::new(executable("tcp_echo")).args(args).output();
        let said = ours.unwrap().stdout;
        assert!(String::from_utf8_lossy(&said).contains("data received: This is the message."));
        if let Some(mut python) = python_program("tcp_echo", args) {
            assert_eq!(python.output().unwrap().stdout, said);
        }
    });
}

#[test]
fn udp_echo_serves_its_client_until_sigterm() {
    assert_serves("udp_echo", &["--server"], |port| {
        let port = port.to_string();
        let args = ["--client", "--port", &port];
        let ours = Command::new(executable("udp_echo")).args(args).output();
        let said = ours.unwrap().stdout;
        assert!(String::from_utf8_lossy(&said).contains("received \"This is the message."));
        if let Some(mut python) = python_program("udp_echo", args) {
            assert_eq!(python.output().unwrap().stdout, said);
        }
    });
}

#[test]
fn cache_server_serves_its_client_until_sigterm() {
    let args = ["--random-failure-percent", "5"];
    assert_serves("cache_server", &args, |port| {
        let port = port.to_string();
        let args = ["--host", "127.0.0.1", "--port", &port, "--rounds", "10"];
        let output = Command::new(executable("cache_client")).args(args).output();
        let output = output.unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success(), "{said}");
        assert!(said.starts_with("100 ok, 0 timeouts, 0 wrong"), "{said}");
    });
}

#[test]
fn chat_serves_until_sigterm_with_a_client_that_is_still_there() {
    let mut client = None;
    assert_serves("chat", &[], |port| {
        let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
        socket.write_all(b"ann\n/who\n").unwrap();
        let lines = client.insert(BufReader::new(socket)).lines();
        let heard: Vec<_> = lines.take(3).map(Result::unwrap).collect();
        assert_eq!(heard[0], "* your name?");
        assert_eq!(heard[2], "* here are: ann");
    });
}
