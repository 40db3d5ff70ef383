//! A socket that does not block, and how it is waited for: by [an epoll of our own](super::edge) on
//! Linux, by async-io elsewhere.

#[cfg(not(target_os = "linux"))]
mod plain;

#[cfg(all(unix, not(target_os = "linux")))]
pub(crate) use plain::Direction;
#[cfg(not(target_os = "linux"))]
pub(crate) use plain::Plain as Socket;

#[cfg(target_os = "linux")]
pub(crate) use super::edge::{Direction, Watched as Socket};

/// What can be waited for.
#[cfg(unix)]
pub(crate) trait Io: std::os::fd::AsFd + Send + Sync + 'static {}
#[cfg(unix)]
impl<T: std::os::fd::AsFd + Send + Sync + 'static> Io for T {}

/// What can be waited for.
#[cfg(windows)]
pub(crate) trait Io: std::os::windows::io::AsSocket + Send + Sync + 'static {}
#[cfg(windows)]
impl<T: std::os::windows::io::AsSocket + Send + Sync + 'static> Io for T {}
