//! A room in which everybody hears what anybody says, line by line.
//!
//! The first line of a client is its name. From then on each line is said to all others, and lines
//! with a slash are for the server: `/who`, `/quit`. What the server itself says begins with `* `.
//!
//! No client can hold up another. Each has a queue of lines that are to be sent to it, and one that
//! does not keep up, so that its queue is full, is thrown out; so is one that says more than anybody
//! could listen to, or a line that is too long. One that vanishes is missed as soon as its connection
//! is.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use asyncio::{
    Queue, Server, StreamReader, StreamWriter, TimeoutError, create_task, get_running_loop,
    start_server, wait_for,
};
use log::info;

use crate::stopping::hang_up;

/// What the room allows.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many lines may wait for a client.
    pub backlog: usize,
    /// How many seconds a client has to say its name, and to take what it was sent before it is
    /// closed.
    pub patience: f64,
    /// How many bytes a line may have.
    pub limit: usize,
    /// How many lines a client may say in a second.
    pub rate: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            backlog: 100,
            patience: 5.0,
            limit: 1024,
            rate: 50,
        }
    }
}

/// A line, with its end, on its way to any number of clients.
type Line = Rc<str>;

struct Member {
    lines: Queue<Line>,
    writer: StreamWriter,
}

/// Those who are there.
pub struct Room {
    members: RefCell<BTreeMap<String, Member>>,
    options: Options,
}

/// Someone's place in the room, which is left on the way out, whichever that is.
struct Place<'a> {
    room: &'a Room,
    name: &'a str,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let Some(member) = self.room.members.borrow_mut().remove(self.name) else {
            return;
        };
        // What it was to be sent still is.
        member.lines.shutdown(false);
        self.room
            .broadcast("", &format!("* {} has left", self.name));
    }
}

#[asyncio::coroutines]
impl Room {
    /// An empty room.
    pub fn new(options: Options) -> Rc<Self> {
        Rc::new(Room {
            members: RefCell::default(),
            options,
        })
    }

    /// Opens the room to those who connect.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened at.
    #[coroutine]
    pub async fn serve(self: Rc<Self>, host: &str, port: u16) -> io::Result<Server> {
        let limit = self.options.limit;
        let visit = move |reader, writer| Rc::clone(&self).visit(reader, writer);
        await_!(start_server(visit, host, port).limit(limit))
    }

    /// The names of those who are there.
    pub fn names(&self) -> Vec<String> {
        self.members.borrow().keys().cloned().collect()
    }

    /// Serves a connection.
    #[coroutine]
    async fn visit(self: Rc<Self>, reader: StreamReader, writer: StreamWriter) {
        if let Err(error) = await_!(self.admit(&reader, &writer)) {
            // As an oversize line; a peer that has vanished does not hear it.
            info!("{:?}: {error}", writer.peername());
            writer.write(format!("* error: {error}\n"));
        }
        await_!(hang_up(&writer, self.options.patience));
    }

    #[coroutine]
    async fn admit(&self, reader: &StreamReader, writer: &StreamWriter) -> io::Result<()> {
        writer.write("* your name?\n");
        let name = match await_!(wait_for(read_line(reader), self.options.patience)) {
            Ok(Ok(Some(name))) => name,
            Ok(Ok(None)) => return Ok(()),
            Ok(Err(error)) => return Err(error),
            Err(TimeoutError) => return Err(io::Error::other("no name in time")),
        };
        if name.is_empty() || name.contains(char::is_whitespace) || name.starts_with('*') {
            return Err(io::Error::other("that is no name"));
        }
        let Some(lines) = self.enter(&name, writer) else {
            return Err(io::Error::other("that name is taken"));
        };
        let delivery = create_task(deliver(lines, writer.clone()));
        let heard = {
            let _place = Place {
                room: self,
                name: &name,
            };
            await_!(self.listen(&name, reader))
        };
        // The last lines: `hang_up` waits for them no longer than it does for anything.
        if await_!(wait_for(delivery, self.options.patience)).is_err() {
            writer.abort();
        }
        heard
    }

    /// Makes someone a member, unless there is one of that name.
    fn enter(&self, name: &str, writer: &StreamWriter) -> Option<Queue<Line>> {
        if self.members.borrow().contains_key(name) {
            return None;
        }
        let lines = Queue::with_maxsize(self.options.backlog);
        let others = self.names().join(" ");
        self.broadcast("", &format!("* {name} has joined"));
        let member = Member {
            lines: lines.clone(),
            writer: writer.clone(),
        };
        self.members.borrow_mut().insert(name.to_owned(), member);
        self.tell(name, &format!("* welcome {name}; here are: {others}"));
        Some(lines)
    }

    /// Says to the others what one says, until the end of it.
    #[coroutine]
    async fn listen(&self, name: &str, reader: &StreamReader) -> io::Result<()> {
        let event_loop = get_running_loop();
        let (mut second, mut said) = (event_loop.time(), 0);
        while let Some(line) = await_!(read_line(reader))? {
            // Else the queues of all others would be full of it.
            said += 1;
            if event_loop.time() - second >= 1.0 {
                (second, said) = (event_loop.time(), 1);
            }
            if said > self.options.rate {
                return Err(io::Error::other("that is too much at once"));
            }
            match line.as_str() {
                "" => {}
                "/quit" => break,
                "/who" => self.tell(name, &format!("* here are: {}", self.names().join(" "))),
                said if said.starts_with('/') => self.tell(name, "* there are /who and /quit"),
                said => self.broadcast(name, &format!("{name}: {said}")),
            }
        }
        Ok(())
    }

    /// Says a line to one.
    fn tell(&self, name: &str, line: &str) {
        let line = Line::from(format!("{line}\n"));
        if let Some(member) = self.members.borrow().get(name) {
            member.tell(name, &line);
        }
    }

    /// Says a line to all but one.
    fn broadcast(&self, from: &str, line: &str) {
        let line = Line::from(format!("{line}\n"));
        for (name, member) in self.members.borrow().iter() {
            if name != from {
                member.tell(name, &line);
            }
        }
    }
}

impl Member {
    fn tell(&self, name: &str, line: &Line) {
        if self.lines.put_nowait(line.clone()).is_err() && !self.writer.is_closing() {
            // Its reader finds the end of the connection, and leaves the room.
            info!("{name} does not keep up");
            self.writer.abort();
        }
    }
}

/// Sends lines as they come, until there will be no more or nobody to take them.
#[asyncio::coroutine]
async fn deliver(lines: Queue<Line>, writer: StreamWriter) {
    while let Ok(line) = await_!(lines.get()) {
        writer.write(line.as_bytes());
        if await_!(writer.drain()).is_err() {
            break;
        }
    }
}

/// A line without its end; none at the end of all.
#[asyncio::coroutine]
async fn read_line(reader: &StreamReader) -> io::Result<Option<String>> {
    let line = await_!(reader.readline())?;
    if !line.ends_with(b"\n") {
        // What a client was about to say when it vanished is not said.
        return Ok(None);
    }
    Ok(Some(String::from_utf8_lossy(&line).trim_end().to_owned()))
}
