//! What goes on in a lab after its action has returned, and how long an action may take.

use std::time::Duration;

use tokio::sync::watch;

use crate::scenario::Action;
use crate::topology::NodeId;

/// How long a node may take to do as it is told.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// A flap that goes on.
pub(in crate::lab) struct Flap {
    pub(super) fault: Action,
    /// Told to stop; gone when it has.
    pub(super) stop: watch::Sender<bool>,
}

/// A flood that has begun.
pub(in crate::lab) struct Begun {
    pub(super) from: NodeId,
    pub(super) overlay: usize,
    pub(super) end: u64,
}
