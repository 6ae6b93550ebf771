//! Records as a lab would write them, made by hand.

use std::net::{IpAddr, Ipv4Addr};

use anybed::measure::{Report, report};
use anybed::overlay::Neighbors;
use anybed::overlay::id::Id;
use anybed::record::{
    Event, FibChange, GroupFacts, LabFacts, LinkFacts, LinkRole, NodeDid, NodeFacts, OverlayFacts, ProbeResult, Record,
    SCHEMA, Strain, What,
};
use anybed::scenario::{Expectation, Metric, Op, Value, When};
use anybed::topology::{Bootstrap, Coloring, Healing, LookupMode, NodeKind, Protocol, Redirect};

/// Clock reading of the play's begin.
const ZERO: u64 = 1_000_000_000_000;

/// A second in which somebody waited so long for a CPU, in milliseconds.
pub(crate) fn waited(worst_sched_delay_ms: f64) -> What {
    What::Fidelity(Box::new(Strain { worst_sched_delay_ms, ..Strain::default() }))
}

/// A record under construction; times are seconds of play.
pub(crate) struct Synthetic {
    pub(crate) facts: LabFacts,
    pub(crate) events: Vec<Event>,
}

pub(crate) fn clock(seconds: f64) -> u64 {
    ZERO.saturating_add_signed((seconds * 1e9).round() as i64)
}

impl Synthetic {
    /// An empty lab, whose play begins at zero.
    pub(crate) fn new(name: &str) -> Self {
        let facts = LabFacts {
            schema: SCHEMA,
            version: "0.1.0".into(),
            daemons: Vec::new(),
            bird: "2.17".into(),
            kernel: "6.12".into(),
            lab: name.into(),
            file: format!("{name}.toml"),
            patience_ms: None,
            command: format!("anybed run {name}.toml"),
            settings: Default::default(),
            seed: 1,
            nodes: vec![],
            links: vec![],
            groups: vec![],
            overlays: vec![],
            flows: None,
            timeline: vec![],
            expectations: vec![],
            duration: 60.0,
        };
        let mut lab = Self { facts, events: vec![] };
        lab.at(0.0, What::Play);
        lab
    }

    /// A router, and stubs linked to it, each with its hosts.
    pub(crate) fn stubs(mut self, stubs: &[(&str, &[&str], &[&str])]) -> Self {
        self.node("core", NodeKind::Router, None);
        for (stub, members, clients) in stubs {
            let gateway = format!("{stub}.gw");
            self.node(&gateway, NodeKind::Gateway, Some(stub));
            self.link("core", &gateway, LinkRole::Customer);
            let members = members.iter().map(|host| (NodeKind::Member, host));
            for (kind, host) in members.chain(clients.iter().map(|host| (NodeKind::Client, host))) {
                let host = format!("{stub}.{host}");
                self.node(&host, kind, Some(stub));
                self.link(&gateway, &host, LinkRole::Access);
            }
        }
        self
    }

    pub(crate) fn node(&mut self, name: &str, kind: NodeKind, stub: Option<&str>) {
        let address = Self::address(self.facts.nodes.len());
        self.facts.nodes.push(NodeFacts {
            name: name.into(),
            kind,
            as_name: stub.unwrap_or(name).into(),
            asn: 65_000,
            stub: stub.map(Into::into),
            place: None,
            addresses: vec![address],
            link_local: vec![],
            multipath: None,
        });
    }

    fn address(index: usize) -> IpAddr {
        Ipv4Addr::new(10, 0, (index / 250) as u8, (index % 250) as u8 + 1).into()
    }

    pub(crate) fn link(&mut self, a: &str, b: &str, kind: LinkRole) {
        let (name, impairments) = (format!("{a}-{b}"), Default::default());
        self.facts.links.push(LinkFacts { name, a: a.into(), b: b.into(), kind, impairments });
    }

    pub(crate) fn group(mut self, name: &str) -> Self {
        let address = Ipv4Addr::new(198, 51, 100, self.facts.groups.len() as u8 + 1);
        self.facts.groups.push(GroupFacts {
            prefixes: Vec::new(),
            name: name.into(),
            addresses: vec![address.into()],
            overlay: None,
            color: None,
            rendezvous: false,
            by_servers: false,
            members: vec![],
        });
        self
    }

    /// An overlay of these hosts, whose ring ids rise in this order.
    pub(crate) fn overlay(mut self, name: &str, hosts: &[&str]) -> Self {
        let ids = hosts.iter().enumerate().map(|(i, h)| ((*h).to_owned(), id(i)));
        self.facts.overlays.push(OverlayFacts {
            reaches: Vec::new(),
            name: name.into(),
            protocol: Protocol::default(),
            bootstrap: Bootstrap::Anycast,
            healing: Healing::Colors,
            coloring: Coloring::Random,
            redirect: Redirect::Nearest,
            lookup: LookupMode::Iterative,
            ids: ids.collect(),
            colors: Default::default(),
        });
        self
    }

    pub(crate) fn at(&mut self, seconds: f64, what: What) -> &mut Self {
        self.events.push(Event { at: clock(seconds), what });
        self
    }

    pub(crate) fn fault(&mut self, seconds: f64, action: &str) -> &mut Self {
        let mut words = action.split(' ').map(str::to_owned);
        let (verb, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let done = clock(seconds) + 500_000;
        self.facts.timeline.push((seconds, action.to_owned()));
        let meant = |l: &&LinkFacts| match &*verb {
            "cut" | "mend" => l.name == target,
            "fail" | "recover" => l.kind != LinkRole::Access && l.b == format!("{target}.gw"),
            _ => false,
        };
        let links: Vec<String> = self.facts.links.iter().filter(meant).map(|l| l.name.clone()).collect();
        let up = matches!(&*verb, "mend" | "recover");
        for link in links {
            self.at(seconds, What::Link { link, up, egress: Default::default() });
        }
        self.at(seconds, What::Fault { action: action.to_owned(), verb, target, deed: None, done, live: false })
    }

    /// A route of a node to the first group, by way of another node.
    pub(crate) fn fib(&mut self, seconds: f64, node: &str, next: Option<&str>) -> &mut Self {
        let index = next.map(|n| self.facts.nodes.iter().position(|f| f.name == n).expect("a node of the lab"));
        let change = FibChange {
            add: next.is_some(),
            prefix: "198.51.100.1/32".into(),
            via: index.map(Self::address).into_iter().collect(),
            interfaces: vec![],
        };
        self.at(seconds, What::Fib { node: node.to_owned(), change })
    }

    /// A route of a node to a host, by way of another node, or (`None`) over a link of its own.
    pub(crate) fn route_to(&mut self, seconds: f64, node: &str, host: &str, next: Option<&str>) -> &mut Self {
        let address = |name: &str| {
            Self::address(self.facts.nodes.iter().position(|f| f.name == name).expect("a node of the lab"))
        };
        let via = next.map(address).into_iter().collect();
        let change = FibChange { add: true, prefix: format!("{}/32", address(host)), via, interfaces: vec![] };
        self.at(seconds, What::Fib { node: node.to_owned(), change })
    }

    /// Probes every 100 ms from one time until before another, answered after 2 ms or lost.
    pub(crate) fn probes(&mut self, client: &str, from: f64, to: f64, member: Option<&str>) -> &mut Self {
        let group = self.facts.groups[0].name.clone();
        self.probes_to(&group, client, from, to, member)
    }

    pub(crate) fn probes_to(
        &mut self,
        group: &str,
        client: &str,
        from: f64,
        to: f64,
        member: Option<&str>,
    ) -> &mut Self {
        let sent = |i: u64| clock(from) + i * 100_000_000;
        let probes: Vec<ProbeResult> = (0..)
            .take_while(|i| sent(*i) < clock(to))
            .map(|i| ProbeResult {
                seq: sent(i) / 100_000_000,
                sent: sent(i),
                rtt: member.map(|_| 2_000_000),
                member: member.map(Into::into),
            })
            .collect();
        self.at(to, What::Probes { client: client.into(), group: group.into(), probes, skipped: 0 })
    }

    pub(crate) fn did(&mut self, seconds: f64, node: &str, did: NodeDid) -> &mut Self {
        let overlay = self.facts.overlays[0].name.clone();
        self.at(seconds, What::Node { node: node.into(), overlay, did })
    }

    pub(crate) fn joined(&mut self, seconds: f64, node: &str, served_by: Option<&str>) -> &mut Self {
        let served_by = served_by.map(Into::into);
        self.did(seconds, node, NodeDid::Joined { served_by, milliseconds: 3.0, attempts: 1, redirected: 0 })
    }

    /// Each of the hosts knows the next one and the previous one on the ring that they form.
    pub(crate) fn ring(&mut self, seconds: f64, hosts: &[&str]) -> &mut Self {
        for (i, host) in hosts.iter().enumerate() {
            let next = hosts[(i + 1) % hosts.len()];
            let previous = hosts[(i + hosts.len() - 1) % hosts.len()];
            self.did(seconds, host, neighbors(&[next], Some(previous), &[]));
        }
        self
    }

    /// A lookup of 10 ms that ended then.
    pub(crate) fn looked(&mut self, seconds: f64, asker: &str, key: Id, owner: Option<&str>) -> &mut Self {
        let owner = owner.map(Into::into);
        self.did(seconds, asker, NodeDid::Looked { key, owner, hops: 2, milliseconds: 10.0 })
    }

    pub(crate) fn expect(&mut self, metric: Metric, op: Op, value: Value, when: When) -> &mut Self {
        let name = format!("{metric:?} {op:?} {value:?}");
        self.expect_named(&name, metric, op, value, when)
    }

    pub(crate) fn expect_named(&mut self, name: &str, metric: Metric, op: Op, value: Value, when: When) -> &mut Self {
        self.facts.expectations.push(Expectation { name: name.into(), metric, op, value, when });
        self
    }

    pub(crate) fn end(&mut self, seconds: f64) -> &mut Self {
        self.at(seconds, What::End { reason: "played".into() })
    }

    /// The lines of the record, in the order in which they were made.
    pub(crate) fn lines(&self) -> String {
        let lab = Event { at: ZERO - 1_000_000_000, what: What::Lab(Box::new(self.facts.clone())) };
        std::iter::once(&lab)
            .chain(&self.events)
            .map(|e| serde_json::to_string(e).expect("events are plain") + "\n")
            .collect()
    }

    pub(crate) fn record(&self) -> Record {
        Record::from_reader(self.lines().as_bytes()).expect("a well-formed record")
    }

    pub(crate) fn report(&self) -> Report {
        report(&self.record())
    }
}

/// The ring id of the host at this index of the overlay.
pub(crate) fn id(index: usize) -> Id {
    Id((index as u128 + 1) << 100)
}

/// A key whose successor is the host at this index.
pub(crate) fn key(index: usize) -> Id {
    Id(id(index).0 - 1)
}

pub(crate) fn neighbors(successors: &[&str], predecessor: Option<&str>, fingers: &[&str]) -> NodeDid {
    let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect();
    NodeDid::Neighbors(Neighbors {
        successors: owned(successors),
        predecessor: predecessor.map(Into::into),
        fingers: owned(fingers),
        ..Neighbors::default()
    })
}
