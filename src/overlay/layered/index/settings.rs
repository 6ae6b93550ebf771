//! What a node of the index is configured with.

use std::time::Duration;

use crate::overlay::{Common, Values};

#[derive(Clone, Copy, Debug)]
pub(super) struct Settings {
    /// How long an entry is good.
    pub(super) lease: Duration,
    /// How long a search reads at most.
    pub(super) wait: Duration,
    /// How often members greet each other.
    pub(super) round: Duration,
    /// In so long a put has reached its owner, and what was read is fresh.
    pub(super) fresh: Duration,
    /// An answer from below that has not come by then does not come.
    pub(super) patience: Duration,
}

impl Settings {
    pub(super) fn of(given: &Values, common: Common) -> Self {
        Self {
            lease: given.time("lease"),
            wait: given.time("search_wait"),
            round: common.stabilize_every,
            fresh: common.rpc_timeout,
            patience: common.rpc_timeout * common.rpc_tries.max(1) * 8,
        }
    }
}
