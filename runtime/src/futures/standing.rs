//! How a future stands, in one word: its state, and what waits for it or why it has no value.
//!
//! The word is a pointer whose lowest bits are the state. Mostly nothing waits, or one task, and then the
//! pointer is that task's handle; of what was cancelled it is where that was asked for. What is larger than a word is in a block of its own.

use std::alloc::Layout;
use std::cell::Cell;
use std::mem::ManuallyDrop;
use std::panic::Location;
use std::ptr::NonNull;
use std::rc::Rc;

use crate::event_loop::blocks;
use crate::event_loop::callback::{Callback, Notified};
use crate::exceptions::{CancelledError, Exception};
use crate::sequence::Sequence;
use crate::tasks::{Called, TaskRef, Wake};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum State {
    Pending,
    Cancelled,
    Finished,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CallbackId(pub(super) u64);

impl CallbackId {
    pub(super) const FIRST: Self = Self(0);
}

/// What waits for a future, in the order in which it came: mostly one task, and for that there is
/// room. When it is done, nothing waits any more, and here is why it has no value, if it has none.
#[derive(Default)]
pub(super) enum Rest {
    #[default]
    None,
    /// Its number is [`FIRST`](CallbackId::FIRST).
    One(Callback),
    Many(Box<Callbacks>),
    Failed(Exception),
}

/// Several, by their numbers.
pub(super) struct Callbacks {
    pub(super) all: Sequence<Callback>,
    next: u64,
}

impl Rest {
    /// Adds to what waits for a future that is not done.
    pub(super) fn push(&mut self, callback: Callback) -> CallbackId {
        if let Rest::None = self {
            *self = Rest::One(callback);
            return CallbackId::FIRST;
        }
        if let Rest::One(_) = self {
            if let Rest::One(first) = std::mem::take(self) {
                let mut many = Callbacks {
                    all: Sequence::default(),
                    next: CallbackId::FIRST.0,
                };
                many.push(first);
                *self = Rest::Many(Box::new(many));
            }
        }
        match self {
            Rest::Many(many) => many.push(callback),
            _ => unreachable!("nothing waits for what is done"),
        }
    }

    pub(super) fn remove(&mut self, id: CallbackId) -> Option<Callback> {
        match self {
            Rest::One(_) if id == CallbackId::FIRST => match std::mem::take(self) {
                Rest::One(callback) => Some(callback),
                _ => None,
            },
            Rest::Many(many) => many.all.remove(id.0),
            _ => None,
        }
    }

    pub(super) fn get_mut(&mut self, id: CallbackId) -> Option<&mut Callback> {
        match self {
            Rest::One(callback) => (id == CallbackId::FIRST).then_some(callback),
            Rest::Many(many) => many.all.get_mut(id.0),
            _ => None,
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Rest::One(_) => 1,
            Rest::Many(many) => many.all.len(),
            Rest::None | Rest::Failed(_) => 0,
        }
    }
}

impl Callbacks {
    fn push(&mut self, callback: Callback) -> CallbackId {
        let id = CallbackId(self.next);
        self.next += 1;
        self.all.push(id.0, callback);
        id
    }
}

/// The word.
pub(super) struct Standing(Cell<*mut ()>);

/// The pointer is to a [`Rest`] in a block, which is this word's own, and not to a task.
const BOXED: usize = 1;

// The states.
const PENDING: usize = 0;
const CANCELLED: usize = 1 << 1;
const FINISHED: usize = 2 << 1;
/// Finished, and a failure, or a value that is one, is to be logged if nobody asks for it.
const UNSEEN: usize = 3 << 1;
const STATE: usize = UNSEEN;

/// Of what was cancelled without a message the pointer is to the place of the `cancel()`, where its lowest
/// bits are zero.
const PLACE_HAS_ROOM: bool = align_of::<Location<'static>>() > STATE | BOXED;

const LAYOUT: Layout = blocks::layout_for(Layout::new::<Rest>());

impl Default for Standing {
    #[inline]
    fn default() -> Self {
        Self(Cell::new(std::ptr::without_provenance_mut(PENDING)))
    }
}

impl Standing {
    #[inline]
    fn bits(&self, mask: usize) -> usize {
        self.0.get().addr() & mask
    }

    #[inline]
    fn set_state_bits(&self, state: usize) {
        self.0.set(self.0.get().map_addr(|it| it & !STATE | state));
    }

    pub(super) fn state(&self) -> State {
        match self.bits(STATE) {
            PENDING => State::Pending,
            CANCELLED => State::Cancelled,
            _ => State::Finished,
        }
    }

    #[inline]
    pub(super) fn is_done(&self) -> bool {
        self.bits(STATE) != PENDING
    }

    #[inline]
    pub(super) fn set_state(&self, state: State) {
        self.set_state_bits(match state {
            State::Pending => PENDING,
            State::Cancelled => CANCELLED,
            State::Finished => FINISHED,
        });
    }

    /// Of what is finished.
    pub(super) fn set_unseen(&self) {
        debug_assert!(self.state() == State::Finished);
        self.set_state_bits(UNSEEN);
    }

    pub(super) fn is_unseen(&self) -> bool {
        self.bits(STATE) == UNSEEN
    }

    #[inline]
    pub(super) fn see(&self) {
        if self.is_unseen() {
            self.set_state_bits(FINISHED);
        }
    }

    /// Done, with nothing that would have to be dropped or told.
    #[inline]
    pub(super) fn is_plain_end(&self) -> bool {
        self.0.get().addr() == FINISHED || self.bits(STATE | BOXED) == CANCELLED
    }

    /// Whether nothing waits for it, and it has not failed.
    #[inline]
    pub(super) fn has_no_rest(&self) -> bool {
        self.bits(!STATE) == 0
    }

    #[inline]
    fn pointer(&self) -> *mut () {
        self.0.get().map_addr(|it| it & !(STATE | BOXED))
    }

    /// Leaves the state alone.
    #[inline]
    fn set_pointer(&self, pointer: *mut (), boxed: usize) {
        let state = self.bits(STATE);
        self.0.set(pointer.map_addr(|it| it | state | boxed));
    }

    /// The rest, which is none from now on. To be asked before the state is changed.
    pub(super) fn take(&self) -> Rest {
        let (pointer, is_boxed) = (self.pointer(), self.bits(BOXED) != 0);
        self.set_pointer(std::ptr::null_mut(), 0);
        match NonNull::new(pointer) {
            None => Rest::None,
            // SAFETY: it is a block with a rest, of which nobody else knows.
            Some(block) if is_boxed => unsafe {
                let rest = block.cast::<Rest>().read();
                blocks::give_here(block.cast(), LAYOUT);
                rest
            },
            // SAFETY: `put_failure` or `end_plain` made it of a place, as nothing waits for what is cancelled.
            Some(place) if self.bits(STATE) == CANCELLED => unsafe {
                let place: &'static Location<'static> = place.cast().as_ref();
                let error = CancelledError::raised_at(place, None);
                Rest::Failed(Exception::CancelledError(error))
            },
            // SAFETY: it came from `put`, and is taken out once.
            Some(task) => Rest::One(Callback::Wake(Wake::Task(unsafe {
                TaskRef::from_pointer(task)
            }))),
        }
    }

    /// Drops the rest.
    pub(super) fn empty(&self) {
        let rest = self.take();
        drop(rest);
    }

    /// Puts a rest where there is none.
    pub(super) fn put(&self, rest: Rest) {
        debug_assert!(self.has_no_rest());
        match rest {
            Rest::None => {}
            Rest::One(Callback::Wake(Wake::Task(task))) => {
                debug_assert!(self.bits(STATE) != CANCELLED);
                self.set_pointer(task.into_pointer().as_ptr(), 0);
            }
            Rest::Failed(failure) => self.put_failure(failure),
            rest => self.put_boxed(rest),
        }
    }

    /// Ends what is pending, and for which nothing waits any more.
    #[inline(always)]
    pub(super) fn end(&self, state: State, failure: Option<Exception>) {
        self.set_state(state);
        if let Some(failure) = failure {
            if let Exception::Panic(_) = failure {
                self.set_unseen();
            }
            self.put_failure(failure);
        }
    }

    /// Ends so with a value, or with a cancellation of that place; false where a pointer has no room for its
    /// state.
    #[inline(always)]
    pub(super) fn end_plain(&self, cancelled_at: Option<Called>) -> bool {
        debug_assert!(self.has_no_rest());
        if cancelled_at.is_some() && !PLACE_HAS_ROOM {
            return false;
        }
        let (state, place) = match cancelled_at {
            None => (FINISHED, std::ptr::null()),
            Some(place) => (CANCELLED, std::ptr::from_ref(place)),
        };
        let place = place.cast_mut().cast::<()>();
        self.0.set(place.map_addr(|it| it | state));
        true
    }

    #[inline]
    fn put_failure(&self, failure: Exception) {
        if let Exception::CancelledError(error) = &failure {
            if PLACE_HAS_ROOM && self.bits(STATE) == CANCELLED && error.message().is_none() {
                let place = std::ptr::from_ref(error.location());
                return self.set_pointer(place.cast_mut().cast(), 0);
            }
        }
        self.put_boxed_failure(failure);
    }

    #[cold]
    #[inline(never)]
    fn put_boxed_failure(&self, failure: Exception) {
        self.put_boxed(Rest::Failed(failure));
    }

    /// Where the cancellation was asked for, of what was cancelled without a message.
    #[inline]
    pub(super) fn cancelled_at(&self) -> Option<&'static Location<'static>> {
        if self.bits(STATE | BOXED) != CANCELLED {
            return None;
        }
        // SAFETY: as in `take`, or it is null.
        unsafe { self.pointer().cast::<Location<'static>>().as_ref() }
    }

    /// Puts the first that waits: one that is told of it by a number.
    #[inline]
    pub(super) fn put_notice(&self, to: Rc<dyn Notified>, number: u32) {
        debug_assert!(self.has_no_rest());
        // Taken before what goes in is made, so that it is made in place.
        let block = blocks::take_here(LAYOUT).cast();
        // SAFETY: it was taken for this.
        unsafe { self.put_into(block, Rest::One(Callback::Notify(to, number))) };
    }

    /// What waits, if that is one that is told by a number: it is taken as it is, in its block.
    #[inline]
    pub(super) fn take_notice(&self) -> Option<Notice> {
        if self.bits(BOXED) == 0 {
            return None;
        }
        let block = self.pointer().cast::<Rest>();
        // SAFETY: there is a rest in the block.
        if !matches!(unsafe { &*block }, Rest::One(Callback::Notify(..))) {
            return None;
        }
        self.set_pointer(std::ptr::null_mut(), 0);
        NonNull::new(block).map(Notice)
    }

    #[inline]
    fn put_boxed(&self, rest: Rest) {
        // SAFETY: it was taken for this.
        unsafe { self.put_into(blocks::take_here(LAYOUT).cast(), rest) };
    }

    /// # Safety
    ///
    /// The block is of [`LAYOUT`] and the caller's, and is this word's from now on.
    #[inline(always)]
    unsafe fn put_into(&self, block: NonNull<Rest>, rest: Rest) {
        // SAFETY: as the caller promises.
        unsafe { block.write(rest) };
        self.set_pointer(block.as_ptr().cast(), BOXED);
    }

    /// Looks at the rest, or changes it: `f` runs nothing of anybody else's.
    #[inline]
    pub(super) fn with<R>(&self, f: impl FnOnce(&mut Rest) -> R) -> R {
        if self.bits(BOXED) != 0 {
            // SAFETY: it is in the block, and `f` comes by no other reference to it.
            let rest = unsafe { &mut *self.pointer().cast::<Rest>() };
            let result = f(rest);
            if let Rest::None = rest {
                self.empty();
            }
            return result;
        }
        let mut rest = self.take();
        let result = f(&mut rest);
        self.put(rest);
        result
    }
}

/// A number and who is told it, in the block that a future had them in: the ready queue takes it over.
pub(crate) struct Notice(NonNull<Rest>);

impl Notice {
    /// The block. The three lowest bits are zero.
    #[inline]
    pub(crate) fn into_pointer(self) -> NonNull<()> {
        ManuallyDrop::new(self).0.cast()
    }

    /// # Safety
    ///
    /// It is from [`into_pointer`](Self::into_pointer), and nobody else takes it back.
    #[inline]
    pub(crate) unsafe fn from_pointer(pointer: NonNull<()>) -> Self {
        Self(pointer.cast())
    }

    /// Tells the number.
    #[inline]
    pub(crate) fn tell(self) {
        if let Rest::One(Callback::Notify(to, number)) = self.open() {
            to.notified(number);
        }
    }

    #[inline]
    fn open(self) -> Rest {
        let block = ManuallyDrop::new(self).0;
        // SAFETY: there is a rest in the block, which is this one's own.
        unsafe {
            let rest = block.read();
            blocks::give_here(block.cast(), LAYOUT);
            rest
        }
    }
}

impl Drop for Notice {
    fn drop(&mut self) {
        drop(Self(self.0).open());
    }
}

impl Drop for Standing {
    #[inline]
    fn drop(&mut self) {
        if !self.has_no_rest() {
            self.empty();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(counted: &Rc<()>) -> Callback {
        let counted = counted.clone();
        Callback::Call(Box::new(move || drop(counted)))
    }

    #[test]
    fn it_is_one_word() {
        assert_eq!(size_of::<Standing>(), size_of::<usize>());
        assert!(align_of::<Rest>() > STATE | BOXED || size_of::<usize>() < 8);
        assert!(LAYOUT.align() > STATE | BOXED);
    }

    #[test]
    fn the_state_and_the_rest_leave_each_other_alone() {
        let counted = Rc::new(());
        let standing = Standing::default();
        assert!(standing.has_no_rest() && !standing.is_done());
        let first = standing.with(|rest| rest.push(call(&counted)));
        standing.set_state(State::Finished);
        assert_eq!(standing.with(|rest| rest.len()), 1);
        standing.set_unseen();
        assert!(standing.is_unseen() && standing.state() == State::Finished);
        standing.see();
        assert!(!standing.is_unseen() && standing.is_done());
        assert!(standing.with(|rest| rest.remove(first)).is_some());
        assert!(standing.has_no_rest() && standing.is_done());
        assert_eq!(Rc::strong_count(&counted), 1);
        standing.put(Rest::Failed(Exception::CancelledError(
            CancelledError::new(),
        )));
        standing.set_state(State::Cancelled);
        assert!(standing.with(|rest| matches!(rest, Rest::Failed(_))));
        assert!(standing.state() == State::Cancelled);
    }

    struct Told(Cell<u32>);

    impl Notified for Told {
        fn notified(&self, number: u32) {
            self.0.set(self.0.get() + number);
        }
    }

    #[test]
    fn a_notice_that_waits_alone_is_taken_as_it_is_and_told_or_dropped_once() {
        let told = Rc::new(Told(Cell::new(0)));
        let standing = Standing::default();
        assert!(standing.take_notice().is_none());
        standing.put_notice(told.clone(), 3);
        standing.set_state(State::Finished);
        let notice = standing.take_notice().expect("it waits");
        assert!(standing.has_no_rest() && standing.is_done());
        let pointer = notice.into_pointer();
        assert_eq!(pointer.as_ptr().addr() & (STATE | BOXED), 0);
        // SAFETY: it was just taken out, and is taken back once.
        unsafe { Notice::from_pointer(pointer) }.tell();
        assert_eq!((told.0.get(), Rc::strong_count(&told)), (3, 1));
        standing.put_notice(told.clone(), 4);
        drop(standing.take_notice());
        assert_eq!((told.0.get(), Rc::strong_count(&told)), (3, 1));
        standing.put_notice(told.clone(), 5);
        standing.with(|rest| rest.push(Callback::Notify(told.clone(), 6)));
        assert!(standing.take_notice().is_none());
        drop(standing);
        assert_eq!((told.0.get(), Rc::strong_count(&told)), (3, 1));
    }

    #[test]
    fn what_is_cancelled_needs_no_block_unless_there_is_a_message() {
        let failed =
            |error: &CancelledError| Rest::Failed(Exception::CancelledError(error.clone()));
        let known = |rest: &mut Rest| match rest {
            Rest::Failed(Exception::CancelledError(error)) => error.clone(),
            _ => unreachable!("it was cancelled"),
        };
        for (error, boxed) in [
            (CancelledError::new(), usize::from(!PLACE_HAS_ROOM)),
            (CancelledError::with_message("enough"), BOXED),
        ] {
            let standing = Standing::default();
            assert!(standing.cancelled_at().is_none());
            standing.set_state(State::Cancelled);
            assert!(standing.cancelled_at().is_none());
            standing.put(failed(&error));
            assert_eq!(standing.bits(BOXED), boxed);
            assert!(!standing.has_no_rest() && standing.is_done());
            let place = standing.cancelled_at();
            assert_eq!(place, (boxed == 0).then(|| error.location()));
            for _ in 0..2 {
                let known = standing.with(known);
                assert_eq!(known.message(), error.message());
                assert_eq!(known.location(), error.location());
            }
            assert!(standing.state() == State::Cancelled && !standing.is_unseen());
            let mut rest = standing.take();
            assert_eq!(known(&mut rest).location(), error.location());
            assert!(standing.has_no_rest() && standing.state() == State::Cancelled);
        }
    }

    #[test]
    fn tasks_and_others_come_and_go_in_any_order() {
        let event_loop = crate::new_event_loop();
        let task = event_loop.create_task(async {}).any().0;
        let wake = || Callback::Wake(Wake::Task(task.clone()));
        let counted = Rc::new(());
        let standing = Standing::default();
        let first = standing.with(|rest| rest.push(wake()));
        assert_eq!(standing.bits(BOXED), 0);
        let second = standing.with(|rest| rest.push(call(&counted)));
        standing.with(|rest| rest.push(wake()));
        assert!(standing.with(|rest| rest.get_mut(first).is_some()));
        assert!(standing.with(|rest| rest.remove(second)).is_some());
        assert_eq!(Rc::strong_count(&counted), 1);
        assert_eq!(standing.with(|rest| rest.len()), 2);
        let rest = standing.take();
        assert!(standing.has_no_rest());
        standing.put(rest);
        standing.with(|rest| rest.push(call(&counted)));
        drop(standing);
        assert_eq!(Rc::strong_count(&counted), 1);
        event_loop.run_until_complete(crate::sleep(0));
    }
}
