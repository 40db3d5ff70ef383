//! The frame of a generator: its body, pinned, and the slot it exchanges values through.

use std::future::Future;
use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll, RawWaker, RawWakerVTable, Waker};

use super::delegation::{Chain, Link};

/// Where a body and whoever resumes it exchange values, for the time of one resumption.
pub(crate) struct Slot<Y, S> {
    /// What the body yields.
    pub(crate) yielded: Option<Y>,
    /// What the body is sent.
    pub(crate) sent: Option<S>,
    /// The generator that the body delegates to from here on, which the driver pushes on its chain.
    pub(crate) delegate: Option<Link>,
}

impl<Y, S> Slot<Y, S> {
    #[inline]
    pub(crate) fn new(sent: Option<S>) -> Self {
        Slot {
            yielded: None,
            sent,
            delegate: None,
        }
    }

    /// Leaves the only value of a resumption.
    #[inline]
    pub(crate) fn leave(&mut self, value: Y) {
        if self.yielded.is_some() {
            yielded_twice();
        }
        self.yielded = Some(value);
    }

    /// Runs `poll` with a context whose waker leads to this slot.
    #[inline(always)]
    pub(crate) fn enter<T>(&mut self, poll: impl FnOnce(&mut Context<'_>) -> T) -> T {
        with_address((&raw mut *self).cast_const().cast(), poll)
    }

    /// The slot that the context of a running body leads to.
    ///
    /// # Safety
    ///
    /// The context was made by [`enter`](Self::enter) of a `Slot<Y, S>` of these types, which has not returned, and no other reference
    /// into the slot is alive for `'a`.
    #[inline]
    pub(crate) unsafe fn of<'a>(cx: &Context<'_>) -> &'a mut Self {
        let slot = cx.waker().data().cast::<Self>().cast_mut();
        // SAFETY: `slot` came from a `&mut Slot<Y, S>` that `enter` holds and does not use while it runs the body.
        unsafe { &mut *slot }
    }
}

/// Runs `poll` with a context whose waker's data is `address`.
#[inline(always)]
pub(crate) fn with_address<T>(address: *const (), poll: impl FnOnce(&mut Context<'_>) -> T) -> T {
    // SAFETY: what `WAKER`'s functions do is sound for any data pointer, as none of them follows it.
    let waker = unsafe { Waker::from_raw(RawWaker::new(address, &WAKER)) };
    // It has nothing to drop, and the optimiser cannot know: the call would keep the slot in memory.
    let waker = ManuallyDrop::new(waker);
    poll(&mut Context::from_waker(&waker))
}

/// The waker of a slot. It wakes nobody, and none of its functions touches the slot.
static WAKER: RawWakerVTable = RawWakerVTable::new(
    // A clone may outlive the slot, so it is a waker that leads nowhere.
    |_| RawWaker::new(Waker::noop().data(), Waker::noop().vtable()),
    |_| {},
    |_| {},
    |_| {},
);

/// How a resumption ended.
///
/// Flat, so that it is given in two registers where it can be.
pub enum Resumed<Y, R> {
    /// At a `yield_!`.
    Yielded(Y),
    /// The body returned.
    Returned(R),
    /// The body had ended before.
    Finished,
}

/// Where a generator stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not resumed yet: the body has not begun.
    Created,
    /// At a `yield_!`.
    Suspended,
    /// Returned, panicked or closed: the body is gone.
    Finished,
}

/// A [`State`] that has no values to spare.
///
/// If it had, [`Inline`](super::places::Inline) would keep there whether the frame is in place, in a byte that changes all the time. Then
/// the optimiser, which otherwise takes a pinned generator apart, no longer sees that the frame never moves.
#[derive(Clone, Copy)]
struct Plain(u8);

impl Plain {
    #[inline]
    const fn of(state: State) -> Self {
        Plain(state as u8)
    }

    #[inline]
    const fn get(self) -> State {
        const CREATED: u8 = State::Created as u8;
        const SUSPENDED: u8 = State::Suspended as u8;
        match self.0 {
            CREATED => State::Created,
            SUSPENDED => State::Suspended,
            _ => State::Finished,
        }
    }
}

/// A generator's body in a place it does not move from; `Resume` says how it is resumed.
pub trait Frame<Y, S, R> {
    /// Whether there is a body to resume: from here on it has begun, and is at a `yield_!`.
    ///
    /// # Panics
    ///
    /// If it has not begun and is sent something.
    fn begin(self: Pin<&mut Self>, is_sent: bool) -> bool;

    /// Polls the body as one of the chain of another generator, which does the driving.
    ///
    /// # Safety
    ///
    /// `cx` leads to a `Slot<Y, S>` whose owner also takes up what the body delegates to, and that has called
    /// [`surrender`](Self::surrender) before the first time.
    unsafe fn poll_delegated(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R>;

    /// Hands over the chain of generators this one delegates to, innermost first, to who drives it from here on.
    fn surrender(self: Pin<&mut Self>) -> Chain;

    /// Drops the body where it is, after those it delegates to.
    fn finish(self: Pin<&mut Self>);

    /// Where the generator stands.
    fn state(&self) -> State;

    /// The name of the generator function.
    fn name(&self) -> &'static str;
}

/// A frame that can be resumed.
pub trait Resume<Y, S, R>: Frame<Y, S, R> {
    /// Resumes the body with what it is sent, up to its next value.
    fn resume(self: Pin<&mut Self>, sent: Option<S>) -> Resumed<Y, R>;

    /// [`resume`](Self::resume) that asks nothing before and guards nothing after.
    ///
    /// # Safety
    ///
    /// The generator is [suspended](State::Suspended). If this panics, the frame is [finished](Frame::finish) before anything else is
    /// done with it.
    unsafe fn advance(self: Pin<&mut Self>, sent: Option<S>) -> Resumed<Y, R>;
}

/// The name of a generator function, as a type.
pub trait Named {
    /// The name.
    const NAME: &'static str;
}

/// The frame of a generator function: `F` is its body, `N` its name.
///
/// `D` says whether it delegates: [`Chain`] if there is a `yield_from!` in it, and `()`, which costs nothing, if not.
pub struct Function<F, N, D: Delegates> {
    /// Those this one delegates to at the moment. They are parts of `body`, and end before it.
    chain: D,
    state: Plain,
    /// There until the state is [`Finished`](State::Finished), and pinned whenever the frame is. An `Option` would take a word of its
    /// own: a body has no value to spare for it.
    body: ManuallyDrop<F>,
    name: PhantomData<fn() -> N>,
}

impl<F, N, D: Delegates> Function<F, N, D> {
    #[inline]
    pub(crate) fn new(body: F) -> Self {
        Function {
            chain: D::default(),
            state: Plain::of(State::Created),
            body: ManuallyDrop::new(body),
            name: PhantomData,
        }
    }

    /// Ends the body where it is, after those it delegates to.
    #[inline]
    fn end(&mut self) {
        if self.state.get() != State::Finished {
            // First, so that a destructor that panics is not run again.
            self.state = Plain::of(State::Finished);
            Ending(self).0.chain.finish();
        }
    }
}

/// Drops a body after those it delegates to, of which some are left when a destructor of theirs panics.
struct Ending<'a, F, N, D: Delegates>(&'a mut Function<F, N, D>);

impl<F, N, D: Delegates> Drop for Ending<'_, F, N, D> {
    #[inline]
    fn drop(&mut self) {
        self.0.chain.finish();
        // SAFETY: only `end` makes one, when the body is there, and has said that it is there no more.
        unsafe { ManuallyDrop::drop(&mut self.0.body) };
    }
}

impl<F, N, D: Delegates> Drop for Function<F, N, D> {
    #[inline]
    fn drop(&mut self) {
        self.end();
    }
}

/// Whether a generator function delegates.
pub trait Delegates: Default {
    /// Whether it does.
    const DELEGATES: bool;
    /// The innermost of those it delegates to.
    fn top(&self) -> Option<Link>;
    /// Takes up one more.
    fn push(&mut self, link: Link);
    /// Drops the innermost, which has returned.
    fn pop(&mut self);
    /// Ends them all, innermost first.
    fn finish(&mut self);
    /// All of them.
    fn take(&mut self) -> Chain;
}

/// A generator without a `yield_from!` in it never delegates.
impl Delegates for () {
    const DELEGATES: bool = false;
    #[inline]
    fn top(&self) -> Option<Link> {
        None
    }
    fn push(&mut self, _: Link) {
        unreachable!("a `yield_from!` that its generator does not know of")
    }
    #[inline]
    fn pop(&mut self) {}
    #[inline]
    fn finish(&mut self) {}
    #[inline]
    fn take(&mut self) -> Chain {
        Chain::default()
    }
}

/// Ends a frame whose body panics: a generator that raised is finished.
struct EndOnPanic<'a, F, N, D: Delegates>(&'a mut Function<F, N, D>);

impl<F, N, D: Delegates> Drop for EndOnPanic<'_, F, N, D> {
    fn drop(&mut self) {
        self.0.end();
    }
}

impl<F: Future, N, D: Delegates> Function<F, N, D> {
    /// One step of the body itself.
    ///
    /// # Safety
    ///
    /// The frame is pinned, and not finished.
    #[inline(always)]
    unsafe fn poll_body(&mut self, cx: &mut Context<'_>) -> Poll<F::Output> {
        // SAFETY: by contract the frame is pinned, and `body` with it: it is only ever dropped in place.
        unsafe { Pin::new_unchecked(&mut *self.body) }.poll(cx)
    }
}

impl<Y, S, R, F, N, D> Resume<Y, S, R> for Function<F, N, D>
where
    F: Future<Output = R>,
    N: Named,
    D: Delegates,
{
    #[inline(always)]
    fn resume(mut self: Pin<&mut Self>, sent: Option<S>) -> Resumed<Y, R> {
        if !Frame::<Y, S, R>::begin(self.as_mut(), sent.is_some()) {
            return Resumed::Finished;
        }
        // SAFETY: the body is not moved out of the frame, here or below.
        let guard = EndOnPanic(unsafe { self.get_unchecked_mut() });
        // SAFETY: `self` was pinned and has begun, and the guard ends it on a panic.
        let resumed = unsafe { Pin::new_unchecked(&mut *guard.0).advance(sent) };
        std::mem::forget(guard);
        resumed
    }

    #[inline(always)]
    unsafe fn advance(self: Pin<&mut Self>, sent: Option<S>) -> Resumed<Y, R> {
        // SAFETY: the body is not moved out of the frame.
        let this = unsafe { self.get_unchecked_mut() };
        let mut slot = Slot::<Y, S>::new(sent);
        if !D::DELEGATES {
            // SAFETY: `self` was pinned and is by contract suspended.
            let polled = slot.enter(|cx| unsafe { this.poll_body(cx) });
            return match (polled, slot.yielded) {
                (Poll::Pending, Some(value)) => Resumed::Yielded(value),
                (Poll::Ready(value), None) => {
                    this.end();
                    Resumed::Returned(value)
                }
                // Whoever called this ends the generator, here and below.
                (Poll::Pending, None) => awaited(N::NAME),
                (Poll::Ready(_), Some(_)) => yielded_twice(),
            };
        }
        loop {
            match this.chain.top() {
                None => {
                    // SAFETY: as above.
                    if let Poll::Ready(value) = slot.enter(|cx| unsafe { this.poll_body(cx) }) {
                        if slot.yielded.is_some() {
                            yielded_twice();
                        }
                        this.end();
                        return Resumed::Returned(value);
                    }
                }
                Some(top) => {
                    // SAFETY: what is on the chain is a part of `body`, which has not moved and has not ended; it exchanges the same
                    // types, since only `Slot::<Y, S>::delegate` ever brings anything there.
                    if slot.enter(|cx| unsafe { top.poll(cx) }).is_ready() {
                        this.chain.pop();
                        continue;
                    }
                }
            }
            if let Some(value) = slot.yielded.take() {
                return Resumed::Yielded(value);
            }
            match slot.delegate.take() {
                Some(link) => this.chain.push(link),
                None => awaited(N::NAME),
            }
        }
    }
}

impl<Y, S, R, F, N, D> Frame<Y, S, R> for Function<F, N, D>
where
    F: Future<Output = R>,
    N: Named,
    D: Delegates,
{
    #[inline(always)]
    fn begin(self: Pin<&mut Self>, is_sent: bool) -> bool {
        // SAFETY: the body is not touched.
        let this = unsafe { self.get_unchecked_mut() };
        match this.state.get() {
            State::Suspended => {}
            State::Created => {
                if is_sent {
                    sent_too_early();
                }
                this.state = Plain::of(State::Suspended);
            }
            State::Finished => return false,
        }
        true
    }

    unsafe fn poll_delegated(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        // SAFETY: the body is not moved out of the frame.
        let this = unsafe { self.get_unchecked_mut() };
        this.state = Plain::of(State::Suspended);
        let guard = EndOnPanic(this);
        // SAFETY: `self` was pinned.
        let polled = unsafe { guard.0.poll_body(cx) };
        if polled.is_ready() {
            guard.0.end();
        }
        std::mem::forget(guard);
        polled
    }

    fn surrender(self: Pin<&mut Self>) -> Chain {
        // SAFETY: the body is not touched.
        unsafe { self.get_unchecked_mut() }.chain.take()
    }

    fn finish(self: Pin<&mut Self>) {
        // SAFETY: the body is dropped in place.
        unsafe { self.get_unchecked_mut() }.end();
    }

    #[inline]
    fn state(&self) -> State {
        self.state.get()
    }

    fn name(&self) -> &'static str {
        N::NAME
    }
}

#[cold]
#[track_caller]
fn sent_too_early() -> ! {
    panic!("can't send non-None value to a just-started generator");
}

#[cold]
pub(super) fn yielded_twice() -> ! {
    panic!("a `yield_!` whose value nobody was given: a macro took it apart");
}

#[cold]
fn awaited(name: &str) -> ! {
    panic!("generator '{name}' awaited something: only an async generator or a coroutine can wait");
}
