//! How a newcomer becomes known: an announcement walks at random, and the nodes that it comes to draw a key together
//! under which they know the newcomer from then on. The newcomer tells each of them all seeds itself: none of them could
//! tell those before it and those after it different ones.

use std::collections::BTreeSet;

use rand::RngExt;

use super::commit::{self, Hash, Seed};
use super::drawing::{Part, Quest, Stage, Wish};
use super::message::{MAX_STEPS, Message, Step};
use super::{Freenet, Why};
use crate::overlay::{Did, Peer, Phase, Time};

/// Most announcements of others at once.
pub(super) const MAX_PARTS: usize = 256;

impl Freenet {
    /// Begins to be announced; to another island not before it is known to be another.
    pub(super) fn seek(&mut self, now: Time, wish: Wish, through: Peer) {
        let (walk, seed) = (self.rng.random(), self.rng.random());
        let due = now + self.patience(u16::from(self.settings.announce)) * 2;
        let stage = if wish == Wish::Join { Stage::Announced } else { Stage::Asking };
        self.quest = Some(Quest { walk, wish, through, seed, stage, due });
        if wish == Wish::Join {
            self.announce(now);
        } else {
            self.send(now, through, Message::Hello, Why::Stranger);
        }
    }

    fn announce(&mut self, now: Time) {
        let Some(quest) = &mut self.quest else { return };
        quest.stage = Stage::Announced;
        let (walk, through, hash) = (quest.walk, quest.through, commit::first(&quest.seed));
        self.seen.add(now, walk, self.me.address);
        let hops = self.settings.announce;
        self.send(now, through, Message::Announce { walk, newcomer: self.me, hash, hops }, Why::Announce(walk));
    }

    /// Who was asked for a merge has told whom it knows.
    pub(super) fn stranger(&mut self, now: Time, from: Peer, peers: &[Peer]) {
        let asked = |quest: &&Quest| quest.stage == Stage::Asking && quest.through.id == from.id;
        if self.quest.as_ref().filter(asked).is_none() {
            return;
        }
        if self.table.knows(from.id) || peers.iter().any(|peer| peer.id == self.me.id || self.table.knows(peer.id)) {
            return self.end_quest(now, false);
        }
        self.announce(now);
    }

    pub(super) fn end_quest(&mut self, now: Time, ok: bool) {
        match self.quest.take().map(|quest| quest.wish) {
            Some(Wish::Join) if ok => self.enter(now),
            Some(Wish::Join) => self.join_failed(),
            Some(Wish::Merge) => self.events.push_back(Did::Merged { ok }),
            None => {}
        }
    }

    /// A newcomer.
    pub(super) fn announced(
        &mut self,
        now: Time,
        from: Peer,
        call: u64,
        walk: u64,
        (newcomer, before): (Peer, Hash),
        hops: u8,
    ) {
        match self.seen.get(&walk) {
            Some(address) if *address == from.address => return self.tell(from.address, call, Message::Ack),
            None if self.phase == Phase::Member && self.parts.len() < MAX_PARTS && newcomer.id != self.me.id => {}
            _ => return self.tell(from.address, 0, Message::Elsewhere { walk }),
        }
        self.seen.add(now, walk, from.address);
        self.counts.announced += 1;
        self.tell(from.address, call, Message::Ack);
        let hops = hops.min(self.settings.announce).saturating_sub(1);
        let (seed, tried) = (self.rng.random(), BTreeSet::from([from.id, newcomer.id]));
        self.parts
            .insert(walk, Part { up: from, newcomer, before, seed, hops, tried, down: None, tail: None, due: now });
        self.pass_on(now, walk);
    }

    /// To a node at random, or back with the first seed.
    fn pass_on(&mut self, now: Time, walk: u64) {
        let Some(part) = self.parts.get(&walk) else { return };
        let fresh: Vec<Peer> = self.table.peers().filter(|peer| !part.tried.contains(&peer.id)).collect();
        if part.hops == 0 || fresh.is_empty() {
            return self.reveal(now, walk, Vec::new());
        }
        let (newcomer, hops) = (part.newcomer, part.hops);
        let hash = commit::next(&part.seed, &part.before);
        let to = fresh[self.rng.random_range(0..fresh.len())];
        let call = self.send(now, to, Message::Announce { walk, newcomer, hash, hops }, Why::Announce(walk));
        let due = now + self.patience(hops.into());
        if let Some(part) = self.parts.get_mut(&walk) {
            part.tried.insert(to.id);
            (part.down, part.due) = (Some((to, call)), due);
        }
    }

    /// Tells its seed, after those that come after it.
    fn reveal(&mut self, now: Time, walk: u64, mut steps: Vec<Step>) {
        let due = now + self.patience(u16::from(self.settings.announce)) * 2;
        let Some(part) = self.parts.get_mut(&walk) else { return };
        part.tail = Some(steps.iter().map(|step| step.seed).collect());
        part.due = due;
        steps.insert(0, Step { peer: self.me, key: self.key, seed: part.seed });
        let up = part.up;
        self.send(now, up, Message::Seeds { walk, steps }, Why::Reply);
    }

    /// The seeds of those after this one.
    pub(super) fn told_seeds(&mut self, now: Time, from: Peer, walk: u64, steps: Vec<Step>) {
        let own = |quest: &&Quest| {
            quest.walk == walk && quest.stage == Stage::Announced && quest.through.address == from.address
        };
        if let Some(quest) = self.quest.as_ref().filter(own) {
            let most = usize::from(self.settings.announce).min(MAX_STEPS);
            if !steps.is_empty() && steps.len() <= most {
                let seed = quest.seed;
                self.name(now, walk, seed, &steps);
            }
            return;
        }
        let Some(part) = self.parts.get_mut(&walk) else { return };
        let Some((_, call)) = part.down.filter(|(peer, _)| *peer == from && part.tail.is_none()) else { return };
        self.post.end(call);
        if part.down.take().is_some() && steps.len() <= usize::from(part.hops) {
            self.reveal(now, walk, steps);
        }
    }

    /// All seeds are here: the key is made, and all are told.
    fn name(&mut self, now: Time, walk: u64, seed: Seed, steps: &[Step]) {
        let seeds: Vec<Seed> = std::iter::once(seed).chain(steps.iter().map(|step| step.seed)).collect();
        if let Some(quest) = &mut self.quest {
            quest.stage = Stage::Named(steps.len());
            if quest.wish == Wish::Join {
                self.key = commit::key(&seeds);
                self.join_hops = u32::try_from(steps.len()).unwrap_or(u32::MAX).saturating_add(1);
            }
        }
        for step in steps {
            self.learn(now, step.key, step.peer);
            self.send(now, step.peer, Message::Named { walk, seeds: seeds.clone() }, Why::Named(walk));
        }
    }

    /// From a newcomer: everybody's seeds. Whether it is known by the key that they make.
    pub(super) fn told_named(&mut self, now: Time, from: Peer, walk: u64, seeds: &[Seed]) -> bool {
        let told = |part: &&Part| part.newcomer == from && part.tail.is_some();
        let Some(part) = self.parts.get(&walk).filter(told) else { return self.table.knows(from.id) };
        let tail = part.tail.as_deref().unwrap_or_default();
        let agreed = seeds.len() <= MAX_STEPS + 1 && commit::agree(seeds, &part.before, &part.seed, tail);
        self.parts.remove(&walk);
        if agreed {
            self.failed.remove(&from.id);
            self.learn(now, commit::key(seeds), from);
        } else {
            self.counts.disagreed += 1;
        }
        agreed
    }

    /// A node knows this one by its key, or does not answer.
    pub(super) fn named(&mut self, now: Time, walk: u64, knows: bool) {
        let Some(quest) = self.quest.as_mut().filter(|quest| quest.walk == walk) else { return };
        if let Stage::Named(waiting) = &mut quest.stage {
            *waiting = waiting.saturating_sub(1);
            if knows || *waiting == 0 {
                self.end_quest(now, knows);
            }
        }
    }

    /// An announcement was not taken: by another way, or not at all. `call`: the message, if it was not acknowledged.
    pub(super) fn not_announced(&mut self, now: Time, from: Peer, walk: u64, call: Option<u64>) {
        if self.quest.as_ref().is_some_and(|quest| quest.walk == walk && quest.stage == Stage::Announced) {
            return self.end_quest(now, false);
        }
        let Some(part) = self.parts.get_mut(&walk).filter(|part| part.tail.is_none()) else { return };
        let ours = |(peer, sent): &(Peer, u64)| call.map_or(*peer == from, |call| call == *sent);
        if let Some((_, sent)) = part.down.filter(ours) {
            part.down = None;
            self.post.end(sent);
            self.pass_on(now, walk);
        }
    }

    pub(super) fn announcements_timeout(&mut self, now: Time) {
        let due: Vec<u64> = self.parts.iter().filter(|(_, part)| part.due <= now).map(|(walk, _)| *walk).collect();
        for walk in due {
            match self.parts.get_mut(&walk) {
                // Those after this one are lost, and left out.
                Some(part) if part.tail.is_none() => {
                    part.down = None;
                    self.reveal(now, walk, Vec::new());
                }
                _ => drop(self.parts.remove(&walk)),
            }
        }
        if self.quest.as_ref().is_some_and(|quest| quest.due <= now) {
            self.end_quest(now, false);
        }
    }
}
