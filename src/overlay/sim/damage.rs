//! What is done to the simulated network and its hosts.

use std::net::SocketAddr;

use super::{Due, Machine, Sim};

impl<M: Machine> Sim<M> {
    /// Cuts these hosts off from all others, also from those that were cut off before.
    pub fn partition(&mut self, hosts: &[usize]) {
        self.sides += 1;
        for host in hosts {
            self.hosts[*host].side = self.sides;
        }
        self.rerouted();
    }

    /// Cuts the network into these parts; who is in none of them is in another.
    pub fn split(&mut self, parts: &[&[usize]]) {
        for (side, hosts) in (1..).zip(parts) {
            for host in *hosts {
                self.hosts[*host].side = side;
                self.sides = self.sides.max(side);
            }
        }
        self.rerouted();
    }

    /// Undoes every partition.
    pub fn heal(&mut self) {
        for host in &mut self.hosts {
            host.side = 0;
        }
        self.rerouted();
    }

    /// Hosts of different sides are cut off from each other; one number for each host.
    pub fn set_sides(&mut self, sides: &[u32]) {
        for (host, side) in self.hosts.iter_mut().zip(sides) {
            host.side = *side;
            self.sides = self.sides.max(*side);
        }
        self.rerouted();
    }

    pub(super) fn rerouted(&mut self) {
        self.versions.iter_mut().for_each(|version| *version += 1);
    }

    /// The machine is gone at once; routing notices after the propagation delay.
    pub fn crash(&mut self, host: usize) {
        self.hosts[host].machine = None;
        self.hosts[host].wake = None;
        let life = self.hosts[host].life;
        for group in 0..self.announcers.len() {
            let at = self.now + self.settings.propagation;
            self.queue.push(at, Due::Routing { host, life, group, announce: false });
        }
    }

    /// The host has another address; what is under way to the old one is lost. Its machine has to be told.
    pub fn renumber(&mut self, host: usize, address: SocketAddr) {
        let old = std::mem::replace(&mut self.hosts[host].address, address);
        self.by_address.remove(&old);
        self.by_address.insert(address, host);
    }

    /// A new machine, which has been told nothing yet.
    pub fn restart(&mut self, host: usize) {
        let machine = (self.make)(host, self.hosts[host].address, self.now);
        let h = &mut self.hosts[host];
        h.machine = Some(Box::new(machine));
        h.life += 1;
        h.wake = None;
    }
}
