//! KaZaA, like FastTrack: ordinary nodes tell a supernode what they share and search through it; supernodes search
//! among themselves.
//!
//! - `row`, `settings`: what a lab file says; `machine`: as any overlay's node; `life`: beginning, joining, leaving
//! - `kept`: its neighbors, and what is under way; `message`: what is said; `calls`: what is said until it is answered; `heed`: which part a message concerns
//! - `attach`: an ordinary node finds a supernode; `orphan`: there is none; `children`: a supernode's side of it
//! - `links`: among supernodes, of which `known` is the list; `merge`: islands
//! - `role`: who becomes a supernode, and who ceases to be one; `retire`: its children and links go elsewhere first
//! - `share`: what is uploaded; `search`: what is asked, and passed on; `rounds`: what happens again and again
//!
//! Only supernodes serve the overlay's group: an ordinary node finds its nearest supernode by plain anycast.
//!
//! FastTrack's protocol was never published: types of messages are those that others have found out, all else is this
//! lab's. There is no encryption. What went over TCP goes in the overlay's own datagrams, as in structured overlays:
//! short, authenticated if the overlay has a key, and repeated until they are answered. Nothing is downloaded: a push is
//! read, and neither passed on nor answered.

mod attach;
mod calls;
mod children;
mod counts;
mod heed;
mod kept;
mod known;
mod life;
mod links;
mod machine;
mod merge;
mod message;
mod orphan;
mod retire;
mod role;
mod rounds;
pub mod row;
mod search;
mod settings;
mod share;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::library::Library;
use super::seen::Seen;
use crate::overlay::id::Id;
use crate::overlay::{Common, Did, Neighbors, Peer, Phase, Time};
use calls::{Calls, Why};
use counts::Counts;
use kept::{Child, Link, Merging, Orphan, Parent, Quest, Relay, Retiring, Search};
use known::Known;
use message::{Head, Listed, MAX_LISTED, Message, State};
pub use row::ROW;
use settings::Settings;

/// Most searches that are remembered, and for how long at least.
const MAX_SEEN: usize = 16 * 1024;
const REMEMBER: Duration = Duration::from_secs(300);
/// Rounds in which who was heard of counts as there, and as of this island.
const NEAR_ROUNDS: u32 = 16;

/// What a node is to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Ordinary,
    Supernode,
}

/// A node.
pub(crate) struct Kazaa {
    me: Peer,
    settings: Settings,
    common: Common,
    rng: ChaCha8Rng,
    phase: Phase,
    role: Role,
    /// When it became a member, and what it is.
    since: (Time, Time),
    parent: Option<Parent>,
    quest: Option<Quest>,
    orphan: Option<Orphan>,
    links: BTreeMap<Id, Link>,
    children: BTreeMap<Id, Child>,
    retiring: Option<Retiring>,
    /// The last child that was made a supernode.
    promoted: Option<(Id, Time)>,
    known: Known,
    library: Library,
    seen: Seen<u64, ()>,
    searches: BTreeMap<u64, Search>,
    relays: BTreeMap<u64, Relay>,
    calls: Calls,
    /// It is being linked to another island.
    merging: Option<Merging>,
    renewing: Option<Time>,
    next_round: Option<Time>,
    next_refresh: Time,
    join_hops: u32,
    counts: Counts,
    shown: Neighbors,
    events: VecDeque<Did>,
    out: VecDeque<(SocketAddr, Vec<u8>)>,
}

impl Kazaa {
    fn new(me: Peer, common: Common, settings: Settings, mut rng: ChaCha8Rng) -> Self {
        let calls = Calls::new(rng.random(), common.rpc_timeout, common.rpc_tries);
        Self {
            me,
            settings,
            common,
            rng,
            phase: Phase::Idle,
            role: Role::Ordinary,
            since: Default::default(),
            parent: None,
            quest: None,
            orphan: None,
            links: BTreeMap::new(),
            children: BTreeMap::new(),
            retiring: None,
            promoted: None,
            known: Known::new(common.stabilize_every * NEAR_ROUNDS),
            library: Library::default(),
            seen: Seen::new(MAX_SEEN, REMEMBER),
            searches: BTreeMap::new(),
            relays: BTreeMap::new(),
            calls,
            merging: None,
            renewing: None,
            next_round: None,
            next_refresh: Time::default(),
            join_hops: 0,
            counts: Counts::default(),
            shown: Neighbors::default(),
            events: VecDeque::new(),
            out: VecDeque::new(),
        }
    }

    /// What it could do for others, as its id has it.
    fn capacity(&self) -> u32 {
        (self.me.id.0 >> 96) as u32
    }

    fn load(&self) -> u8 {
        // Nobody shall come who would have to go at once.
        if self.retiring.is_some() { u8::MAX } else { self.settings.load(self.children.len()) }
    }

    fn is_supernode(&self) -> bool {
        self.role == Role::Supernode && self.phase == Phase::Member
    }

    fn state(&mut self, now: Time) -> State {
        let serves = self.role == Role::Supernode;
        let links = self.listed(now);
        let heirs = if serves { self.heirs() } else { Vec::new() };
        let own = (self.links.len() + usize::from(self.parent.is_some())).min(links.len());
        State { serves, load: self.load(), links, own: u8::try_from(own).unwrap_or(u8::MAX), heirs }
    }

    /// Supernodes to tell others of: those that it is linked to or that is above it, and some of those that it knows.
    fn listed(&mut self, now: Time) -> Vec<Listed> {
        let above = self.parent.as_ref().map(|parent| Listed { peer: parent.peer, load: parent.load, age: 0 });
        let mut listed: Vec<Listed> =
            self.links.values().map(|link| Listed { peer: link.peer, load: link.load, age: 0 }).chain(above).collect();
        let more: Vec<Listed> = self.known.all().map(|entry| entry.listed(now)).collect();
        let turn = if more.is_empty() { 0 } else { self.rng.random_range(0..more.len()) };
        listed.truncate(MAX_LISTED);
        for one in more.iter().cycle().skip(turn).take(more.len()) {
            if listed.len() < MAX_LISTED && listed.iter().all(|other| other.peer.id != one.peer.id) {
                listed.push(*one);
            }
        }
        listed
    }

    fn send(&mut self, to: SocketAddr, head: Head, message: &Message) {
        if let Some(bytes) = message.bytes(head) {
            self.out.push_back((to, bytes));
        }
    }

    /// Says it until it is answered.
    fn call(&mut self, now: Time, to: SocketAddr, id: Option<Id>, message: Message, why: Why) {
        let call = self.calls.start(now, to, id, &message, why);
        self.send(to, Head { id: self.me.id, call, answer: 0, turn: 0 }, &message);
    }

    /// Answers what had this head.
    fn answer(&mut self, to: SocketAddr, head: Head, message: &Message) {
        self.send(to, Head { id: self.me.id, call: 0, answer: head.call, turn: head.turn }, message);
    }

    fn neighbors_now(&self) -> Neighbors {
        let roles = [
            ("supernode", self.parent.iter().map(|parent| parent.peer.id).collect::<Vec<_>>()),
            ("supernodes", self.links.keys().copied().collect()),
            ("children", self.children.keys().copied().collect()),
        ];
        let roles = roles.into_iter().filter(|(_, ids)| !ids.is_empty());
        Neighbors { roles: roles.map(|(role, ids)| (role.to_owned(), ids)).collect(), ..Neighbors::default() }
    }

    /// Says who its neighbors are, if they are others than before.
    fn settle(&mut self) {
        if self.phase == Phase::Member {
            let news = self.neighbors_now().news(&mut self.shown);
            self.events.extend(news.map(Did::Neighbors));
        }
    }
}
