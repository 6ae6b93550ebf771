//! Where proxies listen.

use super::settings::Settings;
use crate::anycast::facts::{Facts, Transport};
use crate::machine::{Need, Part, Port, Via};

/// The block: its first address is where members register.
pub(super) const BLOCK: Part = Part(0);
/// Where proxies take streams from each other.
pub(super) const RELAY: u16 = 4002;
/// The first of the ports from which a proxy sends to plain programs.
pub(super) const NAT: u16 = 4100;

/// All but that of the requests.
pub(super) fn ports(facts: &Facts) -> Vec<(Port, Need)> {
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
