//! `anybed doctor`: what this machine has and lacks.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::{Ended, Format, print};
use crate::kernel::features::{self, Finding, Weight};
use crate::routing::registry;

#[derive(Args, Debug)]
pub(super) struct Doctor {
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Look at this BIRD [env: ANYBED_BIRD] [default: the first in PATH]
    #[arg(long, value_name = "PATH")]
    bird: Option<PathBuf>,
}

#[derive(Debug, Serialize)]
struct Line {
    name: String,
    ok: bool,
    /// A lab cannot run without it.
    needed: bool,
    found: String,
    fix: Option<String>,
}

impl From<Finding> for Line {
    fn from(finding: Finding) -> Self {
        let Finding { name, weight, found, fix } = finding;
        Self { name: name.into(), ok: fix.is_none(), needed: weight == Weight::Needed, found, fix }
    }
}

impl Doctor {
    pub(super) fn execute(self) -> Ended {
        let mut lines = vec![routing(self.bird.as_deref())];
        lines.extend(features::examine().into_iter().map(Line::from));
        match self.format {
            Format::Json => {
                print(&(serde_json::to_string_pretty(&lines).context("write JSON")? + "\n"));
            }
            Format::Text => lines.iter().for_each(show),
        }
        Ok(if lines.iter().any(|line| line.needed && !line.ok) { 3 } else { 0 })
    }
}

fn routing(named: Option<&Path>) -> Line {
    let (found, fix) = match registry::find(named) {
        Ok(daemon) => (format!("{} at {}", daemon.version, daemon.path.display()), None),
        Err(error) => ("none that can be used".into(), Some(error.to_string())),
    };
    Line { name: registry::preferred().title().into(), ok: fix.is_none(), needed: true, found, fix }
}

fn show(line: &Line) {
    let (mark, style) = match (line.ok, line.needed) {
        (true, _) => ("✓", anstyle::AnsiColor::Green.on_default()),
        (false, true) => ("✗", anstyle::AnsiColor::Red.on_default()),
        (false, false) => ("–", anstyle::AnsiColor::Yellow.on_default()),
    };
    print(&format!("{style}{mark}{style:#} {:<18} {}\n", line.name, line.found));
    if let Some(fix) = &line.fix {
        print(&format!("  {:<18} → {fix}\n", ""));
    }
}
