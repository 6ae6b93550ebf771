//! Routes as `show route all` tells them, and why BIRD likes one better than another.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

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
    /// `BGP.as_path` to `100 1000`, and all the others.
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

/// Reads the lines of an answer to `show route … all`.
pub fn parse(lines: &[String]) -> Vec<Route> {
    let mut routes: Vec<Route> = Vec::new();
    for line in lines {
        if let Some(indented) = line.strip_prefix('\t') {
            if let Some(route) = routes.last_mut() {
                detail(route, indented);
            }
        } else if let Some(route) = headline(line, routes.last()) {
            routes.push(route);
        }
    }
    routes
}

/// `198.51.100.1/32  unicast [ebgp-r1 20:13:18.999] * (100) [AS1000i]`; without a prefix it is the last one's.
fn headline(line: &str, last: Option<&Route>) -> Option<Route> {
    let (before, rest) = line.split_once('[')?;
    let (source, after) = rest.split_once(']')?;
    let mut words = before.split_whitespace().rev();
    let kind = words.next()?.to_owned();
    let prefix = words.next().map(str::to_owned).or_else(|| last.map(|route| route.prefix.clone()))?;
    let (_, weights) = after.split_once('(')?;
    let (weights, _) = weights.split_once(')')?;
    let (preference, metric) = match weights.split_once('/') {
        Some((preference, metric)) => (preference, metric.parse().ok()),
        None => (weights, None),
    };
    Some(Route {
        prefix,
        kind,
        protocol: source.split_whitespace().next()?.to_owned(),
        best: after.trim_start().starts_with('*'),
        preference: preference.parse().ok()?,
        metric,
        ..Route::default()
    })
}

fn detail(route: &mut Route, line: &str) {
    let mut words = line.split_whitespace();
    match words.next() {
        Some("via") => {
            let gateway = words.next().and_then(|word| word.parse().ok());
            route.via.push((gateway, words.nth(1).unwrap_or_default().to_owned()));
        }
        Some("dev") => route.via.push((None, words.next().unwrap_or_default().to_owned())),
        _ => {
            if let Some((name, value)) = line.split_once(": ").or_else(|| line.split_once(':')) {
                route.attributes.insert(name.trim().to_owned(), value.trim().to_owned());
            }
        }
    }
}

/// Why BIRD prefers one route to another, by the first rule that tells them apart (`rte_better`, `bgp_rte_better`;
/// RFC 4271 §9.1.2.2).
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
        _ => "the lower router id or address of its neighbor".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "Table master4:
198.51.100.1/32      unicast [ebgp-r1 20:13:18.999] * (100) [AS1000i]
\tvia 10.0.0.1 on to-r1
\tType: BGP univ
\tBGP.origin: IGP
\tBGP.as_path: 100 1000
\tBGP.local_pref: 200
                     unicast [ibgp-b 20:13:19.043 from 10.255.0.3] (100/20) [AS1001i]
\tvia 10.0.0.3 on to-r3
\tvia 10.0.0.5 on to-r4 weight 1
\tType: BGP univ
\tBGP.origin: IGP
\tBGP.as_path: 102 103 1001
\tBGP.local_pref: 200
10.255.0.2/32        unicast [igp-ipv4 20:13:19.000] * I (150/10) [10.255.0.2]
\tdev to-b
\tType: OSPF univ
";

    #[test]
    fn routes_are_read_with_their_attributes() {
        let lines: Vec<String> = ANSWER.lines().map(str::to_owned).collect();
        let routes = parse(&lines);
        assert_eq!(routes.len(), 3);
        assert_eq!(routes[1].prefix, "198.51.100.1/32");
        assert_eq!((routes[0].best, routes[1].best), (true, false));
        assert_eq!((routes[1].preference, routes[1].metric), (100, Some(20)));
        assert_eq!(routes[1].via.len(), 2);
        assert_eq!(routes[0].as_path(), ["100", "1000"]);
        assert_eq!(routes[2].via, [(None, "to-b".to_owned())]);
        assert_eq!(why(&routes[0], &routes[1]), "a path of 2 ASes, not 3");
        assert_eq!(why(&routes[2], &routes[1]), "preference 150 over 100");
    }

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
        let (near, far) = (route(&[], "ibgp-a", Some(10)), route(&[], "ibgp-b", Some(30)));
        assert_eq!(why(&near, &far), "10 to its next hop, not 30");
    }
}
