//! The targets of a JAP: who has registered with it, and whether they live.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use rand::RngExt;
use rand::seq::IteratorRandom;
use rand_chacha::ChaCha8Rng;

use super::message::How;
use crate::machine::Time;
use crate::overlay::id::Id;
use crate::overlay::wire::Tag;

/// Most targets of all groups, and most that one address may register.
const MAX_TARGETS: usize = 4096;
const MAX_OF_ADDRESS: usize = 64;

/// So many questions whether it lives may be unanswered.
const MAX_SILENT: u8 = 3;

#[derive(Clone, Debug)]
pub(super) struct Target {
    /// Where datagrams of the group are wanted.
    pub(super) address: SocketAddr,
    pub(super) agent: SocketAddr,
    /// Its agent's.
    pub(super) tag: Tag,
    /// A program that knows nothing of tunnels.
    pub(super) plain: bool,
    pub(super) flows: u32,
    expires: Time,
    /// When to ask whether it lives; what it was asked with and has not answered; how many such.
    ask: Time,
    asked: u64,
    silent: u8,
}

#[derive(Debug, Default)]
pub(super) struct Targets {
    /// By group.
    of: BTreeMap<u16, Vec<Target>>,
    by_address: BTreeMap<IpAddr, usize>,
}

/// A registration, as a proven request has it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Registration {
    pub(super) group: u16,
    pub(super) address: SocketAddr,
    pub(super) agent: SocketAddr,
    pub(super) tag: Tag,
    pub(super) plain: bool,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Registered {
    New,
    Refreshed,
    /// There is no more room.
    Refused,
}

impl Targets {
    pub(super) fn len(&self) -> usize {
        self.by_address.values().sum()
    }

    pub(super) fn of(&self, group: u16) -> &[Target] {
        self.of.get(&group).map_or(&[], |targets| targets)
    }

    pub(super) fn get(&self, group: u16, address: SocketAddr) -> Option<&Target> {
        self.of(group).iter().find(|target| target.address == address)
    }

    pub(super) fn register(&mut self, now: Time, new: &Registration, lease: Duration, health: Duration) -> Registered {
        let (total, of_address) = (self.len(), self.by_address.entry(new.address.ip()).or_default());
        let targets = self.of.entry(new.group).or_default();
        let target = |flows| Target {
            address: new.address,
            agent: new.agent,
            tag: new.tag,
            plain: new.plain,
            flows,
            expires: now + lease,
            ask: now + health,
            asked: 0,
            silent: 0,
        };
        if let Some(known) = targets.iter_mut().find(|known| known.address == new.address) {
            *known = target(known.flows);
            return Registered::Refreshed;
        }
        let outcome = if total >= MAX_TARGETS || *of_address >= MAX_OF_ADDRESS {
            Registered::Refused
        } else {
            targets.push(target(0));
            *of_address += 1;
            Registered::New
        };
        if *of_address == 0 {
            self.by_address.remove(&new.address.ip());
        }
        outcome
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, group: u16, address: SocketAddr) -> bool {
        let Some(targets) = self.of.get_mut(&group) else { return false };
        let before = targets.len();
        targets.retain(|target| target.address != address);
        let was = targets.len() < before;
        if was && let Some(count) = self.by_address.get_mut(&address.ip()) {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address.ip());
            }
        }
        was
    }

    /// Whose lease is over, or who does not answer.
    pub(super) fn dead(&self, now: Time) -> Vec<(u16, SocketAddr)> {
        let dead = |target: &&Target| target.expires <= now || target.silent > MAX_SILENT;
        let of_group = |(group, targets): (&u16, &Vec<Target>)| {
            targets.iter().filter(dead).map(|target| (*group, target.address)).collect::<Vec<_>>()
        };
        self.of.iter().flat_map(of_group).collect()
    }

    /// Whom to ask whether they live: agent, tag, token.
    pub(super) fn ask(&mut self, now: Time, health: Duration, rng: &mut ChaCha8Rng) -> Vec<(SocketAddr, Tag, u64)> {
        let due = self.of.values_mut().flatten().filter(|target| target.ask <= now);
        let ask = due.map(|target| {
            target.ask = now + health.mul_f64(rng.random_range(0.9..1.1));
            target.asked = rng.random();
            target.silent += 1;
            (target.agent, target.tag, target.asked)
        });
        ask.collect()
    }

    pub(super) fn answered(&mut self, agent: SocketAddr, token: u64) {
        let asked = |target: &&mut Target| target.agent == agent && target.asked == token && target.silent > 0;
        if let Some(target) = self.of.values_mut().flatten().find(asked) {
            target.silent = 0;
        }
    }

    /// A flow more, or less.
    pub(super) fn flow(&mut self, group: u16, address: SocketAddr, more: bool) {
        let of_group = self.of.get_mut(&group).into_iter().flatten();
        for target in of_group.filter(|target| target.address == address) {
            target.flows = if more { target.flows.saturating_add(1) } else { target.flows.saturating_sub(1) };
        }
    }

    /// How many there are, and their flows.
    pub(super) fn count(&self, group: u16) -> (u32, u32) {
        let of = self.of(group);
        (u32::try_from(of.len()).unwrap_or(u32::MAX), of.iter().fold(0, |sum, t| t.flows.saturating_add(sum)))
    }

    /// Whether there is one for this client: nobody is brought to itself.
    pub(super) fn has_for(&self, group: u16, client: SocketAddr) -> bool {
        self.for_client(group, client).next().is_some()
    }

    fn for_client(&self, group: u16, client: SocketAddr) -> impl Iterator<Item = &Target> {
        self.of(group).iter().filter(move |target| target.agent.ip() != client.ip())
    }

    /// The target of a new flow: by the client's address alone if `fixed`, else the one with the fewest flows.
    pub(super) fn pick(&self, group: u16, client: SocketAddr, fixed: bool) -> Option<&Target> {
        let rank = |target: &&Target| (if fixed { 0 } else { target.flows }, rank(client, target.address, fixed));
        self.for_client(group, client).min_by_key(rank)
    }

    /// One of all.
    pub(super) fn draw(&self, group: u16, how: How, rng: &mut ChaCha8Rng) -> Option<SocketAddr> {
        let drawn = match how {
            How::Uniform => self.of(group).iter().choose(rng),
            How::Idle => {
                let least = self.of(group).iter().map(|target| target.flows).min();
                self.of(group).iter().filter(|target| Some(target.flows) == least).choose(rng)
            }
        };
        drawn.map(|target| target.address)
    }

    /// So many, for somebody who is left out: each asker gets others first, and always the same.
    pub(super) fn named(&self, group: u16, count: usize, but: SocketAddr) -> Vec<SocketAddr> {
        let mut all: Vec<_> = self.of(group).iter().map(|t| t.address).filter(|address| *address != but).collect();
        all.sort_by_cached_key(|address| rank(but, *address, false));
        all.truncate(count);
        all
    }

    pub(super) fn bytes(&self) -> usize {
        self.len() * size_of::<Target>() + self.by_address.len() * size_of::<(IpAddr, usize)>()
    }
}

/// Highest random weight (Thaler and Ravishankar, 1998): for a client, an order of all targets, in which those that
/// stay keep their places when others come and go.
fn rank(client: SocketAddr, target: SocketAddr, host: bool) -> Id {
    let client = if host { client.ip().to_string() } else { client.to_string() };
    Id::hash(&[client.as_bytes(), target.to_string().as_bytes()])
}
