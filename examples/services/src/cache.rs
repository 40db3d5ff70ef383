//! A cache over TCP: a server that holds strings by their keys, and a client.
//!
//! The protocol is that of `cachesvr.py` and `cacheclt.py`, with which asyncio was shown when it was
//! new, so that either end may also be a Python program. A request and its response are JSON in frames:
//!
//! ```text
//! request 1 30\n       the word, a number that counts from 1, and the length of what follows
//! {"type": "get", "key": "a"}
//! response 1 35\r\n    the number of the request
//! {"status": "ok", "value": "b"}\r\n
//! ```
//!
//! Requests are `get`, `set` (which has a `value`) and `delete`. The status of a response is `ok` or
//! `notfound`; a request that is JSON and nothing of that gets `{"error": ..}`. What is no frame gets a
//! line that begins with `error`, and the connection is closed.
//!
//! A client may send requests without waiting for the responses, which come in the same order.

pub mod client;
pub mod server;
