//! What has been begun by hand or by the timeline, and goes on beside it.

use tokio::sync::watch;

use crate::scenario::Action;
use crate::topology::NodeId;

/// A flap that goes on.
pub(super) struct Flap {
    pub(super) fault: Action,
    /// Told to stop; gone when it has.
    pub(super) stop: watch::Sender<bool>,
}

/// A flood that has begun.
pub(super) struct Begun {
    pub(super) from: NodeId,
    pub(super) overlay: usize,
    pub(super) end: u64,
}
