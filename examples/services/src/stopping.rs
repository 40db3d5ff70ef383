//! How a server and its connections end: nicely, and in any case in time.

use asyncio::{Server, StreamWriter, TimeoutError, catch_cancelled, wait_for};
use log::info;

/// Waits until the task is cancelled, by Ctrl-C say, or the process gets `SIGTERM`.
#[asyncio::coroutine]
pub async fn stopped() {
    #[cfg(unix)]
    if let Some(main) = asyncio::current_task() {
        let stop = move || {
            main.cancel();
        };
        // SIGTERM can be caught.
        let _ = asyncio::get_running_loop().add_signal_handler(asyncio::Signal::Term, stop);
    }
    let forever = std::future::pending::<()>();
    if await_!(catch_cancelled(forever)).is_err() {
        info!("stopping");
    }
}

/// Serves until it is [`stopped`], and then as [`shut_down`].
#[asyncio::coroutine]
pub async fn serve_until_stopped(server: Server, grace: f64) {
    await_!(stopped());
    await_!(shut_down(&server, grace));
}

/// Accepts no more, lets what was written go out, and after `grace` seconds closes what is still
/// open. Mirrors `server.close()`, `close_clients()`, `wait_closed()` and `abort_clients()`.
#[asyncio::coroutine]
pub async fn shut_down(server: &Server, grace: f64) {
    server.close();
    server.close_clients();
    if let Err(TimeoutError) = await_!(wait_for(server.wait_closed(), grace)) {
        info!("the time is up: connections are aborted");
        server.abort_clients();
        await_!(server.wait_closed());
    }
}

/// Closes a connection; a peer that has not taken what it was sent after `grace` seconds gets no
/// more of it.
#[asyncio::coroutine]
pub async fn hang_up(writer: &StreamWriter, grace: f64) {
    writer.close();
    match await_!(wait_for(writer.wait_closed(), grace)) {
        // A connection that is lost is closed too.
        Ok(Ok(()) | Err(_)) => {}
        Err(TimeoutError) => writer.abort(),
    }
}
