//! hyper 1.x on asyncio's loop.
//!
//! hyper brings the protocol, and asks its user for sockets, for tasks and for timers: that is
//! [`rt`]. [`server`] is a server with an end, [`client`] a client that keeps its connections.

pub mod client;
pub mod rt;
pub mod server;
