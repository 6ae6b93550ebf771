//! A new unicast address, as after a change of the host's DHCP lease: nobody has been told good-bye.
//!
//! A member's own group answers what it sends there, so it joins again through the neighbors it knows,
//! under the same id and with the keys it holds.

use std::net::SocketAddr;

use super::core::Core;
use crate::overlay::Time;

/// What a join under way, if there is one, begins anew with.
pub(super) fn renumber(core: &mut Core, now: Time, address: SocketAddr) {
    let old = std::mem::replace(&mut core.config.address, address);
    core.config.well_known.iter_mut().filter(|known| **known == old).for_each(|known| *known = address);
    // Who answers them answers to the old address.
    core.asks.clear();
    core.agent.renumbered(now, address);
    core.overlay.renumber(now, address);
}
