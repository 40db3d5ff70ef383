//! What a timer or a finished future calls, before it is its turn.

use std::any::TypeId;
use std::marker::PhantomData;
use std::rc::Rc;

use crate::tasks::Wake;

/// What a timer or a finished future calls.
pub(crate) enum Callback {
    Wake(Wake),
    Call(Call),
    /// One of a future's, that is to be called with the future: it takes the reference when the
    /// future is done, and until then keeps nothing alive.
    Bind(Box<dyn Bind>),
    /// One of many that all tell the same: the number says which.
    Notify(Rc<dyn Notified>, u32),
}

/// What waits for other things, and is told of each by its number, in a turn of its own. Of the user's it
/// runs destructors and the exception handler at most, and nothing as a callback.
pub(crate) trait Notified {
    fn notified(&self, number: u32);
}

type Call = Box<dyn FnOnce()>;

/// A done-callback, before it is known that it will be called.
pub(crate) trait Bind {
    fn bind(self: Box<Self>) -> Option<Call>;

    /// Whether it is a function of this type, which is a type of one value.
    fn is(&self, function: TypeId) -> bool;
}

/// The callback `C`, as `bind` makes a call of it.
pub(crate) struct Binding<C, B> {
    bind: B,
    of: PhantomData<fn() -> C>,
}

impl<C: 'static, B: FnOnce() -> Option<Call> + 'static> Binding<C, B> {
    pub(crate) fn callback(bind: B) -> Callback {
        let of = PhantomData::<fn() -> C>;
        Callback::Bind(Box::new(Self { bind, of }))
    }
}

impl<C: 'static, B: FnOnce() -> Option<Call>> Bind for Binding<C, B> {
    fn bind(self: Box<Self>) -> Option<Call> {
        (self.bind)()
    }

    fn is(&self, function: TypeId) -> bool {
        TypeId::of::<C>() == function
    }
}
