//! An overlay among others.

use std::time::Duration;

use super::id::NodeId;

/// What an overlay has to do with others, by index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beyond {
    /// The overlays that a member asks when its own has no answer, in this order.
    pub gateways: Vec<usize>,
    /// To so many overlays a question is passed on at most.
    pub hops: u8,
    /// So long an answer from elsewhere is given again.
    pub cache: Duration,
    /// The overlay that it stands on.
    pub over: Option<usize>,
    /// Hosts that ask it without joining: those that the file names, and members of overlays that ask it.
    pub guests: Vec<NodeId>,
    /// Whether a node that joins asks hosts that its own host knows from other overlays.
    pub share_neighbors: bool,
}
