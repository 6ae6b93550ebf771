//! Measuring, from synthetic records: no network, no lab.

mod clients;
mod draw;
mod overlays;
mod synthetic;
mod verdicts;
