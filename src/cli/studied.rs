//! `anybed sim` of overlays whose keys have owners: what was found, as text; and of all, as JSON.

use std::fmt::Write;
use std::fs;

use serde::Serialize;
use serde_json::json;

use crate::sim::{Joins, Studied};

/// All but the wall clock's part is the same whenever it is played again.
pub(super) fn json<T: Serialize>(found: &[(T, f64)], schema: u32) -> String {
    let simulations: Vec<&T> = found.iter().map(|(one, _)| one).collect();
    let seconds: Vec<f64> = found.iter().map(|(_, seconds)| *seconds).collect();
    let wall_clock = json!({ "seconds": seconds, "peak_megabytes": peak_megabytes() });
    let all = json!({ "schema": schema, "simulated": true, "simulations": simulations, "wall_clock": wall_clock });
    format!("{all:#}\n")
}

/// Most memory that this process has had.
pub(super) fn peak_megabytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: f64 = line.trim().trim_end_matches(" kB").parse().ok()?;
    Some((kib * 1.024 / 100.0).round() / 10.0)
}

/// What became of joins.
pub(super) fn joins(joins: &Joins) -> String {
    let (join, distance) = (joins.milliseconds.unwrap_or_default(), joins.distance_ms.unwrap_or_default());
    format!(
        "{} ok, {} failed, p50 {:.1} ms, p99 {:.1} ms; served by {} members, {} at most by one, p50 {:.1} ms away",
        joins.ok, joins.failed, join.p50, join.p99, joins.servers, joins.most_served, distance.p50
    )
}

/// What the protocol's paper says about the length of a path.
fn published(studied: &Studied) -> (&'static str, f64) {
    (studied.protocol.published)(studied.nodes as f64)
}

/// A row for each number of nodes.
pub(super) fn table(found: &[(Studied, f64)]) -> String {
    let paper = found.first().map_or("", |(studied, _)| published(studied).0);
    let mut text = format!(
        "{:>8}{:>8}{:>11}{:>7}{:>8}{:>8}{:>9}{:>12}{:>12}{:>9}\n",
        "nodes", "hops", paper, "p99", "wrong", "failed", "RDP p50", "p50 ms", "neighbors", "seconds"
    );
    for (studied, seconds) in found {
        let (lookups, (_, paper)) = (&studied.lookups, published(studied));
        let (hops, latency) = (lookups.hops.unwrap_or_default(), lookups.latency_ms.unwrap_or_default());
        let (penalty, neighbors) =
            (lookups.delay_penalty.unwrap_or_default().p50, studied.neighbors.unwrap_or_default().mean);
        let _ = writeln!(
            text,
            "{:>8}{:>8.2}{paper:>11.2}{:>7.0}{:>8}{:>8}{penalty:>9.2}{:>12.1}{neighbors:>12.1}{seconds:>9.1}",
            studied.nodes, hops.mean, hops.p99, lookups.wrong, lookups.failed, latency.p50
        );
    }
    text
}

/// One simulation in words.
pub(super) fn text(studied: &Studied, seconds: f64) -> String {
    let Studied { joins, lookups, .. } = studied;
    let (hops, latency) = (lookups.hops.unwrap_or_default(), lookups.latency_ms.unwrap_or_default());
    let (direct, penalty) = (lookups.direct_ms.unwrap_or_default(), lookups.delay_penalty.unwrap_or_default());
    let (neighbors, (paper, value)) = (studied.neighbors.unwrap_or_default(), published(studied));
    let mut text = format!("{} · {} nodes · seed {} · simulated\n", studied.protocol.name, studied.nodes, studied.seed);
    let mut line = |what: &str, words: String| {
        let _ = writeln!(text, "  {what:<11} {words}");
    };
    line("members", format!("{} in {}", studied.members, plural(studied.islands, "island")));
    line("joins", self::joins(joins));
    line("neighbors", format!("{:.1} each on average, {} at most", neighbors.mean, neighbors.max));
    line(
        "lookups",
        format!("{} ok, {} wrong, {} failed of {}", lookups.ok, lookups.wrong, lookups.failed, lookups.sent),
    );
    line("hops", format!("mean {:.2}, p99 {}, at most {} ({paper} is {value:.2})", hops.mean, hops.p99, hops.max));
    line(
        "latency",
        format!(
            "p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms; straight to the owner and back p50 {:.1} ms",
            latency.p50, latency.p90, latency.p99, direct.p50
        ),
    );
    line(
        "RDP",
        format!(
            "p50 {:.2}, p90 {:.2}; of the sums {:.2}",
            penalty.p50,
            penalty.p90,
            lookups.mean_delay_penalty.unwrap_or_default()
        ),
    );
    line(
        "datagrams",
        format!(
            "{} ({:.0} MB), {:.2} a second and member while settling",
            studied.datagrams,
            studied.bytes as f64 / 1e6,
            studied.upkeep
        ),
    );
    line("time", format!("{:.0} s simulated in {seconds:.1} s", studied.virtual_seconds));
    text
}

pub(super) fn plural(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}
