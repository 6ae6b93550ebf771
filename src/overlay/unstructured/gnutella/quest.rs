//! A link that must come to be, for a reason.

use std::collections::{BTreeSet, VecDeque};
use std::net::{Ipv4Addr, SocketAddrV4};

use crate::overlay::Time;

/// Most servents that are tried, one after another.
pub(super) const MAX_TRIES: usize = 12;

/// A link that must come to be: servents are tried until one agrees.
#[derive(Clone, Debug)]
pub(super) struct Quest {
    pub(super) wish: Wish,
    pub(super) tries: VecDeque<SocketAddrV4>,
    pub(super) tried: BTreeSet<Ipv4Addr>,
    pub(super) deadline: Time,
    /// An ultrapeer that was full of leaves has said that another ultrapeer would be welcome.
    pub(super) needed: Option<SocketAddrV4>,
}

/// What for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wish {
    Join,
    Merge,
    /// To merge, for a leaf.
    Bridge,
}

impl Quest {
    pub(super) fn new(wish: Wish, at: SocketAddrV4, deadline: Time) -> Self {
        Self { wish, tries: VecDeque::from([at]), tried: BTreeSet::new(), deadline, needed: None }
    }
}
