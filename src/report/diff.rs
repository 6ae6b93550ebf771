//! What is different between two runs.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::html::verdict_word;
use super::page::{BAD, Cell, DIM, GOOD, Page, duration};
use crate::measure::{Figure, Outcome, Report, RunVerdict, Unit};

/// Smaller differences are noise, whatever share of the figure they are: milliseconds, and counts.
const LEAST_MS: f64 = 10.0;
const LEAST_COUNT: f64 = 2.0;

/// Two runs compared.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Diff {
    pub labs: [String; 2],
    pub seeds: [u64; 2],
    pub verdicts: [RunVerdict; 2],
    /// Share by which a figure may differ.
    pub tolerance: f64,
    /// Those that are not as before.
    pub expectations: Vec<ExpectationChange>,
    /// Those that differ by more than the tolerance.
    pub figures: Vec<FigureChange>,
    /// Figures of both runs that were compared.
    pub compared: usize,
    /// An expectation or a figure is worse, or the verdict is.
    pub worse: bool,
}

/// An expectation whose verdict is another, or that only one run has.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ExpectationChange {
    pub name: String,
    pub before: Option<Outcome>,
    pub after: Option<Outcome>,
    /// What the later run observed, or the earlier one if the later one does not have it.
    pub observed: String,
    pub worse: bool,
}

/// A figure beyond tolerance.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FigureChange {
    pub name: String,
    /// `null`: not observed.
    pub before: Option<f64>,
    pub after: Option<f64>,
    /// `ms` or `count`.
    pub unit: &'static str,
    pub worse: bool,
}

impl Diff {
    /// Compares a run with an earlier one. `tolerance` is a share: 0.25 is a quarter.
    pub fn of(before: &Report, after: &Report, tolerance: f64) -> Self {
        let (old, new) = (named(before), named(after));
        let compared = new.keys().filter(|name| old.contains_key(*name)).count();
        let figures: Vec<FigureChange> =
            new.iter().filter_map(|(name, now)| figure(name, old.get(name)?, now, tolerance)).collect();
        let expectations = expectations(before, after);
        let verdicts = [before.verdict, after.verdict];
        let worse_verdict = verdicts[0] == RunVerdict::Pass && verdicts[1] != RunVerdict::Pass;
        let worse = worse_verdict || expectations.iter().any(|e| e.worse) || figures.iter().any(|f| f.worse);
        let (labs, seeds) = ([before.lab.clone(), after.lab.clone()], [before.seed, after.seed]);
        Self { labs, seeds, verdicts, tolerance, expectations, figures, compared, worse }
    }

    /// For a terminal.
    pub fn text(&self, color: bool) -> String {
        let mut page = Page::new(color);
        let word = |i: usize| verdict_word(self.verdicts[i]);
        page.raw(&format!("{} · seed {} → {} · seed {}", self.labs[0], self.seeds[0], self.labs[1], self.seeds[1]));
        page.labeled(
            "verdict",
            &if word(0) == word(1) { word(0).into() } else { format!("{} → {}", word(0), word(1)) },
        );
        if !self.expectations.is_empty() {
            page.blank();
            let outcome = |o: Option<Outcome>| match o {
                Some(Outcome::Pass) => "pass",
                Some(Outcome::Fail) => "fail",
                Some(Outcome::Skipped) => "skipped",
                None => "not there",
            };
            let row = |e: &ExpectationChange| {
                let way = format!("{} → {}", outcome(e.before), outcome(e.after));
                vec![sign(e.worse), Cell::left(&e.name), Cell::left(way), Cell::left(&e.observed).styled(DIM)]
            };
            page.table(&self.expectations.iter().map(row).collect::<Vec<_>>());
        }
        if !self.figures.is_empty() {
            page.blank();
            let row = |f: &FigureChange| {
                let change = match (f.before, f.after) {
                    (Some(old), Some(new)) if old != 0.0 => format!("{:+.0} %", (new / old - 1.0) * 100.0),
                    _ => String::new(),
                };
                let value = |value| Cell::right(drawn(value, f.unit));
                let (before, after) = (value(f.before), value(f.after));
                vec![
                    sign(f.worse),
                    Cell::left(&f.name),
                    before,
                    Cell::left("→"),
                    after,
                    Cell::right(change).styled(DIM),
                ]
            };
            page.table(&self.figures.iter().map(row).collect::<Vec<_>>());
        }
        page.blank();
        let (word, style) = if self.worse { ("worse", BAD) } else { ("not worse", GOOD) };
        let word = page.paint(style.bold(), word);
        let (different, tolerance) = (self.figures.len(), self.tolerance * 100.0);
        page.raw(&format!("{word}  {different} of {} figures differ by more than {tolerance} %", self.compared));
        page.finish()
    }
}

fn sign(worse: bool) -> Cell {
    if worse { Cell::left("✗").styled(BAD) } else { Cell::left("·").styled(DIM) }
}

fn drawn(value: Option<f64>, unit: &str) -> String {
    match (value, unit) {
        (None, _) => "–".to_owned(),
        (Some(value), "ms") => duration(value),
        (Some(value), _) => value.to_string(),
    }
}

fn expectations(before: &Report, after: &Report) -> Vec<ExpectationChange> {
    // A name may stand for several expectations: they are counted.
    let numbered = |report: &Report| {
        let mut seen: BTreeMap<String, usize> = BTreeMap::new();
        let of = report.expectations.iter().map(|e| {
            let times = seen.entry(e.name.clone()).or_default();
            *times += 1;
            ((e.name.clone(), *times), (e.verdict, e.observed.clone()))
        });
        of.collect::<BTreeMap<_, _>>()
    };
    let (old, new) = (numbered(before), numbered(after));
    let names: BTreeSet<_> = old.keys().chain(new.keys()).collect();
    let change = |key: &(String, usize)| {
        let (was, is) = (old.get(key), new.get(key));
        let (before, after) = (was.map(|w| w.0), is.map(|i| i.0));
        let worse = before.is_none_or(|b| b == Outcome::Pass) && after != Some(Outcome::Pass);
        let observed = is.or(was).map_or_else(String::new, |(_, observed)| observed.clone());
        (before != after).then(|| ExpectationChange { name: key.0.clone(), before, after, observed, worse })
    };
    names.into_iter().filter_map(change).collect()
}

fn named(report: &Report) -> BTreeMap<String, Figure> {
    crate::measure::figures(report).into_iter().map(|figure| (figure.name(), figure)).collect()
}

fn figure(name: &str, before: &Figure, after: &Figure, tolerance: f64) -> Option<FigureChange> {
    let least = if after.unit == Unit::Ms { LEAST_MS } else { LEAST_COUNT };
    let (differs, more) = match (before.value, after.value) {
        (Some(old), Some(new)) => ((new - old).abs() > f64::max(least, tolerance * old.abs()), new > old),
        // What is not observed any more (an answer), or had not been.
        (old, new) => (old.is_some() != new.is_some(), new.is_none()),
    };
    let worse = more || !after.falling;
    let (before, after, unit) = (before.value, after.value, after.unit.name());
    differs.then(|| FigureChange { name: name.to_owned(), before, after, unit, worse })
}
