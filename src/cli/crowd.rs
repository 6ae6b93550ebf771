//! `anybed sim --crowd`: nodes that join an overlay of four all at once.

use std::fmt::Write;

use serde_json::json;

use crate::measure::Spread;
use crate::sim::{Crowded, Tail};

/// One row a seed, and what they have in common.
pub(super) fn text(found: &[Crowded]) -> String {
    let mut text = String::new();
    for (index, of) in found.iter().enumerate() {
        if index == 0 || found[index - 1].crowd != of.crowd {
            let _ = writeln!(
                text,
                "{} · {} nodes join an overlay of {} within {} s · rounds of {} s · simulated",
                of.protocol.title, of.crowd, of.before, of.within_seconds, of.stabilize_seconds
            );
            let _ = writeln!(
                text,
                "{:>6}{:>8}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>7}{:>6}{:>8}{:>8}{:>8}{:>8}",
                "seed",
                "joined",
                "p50 s",
                "p99 s",
                "last s",
                "noticed",
                "p50 s",
                "p99 s",
                "hops",
                "p99",
                "rounds",
                "servers",
                "most",
                "Hellos"
            );
        }
        let hops = of.hops.unwrap_or_default();
        let rounds = of.whole_rounds.map_or("–".to_owned(), |rounds| format!("{rounds:.1}"));
        let [join, noticed] = [&of.join_ms, &of.noticed_ms].map(|tail| [tail.p50, tail.p99, tail.max].map(seconds));
        let _ = writeln!(
            text,
            "{:>6}{:>8}{:>9}{:>9}{:>9}{:>9}{:>9}{:>9}{:>7.1}{:>6}{rounds:>8}{:>8}{:>8}{:>8}",
            of.seed,
            of.joined,
            join[0],
            join[1],
            join[2],
            of.noticed,
            noticed[0],
            noticed[1],
            hops.mean,
            hops.p99,
            of.servers,
            of.most_served,
            of.most_hellos
        );
        let runs: Vec<&Crowded> = found.iter().filter(|other| other.crowd == of.crowd).collect();
        if runs.len() > 1 && found.get(index + 1).is_none_or(|next| next.crowd != of.crowd) {
            text.push_str(&together(&runs));
        }
    }
    text
}

fn seconds(ms: Option<f64>) -> String {
    ms.map_or("never".to_owned(), |ms| format!("{:.2}", ms / 1e3))
}

/// Medians over the seeds, with their intervals of 95 %.
fn together(runs: &[&Crowded]) -> String {
    let mut text = String::new();
    for (what, values) in quantities(runs) {
        let Some(spread) = Spread::of(values.iter().map(|value| value.unwrap_or(f64::INFINITY))) else { continue };
        let shown = |value: f64| if value.is_finite() { format!("{value:.2}") } else { "never".to_owned() };
        let interval = spread.interval.map_or("too few seeds for an interval".to_owned(), |i| {
            format!("95 %: {} to {}", shown(i.low), shown(i.high))
        });
        let _ =
            writeln!(text, "  {what:<14} median {} ({interval}), at most {}", shown(spread.median), shown(spread.max));
    }
    text
}

type Quantity = (&'static str, Vec<Option<f64>>);

fn quantities(runs: &[&Crowded]) -> Vec<Quantity> {
    let all = |of: &dyn Fn(&Crowded) -> Option<f64>| runs.iter().map(|run| of(run)).collect::<Vec<_>>();
    let second = |tail: &Tail, of: fn(&Tail) -> Option<f64>| of(tail).map(|ms| ms / 1e3);
    vec![
        ("joined %", all(&|run| Some(run.joined as f64 / run.crowd.max(1) as f64 * 100.0))),
        ("join p50 s", all(&|run| second(&run.join_ms, |t| t.p50))),
        ("join p99 s", all(&|run| second(&run.join_ms, |t| t.p99))),
        ("noticed p50 s", all(&|run| second(&run.noticed_ms, |t| t.p50))),
        ("noticed p99 s", all(&|run| second(&run.noticed_ms, |t| t.p99))),
        ("hops", all(&|run| run.hops.map(|hops| hops.mean))),
        ("rounds", all(&|run| run.whole_rounds)),
        ("most Hellos", all(&|run| Some(run.most_hellos as f64))),
    ]
}

/// All but the wall clock's part is the same whenever it is played again.
pub(super) fn json(found: &[Crowded], schema: u32, wall_clock: &[f64]) -> String {
    let all = json!({ "schema": schema, "simulated": true, "crowds": found, "wall_clock": { "seconds": wall_clock } });
    format!("{all:#}\n")
}
