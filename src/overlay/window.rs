//! Which counters of a session have been taken.

/// A datagram may be overtaken by so many of the same sender (to whomever), less one.
pub(super) const WINDOW: u64 = 512;

/// The counters taken of one session: the highest, and which of the [`WINDOW`] that end with it (as in RFC 6479).
#[derive(Default)]
pub(super) struct Window {
    highest: u64,
    taken: [u64; (WINDOW / 64) as usize],
}

impl Window {
    /// Whether it is new, and not too old to tell.
    pub(super) fn take(&mut self, counter: u64) -> bool {
        if counter == 0 || counter.saturating_add(WINDOW) <= self.highest {
            return false;
        }
        if counter > self.highest {
            let passed = (counter - self.highest).min(WINDOW);
            (counter - passed + 1..=counter).for_each(|c| *self.word(c) &= !bit(c));
            self.highest = counter;
        }
        let word = self.word(counter);
        let new = *word & bit(counter) == 0;
        *word |= bit(counter);
        new
    }

    fn word(&mut self, counter: u64) -> &mut u64 {
        &mut self.taken[(counter % WINDOW / 64) as usize]
    }
}

fn bit(counter: u64) -> u64 {
    1 << (counter % 64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a set of everything taken so far.
        #[test]
        fn a_window_takes_nothing_twice_and_nothing_new_is_refused_that_it_can_tell(
            counters in prop::collection::vec(1u64..2000, 1..400),
        ) {
            let (mut window, mut taken) = (Window::default(), std::collections::BTreeSet::new());
            for counter in counters {
                let highest = taken.last().copied().unwrap_or(0);
                let expected = counter + WINDOW > highest && !taken.contains(&counter);
                prop_assert_eq!(window.take(counter), expected, "{} after {}", counter, highest);
                taken.extend(expected.then_some(counter));
            }
        }
    }
}
