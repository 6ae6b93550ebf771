//! A new unicast address, as after a change of the host's DHCP lease: nobody has been told good-bye.
//!
//! A member's own group answers what it sends there, so it joins again through the neighbors it knows,
//! under the same id and with the keys it holds.

use std::net::SocketAddr;

use super::member::{Event, Member};
use crate::overlay::Time;

impl Member {
    pub(super) fn renumber(&mut self, now: Time, address: SocketAddr) {
        let old = std::mem::replace(&mut self.config.address, address);
        self.config.well_known.iter_mut().filter(|known| **known == old).for_each(|known| *known = address);
        // Who answers them answers to the old address.
        self.asks.clear();
        self.overlay.renumber(now, address);
        if self.joining.is_some() {
            self.join_anew(now);
        } else if self.is_member() {
            self.emit(Event::Joining);
        }
    }
}
