//! A route as a daemon has it, and why it likes one better than another.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// What a router likes a route by before all else, where its daemon has that; no BGP attribute.
pub(super) const WEIGHT: &str = "weight";

/// One route to one prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    pub prefix: String,
    /// `unicast`, `blackhole`, `unreachable`, …
    pub kind: String,
    /// The protocol that brought it: `ebgp-r1`.
    pub protocol: String,
    pub best: bool,
    pub preference: u32,
    /// Of the way to the next hop inside the AS, or of OSPF.
    pub metric: Option<u32>,
    /// Gateway (`None`: connected) and interface of each next hop.
    pub via: Vec<(Option<IpAddr>, String)>,
    /// `BGP.as_path` to `100 1000`, and all the others, by BIRD's names: other daemons' rooms translate.
    pub attributes: BTreeMap<String, String>,
}

impl Route {
    fn is_bgp(&self) -> bool {
        self.attributes.get("Type").is_some_and(|kind| kind.starts_with("BGP"))
    }

    /// The ASes on the way.
    pub fn as_path(&self) -> Vec<&str> {
        self.attributes.get("BGP.as_path").map(|path| path.split_whitespace().collect()).unwrap_or_default()
    }

    /// The same, of ASes that are numbers: a set of ASes (RFC 4271 §4.3) is none.
    pub fn numbers(&self) -> Vec<u32> {
        self.as_path().iter().filter_map(|asn| asn.parse().ok()).collect()
    }

    fn number(&self, attribute: &str) -> Option<u32> {
        self.attributes.get(attribute).and_then(|value| value.parse().ok())
    }

    /// 0 IGP, 1 EGP, 2 incomplete.
    fn origin(&self) -> u32 {
        match self.attributes.get("BGP.origin").map(String::as_str) {
            Some("IGP") => 0,
            Some("EGP") => 1,
            _ => 2,
        }
    }

    /// iBGP sessions are named so in every config of a lab.
    fn is_internal(&self) -> bool {
        self.protocol.starts_with("ibgp")
    }
}

/// Why a daemon prefers one route to another, by the first rule that tells them apart (RFC 4271 §9.1.2.2; BIRD's
/// `rte_better`, `bgp_rte_better`).
pub fn why(best: &Route, other: &Route) -> String {
    if best.preference != other.preference {
        return format!("preference {} over {}", best.preference, other.preference);
    }
    if !best.is_bgp() || !other.is_bgp() {
        return match (best.metric, other.metric) {
            (Some(a), Some(b)) if a != b => format!("metric {a} under {b}"),
            _ => "it came first".to_owned(),
        };
    }
    let weight = |route: &Route| route.number(WEIGHT).unwrap_or(0);
    if weight(best) != weight(other) {
        return format!("weight {} over {}", weight(best), weight(other));
    }
    let local = |route: &Route| route.number("BGP.local_pref").unwrap_or(100);
    if local(best) != local(other) {
        return format!("local preference {} over {}", local(best), local(other));
    }
    let (short, long) = (best.as_path().len(), other.as_path().len());
    if short != long {
        return format!("a path of {short} ASes, not {long}");
    }
    if best.origin() != other.origin() {
        return "its origin".to_owned();
    }
    let med = |route: &Route| route.number("BGP.med").unwrap_or(0);
    let same_neighbor = best.as_path().first() == other.as_path().first();
    if same_neighbor && med(best) != med(other) {
        return format!("MED {} under {}", med(best), med(other));
    }
    if best.is_internal() != other.is_internal() {
        return "learned from another AS, not inside this one".to_owned();
    }
    match (best.metric, other.metric) {
        (Some(a), Some(b)) if a != b => format!("{a} to its next hop, not {b}"),
        // Of one neighbor, which tells of several.
        _ if best.protocol == other.protocol => "which came first".to_owned(),
        _ => "the lower router id or address of its neighbor".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_differs_is_the_reason() {
        let route = |attributes: &[(&str, &str)], protocol: &str, metric| {
            let own = [("Type", "BGP univ"), ("BGP.origin", "IGP"), ("BGP.as_path", "1 2")];
            let attributes = own.iter().chain(attributes).map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
            Route { protocol: protocol.to_owned(), preference: 100, metric, attributes, ..Route::default() }
        };
        let plain = route(&[], "ebgp-a", None);
        for (other, reason) in [
            (route(&[("BGP.local_pref", "50")], "ebgp-b", None), "local preference 100 over 50"),
            (route(&[("BGP.as_path", "1 2 3")], "ebgp-b", None), "a path of 2 ASes, not 3"),
            (route(&[("BGP.origin", "Incomplete")], "ebgp-b", None), "its origin"),
            (route(&[("BGP.med", "5")], "ebgp-b", None), "MED 0 under 5"),
            (
                route(&[("BGP.as_path", "9 2"), ("BGP.med", "5")], "ibgp-b", None),
                "learned from another AS, not inside this one",
            ),
            (route(&[], "ebgp-b", None), "the lower router id or address of its neighbor"),
        ] {
            assert_eq!(why(&plain, &other), reason);
        }
        assert_eq!(why(&plain, &plain), "which came first");
        let heavy = route(&[("weight", "7"), ("BGP.local_pref", "50")], "ebgp-b", None);
        assert_eq!(why(&heavy, &plain), "weight 7 over 0");
        let (near, far) = (route(&[], "ibgp-a", Some(10)), route(&[], "ibgp-b", Some(30)));
        assert_eq!(why(&near, &far), "10 to its next hop, not 30");
    }
}
