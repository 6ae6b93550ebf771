//! The complete overlay node: inputs, outputs, and which part they concern.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use super::color::Palette;
use super::cookie::Jar;
use super::heal::Healer;
use super::join::{Ask, Joining};
use super::leave::Departure;
use super::load::Load;
use super::message::Message;
use super::{GroupRef, Means, NodeConfig, sealed};
use crate::overlay::auth::Seal;
use crate::overlay::id::Id;
use crate::overlay::sim::Machine;
use crate::overlay::wire::{self, Tag};
use crate::overlay::{self, Did, MAX_PEERS, Neighbors, Outcome, Overlay, Peer, Phase, Time, Token, Transmit, Via};

/// Most members remembered from before joining.
const MAX_MET: usize = 32;

/// What a node is told to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case")]
pub enum Command {
    /// `found`: when nobody answers, begin a new overlay; otherwise keep asking for 30 s.
    Join {
        found: bool,
    },
    /// Withdraw, hand the keys over, tell the neighbors, stop.
    Leave,
    /// The host has another unicast address from now on.
    Renumber {
        address: SocketAddr,
    },
    Lookup {
        token: u64,
        key: Id,
    },
    Put {
        token: u64,
        key: String,
        value: String,
    },
    Get {
        token: u64,
        key: String,
    },
}

/// What a node did, or asks its driver to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// The first datagram of a join has been handed out.
    Joining,
    /// It is a member. `served_by` is `None` when it began a new overlay. After a renumbering `attempts` is 0:
    /// it joined through a neighbor it knew.
    Joined {
        served_by: Option<Id>,
        milliseconds: f64,
        attempts: u32,
        /// How often a member sent it to another one.
        redirected: u32,
    },
    /// It has chosen the color that it announces ([`super::Coloring::Farthest`]).
    Colored {
        color: u16,
    },
    JoinFailed {
        reason: String,
    },
    /// A request to the driver: put the group's address on `lo` and its route into BGP, then call
    /// [`Member::announced`].
    Announce {
        group: GroupRef,
    },
    /// A request to the driver, answered by [`Member::withdrawn`].
    Withdraw {
        group: GroupRef,
    },
    /// The driver has done so.
    Announced {
        group: GroupRef,
    },
    Withdrew {
        group: GroupRef,
    },
    Left,
    /// Its neighbors are others than before.
    Neighbors(Neighbors),
    Forgot {
        peer: Id,
    },
    /// A member of another island has answered, or has found this node.
    Contact {
        peer: Id,
        by: Means,
        color: Option<u16>,
    },
    /// It looks itself up in that island.
    Rejoining {
        through: Id,
    },
    Rejoined {
        through: Id,
        milliseconds: f64,
    },
    /// A lookup, put or get ended.
    Done {
        token: u64,
        #[serde(flatten)]
        outcome: Outcome,
    },
}

/// A node's state: for its status and for tests.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Digest {
    pub host: String,
    pub id: Id,
    pub phase: Phase,
    #[serde(flatten)]
    pub neighbors: Neighbors,
    pub keys: usize,
    /// Keys of which it holds several values, written in islands that did not know of each other.
    #[serde(default)]
    pub conflicts: usize,
    /// The color it announces, or is about to.
    #[serde(default)]
    pub color: Option<u16>,
    /// Estimated number of nodes in its island.
    pub island: u32,
    /// Groups it announces.
    pub announced: Vec<GroupRef>,
    /// Members that answered before it joined, with milliseconds until they did.
    pub met: BTreeMap<Id, f64>,
    /// Datagrams dropped unread.
    pub dropped: u64,
}

/// A member that answered before this node had joined.
#[derive(Clone, Debug)]
pub(super) struct Met {
    pub(super) welcome: Welcome,
    pub(super) milliseconds: f64,
}

/// A member has said who it is.
#[derive(Clone, Debug)]
pub(super) struct Welcome {
    pub(super) peer: Peer,
    /// A key that it owns.
    pub(super) place: Id,
    pub(super) color: Option<u16>,
    /// Its estimate of its island's size.
    pub(super) size: u32,
    pub(super) neighbors: Vec<Peer>,
}

/// An overlay node without sockets or clock.
pub struct Member {
    pub(super) config: NodeConfig,
    pub(super) tag: Tag,
    /// With a key.
    pub(super) seal: Option<Seal>,
    pub(super) rng: ChaCha8Rng,
    pub(super) overlay: Box<dyn Overlay>,
    jar: Jar,
    /// Hellos that may still be answered, by nonce.
    pub(super) asks: BTreeMap<u64, Ask>,
    pub(super) joining: Option<Joining>,
    pub(super) departure: Option<Departure>,
    pub(super) healer: Healer,
    pub(super) load: Load,
    pub(super) palette: Palette,
    pub(super) color: Option<u16>,
    /// Groups whose announcement was asked for and not withdrawn: nothing sent there would leave
    /// this host.
    pub(super) own: Vec<GroupRef>,
    pub(super) announced: Vec<GroupRef>,
    pub(super) met: BTreeMap<Id, Met>,
    pub(super) dropped: u64,
    pub(super) out: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

impl Member {
    pub fn new(config: NodeConfig, now: Time) -> Self {
        // The time is part of the seed: a restarted node must not repeat its former self's numbers.
        let stream = Id::hash(&[
            b"member",
            &config.seed.to_be_bytes(),
            &config.id.0.to_be_bytes(),
            &now.0.as_nanos().to_be_bytes(),
        ]);
        let mut seed = [0; 32];
        seed[..16].copy_from_slice(&stream.0.to_be_bytes());
        let mut rng = ChaCha8Rng::from_seed(seed);
        let jar = Jar::new(rng.random());
        let rng_below = ChaCha8Rng::from_seed(rng.random());
        let overlay = (config.protocol.protocol.node)(config.peer(), &config.protocol, config.settings(), rng_below);
        let tag = Tag::of_overlay(&config.overlay);
        Self {
            tag,
            seal: sealed::seal(&config, tag, now),
            config,
            rng,
            overlay,
            jar,
            asks: BTreeMap::new(),
            joining: None,
            departure: None,
            healer: Healer::default(),
            load: Load::default(),
            palette: Palette::default(),
            color: None,
            own: Vec::new(),
            announced: Vec::new(),
            met: BTreeMap::new(),
            dropped: 0,
            out: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    pub fn config(&self) -> &NodeConfig {
        &self.config
    }

    /// A datagram from `from` arrived on one of this node's addresses.
    pub fn handle(&mut self, now: Time, from: SocketAddr, via: Via, bytes: &[u8]) {
        self.tick(now);
        let Some(message) = self.open(from, via, bytes) else { return };
        match message {
            Message::Hello { nonce, padding } => self.greeted(now, from, nonce, &padding),
            // Everything else is between two nodes: it has no business at a shared address.
            _ if via != Via::Unicast => self.dropped += 1,
            Message::Cookie { nonce, cookie } => self.cookie(now, from, nonce, cookie),
            Message::Echo { nonce, cookie, join } => {
                let proven = self.is_member() && self.jar.accepts(now, from, nonce, &cookie);
                match join {
                    _ if !proven => self.dropped += 1,
                    Some(redirected) => self.serve_join(now, from, nonce, redirected),
                    None => self.welcome(from, nonce),
                }
            }
            Message::Elsewhere { nonce, peer } => self.sent_elsewhere(now, nonce, from, peer),
            Message::Welcome { nonce, id, place, color, size, neighbors } => {
                let peer = Peer { id, address: from };
                self.welcomed(now, nonce, &Welcome { peer, place, color, size, neighbors });
            }
            Message::Met { id, place, by, color } => self.met_by(now, Peer { id, address: from }, place, by, color),
            Message::Load { id, joins } => self.told_load(now, id, joins),
            Message::Contact { flood, peer } => self.contact(now, flood, peer),
            Message::Overlay(message) => self.overlay.handle(now, from, message),
        }
        self.settle(now);
    }

    pub fn command(&mut self, now: Time, command: Command) {
        self.tick(now);
        match command {
            Command::Join { found } => self.join(now, found),
            Command::Leave => self.leave(now),
            Command::Renumber { address } => self.renumber(now, address),
            Command::Lookup { token, key } => self.overlay.ask(now, Token::Command(token), overlay::Ask::Find { key }),
            Command::Put { token, key, value } => {
                self.overlay.ask(now, Token::Command(token), overlay::Ask::Put { key, value });
            }
            Command::Get { token, key } => self.overlay.ask(now, Token::Command(token), overlay::Ask::Get { key }),
        }
        self.settle(now);
    }

    /// The driver has announced the group.
    pub fn announced(&mut self, now: Time, group: GroupRef) {
        if self.own.contains(&group) && !self.announced.contains(&group) {
            self.announced.push(group);
            self.emit(Event::Announced { group });
        }
        self.settle(now);
    }

    /// The driver has withdrawn the group.
    pub fn withdrawn(&mut self, now: Time, group: GroupRef) {
        self.announced.retain(|g| *g != group);
        self.emit(Event::Withdrew { group });
        self.departure_withdrew(now, group);
        self.settle(now);
    }

    pub fn handle_timeout(&mut self, now: Time) {
        self.tick(now);
        if self.overlay.poll_timeout().is_some_and(|t| t <= now) {
            self.overlay.handle_timeout(now);
        }
        self.join_timeout(now);
        self.color_timeout(now);
        self.load_timeout(now);
        self.heal_timeout(now);
        self.departure_timeout(now);
        self.settle(now);
    }

    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.out.pop_front()
    }

    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    pub fn poll_timeout(&self) -> Option<Time> {
        let joining = self.joining.as_ref().and_then(Joining::due);
        let departure = self.departure.as_ref().map(Departure::due);
        let own = [joining, departure, self.palette.due(), self.load.due(), self.healer.due()];
        own.into_iter().chain([self.overlay.poll_timeout()]).flatten().min()
    }

    pub fn digest(&self) -> Digest {
        Digest {
            host: self.config.host.clone(),
            id: self.config.id,
            phase: self.overlay.phase(),
            neighbors: self.overlay.neighbors(),
            keys: self.overlay.keys(),
            conflicts: self.overlay.conflicts(),
            color: self.color,
            island: self.overlay.size(),
            announced: self.announced.clone(),
            met: self.met.iter().map(|(id, met)| (*id, met.milliseconds)).collect(),
            dropped: self.dropped,
        }
    }

    /// Where it stands with its overlay.
    pub fn phase(&self) -> Phase {
        self.overlay.phase()
    }

    /// All neighbors, each once.
    pub fn peers(&self) -> Vec<Peer> {
        self.overlay.peers()
    }

    /// Its neighbors, by what they are to it.
    pub fn neighbors(&self) -> Neighbors {
        self.overlay.neighbors()
    }

    /// Joins the island of a member of another, without telling anybody in its own.
    pub fn link(&mut self, now: Time, peer: Peer) {
        self.overlay.merge(now, peer);
        self.settle(now);
    }

    /// Tells it of a node and of how long that takes to answer.
    pub fn introduce(&mut self, now: Time, peer: Peer, round_trip: Duration) {
        self.overlay.meet(now, peer, round_trip);
        self.settle(now);
    }

    /// Numbers of entries in its tables and in its overlay's. Whoever sends what, none passes its limit.
    pub fn tables(&self) -> Vec<(&'static str, usize)> {
        let (asks, met) = (("asks", self.asks.len()), ("met", self.met.len()));
        let sealed = self.seal.iter().flat_map(Seal::tables);
        self.overlay.tables().into_iter().chain(self.healer.tables()).chain([asks, met]).chain(sealed).collect()
    }

    /// Whether it takes part and may be pointed out to others.
    pub(super) fn is_member(&self) -> bool {
        self.overlay.phase() == Phase::Member
    }

    pub(super) fn emit(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(super) fn send(&mut self, to: SocketAddr, message: &Message<'_>) {
        let bytes = match &mut self.seal {
            Some(seal) => seal.seal(self.config.address, to, message),
            None => wire::encode(self.tag, message),
        };
        match bytes {
            Some(bytes) => self.out.push_back(Transmit { to, bytes }),
            None => tracing::error!(%to, "a message is too long for a datagram and was not sent"),
        }
    }

    /// Someone asks whether there is a member here. The cookie is no larger than the question.
    fn greeted(&mut self, now: Time, from: SocketAddr, nonce: u64, padding: &[u8]) {
        if padding.len() < super::message::PADDING {
            self.dropped += 1;
        } else if self.is_member() {
            let cookie = self.jar.issue(now, from, nonce);
            self.send(from, &Message::Cookie { nonce, cookie });
        }
    }

    pub(super) fn welcome(&mut self, to: SocketAddr, nonce: u64) {
        let mut neighbors = self.overlay.peers();
        neighbors.truncate(MAX_PEERS);
        let (id, place, size) = (self.config.id, self.overlay.place(), self.overlay.size());
        self.send(to, &Message::Welcome { nonce, id, place, color: self.color, size, neighbors });
    }

    /// Keeps who answered, with the round-trip time.
    pub(super) fn remember(&mut self, welcome: &Welcome, milliseconds: f64) {
        let id = welcome.peer.id;
        if self.met.len() < MAX_MET || self.met.contains_key(&id) {
            self.met.insert(id, Met { welcome: welcome.clone(), milliseconds });
        }
    }

    /// Tells the overlay of a node that may be worth knowing better.
    pub(super) fn meet(&mut self, now: Time, peer: Peer, milliseconds: f64) {
        self.overlay.meet(now, peer, Duration::from_secs_f64(milliseconds / 1e3));
    }

    /// Passes on what the overlay did since the last input.
    fn settle(&mut self, now: Time) {
        while let Some(did) = self.overlay.poll_event() {
            match did {
                Did::Joined => self.overlay_joined(now),
                Did::JoinFailed => self.overlay_join_failed(now),
                Did::Left => self.overlay_left(),
                Did::Neighbors(neighbors) => self.emit(Event::Neighbors(neighbors)),
                Did::Forgot(peer) => {
                    self.emit(Event::Forgot { peer: peer.id });
                    self.bereaved(now, peer);
                }
                Did::Done { token: Token::Command(token), outcome } => self.emit(Event::Done { token, outcome }),
                Did::Done { token: Token::Own(watch), outcome } => {
                    let owner = if let Outcome::Looked { owner, .. } = outcome { owner } else { None };
                    self.watched(now, watch, owner);
                }
                Did::Merged { ok } => self.merged(now, ok),
                Did::Renewed { by, milliseconds } => {
                    // It had nobody to look for.
                    self.emit(Event::Joined { served_by: by, milliseconds, attempts: 0, redirected: 0 });
                }
            }
        }
        while let Some((to, message)) = self.overlay.poll_transmit() {
            self.send(to, &Message::Overlay(&message));
        }
    }
}

impl Machine for Member {
    type Command = Command;
    type Event = Event;

    fn handle(&mut self, now: Time, from: SocketAddr, via: Via, bytes: &[u8]) {
        Self::handle(self, now, from, via, bytes);
    }

    fn command(&mut self, now: Time, command: Command) {
        Self::command(self, now, command);
    }

    fn handle_timeout(&mut self, now: Time) {
        Self::handle_timeout(self, now);
    }

    fn poll_transmit(&mut self) -> Option<Transmit> {
        Self::poll_transmit(self)
    }

    fn poll_timeout(&self) -> Option<Time> {
        Self::poll_timeout(self)
    }

    fn poll_event(&mut self) -> Option<Event> {
        Self::poll_event(self)
    }

    fn routing_request(event: &Event) -> Option<(usize, bool)> {
        match event {
            Event::Announce { group } => Some((group.index(), true)),
            Event::Withdraw { group } => Some((group.index(), false)),
            _ => None,
        }
    }

    fn routing_done(&mut self, now: Time, group: usize, announced: bool) {
        let Some(group) = GroupRef::at(group) else { return };
        if announced {
            self.announced(now, group);
        } else {
            self.withdrawn(now, group);
        }
    }
}
