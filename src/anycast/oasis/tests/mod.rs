//! Tests of the whole: core nodes and agents in a simulated network.

mod lab;
mod names;
mod whole;
