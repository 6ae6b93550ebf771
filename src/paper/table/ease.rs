//! Ease of deployment: what one member's join and leave do to the network, counted in namespaces.

use std::collections::BTreeSet;

use anyhow::Result;

use super::cells::{Cell, Cells};
use crate::anycast::Infrastructure;
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::four_ways::FourWays;
use crate::paper::page::{Page, Source, Table};
use crate::paper::runs::labs_in_pairs;
use crate::record::{NodeDid, Record, What};

/// Who joins when all others have, and leaves later.
const LATE: &str = "campus.n1";
/// All others have joined by then, and it leaves again.
const READY: f64 = 8.0;
const BEGIN: f64 = 10.0;

/// *Difficult*: routers of others have to change for one member's join.
const ROUTERS: f64 = 1.0;

/// What was counted from a join, or a leave, on.
#[derive(Clone, Copy, Debug, Default)]
struct Counted {
    updates: f64,
    routers: f64,
    /// Seconds until others can find it, or not any more.
    usable: Option<f64>,
}

pub(super) fn measure(setup: &Setup, page: &mut Page, cells: &mut Cells) -> Result<()> {
    // So long after each join and each leave nothing else is done.
    let pause = setup.pick(6.0, 1.0);
    page.heading("Ease of deployment");
    page.text(format!(
        "A network of eleven routers and six stubs (`topologies/four-ways.toml`) with four overlays of 24, each found in \
         another way; one host, {LATE}, joins when all others have, and leaves, in one overlay after the other. Counted in \
         namespaces, over the {pause} s that follow: BGP UPDATEs that arrived anywhere; routers whose kernel's routes changed; \
         the time from the overlay's first question until others can find the host (the address on `lo` and its route in \
         BGP, or a lease at a server). Privileged operations at the host are derived from what each way is: an address on \
         `lo` and a route in its daemon for plain IP anycast, which needs a BGP session with its gateway and a filter there \
         before; no privilege at all for the others."
    ));
    let header = ["by", "", "BGP updates", "routers changed", "until it can be found, s", "privileged operations"];
    let mut table = Table::new("ease", "What one member's join and leave do", Source::Lab, &header);
    let (lab, overlays) = lab(pause)?;
    let seeds: Vec<u64> = setup.seeds(5, 1).collect();
    let records = labs_in_pairs(&seeds, |seed| {
        setup.say(&format!("a join and a leave over each infrastructure, in namespaces, seed {seed}"));
        let name = format!("ease-{seed}");
        let labs = setup.labs.seeded(*seed);
        labs.play(&name, &lab.text(), &[])?;
        labs.record(&name)
    })?;
    for (turn, (kind, overlay)) in overlays.iter().enumerate() {
        let (kind, [joins, leaves]) = (*kind, turns(turn, pause));
        let of = |from, joins| -> Vec<Counted> {
            records.iter().map(|record| Counted::of(record, overlay, (from, from + pause), joins)).collect()
        };
        let found = [of(joins, true), of(leaves, false)];
        let privileged = if kind.server.is_none() { 2 } else { 0 };
        for (what, found) in ["join", "leave"].into_iter().zip(&found) {
            let mean = |of: fn(&Counted) -> Option<f64>| Estimate::mean(found.iter().filter_map(of));
            table.row([
                kind.title.to_owned(),
                what.to_owned(),
                shown(mean(|c| Some(c.updates)), 1),
                shown(mean(|c| Some(c.routers)), 1),
                shown(mean(|c| c.usable), 3),
                privileged.to_string(),
            ]);
        }
        let routers = Estimate::mean(found[0].iter().map(|c| c.routers));
        let what = "routers whose routes change for one join";
        let test = match Cell::Ease.word(kind) {
            "Difficult" => Test::at_least(what, routers, ROUTERS),
            _ => Test::at_most(what, routers, 0.0),
        };
        cells.add(Cell::Ease, kind, [test.digits(1)]);
    }
    page.table(table);
    Ok(())
}

impl Counted {
    fn of(record: &Record, overlay: &str, (from, to): (f64, f64), joins: bool) -> Self {
        let mut counted = Self::default();
        let mut routers = BTreeSet::new();
        let mut began = None;
        for event in &record.events {
            let at = record.seconds(event.at);
            if at < from || at >= to {
                continue;
            }
            match &event.what {
                What::Update { .. } => counted.updates += 1.0,
                What::Fib { node, .. } if !node.contains('.') => {
                    routers.insert(node.clone());
                }
                What::Node { node, overlay: of, did } if node == LATE && of == overlay => match did {
                    NodeDid::Joining if joins => began = Some(at),
                    NodeDid::Announced { .. } if joins => counted.usable = began.map(|began| at - began),
                    NodeDid::Withdrew { .. } if !joins => drop(counted.usable.get_or_insert(at - from)),
                    _ => {}
                },
                _ => {}
            }
        }
        counted.routers = routers.len() as f64;
        counted
    }
}

/// When the host joins the n-th overlay, and leaves it.
fn turns(turn: usize, pause: f64) -> [f64; 2] {
    let joins = BEGIN + 2.0 * turn as f64 * pause;
    [joins, joins + pause]
}

/// The shipped lab, in which one host joins when all others have, and leaves, and what overlay is whose.
fn lab(pause: f64) -> Result<(FourWays, Vec<(Infrastructure, String)>)> {
    let kinds: Vec<Infrastructure> = Infrastructure::all().collect();
    let mut lab = FourWays::new("ease", turns(kinds.len(), pause)[0])?;
    let mut overlays = Vec::new();
    for kind in kinds {
        overlays.push((kind, lab.overlay(kind)?));
    }
    for (turn, (_, overlay)) in overlays.iter().enumerate() {
        let [joins, leaves] = turns(turn, pause);
        lab.act(0.0, format!("join {overlay}"), Some(READY - 3.0));
        lab.act(READY, format!("leave {LATE} in {overlay}"), None);
        lab.act(joins, format!("join {LATE} in {overlay}"), None);
        lab.act(leaves, format!("leave {LATE} in {overlay}"), None);
    }
    Ok((lab, overlays))
}
