//! What clients keep open to groups.

use std::time::Duration;

use super::id::GroupId;
pub use crate::anycast::Transport;

/// Flows of the clients: every client keeps `per_client` of each transport open to each group.
#[derive(Clone, Debug, PartialEq)]
pub struct Flows {
    pub groups: Vec<GroupId>,
    pub transports: Vec<Transport>,
    pub per_client: usize,
    /// Time between two requests of one flow.
    pub every: Duration,
    /// A flow whose request is not answered for this long is broken.
    pub timeout: Duration,
}
