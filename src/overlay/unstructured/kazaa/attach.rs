//! An ordinary node finds a supernode: some are tried, one after another, until one takes it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::Duration;

use super::calls::Why;
use super::kept::{For, Parent, Quest};
use super::message::{Listed, Message, State, Wish};
use super::{Kazaa, Role};
use crate::overlay::{Did, Peer, Phase, Time};

/// Most that are tried.
const MAX_TRIES: usize = 24;

impl Kazaa {
    pub(super) fn seek(&mut self, now: Time, what: For, tries: Vec<SocketAddr>) {
        self.calls.end(|call| call.why == Why::Join);
        // Whoever is told to go, or must, does not ask for room.
        let must = matches!(what, For::Demotion | For::Sent);
        let (tried, full) = (BTreeSet::from([self.me.address]), Vec::new());
        self.quest = Some(Quest { what, tries: tries.into(), tried, full, must, left: MAX_TRIES });
        self.try_next(now);
    }

    fn try_next(&mut self, now: Time) {
        let wish = |must, node: &Self| {
            let up = u64::try_from((now - node.since.0).as_millis()).unwrap_or(u64::MAX);
            let up = if node.phase == Phase::Member { up } else { 0 };
            Message::Join(Wish { must, capacity: node.capacity(), up })
        };
        while let Some(quest) = &mut self.quest {
            match quest.tries.pop_front().filter(|_| quest.left > 0) {
                Some(to) if !quest.tried.insert(to) => {}
                Some(to) => {
                    quest.left -= 1;
                    let (must, joins) = (quest.must, quest.what == For::Join);
                    self.join_hops += u32::from(joins);
                    let message = wish(must, self);
                    return self.call(now, to, None, message, Why::Join);
                }
                None if !quest.must && !quest.full.is_empty() && quest.what != For::Move => {
                    quest.must = true;
                    quest.left = MAX_TRIES;
                    for to in std::mem::take(&mut quest.full) {
                        quest.tried.remove(&to);
                        quest.tries.push_back(to);
                    }
                }
                None => return self.give_up(now),
            }
        }
    }

    fn give_up(&mut self, now: Time) {
        match self.quest.take().map(|quest| quest.what) {
            Some(For::Join) => {
                self.reset();
                self.events.push_back(Did::JoinFailed);
            }
            // The rounds go on with that.
            Some(For::Again) => self.orphaned(now, Vec::new()),
            Some(For::Demotion) => self.stay(now),
            Some(For::Move | For::Sent) | None => {}
        }
    }

    /// Whoever was asked has named others; nobody, if it has not answered.
    pub(super) fn turned_down(&mut self, now: Time, from: SocketAddr, others: Option<&[Listed]>) {
        let own = self.me.id;
        if let Some(quest) = &mut self.quest {
            quest.full.extend(others.is_some().then_some(from));
            let moves = quest.what == For::Move;
            let others = others.unwrap_or_default().iter().filter(|listed| listed.peer.id != own && !moves);
            quest.tries.extend(others.map(|listed| listed.peer.address));
            quest.tries.truncate(4 * MAX_TRIES);
        }
        self.try_next(now);
    }

    /// It has a supernode.
    pub(super) fn taken(&mut self, now: Time, peer: Peer, state: State, round_trip: Option<Duration>) {
        let Some(quest) = self.quest.take() else { return };
        self.known.heard(peer, state.load, now);
        self.known.told(now, self.me.id, &state.links);
        let before = self.parent.take().map(|parent| parent.peer).filter(|before| before.id != peer.id);
        self.parent = Some(Parent {
            peer,
            load: state.load,
            heard: now,
            round_trip,
            sent: 0,
            known: 0,
            flying: 0,
            former: before,
            heirs: state.heirs,
        });
        self.orphan = None;
        match quest.what {
            For::Join => self.enter(now),
            For::Demotion => self.demoted(now),
            For::Again => self.search_again(now),
            For::Move | For::Sent => {}
        }
        self.upload(now);
    }

    /// Its supernode is not there any more, or not its own.
    pub(super) fn bereft(&mut self, now: Time) {
        let Some(parent) = self.parent.take() else { return };
        let id = parent.peer.id;
        self.calls.end(|call| call.id == Some(id) && call.why != Why::Farewell);
        if self.phase == Phase::Member && self.role == Role::Ordinary {
            let next = self.known.by_room().into_iter().map(|entry| entry.peer.address);
            let mut next: Vec<SocketAddr> = next.filter(|address| *address != parent.peer.address).collect();
            next.truncate(MAX_TRIES / 2);
            self.orphaned(now, parent.heirs);
            self.seek(now, For::Again, next);
        }
    }
}
