//! The four old replays beside the new one, on any record that is measured: for a while only.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::Write;

use crate::measure::derived;
use crate::measure::forward::Forwarding;
use crate::measure::old_replay;
use crate::measure::replay::{Change, End, Network};
use crate::measure::walk::Tables;
use crate::record::Record;
use crate::record::survey::MOST_WAYS;
use crate::scenario::Target;

/// Differences by what differs: how many, and the first.
type Found = BTreeMap<String, (usize, String)>;

fn differ<T: PartialEq + Debug>(found: &mut Found, kind: String, at: &dyn Fn() -> String, old: T, new: T) {
    if old != new {
        let first = || format!("{}: old {old:?}, new {new:?}", at());
        found.entry(kind).or_insert_with(|| (0, first())).0 += 1;
    }
}

/// Only where `ANYBED_BESIDE` names a file to write to.
pub(crate) fn compare(record: &Record) {
    let Ok(file) = std::env::var("ANYBED_BESIDE") else { return };
    let facts = &record.facts;
    let mut network = Network::new(facts);
    let (mut tables, mut forwarding) = (Tables::new(record), Forwarding::new(record));
    let (mut old, mut delays) = (old_replay::Replay::new(record), derived::Network::new(record));
    let name = |node: usize| facts.nodes[node].name.as_str();
    let names = |nodes: &[usize]| nodes.iter().map(|n| name(*n)).collect::<Vec<_>>();
    let (mut found, mut compared, mut seen) = (Found::new(), 0, 0);
    let hosts: Vec<usize> = (0..facts.nodes.len()).filter(|n| facts.nodes[*n].kind.is_host()).collect();
    for event in &record.events {
        tables.apply(event.at, &event.what);
        let changed = forwarding.apply(&event.what);
        old.apply(&event.what);
        delays.apply(&event.what);
        let change = network.apply(&event.what);
        if !changed && change == Change::Nothing {
            continue;
        }
        seen += 1;
        // Every pair after every event of a large lab would take hours.
        let all = facts.nodes.len() < 20 || seen % 40 == 0;
        let when = format!("{:.4} s, {:?}", record.seconds(event.at), event.what);
        let when: String = when.chars().take(260).collect();
        for (index, target) in network.targets().to_vec().into_iter().enumerate() {
            for node in 0..facts.nodes.len() {
                let at = || format!("{when}; {} to {}", name(node), target.address);
                let was = old.way(index, node);
                let is = fate(&network, node, target.address);
                differ(&mut found, "replay next".into(), &at, was.next, is.0);
                differ(&mut found, "replay ends".into(), &at, format!("{:?}", was.ends), is.1);
                differ(&mut found, "replay serves".into(), &at, was.serves, is.2);
                let group = facts.groups.iter().find(|g| g.name == target.group).unwrap();
                if group.addresses[0] != target.address {
                    continue;
                }
                if facts.nodes[node].kind.is_router() {
                    let was: Vec<&str> = tables.from(name(node), group).into_iter().collect();
                    let mut is: Vec<&str> = names(&network.ends(node, target.address).into_iter().collect::<Vec<_>>());
                    is.sort_unstable();
                    compared += 1;
                    differ(&mut found, "walk ends".into(), &at, was.clone(), is.clone());
                } else {
                    let was = tables.ways(name(node), group);
                    let gateway = network.gateway(node).unwrap();
                    let ways = network.ways_to_host(gateway, target.address, MOST_WAYS);
                    let is: Vec<_> =
                        ways.found.iter().filter(|w| w.end != End::Loop).map(|w| names(&w.nodes)).collect();
                    differ(&mut found, "walk ways".into(), &at, was, is);
                    let was = delays.way(name(node), target.address);
                    differ(&mut found, "derived".into(), &at, was, delay(&network, node, target.address));
                    compared += 1;
                }
            }
        }
        if !all {
            continue;
        }
        for from in 0..facts.nodes.len() {
            let at = || format!("{when}; {}", name(from));
            differ(&mut found, "routes".into(), &at, forwarding.routes(name(from)), network.routes(from));
            let groups = facts.groups.iter().map(|g| Target::Group(g.name.clone()));
            let targets = groups.chain(facts.nodes.iter().map(|n| Target::Node(n.name.clone())));
            for target in targets {
                let at = || format!("{when}; {} to {target:?}", name(from));
                let was = forwarding.ways(name(from), &target);
                let mut is: Vec<Vec<&str>> = network.to(from, &target).iter().map(|w| names(w)).collect();
                is.sort_unstable();
                differ(&mut found, "forward ways".into(), &at, was, is);
                let was = forwarding.reachable(name(from), &target);
                differ(&mut found, "reachable".into(), &at, was, network.reachable(from, &target));
                compared += 1;
            }
        }
        for (a, b) in hosts.iter().flat_map(|a| hosts.iter().map(move |b| (*a, *b))).filter(|(a, b)| a != b) {
            let address = network.addresses(b)[0];
            let at = || format!("{when}; {} to {}", name(a), name(b));
            let was = delays.way(name(a), address);
            differ(&mut found, "derived to hosts".into(), &at, was, delay(&network, a, address));
            compared += 1;
        }
    }
    let mut text = format!("{} ({}): {compared} compared\n", facts.lab, std::thread::current().name().unwrap_or("?"));
    for (kind, (count, first)) in found {
        text += &format!("  DIFF {kind}: {count}, first: {first}\n");
    }
    let mut file = std::fs::OpenOptions::new().append(true).create(true).open(file).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn fate(network: &Network<'_>, node: usize, address: std::net::IpAddr) -> (Vec<usize>, String, bool) {
    if network.is_host(node) {
        let answers = network.answers(node, address);
        return (vec![], if answers { "None".into() } else { "Some(SilentHost)".into() }, answers);
    }
    let all = network.next(node, address);
    let mut ends = if all.is_empty() { "Some(NoRoute)" } else { "None" };
    let mut next = Vec::new();
    for to in all.into_iter().flatten() {
        if network.links().up(node, to) && !network.links().carry(node, to) {
            ends = "Some(SilentLink)";
        } else {
            next.push(to);
        }
    }
    (next, ends.into(), false)
}

fn delay<'a>(network: &Network<'a>, from: usize, address: std::net::IpAddr) -> Option<(&'a str, u64)> {
    let way = network.ways_to_host(from, address, 1).arriving()?.pop()?;
    let delays = way.windows(2).map(|w| network.links().delay(w[0], w[1]));
    Some((network.name(*way.last()?), delays.sum::<Option<u64>>()?))
}
