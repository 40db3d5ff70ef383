//! The operations of this library that are coroutines, and where they are called.
//!
//! A task that is suspended in one shows the line of the program that it stands at, not one of this
//! library. `#[track_caller]` does nothing for an `async fn`, so such an operation is a function that
//! takes down the place of its call. Where that can be handed to the leaf beneath, it costs nothing
//! but the word; where there are many leaves, [`called`] notes it once one of them suspends.

use std::panic::Location;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::chain::Entered;
use super::current;

/// The place of a call.
pub(crate) type Called = &'static Location<'static>;

/// `future`, which an operation called there consists of.
pub(crate) fn called<F: Future>(place: Called, future: F) -> In<F> {
    In { place, future }
}

pin_project_lite::pin_project! {
    /// An operation of the library.
    #[must_use]
    pub(crate) struct In<F> {
        place: Called,
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for In<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let entered = Entered::operation(Some(*this.place));
        let polled = this.future.poll(cx);
        if let Some(entered) = entered {
            entered.leave(polled.is_pending());
        }
        if polled.is_pending() {
            current::with_task(|task| {
                task.core().cancellation.stands_at(this.place);
            });
        }
        polled
    }
}

/// The directory of this library's sources, as the compiler was told of it.
const OURS: &[u8] = {
    let file = file!().as_bytes();
    file.split_at(file.len() - "tasks/called.rs".len()).0
};

/// Whether the line is one of a program: not of this library, nor of another one that polls for it.
pub(super) fn is_in_program(place: &Location<'_>) -> bool {
    let file = place.file().as_bytes();
    // What of this library is compiled in a program's crate, some compilers know by its whole path.
    let is_ours_whole = file
        .strip_prefix(env!("CARGO_MANIFEST_DIR").as_bytes())
        .is_some_and(|rest| rest.get(1..4) == Some(b"src"));
    !is_ours_whole
        && !file.starts_with(OURS)
        && ![
            "/rustc/",
            "/rustlib/src/",
            "/registry/src/",
            "/git/checkouts/",
        ]
        .into_iter()
        .any(|part| has_part(file, part.as_bytes()))
}

/// Whether `part` is in a path, whatever that has between its directories.
fn has_part(path: &[u8], part: &[u8]) -> bool {
    let is_same = |(have, want): (&u8, &u8)| have == want || (*have, *want) == (b'\\', b'/');
    let mut starts = path.windows(part.len());
    starts.any(|start| start.iter().zip(part).all(is_same))
}
