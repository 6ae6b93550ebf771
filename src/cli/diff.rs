//! `anybed diff`: two runs compared.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow};
use clap::Args;

use super::{Failure, Format, Outcome, is_colored, print};
use crate::measure::{self, Report};
use crate::record::Record;
use crate::report;

#[derive(Args, Debug)]
pub(super) struct Diff {
    /// Run directory, or a report.json
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
    pub(super) fn execute(self) -> Outcome {
        let (before, after) = (read(&self.before)?, read(&self.after)?);
        let diff = report::Diff::of(&before, &after, self.tolerance);
        match self.format {
            Format::Json => {
                let text = serde_json::to_string_pretty(&diff).context("write differences as JSON")?;
                print(&format!("{text}\n"));
            }
            Format::Text => print(&diff.text(is_colored())),
        }
        Ok(i32::from(diff.worse))
    }
}

/// From a record, or from a report that was kept without its record.
fn read(path: &Path) -> Result<Report, Failure> {
    let wrong = |error: anyhow::Error| Failure::Usage(error.context(path.display().to_string()));
    if path.is_dir() {
        let record = Record::read(&path.join("events.jsonl")).map_err(|error| wrong(error.into()))?;
        return Ok(measure::report(&record));
    }
    let text = fs::read_to_string(path).map_err(|error| wrong(error.into()))?;
    serde_json::from_str(&text).map_err(|error| wrong(anyhow!(error).context("this is no report of this anybed")))
}
