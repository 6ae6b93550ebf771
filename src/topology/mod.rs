//! The network a lab file describes: the file's shape, its checks, and the model everything else reads.

pub mod address;
pub mod model;

pub use model::*;
