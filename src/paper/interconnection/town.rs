//! Hosts with the nodes of several overlays each, in the simulated network.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use crate::anycast::{
    Asked, Beyond, Bootstrap, Command, Deed, Digest, Event, Healing, Hosted, Infrastructure, NodeConfig, PORT, Step,
    Tenants,
};
use crate::machine::Part;
use crate::overlay::id::Id;
use crate::overlay::{Answer, Given, Protocol, Time};
use crate::sim::{self, Delays, Network, Options};

/// Rounds of stabilization, and requests: what the round trips of the plane need.
pub(super) const ROUND: Duration = Duration::from_secs(2);
const REQUEST: Duration = Duration::from_millis(500);
const COLORS: u16 = 8;

/// From a wish to announce until the network follows.
const PROPAGATION: Duration = Duration::from_millis(500);

/// An overlay of a town.
#[derive(Clone)]
pub(super) struct Spec {
    pub(super) protocol: Protocol,
    /// Hosts that may join, besides those that are newcomers everywhere.
    pub(super) members: Vec<usize>,
    pub(super) beyond: Beyond,
    pub(super) healing: Healing,
}

/// Hosts of which each has a node of every overlay, to join or only to ask.
pub(super) struct Town {
    town: sim::Town,
    pub(super) specs: Vec<Spec>,
    pub(super) delays: Delays,
    /// By overlay and host: when each became a member last.
    joined: BTreeMap<(usize, usize), Time>,
    outcomes: BTreeMap<u64, (Time, Answer, Vec<Step>)>,
}

pub(super) fn name(overlay: usize) -> String {
    format!("o{overlay}")
}

fn group(overlay: usize, part: Part) -> SocketAddr {
    SocketAddr::from(([198, 18, overlay as u8, part.0 as u8], PORT))
}

/// The protocols in which keys have owners, in turn.
pub(super) fn keyed(index: usize) -> Protocol {
    let all: Vec<Protocol> = Protocol::keyed().collect();
    all[index % all.len()]
}

impl Town {
    /// `service`: hosts that ask the first member of each overlay instead of its address.
    pub(super) fn new(specs: Vec<Spec>, hosts: usize, seed: u64, service: &BTreeSet<usize>) -> Self {
        let delays = Delays::random(hosts, seed);
        let mut tenants = vec![Tenants::default(); hosts];
        for (overlay, spec) in specs.iter().enumerate() {
            let options = Options {
                stabilize_every: ROUND,
                rpc_timeout: REQUEST,
                heal_every: Duration::from_secs(10),
                healing: spec.healing,
                colors: if spec.healing.has_colors() { COLORS } else { 0 },
                ..Options::of(hosts, Given::of(spec.protocol), seed)
            };
            let infrastructure = Infrastructure::default();
            let asked = Asked { colors: options.colors, rendezvous: false };
            let known = spec.members.first().copied().unwrap_or_default();
            let addresses: Vec<SocketAddr> = options.configs().iter().map(|config| config.address).collect();
            for (host, config) in options.configs().into_iter().enumerate() {
                let node = NodeConfig {
                    overlay: name(overlay),
                    id: Id::of_node(seed, &name(overlay), &config.host),
                    groups: infrastructure.addresses(&asked, |part| group(overlay, part)),
                    beyond: spec.beyond.clone(),
                    bootstrap: if service.contains(&host) { Bootstrap::WellKnown } else { Bootstrap::Anycast },
                    well_known: vec![addresses[known]],
                    ..config
                };
                tenants[host].overlays.push(Hosted { infrastructure, node });
            }
        }
        let settled = tenants.into_iter().enumerate().filter_map(|(host, tenants)| {
            let address = tenants.overlays.first()?.node.address.ip();
            Some(sim::Settled { name: format!("n{host}"), address, tenants })
        });
        let parts = (0..specs.len()).flat_map(|overlay| (0..COLORS + 2).map(move |part| group(overlay, Part(part))));
        let groups = parts.map(|address| vec![address.ip()]).collect();
        let names = (0..specs.len()).map(name).collect();
        let network = Network { delays: delays.clone(), loss: 0.0, propagation: PROPAGATION };
        let town = sim::Town::new(settled.collect(), names, groups, seed, &network);
        let (joined, outcomes) = Default::default();
        Self { town, specs, delays, joined, outcomes }
    }

    /// The same, and everybody a member of what it may join.
    pub(super) fn settled(specs: Vec<Spec>, hosts: usize, seed: u64, service: &BTreeSet<usize>) -> Self {
        let mut town = Self::new(specs, hosts, seed, service);
        let most = town.specs.iter().map(|spec| spec.members.len()).max().unwrap_or(0);
        for turn in 0..most {
            for overlay in 0..town.specs.len() {
                if let Some(host) = town.specs[overlay].members.get(turn).copied() {
                    town.join(overlay, host, turn == 0);
                }
            }
            town.run_for(if turn == 0 { 8 * ROUND } else { ROUND });
        }
        town.run_for(10 * ROUND);
        town
    }

    pub(super) fn now(&self) -> Time {
        self.town.now()
    }

    pub(super) fn run_for(&mut self, time: Duration) {
        for happened in self.town.run_for(time) {
            let (Deed::Node(event), Some(overlay)) = (happened.event.what, self.town.overlay(&happened.event.of))
            else {
                continue;
            };
            match event {
                Event::Joined { .. } => drop(self.joined.insert((overlay, happened.host), happened.at)),
                Event::Done { token, path, outcome } => {
                    self.outcomes.insert(token, (happened.at, outcome, path));
                }
                _ => {}
            }
        }
    }

    pub(super) fn join(&mut self, overlay: usize, host: usize, found: bool) {
        self.joined.remove(&(overlay, host));
        self.town.command(overlay, host, Command::Join { found });
    }

    pub(super) fn leave(&mut self, overlay: usize, host: usize) {
        self.town.command(overlay, host, Command::Leave);
    }

    pub(super) fn crash(&mut self, host: usize) {
        self.town.crash(host);
    }

    pub(super) fn members(&self, overlay: usize) -> &BTreeSet<usize> {
        self.town.members(overlay)
    }

    /// When it last became a member.
    pub(super) fn joined(&self, overlay: usize, host: usize) -> Option<Time> {
        self.joined.get(&(overlay, host)).copied()
    }

    /// Has a host join these overlays at once; until it is a member of all, or for so long: milliseconds and datagrams
    /// that it has sent, and of how many it is one.
    pub(super) fn join_all(&mut self, overlays: &[usize], host: usize, at_most: Duration) -> (f64, u64, usize) {
        let (begun, before) = (self.now(), self.sent_by(host));
        overlays.iter().for_each(|overlay| self.join(*overlay, host, false));
        let step = Duration::from_millis(20);
        while self.now() - begun < at_most && !overlays.iter().all(|o| self.joined(*o, host).is_some()) {
            self.run_for(step);
        }
        let times: Vec<Time> = overlays.iter().filter_map(|overlay| self.joined(*overlay, host)).collect();
        let last = times.iter().max().map_or(f64::NAN, |at| at.millis_since(begun));
        (last, self.sent_by(host) - before, times.len())
    }

    pub(super) fn leave_all(&mut self, overlays: &[usize], host: usize) {
        overlays.iter().for_each(|overlay| self.leave(*overlay, host));
        self.run_for(5 * ROUND);
    }

    pub(super) fn sent_by(&self, host: usize) -> u64 {
        self.town.sim().sent_by(host)
    }

    pub(super) fn datagrams(&self) -> u64 {
        self.town.sim().datagrams()
    }

    pub(super) fn digest(&self, overlay: usize, host: usize) -> Option<Digest> {
        self.town.digest(overlay, host)
    }

    /// Asks at this host; the token of what will come.
    pub(super) fn order(&mut self, overlay: usize, host: usize, command: impl FnOnce(u64) -> Command) -> u64 {
        let token = self.town.fresh_token();
        self.town.command(overlay, host, command(token));
        token
    }

    pub(super) fn outcome(&self, token: u64) -> Option<&(Time, Answer, Vec<Step>)> {
        self.outcomes.get(&token)
    }

    /// The same, waiting for the end; milliseconds, what came of it and the way that it took.
    pub(super) fn ask(
        &mut self,
        overlay: usize,
        host: usize,
        command: impl FnOnce(u64) -> Command,
    ) -> Option<(f64, Answer, Vec<Step>)> {
        let begun = self.now();
        let token = self.order(overlay, host, command);
        while !self.outcomes.contains_key(&token) && self.now() - begun < Duration::from_secs(60) {
            self.run_for(Duration::from_millis(10));
        }
        self.outcomes.remove(&token).map(|(at, answer, path)| (at.millis_since(begun), answer, path))
    }

    /// The host whose node of some overlay has this id.
    pub(super) fn host_of(&self, id: Id) -> Option<usize> {
        self.town.host_of(id)
    }

    /// Members of an overlay, the nearest to a host first, itself left out.
    pub(super) fn nearest(&self, overlay: usize, host: usize) -> Vec<usize> {
        let mut members: Vec<usize> = self.members(overlay).iter().copied().filter(|other| *other != host).collect();
        members.sort_by_key(|other| self.delays.round_trip(host, *other));
        members
    }

    /// Cuts these hosts off from all others.
    pub(super) fn partition(&mut self, hosts: &[usize]) {
        self.town.partition(hosts);
    }

    pub(super) fn heal(&mut self) {
        self.town.heal();
    }

    /// How many components the members' neighbor links make.
    pub(super) fn islands(&self, overlay: usize) -> usize {
        self.town.islands(overlay).len()
    }
}
