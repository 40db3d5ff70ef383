//! The bound of the TCP rows: both ends of every connection in one raw epoll, no tasks, no futures.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use rustix::event::epoll;

use crate::engine::MESSAGE;
use crate::measure::{Plan, Sample, Watch};

/// One end of a connection.
struct End {
    stream: TcpStream,
    /// How many times it is to call, or nothing if it echoes.
    left: Option<u64>,
}

/// Echoes over so many connections.
pub(super) fn echo(connections: u64, plan: Plan) -> Vec<Sample> {
    let mut samples = Vec::new();
    for _ in 0..plan.repeat {
        let watch = Watch::start();
        round(connections, plan.n / connections);
        samples.push(watch.stop());
    }
    samples
}

fn round(connections: u64, times: u64) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port is free");
    let address = listener.local_addr().expect("it is bound");
    let poll = epoll::create(epoll::CreateFlags::CLOEXEC).expect("there is epoll");
    let mut ends = Vec::new();
    for _ in 0..connections {
        let caller = TcpStream::connect(address).expect("it is served");
        let (server, _) = listener.accept().expect("it was called");
        for (stream, left) in [(caller, Some(times)), (server, None)] {
            stream.set_nodelay(true).expect("it is TCP");
            stream.set_nonblocking(true).expect("it is a socket");
            let data = epoll::EventData::new_u64(ends.len() as u64);
            let flags = epoll::EventFlags::IN | epoll::EventFlags::ET;
            epoll::add(&poll, &stream, data, flags).expect("it can be watched");
            ends.push(End { stream, left });
        }
    }
    for end in ends.iter_mut().filter(|end| end.left.is_some()) {
        let written = end.stream.write(&[b'x'; MESSAGE]);
        assert_eq!(written.ok(), Some(MESSAGE));
    }
    let mut calling = connections;
    let mut events = Vec::with_capacity(256);
    let mut buffer = [0; MESSAGE];
    while calling > 0 {
        epoll::wait(&poll, rustix::buffer::spare_capacity(&mut events), None)
            .expect("it can be waited for");
        for event in events.drain(..) {
            let at = usize::try_from(event.data.u64()).expect("it is an index");
            let End { stream, left } = &mut ends[at];
            // Over the loopback such a message comes whole.
            let read = stream.read(&mut buffer);
            assert_eq!(read.ok(), Some(MESSAGE));
            if let Some(left) = left {
                *left -= 1;
                if *left == 0 {
                    calling -= 1;
                    continue;
                }
            }
            let written = stream.write(&buffer);
            assert_eq!(written.ok(), Some(MESSAGE));
        }
    }
}
