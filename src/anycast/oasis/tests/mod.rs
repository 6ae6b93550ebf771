//! Tests of the whole: core nodes and agents in a simulated network.

mod churn;
mod forged;
mod lab;
mod meridian;
mod names;
mod overlay;
mod whole;
