//! `anybed diff`: two runs compared, or two surveys.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use clap::Args;

use super::{Ended, Failure, Format, is_colored, labs, print};
use crate::measure::{self, Report};
use crate::record::Record;
use crate::record::moves::moves;
use crate::record::survey::Survey;
use crate::report;

#[derive(Args, Debug)]
pub(super) struct Diff {
    /// Run directory, or a report.json, or what `anybed catchment --format json` printed
    before: PathBuf,
    /// The later one
    after: PathBuf,
    /// How much a figure may differ, as a share of the earlier one; less than 10 ms, or 2 of a kind,
    /// never counts
    #[arg(long, value_name = "PERCENT", default_value = "25%", value_parser = percent)]
    tolerance: f64,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

fn percent(text: &str) -> Result<f64, String> {
    let number: f64 = text.trim_end_matches('%').trim().parse().map_err(|_| "a number such as 25%".to_owned())?;
    if number.is_finite() && number >= 0.0 { Ok(number / 100.0) } else { Err("a percentage of at least 0".to_owned()) }
}

impl Diff {
    pub(super) fn execute(self) -> Ended {
        match (read(&self.before)?, read(&self.after)?) {
            (Side::Run(before), Side::Run(after)) => {
                let diff = report::Diff::of(&before, &after, self.tolerance);
                match self.format {
                    Format::Json => print(&labs::json(&diff)?),
                    Format::Text => print(&diff.text(is_colored())),
                }
                Ok(i32::from(diff.worse))
            }
            (Side::Surveys(before), Side::Surveys(after)) => {
                let found = moves(&before, &after);
                if found.is_empty() {
                    return Err(Failure::Usage(anyhow!("the surveys have no address of a group in common")));
                }
                match self.format {
                    Format::Json => print(&labs::json(&found)?),
                    Format::Text => print(&report::moves(&found, is_colored())),
                }
                Ok(i32::from(found.iter().any(|moves| !moves.moved.is_empty())))
            }
            _ => Err(Failure::Usage(anyhow!("one is a survey and the other a run: compare two of a kind"))),
        }
    }
}

/// What can be compared with another of its kind.
enum Side {
    Run(Box<Report>),
    Surveys(Vec<Survey>),
}

/// From a record, from a report that was kept without its record, or from a survey.
fn read(path: &Path) -> Result<Side, Failure> {
    let wrong = |error: anyhow::Error| Failure::Usage(error.context(path.display().to_string()));
    if path.is_dir() {
        let record = Record::read(&path.join("events.jsonl")).map_err(|error| wrong(error.into()))?;
        return Ok(Side::Run(Box::new(measure::report(&record))));
    }
    let text = fs::read_to_string(path).map_err(|error| wrong(error.into()))?;
    // `catchment` prints a list, and a report is an object.
    if text.trim_start().starts_with('[') {
        let surveys = serde_json::from_str(&text);
        return surveys.map(Side::Surveys).map_err(|error| wrong(anyhow!(error).context("this is no survey")));
    }
    let report = serde_json::from_str(&text);
    report.map(Side::Run).map_err(|error| wrong(anyhow!(error).context("this is no report of this anybed")))
}
