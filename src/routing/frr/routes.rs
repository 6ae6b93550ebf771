//! Routes as FRR's JSON has them, by BIRD's names.

use std::collections::BTreeMap;
use std::net::IpAddr;

use ipnet::IpNet;
use serde::Deserialize;

use crate::routing::route::{Route, WEIGHT};
use crate::topology::Roa;

/// Names of sessions, by their neighbors' addresses.
pub(super) type Sessions = BTreeMap<String, String>;

/// Gateways and interfaces.
pub(super) type Hops = Vec<(Option<IpAddr>, String)>;

/// What BIRD prefers routes of these protocols by.
const OF_BGP: u32 = 100;
const OF_OSPF: u32 = 150;
const OWN: u32 = 200;
const CONNECTED: u32 = 240;

/// `show bgp ipv4 unicast PREFIX json`
#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    pub(super) prefix: Option<String>,
    #[serde(default)]
    paths: Vec<Path>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Path {
    #[serde(default)]
    aspath: Text,
    #[serde(default)]
    origin: String,
    /// The MED.
    metric: Option<u32>,
    #[serde(alias = "localPref")]
    loc_prf: Option<u32>,
    #[serde(default)]
    weight: u32,
    #[serde(default)]
    valid: bool,
    #[serde(default)]
    bestpath: Best,
    /// A part of an aggregate that is announced alone.
    #[serde(default, alias = "suppressed")]
    aggregate_suppressed: bool,
    community: Option<Text>,
    large_community: Option<Text>,
    #[serde(default)]
    nexthops: Vec<NextHop>,
    peer: Option<Peer>,
    originator_id: Option<String>,
    cluster_list: Option<List>,
}

#[derive(Debug, Default, Deserialize)]
struct Text {
    #[serde(default)]
    string: String,
}

#[derive(Debug, Default, Deserialize)]
struct List {
    #[serde(default)]
    list: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
struct Best {
    #[serde(default)]
    overall: bool,
}

#[derive(Debug, Deserialize)]
struct NextHop {
    ip: Option<IpAddr>,
    metric: Option<u32>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Peer {
    peer_id: String,
    #[serde(rename = "type")]
    kind: Option<String>,
}

/// `show ip route PREFIX json`: several of one prefix, if several protocols have it.
pub(super) type Rib = BTreeMap<String, Vec<RibEntry>>;

#[derive(Debug, Deserialize)]
pub(super) struct RibEntry {
    protocol: String,
    #[serde(default)]
    selected: bool,
    metric: Option<u32>,
    #[serde(default)]
    nexthops: Vec<RibHop>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct RibHop {
    ip: Option<IpAddr>,
    #[serde(default)]
    interface_name: String,
    /// It is in the kernel: one that has to be resolved first is not.
    #[serde(default)]
    fib: bool,
}

/// Routes that bgpd has to one prefix, the best first.
pub(super) fn of_bgp(entry: Entry, sessions: &Sessions, hops: &[(Option<IpAddr>, String)]) -> Vec<Route> {
    let prefix = entry.prefix.unwrap_or_default();
    let paths = entry.paths.into_iter().filter(|path| !path.aggregate_suppressed);
    let mut routes: Vec<Route> = paths.map(|path| route(&prefix, path, sessions, hops)).collect();
    routes.sort_by_key(|route| !route.best);
    routes
}

fn route(prefix: &str, path: Path, sessions: &Sessions, hops: &[(Option<IpAddr>, String)]) -> Route {
    let family = if prefix.contains(':') { "ipv6" } else { "ipv4" };
    let session = path.peer.as_ref().and_then(|peer| sessions.get(&peer.peer_id));
    let internal = path.peer.as_ref().is_some_and(|peer| peer.kind.as_deref() == Some("internal"));
    let best = path.bestpath.overall;
    let next = path.nexthops.first();
    let own = session.is_none();
    let via = match (best, next) {
        _ if own => Vec::new(),
        (true, _) if !hops.is_empty() => hops.to_vec(),
        (_, Some(next)) => vec![(next.ip, String::new())],
        (_, None) => Vec::new(),
    };
    let mut attributes = BTreeMap::new();
    let mut set = |name: &str, value: Option<String>| {
        attributes.extend(value.map(|value| (name.to_owned(), value)));
    };
    set("Type", Some(if own { "static univ" } else { "BGP univ" }.to_owned()));
    set("BGP.origin", Some(if path.origin == "incomplete" { "Incomplete".to_owned() } else { path.origin }));
    let as_path = if path.aspath.string == "Local" { String::new() } else { path.aspath.string };
    set("BGP.as_path", Some(as_path).filter(|_| !own));
    set("BGP.local_pref", path.loc_prf.map(|n| n.to_string()).filter(|_| !own));
    set(WEIGHT, Some(path.weight.to_string()).filter(|_| !own && path.weight > 0));
    set("BGP.med", path.metric.filter(|med| *med > 0).map(|n| n.to_string()));
    set("BGP.next_hop", next.and_then(|next| next.ip).map(|ip| ip.to_string()).filter(|_| !own));
    set("BGP.community", path.community.map(|text| communities(&text.string, ",")));
    set("BGP.large_community", path.large_community.map(|text| communities(&text.string, ", ")));
    set("BGP.originator_id", path.originator_id);
    set("BGP.cluster_list", path.cluster_list.map(|list| list.list.join(" ")));
    Route {
        prefix: prefix.to_owned(),
        kind: match (own, path.valid) {
            (true, _) => "blackhole",
            (_, true) => "unicast",
            (_, false) => "unreachable",
        }
        .to_owned(),
        protocol: session.cloned().unwrap_or_else(|| format!("own-{family}")),
        best,
        preference: if own { OWN } else { OF_BGP },
        metric: next.and_then(|next| next.metric).filter(|_| internal),
        via,
        attributes,
    }
}

/// `100:7 no-export` to `(100,7) (65535,65281)`.
fn communities(text: &str, between: &str) -> String {
    let numbers = |word: &str| match word {
        "no-export" => "65535:65281".to_owned(),
        "no-advertise" => "65535:65282".to_owned(),
        "blackhole" => "65535:666".to_owned(),
        "graceful-shutdown" => "65535:0".to_owned(),
        other => other.to_owned(),
    };
    let written = text.split_whitespace().map(|word| format!("({})", numbers(word).replace(':', between)));
    written.collect::<Vec<_>>().join(" ")
}

/// Next hops of bgpd's route, as the kernel has them.
pub(super) fn hops(rib: Rib) -> Hops {
    let entries = rib.into_values().flatten().filter(|entry| entry.protocol == "bgp" && entry.selected);
    entries.flat_map(|entry| in_use(entry.nexthops)).collect()
}

fn in_use(hops: Vec<RibHop>) -> Hops {
    hops.into_iter().filter(|hop| hop.fib).map(|hop| (hop.ip, hop.interface_name)).collect()
}

/// Routes that zebra has from others than bgpd.
pub(super) fn of_zebra(rib: Rib, family: &str) -> Vec<Route> {
    let entries = rib.into_iter().flat_map(|(prefix, all)| all.into_iter().map(move |entry| (prefix.clone(), entry)));
    let route = |(prefix, entry): (String, RibEntry)| {
        let (protocol, preference, kind) = match entry.protocol.as_str() {
            "ospf" | "ospf6" => (format!("igp-{family}"), OF_OSPF, "OSPF univ"),
            "connected" | "local" => ("direct".to_owned(), CONNECTED, "device univ"),
            _ => return None,
        };
        Some(Route {
            prefix,
            kind: "unicast".to_owned(),
            protocol,
            best: entry.selected,
            preference,
            metric: entry.metric.filter(|_| preference == OF_OSPF),
            via: in_use(entry.nexthops),
            attributes: BTreeMap::from([("Type".to_owned(), kind.to_owned())]),
        })
    };
    entries.filter_map(route).collect()
}

/// `203.0.113.0   24 -  24   65001`: a line of `show rpki prefix-table`.
pub(super) fn roa(line: &str) -> Option<Roa> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [address, length, "-", max_length, origin] = words[..] else { return None };
    let prefix = IpNet::new(address.parse().ok()?, length.parse().ok()?).ok()?;
    Some(Roa { prefix, max_length: max_length.parse().ok()?, origin: origin.parse().ok()? })
}
