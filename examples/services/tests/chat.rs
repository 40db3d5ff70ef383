//! The chat room, and those who come.

use std::rc::Rc;

use asyncio::testing::block;
use asyncio::{Server, StreamReader, StreamWriter, gather, open_connection, sleep};
use examples::peers::{Running, python_program};
use services::chat::{Options, Room};
use services::stopping::shut_down;

const HOST: &str = "127.0.0.1";

async fn open(options: Options) -> (Rc<Room>, Server, u16) {
    let room = Room::new(options);
    let server = Rc::clone(&room).serve(HOST, 0).await.unwrap();
    let port = server.addresses()[0].port();
    (room, server, port)
}

struct Client {
    reader: StreamReader,
    writer: StreamWriter,
}

impl Client {
    /// Comes in, and is welcome.
    async fn enter(port: u16, name: &str) -> Self {
        let (reader, writer) = open_connection(HOST, port).await.unwrap();
        let client = Client { reader, writer };
        assert_eq!(client.hear().await, "* your name?");
        client.say(name);
        let welcome = client.hear().await;
        assert!(
            welcome.starts_with(&format!("* welcome {name}; ")),
            "{welcome}"
        );
        client
    }

    fn say(&self, line: &str) {
        self.writer.write(format!("{line}\n"));
    }

    async fn hear(&self) -> String {
        let line = self.reader.readline().await.unwrap();
        String::from_utf8(line).unwrap().trim_end().to_owned()
    }
}

/// Waits until something is so, which takes some turns.
async fn until(mut condition: impl FnMut() -> bool) {
    for _ in 0..1_000_000 {
        if condition() {
            return;
        }
        sleep(0).await;
    }
    panic!("it does not come to that");
}

/// A conversation, of which each line is heard as it should be.
async fn converse(port: u16) {
    let ann = Client::enter(port, "ann").await;
    let bob = Client::enter(port, "bob").await;
    assert_eq!(ann.hear().await, "* bob has joined");
    let eve = Client::enter(port, "eve").await;
    assert_eq!(ann.hear().await, "* eve has joined");
    assert_eq!(bob.hear().await, "* eve has joined");

    ann.say("hello, all");
    assert_eq!(bob.hear().await, "ann: hello, all");
    assert_eq!(eve.hear().await, "ann: hello, all");
    bob.say("/who");
    assert_eq!(bob.hear().await, "* here are: ann bob eve");
    bob.say("/dance");
    assert_eq!(bob.hear().await, "* there are /who and /quit");
    eve.say("");
    eve.say("caf\u{e9}");
    assert_eq!(ann.hear().await, "eve: caf\u{e9}");
    assert_eq!(bob.hear().await, "eve: caf\u{e9}");

    bob.say("/quit");
    assert_eq!(bob.hear().await, "");
    assert_eq!(ann.hear().await, "* bob has left");
    // In the middle of a word, and without a farewell.
    eve.writer.write("I am go");
    eve.writer.abort();
    assert_eq!(ann.hear().await, "* eve has left");
    ann.say("/who");
    assert_eq!(ann.hear().await, "* here are: ann");
    ann.writer.write_eof();
    assert_eq!(ann.hear().await, "");
}

#[asyncio::test]
async fn everybody_hears_what_anybody_says() {
    let (room, server, port) = open(Options::default()).await;
    converse(port).await;
    until(|| room.names().is_empty()).await;
    shut_down(&server, 1.0).await;
}

#[asyncio::test]
async fn the_same_is_heard_of_cpythons_server() {
    let args = ["--host", HOST, "--port", "0"];
    let Some(mut command) = python_program("chat", args) else {
        return;
    };
    let mut server = Running::start(&mut command);
    converse(server.address().port()).await;
}

#[asyncio::test]
async fn dozens_of_clients_hear_each_other() {
    // Both ends of each are files of this process, which may have 256 of them on some systems.
    const CLIENTS: usize = 60;
    const LINES: usize = 3;
    let (room, server, port) = open(Options {
        backlog: CLIENTS * (LINES + 1),
        ..Options::default()
    })
    .await;
    let entering = (0..CLIENTS).map(|n| async move { Client::enter(port, &format!("c{n}")).await });
    let clients = gather(entering).await;
    assert_eq!(room.names().len(), CLIENTS);
    let talking = clients.into_iter().map(|client| async move {
        for line in 0..LINES {
            client.say(&format!("line {line}"));
        }
        let mut heard = [0; LINES];
        while heard.iter().sum::<usize>() < (CLIENTS - 1) * LINES {
            let line = client.hear().await;
            // Those who came later have joined, and nobody has left.
            match line.rsplit_once(": line ") {
                Some((_, n)) => heard[n.parse::<usize>().unwrap()] += 1,
                None => assert!(line.ends_with(" has joined"), "{line:?}"),
            }
        }
        assert_eq!(heard, [CLIENTS - 1; LINES]);
        client
    });
    let clients = gather(talking).await;
    drop(clients);
    until(|| room.names().is_empty()).await;
    shut_down(&server, 1.0).await;
}

#[asyncio::test]
async fn a_client_that_does_not_listen_is_thrown_out_and_the_others_go_on() {
    let (room, server, port) = open(Options {
        rate: usize::MAX,
        ..Options::default()
    })
    .await;
    let deaf = Client::enter(port, "deaf").await;
    let ann = Client::enter(port, "ann").await;
    let bob = Client::enter(port, "bob").await;
    assert_eq!(ann.hear().await, "* bob has joined");
    let line = "x".repeat(1000);
    let mut said = 0;
    while room.names().len() == 3 {
        ann.say(&line);
        said += 1;
        assert_eq!(bob.hear().await, format!("ann: {line}"));
        assert!(said < 1_000_000);
    }
    assert_eq!(room.names(), ["ann", "bob"]);
    assert_eq!(bob.hear().await, "* deaf has left");
    assert!(said > Options::default().backlog);
    drop(deaf);
    shut_down(&server, 1.0).await;
}

#[asyncio::test(virtual_clock)]
async fn a_client_that_says_too_much_at_once_is_thrown_out_and_nobody_else() {
    let (room, server, port) = open(Options::default()).await;
    let ann = Client::enter(port, "ann").await;
    let eve = Client::enter(port, "eve").await;
    assert_eq!(ann.hear().await, "* eve has joined");
    let rate = Options::default().rate;
    for _ in 0..3 {
        for _ in 0..rate {
            eve.say("x");
        }
        for _ in 0..rate {
            assert_eq!(ann.hear().await, "eve: x");
        }
        block(1);
    }
    eve.writer.write("x\n".repeat(100_000));
    for _ in 0..rate {
        assert_eq!(ann.hear().await, "eve: x");
    }
    assert_eq!(ann.hear().await, "* eve has left");
    assert_eq!(room.names(), ["ann"]);
    drop(eve);
    shut_down(&server, 1.0).await;
}

#[asyncio::test]
async fn a_line_that_is_too_long_is_the_last() {
    let (room, server, port) = open(Options::default()).await;
    let ann = Client::enter(port, "ann").await;
    ann.say(&"x".repeat(5000));
    let complaint = ann.hear().await;
    assert!(complaint.starts_with("* error: "), "{complaint}");
    until(|| room.names().is_empty()).await;
    shut_down(&server, 1.0).await;
}

#[asyncio::test]
async fn names_are_taken_once_and_are_words() {
    let (room, server, port) = open(Options::default()).await;
    let ann = Client::enter(port, "ann").await;
    for (name, complaint) in [
        ("ann", "that name is taken"),
        ("", "that is no name"),
        ("* server", "that is no name"),
        ("two words", "that is no name"),
    ] {
        let (reader, writer) = open_connection(HOST, port).await.unwrap();
        let client = Client { reader, writer };
        client.hear().await;
        client.say(name);
        assert_eq!(client.hear().await, format!("* error: {complaint}"));
        assert_eq!(client.hear().await, "");
    }
    assert_eq!(room.names(), ["ann"]);
    drop(ann);
    shut_down(&server, 1.0).await;
}

#[asyncio::test(virtual_clock)]
async fn a_visitor_who_does_not_say_a_name_is_asked_to_leave() {
    let (_, server, port) = open(Options::default()).await;
    let (reader, _writer) = open_connection(HOST, port).await.unwrap();
    assert_eq!(reader.readline().await.unwrap(), b"* your name?\n");
    block(5.1);
    assert_eq!(
        reader.readline().await.unwrap(),
        b"* error: no name in time\n"
    );
    assert_eq!(reader.readline().await.unwrap(), b"");
    shut_down(&server, 1.0).await;
}
