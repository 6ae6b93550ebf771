//! Structured overlays: every key has an owner, and every member knows whom to ask to come nearer to it.

pub mod can;
pub mod chord;
pub mod dht;
pub mod pastry;
