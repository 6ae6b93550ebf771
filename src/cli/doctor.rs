//! `anybed doctor`: what this machine has and lacks.

use anyhow::Context;
use clap::Args;
use serde::Serialize;

use super::daemons::Daemons;
use super::{Ended, Format, print};
use crate::kernel::features::{self, Finding, Weight};
use crate::routing::daemon::Places;
use crate::routing::{Daemon, registry, rtr};

#[derive(Args, Debug)]
pub(super) struct Doctor {
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    daemons: Daemons,
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
        let mut lines = routing(&self.daemons.places());
        lines.push(rtr_server());
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

/// Each make: the preferred one is needed, as hosts run it.
fn routing(named: &Places) -> Vec<Line> {
    let makes = registry::words().into_iter().filter_map(|word| registry::rows(word).find(|row| row.make() == word));
    let line = |row: &dyn Daemon| {
        let (found, fix) = match registry::find(row.make(), named) {
            Ok(daemon) => (format!("{} at {}", daemon.version, daemon.path.display()), None),
            Err(error) => ("none that can be used".into(), Some(error.to_string())),
        };
        let needed = row.make() == registry::preferred().make();
        Line { name: row.title().into(), ok: fix.is_none(), needed, found, fix }
    };
    makes.map(line).collect()
}

/// Labs with `[rtr]` alone need it.
fn rtr_server() -> Line {
    let (found, fix) = match rtr::find() {
        Ok(path) => (format!("at {}", path.display()), None),
        Err(error) => ("none; labs with [rtr] need it".into(), Some(error.to_string())),
    };
    Line { name: rtr::TITLE.into(), ok: fix.is_none(), needed: false, found, fix }
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
