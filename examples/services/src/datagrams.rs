//! Says again what it hears, datagram by datagram.

use std::io;

use asyncio::{DatagramEndpoint, create_datagram_endpoint, create_task};
use log::info;

/// Starts the server; it ends when what this gives is closed.
///
/// # Errors
///
/// When the address cannot be listened at.
#[asyncio::coroutine]
pub async fn serve(host: &str, port: u16) -> io::Result<DatagramEndpoint> {
    let endpoint = await_!(create_datagram_endpoint().local_addr(host, port))?;
    create_task(echo(endpoint.clone()));
    Ok(endpoint)
}

#[asyncio::coroutine]
async fn echo(endpoint: DatagramEndpoint) {
    while !endpoint.is_closing() {
        match await_!(endpoint.recvfrom()) {
            Ok((data, address)) => {
                info!("Data received: {} bytes {address}", data.len());
                if let Err(error) = await_!(endpoint.sendto(data, address)) {
                    info!("Error sending: {error}");
                }
            }
            // That an earlier one has not arrived, or the end of it all.
            Err(error) => info!("Error received: {error}"),
        }
    }
    info!("stop");
}
