//! What was received and not read yet.

use std::cell::Cell;
use std::io;
use std::task::Poll;

/// As much as one read takes in.
const CHUNK: usize = 64 * 1024;

/// As much room as a connection keeps when there is nothing in it.
const KEPT: usize = 1024;

/// What was received and not read yet.
#[derive(Default)]
pub(in crate::streams) struct Received {
    bytes: Vec<u8>,
    start: usize,
}

thread_local! {
    /// Where reads go first, so that a connection that is idle has no room of its own, and none is
    /// cleared before each read.
    static ROOM: Cell<Option<Box<[u8]>>> = const { Cell::new(None) };
}

impl Received {
    pub(in crate::streams) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(in crate::streams) fn len(&self) -> usize {
        self.bytes.len() - self.start
    }

    pub(in crate::streams) fn consume(&mut self, n: usize) {
        self.start += n;
        if self.start == self.bytes.len() {
            self.bytes.clear();
            self.bytes.shrink_to(KEPT);
            self.start = 0;
        }
    }

    #[inline]
    pub(in crate::streams) fn take(&mut self, n: usize) -> Vec<u8> {
        // All of what came last, as a rule, which is then as long as its room; and no more than this
        // is kept in any case.
        let is_all = n == self.bytes.len() && self.start == 0;
        if is_all && (n == self.bytes.capacity() || self.bytes.capacity() > KEPT) {
            return std::mem::take(&mut self.bytes);
        }
        self.take_part(n)
    }

    fn take_part(&mut self, n: usize) -> Vec<u8> {
        let taken = self.bytes()[..n].to_vec();
        self.consume(n);
        taken
    }

    /// Appends what `read` gives.
    #[inline]
    pub(super) fn fill(
        &mut self,
        read: impl FnOnce(&mut [u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<usize>> {
        let room = ROOM.try_with(Cell::take).ok().flatten();
        let mut room = room.unwrap_or_else(|| vec![0; CHUNK].into());
        let polled = read(&mut room);
        if let Poll::Ready(Ok(n)) = polled {
            let came = &room[..n];
            if self.bytes.capacity() == 0 {
                self.bytes = came.to_vec();
            } else {
                if self.start > 0 {
                    self.bytes.drain(..self.start);
                    self.start = 0;
                }
                self.bytes.extend_from_slice(came);
            }
        }
        let _ = ROOM.try_with(|kept| kept.set(Some(room)));
        polled
    }
}
