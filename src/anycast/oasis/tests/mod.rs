//! Tests of the whole: core nodes and agents in a simulated network.

#![expect(clippy::print_stdout, reason = "what is measured is of interest beside whether it is within bounds")]

mod churn;
mod forged;
mod lab;
mod meridian;
mod names;
mod overlay;
mod whole;
