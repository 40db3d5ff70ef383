//! What the two echo programs are told: which of the two ends to be, and where.

use clap::Args;

/// Which end the program is.
#[derive(Args)]
#[group(required = true)]
pub struct Role {
    /// Run the server.
    #[arg(long, conflicts_with = "client")]
    pub server: bool,
    /// Run the client.
    #[arg(long)]
    pub client: bool,
}

/// Where the server is.
#[derive(Args)]
pub struct Place {
    /// Host name.
    #[arg(long, default_value = "127.0.0.1")]
    pub host: String,
    /// Port number; 0 for any.
    #[arg(long, default_value_t = 9999)]
    pub port: u16,
}
