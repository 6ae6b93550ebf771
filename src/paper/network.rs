//! Networks that experiments are done in.

use crate::sim::Delays;

/// A network and what to call it.
pub(super) struct Network {
    pub(super) name: String,
    pub(super) delays: Delays,
    pub(super) nodes: usize,
}
