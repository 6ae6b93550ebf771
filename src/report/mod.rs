//! Drawing a report: for people and for machines.
//!
//! - [`text()`] for a terminal, [`json()`] for scripts, [`html()`] for a browser.
//! - `network`, `layout`, `map` and `sites` make the map of a lab.

mod catchments;
mod files;
mod html;
mod json;
mod layout;
mod map;
mod network;
mod page;
mod sites;
mod svg;
mod text;

pub use files::Files;
pub use html::html;
pub use json::json;
pub use map::Map;
pub use network::Network;
pub use text::text;
