//! Loops and black holes of the forwarding plane: from when to when, where, and whose packets ran into them.
//!
//! A loop is a set of nodes that hand packets to one another in a circle; with equal-cost routes one branch
//! is enough. A black hole is a node that has had a way to a member, is given packets, by a node or a
//! client's gateway, and has no way any more. Only the way there is looked at, not that of the answer.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use crate::measure::catchment::Probed;
use crate::measure::model::{Nowhere, Transient as Reported, TransientKind};
use crate::measure::replay::{Change, Network, Node, Target};
use crate::measure::stats::ms_between;
use crate::measure::windows::Window;
use crate::record::Record;

/// Time stamps are made in user space, as the notices of many kernels are read one after another: what lasts
/// less than a millisecond may be nothing but their order. It is counted, and nothing else.
const SHORTEST: u64 = 1_000_000;

/// One loop or black hole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Transient<'a> {
    pub(crate) group: &'a str,
    pub(crate) address: IpAddr,
    pub(crate) from: u64,
    /// `None`: it was there at the record's end.
    pub(crate) to: Option<u64>,
    /// Of a loop, in its order if it has one; of a black hole, where packets end.
    pub(crate) nodes: Vec<&'a str>,
    /// `None`: a loop.
    pub(crate) ends: Option<Nowhere>,
    /// Clients that probe the group, and whose packets ran into it at some time.
    pub(crate) clients: BTreeSet<&'a str>,
}

/// All of a record's play, by time; and when others were that lasted less than a millisecond.
#[derive(Default)]
pub(crate) struct Transients<'a> {
    pub(crate) found: Vec<Transient<'a>>,
    pub(crate) shorter: Vec<u64>,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    /// Its nodes ascend.
    Loop(Vec<Node>),
    Hole(Node),
}

/// What a node does with packets to one address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Fate {
    /// It hands them on to these.
    next: Vec<Node>,
    /// Some of them, or all, end here.
    ends: Option<Nowhere>,
    /// It answers them itself.
    serves: bool,
}

/// One address: who has had a way to it, and what is wrong now.
struct Course<'a> {
    target: Target<'a>,
    clients: Vec<(&'a str, Node)>,
    fates: Vec<Fate>,
    had_way: Vec<bool>,
    open: BTreeMap<Key, Transient<'a>>,
}

/// Goes through a record.
pub(crate) fn transients<'a>(record: &'a Record, probed: &[Probed<'a>]) -> Transients<'a> {
    let mut network = Network::new(&record.facts);
    let targets = network.targets().iter();
    let mut courses: Vec<Course<'a>> = targets.map(|target| Course::new(&network, probed, *target)).collect();
    let mut found = Transients::default();
    let Some(play) = record.play else { return found };
    let mut begun = false;
    for event in &record.events {
        let mut change = network.apply(&event.what);
        if event.at < play {
            continue;
        }
        if !std::mem::replace(&mut begun, true) {
            change = Change::All;
        }
        for course in courses.iter_mut().filter(|_| change != Change::Nothing) {
            if !course.follow(&network, &change) {
                continue;
            }
            let Target { group, address } = course.target;
            let seen = course.look();
            let gone: Vec<Key> = course.open.keys().filter(|key| !seen.contains_key(key)).cloned().collect();
            for key in gone {
                found.close(course.open.remove(&key), Some(event.at));
            }
            for (key, (nodes, ends, clients)) in seen {
                let new = || Transient {
                    group,
                    address,
                    from: event.at,
                    to: None,
                    nodes: nodes.iter().map(|node| network.name(*node)).collect(),
                    ends,
                    clients: BTreeSet::new(),
                };
                course.open.entry(key).or_insert_with(new).clients.extend(clients);
            }
        }
    }
    for course in courses {
        course.open.into_values().for_each(|open| found.close(Some(open), None));
    }
    found.found.sort_by(|a, b| (a.from, a.group, &a.nodes).cmp(&(b.from, b.group, &b.nodes)));
    found.shorter.sort_unstable();
    found
}

impl<'a> Transients<'a> {
    /// When loops, or black holes, began; of one group, if it is named.
    pub(crate) fn begins(&self, loops: bool, group: Option<&str>) -> Vec<u64> {
        let meant = |t: &&Transient<'_>| t.ends.is_none() == loops && group.is_none_or(|name| name == t.group);
        self.found.iter().filter(meant).map(|t| t.from).collect()
    }

    /// Black holes; of one group, if it is named.
    pub(crate) fn blackholes(&self, group: Option<&str>) -> impl Iterator<Item = &Transient<'a>> {
        self.found.iter().filter(move |t| t.ends.is_some() && group.is_none_or(|name| name == t.group))
    }

    /// How many of them began from `from` on and before `to`.
    pub(crate) fn count(&self, from: u64, to: u64, loops: bool) -> usize {
        self.begins(loops, None).iter().filter(|at| (from..to).contains(at)).count()
    }

    /// As the report has them.
    pub(crate) fn reported(&self, record: &Record, windows: &[Window]) -> Vec<Reported> {
        let owned = |names: &mut dyn Iterator<Item = &&str>| names.map(|name| (*name).to_owned()).collect();
        let report = |t: &Transient<'_>| Reported {
            kind: if t.ends.is_none() { TransientKind::Loop } else { TransientKind::Blackhole },
            group: t.group.to_owned(),
            address: t.address.to_string(),
            from: record.seconds(t.from),
            to: t.to.map(|to| record.seconds(to)),
            ms: ms_between(t.from, t.to.unwrap_or(record.end)),
            fault: windows.iter().position(|w| (w.begin..w.end).contains(&t.from)),
            nodes: owned(&mut t.nodes.iter()),
            reason: t.ends,
            clients: owned(&mut t.clients.iter()),
        };
        self.found.iter().map(report).collect()
    }

    fn close(&mut self, open: Option<Transient<'a>>, to: Option<u64>) {
        let Some(transient) = open else { return };
        if to.is_some_and(|to| to - transient.from < SHORTEST) {
            self.shorter.push(transient.from);
        } else {
            self.found.push(Transient { to, ..transient });
        }
    }
}

/// The nodes, why it ends there, and the clients.
type Seen<'a> = BTreeMap<Key, (Vec<Node>, Option<Nowhere>, Vec<&'a str>)>;

impl<'a> Course<'a> {
    fn new(network: &Network<'a>, probed: &[Probed<'a>], target: Target<'a>) -> Self {
        // Probes use one address of a group, the first.
        let probing =
            |p: &&Probed<'_>| p.group.name == target.group && p.group.addresses.first() == Some(&target.address);
        let client = |p: &Probed<'a>| Some((p.client, network.gateway(network.node(p.client)?)?));
        Self {
            target,
            clients: probed.iter().filter(probing).filter_map(client).collect(),
            fates: vec![Fate::default(); network.size()],
            had_way: vec![false; network.size()],
            open: BTreeMap::new(),
        }
    }

    /// Takes over what nodes do after a change. False: the same as before.
    fn follow(&mut self, network: &Network<'a>, change: &Change<'_>) -> bool {
        let Target { group, address } = self.target;
        match change {
            Change::Route { node, prefix, hosts } if prefix.contains(&address) => {
                let nodes = std::iter::once(node).chain(hosts).copied();
                self.take(network, nodes)
            }
            Change::Host { node, group: of } if of.is_none_or(|of| of == group) => {
                self.take(network, std::iter::once(*node))
            }
            Change::Nodes { nodes, .. } => self.take(network, nodes.iter().copied()),
            Change::All => self.take(network, 0..network.size()),
            _ => false,
        }
    }

    fn take(&mut self, network: &Network<'_>, nodes: impl Iterator<Item = Node>) -> bool {
        let mut changed = false;
        for node in nodes {
            let fate = Fate::of(network, node, self.target.address);
            changed |= fate != self.fates[node];
            self.fates[node] = fate;
        }
        changed
    }

    fn look(&mut self) -> Seen<'a> {
        let fates = &self.fates[..];
        let mut before: Vec<Vec<Node>> = vec![Vec::new(); fates.len()];
        for (node, fate) in fates.iter().enumerate() {
            fate.next.iter().for_each(|next| before[*next].push(node));
        }
        let serving = fates.iter().enumerate().filter(|(_, fate)| fate.serves).map(|(node, _)| node);
        for (had, has) in self.had_way.iter_mut().zip(leading_to(&before, serving)) {
            *had |= has;
        }
        let running_into = |nodes: &[Node]| {
            let leading = leading_to(&before, nodes.iter().copied());
            let runs = self.clients.iter().filter(|(_, gateway)| leading[*gateway]);
            runs.map(|(client, _)| *client).collect::<Vec<_>>()
        };
        let mut seen = Seen::new();
        for nodes in loops(fates, &before) {
            let clients = running_into(&nodes);
            let mut key = nodes.clone();
            key.sort_unstable();
            seen.insert(Key::Loop(key), (nodes, None, clients));
        }
        for (node, fate) in fates.iter().enumerate().filter(|(node, fate)| fate.ends.is_some() && self.had_way[*node]) {
            let clients = running_into(&[node]);
            if !clients.is_empty() || !before[node].is_empty() {
                seen.insert(Key::Hole(node), (vec![node], fate.ends, clients));
            }
        }
        seen
    }
}

impl Fate {
    /// A link that swallows what is sent over it, and a host that does not answer, are as good as no route. Of a
    /// link that is down the interfaces' carriers tell, at the moment when the kernel knew.
    fn of(network: &Network<'_>, node: Node, address: IpAddr) -> Self {
        if network.is_host(node) {
            let serves = network.answers(node, address);
            return Self { ends: (!serves).then_some(Nowhere::SilentHost), serves, ..Self::default() };
        }
        let hops = network.next(node, address);
        let mut fate = Self { ends: hops.is_empty().then_some(Nowhere::NoRoute), ..Self::default() };
        for to in hops.into_iter().flatten() {
            if network.links().up(node, to) && !network.links().carry(node, to) {
                fate.ends = Some(Nowhere::SilentLink);
            } else {
                fate.next.push(to);
            }
        }
        fate
    }
}

/// Whether some branch of each node leads to one of these; it does of these themselves.
fn leading_to(before: &[Vec<Node>], to: impl Iterator<Item = Node>) -> Vec<bool> {
    let (mut met, mut open) = (vec![false; before.len()], to.collect::<Vec<_>>());
    while let Some(node) = open.pop() {
        if !std::mem::replace(&mut met[node], true) {
            open.extend(&before[node]);
        }
    }
    met
}

/// The circles: maximal sets of nodes that reach one another. Each begins with its smallest node and follows
/// the first branches that stay inside.
fn loops(fates: &[Fate], before: &[Vec<Node>]) -> Vec<Vec<Node>> {
    let candidates = on_circles(fates, before);
    let after = |node: Node| {
        let (mut met, mut open) = (BTreeSet::new(), fates[node].next.clone());
        while let Some(next) = open.pop() {
            if candidates.contains(&next) && met.insert(next) {
                open.extend(&fates[next].next);
            }
        }
        met
    };
    let reached: BTreeMap<Node, BTreeSet<Node>> = candidates.iter().map(|node| (*node, after(*node))).collect();
    let mut found: Vec<Vec<Node>> = Vec::new();
    for (node, after) in &reached {
        if !after.contains(node) || found.iter().any(|nodes| nodes.contains(node)) {
            continue;
        }
        let circle: BTreeSet<Node> = after.iter().copied().filter(|other| reached[other].contains(node)).collect();
        let mut order = vec![*node];
        while let Some(next) =
            fates[order[order.len() - 1]].next.iter().find(|next| circle.contains(next) && !order.contains(next))
        {
            order.push(*next);
        }
        order.extend(circle.into_iter().filter(|other| !order.contains(other)).collect::<Vec<_>>());
        found.push(order);
    }
    found
}

/// Nodes on circles, and those between two: what is left when all are taken away that lead nowhere else, and
/// then all that nothing leads to.
fn on_circles(fates: &[Fate], before: &[Vec<Node>]) -> BTreeSet<Node> {
    let mut left = vec![true; fates.len()];
    peel(&mut left, |node| &fates[node].next, |node| &before[node]);
    if left.contains(&true) {
        peel(&mut left, |node| &before[node], |node| &fates[node].next);
    }
    (0..fates.len()).filter(|node| left[*node]).collect()
}

/// Takes away, again and again, what none of `ahead` is left of.
fn peel<'a>(left: &mut [bool], ahead: impl Fn(Node) -> &'a [Node], behind: impl Fn(Node) -> &'a [Node]) {
    let mut degree: Vec<usize> = (0..left.len()).map(|n| ahead(n).iter().filter(|next| left[**next]).count()).collect();
    let mut open: Vec<Node> = (0..left.len()).filter(|node| left[*node] && degree[*node] == 0).collect();
    while let Some(node) = open.pop() {
        left[node] = false;
        for &previous in behind(node).iter().filter(|previous| left[**previous]) {
            degree[previous] -= 1;
            if degree[previous] == 0 {
                open.push(previous);
            }
        }
    }
}
