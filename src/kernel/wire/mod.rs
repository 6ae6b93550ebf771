//! The user-space link.
mod bucket;
pub mod line;
