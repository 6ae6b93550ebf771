//! `anybed compare-links`: puts a link of each backend through the same course, in a sandbox of its
//! own, and shows them side by side. Hidden: it is what `scripts/compare-links` runs.

use std::fmt;

use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};
use nix::sys::utsname::uname;
use serde::Serialize;

use super::{Ended, Failure, Format, print, sandboxed};
use crate::kernel::namespace::Stepper;
use crate::physics::Backend;
use crate::trial::judge::{Bound, Row, Unit, name};
use crate::trial::{self, pair::Pair};

#[derive(Args, Debug)]
pub(super) struct CompareLinks {
    /// Backend on trial [default: both, or the one that this machine has]
    #[arg(long, value_enum, default_value_t)]
    backend: Which,
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Judge order and ratio only: in an emulated machine times mean nothing
    #[arg(long, env = "ANYBED_EMULATED", num_args = 0..=1, default_missing_value = "1", default_value = "0",
          hide_default_value = true, value_parser = clap::builder::BoolishValueParser::new())]
    emulated: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Which {
    Netem,
    Wire,
    #[default]
    Both,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Comparison {
    kernel: String,
    cpus: usize,
    emulated: bool,
    backends: Vec<&'static str>,
    missing: Vec<Missing>,
    rows: Vec<Row>,
    passed: bool,
}

/// A backend that is not there, and what the machine lacks for it.
#[derive(Debug, Serialize)]
struct Missing {
    backend: &'static str,
    feature: String,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no {}: this machine lacks {}", self.backend, self.feature)
    }
}

impl CompareLinks {
    pub(super) fn execute(self) -> Ended {
        let (text, code) = sandboxed::measured("compare-links", async || {
            let comparison = self.compare().await?;
            let text = match self.format {
                Format::Json => serde_json::to_string_pretty(&comparison).context("write JSON")? + "\n",
                Format::Text => text(&comparison),
            };
            Ok((text, i32::from(!comparison.passed)))
        })?;
        print(&text);
        Ok(code)
    }

    async fn compare(&self) -> Result<Comparison, Failure> {
        let stepper = Stepper::start()?;
        let (mut there, mut missing) = (Vec::new(), Vec::new());
        for (which, backend) in [(Which::Netem, Backend::Netem), (Which::Wire, Backend::Wire)] {
            if self.backend != Which::Both && self.backend != which {
                continue;
            }
            match Pair::missing(&stepper, backend).await? {
                None => there.push(backend),
                Some(feature) => missing.push(Missing { backend: name(backend), feature }),
            }
        }
        if there.is_empty() {
            let lines: Vec<_> = missing.iter().map(Missing::to_string).collect();
            return Err(Failure::Machine(anyhow!("{}", lines.join("; "))));
        }
        let rows = trial::run(&stepper, &there, self.emulated).await?;
        let passed = rows.iter().all(|row| row.wrong.is_empty());
        let kernel = uname().context("ask for the kernel's name")?;
        let kernel = format!("{} {}", kernel.sysname().to_string_lossy(), kernel.release().to_string_lossy());
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        let backends = there.into_iter().map(name).collect();
        Ok(Comparison { kernel, cpus, emulated: self.emulated, backends, missing, rows, passed })
    }
}

fn text(comparison: &Comparison) -> String {
    let Comparison { kernel, cpus, emulated, missing, rows, passed, .. } = comparison;
    let judged = if *emulated { "; emulated: order and ratio are judged, times are not" } else { "" };
    let mut text = format!("{kernel}, {cpus} CPUs{judged}\n");
    missing.iter().for_each(|line| text += &format!("{line}\n"));
    let head = ["property", "configured", "netem", "wire", "bound", "apart (at most)", ""].map(str::to_owned);
    let lines: Vec<_> = std::iter::once(head).chain(rows.iter().map(cells)).collect();
    let width = |column: usize| lines.iter().map(|cells| cells[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<_> = (0..6).map(width).collect();
    for cells in &lines {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}  "));
        let line = padded.collect::<String>() + &cells[6];
        text += line.trim_end();
        text.push('\n');
    }
    let wrong = rows.iter().filter(|row| !row.wrong.is_empty()).count();
    text += &if *passed { format!("all {} as they should be\n", rows.len()) } else { format!("{wrong} wrong\n") };
    let mut explained: Vec<_> = rows.iter().filter_map(|row| Some((row.property, row.because?))).collect();
    explained.dedup();
    explained.iter().for_each(|(property, why)| text += &format!("{property} may differ: {why}\n"));
    text
}

/// A row of the table: its columns and the verdict.
fn cells(row: &Row) -> [String; 7] {
    let value = |backend| row.found.get(name(backend)).map_or("–".into(), |value| shown(*value, row.unit));
    let apart = match row.apart {
        Some((found, most)) => format!("{} ({})", shown(found, row.unit), shown(most, row.unit)),
        None => String::new(),
    };
    let verdict = match (row.wrong.as_slice(), row.because) {
        ([], None) => "fine".to_owned(),
        ([], Some(_)) => "fine, may differ".to_owned(),
        (wrong, _) => format!("WRONG: {}", wrong.join(", ")),
    };
    let (netem, wire) = (value(Backend::Netem), value(Backend::Wire));
    [row.property.into(), row.configured.clone(), netem, wire, bound(row.bound, row.unit), apart, verdict]
}

fn bound(Bound(least, most): Bound, unit: Unit) -> String {
    match (least.is_finite(), most.is_finite()) {
        (true, true) if least == most => shown(least, unit),
        (true, true) => {
            let least = shown(least, unit);
            let number = least.split(' ').next().unwrap_or_default().trim_end_matches('%');
            format!("{number} to {}", shown(most, unit))
        }
        (true, false) => format!("{} at least", shown(least, unit)),
        (false, true) => format!("{} at most", shown(most, unit)),
        (false, false) => "any".into(),
    }
}

fn shown(value: f64, unit: Unit) -> String {
    match unit {
        Unit::Share => format!("{:.2}%", value * 100.0),
        Unit::Milliseconds => format!("{value:.3} ms"),
        Unit::Megabits => format!("{value:.3} Mbit/s"),
        Unit::Frames => format!("{value}"),
        Unit::Bytes => format!("{value} B"),
        Unit::Plain => format!("{value:.3}"),
    }
}
