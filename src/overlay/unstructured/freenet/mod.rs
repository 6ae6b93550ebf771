//! Freenet (Clarke, Sandberg, Wiley and Hong 2000): things lie where they were asked for, and requests go to whoever is
//! known for the nearest key.
//!
//! - `row`, `settings`: what a lab file says; `machine`: as any overlay's node; `life`: joining, merging, leaving
//! - `content`: things, their names and their keys; `asks`: what this node wants stored or fetched
//! - `walk`: requests and probes of inserts on their way out; `back`: what comes back, and is kept on the way;
//!   `course`: what is remembered of them
//! - `announce`: a newcomer is given a key, by `commit`; `drawing`: what is remembered of that; `lru`, `table`: what is known, the latest used of it
//! - `message`: the wire format; `post`: messages that are repeated until they are acknowledged; `heed`: who takes which
//!
//! What the original leaves open, and how it is here: keys are near to each other on the circle of ids, whichever way is
//! shorter. Hops to live are nodes that a walk comes to: one that has seen it before, or is dead, costs none, but a node
//! tries so many others at most. A probe of an insert that nobody is left for ends there, and the thing is stored
//! on the way that it took: in a network of fewer nodes than hops there would be no insert otherwise. Things are stored once:
//! an insert of another value under the same key is refused, and fetches the first. A node that leaves says so, and
//! takes what it stores with it. Nothing is encrypted, and depths are not counted: nobody is anonymous.

mod announce;
mod asks;
mod back;
mod commit;
mod content;
mod counts;
mod course;
mod drawing;
mod heed;
mod life;
mod lru;
mod machine;
mod message;
mod post;
pub mod row;
mod settings;
mod table;
#[cfg(test)]
mod tests;
mod walk;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::seen::Seen;
use crate::overlay::id::Id;
use crate::overlay::{Common, Did, Neighbors, Peer, Phase, Time};
use content::Thing;
use counts::Counts;
use course::Walk;
use drawing::{Part, Quest};
use lru::Lru;
use message::{Envelope, Message};
use post::Post;
pub use row::ROW;
use settings::Settings;
use table::Table;

/// Most walks that are remembered, so that none comes twice.
const MAX_SEEN: usize = 16 * 1024;
/// For so long at least.
const REMEMBER: Duration = Duration::from_secs(300);
/// Most nodes remembered that did not answer.
const MAX_FAILED: usize = 256;

/// Why a message is sent that is to be acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    /// Is it still there?
    Check,
    /// A walk goes on.
    Walk(u64),
    /// A walk's end is told.
    Reply,
    /// What this node inserts.
    Insert(u64),
    /// To know whom it knows: it may be of another island.
    Stranger,
    /// To know the key that stands for it.
    Meet,
    /// A newcomer, which may be this node.
    Announce(u64),
    /// The key of this node.
    Named(u64),
}

/// A node.
pub(crate) struct Freenet {
    me: Peer,
    settings: Settings,
    common: Common,
    rng: ChaCha8Rng,
    phase: Phase,
    /// Stands for this node in others' tables.
    key: Id,
    /// For its own subspace.
    secret: [u8; 32],
    store: Lru<Thing>,
    table: Table,
    walks: BTreeMap<u64, Walk>,
    /// Walks and announcements, and from where they came.
    seen: Seen<u64, SocketAddr>,
    /// Announcements of others that are not at their end.
    parts: BTreeMap<u64, Part>,
    /// It is being announced itself.
    quest: Option<Quest>,
    /// Nodes that did not answer, at what address, and until when they are not believed to be there.
    failed: BTreeMap<Id, (SocketAddr, Time)>,
    post: Post<Why>,
    /// Since when no neighbor has known its new address.
    renewing: Option<Time>,
    next_round: Option<Time>,
    join_hops: u32,
    counts: Counts,
    /// The version of the table that was told of.
    shown: u64,
    neighbors: Neighbors,
    events: VecDeque<Did>,
    out: VecDeque<(SocketAddr, Vec<u8>)>,
}

impl Freenet {
    fn new(me: Peer, common: Common, settings: Settings, mut rng: ChaCha8Rng) -> Self {
        Self {
            me,
            phase: Phase::Idle,
            key: Id(rng.random()),
            secret: rng.random(),
            store: Lru::new(settings.store),
            table: Table::new(settings.table),
            walks: BTreeMap::new(),
            seen: Seen::new(MAX_SEEN, REMEMBER),
            parts: BTreeMap::new(),
            quest: None,
            failed: BTreeMap::new(),
            post: Post::new(rng.random(), common.rpc_timeout, common.rpc_tries),
            renewing: None,
            next_round: None,
            join_hops: 0,
            counts: Counts::default(),
            shown: 0,
            neighbors: Neighbors::default(),
            events: VecDeque::new(),
            out: VecDeque::new(),
            settings,
            common,
            rng,
        }
    }

    fn own(&self) -> SigningKey {
        SigningKey::from_bytes(&self.secret)
    }

    /// Sends this once; `call`: what it acknowledges, or 0.
    fn tell(&mut self, to: SocketAddr, call: u64, message: Message) {
        if let Ok(bytes) = postcard::to_stdvec(&Envelope { sender: self.me.id, call, message }) {
            self.transmit(to, bytes);
        }
    }

    fn transmit(&mut self, to: SocketAddr, bytes: Vec<u8>) {
        self.counts.datagrams += 1;
        self.out.push_back((to, bytes));
    }

    /// Sends this until it is acknowledged; its number.
    fn send(&mut self, now: Time, to: Peer, message: Message, why: Why) -> u64 {
        let number = self.post.number();
        let call = number.unwrap_or(0);
        if let Ok(bytes) = postcard::to_stdvec(&Envelope { sender: self.me.id, call, message }) {
            if number.is_some() {
                self.post.add(now, call, to, bytes.clone(), why);
            }
            self.transmit(to.address, bytes);
        }
        call
    }

    /// How long a walk is waited for that may come to so many nodes: none of them may be dead but the first.
    fn patience(&self, hops: u16) -> Duration {
        let tries = 2u32.saturating_pow(self.common.rpc_tries.min(8));
        self.common.rpc_timeout * (2 * (u32::from(hops) + 2) + tries)
    }

    /// Whether it has not failed to answer there of late.
    fn trusts(&self, now: Time, peer: Peer) -> bool {
        self.failed.get(&peer.id).is_none_or(|(address, until)| *address != peer.address || *until <= now)
    }

    /// Things of about this key are to be had there, it is said.
    fn learn(&mut self, now: Time, key: Id, peer: Peer) {
        if peer.id != self.me.id && peer.address != self.me.address && self.trusts(now, peer) {
            self.table.learn(now, key, peer);
        }
    }

    /// Says who its neighbors are, if they are others than before.
    fn settle(&mut self) {
        if self.phase != Phase::Member || self.shown == self.table.version() {
            return;
        }
        self.shown = self.table.version();
        let news = self.neighbors_now().news(&mut self.neighbors);
        self.events.extend(news.map(Did::Neighbors));
    }

    fn neighbors_now(&self) -> Neighbors {
        let known: Vec<Id> = self.table.peers().map(|peer| peer.id).collect();
        let roles = (!known.is_empty()).then(|| ("known".to_owned(), known));
        Neighbors { roles: roles.into_iter().collect(), ..Neighbors::default() }
    }
}
