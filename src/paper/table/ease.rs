//! Ease of deployment: what one member's join and leave do to the network, counted in namespaces.

use std::collections::BTreeSet;

use anyhow::{Context, Result};
use toml_edit::{ArrayOfTables, DocumentMut, Item, Table as Toml, value};

use super::cells::{Cell, Cells};
use crate::anycast::Infrastructure;
use crate::paper::Setup;
use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::page::{Page, Source, Table};
use crate::paper::runs::labs_in_pairs;
use crate::record::{NodeDid, Record, What};

const LAB: &str = include_str!("../../../topologies/four-ways.toml");
/// Who joins when all others have, and leaves later.
const LATE: &str = "campus.n1";
const JOINS: f64 = 12.0;
const LEAVES: f64 = 18.0;
const END: f64 = 23.0;

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
    page.heading("Ease of deployment");
    page.text(format!(
        "A network of eleven routers and six stubs (`topologies/four-ways.toml`) with an overlay of 24; one host, \
         {LATE}, joins when all others have, and leaves. Counted in namespaces, over the {} s that follow: BGP UPDATEs that \
         arrived anywhere; routers whose kernel's routes changed; the time from the overlay's first question until others \
         can find the host (the address on `lo` and its route in BGP, or a lease at a server). Privileged operations at the \
         host are derived from what each way is: an address on `lo` and a route in its daemon for plain IP anycast, which \
         needs a BGP session with its gateway and a filter there before; no privilege at all for the others.",
        LEAVES - JOINS
    ));
    let header = ["by", "", "BGP updates", "routers changed", "until it can be found, s", "privileged operations"];
    let mut table = Table::new("ease", "What one member's join and leave do", Source::Lab, &header);
    let seeds = setup.seeds(5, 1);
    let jobs: Vec<_> = Infrastructure::all().flat_map(|kind| seeds.clone().map(move |seed| (kind, seed))).collect();
    let counted = labs_in_pairs(&jobs, |(kind, seed)| {
        setup.say(&format!("a join and a leave over {}, in namespaces, seed {seed}", kind.title));
        let name = format!("ease-{}-{seed}", kind.name);
        let labs = setup.labs.seeded(*seed);
        labs.play(&name, &text(*kind)?, &[])?;
        let record = labs.record(&name)?;
        Ok([Counted::between(&record, JOINS, LEAVES, true), Counted::between(&record, LEAVES, END, false)])
    })?;
    for kind in Infrastructure::all() {
        let of_kind = || jobs.iter().zip(&counted).filter(|((k, _), _)| *k == kind).map(|(_, counted)| *counted);
        let found: [Vec<Counted>; 2] = [0, 1].map(|which| of_kind().map(|counted| counted[which]).collect());
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
    fn between(record: &Record, from: f64, to: f64, joins: bool) -> Self {
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
                What::Node { node, did: NodeDid::Joining, .. } if node == LATE && joins => began = Some(at),
                What::Node { node, did: NodeDid::Announced { .. }, .. } if node == LATE && joins => {
                    counted.usable = began.map(|began| at - began);
                }
                What::Node { node, did: NodeDid::Withdrew { .. }, .. } if node == LATE && !joins => {
                    counted.usable.get_or_insert(at - from);
                }
                _ => {}
            }
        }
        counted.routers = routers.len() as f64;
        counted
    }
}

/// The shipped lab with the one overlay that uses this infrastructure.
fn text(kind: Infrastructure) -> Result<String> {
    let mut lab: DocumentMut = LAB.parse().context("parse four-ways.toml")?;
    let declared = lab.get("infrastructure").and_then(Item::as_array_of_tables).context("no infrastructures")?;
    let of = |table: &Toml, key: &str| table.get(key).and_then(Item::as_str).map(str::to_owned);
    let name = declared.iter().find(|t| of(t, "kind").as_deref() == Some(kind.name)).and_then(|t| of(t, "name"));
    let via = name.unwrap_or_else(|| kind.name.to_owned());
    for (key, wanted) in [("infrastructure", "name"), ("overlay", "via")] {
        if let Some(tables) = lab.get_mut(key).and_then(Item::as_array_of_tables_mut) {
            tables.retain(|table| of(table, wanted).as_deref() == Some(via.as_str()));
            if tables.is_empty() {
                lab.remove(key);
            }
        }
    }
    lab.remove("expect");
    let overlays = lab.get_mut("overlay").and_then(Item::as_array_of_tables_mut).context("no overlay")?;
    let overlay = overlays.get_mut(0).context("no overlay of this kind")?;
    overlay.insert("name", value("music"));
    overlay.insert("healing", value("none"));
    for key in ["colors", "heal_every"] {
        overlay.remove(key);
    }
    let mut timeline = ArrayOfTables::new();
    let mut act = |at: f64, what: String, over: Option<&str>| {
        let mut table = Toml::new();
        table.insert("at", value(format!("{at}s")));
        table.insert("do", value(what));
        if let Some(over) = over {
            table.insert("over", value(over));
        }
        timeline.push(table);
    };
    act(0.0, "join music".to_owned(), Some("5s"));
    act(8.0, format!("leave {LATE} in music"), None);
    act(JOINS, format!("join {LATE} in music"), None);
    act(LEAVES, format!("leave {LATE} in music"), None);
    lab.insert("timeline", Item::ArrayOfTables(timeline));
    if let Some(table) = lab.get_mut("lab").and_then(Item::as_table_mut) {
        table.insert("name", value("ease"));
        table.insert("duration", value(format!("{END}s")));
    }
    Ok(lab.to_string())
}
