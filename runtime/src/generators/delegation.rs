//! `yield_from!` a generator: the chain of those that delegate to one another.
//!
//! While a generator delegates, nothing of it runs: what is sent goes to the innermost generator of the chain, and what that yields
//! comes from it. So only the innermost is polled, by the generator at the root of the chain, whatever the depth. It costs the same
//! at a depth of one and of a million, and nothing recurses, neither to run the chain nor to drop it.
//!
//! A delegation lives in the body that delegates, and the inner generator in the delegation; the chain only points at them. It is
//! kept by the root's frame, which ends whatever is left on it before it ends its body.

use std::cell::Cell;
use std::future::Future;
use std::marker::{PhantomData, PhantomPinned};
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use super::frame::{Delegates, Frame, Slot};

/// The head of a delegation, through which the chain reaches it without knowing its type.
pub(crate) struct Head {
    /// The next one outwards; `None` at the root.
    parent: Cell<Option<Link>>,
    calls: &'static Calls,
}

/// What the chain does with a delegation. Each is given the delegation that the head is a part of.
struct Calls {
    poll: unsafe fn(NonNull<Head>, &mut Context<'_>) -> Poll<()>,
    surrender: unsafe fn(NonNull<Head>) -> Chain,
    finish: unsafe fn(NonNull<Head>),
}

/// A delegation on the chain.
#[derive(Clone, Copy)]
pub struct Link(NonNull<Head>);

// SAFETY: a link is a pointer to a part of the body whose chain it is on, and goes to another thread only together with it. Whether
// that may go there, and so what is behind the pointer, is decided by the body's own type.
unsafe impl Send for Link {}
// SAFETY: through a shared reference to a link or a chain nothing can be done.
unsafe impl Sync for Link {}

impl Link {
    fn head(&self) -> &Head {
        // SAFETY: a link on a chain points to a delegation that is alive: its body ends after the chain. Of the delegation only the head
        // is ever borrowed but during `poll`, `surrender` and `finish`, and they do not touch the head.
        unsafe { self.0.as_ref() }
    }

    /// Polls the inner generator's body.
    ///
    /// # Safety
    ///
    /// The delegation is alive, and `cx` leads to a slot of its types.
    #[inline]
    pub(super) unsafe fn poll(self, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: by contract.
        unsafe { (self.head().calls.poll)(self.0, cx) }
    }
}

/// The generators that a generator delegates to, innermost first.
#[derive(Default)]
pub struct Chain {
    top: Option<Link>,
}

impl Delegates for Chain {
    const DELEGATES: bool = true;

    #[inline]
    fn top(&self) -> Option<Link> {
        self.top
    }

    fn push(&mut self, link: Link) {
        // SAFETY: the link was given by a delegation that has just been polled, so it is alive, and nothing of it is borrowed.
        let inner = unsafe { (link.head().calls.surrender)(link.0) };
        link.head().parent.set(self.top.replace(link));
        // An inner generator that was delegating before it was delegated to brings its own chain.
        if let Some(top) = inner.top {
            let mut bottom = top;
            while let Some(parent) = bottom.head().parent.get() {
                bottom = parent;
            }
            bottom.head().parent.set(Some(link));
            self.top = Some(top);
            std::mem::forget(inner);
        }
    }

    #[inline]
    fn pop(&mut self) {
        self.top = self.top.and_then(|top| top.head().parent.get());
    }

    #[inline]
    fn finish(&mut self) {
        while let Some(top) = self.top {
            // Off the chain first, so that a destructor that panics is not run again.
            self.pop();
            // SAFETY: the delegation is alive, and nothing of it is borrowed: the innermost of the chain is not running.
            unsafe { (top.head().calls.finish)(top.0) };
        }
    }

    fn take(&mut self) -> Chain {
        std::mem::take(self)
    }
}

impl Drop for Chain {
    #[inline]
    fn drop(&mut self) {
        self.finish();
    }
}

/// `yield_from!(generator)`: the value that the generator returns, after all it yields.
// The head comes first and the layout is fixed, so that a pointer to the head is one to the delegation.
#[repr(C)]
pub struct Delegation<Y, S, R, B> {
    head: Head,
    /// The value the inner generator returned.
    returned: Option<R>,
    begun: bool,
    inner: B,
    exchange: PhantomData<fn(S) -> Y>,
    _pinned: PhantomPinned,
}

impl<Y, S, R, B: Frame<Y, S, R>> Delegation<Y, S, R, B> {
    /// Delegates to `inner`.
    ///
    /// # Safety
    ///
    /// It is only ever polled by the body of a generator that exchanges `Y` and `S` and delegates, with that generator's own
    /// context; and once polled, it is dropped only when it is ready or together with that body.
    pub(super) unsafe fn new(inner: B) -> Self {
        let head = Head {
            parent: Cell::new(None),
            calls: const { &Self::CALLS },
        };
        Delegation {
            head,
            returned: None,
            begun: false,
            inner,
            exchange: PhantomData,
            _pinned: PhantomPinned,
        }
    }

    const CALLS: Calls = Calls {
        poll: Self::poll_inner,
        surrender: Self::surrender_inner,
        finish: Self::finish_inner,
    };

    /// # Safety
    ///
    /// `head` is that of a pinned `Self`, of which nothing is borrowed but the head.
    unsafe fn inner<'a>(head: NonNull<Head>) -> Pin<&'a mut B> {
        let this = head.cast::<Self>().as_ptr();
        // SAFETY: the delegation is pinned and `inner` with it. The reference covers that field alone.
        unsafe { Pin::new_unchecked(&mut (*this).inner) }
    }

    unsafe fn poll_inner(head: NonNull<Head>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: by the contract of `Calls` and of `Link::poll`; `surrender_inner` was called when the chain took the link.
        match unsafe { Self::inner(head).poll_delegated(cx) } {
            Poll::Ready(value) => {
                // SAFETY: by the contract of `Calls`, nothing else borrows the field.
                unsafe { (*head.cast::<Self>().as_ptr()).returned = Some(value) };
                Poll::Ready(())
            }
            Poll::Pending => Poll::Pending,
        }
    }

    unsafe fn surrender_inner(head: NonNull<Head>) -> Chain {
        // SAFETY: by the contract of `Calls`.
        unsafe { Self::inner(head) }.surrender()
    }

    unsafe fn finish_inner(head: NonNull<Head>) {
        // SAFETY: by the contract of `Calls`.
        unsafe { Self::inner(head) }.finish();
    }
}

impl<Y, S, R, B: Frame<Y, S, R>> Future for Delegation<Y, S, R, B> {
    type Output = R;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<R> {
        // SAFETY: nothing is moved out of the delegation but the returned value, which is not pinned.
        let this = unsafe { self.get_unchecked_mut() };
        if !this.begun {
            this.begun = true;
            if this.inner.state() == super::State::Finished {
                delegated_to_a_finished(this.inner.name());
            }
            // The pointer is to the whole delegation, of which the head is only the beginning.
            let link = Link(NonNull::from(this).cast());
            // SAFETY: by the contract of `new`, `cx` leads to a slot of these types, and nobody else holds a reference into it.
            unsafe { Slot::<Y, S>::of(cx) }.delegate = Some(link);
            return Poll::Pending;
        }
        match this.returned.take() {
            Some(value) => Poll::Ready(value),
            None => unreachable!("a generator was resumed before the one it delegates to"),
        }
    }
}

#[cold]
fn delegated_to_a_finished(name: &str) -> ! {
    panic!("`yield_from!` a generator that has finished: '{name}' has no value left to return");
}
