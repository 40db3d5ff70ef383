//! The client, in generator-based coroutines.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::rc::Rc;

use asyncio::{Future, StreamReader, StreamWriter, Task, create_task, open_connection};
use log::info;
use serde::{Deserialize, Serialize};

/// What is asked for.
#[derive(Serialize)]
struct Request<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    key: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
}

#[derive(Clone, Deserialize)]
struct Response {
    status: Option<String>,
    value: Option<String>,
    error: Option<String>,
}

impl Response {
    fn is_ok(&self) -> bool {
        self.status.as_deref() == Some("ok")
    }
}

/// A request, and who waits for its response.
type Asked = (Rc<[u8]>, Future<Response>);

/// Multiplexing cache client.
///
/// This wraps a single connection to the server. The connection is opened again when it fails, and
/// what was not answered is asked once more.
///
/// Any number of tasks may share it: their requests go out at once, one after the other, and each
/// gets its own response. One that is given up, by a time-out say, is answered to nobody.
pub struct CacheClient {
    shared: Rc<Shared>,
    task: Task<()>,
}

struct Shared {
    host: String,
    port: u16,
    /// How many seconds there are at most between two tries to connect.
    max_backoff: u32,
    /// What is to be sent when there is a connection.
    todo: RefCell<VecDeque<Asked>>,
    connection: RefCell<Option<Connection>>,
    reconnects: Cell<u32>,
}

struct Connection {
    writer: StreamWriter,
    next_id: u64,
    /// What was sent and not answered.
    pending: BTreeMap<u64, Asked>,
}

#[asyncio::coroutines]
impl CacheClient {
    /// A client of the server there, which it connects to by itself.
    #[track_caller]
    pub fn new(host: impl Into<String>, port: u16, max_backoff: u32) -> Self {
        let shared = Rc::new(Shared {
            host: host.into(),
            port,
            max_backoff,
            todo: RefCell::default(),
            connection: RefCell::default(),
            reconnects: Cell::new(0),
        });
        CacheClient {
            task: create_task(Rc::clone(&shared).activity()),
            shared,
        }
    }

    /// What is stored under a key.
    ///
    /// # Errors
    ///
    /// When the server does not understand the request.
    #[coroutine]
    pub fn get(&self, key: &str) -> io::Result<Option<String>> {
        Ok(yield_from!(self.request("get", key, None))?.value)
    }

    /// Stores something under a key.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    #[coroutine]
    pub fn set(&self, key: &str, value: &str) -> io::Result<bool> {
        Ok(yield_from!(self.request("set", key, Some(value)))?.is_ok())
    }

    /// Removes a key; whether there was one.
    ///
    /// # Errors
    ///
    /// As [`get`](Self::get).
    #[coroutine]
    pub fn delete(&self, key: &str) -> io::Result<bool> {
        Ok(yield_from!(self.request("delete", key, None))?.is_ok())
    }

    /// How often it has lost its connection, or could not get one.
    pub fn reconnects(&self) -> u32 {
        self.shared.reconnects.get()
    }

    #[coroutine]
    fn request(&self, kind: &str, key: &str, value: Option<&str>) -> io::Result<Response> {
        let payload = serde_json::to_vec(&Request { kind, key, value })?;
        let waiter = Future::new();
        let asked = (payload.into(), waiter.clone());
        if let Some(writer) = self.shared.send(asked) {
            // What is lost on the way is sent again: see `activity`.
            let _ = yield_from!(writer.drain());
        }
        let response = yield_from!(waiter);
        match response.error {
            Some(error) => Err(io::Error::other(error)),
            None => Ok(response),
        }
    }
}

impl Drop for CacheClient {
    fn drop(&mut self) {
        self.task.cancel();
    }
}

#[asyncio::coroutines]
impl Shared {
    /// Connects, and again when the connection is lost.
    #[coroutine]
    fn activity(self: Rc<Self>) {
        let mut backoff = 0;
        loop {
            let reader = match yield_from!(open_connection(self.host.as_str(), self.port)) {
                Ok((reader, writer)) => {
                    self.connected(writer);
                    reader
                }
                Err(exc) => {
                    backoff = self.max_backoff.min(backoff + backoff / 2 + 1);
                    info!("Error connecting: {exc}; sleep {backoff}");
                    self.reconnects.set(self.reconnects.get() + 1);
                    yield_from!(asyncio::sleep(backoff));
                    continue;
                }
            };
            backoff = 0;
            let exc = yield_from!(self.responses(&reader));
            info!("Error processing: {exc}");
            self.reconnects.set(self.reconnects.get() + 1);
            self.disconnected();
        }
    }

    fn connected(&self, writer: StreamWriter) {
        self.connection.replace(Some(Connection {
            writer,
            next_id: 0,
            pending: BTreeMap::new(),
        }));
        for (payload, waiter) in self.todo.take() {
            if !waiter.done() {
                self.send((payload, waiter));
            }
        }
    }

    /// What was not answered is to be asked again.
    fn disconnected(&self) {
        if let Some(connection) = self.connection.take() {
            connection.writer.close();
            let unanswered = connection.pending.into_values();
            self.todo.borrow_mut().extend(unanswered);
        }
    }

    /// Writes a request, unless there is no connection yet to write it to.
    fn send(&self, asked: Asked) -> Option<StreamWriter> {
        let mut connection = self.connection.borrow_mut();
        let Some(connection) = connection.as_mut() else {
            self.todo.borrow_mut().push_back(asked);
            return None;
        };
        connection.next_id += 1;
        let req_id = connection.next_id;
        let (payload, _) = &asked;
        let mut frame = format!("request {req_id} {}\n", payload.len()).into_bytes();
        frame.extend_from_slice(payload);
        connection.writer.write(frame);
        connection.pending.insert(req_id, asked);
        Some(connection.writer.clone())
    }

    /// Gives the responses to those who wait for them, and says why there are no more.
    #[coroutine]
    fn responses(&self, reader: &StreamReader) -> io::Error {
        loop {
            let (resp_id, response) = match yield_from!(process(reader)) {
                Ok(processed) => processed,
                Err(exc) => return exc,
            };
            let asked = match &mut *self.connection.borrow_mut() {
                Some(connection) => connection.pending.remove(&resp_id),
                None => None,
            };
            if let Some((_, waiter)) = asked {
                if !waiter.done() {
                    waiter.set_result(response);
                }
            }
        }
    }
}

/// Reads a response and its number.
#[asyncio::coroutine]
fn process(reader: &StreamReader) -> io::Result<(u64, Response)> {
    let frame = yield_from!(reader.readline())?;
    if frame.is_empty() {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let frame = String::from_utf8_lossy(&frame);
    let bad_frame = || io::Error::other(format!("Bad frame: {frame:?}"));
    let (head, tail) = frame.split_once(' ').ok_or_else(bad_frame)?;
    match head {
        "error" => return Err(io::Error::other(format!("OOB error: {tail:?}"))),
        "response" => {}
        _ => return Err(bad_frame()),
    }
    let (resp_id, resp_size) = tail.trim_end().split_once(' ').ok_or_else(bad_frame)?;
    let (Ok(resp_id), Ok(resp_size)) = (resp_id.parse(), resp_size.parse()) else {
        return Err(bad_frame());
    };
    let data = yield_from!(reader.readexactly(resp_size))?;
    Ok((resp_id, serde_json::from_slice(&data)?))
}
