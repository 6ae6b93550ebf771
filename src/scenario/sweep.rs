//! Sweeps: a lab file played with one value after another of some of its keys.
//!
//! What is set is set in the text of the file, so that it is read and checked like any other lab file.

use std::fmt;
use std::ops::Range;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use toml_edit::{Array, DocumentMut, InlineTable, Item, TableLike, Value};

use super::{Scenario, read_text};
use crate::topology::diagnose::{Problems, Source, suggest};
use crate::topology::{Diagnostics, Overrides, Topology, keys, size};

/// `KEY=VALUE,…`: the values that a key of the lab file takes, one after another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// As it was written.
    text: String,
    key: String,
    values: Vec<String>,
}

/// A key of the lab file, and what it is set to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    pub key: String,
    pub value: String,
    /// The sweep that it is from, as it was written.
    text: String,
}

/// Why the text of a sweep cannot be understood.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum SweepError {
    #[error("write KEY=VALUE,VALUE,… such as lab.timers=lab,rfc")]
    Form,
    #[error("a value is missing; for an empty text write \"\"")]
    Empty,
}

impl FromStr for Sweep {
    type Err = SweepError;

    fn from_str(text: &str) -> Result<Self, SweepError> {
        let (key, values) = text.split_once('=').ok_or(SweepError::Form)?;
        let key = key.trim();
        if key.is_empty() || key.split('.').any(|part| part.is_empty() || part.contains(char::is_whitespace)) {
            return Err(SweepError::Form);
        }
        let values: Vec<String> = values_of(values).into_iter().map(|value| value.trim().to_owned()).collect();
        if values.iter().any(String::is_empty) {
            return Err(SweepError::Empty);
        }
        Ok(Self { text: text.to_owned(), key: key.to_owned(), values })
    }
}

/// Parts between commas that stand in no list, table or text.
fn values_of(text: &str) -> Vec<&str> {
    let (mut depth, mut quote, mut begin, mut parts) = (0_usize, None, 0, Vec::new());
    for (at, c) in text.char_indices() {
        match (c, quote) {
            (_, Some(end)) => quote = if c == end { None } else { quote },
            ('"' | '\'', None) => quote = Some(c),
            ('[' | '{', None) => depth += 1,
            (']' | '}', None) => depth = depth.saturating_sub(1),
            (',', None) if depth == 0 => {
                parts.push(&text[begin..at]);
                begin = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[begin..]);
    parts
}

impl fmt::Display for Setting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.key, self.value)
    }
}

/// Every combination of the sweeps' values, those of the last sweep changing first; without sweeps, one of nothing.
pub fn combinations(sweeps: &[Sweep]) -> Vec<Vec<Setting>> {
    sweeps.iter().fold(vec![Vec::new()], |found, sweep| {
        let with = |settings: &Vec<Setting>, value: &String| {
            let setting = Setting { key: sweep.key.clone(), value: value.clone(), text: sweep.text.clone() };
            settings.iter().cloned().chain([setting]).collect()
        };
        found.iter().flat_map(|settings| sweep.values.iter().map(move |value| with(settings, value))).collect()
    })
}

impl Setting {
    /// Whether this is the key of this name of `[lab]`.
    pub fn is_of_lab(&self, name: &str) -> bool {
        self.own_key() == name
    }

    /// The key without the `lab.` that may be left out.
    pub fn own_key(&self) -> &str {
        self.key.strip_prefix("lab.").unwrap_or(&self.key)
    }
}

/// Reads and checks a lab file in which these keys are set.
///
/// # Errors
/// Every problem: settings that name nothing by their own text, others by the text with the values in place.
pub fn read_set(path: &Path, settings: &[Setting], overrides: &Overrides) -> Result<(Topology, Scenario), Diagnostics> {
    if settings.is_empty() {
        return super::read_with(path, overrides);
    }
    let (shown, text) = (path.display().to_string(), size::read(path)?);
    let Ok(mut document) = text.parse::<DocumentMut>() else { return read_text(path, &text, overrides) };
    let mut problems = Vec::new();
    for setting in settings {
        if let Err(mut wrong) = set(&mut document, setting) {
            problems.append(&mut wrong.0);
        }
    }
    let text = document.to_string();
    let list: Vec<String> = settings.iter().map(ToString::to_string).collect();
    let source = Arc::new(Source { path: format!("{shown} with {}", list.join(", ")), text: text.clone() });
    match read_text(path, &text, overrides) {
        Ok(loaded) if problems.is_empty() => Ok(loaded),
        loaded => {
            let found = loaded.err().map_or_else(Vec::new, |Diagnostics(found)| found);
            problems.extend(found.into_iter().map(|mut problem| {
                if problem.source.path == shown {
                    problem.source = source.clone();
                }
                problem
            }));
            Err(Diagnostics(problems))
        }
    }
}

/// Tables of which there is one, which may be left out.
const SINGLE: [&str; 3] = ["lab", "probe", "flows"];

/// The key of a timeline's entry whose value is text with keys in it.
const ACTIONS: &str = "do";

/// A part of a key, and where it stands.
struct Part<'a> {
    text: &'a str,
    span: Range<usize>,
}

/// What a part of a key names that is not there.
struct Wrong {
    span: Range<usize>,
    message: String,
    help: Option<String>,
}

fn set(document: &mut DocumentMut, setting: &Setting) -> Result<(), Diagnostics> {
    let place = |part: &str| part.as_ptr() as usize - setting.key.as_ptr() as usize;
    let indent = setting.text.len() - setting.text.trim_start().len();
    let part = |text| Part { text, span: indent + place(text)..indent + place(text) + text.len() };
    let mut parts: Vec<Part<'_>> = setting.key.split('.').map(part).collect();
    if parts.len() == 1 {
        parts.insert(0, Part { text: "lab", span: parts[0].span.clone() });
    }
    // A time or a word needs no quotes: what is no TOML is text.
    let value = setting.value.parse::<Value>().unwrap_or_else(|_| setting.value.as_str().into());
    in_root(document, &parts, &value).map_err(|wrong| {
        let mut problems = Problems::new("--sweep", &setting.text);
        problems.error("unknown-key", wrong.span, wrong.message).label("here").help(wrong.help);
        problems.found
    })
}

fn in_root(document: &mut DocumentMut, parts: &[Part<'_>], value: &Value) -> Result<(), Wrong> {
    let table = &parts[0];
    let tables = keys::KEYS.iter().find(|(name, _)| name.is_empty()).map_or(&[][..], |(_, keys)| keys);
    if !tables.contains(&table.text) {
        let help = suggest(table.text, tables.iter().copied());
        return Err(Wrong { span: table.span.clone(), message: format!("a lab file has no `{}`", table.text), help });
    }
    if !document.contains_key(table.text) && !SINGLE.contains(&table.text) {
        let message = format!("this lab file has no [[{}]]", table.text);
        return Err(Wrong { span: table.span.clone(), message, help: None });
    }
    in_table(document.as_table_mut(), parts, value)
}

fn in_table(table: &mut dyn TableLike, parts: &[Part<'_>], value: &Value) -> Result<(), Wrong> {
    let [part, rest @ ..] = parts else { return Ok(()) };
    if rest.is_empty() {
        let mut value = value.clone();
        if let Some(Item::Value(old)) = table.get(part.text) {
            *value.decor_mut() = old.decor().clone();
        }
        table.insert(part.text, Item::Value(value));
        return Ok(());
    }
    if table.get(part.text).is_none() {
        let new = if SINGLE.contains(&part.text) {
            Item::Table(toml_edit::Table::new())
        } else {
            Item::Value(InlineTable::new().into())
        };
        table.insert(part.text, new);
    }
    match table.get_mut(part.text) {
        Some(Item::ArrayOfTables(tables)) => {
            let names: Vec<_> = tables.iter().map(|t| name(t)).collect();
            for index in chosen(part, rest, &names)? {
                if let Some(table) = tables.get_mut(index) {
                    in_table(table, &rest[1..], value)?;
                }
            }
            Ok(())
        }
        Some(Item::Value(Value::Array(items))) => in_array(items, part, rest, value),
        Some(Item::Value(item)) if item.is_str() && part.text == ACTIONS => in_text(item, part, rest, value),
        Some(item) if item.is_table_like() => match item.as_table_like_mut() {
            Some(table) => in_table(table, rest, value),
            None => Ok(()),
        },
        _ => Err(Wrong { span: rest[0].span.clone(), message: format!("`{}` has no parts", part.text), help: None }),
    }
}

fn in_array(items: &mut Array, part: &Part<'_>, rest: &[Part<'_>], value: &Value) -> Result<(), Wrong> {
    let names: Vec<_> = items.iter().map(item_name).collect();
    for index in chosen(part, rest, &names)? {
        let Some(item) = items.get_mut(index) else { continue };
        if part.text == ACTIONS {
            in_text(item, &rest[0], &rest[1..], value)?;
            continue;
        }
        if let Some(written) = item.as_str().map(str::to_owned) {
            *item = long(part.text, &written).into();
        }
        if let Value::InlineTable(table) = item {
            in_table(table, &rest[1..], value)?;
        }
    }
    Ok(())
}

/// Sets one of the `KEY=VALUE` of an action: the one that is there, or another at its end.
fn in_text(item: &mut Value, part: &Part<'_>, rest: &[Part<'_>], value: &Value) -> Result<(), Wrong> {
    let (Some(text), [key]) = (item.as_str(), rest) else {
        return Err(Wrong { span: rest[0].span.clone(), message: format!("`{}` has no parts", part.text), help: None });
    };
    let begin = format!("{}=", key.text);
    let new = format!("{begin}{}", value.as_str().map_or_else(|| value.to_string().trim().to_owned(), str::to_owned));
    let mut words: Vec<&str> = text.split_whitespace().collect();
    match words.iter_mut().find(|word| word.starts_with(&begin)) {
        Some(word) => *word = &new,
        None => words.push(&new),
    }
    let mut set = Value::from(words.join(" "));
    *set.decor_mut() = item.decor().clone();
    *item = set;
    Ok(())
}

/// The table that a short item stands for: an uplink `"r1"`, a router `"sea"`, a link `"sea-sun"`.
fn long(list: &str, written: &str) -> InlineTable {
    let pair = |(a, b): (&str, &str)| [("a", a.to_owned()), ("b", b.to_owned())].into_iter().collect();
    match (list, written.split_once('-')) {
        ("uplinks", _) => [("to", written)].into_iter().collect(),
        ("links", Some(ends)) => pair(ends),
        _ => [("name", written)].into_iter().collect(),
    }
}

/// Indices of the items that the part after a list's name means: `*`, a name, or a number from 1.
fn chosen(list: &Part<'_>, rest: &[Part<'_>], names: &[Option<String>]) -> Result<Vec<usize>, Wrong> {
    let wanted = &rest[0];
    let wrong = |message, help| Err(Wrong { span: wanted.span.clone(), message, help });
    if rest.len() == 1 {
        let help =
            format!("write {}.NAME.{}, or {}.*.{} for all of them", list.text, wanted.text, list.text, wanted.text);
        return wrong(format!("there may be several `{}`", list.text), Some(help));
    }
    if wanted.text == "*" {
        return Ok((0..names.len()).collect());
    }
    let named = |name: &Option<String>| name.as_deref() == Some(wanted.text);
    let by_name: Vec<usize> = (0..names.len()).filter(|i| named(&names[*i])).collect();
    if !by_name.is_empty() {
        return Ok(by_name);
    }
    match wanted.text.parse::<usize>() {
        Ok(number) if (1..=names.len()).contains(&number) => Ok(vec![number - 1]),
        Ok(_) => wrong(format!("there are {} `{}`", names.len(), list.text), None),
        Err(_) => {
            let help = suggest(wanted.text, names.iter().flatten().map(String::as_str));
            wrong(format!("no `{}` is called `{}`", list.text, wanted.text), help)
        }
    }
}

/// What the lab file calls an item of a list: its name, that of its other end, or those of both.
fn name(table: &dyn TableLike) -> Option<String> {
    let text = |key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
    text("name").or_else(|| text("to")).or_else(|| Some(format!("{}-{}", text("a")?, text("b")?)))
}

fn item_name(item: &Value) -> Option<String> {
    match item {
        Value::InlineTable(table) => name(table),
        other => other.as_str().map(str::to_owned),
    }
}

#[cfg(test)]
mod tests;
