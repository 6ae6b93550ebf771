//! Nodes in the simulated network.
