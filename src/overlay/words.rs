//! Names of things as words, and which names a search for words is about.

/// From this length on a word of a search also stands for longer words that begin with it.
pub const PREFIX: usize = 3;

/// The words of a text in lower case: runs of letters and digits.
pub fn words(text: &str) -> impl Iterator<Item = String> + '_ {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_lowercase)
}

/// Whether a word of a search stands for a word of a name, both as [`words`] has them.
pub fn stands_for(asked: &str, word: &str) -> bool {
    asked == word || (asked.chars().count() >= PREFIX && word.starts_with(asked))
}

/// Whether a search for words is about this name: each of its words, of which there is one, stands for one of the name's.
pub fn about(asked: &[String], name: &[String]) -> bool {
    !asked.is_empty() && asked.iter().all(|asked| name.iter().any(|word| stands_for(asked, word)))
}

/// The same of texts.
pub fn matches(asked: &str, name: &str) -> bool {
    about(&words(asked).collect::<Vec<_>>(), &words(name).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_words_must_be_there_in_any_order_and_case() {
        let name = "Nina Simone - Feeling Good (1965).ogg";
        for asked in ["feeling good", "GOOD, nina!", "nina sim", "1965", "ogg nina"] {
            assert!(matches(asked, name), "{asked}");
        }
        for asked in ["", "...", "feeling bad", "ni", "eeling", "19"] {
            assert!(!matches(asked, name), "{asked}");
        }
    }
}
