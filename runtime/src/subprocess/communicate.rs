//! All that a process is told and says, at once.

use std::future::{Future, poll_fn};
use std::io;
use std::panic::Location;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use super::process::Process;
use crate::streams::StreamReader;
use crate::tasks::called;

impl Process {
    /// Writes `input`, reads both outputs to their ends, and waits for the process; what is not a
    /// pipe is left out. A process that does not read its input to the end is no error.
    ///
    /// # Errors
    ///
    /// When an output cannot be read.
    ///
    /// # Cancellation
    ///
    /// Raises, and leaves the process to itself; what was read so far is lost.
    ///
    /// Mirrors `Process.communicate`.
    ///
    /// ```
    /// # #[cfg(unix)]
    /// # #[asyncio::main]
    /// # async fn main() -> std::io::Result<()> {
    /// let process = asyncio::create_subprocess_exec("cat", ["-"])
    ///     .stdin(std::process::Stdio::piped())
    ///     .stdout(std::process::Stdio::piped())
    ///     .await?;
    /// let (stdout, stderr) = process.communicate("hello").await?;
    /// assert_eq!((stdout.as_slice(), stderr.as_slice()), (&b"hello"[..], &b""[..]));
    /// # Ok(())
    /// # }
    /// # #[cfg(not(unix))]
    /// # fn main() {}
    /// ```
    #[track_caller]
    pub fn communicate(
        &self,
        input: impl AsRef<[u8]>,
    ) -> impl Future<Output = io::Result<(Vec<u8>, Vec<u8>)>> {
        called(Location::caller(), self.communicating(input))
    }

    async fn communicating(&self, input: impl AsRef<[u8]>) -> io::Result<(Vec<u8>, Vec<u8>)> {
        let feed = async {
            let Some(stdin) = self.stdin() else {
                return Ok(());
            };
            stdin.write(input);
            let fed = stdin.drain().await;
            stdin.close();
            match fed {
                Err(error) if !is_gone(&error) => Err(error),
                _ => Ok(()),
            }
        };
        let (fed, stdout, stderr) = together(feed, read(self.stdout()), read(self.stderr())).await;
        fed?;
        let outputs = (stdout?, stderr?);
        self.waiting().await?;
        Ok(outputs)
    }
}

fn is_gone(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset};
    matches!(error.kind(), BrokenPipe | ConnectionReset)
}

async fn read(output: Option<&StreamReader>) -> io::Result<Vec<u8>> {
    match output {
        Some(output) => output.read_to_end().await,
        None => Ok(Vec::new()),
    }
}

/// All three at the same time, in place, so that they may borrow and be `Send`: a cancellation is
/// raised in one of them, and drops them all.
async fn together<A: Future, B: Future, C: Future>(
    a: A,
    b: B,
    c: C,
) -> (A::Output, B::Output, C::Output) {
    let (mut a, mut b, mut c) = (pin!(a), pin!(b), pin!(c));
    let mut done = (None, None, None);
    poll_fn(move |cx| {
        fn poll<F: Future>(
            future: Pin<&mut F>,
            done: &mut Option<F::Output>,
            cx: &mut Context<'_>,
        ) {
            if done.is_none() {
                if let Poll::Ready(value) = future.poll(cx) {
                    *done = Some(value);
                }
            }
        }
        poll(a.as_mut(), &mut done.0, cx);
        poll(b.as_mut(), &mut done.1, cx);
        poll(c.as_mut(), &mut done.2, cx);
        match (done.0.take(), done.1.take(), done.2.take()) {
            (Some(a), Some(b), Some(c)) => Poll::Ready((a, b, c)),
            some => {
                done = some;
                Poll::Pending
            }
        }
    })
    .await
}
