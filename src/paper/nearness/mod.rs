//! Section 4.2: how near the nodes are that anycast finds, and what that does to lookups.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, anyhow};

use super::Setup;
use super::figure::{Axis, Line, bars, lines};
use super::lists::{Found, Model, inherited, measured, predicted};
use super::network::Network;
use super::page::{Finding, Page, Source, Table, number, percent};
use crate::anycast::Coloring;
use crate::overlay::{Protocol, Proximity};
use crate::scenario::read_text;
use crate::sim::{Choice, Delays, Lookups, Options, Study, between_routers, read_round_trips, settings};
use crate::topology::{Diagnostics, Overrides, graphml};

/// How neighbors are chosen.
const CHOICES: [(&str, Choice); 4] =
    [("random", Choice::None), ("probed", Choice::Probed), ("anycast", Choice::Anycast), ("ideal", Choice::Ideal)];

/// Colors while lookups are measured.
const COLORS: u16 = 8;

/// One protocol's lookups, with neighbors chosen in one way.
struct Looked {
    network: String,
    protocol: &'static str,
    choice: &'static str,
    lookups: Lookups,
}

pub(super) fn measure(setup: &Setup) -> Result<Page> {
    let mut page = Page::new("4.2", "Topology awareness");
    let networks = networks(setup)?;
    let lab = super::abilene::in_lab(setup, &mut page)?;
    let lists = neighbor_lists(setup, &mut page, &networks);
    let copied = copied_lists(setup, &mut page, &networks);
    let looked = lookups(setup, &mut page, &networks);
    claims(&mut page, &networks, &lab, &lists, &copied, &looked);
    Ok(page)
}

fn networks(setup: &Setup) -> Result<Vec<Network>> {
    let plane = setup.pick(400, 40);
    let mut networks =
        vec![Network { name: "a plane".into(), delays: Delays::random(plane, setup.seed), nodes: plane }];
    for path in &setup.networks {
        let name = path.file_stem().map_or_else(|| path.display().to_string(), |s| s.to_string_lossy().into_owned());
        let delays = of_graphml(path)?;
        // Four nodes at each place.
        networks.push(Network { nodes: delays.places() * 4, name, delays });
    }
    if let Some(path) = &setup.rtt {
        let delays = read_round_trips(path).map_err(|found| anyhow!("{found}"))?;
        let nodes = if setup.quick { 40.min(delays.places()) } else { delays.places() };
        networks.push(Network { name: format!("{} hosts", delays.places()), delays, nodes });
    }
    Ok(networks)
}

/// The distances between a Topology Zoo network's routers.
fn of_graphml(path: &Path) -> Result<Delays> {
    let said = |found: Diagnostics| anyhow!("{found}");
    let lab = graphml::to_lab_file(&graphml::read(path, graphml::Choice::default()).map_err(said)?);
    let (topology, _) = read_text(path, &lab, &Overrides::default()).map_err(said)?;
    Ok(between_routers(&topology))
}

/// Neighbor lists by colors, against what theory expects.
fn neighbor_lists(setup: &Setup, page: &mut Page, networks: &[Network]) -> Vec<(String, Coloring, u16, Found)> {
    page.heading("Neighbor lists by colors");
    page.text(
        "Each member announces one of *k* color groups and asks the others; anycast gives it the nearest member of \
         each. *Nearest*: how often its true nearest neighbor is among the answers (theory: 1 − 1/k). *Rank*: of the \
         best answer, 1 being the nearest (k/(k − 1)). *Recall*: how many of its eight nearest are found \
         ((k − 1)(1 − (1 − 1/k)^8)). In the simulated network anycast is ideal: it leads to the nearest by delay. \
         Coloring by AS \
         makes all nodes of a place one color, so that each other color leads out of it: it is the same as random where each \
         place has one node, and finds nobody at the same place where there are four.",
    );
    let header = ["network", "nodes", "coloring", "k", "nearest", "theory", "rank", "theory", "recall of 8", "theory"];
    let mut table = Table::new("lists", "Neighbor lists by colors", Source::Simulated, &header);
    let mut found = Vec::new();
    let colors = setup.pick(vec![2, 4, 8, 16, 32], vec![2, 4]);
    for network in networks {
        for coloring in [Coloring::Random, Coloring::ByAs, Coloring::Farthest] {
            for &k in &colors {
                setup.say(&format!("neighbor lists in {}: {k} colors, {coloring:?}", network.name));
                let one = measured(network, k, coloring, setup.seed);
                let theory = predicted(k);
                let word = match coloring {
                    Coloring::Random => "random",
                    Coloring::ByAs => "by-as",
                    Coloring::Farthest => "farthest",
                };
                table.row([
                    network.name.clone(),
                    network.nodes.to_string(),
                    word.to_owned(),
                    k.to_string(),
                    number(one.nearest, 3),
                    number(theory.nearest, 3),
                    number(one.rank, 2),
                    number(theory.rank, 2),
                    number(one.recall, 2),
                    number(theory.recall, 2),
                ]);
                found.push((network.name.clone(), coloring, k, one));
            }
        }
    }
    let name = &networks[networks.len() - 1].name;
    let of = |coloring: Coloring| {
        let points = found.iter().filter(|(n, c, ..)| n == name && *c == coloring);
        points.map(|(_, _, k, f)| (f64::from(*k), f.nearest)).collect::<Vec<_>>()
    };
    let drawn = [
        Line::derived("theory, 1 − 1/k", colors.iter().map(|k| (f64::from(*k), predicted(*k).nearest)).collect()),
        Line::measured("random", of(Coloring::Random)),
        Line::measured("by AS", of(Coloring::ByAs)),
        Line::measured("farthest", of(Coloring::Farthest)),
    ];
    let axes = [("colors k", Axis::Log), ("true nearest neighbor found", Axis::Linear)];
    let caption = format!("How often the nearest neighbor is found, {name}");
    page.figure(lines("nearest", &caption, Source::Simulated, axes, &drawn));
    page.table(table);
    found
}

/// The paper's own proposal: a new node copies the list of the one that bootstraps it.
fn copied_lists(setup: &Setup, page: &mut Page, networks: &[Network]) -> Vec<(String, Model)> {
    page.heading("Neighbor lists copied from the bootstrapping node");
    page.text(
        "The paper lets a new node learn its neighbors from the list of the node that bootstraps it. Nodes join one \
         after another, each through the nearest member; it copies that member's list, measures who is on it, keeps the \
         sixteen nearest, and tells them that it is there, who do the same. *One-sided*: it tells nobody.",
    );
    let header = ["network", "nodes", "told", "nearest", "rank", "recall of 8"];
    let mut table = Table::new("copied", "Lists of sixteen, copied at the join", Source::Simulated, &header);
    let mut found = Vec::new();
    for network in networks {
        for told in [true, false] {
            let model = inherited(network, told, setup.seed);
            let Found { nearest, rank, recall } = model.found;
            let word = if told { "both ways" } else { "one-sided" };
            let nodes = network.nodes.to_string();
            table.row([
                network.name.clone(),
                nodes,
                word.into(),
                number(nearest, 3),
                number(rank, 2),
                number(recall, 2),
            ]);
            found.push((network.name.clone(), model));
        }
    }
    page.table(table);
    found
}

fn lookups(setup: &Setup, page: &mut Page, networks: &[Network]) -> Vec<Looked> {
    page.heading("Lookups");
    page.text(
        "Routing tables filled with whoever comes first (*random*), with the nearest of those that the protocol's own \
         lookups find (*probed*), with these and the members met at the anycast addresses and their neighbors \
         (*anycast*), and with all nodes known beforehand (*ideal*: what no protocol can have). The delay penalty is the \
         time until the owner had the request over the straight way there, of the sums over all lookups.",
    );
    let header = [
        "network",
        "protocol",
        "neighbors",
        "hops",
        "latency p50",
        "latency p99",
        "delay penalty",
        "ok",
        "wrong",
        "failed",
    ];
    let mut table = Table::new("lookups", "Lookups of random keys", Source::Simulated, &header);
    let mut found = Vec::new();
    for network in networks {
        for kind in Protocol::all() {
            let protocol = kind.title;
            for (choice, which) in CHOICES {
                setup.say(&format!("lookups in {}: {protocol}, {choice} neighbors", network.name));
                let lookups = looked_up(setup, network, kind, which);
                let ms = |q: fn(&crate::sim::Sample) -> f64| lookups.latency_ms.as_ref().map_or(0.0, q);
                table.row([
                    network.name.clone(),
                    protocol.to_owned(),
                    choice.to_owned(),
                    lookups.hops.map_or("–".into(), |h| number(h.mean, 2)),
                    format!("{} ms", number(ms(|s| s.p50), 1)),
                    format!("{} ms", number(ms(|s| s.p99), 1)),
                    lookups.mean_delay_penalty.map_or("–".into(), |p| number(p, 2)),
                    lookups.ok.to_string(),
                    lookups.wrong.to_string(),
                    lookups.failed.to_string(),
                ]);
                found.push(Looked { network: network.name.clone(), protocol, choice, lookups });
            }
        }
    }
    let name = &networks[networks.len() - 1].name;
    let groups: Vec<_> = Protocol::all()
        .map(|protocol| protocol.title)
        .map(|protocol| {
            let of = found.iter().filter(|l| l.network == *name && l.protocol == protocol);
            (protocol.to_owned(), of.map(|l| l.lookups.mean_delay_penalty.unwrap_or(0.0)).collect())
        })
        .collect();
    let caption = format!("Relative delay penalty of lookups, {name}");
    let series = CHOICES.map(|(choice, ..)| choice);
    page.figure(bars("penalty", &caption, Source::Simulated, "delay penalty", &series, &groups));
    page.table(table);
    found
}

fn looked_up(setup: &Setup, network: &Network, protocol: Protocol, choice: Choice) -> Lookups {
    let mut options = Options::of(network.nodes, settings(protocol, choice.proximity()), setup.seed);
    options.network.delays = network.delays.clone();
    options.colors = if choice.proximity() == Proximity::Anycast { COLORS } else { 0 };
    // Every finger has been looked up several times by then.
    let settle = Duration::from_secs(setup.pick(1800, 300));
    Study { options, choice, settle, lookups: setup.pick(5000, 200) }.run(|_| {}).lookups
}

fn claims(
    page: &mut Page,
    networks: &[Network],
    lab: &super::abilene::Contacts,
    lists: &[(String, Coloring, u16, Found)],
    copied: &[(String, Model)],
    looked: &[Looked],
) {
    lab.claim(page);
    let off =
        |f: &Found, k: u16| (f.nearest - predicted(k).nearest).abs().max((f.recall / predicted(k).recall - 1.0).abs());
    // Where several nodes share a place, the nearest are equally near, which theory leaves out.
    let alone = |name: &str| networks.iter().any(|n| n.name == name && n.nodes <= n.delays.places());
    let random = lists.iter().filter(|(name, c, ..)| *c == Coloring::Random && alone(name));
    let worst = random.map(|(_, _, k, f)| off(f, *k)).fold(0.0, f64::max);
    page.claim(
        "A node discovers the nodes near it through anycast (here: by colors)",
        if worst < 0.1 { Finding::Confirmed } else { Finding::Conditional },
        format!(
            "with plain IP anycast a member reaches only itself; with k colors it finds its nearest neighbor in 1 − 1/k of \
             cases as computed, where no two nodes share a place (largest deviation of share or recall {})",
            percent(worst)
        ),
    );
    if let Some((name, model)) = copied.iter().rev().find(|(_, m)| m.told) {
        page.claim(
            "A new node learns its neighbors from the list of its bootstrapping node",
            if model.found.nearest > 0.9 { Finding::Confirmed } else { Finding::Conditional },
            format!(
                "{name}: {} of nodes have their nearest neighbor on the list, {} of the eight nearest, if lists are kept up to \
                 date when others join",
                percent(model.found.nearest),
                number(model.found.recall, 1)
            ),
        );
    }
    let Some(last) = looked.last().map(|l| l.network.clone()) else { return };
    let penalty = |protocol: &str, choice: &str| {
        let one = looked.iter().find(|l| l.network == last && l.protocol == protocol && l.choice == choice);
        one.and_then(|l| l.lookups.mean_delay_penalty).unwrap_or(f64::NAN)
    };
    let gains: Vec<(&str, f64, f64, f64)> = Protocol::all()
        .map(|p| p.title)
        .map(|p| (p, penalty(p, "random"), penalty(p, "anycast"), penalty(p, "ideal")))
        .collect();
    let better = gains.iter().filter(|(_, random, anycast, _)| anycast < &(random * 0.95)).count();
    let said =
        gains.iter().map(|(p, r, a, i)| format!("{p} {} → {} (ideal {})", number(*r, 2), number(*a, 2), number(*i, 2)));
    page.claim(
        "If routing tables are built by latency, lookups take less time",
        match better {
            0 => Finding::Refuted,
            n if n == gains.len() => Finding::Confirmed,
            _ => Finding::Conditional,
        },
        format!("relative delay penalty in {last}: {}", said.collect::<Vec<_>>().join(", ")),
    );
}
