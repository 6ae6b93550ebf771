//! What is known of landmarks from the start.

use super::message::{Contact, Landmark};
use crate::anycast::facts::Facts;

/// The port at which nobody is expected (RFC 863): a host refuses a stream to it.
pub(super) const REFUSES: u16 = 9;

/// All core nodes that are landmarks.
pub(super) fn landmarks(facts: &Facts) -> impl Iterator<Item = Landmark> + '_ {
    facts.servers.iter().filter_map(|site| {
        let contact = Contact { address: site.peer.address, tag: facts.tag() };
        site.place.map(|place| Landmark { contact, place })
    })
}
