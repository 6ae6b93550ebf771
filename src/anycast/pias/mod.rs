//! PIAS, a proxy infrastructure for anycast (Ballani and Francis, "Towards a global IP anycast service", SIGCOMM
//! 2005; first sketched at WORLDS 2004).
//!
//! Proxies announce one block by BGP, in which the addresses of all groups are; members announce nothing. A proxy has
//! up to three roles for a datagram: the one that routing brings the client to (IAP, ingress), the one that the target
//! has registered with (JAP, join), and the one that knows how many members every JAP of the group has (RAP,
//! rendezvous: by consistent hashing of the group on the proxies that are alive).
//!
//! - A member registers at the first address of the block, so with the proxy that is nearest by routing.
//! - The first datagram of a client takes four segments, client–IAP–RAP–JAP–target; the RAP tells the IAP the group's
//!   JAPs, and later ones take three. Where roles coincide there are fewer.
//! - Membership has two tiers: a JAP keeps its targets, with leases; the RAP is told their number, and only when that
//!   has changed by more than a tenth or has become 0 or 1, and now and then.
//!
//! What is done otherwise than in the paper:
//! - Its NAT is done in user space. A JAP sends what is for a plain program from a port of its own, one for every
//!   client of that program, and what comes back there it sends on from the group's address and port. So the program
//!   sees the proxy's address instead of the client's. Members of overlays get datagrams in a tunnel, which names the
//!   client, and answer the client themselves.
//! - Streams are relayed as streams: client–IAP, IAP–JAP, JAP–target. They end at every proxy, so no segment is too
//!   long for a path, and who sends what is lost when one proxy dies. A stream that ends on one side ends on the other.
//! - A tunneled datagram that would not fit into an Ethernet frame is dropped: there is no ICMP from user space.
//!   [`message::MAX`] has the figure.
//! - A proxy that has targets of the group does not ask the RAP where it selects by proximity: nobody is nearer.
//! - Proxies believe what comes from another proxy's address. The paper has secured tunnels between them.
//!
//! Neighbors and random members are an extension, which the paper of 2007 (section 4.2) hopes for: a JAP names its
//! other targets, then those of JAPs in the order of their round-trip times; for a random member the RAP draws a JAP
//! by its count, and that a target. That is uniform as long as the counts are exact, which they are (with a
//! change of a tenth) for JAPs with fewer than nine targets, and for others after a report's time without a change.
//!
//! What it does not see: a program that is dead beside an agent that lives; and a proxy that is frozen while its
//! routing daemon goes on to announce the block. Then other proxies avoid it, but routing brings its clients and its
//! targets to it still.

mod agent;
mod asks;
mod core;
mod flows;
mod lists;
mod message;
mod ports;
mod proxies;
mod questions;
pub(super) mod row;
mod server;
mod settings;
mod soft;
mod streams;
mod targets;
#[cfg(test)]
mod tests;
