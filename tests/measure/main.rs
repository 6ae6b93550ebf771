//! Measuring, from synthetic records: no network, no lab.

mod clients;
mod draw;
mod effects;
mod files;
mod floods;
mod flows;
mod metric;
mod old_records;
mod overlays;
mod routes;
mod routing;
mod runs;
mod schema;
mod searches;
mod surveys;
mod synthetic;
mod verdicts;
mod ways;
