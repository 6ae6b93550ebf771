//! What events of a record say about an overlay's members and links.

use crate::measure::islands::Membership;
use crate::record::{NodeDid, OverlayFacts, ProcessDeed, ProcessKind, What};

/// The host whose node's process has ended, or been ended.
pub(crate) fn life_ended(what: &What) -> Option<&str> {
    match what {
        What::Exit { node, kind: Some(ProcessKind::Node), .. } => Some(node),
        What::Fault { target, deed: Some(deed), .. } if deed.is(ProcessDeed::Crash, ProcessKind::Node) => Some(target),
        _ => None,
    }
}

impl Membership<'_> {
    /// Takes over what one event says about membership and links; true if it may have changed any.
    pub(crate) fn apply(&mut self, facts: &OverlayFacts, what: &What) -> bool {
        match what {
            What::Node { node, overlay, did } if *overlay == facts.name => {
                self.host(node).is_some_and(|host| self.apply_node(host, did))
            }
            _ => life_ended(what).is_some_and(|host| self.gone(host)),
        }
    }

    fn apply_node(&mut self, host: usize, did: &NodeDid) -> bool {
        match did {
            NodeDid::Joined { served_by, .. } => {
                let served_by = served_by.as_deref().and_then(|name| self.host(name));
                self.join(host, served_by);
            }
            NodeDid::Neighbors(neighbors) => {
                let told = neighbors.clone().map(|name| self.any_id(&name));
                self.neighbors(host, told);
            }
            // A node that joins has no neighbors of an earlier life.
            NodeDid::Joining | NodeDid::Left => self.leave(host),
            _ => return false,
        }
        true
    }

    fn gone(&mut self, name: &str) -> bool {
        let host = self.host(name);
        if let Some(host) = host {
            self.leave(host);
        }
        host.is_some()
    }
}
