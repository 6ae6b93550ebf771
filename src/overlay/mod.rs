//! Overlay protocols as state machines without input or output.

pub mod id;
