//! Measuring, from synthetic records: no network, no lab.

mod clients;
mod draw;
mod files;
mod flows;
mod overlays;
mod routing;
mod runs;
mod schema;
mod synthetic;
mod verdicts;
mod ways;
