//! Overlays without a network: the machines of [`crate::overlay`] and [`crate::anycast`], hundreds or
//! thousands of them, in a simulated network under virtual time.
//!
//! What nodes do is what they do in a lab, datagram for datagram. What is not real: there is no routing
//! (an anycast datagram goes to the nearest member by delay) and no BGP, links have no bandwidth, and
//! hosts compute in no time.
//!
//! - [`Options`] says what an overlay is made of, [`World`] plays it: joins, lookups, keys, partitions.
//! - [`Deployed`]: the infrastructure that brings its nodes together, and its servers.
//! - [`Delays`]: from a matrix of round trips, from coordinates, from a lab file's links.
//! - [`Study`]: the whole course of `anybed sim`, for one number of nodes.
//! - [`Hunt`]: the same of an overlay that has no owners, and is searched; [`Sought`]: one search.
//! - [`Crowd`]: nodes that join a small overlay all at once.
//! - [`Town`]: hosts with several overlays each.
//! - [`play()`]: a lab file's timeline; its record is measured like a lab's.
//! - [`Churn`]: nodes that come and go all the time, and what lookups find meanwhile.
//! - [`Lookups`], [`Joins`] and [`Sample`] are what is found; [`Owners`] is the oracle that judges.

mod act;
mod addresses;
mod asked;
mod batch;
mod churn;
mod crowd;
mod delay;
mod deployed;
mod files;
mod hunt;
mod islands;
mod joins;
mod lookups;
mod options;
mod owners;
mod play;
mod sample;
mod searches;
mod seeking;
mod study;
mod town;
mod watch;
mod ways;
mod world;

pub use act::refuse;
pub use churn::{Churn, Churned};
pub use crowd::{Crowd, Crowded, Newcomer, Tail};
pub use delay::{Delays, LOCAL, SIDE_MS};
pub use deployed::Deployed;
pub use files::{read_coordinates, read_round_trips};
pub use hunt::{Hunt, Hunted, Searches};
pub use joins::{Join, Joins};
pub use lookups::Lookups;
pub use options::{Network, Options, settings};
pub use owners::Owners;
pub use play::{can_judge, play};
pub use sample::Sample;
pub use seeking::Sought;
pub use study::{Choice, MOST_IDEAL, SETTLE_ROUNDS, Studied, Study};
pub use town::{Settled, Town};
pub use ways::between_routers;
pub use world::{Happening, World};
