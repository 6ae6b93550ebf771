//! Routes as `show route all` tells them.

use crate::routing::route::Route;
use crate::topology::Roa;

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

/// `198.51.100.0/24-24 AS65099  [rtr 17:21:57.123] * (100)`: a line of a ROA table.
pub(super) fn roa(line: &str) -> Option<Roa> {
    let mut words = line.split_whitespace();
    let (prefix, max_length) = words.next()?.rsplit_once('-')?;
    let origin = words.next()?.strip_prefix("AS")?;
    Some(Roa { prefix: prefix.parse().ok()?, max_length: max_length.parse().ok()?, origin: origin.parse().ok()? })
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
                route.attributes.insert(known_as(name.trim()), value.trim().to_owned());
            }
        }
    }
}

/// BIRD 3 calls attributes otherwise than BIRD 2: `bgp_path`, not `BGP.as_path` (3.1.8, 3.4.0).
fn known_as(name: &str) -> String {
    match name {
        "bgp_path" => "BGP.as_path".to_owned(),
        "source" => "Type".to_owned(),
        _ => name.strip_prefix("bgp_").map_or_else(|| name.to_owned(), |rest| format!("BGP.{rest}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::route::why;

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

    /// As 3.4.0 has it.
    const OF_BIRD_3: &str = "Table master4:
198.51.100.1/32      unicast [ebgp-west 11:23:12.032] * (100) [AS1000i]
\tvia 10.0.0.10 on to-west
\tpreference: 100
\tfrom: 10.0.0.10
\tsource: BGP
\tbgp_origin: IGP
\tbgp_path: 1000
\tbgp_local_pref: 200
\tbgp_large_community: (105, 1, 2)
\tInternal route handling values: 0L 5G 0S id 4
                     unicast [ebgp-e0 11:23:12.102] (100) [AS1001i]
\tvia 10.0.0.9 on to-e0
\tpreference: 100
\tsource: BGP
\tbgp_origin: IGP
\tbgp_path: 100 1001
\tbgp_local_pref: 100
";

    #[test]
    fn the_other_names_of_bird_3_are_known() {
        let lines: Vec<String> = OF_BIRD_3.lines().map(str::to_owned).collect();
        let routes = parse(&lines);
        assert_eq!(routes[0].as_path(), ["1000"]);
        assert_eq!(routes[1].as_path(), ["100", "1001"]);
        assert_eq!(routes[0].attributes["BGP.large_community"], "(105, 1, 2)");
        assert_eq!(why(&routes[0], &routes[1]), "local preference 200 over 100");
    }
}
