//! Names and addresses.

use std::io;
#[cfg(feature = "threads")]
use std::net::ToSocketAddrs;
use std::net::{IpAddr, SocketAddr};

#[cfg(feature = "threads")]
use super::context;
use crate::EventLoop;

/// The addresses of a host, by way of a thread unless it is an address itself.
pub(super) async fn resolve(host: String, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    #[cfg(not(feature = "threads"))]
    return Err(io::Error::new(
        io::ErrorKind::Unsupported,
        format!("cannot resolve {host:?} without the feature `threads` of asyncio"),
    ));
    #[cfg(feature = "threads")]
    crate::to_thread(move || {
        let found = (host.as_str(), port).to_socket_addrs();
        let addresses = found.map_err(|error| {
            let doing = format!("cannot resolve {host:?}");
            context(&error, doing)
        })?;
        let mut each: Vec<SocketAddr> = Vec::new();
        for address in addresses {
            if !each.contains(&address) {
                each.push(address);
            }
        }
        Ok(each)
    })
    .await
}

impl EventLoop {
    /// The addresses of a host, each once, in the order in which the system would have them tried.
    /// The system is asked on a thread of the default executor, for which there must be the feature `threads`. Mirrors `loop.getaddrinfo`.
    ///
    /// # Errors
    ///
    /// When the host is not found.
    ///
    /// # Cancellation
    ///
    /// Raises; the thread goes on asking.
    ///
    /// ```
    /// # asyncio::run(async {
    /// let addresses = asyncio::get_running_loop().getaddrinfo("localhost", 80).await?;
    /// assert!(addresses.iter().all(|address| address.ip().is_loopback()));
    /// # Ok::<_, std::io::Error>(())
    /// # }).unwrap();
    /// ```
    pub async fn getaddrinfo(
        &self,
        host: impl Into<String>,
        port: u16,
    ) -> io::Result<Vec<SocketAddr>> {
        resolve(host.into(), port).await
    }
}
