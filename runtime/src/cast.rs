//! What a value of any type is, if it is of a certain one.

use std::any::Any;

/// Whether an `A` can be a `B` at all: asked by `if const`, what is done with a `B` is not compiled where it cannot.
pub(crate) const fn may_be<A, B>() -> bool {
    size_of::<A>() == size_of::<B>()
}

/// `value` as a `B`, if that is what it is.
#[inline(always)]
pub(crate) fn cast<A: 'static, B: 'static>(value: A) -> Result<B, A> {
    // Asked before anything is moved: the compiler knows the answer.
    let any: &dyn Any = &value;
    if !any.is::<B>() {
        return Err(value);
    }
    let mut value = Some(value);
    let any: &mut dyn Any = &mut value;
    match any.downcast_mut::<Option<B>>().and_then(Option::take) {
        Some(value) => Ok(value),
        None => unreachable!("they are one type"),
    }
}

/// `value` as a `T`, if that is what it is, whether it borrows or not.
///
/// # Safety
///
/// Type ids leave lifetimes out. Where `F` and `T` are the same but for those, what this gives must
/// not be used for longer than the lifetimes in `F` last.
pub(crate) unsafe fn downcast<F, T>(value: &F) -> Option<&T> {
    if typeid::of::<F>() == typeid::of::<T>() {
        // SAFETY: the two are the same type but for their lifetimes, which have no part in layout;
        // that none is overrun is the caller's promise.
        Some(unsafe { &*std::ptr::from_ref(value).cast::<T>() })
    } else {
        None
    }
}
