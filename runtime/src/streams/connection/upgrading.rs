//! How a connection becomes one that is encrypted.

use std::io;
use std::sync::Arc;

use super::{Connection, State};
use crate::streams::tls::TlsInfo;
use crate::streams::transport::{Sink, Source};

impl Connection {
    /// Takes both ends away, to be encrypted, and what was received and not read.
    pub(in crate::streams) fn take_ends(self: &Arc<Self>) -> io::Result<(Vec<u8>, Source, Sink)> {
        let taken = self.with(|state| {
            if state.reader.is_somebody() {
                return None;
            }
            if state.is_closing() || state.is_ended || state.is_upgrading {
                return Some(Err(state.lost_error()));
            }
            Some(match (state.source.take(), state.sink.take()) {
                (Some(source), Some(sink)) => {
                    state.is_upgrading = true;
                    let received = &mut state.received;
                    Ok((received.take(received.len()), source, sink))
                }
                (source, sink) => {
                    (state.source, state.sink) = (source, sink);
                    let message = "start_tls() needs a connection that is read and written";
                    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
                }
            })
        });
        taken.unwrap_or_else(|| {
            panic!(
                "start_tls() called while another coroutine is already waiting for incoming data"
            )
        })
    }

    /// Brings the ends back that [`take_ends`](Self::take_ends) took.
    pub(in crate::streams) fn give_ends(
        self: &Arc<Self>,
        source: Source,
        sink: Sink,
        info: TlsInfo,
    ) {
        self.with(|state| {
            if state.is_lost {
                state.to_drop = (Some(source), Some(sink));
                state.has_news = true;
                return;
            }
            (state.source, state.sink) = (Some(source), Some(sink));
            state.is_upgrading = false;
            state.tls = Some(info);
            state.wake_reader();
            state.send(&self.pump_waker());
        });
    }
}

impl State {
    pub(in crate::streams) fn tls_info(&self) -> Option<TlsInfo> {
        self.tls.clone()
    }
}
