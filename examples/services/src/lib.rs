//! Services over TCP and UDP, each as a library that its example, its tests and the soak drive.
//!
//! | Python | here |
//! |---|---|
//! | `cache_server.py` | [`cache::server`] |
//! | `cache_client.py` | [`cache::client`] |
//! | `chat.py` | [`chat`] |
//! | `tcp_echo.py` | [`echo`] |
//! | `udp_echo.py` | [`datagrams`] |
//! | the two ends of a transport | [`duplex`] |
//! | `Server.serve_forever()` with an end | [`stopping`] |

pub mod cache;
pub mod chat;
pub mod datagrams;
pub mod duplex;
pub mod echo;
pub mod stopping;
