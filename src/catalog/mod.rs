//! The catalog: questions that people have of anycast, each with a lab file that answers it. The files are part of
//! the program, so that `anybed run catalog/E15` needs nothing beside it.

mod rows;

use std::path::Path;

pub use rows::ENTRIES;

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// `E15`.
    pub id: &'static str,
    /// Of the lab file, without `.toml`.
    pub name: &'static str,
    pub text: &'static str,
    pub title: &'static str,
    /// What others have found, and where they say so.
    pub published: &'static str,
    /// The expectations of the lab that this is about: those whose names begin so; none: all.
    pub about: &'static [&'static str],
}

impl Entry {
    /// What it is called on the command line.
    pub fn path(&self) -> String {
        format!("{FOLDER}/{}", self.id)
    }

    /// Whether an expectation of the lab file is about this question.
    pub fn is_about(&self, expectation: &str) -> bool {
        self.about.is_empty() || self.about.iter().any(|begin| expectation.starts_with(begin))
    }
}

/// Where the lab files of the catalog seem to be.
const FOLDER: &str = "catalog";

/// The entry that a path names, by its number or by its lab file's name: `catalog/E15`, `catalog/prepending`.
pub fn at(path: &Path) -> Option<&'static Entry> {
    let name = path.to_str()?.strip_prefix(FOLDER)?.strip_prefix('/')?;
    let name = name.strip_suffix(".toml").unwrap_or(name);
    let is_it = |entry: &&Entry| entry.id.eq_ignore_ascii_case(name) || &entry.id[1..] == name || entry.name == name;
    ENTRIES.iter().find(is_it)
}

/// Whether a path is one in the catalog, of an entry or not.
pub fn is_inside(path: &Path) -> bool {
    path.parent() == Some(Path::new(FOLDER))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_question_is_found_by_its_number_or_its_file() {
        for entry in ENTRIES {
            assert_eq!(at(Path::new(&entry.path())).map(|found| found.id), Some(entry.id));
            let story = entry.text.lines().take_while(|line| line.starts_with('#'));
            assert!(story.count() > 3, "{}: a file that teaches begins with a comment", entry.name);
        }
        assert_eq!(at(Path::new("catalog/e15")).map(|found| found.name), Some("prepending"));
        assert_eq!(at(Path::new("catalog/prepending.toml")).map(|found| found.id), Some("E15"));
        for other in ["catalog/E99", "catalog/", "E15", "prepending", "topologies/prepending.toml", "x/catalog/E15"] {
            assert!(at(Path::new(other)).is_none(), "{other}");
        }
        assert!(is_inside(Path::new("catalog/E99")) && !is_inside(Path::new("E99")));
    }

    #[test]
    fn numbers_are_in_order_and_each_is_about_something() {
        let numbers: Vec<u32> = ENTRIES.iter().map(|entry| entry.id[1..].parse().unwrap()).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
        for entry in ENTRIES {
            let lines = entry.text.lines().filter_map(|line| line.strip_prefix("name = \""));
            let names: BTreeSet<&str> = lines.map(|line| line.trim_end_matches('"')).collect();
            for begin in entry.about {
                assert!(names.iter().any(|name| name.starts_with(begin)), "{}: no expectation {begin}…", entry.id);
            }
        }
    }
}
