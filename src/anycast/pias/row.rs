//! The row of PIAS, and where its proxies listen.

use super::agent::Registering;
use super::server::Proxy;
use super::settings::{KEYS, Settings};
use crate::anycast::facts::{Facts, Transport};
use crate::anycast::member::JOIN;
use crate::anycast::row::{Asked, By, GroupSpec, Row};
use crate::anycast::server::ServerRow;
use crate::machine::{Need, Part, Port, Via};

/// The block: its first address is where members register.
pub(super) const BLOCK: Part = Part(0);
/// Where proxies take streams from each other.
pub(super) const RELAY: u16 = 4002;
/// The first of the ports from which a proxy sends to plain programs.
pub(super) const NAT: u16 = 4100;

pub(in crate::anycast) static ROW: Row = Row {
    name: "pias",
    title: "PIAS",
    groups,
    keys: KEYS,
    can: |_| Ok(()),
    agent: |config, now| Box::new(Registering::new(config, now)),
    server: Some(ServerRow {
        make: |config, now| Box::new(Proxy::new(config, now)),
        ports,
        announces: true,
        places: false,
        no_programs: None,
    }),
};

/// An overlay has one group. What others ask there a proxy brings to another member than themselves, so there is
/// no need of colors.
fn groups(_: &Asked) -> Vec<GroupSpec> {
    vec![GroupSpec { part: JOIN, suffix: String::new(), address: 1, public: true, by: By::Servers }]
}

fn ports(facts: &Facts) -> Vec<(Port, Need)> {
    let groups = facts.groups.iter().map(|group| {
        let number = group.address.port();
        let need = match group.transport {
            Transport::Udp => Need::Udp(number),
            Transport::Tcp => Need::Tcp(number),
        };
        (Port { via: Via::Group(group.part), number }, need)
    });
    let relay = (Port::unicast(RELAY), Need::Tcp(RELAY));
    let nat = NAT..NAT.saturating_add(Settings::of(facts).nat_ports);
    let nat = nat.map(|number| (Port::unicast(number), Need::Udp(number)));
    [relay].into_iter().chain(groups).chain(nat).collect()
}
