//! What every node's routing daemon is to do.

use std::net::IpAddr;

use ipnet::IpNet;

use super::interfaces;
use super::timers::{bfd, of_preset, of_session};
use crate::physics::Interface;
use crate::routing::speaker::{
    BfdInterface, Host, HostGroup, Origin, Prefix, Role, Router, RouterFamily, RouterKind, RtrServer, Rule, Session,
    Speaker,
};
use crate::routing::{rtr, speaker};
use crate::topology::{
    Addresses, By, Direction, Family, GracefulRestart, Group, GroupId, Guards, Link, LinkId, LinkKind, NodeId,
    NodeKind, Origination, Roa, Topology, Which,
};

/// First private 4-byte ASN (RFC 6996); the n-th member of the lab takes the n-th.
const PRIVATE_ASN: u32 = 4_200_000_000;

/// What a host's daemon knows `group` by.
pub fn group_protocol(topology: &Topology, group: GroupId) -> String {
    let group = &topology.groups[group.0];
    let between = if group.owner.is_some_and(|owner| matches!(owner.by, By::Color(_))) { "-color-" } else { "-" };
    format!("group-{}", group.name.replace('/', between))
}

/// The private ASN of a member.
pub fn host_asn(topology: &Topology, host: NodeId) -> u32 {
    let before = topology.of_kind(|kind| kind == NodeKind::Member).take_while(|id| *id < host).count();
    PRIVATE_ASN + before as u32
}

/// Groups that a host may announce.
pub fn groups_of(topology: &Topology, host: NodeId) -> impl Iterator<Item = GroupId> {
    let ids = (0..topology.groups.len()).map(GroupId);
    ids.filter(move |id| topology.groups[id.0].members.contains(&host))
}

/// What every node's daemon is to do, in the order of [`Topology::nodes`].
pub fn all(topology: &Topology) -> Vec<Option<Speaker>> {
    let addresses = Addresses::of(topology);
    let (laid_out, _) = interfaces::lay_out(topology, &addresses);
    let attached = interfaces::attached(topology);
    topology.ids().map(|id| of(topology, &addresses, id, &attached, &laid_out[id.0])).collect()
}

/// What the daemon of `node` is to do; `None` if none runs there.
pub(super) fn of(
    topology: &Topology,
    addresses: &Addresses,
    node: NodeId,
    attached: &[Vec<LinkId>],
    own: &[Interface],
) -> Option<Speaker> {
    let segment = topology.is_exchange(node).then(|| interfaces::segment(topology, addresses, node));
    let view = View { topology, addresses, node, attached, interfaces: own, segment };
    match topology.node(node).kind {
        NodeKind::Client => None,
        NodeKind::Member => Some(Speaker::Host(view.host())),
        NodeKind::Router | NodeKind::Gateway | NodeKind::Exchange => Some(Speaker::Router(view.router())),
    }
}

/// Whether the session over `link` survives a restart.
fn is_graceful(link: &Link) -> bool {
    link.session.graceful_restart == Some(GracefulRestart::Yes)
}

/// The lab as one node sees it.
pub(super) struct View<'a> {
    pub(super) topology: &'a Topology,
    pub(super) addresses: &'a Addresses,
    pub(super) node: NodeId,
    /// The links of every node.
    pub(super) attached: &'a [Vec<LinkId>],
    interfaces: &'a [Interface],
    /// Of an exchange.
    segment: Option<Interface>,
}

impl<'a> View<'a> {
    fn router(&self) -> Router {
        let node = self.topology.node(self.node);
        let own = &self.topology.ases[node.as_id.0];
        let families = self.topology.family.families();
        Router {
            name: node.name.clone(),
            kind: match node.kind {
                NodeKind::Gateway => RouterKind::Gateway,
                NodeKind::Exchange => RouterKind::RouteServer,
                NodeKind::Router | NodeKind::Member | NodeKind::Client => RouterKind::Router,
            },
            as_name: own.name.clone(),
            asn: own.asn,
            router_id: self.router_id(),
            timers: of_preset(self.topology.timers),
            inside: self.inside(),
            bfd: self.bfd(),
            graceful_restart_wait: self.graceful_restart_wait(),
            multipath: own.multipath.on,
            roles: own.roles,
            leaks: own.leaks,
            rov: own.rov,
            rtr: self.rtr(),
            compare_med: own.compare_med,
            prefer_older: own.prefer_older,
            damping: own.damping,
            igp: self.igp(),
            families: families.iter().map(|family| self.router_family(*family)).collect(),
        }
    }

    fn router_family(&self, family: Family) -> RouterFamily {
        let node = self.topology.node(self.node);
        let stub = self.topology.ases[node.as_id.0].stub;
        let external = self.links().filter(|(_, link, _)| matches!(link.kind, LinkKind::External(_)));
        let external = external.map(|(id, link, interface)| self.session(family, id, link, interface)).collect();
        RouterFamily {
            name: family,
            originate: if stub { vec![self.addresses.stub_prefix(node.as_id, family)] } else { Vec::new() },
            roas: self.roas(family),
            groups: self.originations(family),
            internal: self.internal(family),
            external,
            // Clients speak no BGP; `host_sessions` leaves them out.
            hosts: self.host_sessions(family),
        }
    }

    fn host_sessions(&self, family: Family) -> Vec<Session> {
        let hosts = self.links().filter(|(_, link, _)| {
            link.kind == LinkKind::Access && self.topology.node(link.b).kind == NodeKind::Member
        });
        let session = |(id, link, interface): (LinkId, &Link, &Interface)| Session {
            asn: host_asn(self.topology, link.b),
            groups: self.group_prefixes(link.b, family, |_| true),
            kept: self.group_prefixes(link.b, family, |group| group.by_border),
            ..self.session(family, id, link, interface)
        };
        hosts.map(session).collect()
    }

    /// What a host may announce of such groups.
    fn group_prefixes(&self, host: NodeId, family: Family, which: impl Fn(&Group) -> bool) -> Vec<IpNet> {
        groups_of(self.topology, host)
            .filter(|group| which(&self.topology.groups[group.0]))
            .flat_map(|group| self.prefixes(group))
            .filter(|p| p.family == family)
            .map(|p| p.prefix)
            .collect()
    }

    fn roas(&self, family: Family) -> Vec<Roa> {
        let looks = self.topology.looks_at_roas(self.node);
        let all = self.topology.roas.iter().filter(|roa| looks && Family::of(roa.prefix.addr()) == family);
        all.copied().collect()
    }

    /// Only what other ASes say is looked at.
    fn rtr(&self) -> Option<RtrServer> {
        let server = self.topology.rtr.as_ref().filter(|_| self.topology.asks_for_roas(self.node))?;
        let family = self.topology.family.families()[0];
        let links = self.links().filter(|(_, link, _)| link.kind != LinkKind::Access);
        Some(RtrServer {
            family,
            address: self.addresses.host(server.host, family),
            port: rtr::PORT,
            intervals: server.intervals,
            links: links.map(|(id, ..)| self.addresses.link(id, family).0.trunc()).collect(),
        })
    }

    /// What this gateway announces of groups.
    fn originations(&self, family: Family) -> Vec<Origin> {
        let own = self.topology.originations.iter().filter(|it| it.at == self.node);
        let of_family = own.filter(|it| Family::of(it.prefix.addr()) == family);
        let origin = |it: &Origination| Origin {
            prefix: it.prefix,
            part: speaker::part(it.prefix),
            communities: it.communities.clone(),
            via: it.to.map(|host| self.addresses.host(host, family)),
            claims: it.claims,
        };
        of_family.map(origin).collect()
    }

    fn prefixes(&self, group: GroupId) -> Vec<Prefix> {
        let prefixes = self.topology.groups[group.0].at_hosts();
        prefixes.map(|prefix| Prefix { family: Family::of(prefix.addr()), prefix }).collect()
    }

    /// A session with the node at the other end of `link`.
    fn session(&self, family: Family, id: LinkId, link: &Link, interface: &Interface) -> Session {
        let (a, b) = self.addresses.link(id, family);
        let ours = link.a == self.node;
        let (local, neighbor) = if ours { (a, b) } else { (b, a) };
        let peer = self.topology.node(if ours { link.b } else { link.a });
        // The relation says what b is to a.
        let relation = match link.kind {
            LinkKind::External(relation) if ours => Some(relation),
            LinkKind::External(relation) => Some(relation.reversed()),
            _ => None,
        };
        Session {
            name: self.session_name(&self.stem(link, interface), family),
            peer: peer.name.clone(),
            interface: self.device(interface).to_owned(),
            timers: of_session(self.topology.timers, &link.session),
            bfd: link.session.bfd.is_some(),
            graceful_restart: link.session.graceful_restart,
            guards: self.guards(link),
            mrai: link.session.mrai.unwrap_or(self.topology.mrai),
            local: Some(local.addr()),
            neighbor: Some(neighbor.addr()),
            asn: self.topology.ases[peer.as_id.0].asn,
            relation,
            role: relation.map(|relation| match (self.topology.is_exchange(link.b), ours) {
                (true, true) => Role::RsClient,
                (true, false) => Role::RsServer,
                (false, _) => Role::of(relation.reversed()),
            }),
            passive: self.node < if ours { link.b } else { link.a },
            add_paths: link.session.add_paths,
            import: self.rules(id, Direction::Import, family),
            export: self.rules(id, Direction::Export, family),
            family: Some(family),
            ..Session::default()
        }
    }

    /// A stub takes all that its providers have.
    fn guards(&self, link: &Link) -> Guards {
        let all = self.topology.node(self.node).kind == NodeKind::Gateway;
        let max_prefix = link.session.guards.max_prefix.filter(|_| !all);
        Guards { max_prefix, ..link.session.guards.clone() }
    }

    fn rules(&self, link: LinkId, direction: Direction, family: Family) -> Vec<Rule> {
        let all = self.topology.policies.iter();
        let own = all.filter(|rule| rule.at == self.node && rule.link == link && rule.direction == direction);
        let of_family = own.filter_map(|rule| {
            let mut prefixes = rule.which.prefixes.clone();
            prefixes.retain(|pattern| Family::of(pattern.prefix.addr()) == family);
            // A rule about prefixes of the other family only is about none of this one.
            let about = rule.which.prefixes.is_empty() || !prefixes.is_empty();
            about.then(|| Rule { which: Which { prefixes, ..rule.which.clone() }, then: rule.then.clone() })
        });
        of_family.collect()
    }

    /// What is spoken over: that of a link, or the segment that it is a port of.
    fn device<'v>(&'v self, interface: &'v Interface) -> &'v str {
        &self.segment.as_ref().unwrap_or(interface).name
    }

    /// A bare name may be one of BIRD's keywords (`net`), which it does not take even in quotes.
    fn stem(&self, link: &Link, interface: &Interface) -> String {
        let at = interface.name.trim_start_matches("to-");
        match link.over {
            // Many sessions use the interface.
            Some(_) => format!("ebgp-{at}-{}", link.name),
            None => format!("ebgp-{at}"),
        }
    }

    /// Named after the interface, which no other session of the node uses.
    pub(super) fn session_name(&self, stem: &str, family: Family) -> String {
        if self.topology.family.families().len() > 1 { format!("{stem}-{family}") } else { stem.to_owned() }
    }

    fn host(&self) -> Host {
        let node = self.topology.node(self.node);
        let families = self.topology.family.families();
        let groups = groups_of(self.topology, self.node).map(|group| HostGroup {
            name: self.topology.groups[group.0].name.clone(),
            protocol: group_protocol(self.topology, group),
            prefixes: self.prefixes(group),
        });
        let sessions = self.links().flat_map(|(id, link, interface)| {
            families.iter().map(move |family| self.session(*family, id, link, interface))
        });
        Host {
            name: node.name.clone(),
            as_name: self.topology.ases[node.as_id.0].name.clone(),
            asn: host_asn(self.topology, self.node),
            router_id: self.router_id(),
            timers: of_preset(self.topology.timers),
            bfd: self.bfd(),
            graceful_restart_wait: self.graceful_restart_wait(),
            groups: groups.collect(),
            sessions: sessions.collect(),
        }
    }

    fn bfd(&self) -> Vec<BfdInterface> {
        // Clients run no routing daemon.
        let spoken = self.links().filter(|(_, link, _)| self.topology.node(link.b).kind.speaks_bgp());
        let interface = |(_, link, interface): (LinkId, &Link, &Interface)| {
            Some(bfd(self.device(interface), link.session.bfd?, link.session.timers.unwrap_or(self.topology.timers)))
        };
        // Sessions on the segment of an exchange share an interface: the first says how.
        let mut all: Vec<BfdInterface> = Vec::new();
        for found in spoken.filter_map(interface) {
            if all.iter().all(|other| other.name != found.name) {
                all.push(found);
            }
        }
        all
    }

    fn graceful_restart_wait(&self) -> Option<u32> {
        let asking = self.links().filter(|(_, link, _)| is_graceful(link));
        let timers = asking.map(|(_, link, _)| of_session(self.topology.timers, &link.session));
        // BIRD's own default is twice its restart time too.
        timers.map(|timers| 2 * timers.restart).max()
    }

    /// A router id is four bytes in an IPv6 lab too.
    fn router_id(&self) -> IpAddr {
        self.addresses.loopback(self.node, Family::Ipv4)
    }

    /// The node's links with their interfaces, which are laid out in the same order; those over an exchange with that
    /// of its port.
    pub(super) fn links(&self) -> impl Iterator<Item = (LinkId, &'a Link, &'a Interface)> {
        let topology = self.topology;
        let own = self.attached[self.node.0].iter().zip(self.interfaces);
        let own = own.map(|(id, interface)| (*id, &topology.links[id.0], interface));
        let at = |exchange| own.clone().find(move |(_, port, _)| port.b == exchange).map(|(.., interface)| interface);
        let here = |link: &Link| link.a == self.node || link.b == self.node;
        let all = topology.links.iter().enumerate();
        let over = all.filter(|(_, link)| here(link)).filter_map(|(i, link)| Some((LinkId(i), link, at(link.over?)?)));
        own.clone().chain(over.collect::<Vec<_>>())
    }
}
