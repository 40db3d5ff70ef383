//! Things in the order in which they came, that leave in any order.
//!
//! Each is known by a number that is larger than those before it. What leaves from the middle leaves a
//! gap; when there are more gaps than things, they are closed. So to come costs the same however many
//! there are, and so does to leave, but for a search among the numbers.

pub(crate) struct Sequence<T> {
    /// The last one is never a gap.
    all: Vec<(u64, Option<T>)>,
    gaps: usize,
}

impl<T> Default for Sequence<T> {
    fn default() -> Self {
        Self {
            all: Vec::new(),
            gaps: 0,
        }
    }
}

impl<T> Sequence<T> {
    /// Adds one, whose number is larger than that of any before.
    pub(crate) fn push(&mut self, number: u64, thing: T) {
        debug_assert!(self.all.last().is_none_or(|(last, _)| *last < number));
        self.all.push((number, Some(thing)));
    }

    fn index(&self, number: u64) -> Option<usize> {
        match self.all.last() {
            Some((last, _)) if *last == number => Some(self.all.len() - 1),
            _ => self.all.binary_search_by_key(&number, |(own, _)| *own).ok(),
        }
    }

    pub(crate) fn get(&self, number: u64) -> Option<&T> {
        self.all[self.index(number)?].1.as_ref()
    }

    pub(crate) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let index = self.index(number)?;
        self.all[index].1.as_mut()
    }

    /// The one that came last.
    pub(crate) fn last_mut(&mut self) -> Option<&mut T> {
        self.all.last_mut()?.1.as_mut()
    }

    pub(crate) fn remove(&mut self, number: u64) -> Option<T> {
        // Mostly what came last leaves first, and leaves no gap.
        if self.gaps == 0 && self.all.last().is_some_and(|(last, _)| *last == number) {
            return self.all.pop()?.1;
        }
        let index = self.index(number)?;
        let thing = self.all[index].1.take()?;
        self.gaps += 1;
        while matches!(self.all.last(), Some((_, None))) {
            self.all.pop();
            self.gaps -= 1;
        }
        if self.gaps > self.all.len() / 2 {
            self.all.retain(|(_, thing)| thing.is_some());
            self.gaps = 0;
        }
        Some(thing)
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len() - self.gaps
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// All of them, each with its number, the first first.
    pub(crate) fn iter(&self) -> impl DoubleEndedIterator<Item = (u64, &T)> {
        let all = self.all.iter();
        all.filter_map(|(number, thing)| Some((*number, thing.as_ref()?)))
    }

    /// All of them, to be changed.
    pub(crate) fn things_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.all.iter_mut().filter_map(|(_, thing)| thing.as_mut())
    }

    /// All of them, the first first.
    pub(crate) fn into_things(self) -> impl DoubleEndedIterator<Item = T> {
        self.all.into_iter().filter_map(|(_, thing)| thing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(sequence: &Sequence<u64>) -> Vec<u64> {
        sequence.iter().map(|(number, _)| number).collect()
    }

    #[test]
    fn what_leaves_from_anywhere_leaves_the_others_in_order() {
        let mut sequence = Sequence::default();
        for number in 0..10 {
            sequence.push(number, number * 10);
        }
        for number in [4, 9, 0, 8, 5] {
            assert_eq!(sequence.remove(number), Some(number * 10));
            assert_eq!(sequence.remove(number), None);
            assert_eq!(sequence.get(number), None);
        }
        assert_eq!(numbers(&sequence), [1, 2, 3, 6, 7]);
        assert_eq!(sequence.len(), 5);
        sequence.push(10, 100);
        assert_eq!(sequence.get_mut(6), Some(&mut 60));
        let things: Vec<_> = sequence.into_things().collect();
        assert_eq!(things, [10, 20, 30, 60, 70, 100]);
    }

    #[test]
    fn there_are_never_more_gaps_than_things() {
        let mut sequence = Sequence::default();
        for number in 0..1_000 {
            sequence.push(number, number);
            if number >= 10 {
                sequence.remove(number - 10);
            }
            assert!(sequence.all.len() <= 2 * sequence.len() + 1);
        }
        for number in 990..1_000 {
            sequence.remove(number);
        }
        assert!(sequence.is_empty());
    }
}
