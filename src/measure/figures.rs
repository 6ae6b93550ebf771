//! A run in figures: what two runs are compared by, and several summarized.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::measure::effect::Source;
use crate::measure::model::{FaultReport, OverlayReport, Report};

/// One quantity of one run.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// What it is about: a fault with its number, or an overlay.
    pub of: String,
    /// What it says of that.
    pub what: &'static str,
    /// `None`: not observed.
    pub value: Option<f64>,
    pub unit: Unit,
    /// Less is better; of others (members, moved clients), neither is.
    pub falling: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Unit {
    /// Milliseconds.
    Ms,
    Count,
}

impl Unit {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ms => "ms",
            Self::Count => "count",
        }
    }
}

impl Figure {
    /// `1. cut campus-sea: lost probes`.
    pub fn name(&self) -> String {
        format!("{}: {}", self.of, self.what)
    }
}

type Value = (Option<f64>, Unit, bool);

fn ms(value: Option<f64>) -> Value {
    (value, Unit::Ms, true)
}

fn bad(count: usize) -> Value {
    (Some(count as f64), Unit::Count, true)
}

fn count(count: usize) -> Value {
    (Some(count as f64), Unit::Count, false)
}

/// Every figure of a run: fault by fault, then clients, stretch by stretch, and overlay by overlay.
pub fn figures(report: &Report) -> Vec<Figure> {
    let mut found = Vec::new();
    let mut add = |of: String, values: &[(&'static str, Value)]| {
        let figure = |(what, (value, unit, falling)): &(&'static str, Value)| Figure {
            of: of.clone(),
            what,
            value: *value,
            unit: *unit,
            falling: *falling,
        };
        found.extend(values.iter().map(figure));
    };
    for (i, fault) in report.faults.iter().enumerate() {
        let of = format!("{}. {}", i + 1, unswept(&fault.fault, &report.settings));
        add(of.clone(), &of_fault(fault));
        if let Some(flows) = &fault.flows {
            add(of, &[("broken flows", bad(flows.broken)), ("flows re-established p50", ms(flows.p50_ms))]);
        }
    }
    if let Some(flows) = &report.flows {
        add("flows".to_owned(), &[("broken without a fault", bad(flows.without_fault))]);
    }
    if !report.loads.is_empty() {
        let flips = report.flips.iter().map(|client| client.flips.len()).sum();
        add("clients".to_owned(), &[("changes of the answering member", count(flips))]);
    }
    for (group, sites) in at_the_end(report) {
        for (site, clients) in sites {
            add(format!("{group} at {site}"), &[("clients at the end", count(clients))]);
        }
    }
    // What is derived from configured delays would compare lab files, not runs.
    for (i, stretch) in report.stretches.iter().filter(|s| s.source == Source::Measured).enumerate() {
        let nearer = stretch.clients.saturating_sub(stretch.at_best);
        let longer = ms(stretch.inflation_p90_ms.map(|ms| ms.max(0.0)));
        let of = format!("{}. stretch of {}", i + 1, stretch.group);
        add(of, &[("clients not at their best site", bad(nearer)), ("longer way p90", longer)]);
    }
    for (name, overlay) in &report.overlays {
        add(name.clone(), &of_overlay(overlay));
    }
    found
}

/// An action without the values that a sweep has put into it: it is the same one in every run.
fn unswept(action: &str, settings: &BTreeMap<String, String>) -> String {
    let swept = settings.iter().filter(|(key, _)| key.starts_with("timeline.") && key.contains(".do."));
    let pairs = swept.filter_map(|(key, value)| Some((key.rsplit_once('.')?.1, value)));
    let pairs: Vec<(String, String)> =
        pairs.map(|(key, value)| (format!("{key}={value}"), format!("{key}=…"))).collect();
    let word = |word: &str| pairs.iter().find(|(set, _)| set == word).map_or(word, |(_, shown)| shown).to_owned();
    action.split(' ').map(word).collect::<Vec<_>>().join(" ")
}

/// By group and site, how many clients it answers in the end; sites that announced and have none are there, too.
fn at_the_end(report: &Report) -> BTreeMap<&str, BTreeMap<&str, usize>> {
    let site = |member: &str| member.split_once('.').map_or(member.len(), |(stub, _)| stub.len());
    let mut found: BTreeMap<&str, BTreeMap<&str, usize>> = BTreeMap::new();
    for load in &report.loads {
        let Some(last) = report.catchments.iter().rfind(|catchment| catchment.group_name == load.group) else {
            continue;
        };
        let sites = found.entry(&load.group).or_default();
        for member in load.members.keys() {
            sites.entry(&member[..site(member)]).or_default();
        }
        for member in last.clients.values().flatten() {
            *sites.entry(&member[..site(member)]).or_default() += 1;
        }
    }
    found
}

fn of_fault(fault: &FaultReport) -> [(&'static str, Value); 11] {
    let outage = fault.clients.iter().map(|c| c.outage_ms).fold(0.0, f64::max);
    [
        ("noticed", ms(fault.detect_ms)),
        ("first route change", ms(fault.first_fib_change_ms)),
        ("last route change", ms(fault.last_fib_change_ms)),
        ("nodes with route changes", count(fault.fib_nodes)),
        ("all answered", ms(fault.first_reply_ms)),
        ("longest outage", ms((fault.probes > 0).then_some(outage))),
        ("lost probes", bad(fault.lost)),
        ("moved clients", count(fault.moved.len())),
        ("BGP updates", (fault.updates.as_ref().map(|u| u.messages as f64), Unit::Count, false)),
        // How many there are is chance: how long clients suffered is told above.
        ("loops", count(fault.loops)),
        ("black holes", count(fault.blackholes)),
    ]
}

fn of_overlay(overlay: &OverlayReport) -> [(&'static str, Value); 11] {
    let lookups = &overlay.lookups.total;
    [
        ("members at the end", count(overlay.members)),
        ("islands at the end", bad(overlay.islands_end)),
        ("merge", ms(overlay.merge_seconds.map(|s| s * 1e3))),
        ("joins failed", bad(overlay.joins.failed)),
        ("joins p50", ms(overlay.joins.p50_ms)),
        ("joins p99", ms(overlay.joins.p99_ms)),
        ("lookups failed", bad(lookups.failed)),
        ("lookups wrong", bad(lookups.wrong)),
        ("lookups p50", ms(lookups.p50_ms)),
        ("lookups p99", ms(lookups.p99_ms)),
        ("keys not stored", bad(overlay.keys.failed as usize)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_swept_value_makes_no_other_action() {
        let settings = |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let action = "set west-w0 from west prepend=2 med=2";
        assert_eq!(
            unswept(action, &settings(&[("timeline.1.do.prepend", "2")])),
            "set west-w0 from west prepend=… med=2"
        );
        assert_eq!(unswept(action, &settings(&[("lab.timers", "rfc"), ("timeline.1.at", "2s")])), action);
    }
}
