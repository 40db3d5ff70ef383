//! What a task knows of itself in one bit each, all in one word: most steps ask for several at once.

use std::sync::atomic::{AtomicU16, Ordering::Relaxed};

/// Some of the bits.
pub(crate) type Bits = u16;

/// Behind the header is a coroutine that may be polled or dropped.
pub(super) const COROUTINE: Bits = 1;
/// Behind the header is a value's cell. With neither of the two nothing there may be touched: it is
/// being polled, or dropped.
pub(super) const VALUE: Bits = 1 << 1;
/// The last handle is gone: there is nothing here any more that a new one could lead to.
pub(super) const GONE: Bits = 1 << 2;
/// The wakers are counted with those that travel from now on.
pub(super) const MERGED: Bits = 1 << 3;
/// The loop owns it: it is not done, and there is a loop.
pub(super) const OWNED: Bits = 1 << 4;
/// It has links, that are in the loop's list.
pub(super) const LINKED: Bits = 1 << 5;
/// A step is queued.
pub(super) const SCHEDULED: Bits = 1 << 6;
/// Its coroutine is being polled.
pub(super) const STEPPING: Bits = 1 << 7;
/// It has taken its first step, or begun to.
pub(super) const STARTED: Bits = 1 << 8;
/// It is the task of a `run_until_complete`, which itself says how it ended.
pub(super) const MAIN: Bits = 1 << 9;
/// It is to be queued after its step, of which it is said already that it is.
pub(super) const AGAIN: Bits = 1 << 10;
/// What it waits for comes from input, a thread or a process.
pub(super) const WAITS_OUTSIDE: Bits = 1 << 11;
/// It waits, and who knows for what: it is none of asyncio's.
pub(super) const WAITS_UNKNOWN: Bits = 1 << 12;
/// It was given a context to run in.
pub(super) const HAS_CONTEXT: Bits = 1 << 13;
/// It is known which of its values are exceptions.
pub(super) const HAS_ERRORS: Bits = 1 << 14;
/// It stands in a row of tasks, which is being looked through for those that stand there twice.
pub(super) const IN_ROW: Bits = 1 << 15;

/// It stays on one thread. An atomic it is for its width: of a `Cell` the compiler would write only the
/// byte that a bit is in, and a read of the whole word right after waits long for that.
pub(super) struct Flags(AtomicU16);

impl Flags {
    #[inline]
    pub(super) fn new(bits: Bits) -> Self {
        Self(AtomicU16::new(bits))
    }

    #[inline]
    pub(super) fn get(&self) -> Bits {
        self.0.load(Relaxed)
    }

    /// All at once.
    #[inline]
    pub(super) fn put(&self, bits: Bits) {
        self.0.store(bits, Relaxed);
    }

    /// Whether there is any of these.
    #[inline]
    pub(super) fn has(&self, any: Bits) -> bool {
        self.get() & any != 0
    }

    #[inline]
    pub(super) fn set(&self, all: Bits) {
        self.put(self.get() | all);
    }

    #[inline]
    pub(super) fn clear(&self, all: Bits) {
        self.put(self.get() & !all);
    }

    /// Clears them; whether there was any.
    #[inline]
    pub(super) fn take(&self, all: Bits) -> bool {
        let bits = self.get();
        self.put(bits & !all);
        bits & all != 0
    }
}
