//! What the two echo programs are told: which of the two ends to be, and where.

use clap::Args;

/// Which end the program is.
#[derive(Args)]
#[group(required = true)]
pub(crate) struct Role {
    /// Run the server.
    #[arg(long, conflicts_with = "client")]
    pub(crate) server: bool,
    /// Run the client.
    #[arg(long)]
    pub(crate) client: bool,
}

/// Where the server is.
#[derive(Args)]
pub(crate) struct Place {
    /// Host name.
    #[arg(long, default_value = "127.0.0.1")]
    pub(crate) host: String,
    /// Port number; 0 for any.
    #[arg(long, default_value_t = 9999)]
    pub(crate) port: u16,
}
