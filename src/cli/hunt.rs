//! `anybed sim` of overlays that search: what was found, as text.

use std::fmt::Write;

use super::studied::{self, peak_megabytes, plural};
use crate::sim::{Hunted, Sample};

/// Each simulation in words; of several, a row each too.
pub(super) fn text(found: &[(Hunted, f64)]) -> String {
    let mut text: String = if found.len() > 1 { table(found) } else { found.iter().map(in_words).collect() };
    let _ = writeln!(
        text,
        "  {:<11} {} MB at most",
        "memory",
        peak_megabytes().map_or("–".into(), |mb| format!("{mb:.0}"))
    );
    text
}

fn table(found: &[(Hunted, f64)]) -> String {
    let mut text = format!(
        "{:>8}{:>8}{:>8}{:>8}{:>11}{:>9}{:>9}{:>9}{:>8}{:>9}\n",
        "nodes", "joined", "asked", "found", "messages", "reach", "path", "path p99", "links", "seconds"
    );
    for (hunted, seconds) in found {
        let searches = &hunted.searches;
        let of = |sample: Option<Sample>| sample.unwrap_or_default();
        let _ = writeln!(
            text,
            "{:>8}{:>8}{:>8}{:>8}{:>11.1}{:>9.1}{:>9.2}{:>9.0}{:>8.1}{seconds:>9.1}",
            hunted.nodes,
            hunted.members,
            searches.asked,
            searches.found,
            of(searches.messages).mean,
            of(searches.reach).mean,
            of(searches.path).mean,
            of(searches.path).p99,
            of(hunted.neighbors).mean
        );
    }
    text
}

fn in_words((hunted, seconds): &(Hunted, f64)) -> String {
    let Hunted { joins, searches, .. } = hunted;
    let mut text = format!("{} · {} nodes · seed {} · simulated\n", hunted.protocol.name, hunted.nodes, hunted.seed);
    let mut line = |what: &str, words: String| {
        let _ = writeln!(text, "  {what:<11} {words}");
    };
    let of = |sample: Option<Sample>| sample.unwrap_or_default();
    let neighbors = of(hunted.neighbors);
    line("members", format!("{} in {}", hunted.members, plural(hunted.islands, "island")));
    line("joins", studied::joins(joins));
    line("neighbors", format!("{:.1} each on average, {} at most", neighbors.mean, neighbors.max));
    line("items", format!("{} names, {} placed", hunted.items, hunted.placed));
    line("searches", format!("{} found something of {}", searches.found, searches.asked));
    let spread = |sample: Option<Sample>| {
        sample.map_or("–".to_owned(), |of| {
            format!("mean {:.1}, p50 {}, p99 {}, at most {}", of.mean, of.p50, of.p99, of.max)
        })
    };
    line("messages", format!("{} a search", spread(searches.messages)));
    line("reach", format!("{} nodes heard of one", spread(searches.reach)));
    line("path", format!("{} nodes", spread(searches.path)));
    if searches.hits.is_some() {
        line("hits", spread(searches.hits));
    }
    let first = of(searches.first_ms);
    line("first hit", format!("p50 {:.1} ms, p90 {:.1} ms, p99 {:.1} ms", first.p50, first.p90, first.p99));
    line(
        "traffic",
        format!(
            "{} datagrams and parts of streams ({:.0} MB), {:.2} a second and member while settling",
            hunted.carried,
            hunted.bytes as f64 / 1e6,
            hunted.upkeep
        ),
    );
    line("time", format!("{:.0} s simulated in {seconds:.1} s", hunted.virtual_seconds));
    text
}
