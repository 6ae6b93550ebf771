//! Typed reading of TOML tables that reports every problem instead of stopping at the first.

use std::ops::{Range, RangeInclusive};
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnose::{Problems, nearest, suggest};
use super::keys::ELSEWHERE;
use super::missing;

/// One table of the file. Its unknown keys have been reported.
pub(super) struct Table<'a> {
    /// What the file calls it: `[[stub]]`.
    pub(super) name: &'static str,
    pub(super) span: Range<usize>,
    entries: &'a DeTable<'a>,
}

type Value<'a> = Spanned<&'a DeValue<'a>>;

impl<'a> Table<'a> {
    pub(super) fn new(
        name: &'static str,
        keys: &'static [&'static str],
        value: Value<'a>,
        problems: &mut Problems,
    ) -> Option<Self> {
        let DeValue::Table(entries) = value.get_ref() else {
            wrong_type(name, "a table", &value, problems);
            return None;
        };
        for key in entries.keys().filter(|key| !keys.contains(&&**key.get_ref())) {
            if let Some(instead) = missing::instead(name, key.get_ref()) {
                let message = format!("anybed has no `{key}` for {name} yet");
                problems.error("not-yet", key.span(), message).label("cannot be said here").help(instead);
                continue;
            }
            let found = problems.error("unknown-key", key.span(), format!("{name} has no key `{key}`"));
            let elsewhere =
                ELSEWHERE.iter().find(|(table, keys, _)| *table == name && keys.contains(&&**key.get_ref()));
            let suggested = || suggest(key.get_ref(), keys.iter().copied());
            let help = elsewhere.map(|(_, _, instead)| (*instead).to_owned()).or_else(suggested);
            found.label("unknown key").help(help);
        }
        Some(Self { name, span: value.span(), entries })
    }

    pub(super) fn get(&self, key: &str) -> Option<Value<'a>> {
        self.entries.get(key).map(|v| Spanned::new(v.span(), v.get_ref()))
    }

    pub(super) fn missing(&self, key: &str, problems: &mut Problems) {
        let found = problems.error("missing-key", self.span.clone(), format!("{} needs `{key}`", self.name));
        found.label(format!("`{key}` is missing"));
    }

    pub(super) fn string(&self, key: &str, problems: &mut Problems) -> Option<Spanned<String>> {
        string(key, self.get(key)?, problems)
    }

    pub(super) fn required(&self, key: &str, problems: &mut Problems) -> Option<Spanned<String>> {
        if self.get(key).is_none() {
            self.missing(key, problems);
        }
        self.string(key, problems)
    }

    pub(super) fn integer(
        &self,
        key: &str,
        range: RangeInclusive<u64>,
        problems: &mut Problems,
    ) -> Option<Spanned<u64>> {
        integer(key, self.get(key)?, range, problems)
    }

    /// A number, written with or without a fraction.
    pub(super) fn number(
        &self,
        key: &str,
        range: RangeInclusive<f64>,
        problems: &mut Problems,
    ) -> Option<Spanned<f64>> {
        let value = self.get(key)?;
        let number = match value.get_ref() {
            DeValue::Float(n) => n.as_str().parse().ok(),
            DeValue::Integer(n) => i64::from_str_radix(n.as_str(), n.radix()).ok().map(|n| n as f64),
            _ => {
                wrong_type(key, "a number", &value, problems);
                return None;
            }
        };
        let within = number.filter(|n| range.contains(n));
        if within.is_none() {
            out_of_range(key, value.span(), range.start(), range.end(), problems);
        }
        within.map(|n| Spanned::new(value.span(), n))
    }

    pub(super) fn duration(
        &self,
        key: &str,
        range: RangeInclusive<Duration>,
        problems: &mut Problems,
    ) -> Option<Spanned<Duration>> {
        duration(key, self.get(key)?, range, problems)
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(
        &self,
        key: &str,
        words: &[(&'static str, T)],
        problems: &mut Problems,
    ) -> Option<Spanned<T>> {
        let text = self.string(key, problems)?;
        if let Some((_, meaning)) = words.iter().find(|(word, _)| word == text.get_ref()) {
            return Some(Spanned::new(text.span(), *meaning));
        }
        let found = problems.error("unknown-word", text.span(), format!("`{text}` is no value of `{key}`"));
        let known: Vec<_> = words.iter().map(|(word, _)| *word).collect();
        found.label(format!("must be `{}`", known.join("` or `"))).help(nearest(text.get_ref(), &known));
        None
    }

    pub(super) fn boolean(&self, key: &str, problems: &mut Problems) -> Option<bool> {
        let value = self.get(key)?;
        if let DeValue::Boolean(yes) = value.get_ref() {
            return Some(*yes);
        }
        wrong_type(key, "true or false", &value, problems);
        None
    }

    pub(super) fn array(&self, key: &str, problems: &mut Problems) -> Option<Vec<Value<'a>>> {
        let value = self.get(key)?;
        let DeValue::Array(items) = value.get_ref() else {
            wrong_type(key, "a list", &value, problems);
            return None;
        };
        Some(items.iter().map(|v| Spanned::new(v.span(), v.get_ref())).collect())
    }

    /// A list of strings; items of another type are reported and left out.
    pub(super) fn strings(&self, key: &str, problems: &mut Problems) -> Option<Vec<Spanned<String>>> {
        let items = self.array(key, problems)?;
        Some(items.into_iter().filter_map(|v| string(key, v, problems)).collect())
    }

    /// A string, or a list of them.
    pub(super) fn one_or_more(&self, key: &str, problems: &mut Problems) -> Option<Vec<Spanned<String>>> {
        match self.get(key)?.get_ref() {
            DeValue::Array(_) => self.strings(key, problems),
            _ => self.string(key, problems).map(|one| vec![one]),
        }
    }

    /// A table in this one.
    pub(super) fn table(
        &self,
        key: &str,
        name: &'static str,
        keys: &'static [&'static str],
        problems: &mut Problems,
    ) -> Option<Table<'a>> {
        let value = self.get(key)?;
        if !matches!(value.get_ref(), DeValue::Table(_)) {
            wrong_type(key, "a table", &value, problems);
            return None;
        }
        Table::new(name, keys, value, problems)
    }

    /// The tables of a `[[NAME]]`.
    pub(super) fn tables(
        &self,
        key: &str,
        name: &'static str,
        keys: &'static [&'static str],
        problems: &mut Problems,
    ) -> Vec<Table<'a>> {
        if let Some(value @ DeValue::Table(_)) = self.get(key).as_ref().map(Spanned::get_ref) {
            let span = self.get(key).map(|v| v.span()).unwrap_or_default();
            let found = problems.error("wrong-type", span.clone(), format!("there may be several {name}"));
            found.label(format!("write {name}"));
            return Table::new(name, keys, Spanned::new(span, value), problems).into_iter().collect();
        }
        let items = self.array(key, problems).unwrap_or_default();
        items.into_iter().filter_map(|value| Table::new(name, keys, value, problems)).collect()
    }
}

pub(super) fn string(key: &str, value: Value<'_>, problems: &mut Problems) -> Option<Spanned<String>> {
    let DeValue::String(text) = value.get_ref() else {
        wrong_type(key, "a string", &value, problems);
        return None;
    };
    Some(Spanned::new(value.span(), text.to_string()))
}

pub(super) fn integer(
    key: &str,
    value: Value<'_>,
    range: RangeInclusive<u64>,
    problems: &mut Problems,
) -> Option<Spanned<u64>> {
    let DeValue::Integer(digits) = value.get_ref() else {
        wrong_type(key, "a whole number", &value, problems);
        return None;
    };
    let number = u64::from_str_radix(digits.as_str(), digits.radix()).ok().filter(|n| range.contains(n));
    if number.is_none() {
        out_of_range(key, value.span(), range.start(), range.end(), problems);
    }
    number.map(|n| Spanned::new(value.span(), n))
}

pub(super) fn duration(
    key: &str,
    value: Value<'_>,
    range: RangeInclusive<Duration>,
    problems: &mut Problems,
) -> Option<Spanned<Duration>> {
    let DeValue::String(text) = value.get_ref() else {
        let found = wrong_type(key, "a string with a unit", &value, problems);
        found.help("write a number and its unit, such as \"500ms\", \"12s\" or \"2m\"".to_owned());
        return None;
    };
    match humantime::parse_duration(text) {
        Ok(time) if range.contains(&time) => Some(Spanned::new(value.span(), time)),
        Ok(_) => {
            let (low, high) = (humantime::format_duration(*range.start()), humantime::format_duration(*range.end()));
            out_of_range(key, value.span(), low, high, problems);
            None
        }
        Err(error) => {
            let found = problems.error("not-a-time", value.span(), format!("`{text}` is not a time"));
            found
                .label(error.to_string())
                .help("write a number and its unit, such as \"500ms\", \"12s\" or \"2m\"".to_owned());
            None
        }
    }
}

pub(super) fn wrong_type<'f>(
    key: &str,
    expected: &str,
    value: &Value<'_>,
    problems: &'f mut Problems,
) -> &'f mut super::diagnose::Diagnostic {
    let is = value.get_ref().type_str();
    let found = problems.error("wrong-type", value.span(), format!("`{key}` must be {expected}"));
    found.label(format!("this is of type {is}"))
}

fn out_of_range(
    key: &str,
    span: Range<usize>,
    low: impl std::fmt::Display,
    high: impl std::fmt::Display,
    problems: &mut Problems,
) {
    let found = problems.error("out-of-range", span, format!("`{key}` is out of range"));
    found.label(format!("must be from {low} to {high}"));
}
