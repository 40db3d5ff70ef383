//! When timers are due: the next first, and equal ones in the order in which they came.
//!
//! The next deadlines are in a heap of four children each, which orders them to the last digit. It is kept
//! small enough for the processor's caches: the later ones of very many lie in piles, in no order, until
//! the heap comes to them.

/// How many children an entry of the heap has: with its parent's, they share a cache line or two.
const CHILDREN: usize = 4;

/// How many deadlines the heap takes from a pile, if it can; at twice as many it makes a new pile. Miri could not
/// wait for piles of that many.
pub(super) const FEW: usize = if cfg!(miri) { 64 } else { 4096 };

/// Of how many deadlines, or about that, the middle is taken for that of a pile.
const SAMPLE: usize = FEW / 4;

/// How many deadlines a piece of a pile has room for: with what the usual allocator takes, a page.
const PIECE: usize = 255;

#[derive(Clone, Copy)]
pub(crate) struct Deadline {
    pub(crate) when: f64,
    /// Which of two that are equal came first.
    order: u32,
    pub(crate) slot: u32,
}

impl Deadline {
    #[inline]
    fn is_before(self, other: Self) -> bool {
        let (a, b) = (self, other);
        a.when < b.when || (a.when == b.when && a.order < b.order)
    }
}

/// Deadlines in no order. They lie in small pieces, which come and go as they do: so very many take no
/// more room than they need, also while they go from one pile to another.
#[derive(Default)]
struct Pile {
    /// None is empty, or of more than [`PIECE`] but for what was the heap.
    pieces: Vec<Vec<Deadline>>,
    len: usize,
}

impl Pile {
    #[inline(never)]
    fn push(&mut self, deadline: Deadline) {
        self.len += 1;
        match self.pieces.last_mut() {
            Some(last) if last.len() < PIECE => last.push(deadline),
            _ => {
                let mut piece = Vec::with_capacity(PIECE);
                piece.push(deadline);
                self.pieces.push(piece);
            }
        }
    }

    /// When the later half of these begins, or about that; none if all are equal.
    fn middle(&self) -> Option<f64> {
        let every = self.len / SAMPLE + 1;
        // The heap finds the middle of some, for it is there.
        let mut some = Deadlines::default();
        for deadline in self.pieces.iter().flatten().step_by(every) {
            some.heap.push(*deadline);
        }
        some.order();
        for _ in 0..some.heap.len() / 2 {
            some.pop();
        }
        let middle = some.heap.first()?.when;
        let mut later = None;
        for deadline in self.pieces.iter().flatten() {
            if deadline.when < middle {
                return Some(middle);
            }
            if deadline.when > middle && later.is_none_or(|later| deadline.when < later) {
                later = Some(deadline.when);
            }
        }
        later
    }
}

impl From<Vec<Deadline>> for Pile {
    fn from(all: Vec<Deadline>) -> Self {
        Self {
            len: all.len(),
            pieces: vec![all],
        }
    }
}

#[derive(Default)]
pub(crate) struct Deadlines {
    /// The next ones, all of them before those in the piles.
    heap: Vec<Deadline>,
    /// Each with when it begins, which is up to where the one before does: the latest first.
    piles: Vec<(f64, Pile)>,
    /// How many are in the piles.
    piled: usize,
    /// How many the heap could not divide, as all of them were equal.
    equal: usize,
    next_order: u32,
}

impl Deadlines {
    pub(crate) fn len(&self) -> usize {
        self.heap.len() + self.piled
    }

    pub(crate) fn insert(&mut self, when: f64, slot: u32) {
        let order = self.take_order();
        let deadline = Deadline { when, order, slot };
        if self.piles.last().is_some_and(|(from, _)| when >= *from) {
            let place = self.piles.partition_point(|(from, _)| *from > when);
            self.piles[place].1.push(deadline);
            self.piled += 1;
            return;
        }
        self.heap.push(deadline);
        self.sift_up(deadline);
        if self.heap.len() >= 2 * FEW.max(self.equal) {
            let all = std::mem::take(&mut self.heap);
            self.fill(all.into());
        }
    }

    #[inline]
    fn take_order(&mut self) -> u32 {
        if self.next_order == u32::MAX {
            self.number_anew();
        }
        self.next_order += 1;
        self.next_order - 1
    }

    /// There are no greater numbers: those that are there come anew, as they are due.
    #[cold]
    #[inline(never)]
    fn number_anew(&mut self) {
        let mut all = Vec::with_capacity(self.len());
        while let Some(first) = self.first() {
            all.push(first);
            self.pop();
        }
        self.next_order = 0;
        for deadline in all {
            self.insert(deadline.when, deadline.slot);
        }
    }

    /// The next one.
    #[inline]
    pub(crate) fn first(&mut self) -> Option<Deadline> {
        if self.heap.is_empty() {
            self.go_on();
        }
        self.heap.first().copied()
    }

    /// The heap is empty, and takes in the next pile, if there is one.
    #[inline(never)]
    fn go_on(&mut self) {
        while self.heap.is_empty() {
            let Some((_, pile)) = self.piles.pop() else {
                return;
            };
            self.piled -= pile.len;
            self.fill(pile);
        }
    }

    /// Takes away the next one, which [`first`](Self::first) told.
    pub(crate) fn pop(&mut self) {
        self.heap.swap_remove(0);
        self.sift_down(0);
    }

    /// Keeps those alone that are wanted.
    pub(crate) fn retain(&mut self, is_wanted: &mut dyn FnMut(u32) -> bool) {
        self.heap.retain(|deadline| is_wanted(deadline.slot));
        // What many took, few do not keep.
        if self.heap.len() < self.heap.capacity() / 4 {
            self.heap.shrink_to_fit();
        }
        self.order();
        self.piled = 0;
        for (_, pile) in &mut self.piles {
            for piece in std::mem::take(pile).pieces {
                for deadline in &piece {
                    if is_wanted(deadline.slot) {
                        pile.push(*deadline);
                    }
                }
            }
            self.piled += pile.len;
        }
        self.piles.retain(|(_, pile)| pile.len > 0);
    }

    // The piles.

    /// Has the empty heap take the first of these, which are all before those in the piles, and makes piles
    /// of the others.
    fn fill(&mut self, mut all: Pile) {
        self.equal = 0;
        while all.len >= 2 * FEW {
            let Some(from) = all.middle() else {
                self.equal = all.len;
                break;
            };
            let (mut before, mut after) = (Pile::default(), Pile::default());
            // Each piece goes when it is done.
            for piece in all.pieces {
                for deadline in &piece {
                    let is_before = deadline.when < from;
                    let pile = if is_before { &mut before } else { &mut after };
                    pile.push(*deadline);
                }
            }
            self.piled += after.len;
            self.piles.push((from, after));
            all = before;
        }
        for piece in all.pieces {
            self.heap.extend_from_slice(&piece);
        }
        self.order();
    }

    // The heap.

    /// Makes it a heap.
    fn order(&mut self) {
        for place in (0..self.heap.len().div_ceil(CHILDREN)).rev() {
            self.sift_down(place);
        }
    }

    /// Brings the last one, which is this, to its place.
    fn sift_up(&mut self, moving: Deadline) {
        let last = self.heap.len() - 1;
        let mut place = last;
        while place > 0 {
            let parent = (place - 1) / CHILDREN;
            if !moving.is_before(self.heap[parent]) {
                break;
            }
            self.heap[place] = self.heap[parent];
            place = parent;
        }
        // It was written in pieces just now, and to read it at once takes long: mostly it stays.
        if place < last {
            self.heap[place] = moving;
        }
    }

    #[inline(never)]
    fn sift_down(&mut self, mut place: usize) {
        let Some(moving) = self.heap.get(place).copied() else {
            return;
        };
        loop {
            let children =
                place * CHILDREN + 1..(place * CHILDREN + 1 + CHILDREN).min(self.heap.len());
            let first = children.reduce(|first, child| {
                if self.heap[child].is_before(self.heap[first]) {
                    child
                } else {
                    first
                }
            });
            match first {
                Some(child) if self.heap[child].is_before(moving) => {
                    self.heap[place] = self.heap[child];
                    place = child;
                }
                _ => break,
            }
        }
        self.heap[place] = moving;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_two_words_and_a_piece_a_page() {
        assert_eq!(size_of::<Deadline>(), 16);
        assert_eq!(size_of::<Deadline>() * PIECE + 16, 4096);
    }

    /// What no run comes to by itself: as many deadlines as there are numbers.
    #[test]
    fn equal_ones_keep_their_order_when_the_numbers_begin_anew() {
        for count in [10, 3 * FEW] {
            let mut deadlines = Deadlines {
                next_order: u32::MAX - 5,
                ..Deadlines::default()
            };
            for slot in 0..count {
                let slot = u32::try_from(slot).expect("few");
                deadlines.insert(f64::from(slot % 3), slot);
            }
            assert!(deadlines.next_order < u32::MAX / 2);
            let mut came = Vec::new();
            while let Some(first) = deadlines.first() {
                came.push((first.when, first.slot));
                deadlines.pop();
            }
            assert_eq!(came.len(), count);
            assert!(came.is_sorted());
        }
    }

    #[test]
    fn what_is_kept_of_very_many_takes_no_more_pieces_than_it_needs() {
        let mut deadlines = Deadlines::default();
        for slot in 0..20 * FEW {
            let slot = u32::try_from(slot).expect("few");
            deadlines.insert(f64::from(slot), slot);
        }
        deadlines.retain(&mut |slot| slot % 100 == 0);
        assert_eq!(deadlines.len(), (20 * FEW).div_ceil(100));
        for (_, pile) in &deadlines.piles {
            assert_eq!(pile.pieces.len(), pile.len.div_ceil(PIECE));
        }
        let mut last = None;
        while let Some(first) = deadlines.first() {
            assert!(last.replace(first.slot) < Some(first.slot));
            deadlines.pop();
        }
        assert_eq!(deadlines.len(), 0);
    }
}
