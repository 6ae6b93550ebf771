//! Several runs of one lab: how often its expectations hold, and how far its figures spread.
//!
//! Runs with the same settings belong together. A run that is invalid or did not end says nothing of
//! the lab: it is counted, and left out of all statistics.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::measure::figures::{Unit, figures};
use crate::measure::interval::{Interval, Spread, share_interval};
use crate::measure::model::{Outcome, Report, RunVerdict};

/// Version of the summary's form.
pub const SUMMARY_SCHEMA: u32 = 1;

/// Keys of the lab file that were set, and to what.
pub type SetKeys = BTreeMap<String, String>;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Summary {
    pub schema: u32,
    pub lab: String,
    /// The lab file, as it was given.
    pub file: String,
    pub verdict: SummaryVerdict,
    pub anybed: String,
    pub bird: String,
    pub kernel: String,
    pub runs: Vec<RunOf>,
    /// In the order of their first runs.
    pub combinations: Vec<Combination>,
}

/// The worst of all runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum SummaryVerdict {
    Pass,
    /// Some run failed.
    Fail,
    /// None failed, and the machine did not keep up in some.
    Invalid,
    /// A lab failed.
    Incomplete,
    Interrupted,
}

/// One of the runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct RunOf {
    /// Of its run directory.
    pub name: String,
    pub settings: SetKeys,
    pub seed: u64,
    pub verdict: RunVerdict,
    /// Why it is not counted; else empty.
    pub left_out: String,
    /// The command that does it again.
    pub command: String,
}

/// Runs with the same settings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Combination {
    pub settings: SetKeys,
    pub runs: usize,
    /// Those that the statistics are of: passed or failed.
    pub counted: usize,
    pub passed: usize,
    pub invalid: usize,
    pub incomplete: usize,
    pub expectations: Vec<Expected>,
    pub figures: Vec<FigureOfRuns>,
}

/// How often an expectation held.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Expected {
    pub name: String,
    pub passed: usize,
    pub of: usize,
    /// Of the share of runs that pass.
    pub interval: Option<Interval>,
}

/// One figure in all runs of a combination.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct FigureOfRuns {
    /// What it is about: a fault with its number, or an overlay.
    pub of: String,
    pub what: String,
    pub unit: Unit,
    /// `null`: not observed in any run. Of how many it was is its `n`.
    pub spread: Option<Spread>,
    /// Run by run, in their order; `null`: not observed.
    pub values: Vec<Option<f64>>,
}

impl Summary {
    /// Of runs by the names of their directories; `None` if there is none.
    pub fn of(runs: &[(String, Report)]) -> Option<Self> {
        let (_, first) = runs.first()?;
        let mut settings: Vec<&SetKeys> = Vec::new();
        for (_, report) in runs {
            if !settings.contains(&&report.settings) {
                settings.push(&report.settings);
            }
        }
        let combination = |settings: &&SetKeys| {
            let reports: Vec<&Report> = runs.iter().map(|(_, r)| r).filter(|r| r.settings == **settings).collect();
            Combination::of(&reports)
        };
        Some(Self {
            schema: SUMMARY_SCHEMA,
            lab: first.lab.clone(),
            file: first.file.clone(),
            verdict: SummaryVerdict::of(runs.iter().map(|(_, report)| report)),
            anybed: first.anybed.clone(),
            bird: first.bird.clone(),
            kernel: first.kernel.clone(),
            runs: runs.iter().map(|(name, report)| run(name, report)).collect(),
            combinations: settings.iter().map(combination).collect(),
        })
    }

    /// The process exit code of these runs: 0 pass, 1 an expectation failed, 4 a lab failed, 5 some run was
    /// invalid, 130 interrupted.
    pub fn exit_code(&self) -> u8 {
        match self.verdict {
            SummaryVerdict::Pass => 0,
            SummaryVerdict::Fail => 1,
            SummaryVerdict::Incomplete => 4,
            SummaryVerdict::Invalid => 5,
            SummaryVerdict::Interrupted => 130,
        }
    }
}

impl SummaryVerdict {
    fn of<'a>(reports: impl Iterator<Item = &'a Report>) -> Self {
        let codes: Vec<u8> = reports.map(Report::exit_code).collect();
        let worst = [(130, Self::Interrupted), (4, Self::Incomplete), (1, Self::Fail), (5, Self::Invalid)];
        worst.into_iter().find(|(code, _)| codes.contains(code)).map_or(Self::Pass, |(_, verdict)| verdict)
    }
}

fn run(name: &str, report: &Report) -> RunOf {
    let left_out = match report.verdict {
        RunVerdict::Pass | RunVerdict::Fail => String::new(),
        RunVerdict::Invalid => report.fidelity.reasons.join("; "),
        RunVerdict::Incomplete => report.end.clone().unwrap_or_else(|| "the record stops".to_owned()),
    };
    RunOf {
        name: name.to_owned(),
        settings: report.settings.clone(),
        seed: report.seed,
        verdict: report.verdict,
        left_out,
        command: report.command.clone(),
    }
}

impl Combination {
    fn of(reports: &[&Report]) -> Self {
        let with = |verdict| reports.iter().filter(|r| r.verdict == verdict).count();
        let is_counted = |r: &&&Report| matches!(r.verdict, RunVerdict::Pass | RunVerdict::Fail);
        let counted: Vec<&Report> = reports.iter().filter(is_counted).copied().collect();
        Self {
            settings: reports.first().map_or_else(SetKeys::new, |r| r.settings.clone()),
            runs: reports.len(),
            counted: counted.len(),
            passed: with(RunVerdict::Pass),
            invalid: with(RunVerdict::Invalid),
            incomplete: with(RunVerdict::Incomplete),
            expectations: expectations(&counted),
            figures: summarized(&counted),
        }
    }

    /// `lab.timers=rfc, seed=2`; empty without settings.
    pub fn title(&self) -> String {
        self.settings.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
    }
}

/// By their place: all runs have the same, in the same order, and names may be used twice.
fn expectations(reports: &[&Report]) -> Vec<Expected> {
    let Some(first) = reports.first() else { return Vec::new() };
    let expected = |(index, verdict): (usize, &crate::measure::Verdict)| {
        let judged: Vec<Outcome> =
            reports.iter().filter_map(|r| r.expectations.get(index)).map(|v| v.verdict).collect();
        let passed = judged.iter().filter(|v| **v == Outcome::Pass).count();
        Expected {
            name: verdict.name.clone(),
            passed,
            of: judged.len(),
            interval: share_interval(passed, judged.len()),
        }
    };
    first.expectations.iter().enumerate().map(expected).collect()
}

/// A fault injected by hand, or one that was refused, gives a run figures that others lack.
fn summarized(reports: &[&Report]) -> Vec<FigureOfRuns> {
    let mut order: Vec<(String, &'static str, Unit)> = Vec::new();
    let mut found: BTreeMap<(String, &'static str), Vec<Option<f64>>> = BTreeMap::new();
    for (index, report) in reports.iter().enumerate() {
        for figure in figures(report) {
            let values = found.entry((figure.of.clone(), figure.what)).or_insert_with(|| {
                order.push((figure.of.clone(), figure.what, figure.unit));
                vec![None; reports.len()]
            });
            values[index] = figure.value;
        }
    }
    let summary = |(of, what, unit): (String, &'static str, Unit)| {
        let values = found.remove(&(of.clone(), what)).unwrap_or_default();
        FigureOfRuns { of, what: what.to_owned(), unit, spread: Spread::of(values.iter().flatten().copied()), values }
    };
    order.into_iter().map(summary).collect()
}
