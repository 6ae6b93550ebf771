//! What is said between agents and core nodes, among core nodes, and among landmarks.

use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::anycast::facts::Place;
use crate::anycast::member::cookie::Cookie;
use crate::overlay::wire::Tag;

/// Most addresses in an answer, and nodes in a message of the landmarks.
pub(super) const MOST: usize = 16;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Message {
    /// How far it is, and whether somebody is there. The answer is to bear this tag.
    Ping {
        nonce: u64,
        tag: Tag,
    },
    Pong {
        nonce: u64,
    },
    /// A replica is there. Without a cookie, or with a bad one, the answer is a challenge.
    Register(Registration),
    Challenge {
        nonce: u64,
        cookie: Cookie,
    },
    Registered {
        nonce: u64,
    },
    /// It is not there any more.
    Unregister(Registration),
    Ask(Ask),
    /// Who the answer is, and for how many milliseconds it holds.
    Found {
        nonce: u64,
        ttl: u32,
        members: Vec<SocketAddr>,
    },
    Core(Core),
    Landmark(Talk),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Registration {
    pub(super) nonce: u64,
    pub(super) cookie: Option<Cookie>,
    /// What answers are to bear.
    pub(super) tag: Tag,
    pub(super) service: String,
    /// Where the replica serves: an address that is also the datagram's.
    pub(super) member: SocketAddr,
    pub(super) place: Option<Place>,
    pub(super) load: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Ask {
    pub(super) nonce: u64,
    pub(super) tag: Tag,
    pub(super) service: String,
    pub(super) how: How,
    pub(super) count: u16,
    /// The member that asks: it is not part of the answer.
    pub(super) except: Option<SocketAddr>,
    /// So that the answer is not larger than the question.
    pub(super) padding: Vec<u8>,
}

/// Which replicas are wanted.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum How {
    /// The nearest to who asks.
    Near,
    /// Those with little load.
    Idle,
    /// Any.
    Random,
    /// The nearest to this host of a core node.
    Region(String),
}

/// Among core nodes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Core {
    /// The newest that was heard of each of these.
    Gossip {
        versions: Vec<(u16, u64)>,
    },
    /// Where this address is: to whoever looks after its prefix.
    Locate {
        id: u64,
        address: IpAddr,
    },
    /// In this block all are at this place, as far as is known.
    Located {
        id: u64,
        block: IpNet,
        mapped: Option<Mapped>,
    },
    /// A search has ended: to the others that look after the prefix.
    Mapped {
        address: IpAddr,
        mapped: Mapped,
    },
    /// A replica of a service: to those that know it.
    Store {
        service: u16,
        replica: Stored,
    },
    Drop {
        service: u16,
        member: SocketAddr,
    },
    /// Which replicas: to one of those that know them.
    Select {
        id: u64,
        wanted: Wanted,
    },
    Selected {
        id: u64,
        members: Vec<SocketAddr>,
    },
}

/// The landmark nearest to an address.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Mapped {
    pub(super) place: Place,
    /// Its round trip, in microseconds.
    pub(super) micros: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) member: SocketAddr,
    pub(super) place: Option<Place>,
    pub(super) load: u32,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Wanted {
    pub(super) service: u16,
    pub(super) how: Order,
    pub(super) place: Option<Place>,
    pub(super) count: u16,
    pub(super) except: Option<SocketAddr>,
    /// Only of this family.
    pub(super) ipv6: Option<bool>,
}

/// What comes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Order {
    /// The nearest to who asks.
    Near,
    /// The nearest to the place that is named.
    At,
    Idle,
    Random,
}

/// A node of Meridian: where it is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(super) struct Contact {
    pub(super) address: SocketAddr,
    pub(super) tag: Tag,
}

/// The same and where it stands.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Landmark {
    pub(super) contact: Contact,
    pub(super) place: Place,
}

/// Among landmarks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) enum Talk {
    /// Itself, and some that it knows. Of who is not known, and without a cookie, it is not believed.
    Gossip {
        from: Landmark,
        known: Vec<Landmark>,
        cookie: Option<Cookie>,
    },
    /// Who has sent gossip is to prove by this that its address is its own.
    Prove {
        cookie: Cookie,
    },
    /// How far these are from who is asked.
    Latencies {
        nonce: u64,
        tag: Tag,
        to: Vec<Contact>,
    },
    /// In microseconds, in the same order.
    Told {
        nonce: u64,
        micros: Vec<Option<u32>>,
    },
    /// How far this address is.
    Probe {
        nonce: u64,
        tag: Tag,
        target: IpAddr,
    },
    Probed {
        nonce: u64,
        micros: Option<u32>,
    },
    Search(Quest),
    /// A search has ended at its origin's request.
    Ended {
        id: u64,
        best: Option<(Landmark, u32)>,
        probes: u16,
        hops: u8,
    },
}

/// A closest-node search under way.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Quest {
    pub(super) id: u64,
    pub(super) origin: Contact,
    pub(super) target: IpAddr,
    /// The nearest so far, and its round trip in microseconds.
    pub(super) best: Option<(Landmark, u32)>,
    pub(super) probes: u16,
    pub(super) hops: u8,
}
