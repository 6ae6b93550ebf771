//! Overlays that stand on another overlay, whose keys they use: the paper's layers of services (4.4).

pub mod index;
