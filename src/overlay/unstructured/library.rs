//! What a node shares: names of words.

use crate::overlay::words::{about, words};

/// Most items that a node shares.
pub(super) const MAX_ITEMS: usize = 4096;
/// Longest name in bytes.
pub(super) const MAX_NAME: usize = 200;

/// An item, and the words of its name.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) name: String,
    pub(super) words: Vec<String>,
}

/// Items in the order in which they came: the place of one is its number.
#[derive(Clone, Debug, Default)]
pub(super) struct Library(Vec<Item>);

impl Library {
    /// Whether it is there from now on.
    pub(super) fn add(&mut self, name: &str) -> bool {
        if self.0.iter().any(|item| item.name == name) {
            return true;
        }
        let item = Item { name: name.to_owned(), words: words(name).collect() };
        let fits = self.0.len() < MAX_ITEMS && name.len() <= MAX_NAME;
        let fine = fits && !item.words.is_empty() && !name.chars().any(char::is_control);
        if fine {
            self.0.push(item);
        }
        fine
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn items(&self) -> impl Iterator<Item = &Item> {
        self.0.iter()
    }

    /// The items that a search for these words is about, with their numbers.
    pub(super) fn find(&self, asked: &[String]) -> impl Iterator<Item = (u32, &Item)> {
        (0..).zip(&self.0).filter(|(_, item)| about(asked, &item.words))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_so_much_and_finds_it() {
        let mut library = Library::default();
        assert!(library.add("red fox") && library.add("red fox") && !library.add("--") && !library.add("a\0b"));
        assert!(!library.add(&"x".repeat(MAX_NAME + 1)) && library.len() == 1);
        for n in 0..2 * MAX_ITEMS {
            library.add(&format!("fox {n}"));
        }
        assert!(library.len() == MAX_ITEMS && !library.add("one more") && library.add("fox 7"));
        let asked = |text: &str| library.find(&words(text).collect::<Vec<_>>()).map(|(n, _)| n).collect::<Vec<_>>();
        assert_eq!((asked("fox 7"), asked("FOX red"), asked("")), (vec![8], vec![0], vec![]));
    }
}
