//! What an overlay's protocol needs, and cannot have: TCP ports of its own, addresses of a family, owners of keys.

use std::ops::Range;

use toml::Spanned;

use super::check::Builder;
use super::diagnose::Problems;
use super::file::OverlayEntry;
use super::model::*;
use super::traffic::Transport;
use crate::anycast::Facts;
use crate::machine::{Need, Via};
use crate::overlay::AskKind;

/// Lookups a second of an overlay whose file does not say.
const LOOKUPS: f64 = 50.0;

impl OverlayEntry {
    /// Where the file says which port it has, or of which protocol it is.
    fn port_span(&self) -> Range<usize> {
        let protocol = self.protocol.protocol.as_ref().map_or(self.name.span(), Spanned::span);
        self.protocol.spans.iter().find(|(key, _)| *key == "port").map_or(protocol, |(_, span)| span.clone())
    }

    /// Where keys have no owners nothing is looked up.
    pub(super) fn lookups(&self, f: &mut Problems) -> f64 {
        let protocol = self.protocol.settings().protocol;
        let given = self.lookups_per_second.as_ref();
        if protocol.is_keyed() {
            return given.map_or(LOOKUPS, |rate| *rate.get_ref());
        }
        if let Some(rate) = given.filter(|rate| *rate.get_ref() > 0.0) {
            let message = format!("no key has an owner in {}, so there is nothing to look up", protocol.title);
            let verb = if protocol.may(AskKind::Search) { "search" } else { "put" };
            let help = format!("ask for what it is for: `{verb} COUNT in {}` in the timeline", self.name);
            f.error("no-owners", rate.span(), message).label("leave it out").help(help);
        }
        0.0
    }
}

impl Builder<'_> {
    /// A protocol whose messages have no room for IPv6 addresses needs hosts that have others.
    pub(super) fn family_of(&mut self, entry: &OverlayEntry) {
        let protocol = entry.protocol.settings().protocol;
        if protocol.ipv6 || self.topology.family.families()[0] == Family::Ipv4 {
            return;
        }
        let span = entry.protocol.protocol.as_ref().map_or(entry.name.span(), Spanned::span);
        let message = format!("{} cannot tell of IPv6 addresses, and the lab's hosts have no others", protocol.title);
        let found = self.problems.error("wrong-family", span, message);
        found.label("its messages have four bytes for an address");
        found.help("set `family = \"ipv4\"` or `\"dual\"` in [lab]".to_owned());
    }

    /// The leader of an island is who owns one fixed key.
    pub(super) fn rendezvous_of(&mut self, entry: &OverlayEntry) {
        let protocol = entry.protocol.settings().protocol;
        let chosen = entry.healing.healing.as_ref().filter(|healing| healing.get_ref().has_rendezvous());
        if let Some(healing) = chosen.filter(|_| !protocol.is_keyed()) {
            let message = format!("a rendezvous needs an owner of its key, and in {} no key has one", protocol.title);
            let found = self.problems.error("no-owners", healing.span(), message);
            found.label("no island would have a leader").help("choose `healing = \"colors\"`".to_owned());
        }
    }

    /// On each of its hosts, guests' among them, nobody else may listen at its TCP ports. Services are looked at when
    /// they are read.
    pub(super) fn free_ports(&mut self, entry: &OverlayEntry, index: usize) {
        let Some(own) = self.topology.overlays.get(index) else { return };
        let hosts: Vec<NodeId> = own.members.iter().chain(&own.beyond.guests).copied().collect();
        let settings = entry.protocol.settings();
        let ports: Vec<u16> = settings.protocol.tcp_ports(&settings).collect();
        for port in ports {
            let other = self.topology.overlays[..index].iter().find_map(|other| {
                let has = other.settings.protocol.tcp_ports(&other.settings).any(|theirs| theirs == port);
                let host = hosts.iter().find(|host| other.lives_on(**host)).filter(|_| has)?;
                Some((format!("overlay `{}`", other.name), *host))
            });
            let other = other.or_else(|| self.server_at(port, &hosts));
            let Some((other, host)) = other else { continue };
            self.taken(entry.port_span(), port, &other, host);
        }
    }

    /// A server of an infrastructure that listens there on one of these hosts.
    fn server_at(&self, port: u16, on: &[NodeId]) -> Option<(String, NodeId)> {
        self.topology.infrastructures.iter().find_map(|deployment| {
            let row = deployment.kind.server.as_ref()?;
            let mut needs = (row.ports)(&Facts::plain()).into_iter();
            let has = needs.any(|(at, need)| at.via == Via::Unicast && need == Need::Tcp(port));
            let host = deployment.hosts.iter().find(|host| on.contains(host)).filter(|_| has)?;
            Some((format!("a server of `{}`", deployment.name), *host))
        })
    }

    /// A service's port on a host that is in an overlay with the same one.
    pub(super) fn free_for_service(&mut self, name: &Spanned<String>, port: u16, transport: Transport, on: &[NodeId]) {
        if transport != Transport::Tcp {
            return;
        }
        let other = self.topology.overlays.iter().find_map(|other| {
            let has = other.settings.protocol.tcp_ports(&other.settings).any(|theirs| theirs == port);
            let host = on.iter().find(|host| other.lives_on(**host)).filter(|_| has)?;
            Some((format!("overlay `{}`", other.name), *host))
        });
        if let Some((other, host)) = other {
            self.taken(name.span(), port, &other, host);
        }
    }

    fn taken(&mut self, span: Range<usize>, port: u16, other: &str, host: NodeId) {
        let host = &self.topology.node(host).name;
        let message = format!("TCP port {port} of {host} is that of {other}");
        let found = self.problems.error("port-taken", span, message);
        found.label("two programs cannot listen at one port").help("give one of them another `port`".to_owned());
    }
}
