//! Drawing a report: for people and for machines.
//!
//! - [`text()`] for a terminal, [`html()`] for a browser, [`markdown()`] and [`junit()`] for continuous
//!   integration, [`json()`] and [`tables()`] for programs; [`Files`] is all of these.
//! - [`Diff`] compares two runs, [`moves()`] two surveys, [`summary`] draws what several have in common.
//! - [`dot`], [`mermaid`] and [`Map::svg`] draw a network without a run.
//! - `network`, `layout`, `map` and `sites` make the map of a lab.

pub mod catalog;
mod catchments;
mod diff;
mod effects;
mod faults;
mod files;
mod floods;
mod flows;
mod graph;
mod html;
mod json;
mod junit;
mod layout;
mod machine;
mod map;
mod markdown;
mod moves;
mod network;
pub(crate) mod page;
pub(crate) mod predicted;
mod sites;
pub mod summary;
mod surveys;
pub(crate) mod svg;
mod tables;
mod text;
mod transients;

pub use diff::{Diff, ExpectationChange, FigureChange};
pub use files::Files;
pub use graph::{dot, mermaid};
pub use html::html;
pub use json::json;
pub use junit::junit;
pub use map::Map;
pub use markdown::markdown;
pub use moves::moves;
pub use network::Network;
pub use tables::tables;
pub use text::text;
