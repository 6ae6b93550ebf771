//! The program as its users meet it: its commands, its plans, and labs of real namespaces and BIRDs.
//!
//! One binary, so that it is linked once; one module per surface. Every test of a lab runs as root
//! and as an ordinary user (see [`support`]).

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod alone;
mod birds;
mod catalog;
mod cli;
mod lab_ask;
mod lab_daemons;
mod lab_exchange;
mod lab_faults;
mod lab_flaps;
mod lab_flows;
mod lab_gateways;
mod lab_infrastructures;
mod lab_life;
mod lab_links;
mod lab_names;
mod lab_overlay;
mod lab_partition;
mod lab_policy;
mod lab_predict;
mod lab_processes;
mod lab_renumber;
mod lab_repeat;
mod lab_rogues;
mod lab_routing;
mod lab_rtr;
mod lab_sessions;
mod lab_storm;
mod lab_survey;
mod lab_ties;
mod lab_transient;
mod lab_visits;
mod lab_wire_format;
mod leftovers;
mod links;
mod netem;
mod paper;
mod plan;
mod shipped;
mod shipped_sim;
mod sim_cmd;
mod support;
mod wire;
