//! Where a frame can be: in the generator itself until it is resumed, in a box, typed or erased, or where its owner has pinned it.
//!
//! Both kinds of generators have the same places; their frames differ.

use std::convert;
use std::ops::Deref;
use std::pin::Pin;
use std::ptr;
use std::task::{Context, Poll};

use super::delegation::Chain;
use super::erased::Boxed;
use super::frame::{Frame, Resume, Resumed, State};
use super::{Erased, ErasedSend};

/// What a [`Generator`](super::Generator) holds: a frame, or what becomes one when it is first resumed.
pub trait Body<Y, S, R>: Resume<Y, S, R> {
    /// The frame.
    type Pinned: Resume<Y, S, R> + ?Sized;

    /// The frame, in the place it will not move from.
    fn frame(&mut self) -> Pin<&mut Self::Pinned>;

    /// Drops the body.
    fn close(&mut self);

    /// A box of any type of frame.
    fn erase<'a>(self) -> Erased<'a, Y, S, R>
    where
        Self: 'a;

    /// A box of any type of frame that is `Send`.
    fn erase_send<'a>(self) -> ErasedSend<'a, Y, S, R>
    where
        Self: Send + 'a;
}

/// The body of a generator as its function returns it: in place until it is resumed, in a box from then on, or pinned by its owner.
pub enum Inline<C> {
    /// Not resumed yet, or resumed only where it is pinned.
    Here(C),
    /// Resumed without having been pinned.
    Away(Pin<Box<C>>),
}

impl<C> Inline<C> {
    /// The frame of a body that is pinned.
    #[inline]
    pub(crate) fn project(self: Pin<&mut Self>) -> Pin<&mut C> {
        // SAFETY: `Here` is pinned with the enum and only left by `move_away`, which takes an unpinned one.
        unsafe {
            match self.get_unchecked_mut() {
                Inline::Here(frame) => Pin::new_unchecked(frame),
                Inline::Away(frame) => frame.as_mut(),
            }
        }
    }

    #[inline]
    pub(crate) fn get(&self) -> &C {
        match self {
            Inline::Here(frame) => frame,
            Inline::Away(frame) => frame,
        }
    }

    /// The frame of a body that is not pinned: from here on, and for the rest of its life, it is in a box.
    #[inline(always)]
    pub(crate) fn move_away(&mut self) -> Pin<&mut C> {
        if let Inline::Here(frame) = self {
            let mut place = Box::<C>::new_uninit();
            // SAFETY: the frame is moved: what is left behind is overwritten, and not dropped. Nothing in between can panic.
            unsafe {
                ptr::copy_nonoverlapping(frame, place.as_mut_ptr(), 1);
                ptr::write(self, Inline::Away(Box::into_pin(place.assume_init())));
            }
        }
        match self {
            Inline::Away(frame) => frame.as_mut(),
            Inline::Here(_) => unreachable!("it has just moved away"),
        }
    }

    /// [`move_away`](Self::move_away), of which nothing but a comparison is to be inlined.
    #[inline]
    pub(crate) fn move_away_cold(&mut self) -> Pin<&mut C> {
        #[cold]
        #[inline(never)]
        fn first<C>(inline: &mut Inline<C>) -> Pin<&mut C> {
            inline.move_away()
        }
        match self {
            Inline::Away(frame) => frame.as_mut(),
            Inline::Here(_) => first(self),
        }
    }

    /// The frame where it is, to be ended.
    pub(crate) fn where_it_is(&mut self) -> Pin<&mut C> {
        match self {
            // SAFETY: it is only ended there; that it was pinned for this matters to nobody afterwards, as an ended frame holds nothing
            // that is sensitive to its address.
            Inline::Here(frame) => unsafe { Pin::new_unchecked(frame) },
            Inline::Away(frame) => frame.as_mut(),
        }
    }
}

/// The places of the frames of one kind of generator, which exchanges values of the types in brackets; then how its frames move away,
/// how one gets into a box whose type is erased, and how it gets there from a box of its own.
macro_rules! places {
    ($Body:ident, $Frame:ident, $Erased:ident, $ErasedSend:ident, [$($T:ident),*], $move_away:ident, $boxed:path, $from_box:path) => {
        impl<$($T,)* C: $Frame<$($T),*>> $Body<$($T),*> for Inline<C> {
            type Pinned = C;

            #[inline]
            fn frame(&mut self) -> Pin<&mut C> {
                self.$move_away()
            }

            fn close(&mut self) {
                self.where_it_is().finish();
            }

            fn erase<'a>(self) -> $Erased<'a, $($T),*>
            where
                Self: 'a,
            {
                match self {
                    Inline::Here(frame) => $boxed(frame),
                    Inline::Away(frame) => $from_box(frame),
                }
            }

            fn erase_send<'a>(self) -> $ErasedSend<'a, $($T),*>
            where
                Self: Send + 'a,
            {
                $boxed(self)
            }
        }

        // A typed box.
        places!(@pointer $Body, $Erased, $ErasedSend, [$($T),*], [C: $Frame<$($T),*>] Pin<Box<C>>, $from_box, $boxed);
        // A place that its owner has pinned.
        places!(@pointer $Body, $Erased, $ErasedSend, [$($T),*], ['p, C: $Frame<$($T),*> + ?Sized] Pin<&'p mut C>, $boxed, $boxed);
        // Boxes that are erased already.
        places!(@pointer $Body, $Erased, $ErasedSend, [$($T),*], ['x] $Erased<'x, $($T),*>, convert::identity, $boxed);
        places!(@pointer $Body, $Erased, $ErasedSend, [$($T),*], ['x] $ErasedSend<'x, $($T),*>, convert::identity, convert::identity);
    };
    (
        @pointer $Body:ident, $Erased:ident, $ErasedSend:ident, [$($T:ident),*],
        [$($generics:tt)*] $pointer:ty, $erase:path, $erase_send:path
    ) => {
        impl<$($generics)*, $($T),*> $Body<$($T),*> for $pointer {
            type Pinned = <Self as Deref>::Target;

            #[inline]
            fn frame(&mut self) -> Pin<&mut Self::Pinned> {
                self.as_mut()
            }

            fn close(&mut self) {
                self.as_mut().finish();
            }

            fn erase<'a>(self) -> $Erased<'a, $($T),*>
            where
                Self: 'a,
            {
                $erase(self)
            }

            fn erase_send<'a>(self) -> $ErasedSend<'a, $($T),*>
            where
                Self: Send + 'a,
            {
                $erase_send(self)
            }
        }
    };
}
pub(crate) use places;

// The optimiser sees through the box of a generator that a `for` loop uses up, and removes it.
places!(
    Body,
    Resume,
    Erased,
    ErasedSend,
    [Y, S, R],
    move_away,
    Boxed::pin,
    Boxed::pin
);

/// A frame that is reached through something else.
macro_rules! frame_through {
    ([$($generics:tt)*] $place:ty, $get_mut:expr, $get:expr) => {
        impl<$($generics)*, Y, S, R> Resume<Y, S, R> for $place {
            #[inline]
            fn resume(self: Pin<&mut Self>, sent: Option<S>) -> Resumed<Y, R> {
                $get_mut(self).resume(sent)
            }

            #[inline]
            unsafe fn advance(self: Pin<&mut Self>, sent: Option<S>) -> Resumed<Y, R> {
                // SAFETY: as by our own contract.
                unsafe { $get_mut(self).advance(sent) }
            }
        }

        impl<$($generics)*, Y, S, R> Frame<Y, S, R> for $place {
            #[inline]
            fn begin(self: Pin<&mut Self>, is_sent: bool) -> bool {
                $get_mut(self).begin(is_sent)
            }

            #[inline]
            unsafe fn poll_delegated(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
                // SAFETY: as by our own contract.
                unsafe { $get_mut(self).poll_delegated(cx) }
            }

            fn surrender(self: Pin<&mut Self>) -> Chain {
                $get_mut(self).surrender()
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

frame_through!([C: Resume<Y, S, R>] Inline<C>, Inline::project, Inline::get);
frame_through!([C: Resume<Y, S, R> + ?Sized] Pin<Box<C>>, Pin::as_deref_mut, Deref::deref);
frame_through!(['p, C: Resume<Y, S, R> + ?Sized] Pin<&'p mut C>, Pin::as_deref_mut, Deref::deref);
