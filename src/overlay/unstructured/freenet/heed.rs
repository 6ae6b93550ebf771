//! What arrives: which part a message concerns.

use std::net::SocketAddr;

use rand::RngExt;

use super::message::{Envelope, Message};
use super::{Freenet, Why};
use crate::overlay::wire::read;
use crate::overlay::{MAX_PEERS, Peer, Phase, Time};

impl Freenet {
    pub(super) fn heed(&mut self, now: Time, from: SocketAddr, bytes: &[u8]) {
        if self.phase == Phase::Idle {
            return;
        }
        let Ok(Envelope { sender, call, message }) = read::<Envelope>(bytes) else {
            self.counts.nonsense += 1;
            return;
        };
        let from = Peer { id: sender, address: from };
        if from.id == self.me.id || from.address == self.me.address {
            return;
        }
        self.heard(now, from);
        match message {
            Message::Ack => {
                if let Some(call) = self.post.acknowledged(call, from.address) {
                    self.acknowledged(now, from, call.why);
                }
            }
            Message::Ping => self.tell(from.address, call, Message::Ack),
            Message::Bye => self.departed(now, from),
            Message::Hello => self.introduce(from, call),
            Message::Here { key, peers } => {
                let asked = self.post.acknowledged(call, from.address).map(|call| call.why);
                match asked {
                    Some(Why::Stranger) if peers.len() <= MAX_PEERS => self.stranger(now, from, &peers),
                    Some(Why::Meet) if !self.table.is_full() => self.learn(now, key, from),
                    _ => {}
                }
            }
            Message::Walk { walk, errand, key, hops } => self.walked(now, (from, call), walk, (errand, key), hops),
            Message::Announce { walk, newcomer, hash, hops } => {
                // The newcomer itself, or somebody who passes it on.
                if newcomer.id != from.id || newcomer.address == from.address {
                    self.announced(now, from, call, walk, (newcomer, hash), hops);
                }
            }
            Message::Elsewhere { walk } => {
                self.told_elsewhere(now, from, walk);
                self.not_announced(now, from, walk, None);
            }
            Message::Wait { walk } => self.told_to_wait(now, from, walk),
            Message::Named { walk, seeds } => {
                if self.told_named(now, from, walk, &seeds) {
                    self.tell(from.address, call, Message::Ack);
                }
            }
            Message::Back { .. }
            | Message::NotFound { .. }
            | Message::Found { .. }
            | Message::Room { .. }
            | Message::Insert { .. }
            | Message::Seeds { .. } => {
                // Once more if the acknowledgment has been lost: what it is about has ended here then.
                self.tell(from.address, call, Message::Ack);
                self.returned(now, from, message);
            }
        }
    }

    fn returned(&mut self, now: Time, from: Peer, message: Message) {
        match message {
            Message::Back { walk, hops } => self.told_back(now, from, walk, hops),
            Message::NotFound { walk } => self.told_not_found(now, from, walk),
            Message::Found { walk, source, thing } => self.told_found(now, from, walk, source, thing),
            Message::Room { walk } => self.told_room(now, from, walk),
            Message::Insert { walk, source, thing } => self.told_insert(now, from, walk, source, thing),
            Message::Seeds { walk, steps } => self.told_seeds(now, from, walk, steps),
            _ => {}
        }
    }

    /// Says by which key it is known, and some of those it knows.
    fn introduce(&mut self, from: Peer, call: u64) {
        if self.phase != Phase::Member {
            return;
        }
        let mut peers: Vec<Peer> = self.table.peers().filter(|peer| peer.id != from.id).collect();
        while peers.len() > MAX_PEERS {
            let any = self.rng.random_range(0..peers.len());
            peers.swap_remove(any);
        }
        // One that it knows, it knows.
        if self.table.knows(from.id) {
            peers.insert(0, from);
            peers.truncate(MAX_PEERS);
        }
        self.tell(from.address, call, Message::Here { key: self.key, peers });
    }
}
