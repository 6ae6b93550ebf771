//! anybed: a Linux testbed for network-layer anycast.
//!
//! From one lab file, anybed builds a small Internet out of network namespaces, runs a real BIRD in
//! every router and on every overlay host, lets overlay nodes join by anycast, breaks things, and
//! measures what routing and the overlay did.
//!
//! The library has three parts, and data runs through them one way.
//!
//! **Describe** (pure: no sockets, no clocks, no files but the ones named)
//! - [`catalog`]: questions that people have of anycast, each with a lab file.
//! - [`topology`]: the lab file, its checks and diagnostics, and the network model it yields.
//! - [`scenario`]: the timeline, the faults and the expectations.
//! - [`physics`]: what a link does to frames, as data.
//! - [`machine`]: what a protocol's node is to whoever drives it, and a simulated network to run nodes in.
//! - [`overlay`]: overlay protocols as state machines without input or output.
//! - [`anycast`]: how a node finds a member: infrastructures, of which plain IP anycast is one.
//! - [`plan`]: what will be built, printable before anything is touched: addresses, steps, programs and
//!   their configs; [`program`] is what a program is.
//! - [`predict`]: what BGP will make of it: every router's best route, and who answers whom.
//!
//! **Build** (the only modules that touch the world)
//! - [`kernel`]: namespaces, links, addresses, route notifications, through netlink and `setns`.
//! - [`routing`]: routing daemons: what they are told, finding them, their control sockets.
//! - [`lab`]: the sandbox, the supervisor that builds and plays a lab, its socket.
//! - [`node`]: the overlay node's process: sockets and clocks around the pure machines.
//!
//! **Measure** (pure again)
//! - [`record`]: what a run writes down and how it is read back. The lab only writes it; what follows only reads it.
//! - [`measure`]: catchments, convergence, islands, and the verdict on every expectation.
//! - [`report`]: text, a page, JUnit, JSON and tables, for people and machines.
//!
//! [`sim`] plays whole overlays under virtual time instead: of thousands of nodes, or a lab file's, whose record is
//! measured like a lab's.
//!
//! [`paper`] plays the experiments that answer the paper's questions.
//!
//! [`trial`] measures one link alone, for those who work on anybed.
//!
//! [`cli`] parses the command line, enters the sandbox and dispatches.

pub mod anycast;
pub mod catalog;
pub mod cli;
pub mod kernel;
pub mod lab;
pub mod machine;
pub mod measure;
pub mod node;
pub mod overlay;
pub mod paper;
pub mod physics;
pub mod plan;
pub mod predict;
pub mod program;
pub mod record;
pub mod report;
pub mod routing;
pub mod scenario;
pub mod sim;
pub mod topology;
pub mod trial;
