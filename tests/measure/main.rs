//! Measuring, from synthetic records: no network, no lab.

mod clients;
mod draw;
mod files;
mod overlays;
mod runs;
mod schema;
mod synthetic;
mod verdicts;
mod ways;
