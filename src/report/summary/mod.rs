//! Several runs, drawn: as text, page, Markdown, table and JSON.

mod html;
mod markdown;
mod text;

use std::path::{Path, PathBuf};
use std::{fs, io};

pub use html::html;
pub use markdown::markdown;
pub use text::text;

use super::page::{duration, plural};
use crate::measure::{Combination, FigureOfRuns, Interval, RunVerdict, Summary, SummaryVerdict, Unit};

/// A summary in all its forms.
pub struct Files {
    files: [(&'static str, String); 4],
}

impl Files {
    /// Names of all of them.
    pub const NAMES: [&'static str; 4] = ["summary.json", "summary.txt", "summary.csv", "summary.html"];

    /// Draws everything.
    pub fn of(summary: &Summary) -> Self {
        let [json_name, text_name, csv_name, html_name] = Self::NAMES;
        let table = csv(summary).expect("a table in memory, with as many cells in each row");
        let files = [
            (json_name, json(summary)),
            (text_name, text(summary, false)),
            (csv_name, table),
            (html_name, html(summary)),
        ];
        Self { files }
    }

    /// Writes them, over what is there.
    ///
    /// # Errors
    /// Names the file that could not be written.
    pub fn write(&self, directory: &Path) -> Result<(), (PathBuf, io::Error)> {
        for (name, text) in &self.files {
            let path = directory.join(name);
            fs::create_dir_all(directory).and_then(|()| fs::write(&path, text)).map_err(|error| (path, error))?;
        }
        Ok(())
    }
}

/// `summary.json`: pretty-printed, with a newline at its end.
pub fn json(summary: &Summary) -> String {
    let mut text = serde_json::to_string_pretty(summary).expect("a summary has plain values only");
    text.push('\n');
    text
}

/// `summary.csv`: a row for each figure of each combination, and for each expectation. An empty field is
/// what was not observed, or an interval that too few runs allow.
///
/// # Errors
/// A record that cannot be written in memory does not exist; the CSV writer's error is passed on.
pub fn csv(summary: &Summary) -> Result<String, csv::Error> {
    let keys: Vec<&str> = summary.combinations.iter().flat_map(|c| c.settings.keys().map(String::as_str)).collect();
    let keys: Vec<&str> =
        keys.iter().enumerate().filter(|(i, key)| !keys[..*i].contains(key)).map(|(_, k)| *k).collect();
    let mut writer = csv::Writer::from_writer(Vec::new());
    let columns = ["of", "figure", "unit", "runs", "n", "median", "low", "high", "mean", "min", "max"];
    writer.write_record(keys.iter().chain(&columns))?;
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    for combination in &summary.combinations {
        let set = |key: &&str| combination.settings.get(*key).map_or("", String::as_str);
        let settings: Vec<&str> = keys.iter().map(set).collect();
        let runs = combination.counted.to_string();
        for figure in &combination.figures {
            let spread = figure.spread;
            let n = spread.map_or(0, |s| s.n).to_string();
            let (low, high) = spread.and_then(|s| s.interval).map(|i| (i.low, i.high)).unzip();
            let of = |value: fn(&crate::measure::Spread) -> f64| number(spread.as_ref().map(value));
            let about = [&*figure.of, &figure.what, figure.unit.name(), &runs, &n];
            let numbers = [of(|s| s.median), number(low), number(high), of(|s| s.mean), of(|s| s.min), of(|s| s.max)];
            writer.write_record(settings.iter().copied().chain(about).chain(numbers.iter().map(String::as_str)))?;
        }
        for expected in &combination.expectations {
            let share = (expected.of > 0).then(|| expected.passed as f64 / expected.of as f64);
            let (low, high) = expected.interval.map(|i| (i.low, i.high)).unzip();
            let n = expected.of.to_string();
            let about = ["expectation", &*expected.name, "share", &runs, &n];
            let numbers = [String::new(), number(low), number(high), number(share), String::new(), String::new()];
            writer.write_record(settings.iter().copied().chain(about).chain(numbers.iter().map(String::as_str)))?;
        }
    }
    let bytes = writer.into_inner().map_err(|error| csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// A verdict's word.
fn word(verdict: SummaryVerdict) -> &'static str {
    match verdict {
        SummaryVerdict::Pass => "pass",
        SummaryVerdict::Fail => "fail",
        SummaryVerdict::Invalid => "invalid",
        SummaryVerdict::Incomplete => "incomplete",
        SummaryVerdict::Interrupted => "interrupted",
    }
}

/// What combinations are called in tables: A to Z, then 27, 28, ….
fn letter(index: usize) -> String {
    u8::try_from(index)
        .ok()
        .filter(|i| *i < 26)
        .map_or_else(|| (index + 1).to_string(), |i| char::from(b'A' + i).to_string())
}

/// `10 runs: 9 pass, 1 invalid`.
fn tally(combination: &Combination) -> String {
    let failed = combination.counted - combination.passed;
    let counts = [
        (combination.passed, "pass"),
        (failed, "fail"),
        (combination.invalid, "invalid"),
        (combination.incomplete, "incomplete"),
    ];
    let counts = counts.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}"));
    format!("{}: {}", plural(combination.runs, "run"), counts.collect::<Vec<_>>().join(", "))
}

/// Runs that are not counted, and why.
fn left_out(summary: &Summary) -> Vec<String> {
    let uncounted = summary.runs.iter().filter(|run| !run.left_out.is_empty());
    let word = |verdict| if verdict == RunVerdict::Invalid { "invalid" } else { "incomplete" };
    uncounted.map(|run| format!("{} {}: {}", run.name, word(run.verdict), run.left_out)).collect()
}

/// `seeds 1 to 10`, `seed 7`.
fn seeds(summary: &Summary) -> String {
    let seeds = || summary.runs.iter().map(|run| run.seed);
    match (seeds().min(), seeds().max()) {
        (Some(low), Some(high)) if low != high => format!("seeds {low} to {high}"),
        (Some(seed), _) => format!("seed {seed}"),
        _ => String::new(),
    }
}

fn value(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Ms => duration(value),
        // A median may lie between two counts.
        Unit::Count => super::svg::plain(value),
    }
}

fn interval(interval: Option<Interval>, unit: Unit) -> String {
    interval.map_or_else(|| "–".to_owned(), |i| format!("{} to {}", value(i.low, unit), value(i.high, unit)))
}

fn share(passed: usize, of: usize, interval: Option<Interval>) -> String {
    let percent = |share: f64| super::svg::plain((share * 1000.0).round() / 10.0);
    let range = interval.map_or_else(String::new, |i| format!("{} to {} %", percent(i.low), percent(i.high)));
    if of == 0 { "no run counts".to_owned() } else { format!("{passed} of {of}, {range}") }
}

/// One figure in all combinations that have it.
struct Compared<'a> {
    what: &'a str,
    unit: Unit,
    /// Index of the combination, and the figure.
    rows: Vec<(usize, &'a FigureOfRuns)>,
}

/// Figures that were observed, by what they are about.
fn compared(summary: &Summary) -> Vec<(&str, Vec<Compared<'_>>)> {
    let mut found: Vec<(&str, Vec<Compared<'_>>)> = Vec::new();
    for (index, combination) in summary.combinations.iter().enumerate() {
        for figure in &combination.figures {
            let about = match found.iter().position(|(of, _)| *of == figure.of) {
                Some(at) => &mut found[at].1,
                None => {
                    found.push((&figure.of, Vec::new()));
                    let last = found.len() - 1;
                    &mut found[last].1
                }
            };
            match about.iter_mut().find(|c| c.what == figure.what) {
                Some(compared) => compared.rows.push((index, figure)),
                None => about.push(Compared { what: &figure.what, unit: figure.unit, rows: vec![(index, figure)] }),
            }
        }
    }
    for (_, figures) in &mut found {
        figures.retain(|f| f.rows.iter().any(|(_, figure)| figure.spread.is_some()));
    }
    found.retain(|(_, figures)| !figures.is_empty());
    found
}

/// Whether some figure has too few values for an interval.
fn lacks_intervals(summary: &Summary) -> bool {
    let spreads = summary.combinations.iter().flat_map(|c| c.figures.iter().filter_map(|f| f.spread));
    spreads.into_iter().any(|s| s.interval.is_none())
}

const NO_INTERVAL: &str = "a median has an interval from 6 values on";
const METHOD: &str = "medians with 95 % intervals from order statistics, shares with Wilson's";
