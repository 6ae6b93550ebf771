//! Crowds in namespaces: who serves them, and how many catchments there are.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use toml_edit::{DocumentMut, Item, Table as TomlTable, Value, value};

use super::attempts::{Attempt, announced, attempts};
use super::load::Load;
use super::ways::{ANYCAST, CAPACITY, LEAST_LOADED, ONE, SEEDS, WAYS, Way, milliseconds};
use crate::anycast::{Bootstrap, Redirect};
use crate::paper::Setup;
use crate::paper::estimate::Estimate;
use crate::paper::figure::bars;
use crate::paper::page::{Page, Source, Table, number};
use crate::record::{Record, What};
use crate::sim::Tail;
use crate::topology::NodeKind;

const FLASH_CROWD: &str = include_str!("../../../topologies/flash-crowd.toml");
/// The crowd of the lab file, and how many times as large the large one is.
const SMALL: usize = 64;
const LARGE: usize = 8;
/// When the crowd begins to come in the lab file, and when all have come.
const RUSH: (f64, f64) = (6.0, 7.0);
/// Seconds of play at which the survey is taken, of the small crowd and of the large one.
const SURVEYS: [i64; 2] = [11, 25];
/// Members that the lab file has before the crowd.
const WELL_KNOWN: [&str; 3] = ["north-seed.n1", "east-seed.n1", "south-seed.n1"];

/// What became of one crowd.
pub(super) struct Crowd {
    name: String,
    pub(super) size: usize,
    joins: Vec<Attempt>,
    load: Load<String>,
    /// Members that packets from anywhere may be led to, when all have joined.
    catchments: usize,
}

pub(super) struct Played {
    crowds: Vec<Crowd>,
}

pub(super) fn crowds(setup: &Setup, page: &mut Page) -> Result<Played> {
    page.heading("Crowds in namespaces");
    page.text(
        "One run each, over real BGP. *Catchments*: members that the kernels' routes of all routers and gateways lead \
         to, branch by branch, when all have joined. A gateway's BIRD keeps one best path, so a stub is one catchment \
         however many members it has; with *multipath* its kernel uses up to 16 of them and chooses by addresses and \
         ports (`multipath_hash = \"l4\"`). Servers may be a few more than catchments, for a stub's best path changes while \
         its members join. In the crowd of 512 all hosts share the machine's CPUs.",
    );
    let small = |way, multipath| (way, multipath, 1);
    let large = |way, multipath| (way, multipath, LARGE);
    let mut plays: Vec<(Way, bool, usize)> = WAYS.into_iter().map(|way| small(way, false)).collect();
    plays.extend([small(ANYCAST, true), large(ONE, false), large(ANYCAST, false), large(ANYCAST, true)]);
    plays.push(large(LEAST_LOADED, false));
    let plays = setup.pick(plays, vec![small(ONE, false), small(ANYCAST, true)]);
    let mut played = Played { crowds: Vec::new() };
    for (way, multipath, factor) in plays {
        played.crowds.push(play(setup, way, multipath, factor)?);
    }
    played.show(page);
    Ok(played)
}

fn play(setup: &Setup, way: Way, multipath: bool, factor: usize) -> Result<Crowd> {
    let (name, size) = (format!("{}{}", way.name, if multipath { ", multipath" } else { "" }), SMALL * factor);
    setup.say(&format!("a crowd of {size} in namespaces, {name}"));
    let mut set: Vec<(&str, Value)> = Vec::new();
    if multipath {
        set.extend([("lab.multipath", true.into()), ("lab.multipath_hash", "l4".into())]);
    }
    match way.bootstrap {
        Bootstrap::WellKnown => {
            set.push(("bootstrap", "well-known".into()));
            let names = WELL_KNOWN[..way.well_known].iter().copied();
            set.push(("well_known", names.collect::<toml_edit::Array>().into()));
        }
        Bootstrap::Anycast if way.redirect == Redirect::LeastLoaded => {
            set.push(("redirect", "least-loaded".into()));
            set.push(("join_capacity", i64::from(CAPACITY).into()));
        }
        Bootstrap::Anycast => {}
    }
    let lab = format!("flash-crowd-{size}-{}", name.replace([' ', ','], "-"));
    setup.labs.play(&lab, &grown(factor)?, &set)?;
    Ok(Crowd::of(name, size, way, &setup.labs.record(&lab)?))
}

/// The lab file with stubs that have so many times the members, and a survey at the end instead of expectations.
fn grown(factor: usize) -> Result<String> {
    let mut lab: DocumentMut = FLASH_CROWD.parse().context("parse the lab file")?;
    let stubs = lab.get_mut("stub").and_then(Item::as_array_of_tables_mut).context("the lab file has stubs")?;
    for stub in stubs.iter_mut() {
        let members = stub.get("members").and_then(Item::as_integer).unwrap_or(1);
        if members > 1 {
            stub.insert("members", value(members * factor as i64));
        }
    }
    let timeline = lab.get_mut("timeline").and_then(Item::as_array_of_tables_mut).context("there is a timeline")?;
    let mut survey = TomlTable::new();
    let at = SURVEYS[usize::from(factor > 1)];
    survey.insert("at", value(format!("{at}s")));
    survey.insert("do", value("catchment music"));
    timeline.push(survey);
    lab["lab"]["duration"] = value(format!("{}s", at + 2));
    lab.remove("expect");
    Ok(lab.to_string())
}

impl Crowd {
    fn of(name: String, size: usize, way: Way, record: &Record) -> Self {
        let mut joins = attempts(record, "music");
        joins.retain(|join| join.begun >= RUSH.0);
        let mut served = std::collections::BTreeMap::new();
        for by in joins.iter().filter_map(|join| join.served_by.clone()) {
            *served.entry(by).or_default() += 1;
        }
        let could = match way.bootstrap {
            Bootstrap::Anycast => announced(record, "music", RUSH),
            Bootstrap::WellKnown => {
                WELL_KNOWN[..way.well_known].iter().map(|host| ((*host).to_owned(), RUSH.1 - RUSH.0)).collect()
            }
        };
        Self { name, size, load: Load::new(served, could), joins, catchments: catchments(record) }
    }

    fn times(&self) -> Tail {
        Tail::of(self.joins.iter().map(|join| join.seconds().map(Duration::from_secs_f64)))
    }

    pub(super) fn within_a_second(&self) -> Option<Estimate> {
        Estimate::share(self.joins.iter().filter(|join| join.within(1.0)).count(), self.size)
    }

    fn cells(&self) -> Vec<String> {
        let maybe = |v: Option<f64>, digits| v.map_or("–".to_owned(), |v| number(v, digits));
        let times = self.times();
        vec![
            self.name.clone(),
            self.size.to_string(),
            self.joins.iter().filter(|join| join.joined.is_some()).count().to_string(),
            self.catchments.to_string(),
            self.load.servers().to_string(),
            self.load.most().to_string(),
            maybe(self.load.most_share(), 2),
            maybe(self.load.busiest_over_mean(), 1),
            milliseconds(times.p50),
            milliseconds(times.p99),
        ]
    }
}

/// Members that the routes of routers and gateways lead to, in the last survey.
fn catchments(record: &Record) -> usize {
    let survey = record.events.iter().rev().find_map(|event| match &event.what {
        What::Survey(survey) => Some(survey),
        _ => None,
    });
    let forwards = |name: &str| {
        let kinds = [NodeKind::Router, NodeKind::Gateway];
        record.facts.nodes.iter().any(|node| node.name == name && kinds.contains(&node.kind))
    };
    let nodes = survey.into_iter().flat_map(|survey| &survey.nodes).filter(|node| forwards(&node.node));
    nodes.filter_map(|node| node.routes.as_ref()).flat_map(|routes| &routes.members).collect::<BTreeSet<_>>().len()
}

impl Played {
    /// The largest crowd that found the overlay so.
    pub(super) fn find(&self, name: &str) -> Option<&Crowd> {
        self.crowds.iter().filter(|crowd| crowd.name == name).max_by_key(|crowd| crowd.size)
    }

    /// Of the crowds that found it by anycast.
    pub(super) fn catchments(&self) -> String {
        let any = self.crowds.iter().filter(|crowd| crowd.name.starts_with(ANYCAST.name));
        let one = |c: &Crowd| {
            format!(
                "{} servers for {} catchments ({} of {} members)",
                c.load.servers(),
                c.catchments,
                c.name,
                c.size + SEEDS
            )
        };
        any.map(one).collect::<Vec<_>>().join("; ")
    }

    fn show(&self, page: &mut Page) {
        let header = [
            "found by",
            "crowd",
            "joined",
            "catchments",
            "servers",
            "most served",
            "share of the busiest",
            "busiest over mean",
            "join p50",
            "join p99",
        ];
        let mut table = Table::new("crowds", "Flash crowds in namespaces, over real BGP", Source::Lab, &header);
        self.crowds.iter().for_each(|crowd| table.row(crowd.cells()));
        let small = self.crowds.iter().filter(|crowd| crowd.size == SMALL);
        let counts = |c: &Crowd| vec![c.catchments as f64, c.load.servers() as f64];
        let groups: Vec<(String, Vec<f64>)> = small.map(|c| (c.name.clone(), counts(c))).collect();
        let caption = format!("Catchments of the join group, and members that served, of {}", SMALL + SEEDS);
        page.figure(bars("servers", &caption, Source::Lab, "members", &["catchments", "servers"], &groups));
        page.table(table);
    }
}
