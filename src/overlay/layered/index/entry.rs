//! Entries of the index as values of the overlay below, and the keys under which they are: `word/0`, `word/1` and on.

use std::time::Duration;

use crate::overlay::id::Id;
use crate::overlay::words::words;
use crate::overlay::{Hit, Time};

/// Slots that are read at once: a word's first eight are a batch, the next eight another.
pub(super) const BATCH: u32 = 8;
/// Most slots of a word.
pub(super) const MAX_SLOTS: u32 = 8192;
/// Longest name in bytes: with a time and an id before it a value has room for no more.
pub(super) const MAX_NAME: usize = 200;
/// Longest word in bytes: with the slot after it a key has room for no more.
pub(super) const MAX_WORD: usize = 58;

/// The key of a slot.
pub(super) fn slot(word: &str, number: u32) -> String {
    format!("{word}/{number}")
}

/// The value that says until when, in milliseconds, a node shares what.
pub(super) fn value(until: Time, at: Id, name: &str) -> String {
    format!("{} {at} {name}", until.0.as_millis())
}

/// The words under which an item is found, each once; none if the name is too long, or has something that no name has.
pub(super) fn indexed(name: &str) -> Vec<String> {
    let mut all: Vec<String> = words(name).collect();
    all.sort_unstable();
    all.dedup();
    let fits = name.len() <= MAX_NAME && all.iter().all(|word| word.len() <= MAX_WORD);
    if fits && !name.chars().any(char::is_control) { all } else { Vec::new() }
}

/// What a value says, if that holds now. Nobody promises more than two leases: such an entry is none.
pub(super) fn holding(now: Time, lease: Duration, value: &str) -> Option<Hit> {
    let (until, rest) = value.split_once(' ')?;
    let (at, name) = rest.split_once(' ')?;
    let until = Duration::from_millis(until.parse().ok()?);
    let fits = name.len() <= MAX_NAME && !name.chars().any(char::is_control);
    let holds = now.0 < until && until <= now.0 + 2 * lease;
    let at: Id = at.parse().ok()?;
    (fits && holds).then(|| Hit { name: name.to_owned(), at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overlay::store::{MAX_KEY, MAX_VALUE};

    const LEASE: Duration = Duration::from_secs(60);

    fn at(milliseconds: u64) -> Time {
        Time(Duration::from_millis(milliseconds))
    }

    #[test]
    fn an_entry_holds_until_it_expires() {
        let text = value(at(70_000), Id(7), "red  fox");
        let hit = Hit { name: "red  fox".into(), at: Id(7) };
        assert_eq!(holding(at(69_999), LEASE, &text), Some(hit));
        assert_eq!(holding(at(70_000), LEASE, &text), None);
        for wrong in ["", " ", "1 2", "x 7 fox", "9999999999999999999 7 fox", "70000 xyz fox", "70000 7 f\0x"] {
            assert_eq!(holding(at(0), LEASE, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_longest_fit_below() {
        let longest = value(Time(Duration::from_millis(u64::MAX)), Id(u128::MAX), &"n".repeat(MAX_NAME));
        assert!(longest.len() <= MAX_VALUE && slot(&"w".repeat(MAX_WORD), MAX_SLOTS).len() <= MAX_KEY);
        assert_eq!(indexed("Red fox, red!"), ["fox", "red"]);
        for wrong in ["--", "a\nb", &"w".repeat(MAX_WORD + 1), &"w ".repeat(MAX_NAME)] {
            assert!(indexed(wrong).is_empty(), "{wrong}");
        }
    }
}
