use std::io::{IoSlice, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::atomic::AtomicUsize;

use std::task::{Context, Poll, Wake};

use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use super::watched::{INPUT, bits};
use super::*;

#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}

/// One end in the epoll of this thread, and the other.
fn pair() -> (Watched<UnixStream>, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    ours.set_nonblocking(true).expect("a socket");
    let edge = Edge::here().expect("an epoll");
    let known = bits::READ | bits::WRITE;
    let mut watched = Watched::register_with(edge, ours, known, INPUT).expect("registered");
    // As if a loop ran here.
    watched.entry.is_looked_after = true;
    (watched, theirs)
}

fn poll_read(watched: &Watched<UnixStream>, waker: &Waker) -> Poll<Vec<u8>> {
    let mut room = [0; 8];
    let mut cx = Context::from_waker(waker);
    let polled = watched.poll(
        Direction::Read,
        &mut cx,
        |mut io| io.read(&mut room),
        |&n| n == 0 || n == 8,
    );
    polled.map(|read| room[..read.expect("it reads")].to_vec())
}

#[test]
fn what_comes_wakes_who_waits_and_is_told_once() {
    let (watched, mut theirs) = pair();
    let count = Arc::<Count>::default();
    let waker = Waker::from(count.clone());
    assert!(poll_read(&watched, &waker).is_pending());
    assert!(!poll_here());
    theirs.write_all(b"hello").expect("written");
    assert!(poll_here());
    assert_eq!(count.get(), 1);
    assert!(!poll_here());
    assert_eq!(poll_read(&watched, &waker), Poll::Ready(b"hello".to_vec()));
    // The read was short: there is no need to ask the socket again.
    let asked = watched.poll(
        Direction::Read,
        &mut Context::from_waker(&waker),
        |_| -> io::Result<()> { panic!("it was asked") },
        |()| true,
    );
    assert!(asked.is_pending());
}

#[test]
fn a_waker_that_panics_keeps_nobody_else_from_being_woken() {
    struct Panics;
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            panic!("as it is woken")
        }
    }
    let (first, mut to_first) = pair();
    let (second, mut to_second) = pair();
    let count = Arc::<Count>::default();
    let wakers = [
        Waker::from(Arc::new(Panics)),
        Waker::from(count.clone()),
        Waker::from(Arc::new(Panics)),
    ];
    let (third, mut to_third) = pair();
    for (watched, waker) in [&first, &second, &third].into_iter().zip(&wakers) {
        assert!(poll_read(watched, waker).is_pending());
    }
    for theirs in [&mut to_first, &mut to_second, &mut to_third] {
        theirs.write_all(b"x").expect("written");
    }
    while poll_here() {}
    assert_eq!(count.get(), 1);
}

#[test]
fn an_end_that_comes_with_the_last_bytes_is_not_lost() {
    let (watched, mut theirs) = pair();
    let waker = Waker::noop();
    assert!(poll_read(&watched, waker).is_pending());
    theirs.write_all(b"over").expect("written");
    drop(theirs);
    assert!(poll_here());
    assert_eq!(poll_read(&watched, waker), Poll::Ready(b"over".to_vec()));
    for _ in 0..2 {
        assert_eq!(poll_read(&watched, waker), Poll::Ready(Vec::new()));
    }
}

/// A read ends at what was sent with a descriptor, whatever room there is and whatever comes after it.
#[test]
fn what_comes_after_a_descriptor_that_was_sent_along_is_not_lost() {
    let (watched, theirs) = pair();
    let along = [theirs.as_fd()];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    assert!(control.push(SendAncillaryMessage::ScmRights(&along)));
    let first = [IoSlice::new(b"first")];
    let sent = sendmsg(&theirs, &first, &mut control, SendFlags::empty());
    assert_eq!(sent.expect("sent"), 5);
    (&theirs).write_all(b"second").expect("written");
    while poll_here() {}
    for expected in ["first", "second"] {
        let mut room = [0; 64];
        let read = watched.poll_read(&mut Context::from_waker(Waker::noop()), &mut room);
        let Poll::Ready(Ok(n)) = read else {
            panic!("{expected} is there, and was not read")
        };
        assert_eq!(room[..n], *expected.as_bytes());
    }
    let mut cx = Context::from_waker(Waker::noop());
    assert!(watched.poll_read(&mut cx, &mut [0; 64]).is_pending());
}

#[test]
fn what_comes_between_the_try_and_the_wait_is_not_lost() {
    let (watched, mut theirs) = pair();
    let mut tries = 0;
    let polled = watched.poll(
        Direction::Read,
        &mut Context::from_waker(Waker::noop()),
        |mut io| {
            tries += 1;
            let mut room = [0; 8];
            let read = io.read(&mut room);
            if tries == 1 {
                theirs.write_all(b"late").expect("written");
                assert!(poll_here());
            }
            read
        },
        |_| false,
    );
    assert!(matches!(polled, Poll::Ready(Ok(4))));
}

#[test]
fn room_for_more_wakes_the_writer() {
    let (watched, mut theirs) = pair();
    let count = Arc::<Count>::default();
    let waker = Waker::from(count.clone());
    let block = [7; 4096];
    let mut sent = 0;
    let write = |cx: &mut Context<'_>| {
        watched.poll(Direction::Write, cx, |mut io| io.write(&block), |_| true)
    };
    let mut cx = Context::from_waker(&waker);
    while let Poll::Ready(written) = write(&mut cx) {
        sent += written.expect("it writes");
    }
    poll_here();
    let before = count.get();
    theirs
        .read_exact(&mut vec![0; sent])
        .expect("all that was sent");
    assert!(poll_here());
    assert_eq!(count.get(), before + 1);
    assert!(write(&mut cx).is_ready());
}

#[test]
fn a_socket_does_not_get_what_was_reported_for_the_one_before_it() {
    let (first, mut theirs) = pair();
    let old = first.entry.place.key;
    theirs.write_all(b"for the first").expect("written");
    drop(first);
    let (second, _theirs) = pair();
    assert_eq!(
        slot_of(second.entry.place.key).0,
        slot_of(old).0,
        "the slot is reused"
    );
    assert_ne!(second.entry.place.key, old);
    let count = Arc::<Count>::default();
    assert!(poll_read(&second, &Waker::from(count.clone())).is_pending());
    assert!(!poll_here());
    let mut to_wake = Vec::new();
    lock(&second.entry.place.edge.watched).deliver(old, epoll::EventFlags::IN, &mut to_wake);
    assert!(to_wake.is_empty());
    assert_eq!(count.get(), 0);
}

#[test]
fn a_duplicate_that_stays_open_reports_nothing() {
    let (watched, mut theirs) = pair();
    let duplicate = watched.get_ref().try_clone().expect("a descriptor");
    let edge = watched.entry.place.edge.clone();
    drop(watched);
    theirs.write_all(b"x").expect("written");
    assert!(!edge.dispatch());
    drop(duplicate);
}

#[test]
fn a_socket_that_is_dropped_while_it_is_waited_for_wakes_and_keeps_no_waker() {
    let (watched, _theirs) = pair();
    let count = Arc::<Count>::default();
    let edge = watched.entry.place.edge.clone();
    assert!(poll_read(&watched, &Waker::from(count.clone())).is_pending());
    assert_eq!(Arc::strong_count(&count), 2);
    drop(watched);
    assert_eq!((count.get(), Arc::strong_count(&count)), (1, 1));
    assert_eq!(edge.count.load(Ordering::SeqCst), 0);
}

#[test]
fn more_events_than_one_call_takes_in_all_come() {
    let pairs: Vec<_> = (0..BATCH + 10).map(|_| pair()).collect();
    let count = Arc::<Count>::default();
    let waker = Waker::from(count.clone());
    for (watched, _) in &pairs {
        assert!(poll_read(watched, &waker).is_pending());
    }
    for (_, theirs) in &pairs {
        (&*theirs).write_all(b"x").expect("written");
    }
    while poll_here() {}
    assert_eq!(count.get(), pairs.len());
}

#[test]
fn another_waker_takes_the_place_of_the_first_and_wakes_it() {
    let (watched, _theirs) = pair();
    let [first, second] = [(); 2].map(|()| Arc::<Count>::default());
    assert!(poll_read(&watched, &Waker::from(first.clone())).is_pending());
    assert!(poll_read(&watched, &Waker::from(second.clone())).is_pending());
    assert_eq!((first.get(), second.get()), (1, 0));
}

#[test]
fn it_is_looked_after_where_no_loop_does() {
    let (mut watched, mut theirs) = pair();
    watched.entry.is_looked_after = false;
    let read = std::thread::spawn(move || {
        async_io::block_on(std::future::poll_fn(|cx| poll_read(&watched, cx.waker())))
    });
    theirs.write_all(b"hello").expect("written");
    assert_eq!(read.join().expect("it reads"), b"hello");
}

#[test]
fn an_epoll_that_nobody_uses_is_closed() {
    let (mut watched, _theirs) = std::thread::spawn(pair).join().expect("a pair");
    watched.entry.is_looked_after = false;
    let edge = Arc::downgrade(&watched.entry.place.edge);
    assert!(poll_read(&watched, Waker::noop()).is_pending());
    assert!(edge.upgrade().is_some());
    drop(watched);
    assert!(edge.upgrade().is_none());
}
