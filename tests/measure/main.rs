//! Measuring, from synthetic records: no network, no lab.

mod clients;
mod draw;
mod files;
mod overlays;
mod schema;
mod surveys;
mod synthetic;
mod verdicts;
