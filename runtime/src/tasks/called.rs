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
use crate::event_loop::context;

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
            context::with_current_task(|task| {
                task.core().cancellation.stands_at(this.place);
            });
        }
        polled
    }
}

/// Whether the line is one of a program: not of this library, nor of another one that polls for it.
pub(super) fn is_in_program(place: &Location<'_>) -> bool {
    // The directory of this library's sources, as the compiler was told of it.
    let ours = file!().strip_suffix("called.rs").unwrap_or(file!());
    let ours = ours.trim_end_matches(['/', '\\']).trim_end_matches("tasks");
    let file = place.file();
    // What of it is compiled in a program's crate, some compilers know by its whole path.
    let is_ours_whole = file
        .strip_prefix(env!("CARGO_MANIFEST_DIR"))
        .is_some_and(|rest| rest.get(1..4) == Some("src"));
    let is_foreign = |part: &str| file.contains(part) || file.replace('\\', "/").contains(part);
    !is_ours_whole
        && !file.starts_with(ours)
        && ![
            "/rustc/",
            "/rustlib/src/",
            "/registry/src/",
            "/git/checkouts/",
        ]
        .into_iter()
        .any(is_foreign)
}
