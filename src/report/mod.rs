//! Drawing a report: for people and for machines.

mod catchments;
mod json;
mod page;
mod text;

pub use json::json;
pub use text::text;
