//! The server, in generator-based coroutines.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io;
use std::rc::Rc;

use asyncio::{Server, StreamReader, StreamWriter, start_server, wait_for};
use log::{debug, error, info, warn};
use serde_json::{Value, json};

use crate::stopping::hang_up;

/// More than this is no request.
const MAX_REQUEST: usize = 16 << 20;

/// How the server behaves, well or badly.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// A client that is idle for longer, in seconds, is disconnected.
    pub timeout: f64,
    /// How many of a hundred requests fail, at random, with the end of the connection.
    pub fail_percent: f64,
    /// How long it takes at most to fail so.
    pub fail_sleep: f64,
    /// How long it takes at most to respond.
    pub resp_sleep: f64,
    /// What the random numbers begin with.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            timeout: 5.0,
            fail_percent: 0.0,
            fail_sleep: 0.0,
            resp_sleep: 0.0,
            seed: 2015,
        }
    }
}

/// What the server holds.
pub struct Cache {
    table: RefCell<HashMap<String, String>>,
    options: Options,
    random: RefCell<fastrand::Rng>,
}

#[asyncio::coroutines]
impl Cache {
    /// A cache with nothing in it.
    pub fn new(options: Options) -> Rc<Self> {
        Rc::new(Cache {
            table: RefCell::default(),
            options,
            random: RefCell::new(fastrand::Rng::with_seed(options.seed)),
        })
    }

    /// Serves those who connect.
    ///
    /// # Errors
    ///
    /// When the address cannot be listened at.
    #[coroutine]
    pub fn serve(self: Rc<Self>, host: &str, port: u16) -> io::Result<Server> {
        let handle_client = move |reader, writer| Rc::clone(&self).handle_client(reader, writer);
        yield_from!(start_server(handle_client, host, port))
    }

    /// How many keys there are.
    pub fn len(&self) -> usize {
        self.table.borrow().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[coroutine]
    fn handle_client(self: Rc<Self>, reader: StreamReader, writer: StreamWriter) {
        // Wrapper to log stuff and close the writer.
        let peer = writer.peername();
        info!("got a connection from {peer:?}");
        match yield_from!(self.frame_parser(&reader, &writer)) {
            Ok(()) => info!("end connection from {peer:?}"),
            Err(exc) => error!("error {exc} from {peer:?}"),
        }
        yield_from!(hang_up(&writer, self.options.timeout));
    }

    /// This takes care of the framing.
    #[coroutine]
    fn frame_parser(&self, reader: &StreamReader, writer: &StreamWriter) -> io::Result<()> {
        let timeout = self.options.timeout;
        let mut last_request_id = 0;
        loop {
            let framing = yield_from!(wait_for(reader.readline(), timeout))??;
            if self.random() * 100.0 < self.options.fail_percent {
                warn!("Inserting random failure");
                yield_from!(asyncio::sleep(self.options.fail_sleep * self.random()));
                writer.write("error random failure\r\n");
                return Ok(());
            }
            debug!("framing = {:?}", String::from_utf8_lossy(&framing));
            if framing.is_empty() {
                return Ok(()); // Clean close.
            }
            let (request_id, byte_count) = match parse_frame(&framing, last_request_id) {
                Ok(parameters) => parameters,
                Err(complaint) => {
                    writer.write(format!("error {complaint}\r\n"));
                    return Ok(());
                }
            };
            last_request_id = request_id;
            let request = yield_from!(wait_for(reader.readexactly(byte_count), timeout))??;
            let Ok(request) = serde_json::from_slice::<Value>(&request) else {
                writer.write("error unparsable json\r\n");
                return Ok(());
            };
            let response = self.handle_request(&request); // Not a coroutine.
            let response = format!("{response}\r\n");
            writer.write(format!("response {request_id} {}\r\n", response.len()));
            if self.options.resp_sleep > 0.0 {
                yield_from!(asyncio::sleep(self.options.resp_sleep * self.random()));
            }
            writer.write(response);
            // A client that sends requests and takes no responses is disconnected as well.
            yield_from!(wait_for(writer.drain(), timeout))??;
        }
    }

    /// This does one request.
    fn handle_request(&self, request: &Value) -> Value {
        let Some(request) = request.as_object() else {
            return json!({"error": "request is not a dict"});
        };
        let Some(request_type) = request.get("type").filter(|value| !value.is_null()) else {
            return json!({"error": "no type in request"});
        };
        let request_type = match request_type.as_str() {
            Some(known @ ("get" | "set" | "delete")) => known,
            _ => return json!({"error": "unknown request type"}),
        };
        let Some(key) = request.get("key").and_then(Value::as_str) else {
            return json!({"error": "key is not a string"});
        };
        let mut table = self.table.borrow_mut();
        match request_type {
            "get" => match table.get(key) {
                Some(value) => json!({"status": "ok", "value": value}),
                None => json!({"status": "notfound"}),
            },
            "set" => {
                let Some(value) = request.get("value").and_then(Value::as_str) else {
                    return json!({"error": "value is not a string"});
                };
                table.insert(key.to_owned(), value.to_owned());
                json!({"status": "ok"})
            }
            _ => match table.remove(key) {
                Some(_) => json!({"status": "ok"}),
                None => json!({"status": "notfound"}),
            },
        }
    }

    fn random(&self) -> f64 {
        self.random.borrow_mut().f64()
    }
}

/// The number of a request, and its length.
fn parse_frame(framing: &[u8], last_request_id: u64) -> Result<(u64, usize), &'static str> {
    let framing = std::str::from_utf8(framing).map_err(|_| "unparseable frame")?;
    let tokens: Vec<_> = framing.split_ascii_whitespace().collect();
    let &[keyword, request_id, byte_count] = tokens.as_slice() else {
        return Err("unparseable frame");
    };
    if keyword != "request" {
        return Err("frame does not start with request");
    }
    let (Ok(request_id), Ok(byte_count)) = (request_id.parse(), byte_count.parse()) else {
        return Err("unparsable frame parameters");
    };
    if request_id != last_request_id + 1 || !(2..=MAX_REQUEST).contains(&byte_count) {
        return Err("invalid frame parameters");
    }
    Ok((request_id, byte_count))
}
