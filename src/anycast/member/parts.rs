//! The groups of an overlay.

use std::net::SocketAddr;

use crate::anycast::config::NodeConfig;
use crate::anycast::row::{Asked, By, GroupSpec};
use crate::machine::Part;

/// Announced by every member: whoever wants to join asks there.
pub(in crate::anycast) const JOIN: Part = Part(0);
/// Announced by one member of each island.
pub(super) const RENDEZVOUS: Part = Part(1);

/// Announced by the members of a color.
pub(super) fn color(color: u16) -> Part {
    Part(color + 2)
}

/// Every color's address.
pub(super) fn colors(config: &NodeConfig) -> impl ExactSizeIterator<Item = (u16, SocketAddr)> + use<> {
    let colors: Vec<_> = config.groups.range(color(0)..).map(|(part, address)| (part.0 - 2, *address)).collect();
    colors.into_iter()
}

pub(in crate::anycast) fn groups(asked: &Asked) -> Vec<GroupSpec> {
    let join = GroupSpec { part: JOIN, suffix: String::new(), address: 1, public: true, by: By::Member };
    let rendezvous =
        GroupSpec { part: RENDEZVOUS, suffix: "/rendezvous".into(), address: 2, public: false, by: By::Leader };
    let of_color = |c: u16| {
        let address = 16 + usize::from(c);
        GroupSpec { part: color(c), suffix: format!("/{c}"), address, public: false, by: By::Color(c) }
    };
    let rendezvous = asked.rendezvous.then_some(rendezvous);
    [join].into_iter().chain(rendezvous).chain((0..asked.colors).map(of_color)).collect()
}
