//! What is served: the handlers of connections, and what the servers of both kinds of addresses can
//! be told.

use std::fmt::Debug;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use super::connection::Connection;
use super::server::{Clients, Listen, Server};
use super::{DEFAULT_LIMIT, StreamReader, StreamWriter, ends};
use crate::Task;
use crate::event_loop::{ExceptionContext, LoopState, guarded};
use crate::exceptions::{Exception, Panic};
use crate::tasks::Called;

/// What a handler of connections may give: nothing, or a [`Result`] whose `Err` is reported.
#[diagnostic::on_unimplemented(
    message = "a server's handler gives nothing, or a `Result` of nothing, and `{Self}` is neither",
    label = "what this gives is not `()` or `Result<(), E>`",
    note = "nobody takes a value from it: end it with `;` or `Ok(())`; an endless `loop` is put in a function of its own that returns nothing"
)]
pub trait HandlerOutput: 'static {
    /// What went wrong.
    fn failure(&self) -> Option<String>;
}

impl HandlerOutput for () {
    fn failure(&self) -> Option<String> {
        None
    }
}

impl<E: Debug + 'static> HandlerOutput for Result<(), E> {
    fn failure(&self) -> Option<String> {
        self.as_ref().err().map(|error| format!("{error:?}"))
    }
}

/// How many connections the system keeps until they are accepted. CPython has a hundred, and looks for
/// them in every iteration; this loop looks less often, and what comes in a burst must not be turned
/// away, to be tried again a second later.
#[cfg(unix)]
const BACKLOG: u32 = 1024;

#[derive(Clone, Debug)]
pub(super) struct ServeOptions {
    pub(super) limit: usize,
    #[cfg(unix)]
    pub(super) backlog: u32,
    pub(super) start_serving: bool,
    #[cfg(feature = "tls")]
    pub(super) tls: super::tls::ServerTls,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            limit: DEFAULT_LIMIT,
            #[cfg(unix)]
            backlog: BACKLOG,
            start_serving: true,
            #[cfg(feature = "tls")]
            tls: super::tls::ServerTls::default(),
        }
    }
}

impl ServeOptions {
    /// A server, of listeners that are given what serves a connection.
    pub(super) fn start<H, F>(
        self,
        called: Called,
        event_loop: &Rc<LoopState>,
        handler: H,
        listeners: impl FnOnce(&Serve) -> Vec<Rc<dyn Listen>>,
    ) -> Server
    where
        H: Fn(StreamReader, StreamWriter) -> F + 'static,
        F: IntoFuture + 'static,
        F::IntoFuture: 'static,
        F::Output: HandlerOutput,
    {
        let clients = Arc::<Clients>::default();
        let start_serving = self.start_serving;
        let serve = self.serve(called, event_loop, handler, clients.clone());
        let server = Server::new(event_loop, listeners(&serve), clients);
        if start_serving {
            server.start_serving();
        }
        server
    }

    /// Mirrors `client_connected_cb` of `StreamReaderProtocol.connection_made`. The tasks are known by where the server was started.
    fn serve<H, F>(
        self,
        called: Called,
        event_loop: &Rc<LoopState>,
        handler: H,
        clients: Arc<Clients>,
    ) -> Serve
    where
        H: Fn(StreamReader, StreamWriter) -> F + 'static,
        F: IntoFuture + 'static,
        F::IntoFuture: 'static,
        F::Output: HandlerOutput,
    {
        let event_loop: Weak<LoopState> = Rc::downgrade(event_loop);
        let handler = Rc::new(handler);
        Rc::new(move |connection| {
            let Some(event_loop) = event_loop.upgrade() else {
                return;
            };
            clients.attach(&connection);
            let (reader, writer) = ends(&connection);
            #[cfg(feature = "tls")]
            if self.tls.config.is_some() {
                let (tls, handler) = (self.tls.clone(), handler.clone());
                let encrypted = connection.clone();
                let task = Task::spawn_called(&event_loop, called, async move {
                    if let Err(error) = tls.start(&encrypted).await {
                        // As CPython does: it is the client's, and clients may be anything.
                        crate::diagnostics::debug(format_args!("SSL handshake failed: {error}"));
                        return None;
                    }
                    Some(handler(reader, writer).await)
                });
                return look_after(&task, &event_loop, connection, |output| {
                    output.as_ref().and_then(HandlerOutput::failure)
                });
            }
            let mut served = None;
            guarded("Unhandled exception in client_connected_cb", || {
                served = Some(handler(reader, writer).into_future());
            });
            let Some(served) = served else {
                return connection.close();
            };
            let task = Task::spawn_called(&event_loop, called, served);
            look_after(&task, &event_loop, connection, HandlerOutput::failure);
        })
    }
}

/// Starts a task for a connection.
pub(super) type Serve = Rc<dyn Fn(Arc<Connection>)>;

/// Reports what a handler fails with, and closes the connection then.
fn look_after<T: 'static>(
    task: &Task<T>,
    event_loop: &Rc<LoopState>,
    connection: Arc<Connection>,
    failure: impl Fn(&T) -> Option<String> + 'static,
) {
    let event_loop = Rc::downgrade(event_loop);
    task.add_done_callback(move |task| {
        let failure = match task.exception() {
            Some(Exception::CancelledError(_)) => return connection.close(),
            Some(Exception::Panic(panic)) => Some(panic),
            None => {
                let failure = failure(&task.result());
                failure.map(|failure| Panic::new(Box::new(failure)))
            }
        };
        let Some(failure) = failure else { return };
        connection.close();
        if let Some(event_loop) = event_loop.upgrade() {
            event_loop.report(ExceptionContext {
                exception: Some(failure),
                task: Some(task.any()),
                ..ExceptionContext::of("Unhandled exception in client_connected_cb")
            });
        }
    });
}

/// The methods that all servers have.
macro_rules! server_methods {
    ($server:ident) => {
        impl<H, F> IntoFuture for $server<H>
        where
            H: Fn(StreamReader, StreamWriter) -> F + 'static,
            F: IntoFuture + 'static,
            F::IntoFuture: 'static,
            F::Output: HandlerOutput,
        {
            type Output = io::Result<Server>;
            type IntoFuture = Pin<Box<dyn Future<Output = Self::Output>>>;

            #[track_caller]
            fn into_future(self) -> Self::IntoFuture {
                let place = std::panic::Location::caller();
                let started = async move {
                    let (listeners, options) = (self.place.listen().await?, self.options);
                    #[cfg(unix)]
                    for (socket, _) in &listeners {
                        let backlog = i32::try_from(options.backlog).unwrap_or(i32::MAX);
                        socket2::SockRef::from(socket.get_ref()).listen(backlog)?;
                    }
                    let limit = options.limit;
                    let server = options.start(place, &current_loop(), self.handler, |serve| {
                        let listening = listeners.into_iter().map(|(socket, kept)| {
                            Rc::new(Listening {
                                socket,
                                kept,
                                serve: serve.clone(),
                                limit,
                            }) as Rc<dyn Listen>
                        });
                        listening.collect()
                    });
                    Ok(server)
                };
                Box::pin(crate::tasks::called(place, started))
            }
        }

        impl<H> $server<H> {
            /// How long a line may be: 64 KiB unless set.
            ///
            /// # Panics
            ///
            /// `Limit cannot be <= 0`.
            ///
            /// ```
            /// # #[asyncio::main]
            /// # async fn main() -> std::io::Result<()> {
            /// let greet = |_, writer: asyncio::StreamWriter| async move { writer.write("hello\n") };
            /// let server = asyncio::start_server(greet, "127.0.0.1", 0).limit(1 << 20).await?;
            /// # Ok(())
            /// # }
            /// ```
            #[track_caller]
            pub fn limit(mut self, limit: usize) -> Self {
                self.options.limit = super::check_limit(limit);
                self
            }

            /// How many connections the system keeps until they are accepted: 1024 unless set, and no
            /// more than the system allows. Python's `backlog=`; on Unix.
            ///
            /// ```
            /// # #[asyncio::main]
            /// # async fn main() -> std::io::Result<()> {
            /// let greet = |_, writer: asyncio::StreamWriter| async move { writer.write("hello\n") };
            /// let server = asyncio::start_server(greet, "127.0.0.1", 0).backlog(100).await?;
            /// # Ok(())
            /// # }
            /// ```
            #[cfg(unix)]
            pub fn backlog(mut self, backlog: u32) -> Self {
                self.options.backlog = backlog;
                self
            }

            /// Whether it accepts at once, or when it is told to.
            ///
            /// ```
            /// # #[asyncio::main]
            /// # async fn main() -> std::io::Result<()> {
            /// let greet = |_, writer: asyncio::StreamWriter| async move { writer.write("hello\n") };
            /// let server = asyncio::start_server(greet, "127.0.0.1", 0).start_serving(false).await?;
            /// assert!(!server.is_serving());
            /// server.start_serving();
            /// assert!(server.is_serving());
            /// # Ok(())
            /// # }
            /// ```
            pub fn start_serving(mut self, start_serving: bool) -> Self {
                self.options.start_serving = start_serving;
                self
            }

            /// Encrypts the connections by TLS; a handler is called when the handshake is done. One
            /// that fails closes the connection, and is told in the log, for debugging. Python's
            /// `ssl=`; with the feature `tls`. See
            /// [`StreamWriter::start_tls`](crate::StreamWriter::start_tls) for an example.
            ///
            /// ```no_run
            /// # async fn serve(config: std::sync::Arc<asyncio::rustls::ServerConfig>) -> std::io::Result<()> {
            /// let greet = |_, writer: asyncio::StreamWriter| async move { writer.write("hello\n") };
            /// let server = asyncio::start_server(greet, "127.0.0.1", 8443).ssl(config).await?;
            /// # Ok(())
            /// # }
            /// ```
            #[cfg(feature = "tls")]
            pub fn ssl(
                mut self,
                config: impl Into<std::sync::Arc<crate::rustls::ServerConfig>>,
            ) -> Self {
                self.options.tls.config = Some(config.into());
                self
            }

            /// How long a handshake may take: 60 seconds unless set.
            ///
            /// ```no_run
            /// # async fn serve(config: std::sync::Arc<asyncio::rustls::ServerConfig>) -> std::io::Result<()> {
            /// let greet = |_, writer: asyncio::StreamWriter| async move { writer.write("hello\n") };
            /// let server = asyncio::start_server(greet, "127.0.0.1", 8443)
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
pub(super) use server_methods;
