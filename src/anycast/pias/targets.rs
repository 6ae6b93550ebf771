//! The targets of a JAP: who has registered with it, and whether they live.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, SocketAddrV4};
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

/// No address is before it.
const FIRST: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::UNSPECIFIED, 0));

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
    /// Of its address.
    hash: u64,
    expires: Time,
    /// When to ask whether it lives; what it was asked with and has not answered; how many such.
    ask: Time,
    asked: u64,
    silent: u8,
}

#[derive(Debug, Default)]
pub(super) struct Targets {
    all: BTreeMap<(u16, SocketAddr), Target>,
    by_group: BTreeMap<u16, usize>,
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
        self.all.len()
    }

    pub(super) fn of(&self, group: u16) -> impl Iterator<Item = &Target> {
        let after = self.all.range((group, FIRST)..).take_while(move |((of, _), _)| *of == group);
        after.map(|(_, target)| target)
    }

    /// Those that have targets here.
    pub(super) fn groups(&self) -> impl Iterator<Item = u16> {
        self.by_group.keys().copied()
    }

    pub(super) fn get(&self, group: u16, address: SocketAddr) -> Option<&Target> {
        self.all.get(&(group, address))
    }

    pub(super) fn register(&mut self, now: Time, new: &Registration, lease: Duration, health: Duration) -> Registered {
        let key = (new.group, new.address);
        let target = |flows| Target {
            address: new.address,
            agent: new.agent,
            tag: new.tag,
            plain: new.plain,
            flows,
            hash: hash(&new.address.to_string()),
            expires: now + lease,
            ask: now + health,
            asked: 0,
            silent: 0,
        };
        if let Some(known) = self.all.get_mut(&key) {
            *known = target(known.flows);
            return Registered::Refreshed;
        }
        let of_address = self.by_address.get(&new.address.ip()).copied().unwrap_or_default();
        if self.all.len() >= MAX_TARGETS || of_address >= MAX_OF_ADDRESS {
            return Registered::Refused;
        }
        self.all.insert(key, target(0));
        self.by_address.insert(new.address.ip(), of_address + 1);
        *self.by_group.entry(new.group).or_default() += 1;
        Registered::New
    }

    /// Whether it was there.
    pub(super) fn remove(&mut self, group: u16, address: SocketAddr) -> bool {
        let was = self.all.remove(&(group, address)).is_some();
        if was {
            less(&mut self.by_address, address.ip());
            less(&mut self.by_group, group);
        }
        was
    }

    /// Whose lease is over, or who does not answer.
    pub(super) fn dead(&self, now: Time) -> Vec<(u16, SocketAddr)> {
        let dead = |target: &Target| target.expires <= now || target.silent > MAX_SILENT;
        self.all.iter().filter(|(_, target)| dead(target)).map(|(key, _)| *key).collect()
    }

    /// Whom to ask whether they live: agent, tag, token.
    pub(super) fn ask(&mut self, now: Time, health: Duration, rng: &mut ChaCha8Rng) -> Vec<(SocketAddr, Tag, u64)> {
        let due = self.all.values_mut().filter(|target| target.ask <= now);
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
        if let Some(target) = self.all.values_mut().find(asked) {
            target.silent = 0;
        }
    }

    /// A flow more, or less.
    pub(super) fn flow(&mut self, group: u16, address: SocketAddr, more: bool) {
        if let Some(target) = self.all.get_mut(&(group, address)) {
            target.flows = if more { target.flows.saturating_add(1) } else { target.flows.saturating_sub(1) };
        }
    }

    /// How many there are, and their flows.
    pub(super) fn count(&self, group: u16) -> (u32, u32) {
        let count = self.by_group.get(&group).copied().unwrap_or_default();
        let flows = self.of(group).fold(0, |sum: u32, target| sum.saturating_add(target.flows));
        (u32::try_from(count).unwrap_or(u32::MAX), flows)
    }

    /// Whether there is one for this client: nobody is brought to itself.
    pub(super) fn has_for(&self, group: u16, client: SocketAddr) -> bool {
        self.for_client(group, client).next().is_some()
    }

    fn for_client(&self, group: u16, client: SocketAddr) -> impl Iterator<Item = &Target> {
        self.of(group).filter(move |target| target.agent.ip() != client.ip())
    }

    /// The target of a new flow: by the client's address alone if `fixed`, else the one with the fewest flows.
    pub(super) fn pick(&self, group: u16, client: SocketAddr, fixed: bool) -> Option<&Target> {
        let of_client = if fixed { hash(&client.ip().to_string()) } else { hash(&client.to_string()) };
        let rank = |target: &&Target| (if fixed { 0 } else { target.flows }, target.rank(of_client));
        self.for_client(group, client).min_by_key(rank)
    }

    /// One of all.
    pub(super) fn draw(&self, group: u16, how: How, rng: &mut ChaCha8Rng) -> Option<SocketAddr> {
        let drawn = match how {
            How::Uniform => {
                let count = self.by_group.get(&group).copied().filter(|count| *count > 0)?;
                self.of(group).nth(rng.random_range(0..count))
            }
            How::Idle => {
                let least = self.of(group).map(|target| target.flows).min();
                self.of(group).filter(|target| Some(target.flows) == least).choose(rng)
            }
        };
        drawn.map(|target| target.address)
    }

    /// So many, for somebody who is left out: each asker gets others first, and always the same.
    pub(super) fn named(&self, group: u16, count: usize, but: SocketAddr) -> Vec<SocketAddr> {
        let of_asker = hash(&but.to_string());
        let others = self.of(group).filter(|target| target.address != but);
        let mut all: Vec<_> = others.map(|target| (target.rank(of_asker), target.address)).collect();
        all.sort_unstable();
        all.into_iter().take(count).map(|(_, address)| address).collect()
    }

    pub(super) fn bytes(&self) -> usize {
        self.all.len() * size_of::<((u16, SocketAddr), Target)>()
            + self.by_address.len() * size_of::<(IpAddr, usize)>()
            + self.by_group.len() * size_of::<(u16, usize)>()
    }
}

impl Target {
    /// Highest random weight (Thaler and Ravishankar, 1998): for a client, an order of all targets, in which those
    /// that stay keep their places when others come and go. Mixed as SplitMix64 does.
    fn rank(&self, client: u64) -> u64 {
        let mixed = self.hash ^ client;
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

fn hash(address: &str) -> u64 {
    let Id(hash) = Id::hash(&[address.as_bytes()]);
    (hash >> 64) as u64
}

fn less<K: Ord>(counts: &mut BTreeMap<K, usize>, key: K) {
    if let Some(count) = counts.get_mut(&key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&key);
        }
    }
}
