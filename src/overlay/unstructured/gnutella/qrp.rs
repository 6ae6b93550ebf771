//! Query routing: a leaf tells its ultrapeers by a table of hashes which words its names have (Rohrs, "Query Routing
//! for the Gnutella Network", 2001; hash and messages as LimeWire and gtk-gnutella have them).
//!
//! A table may let a query pass in vain. It never holds one back that would find something.

use crate::overlay::words::PREFIX;

/// 2^32 times the golden ratio's fraction, about.
const FACTOR: u64 = 0x4F1B_BCDC;
/// Of an empty slot; whatever is less is a word's.
const INFINITY: u8 = 2;
const RESET: u8 = 0;
const PATCH: u8 = 1;
/// Bytes of a table in one patch message. Wireshark's dissector takes a message with more than 4096 for none, and what
/// follows for messages that nobody sent.
const FRAGMENT: usize = 4000;
/// Tables of others have between 2^8 and 2^21 slots.
const LOGS: std::ops::RangeInclusive<u32> = 8..=21;

/// The slot of a word in lower case, in a table of 2^`log` slots.
pub(super) fn hash(word: &str, log: u32) -> usize {
    let folded = word.bytes().zip((0..4).cycle()).fold(0u32, |all, (byte, at)| all ^ (u32::from(byte) << (8 * at)));
    let product = (u64::from(folded) * FACTOR) & 0xffff_ffff;
    (product >> (32 - log)) as usize
}

/// Which slots have a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    log: u32,
    words: Vec<u64>,
}

impl Table {
    pub(super) fn new(log: u32) -> Self {
        Self { log, words: vec![0; (1usize << log).div_ceil(64)] }
    }

    fn slots(&self) -> usize {
        1 << self.log
    }

    fn has(&self, slot: usize) -> bool {
        self.words[slot / 64] & (1 << (slot % 64)) != 0
    }

    fn set(&mut self, slot: usize, has: bool) {
        let bit = 1 << (slot % 64);
        if has { self.words[slot / 64] |= bit } else { self.words[slot / 64] &= !bit }
    }

    /// A word of a name, and what stands for it.
    pub(super) fn add(&mut self, word: &str) {
        self.set(hash(word, self.log), true);
        for (end, _) in word.char_indices().skip(PREFIX) {
            self.set(hash(&word[..end], self.log), true);
        }
    }

    /// Whether a name may have all these words.
    pub(super) fn passes(&self, asked: &[String]) -> bool {
        asked.iter().all(|word| self.has(hash(word, self.log)))
    }

    /// The messages that make another servent's empty table this one.
    pub(super) fn payloads(&self) -> Vec<Vec<u8>> {
        let length = u32::try_from(self.slots()).unwrap_or(u32::MAX);
        let mut payloads = vec![[&[RESET][..], &length.to_le_bytes(), &[INFINITY]].concat()];
        payloads.extend(self.patch(&Self::new(self.log)));
        payloads
    }

    /// The messages that make `before` this one: what is added to each slot, in four bits, uncompressed.
    pub(super) fn patch(&self, before: &Self) -> Vec<Vec<u8>> {
        let delta = |slot| match (before.has(slot), self.has(slot)) {
            (false, true) => 0xf,
            (true, false) => 0x1,
            _ => 0,
        };
        let bytes: Vec<u8> = (0..self.slots() / 2).map(|pair| (delta(2 * pair) << 4) | delta(2 * pair + 1)).collect();
        let pieces: Vec<&[u8]> = bytes.chunks(FRAGMENT).collect();
        let count = u8::try_from(pieces.len()).unwrap_or(u8::MAX);
        (1..=count).zip(pieces).map(|(number, piece)| [&[PATCH, number, count, 0, 4][..], piece].concat()).collect()
    }
}

/// The table of another servent, as it comes.
#[derive(Clone, Debug, Default)]
pub(super) struct Theirs {
    table: Option<Table>,
    /// Whole, so that it may hold queries back.
    whole: bool,
    /// The next piece of a patch, of how many, and where it begins.
    next: (u8, u8, usize),
}

impl Theirs {
    /// Whether a query for these words must be passed on. Of words that others may split in another way nothing is
    /// known.
    pub(super) fn passes(&self, asked: &[String]) -> bool {
        match &self.table {
            Some(table) if self.whole && asked.iter().all(|word| word.is_ascii()) => table.passes(asked),
            _ => true,
        }
    }

    /// Takes a message; whether it was one.
    pub(super) fn take(&mut self, payload: &[u8]) -> bool {
        let taken = match payload.split_first() {
            Some((&RESET, rest)) => self.reset(rest),
            Some((&PATCH, rest)) => self.piece(rest),
            _ => None,
        };
        if taken.is_none() {
            *self = Self::default();
        }
        taken.is_some()
    }

    fn reset(&mut self, rest: &[u8]) -> Option<()> {
        let (length, _) = rest.split_first_chunk()?;
        let length = u32::from_le_bytes(*length);
        let log = LOGS.into_iter().find(|log| 1 << log == length)?;
        *self = Self { table: Some(Table::new(log)), whole: false, next: (1, 0, 0) };
        Some(())
    }

    /// One with words for which there is no reader leaves the servent without a table: it gets every query.
    fn piece(&mut self, rest: &[u8]) -> Option<()> {
        let ([number, count, compression, bits], data) = rest.split_first_chunk()?;
        let table = self.table.as_mut()?;
        let (next, of, mut slot) = if *number == 1 { (1, *count, 0) } else { self.next };
        if *number != next || *count != of || *count == 0 {
            return None;
        }
        self.whole = false;
        if *compression != 0 || !matches!(bits, 4 | 8) {
            *self = Self::default();
            return Some(());
        }
        for byte in data {
            let high = if *bits == 8 { *byte } else { byte & 0xf0 };
            let low = (*bits == 4).then_some(byte << 4);
            for delta in [Some(high), low].into_iter().flatten() {
                if slot >= table.slots() {
                    return None;
                }
                match delta.cast_signed() {
                    ..0 => table.set(slot, true),
                    1.. => table.set(slot, false),
                    0 => {}
                }
                slot += 1;
            }
        }
        self.whole = *number == *count;
        self.next = (number.wrapping_add(1), *count, slot);
        (!self.whole || slot == table.slots()).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::overlay::words::{about, words};

    /// Values published with the specification.
    #[test]
    fn the_hash_is_the_published_one() {
        let published = [
            ("", 0),
            ("eb", 6791),
            ("ebc", 7082),
            ("ebck", 6698),
            ("ebckl", 3179),
            ("ebcklm", 3235),
            ("ebcklme", 6438),
            ("ebcklmen", 1062),
            ("ebcklmenq", 3527),
        ];
        for (word, slot) in published {
            assert_eq!(hash(word, 13), slot, "{word}");
        }
    }

    fn sent(table: &Table) -> Theirs {
        let mut theirs = Theirs::default();
        table.payloads().iter().for_each(|payload| assert!(theirs.take(payload)));
        theirs
    }

    #[test]
    fn what_cannot_be_read_lets_everything_pass() {
        let asked = ["fox".to_owned()];
        assert!(Theirs::default().passes(&asked));
        let mut theirs = sent(&Table::new(10));
        assert!(!theirs.passes(&asked) && theirs.passes(&["füchse".to_owned()]));
        assert!(theirs.take(&[PATCH, 1, 1, 1, 4, 9, 9]) && theirs.passes(&asked), "compressed");
        let payloads = Table::new(14).payloads();
        let mut theirs = Theirs::default();
        assert!(theirs.take(&payloads[0]) && theirs.take(&payloads[1]) && theirs.passes(&asked), "half of it");
        let (last, between) = payloads[2..].split_last().unwrap();
        assert!(theirs.take(&payloads[1][..9]) && between.iter().all(|piece| theirs.take(piece)));
        assert!(!theirs.take(last) && theirs.passes(&asked), "too short");
        assert!(!theirs.take(&[]) && !theirs.take(&[RESET, 1, 2, 3, 0, 2]) && !theirs.take(&[7]));
    }

    proptest! {
        /// Against matching by name.
        #[test]
        fn a_table_never_holds_a_match_back(
            names in prop::collection::vec("[a-dA-D é]{1,14}", 1..12),
            asked in "[a-d é]{1,8}",
            log in 8u32..15,
        ) {
            let mut table = Table::new(log);
            let names: Vec<Vec<String>> = names.iter().map(|name| words(name).collect()).collect();
            names.iter().flatten().for_each(|word| table.add(word));
            let asked: Vec<String> = words(&asked).collect();
            let theirs = sent(&table);
            prop_assert_eq!(theirs.table.as_ref(), Some(&table));
            if names.iter().any(|name| about(&asked, name)) {
                prop_assert!(table.passes(&asked) && theirs.passes(&asked));
            }
        }

        #[test]
        fn a_patch_makes_one_table_the_other(one in prop::collection::vec("[a-z]{1,6}", 0..9), two in prop::collection::vec("[a-z]{1,6}", 0..9)) {
            let table = |words: &[String]| {
                let mut table = Table::new(14);
                words.iter().for_each(|word| table.add(word));
                table
            };
            let (one, two) = (table(&one), table(&two));
            let mut theirs = sent(&one);
            two.patch(&one).iter().for_each(|payload| assert!(theirs.take(payload)));
            prop_assert_eq!(theirs.table.as_ref(), Some(&two));
        }

        #[test]
        fn nothing_upsets_it(payloads in prop::collection::vec(prop::collection::vec(0u8..3, 0..40), 0..9)) {
            let mut theirs = sent(&Table::new(8));
            for payload in &payloads {
                theirs.take(payload);
            }
            prop_assert!(theirs.table.is_none_or(|table| table.log <= 21));
        }
    }
}
