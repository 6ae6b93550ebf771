//! Tests of the whole: core nodes and agents in a simulated network.
