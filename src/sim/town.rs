//! Hosts in a simulated network, on each the machines of all its overlays, servers and programs.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::delay::Delays;
use super::islands::islands;
use super::options::Network;
use crate::anycast::{Command, Deed, Did, Digest, Dispatch, Event, PORT, Tenants};
use crate::machine::sim::{Conditions, Happened, Sim};
use crate::overlay::id::Id;
use crate::overlay::{Spent, Time};

/// A host, and what lives there.
#[derive(Clone, Debug)]
pub struct Settled {
    pub name: String,
    pub address: IpAddr,
    pub tenants: Tenants,
}

/// Hosts and overlays are counted as they are given.
pub struct Town {
    sim: Sim<Dispatch>,
    /// By overlay.
    members: Vec<BTreeSet<usize>>,
    overlays: Vec<String>,
    /// Hosts by their nodes' ids, of all overlays.
    hosts: BTreeMap<Id, usize>,
    next_token: u64,
}

impl Town {
    /// `groups`: addresses of all that any host may announce; of those that are found by names, none.
    pub fn new(
        settled: Vec<Settled>,
        overlays: Vec<String>,
        groups: Vec<Vec<IpAddr>>,
        seed: u64,
        network: &Network,
    ) -> Self {
        let nodes =
            settled.iter().enumerate().flat_map(|(host, of)| of.tenants.overlays.iter().map(move |o| (host, o)));
        let hosts = nodes.map(|(host, hosted)| (hosted.node.id, host)).collect();
        let address = |(index, of): (u16, &Vec<IpAddr>)| match of.first() {
            Some(address) => SocketAddr::new(*address, PORT),
            None => SocketAddr::from(([240, 0, 0, 1], index)),
        };
        let delays = network.delays.clone();
        let conditions = Conditions {
            seed,
            hosts: settled.iter().map(|host| SocketAddr::new(host.address, PORT)).collect(),
            groups: (0..).zip(&groups).map(address).collect(),
            delay: Box::new(move |from, to| delays.between(from, to)),
            loss: network.loss,
            propagation: network.propagation,
        };
        let make = move |host: usize, at: SocketAddr, now| {
            let Settled { name, mut tenants, .. } = settled[host].clone();
            tenants.overlays.iter_mut().for_each(|hosted| hosted.node.address = at);
            Dispatch::new(&name, &tenants, &groups, now)
        };
        let members = vec![BTreeSet::new(); overlays.len()];
        Self { sim: Sim::new(conditions, make), members, overlays, hosts, next_token: 1 }
    }

    pub fn now(&self) -> Time {
        self.sim.now()
    }

    /// The network and the machines, to look at.
    pub fn sim(&self) -> &Sim<Dispatch> {
        &self.sim
    }

    /// Plays for so long; what happened.
    pub fn run_for(&mut self, time: Duration) -> Vec<Happened<Did>> {
        self.sim.run_for(time);
        let events = self.sim.take_events();
        for Happened { host, event, .. } in &events {
            let Some(overlay) = self.overlay(&event.of) else { continue };
            let members = &mut self.members[overlay];
            match &event.what {
                Deed::Node(Event::Joined { .. }) => members.insert(*host),
                Deed::Node(Event::Left) => members.remove(host),
                _ => continue,
            };
        }
        events
    }

    /// The overlay of this name.
    pub fn overlay(&self, name: &str) -> Option<usize> {
        self.overlays.iter().position(|overlay| overlay == name)
    }

    pub fn fresh_token(&mut self) -> u64 {
        self.next_token += 1;
        self.next_token - 1
    }

    /// Tells a host's node of an overlay something.
    pub fn command(&mut self, overlay: usize, host: usize, command: Command) {
        self.sim.command(host, (self.overlays[overlay].clone(), command));
    }

    pub fn members(&self, overlay: usize) -> &BTreeSet<usize> {
        &self.members[overlay]
    }

    /// The host whose node of some overlay has this id.
    pub fn host_of(&self, id: Id) -> Option<usize> {
        self.hosts.get(&id).copied()
    }

    /// The state of a host's node of an overlay.
    pub fn digest(&self, overlay: usize, host: usize) -> Option<Digest> {
        self.sim.machine(host)?.digest(&self.overlays[overlay])
    }

    /// Connected components of the neighbor links of an overlay's members, the largest first.
    pub fn islands(&self, overlay: usize) -> Vec<BTreeSet<usize>> {
        islands(&self.members[overlay], |host| {
            let digest = self.digest(overlay, host);
            digest.iter().flat_map(|digest| digest.neighbors.all()).filter_map(|id| self.host_of(*id)).collect()
        })
    }

    /// All machines of a host are gone at once; routing notices after the propagation time.
    pub fn crash(&mut self, host: usize) {
        self.sim.crash(host);
        for members in &mut self.members {
            members.remove(&host);
        }
    }

    /// New machines on the host, which have been told nothing yet.
    pub fn restart(&mut self, host: usize) {
        self.sim.restart(host);
    }

    /// Cuts hosts of different sides off from each other; one number for each host.
    pub fn set_sides(&mut self, sides: &[u32]) {
        self.sim.set_sides(sides);
    }

    /// Cuts these hosts off from all others.
    pub fn partition(&mut self, hosts: &[usize]) {
        self.sim.partition(hosts);
    }

    /// Undoes every partition.
    pub fn heal(&mut self) {
        self.sim.heal();
    }

    /// The delays are others from now on.
    pub fn set_delays(&mut self, delays: Delays) {
        self.sim.set_delay(Box::new(move |from, to| delays.between(from, to)));
    }

    /// What searches have cost all nodes of these overlays that run.
    pub fn spent(&self, overlays: impl IntoIterator<Item = usize>) -> Spent {
        let names: Vec<&String> = overlays.into_iter().map(|overlay| &self.overlays[overlay]).collect();
        let digests = self.sim.machines().flat_map(|(_, host)| names.iter().filter_map(move |name| host.digest(name)));
        digests.fold(Spent::default(), |sum, digest| sum + digest.spent)
    }
}
