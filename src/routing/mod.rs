//! Routing daemons: what one is told ([`speaker`]), what it is to the rest of anybed ([`daemon`]), and which there
//! are ([`registry`]). Each has a room that only the registry knows.
//!
//! [`speaker`], [`route`] and [`templates`] are pure, as is a [`daemon::Renderer`]; finding a daemon and talking to it
//! are not.

pub mod bird;
pub mod daemon;
pub mod fleet;
mod frr;
mod mrt;
pub mod registry;
pub mod route;
pub mod rtr;
pub mod speaker;
mod templates;
mod version;

pub use daemon::{Announce, Control, Daemon, Destination, FindError, Heard, Installed, RenderError, Renderer};
pub use fleet::Fleet;
pub use speaker::Speaker;
