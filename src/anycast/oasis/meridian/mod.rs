//! Meridian (Wong, Slivkins, Sirer, SIGCOMM 2005): each node keeps some others by their latency, in rings of
//! exponentially growing radius; a search for the node closest to a target goes from node to node, and each measures.
//!
//! - `rings`, `volume`, `search`: the rules, without a network
//! - `node`: a node that keeps them; `searching`: its part in searches; `wish`: what it wants done

pub(super) mod node;
pub(super) mod rings;
pub(super) mod search;
mod searching;
mod volume;
pub(super) mod wish;
