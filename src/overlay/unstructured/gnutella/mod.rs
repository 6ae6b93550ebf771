//! Gnutella 0.4 and 0.6: links over TCP, queries that flood, hits that go back the way that the query came.
//!
//! - `row`, `settings`: what a lab file says; `machine`: as any overlay's node; `life`: joining, merging, leaving
//! - `shake`: links begin, by `handshake`; `rounds`: links are kept, sought and ended; `link`, `hosts`: what is known
//! - `message`: the wire format; `heed`: which part a message concerns
//! - `gossip`: pings and pongs; `flood`: queries and hits; `search`, `dynamic`: what this node asks, and for its leaves;
//!   `asked`: what is under way of that; `quest`: a link that is sought
//! - `qrp`: which queries a leaf is spared; `note`: what nodes tell each other beside Gnutella, in datagrams
//!
//! What was published is IPv4 only, and has no place for a node's id: hits name the servent by 16 bytes, which are the
//! id here, and a node asks each neighbor for its id by a datagram of the overlay. Nothing is downloaded: a push is
//! routed, and nobody answers it.

mod asked;
mod counts;
mod dynamic;
mod flood;
mod gossip;
mod handshake;
mod heed;
mod hosts;
mod life;
mod link;
mod machine;
mod message;
mod note;
mod qrp;
mod quest;
mod rounds;
pub mod row;
mod search;
mod settings;
mod shake;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::library::Library;
use super::seen::Seen;
use crate::machine::{Stream, StreamId};
use crate::overlay::{Common, Did, Neighbors, Peer, Phase, Time};
use asked::{Dynamic, Search};
use counts::Counts;
use hosts::{Hosts, Pongs};
use link::Link;
use message::Guid;
use quest::Quest;
pub use row::ROW;
use settings::{Role, Settings};

/// No query goes further: what has come further is dropped.
const MAX_TTL: u8 = 7;
/// Most GUIDs that are remembered: of queries, of pings, of servents.
const MAX_SEEN: usize = 16 * 1024;
/// For so long at least.
const REMEMBER: Duration = Duration::from_secs(300);

/// Where answers to a message go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Here,
    Link(u64),
}

/// A servent.
pub(crate) struct Gnutella {
    me: Peer,
    settings: Settings,
    common: Common,
    rng: ChaCha8Rng,
    phase: Phase,
    role: Role,
    links: BTreeMap<u64, Link>,
    streams: BTreeMap<StreamId, u64>,
    /// Numbers of the next link and of the next stream that it opens.
    next: (u64, u64),
    hosts: Hosts,
    pongs: Pongs,
    library: Library,
    queries: Seen<Guid, Source>,
    pings: Seen<Guid, Source>,
    /// By servent, the link by which it is reached.
    servents: Seen<Guid, u64>,
    searches: BTreeMap<Guid, Search>,
    dynamics: BTreeMap<Guid, Dynamic>,
    quest: Option<Quest>,
    /// It looks for neighbors that know its new address since then.
    renewing: Option<Time>,
    next_round: Option<Time>,
    rounds: u64,
    /// Rounds that a leaf has been without an ultrapeer.
    orphaned: u32,
    join_hops: u32,
    counts: Counts,
    shown: Neighbors,
    events: VecDeque<Did>,
    notes: VecDeque<(SocketAddr, Vec<u8>)>,
    parts: VecDeque<(StreamId, Stream<Vec<u8>>)>,
}

impl Gnutella {
    fn new(me: Peer, common: Common, settings: Settings, rng: ChaCha8Rng) -> Self {
        let seen = || Seen::new(MAX_SEEN, REMEMBER);
        let mut node = Self {
            me,
            settings,
            common,
            rng,
            phase: Phase::Idle,
            role: Role::Peer,
            links: BTreeMap::new(),
            streams: BTreeMap::new(),
            next: (0, 0),
            hosts: Hosts::default(),
            pongs: Pongs::default(),
            library: Library::default(),
            queries: seen(),
            pings: seen(),
            servents: Seen::new(MAX_SEEN, REMEMBER),
            searches: BTreeMap::new(),
            dynamics: BTreeMap::new(),
            quest: None,
            renewing: None,
            next_round: None,
            rounds: 0,
            orphaned: 0,
            join_hops: 0,
            counts: Counts::default(),
            shown: Neighbors::default(),
            events: VecDeque::new(),
            notes: VecDeque::new(),
            parts: VecDeque::new(),
        };
        node.role = node.own_role();
        node
    }

    /// As its id has it: what share of all ids is less.
    fn own_role(&self) -> Role {
        let place = self.me.id.0 as f64 / u128::MAX as f64;
        match self.settings.new {
            false => Role::Peer,
            true if place < self.settings.ultrapeers => Role::Ultrapeer,
            true => Role::Leaf,
        }
    }

    /// Where it listens. Its row says that there is no other family.
    fn at(&self) -> SocketAddrV4 {
        let ip = if let SocketAddr::V4(at) = self.me.address { *at.ip() } else { Ipv4Addr::UNSPECIFIED };
        SocketAddrV4::new(ip, self.settings.port)
    }

    /// Where a node of the overlay at this address hears datagrams.
    fn beside(&self, ip: Ipv4Addr) -> SocketAddr {
        SocketAddr::from((ip, self.me.address.port()))
    }

    /// A new one, marked as those of new servents are (RFC-Gnutella 0.6 §2.2.1).
    fn guid(&mut self) -> Guid {
        let mut guid: Guid = self.rng.random();
        (guid[8], guid[15]) = (0xff, 0);
        guid
    }

    fn say(&mut self, link: u64, bytes: Vec<u8>) {
        if let Some(link) = self.links.get(&link) {
            self.parts.push_back((link.stream, Stream::Bytes(bytes)));
        }
    }

    /// Links that are up, by number, to servents of which this holds.
    fn up(&self, of: impl Fn(&Link) -> bool) -> Vec<u64> {
        self.links.iter().filter(|(_, link)| link.is_up() && of(link)).map(|(number, _)| *number).collect()
    }

    /// How many there are.
    fn count(&self, of: impl Fn(&Link) -> bool) -> usize {
        self.links.values().filter(|link| link.is_up() && of(link)).count()
    }

    fn neighbors_now(&self) -> Neighbors {
        let ids = |of: &dyn Fn(&Link) -> bool| {
            let mut ids: Vec<_> = self.links.values().filter(|l| l.is_up() && of(l)).filter_map(|l| l.id).collect();
            ids.sort_unstable();
            ids
        };
        let named = if self.settings.new {
            vec![("ultrapeers", ids(&|l| l.role != Role::Leaf)), ("leaves", ids(&|l| l.role == Role::Leaf))]
        } else {
            vec![("peers", ids(&|_| true))]
        };
        let roles = named.into_iter().filter(|(_, ids)| !ids.is_empty());
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
