//! From what an overlay node reports to what the record says it did.

use super::event::{Found, NodeDid, Passed};
use crate::anycast::Event;
use crate::overlay::Answer;
use crate::overlay::id::Id;

/// The record's form of an event: names for ring ids. `None`: the record keeps it elsewhere.
pub(crate) fn told(what: Event, name: impl Fn(Id) -> String) -> Option<NodeDid> {
    Some(match what {
        Event::Joining => NodeDid::Joining,
        Event::Joined { served_by, milliseconds, attempts, redirected } => {
            NodeDid::Joined { served_by: served_by.map(&name), milliseconds, attempts, redirected }
        }
        Event::Colored { color } => NodeDid::Colored { color },
        Event::JoinFailed { reason } => NodeDid::JoinFailed { reason },
        Event::Left => NodeDid::Left,
        Event::Neighbors(neighbors) => NodeDid::Neighbors(neighbors.map(&name)),
        Event::Forgot { peer } => NodeDid::Forgot { peer: name(peer) },
        Event::Contact { peer, by, color } => NodeDid::Contact { peer: name(peer), by, color },
        Event::Rejoining { through } => NodeDid::Rejoining { through: name(through) },
        Event::Rejoined { through, milliseconds } => NodeDid::Rejoined { through: name(through), milliseconds },
        Event::Done { outcome: Answer::Looked { key, owner, hops, milliseconds }, .. } => {
            NodeDid::Looked { key, owner: owner.map(&name), hops, milliseconds }
        }
        Event::Done { outcome: Answer::Shared { name, stored: true }, .. } => NodeDid::Shared { name },
        Event::Done { outcome: Answer::Searched { words, hits, hops, milliseconds }, path, .. } => {
            let hits = hits.into_iter().map(|hit| Found { name: hit.name, at: name(hit.at) });
            let path = path.into_iter().map(|step| Passed { overlay: step.overlay, at: name(step.member) }).collect();
            NodeDid::Searched { words, hits: hits.collect(), hops, milliseconds, path }
        }
        Event::Announced { .. } | Event::Withdrew { .. } | Event::Done { .. } => return None,
        // Within a host.
        Event::Asks { .. } | Event::Replies { .. } => return None,
    })
}
