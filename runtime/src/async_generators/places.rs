//! Where the frame of an async generator can be.

use std::convert;
use std::ops::Deref;
use std::pin::Pin;
use std::task::{Context, Poll};

use super::frame::AsyncFrame;
use super::{Erased, ErasedSend};
use crate::generators::frame::State;
use crate::generators::places::{Inline, places};

/// What an [`AsyncGenerator`](super::AsyncGenerator) holds: a frame, or what becomes one when it is first polled.
pub trait AsyncBody<Y, S>: AsyncFrame<Y, S> {
    /// The frame.
    type Pinned: AsyncFrame<Y, S> + ?Sized;

    /// The frame, in the place it will not move from.
    fn frame(&mut self) -> Pin<&mut Self::Pinned>;

    /// Drops the body.
    fn close(&mut self);

    /// A box of any type of frame.
    fn erase<'a>(self) -> Erased<'a, Y, S>
    where
        Self: 'a;

    /// A box of any type of frame that is `Send`.
    fn erase_send<'a>(self) -> ErasedSend<'a, Y, S>
    where
        Self: Send + 'a;
}

places!(
    AsyncBody,
    AsyncFrame,
    Erased,
    ErasedSend,
    [Y, S],
    move_away_cold,
    Box::pin,
    convert::identity
);

/// A frame that is reached through something else.
macro_rules! frame_through {
    ([$($generics:tt)*] $place:ty, $get_mut:expr, $get:expr) => {
        impl<$($generics)*, Y, S> AsyncFrame<Y, S> for $place {
            #[inline]
            fn poll_next(self: Pin<&mut Self>, sent: Option<S>, cx: &mut Context<'_>) -> Poll<Option<Y>> {
                $get_mut(self).poll_next(sent, cx)
            }

            fn begin_closing(self: Pin<&mut Self>) -> bool {
                $get_mut(self).begin_closing()
            }

            fn finish(self: Pin<&mut Self>) {
                $get_mut(self).finish();
            }

            #[inline]
            fn state(&self) -> State {
                $get(self).state()
            }

            fn name(&self) -> &'static str {
                $get(self).name()
            }
        }
    };
}

frame_through!([C: AsyncFrame<Y, S>] Inline<C>, Inline::project, Inline::get);
frame_through!([C: AsyncFrame<Y, S> + ?Sized] Pin<Box<C>>, Pin::as_deref_mut, Deref::deref);
frame_through!(['p, C: AsyncFrame<Y, S> + ?Sized] Pin<&'p mut C>, Pin::as_deref_mut, Deref::deref);
