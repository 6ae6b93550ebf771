//! A row of the table of protocols: what anybody outside a protocol's room may know of it.

use rand_chacha::ChaCha8Rng;

use super::key::{Holders, Key, Value};
use super::oracle::Oracle;
use super::{AskKind, Common, OverlayNode, Peer, Values};
use crate::machine::Need;

/// A protocol.
pub struct Row {
    /// As lab files, records and commands have it.
    pub name: &'static str,
    /// As a text has it.
    pub title: &'static str,
    /// Its own keys of an `[[overlay]]`. Protocols may share one, of the same name and kind.
    pub keys: &'static [Key],
    /// What may be asked of it.
    pub asks: &'static [AskKind],
    /// Ports at its unicast address, besides the one that all overlays of a host share.
    pub needs: fn(&Values) -> Vec<Need>,
    /// Whether it keeps what it knows in another overlay, by [`super::OverlayNode::poll_below`].
    pub layered: bool,
    /// Whether its messages can carry IPv6 addresses.
    pub ipv6: bool,
    /// What differs from the defaults in an overlay of thousands.
    pub large: &'static [(&'static str, Value)],
    /// How many copies of a key it has nodes for; `None`: it keeps no copies.
    pub holders: fn(&Values) -> Option<Holders>,
    /// A node that has been told nothing yet. The generator decides jitter and request numbers.
    pub node: fn(Peer, &Values, Common, ChaCha8Rng) -> Box<dyn OverlayNode>,
    /// What is right, for whoever judges.
    pub oracle: &'static dyn Oracle,
    /// What its paper says about the length of a path among so many nodes, told what `large` says.
    pub published: fn(f64) -> (&'static str, f64),
}
