//! What a router does to routes of one session beyond what the relation between the ASes says.

use std::fmt;

use ipnet::IpNet;
use serde::Serialize;

use super::id::{LinkId, NodeId};

/// One rule of one end of one session. A session's rules are in the order of the file, and all that match are
/// carried out, up to the first that rejects.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// Whose rule it is.
    pub at: NodeId,
    pub link: LinkId,
    pub direction: Direction,
    pub which: Which,
    pub then: Then,
}

/// Of routes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// What the neighbor announces: after the relation has given its preference.
    Import,
    /// What is announced to the neighbor.
    Export,
}

/// The routes that a rule is about: those that fit all that it names.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Which {
    /// One of these; empty: any prefix.
    pub prefixes: Vec<Pattern>,
    /// One of these.
    pub communities: Vec<Community>,
    /// One of these AS numbers is in the path.
    pub through: Vec<u32>,
}

/// What happens to them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Then {
    /// How many times the own AS number stands in the path before it is sent as always.
    pub prepend: u8,
    /// What its router likes it by before all else, and tells nobody; more is better. Without one it has 0.
    pub weight: Option<u16>,
    pub local_pref: Option<u32>,
    /// Multi-exit discriminator (RFC 4271 §5.1.4): less is better, among routes of one neighbor AS.
    pub med: Option<u32>,
    pub add: Vec<Community>,
    pub remove: Vec<Community>,
    pub reject: bool,
}

/// A prefix, and whether longer ones within it fit too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Pattern {
    pub prefix: IpNet,
    pub longer: bool,
}

/// A BGP community (RFC 1997) or a large one (RFC 8092).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(untagged)]
pub enum Community {
    Standard(u16, u16),
    Large(u32, u32, u32),
}

/// Most times that one rule repeats an AS number.
pub(super) const MOST_PREPENDS: u8 = 32;

impl Community {
    pub const NO_EXPORT: Self = Self::Standard(65535, 65281);
    pub const NO_ADVERTISE: Self = Self::Standard(65535, 65282);
    pub const BLACKHOLE: Self = Self::Standard(65535, 666);
    pub const GRACEFUL_SHUTDOWN: Self = Self::Standard(65535, 0);

    /// Those that have a name and a meaning of their own (RFC 1997, RFC 7999, RFC 8326).
    pub const NAMED: [(&'static str, Self); 4] = [
        ("no-export", Self::NO_EXPORT),
        ("no-advertise", Self::NO_ADVERTISE),
        ("blackhole", Self::BLACKHOLE),
        ("graceful-shutdown", Self::GRACEFUL_SHUTDOWN),
    ];
}

impl fmt::Display for Community {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Standard(a, b) => write!(f, "{a}:{b}"),
            Self::Large(a, b, c) => write!(f, "{a}:{b}:{c}"),
        }
    }
}

impl Pattern {
    pub fn fits(&self, prefix: &IpNet) -> bool {
        self.prefix == *prefix || self.longer && self.prefix.contains(prefix)
    }
}

impl Which {
    /// Whether a route to `prefix` may be one of them.
    pub fn may_be(&self, prefix: &IpNet) -> bool {
        self.prefixes.is_empty() || self.prefixes.iter().any(|pattern| pattern.fits(prefix))
    }
}

impl Policy {
    /// Whether it can decide who has a route to `prefix` at all, and not only which one: what is expected of routing
    /// follows from relations alone, and does not say it then.
    pub fn may_withhold(&self, prefix: &IpNet) -> bool {
        let Then { prepend: _, weight, local_pref, med: _, add, remove, reject } = &self.then;
        let likes = weight.is_some() || local_pref.is_some();
        self.which.may_be(prefix) && (*reject || likes || !add.is_empty() || !remove.is_empty())
    }
}
