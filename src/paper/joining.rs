//! Section 4.1: who serves those who join, and what becomes of them when the servers are gone.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result};

use super::Setup;
use super::figure::{Axis, Line, bars, lines};
use super::page::{Finding, Page, Source, Table, number, percent};
use crate::anycast::{Bootstrap, Command, Redirect};
use crate::measure::{Balance, Report, balance};
use crate::overlay::{Protocol, Proximity};
use crate::sim::{Join, Joins, Options, World, settings};

const FLASH_CROWD: &str = include_str!("../../topologies/flash-crowd.toml");

/// How a crowd finds the overlay.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Entry {
    name: &'static str,
    bootstrap: Bootstrap,
    well_known: usize,
    redirect: Redirect,
}

const ENTRIES: [Entry; 4] = [
    Entry { name: "1 well-known", bootstrap: Bootstrap::WellKnown, well_known: 1, redirect: Redirect::Nearest },
    Entry { name: "3 well-known", bootstrap: Bootstrap::WellKnown, well_known: 3, redirect: Redirect::Nearest },
    Entry { name: "anycast", bootstrap: Bootstrap::Anycast, well_known: 0, redirect: Redirect::Nearest },
    Entry {
        name: "anycast, least loaded",
        bootstrap: Bootstrap::Anycast,
        well_known: 0,
        redirect: Redirect::LeastLoaded,
    },
];

/// The crowd of the lab file, and how many times as large the large one is.
const SMALL: usize = 64;
const LARGE: usize = 8;
/// Members before the crowd comes.
const SEEDS: usize = 4;
/// The crowd comes within this time.
const RUSH: Duration = Duration::from_secs(1);
/// Joins a second from which on a member points to others.
const CAPACITY: u32 = 4;

/// What became of a crowd.
struct Crowd {
    way: Entry,
    size: usize,
    joined: usize,
    /// Joins that each server served.
    served: Vec<usize>,
    /// Over all members there are at the end.
    balance: Balance,
    p50_ms: Option<f64>,
    p99_ms: Option<f64>,
    /// Servers killed in the middle.
    killed: usize,
}

pub(super) fn measure(setup: &Setup) -> Result<Page> {
    let mut page = Page::new("4.1", "Node initialization and load balancing");
    page.text(
        "A crowd joins an overlay of four within a second. *Well-known*: it asks one node, or one of three. \
         *Anycast*: it asks the overlay's shared address, and whoever has joined announces that address too. \
         *Least loaded*: a member that has served more than four joins within a second points to a neighbor that \
         has served fewer. Gini and max/mean are over all members at the end.",
    );
    let labs = in_labs(setup, &mut page)?;
    let sizes = setup.pick(vec![64, 500, 2000], vec![32]);
    let simulated = simulated(setup, &mut page, &sizes);
    let killed = killed(setup, &mut page);
    let flood = super::flood::answers(setup, &mut page)?;
    claims(&mut page, &labs, &simulated, &killed, &flood);
    Ok(page)
}

fn in_labs(setup: &Setup, page: &mut Page) -> Result<Vec<Crowd>> {
    page.heading("In namespaces");
    let mut table = crowd_table("crowds", "Flash crowds in namespaces, over real BGP", Source::Lab);
    let mut crowds = Vec::new();
    let few = |way: &Entry| matches!(way.name, "1 well-known" | "anycast");
    let small = ENTRIES.into_iter().filter(|way| !setup.quick || few(way)).map(|way| (way, 1));
    let large = ENTRIES.into_iter().filter(|way| !setup.quick && way.name != "3 well-known").map(|way| (way, LARGE));
    for (way, factor) in small.chain(large) {
        let size = SMALL * factor;
        setup.say(&format!("a crowd of {size} in namespaces, {}", way.name));
        let mut set: Vec<(&str, toml_edit::Value)> = Vec::new();
        if factor > 1 {
            set.push(("lab.duration", "60s".into()));
        }
        match way.bootstrap {
            Bootstrap::WellKnown => {
                set.push(("bootstrap", "well-known".into()));
                let names = ["north-seed.n1", "east-seed.n1", "south-seed.n1"];
                set.push(("well_known", names[..way.well_known].iter().copied().collect::<toml_edit::Array>().into()));
            }
            Bootstrap::Anycast => {
                let word = if way.redirect == Redirect::LeastLoaded { "least-loaded" } else { "nearest" };
                set.push(("redirect", word.into()));
                if way.redirect == Redirect::LeastLoaded {
                    set.push(("join_capacity", i64::from(CAPACITY).into()));
                }
            }
        }
        let name = format!("flash-crowd-{size}-{}", way.name.replace([' ', ','], "-"));
        let report = setup.labs.play(&name, &grown(factor)?, &set)?;
        let crowd = from_lab(way, size, &report);
        table.row(crowd.cells());
        crowds.push(crowd);
    }
    let groups: Vec<(String, Vec<f64>)> = crowds
        .iter()
        .filter(|c| c.size == SMALL)
        .map(|c| (c.way.name.to_owned(), vec![c.balance.max_over_mean.unwrap_or(0.0)]))
        .collect();
    let caption = "Joins served by the busiest member, over the mean of all members";
    page.figure(bars("max-over-mean", caption, Source::Lab, "max / mean", &["max / mean"], &groups));
    page.table(table);
    Ok(crowds)
}

/// The lab file with stubs that have so many times the members.
fn grown(factor: usize) -> Result<String> {
    let mut lab: toml_edit::DocumentMut = FLASH_CROWD.parse().context("parse the lab file")?;
    let stubs = lab.get_mut("stub").and_then(|s| s.as_array_of_tables_mut()).context("the lab file has stubs")?;
    for stub in stubs.iter_mut() {
        let members = stub.get("members").and_then(|m| m.as_integer()).unwrap_or(1);
        if members > 1 {
            stub.insert("members", toml_edit::value(members * factor as i64));
        }
    }
    Ok(lab.to_string())
}

fn from_lab(way: Entry, size: usize, report: &Report) -> Crowd {
    let empty = crate::measure::Joins::default();
    let joins = report.overlays.get("music").map_or(&empty, |o| &o.joins);
    Crowd {
        way,
        size,
        joined: joins.ok.saturating_sub(SEEDS),
        served: joins.served_by.values().copied().collect(),
        balance: joins.balance,
        p50_ms: joins.p50_ms,
        p99_ms: joins.p99_ms,
        killed: 0,
    }
}

fn crowd_table(name: &str, caption: &str, source: Source) -> Table {
    let header = ["found by", "crowd", "joined", "servers", "most served", "max/mean", "Gini", "join p50", "join p99"];
    Table::new(name, caption, source, &header)
}

impl Crowd {
    fn cells(&self) -> Vec<String> {
        let ms = |value: Option<f64>| value.map_or("–".to_owned(), |v| format!("{} ms", number(v, 1)));
        let maybe = |value: Option<f64>| value.map_or("–".to_owned(), |v| number(v, 2));
        vec![
            self.way.name.to_owned(),
            self.size.to_string(),
            self.joined.to_string(),
            self.served.len().to_string(),
            self.served.iter().max().map_or("0".to_owned(), usize::to_string),
            maybe(self.balance.max_over_mean),
            maybe(self.balance.gini),
            ms(self.p50_ms),
            ms(self.p99_ms),
        ]
    }

    fn share(&self) -> f64 {
        self.joined as f64 / self.size.max(1) as f64
    }
}

fn simulated(setup: &Setup, page: &mut Page, sizes: &[usize]) -> Vec<Crowd> {
    page.heading("In the simulated network");
    let caption = "Flash crowds in the simulated network (hosts compute in no time, so only counts compare)";
    let mut table = crowd_table("crowds-simulated", caption, Source::Simulated);
    let mut crowds = Vec::new();
    for &size in sizes {
        for way in ENTRIES {
            setup.say(&format!("a crowd of {size} in the simulated network, {}", way.name));
            let crowd = rush(way, size, setup.seed, false);
            table.row(crowd.cells());
            crowds.push(crowd);
        }
    }
    let of = |way: Entry| {
        let points = crowds.iter().filter(|c| c.way.name == way.name);
        Line::measured(way.name, points.map(|c| (c.size as f64, c.balance.gini.unwrap_or(0.0))).collect())
    };
    let axes = [("nodes that join", Axis::Log), ("Gini coefficient", Axis::Linear)];
    let caption = "How unevenly joins are spread over the members";
    page.figure(lines("gini", caption, Source::Simulated, axes, &ENTRIES.map(of)));
    page.table(table);
    crowds
}

/// A crowd in the simulated network. With `kill`, the [`busiest`] die after a third of the rush.
fn rush(way: Entry, size: usize, seed: u64, kill: bool) -> Crowd {
    let mut options = Options::of(SEEDS + size, settings(Protocol::default(), Proximity::Anycast), seed);
    options.bootstrap = way.bootstrap;
    options.well_known = way.well_known;
    options.redirect = way.redirect;
    options.join_capacity = CAPACITY;
    options.stabilize_every = Duration::from_secs(2);
    options.rpc_timeout = Duration::from_millis(500);
    options.network.propagation = Duration::from_millis(20);
    let mut world = World::new(&options);
    for host in 0..SEEDS {
        world.command(host, Command::Join { found: host == 0 });
        world.run_until(Duration::from_secs(30), |world| world.members().contains(&host));
        world.run_for(Duration::from_secs(3));
    }
    let (before, begin) = (world.joins().len(), world.now());
    let mut killed = Vec::new();
    for n in 0..size {
        let at = begin + RUSH.mul_f64(n as f64 / size as f64);
        world.run_for(at - world.now());
        if kill && n == size / 3 {
            killed = busiest(&world, before, way);
            killed.iter().for_each(|host| world.crash(*host));
        }
        world.command(SEEDS + n, Command::Join { found: false });
    }
    let alive = SEEDS + size - killed.len();
    world.run_until(Duration::from_secs(60), |world| world.members().len() == alive);
    let of_crowd = &world.joins()[before..];
    let served = served(of_crowd);
    let mut counts: Vec<usize> = served.into_values().collect();
    let shown = counts.clone();
    counts.resize(world.members().len().max(counts.len()), 0);
    let found = Joins::of(of_crowd, world.failed_joins(), world.delays());
    let sample = found.milliseconds;
    Crowd {
        way,
        size,
        joined: of_crowd.iter().filter(|j| !killed.contains(&j.host)).count(),
        served: shown,
        balance: balance(&counts),
        p50_ms: sample.map(|s| s.p50),
        p99_ms: sample.map(|s| s.p99),
        killed: killed.len(),
    }
}

/// Host to the number of joins that it served.
fn served(joins: &[Join]) -> BTreeMap<usize, usize> {
    let mut served = BTreeMap::new();
    joins.iter().filter_map(|j| j.served_by).for_each(|by| *served.entry(by).or_default() += 1);
    served
}

/// The well-known nodes, or up to three members that have served most.
fn busiest(world: &World, before: usize, way: Entry) -> Vec<usize> {
    if way.bootstrap == Bootstrap::WellKnown {
        return (0..way.well_known).collect();
    }
    let mut busiest: Vec<(usize, usize)> =
        served(&world.joins()[before..]).into_iter().map(|(host, count)| (count, host)).collect();
    busiest.sort_unstable_by(|a, b| b.cmp(a));
    busiest.into_iter().map(|(_, host)| host).take(3).collect()
}

fn killed(setup: &Setup, page: &mut Page) -> Vec<Crowd> {
    page.heading("When the servers are killed");
    page.text(
        "After a third of the rush the well-known nodes are killed; with anycast the members, up to three, that \
         have served most. A minute later:",
    );
    let size = setup.pick(200, 24);
    let caption = "Joins that succeed though servers are killed in the middle";
    let mut table =
        Table::new("killed", caption, Source::Simulated, &["found by", "killed", "crowd", "joined", "share"]);
    let crowds: Vec<Crowd> = ENTRIES.into_iter().map(|way| rush(way, size, setup.seed, true)).collect();
    for c in &crowds {
        let count = |n: usize| n.to_string();
        table.row([c.way.name.to_owned(), count(c.killed), count(c.size), count(c.joined), percent(c.share())]);
    }
    page.table(table);
    crowds
}

fn claims(page: &mut Page, labs: &[Crowd], simulated: &[Crowd], killed: &[Crowd], flood: &super::flood::Answers) {
    let small = |name: &str| labs.iter().find(|c| c.way.name == name && c.size == SMALL);
    let (Some(one), Some(any)) = (small("1 well-known"), small("anycast")) else { return };
    let most = |c: &Crowd| c.served.iter().max().copied().unwrap_or(0);
    page.claim(
        "The few well-known nodes have to serve all requests",
        if most(one) >= one.joined { Finding::Confirmed } else { Finding::Conditional },
        format!("one well-known node served {} of {} joins", most(one), one.served.iter().sum::<usize>()),
    );
    let largest = |name: &str| simulated.iter().rev().find(|c| c.way.name == name);
    let (least, plain) = (largest("anycast, least loaded"), largest("anycast"));
    let gini = |c: &Crowd| c.balance.gini.map_or("–".to_owned(), |g| number(g, 2));
    let ratio = |c: &Crowd| c.balance.max_over_mean.unwrap_or(0.0);
    let spread = most(any) < most(one) && any.balance.gini.is_some_and(|g| g < 0.5);
    page.claim(
        "Anycast balances the bootstrapping load to all existing nodes",
        if spread { Finding::Confirmed } else { Finding::Conditional },
        format!(
            "{} members served instead of 1, the busiest {} of {} joins (max/mean {} instead of {}); but Gini is {}: \
             catchments, not loads, decide who serves",
            any.served.len(),
            most(any),
            any.joined,
            number(ratio(any), 1),
            number(ratio(one), 1),
            gini(any)
        ),
    );
    if let (Some(least), Some(plain)) = (least, plain) {
        page.claim(
            "Requests can be redirected by the load of the serving node",
            if ratio(least) < ratio(plain) { Finding::Confirmed } else { Finding::Refuted },
            format!(
                "crowd of {}: max/mean {} with the nearest, {} with the least loaded; Gini {} and {}",
                least.size,
                number(ratio(plain), 1),
                number(ratio(least), 1),
                gini(plain),
                gini(least)
            ),
        );
    }
    let share = |name: &str| killed.iter().find(|c| c.way.name == name).map_or(0.0, Crowd::share);
    let (wk, anycast) = (share("1 well-known"), share("anycast"));
    page.claim(
        "Well-known nodes are a single point of failure, an anycast group is not",
        if wk < 0.9 && anycast > 0.9 { Finding::Confirmed } else { Finding::Conditional },
        format!(
            "killed in the middle: {} of the crowd joins with one well-known node, {} with anycast",
            percent(wk),
            percent(anycast)
        ),
    );
    flood.claim(page);
}
