//! What connects: what the clients of both kinds of addresses can be told.

use std::io;
use std::sync::Arc;

use super::connection::Connection;
use super::{DEFAULT_LIMIT, StreamReader, StreamWriter, ends};

#[derive(Clone, Debug)]
pub(super) struct ClientOptions {
    pub(super) limit: usize,
    #[cfg(feature = "tls")]
    pub(super) tls: super::tls::ClientTls,
}

impl ClientOptions {
    /// `host` is whom the certificate has to name.
    pub(super) fn new(host: Option<&str>) -> Self {
        #[cfg(not(feature = "tls"))]
        let _ = host;
        Self {
            limit: DEFAULT_LIMIT,
            #[cfg(feature = "tls")]
            tls: super::tls::ClientTls::new(host),
        }
    }

    /// With the encryption that was asked for.
    pub(super) async fn finish(
        self,
        connection: Arc<Connection>,
    ) -> io::Result<(StreamReader, StreamWriter)> {
        let both = ends(&connection);
        #[cfg(feature = "tls")]
        self.tls.start(&connection).await?;
        Ok(both)
    }
}

/// The methods that all clients have.
macro_rules! client_methods {
    ($client:ident) => {
        impl IntoFuture for $client {
            type Output = io::Result<(StreamReader, StreamWriter)>;
            type IntoFuture = Pin<Box<dyn Future<Output = Self::Output> + Send>>;

            #[track_caller]
            fn into_future(self) -> Self::IntoFuture {
                let connected = async move {
                    let connection = connection(self.place.connect().await?, self.options.limit);
                    self.options.finish(connection).await
                };
                Box::pin(crate::tasks::called(
                    std::panic::Location::caller(),
                    connected,
                ))
            }
        }

        impl $client {
            /// How long a line may be: 64 KiB unless set.
            ///
            /// # Panics
            ///
            /// `Limit cannot be <= 0`.
            ///
            /// ```no_run
            /// # async fn fetch() -> std::io::Result<()> {
            /// let (reader, writer) = asyncio::open_connection("example.org", 80).limit(1 << 20).await?;
            /// # Ok(())
            /// # }
            /// ```
            #[track_caller]
            pub fn limit(mut self, limit: usize) -> Self {
                self.options.limit = super::check_limit(limit);
                self
            }

            /// Encrypts the connection by TLS. Python's `ssl=`; with the feature `tls`. See
            /// [`StreamWriter::start_tls`](crate::StreamWriter::start_tls) for an example.
            ///
            /// ```no_run
            /// # async fn fetch(config: std::sync::Arc<asyncio::rustls::ClientConfig>) -> std::io::Result<()> {
            /// let (reader, writer) = asyncio::open_connection("example.org", 443).ssl(config).await?;
            /// # Ok(())
            /// # }
            /// ```
            #[cfg(feature = "tls")]
            pub fn ssl(
                mut self,
                config: impl Into<std::sync::Arc<crate::rustls::ClientConfig>>,
            ) -> Self {
                self.options.tls.config = Some(config.into());
                self
            }

            /// Whom the certificate has to name: the host that is connected to unless set.
            ///
            /// ```no_run
            /// # async fn fetch(config: std::sync::Arc<asyncio::rustls::ClientConfig>) -> std::io::Result<()> {
            /// let (reader, writer) = asyncio::open_connection("192.0.2.1", 443)
            ///     .ssl(config)
            ///     .server_hostname("example.org")
            ///     .await?;
            /// # Ok(())
            /// # }
            /// ```
            #[cfg(feature = "tls")]
            pub fn server_hostname(mut self, name: impl Into<String>) -> Self {
                self.options.tls.server_hostname = Some(name.into());
                self
            }

            /// How long the handshake may take: 60 seconds unless set.
            ///
            /// ```no_run
            /// # async fn fetch(config: std::sync::Arc<asyncio::rustls::ClientConfig>) -> std::io::Result<()> {
            /// let (reader, writer) = asyncio::open_connection("example.org", 443)
            ///     .ssl(config)
            ///     .ssl_handshake_timeout(5)
            ///     .await?;
            /// # Ok(())
            /// # }
            /// ```
            #[cfg(feature = "tls")]
            pub fn ssl_handshake_timeout(mut self, timeout: impl crate::Delay) -> Self {
                self.options.tls.handshake_timeout = timeout.as_seconds();
                self
            }
        }
    };
}
pub(super) use client_methods;
