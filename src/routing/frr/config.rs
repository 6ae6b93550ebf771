//! What has to be typed to get from one config of bgpd to another: FRR has no command that reads one again, and what
//! is not touched stays up.

use std::collections::{BTreeMap, BTreeSet};

use ipnet::IpNet;

/// A line, and the lines that open the blocks around it.
type Line<'a> = (Vec<&'a str>, &'a str);

/// What to type, and whom it concerns.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Change {
    /// In `configure terminal`. Those that take away what is not there fail, and may.
    pub(super) commands: Vec<String>,
    /// Names of sessions whose routes are to be looked at again: those that come in (`-in`) or go out (`-out`).
    pub(super) sessions: BTreeSet<String>,
}

/// Sessions of a config: their neighbors' addresses, and their names.
pub(super) fn sessions(config: &str) -> BTreeMap<&str, &str> {
    let described = config.lines().filter_map(|line| line.trim_start().strip_prefix("neighbor "));
    described.filter_map(|rest| rest.split_once(" description ")).collect()
}

/// What takes these aggregates of a config away and makes them again.
pub(super) fn aggregates(config: &str, wanted: &[IpNet]) -> Vec<String> {
    let is_wanted = |line: &str| {
        let prefix = line.strip_prefix("aggregate-address ").and_then(|rest| rest.split(' ').next()?.parse().ok());
        prefix.is_some_and(|prefix: IpNet| wanted.contains(&prefix))
    };
    let all = lines(config).into_iter().filter(|(_, line)| is_wanted(line));
    let mut commands: Vec<String> = all
        .flat_map(|(around, line)| {
            let enter = around.iter().map(|block| (*block).to_owned());
            let leave = around.iter().rev().map(|block| leave(block).to_owned());
            enter.chain([format!("no {line}"), line.to_owned()]).chain(leave).collect::<Vec<_>>()
        })
        .collect();
    if !commands.is_empty() {
        commands.insert(0, "configure terminal".to_owned());
        commands.push("end".to_owned());
    }
    commands
}

/// From `before` to `after`.
pub(super) fn change(before: &str, after: &str) -> Change {
    let (old, new) = (lines(before), lines(after));
    let (had, has): (BTreeSet<_>, BTreeSet<_>) = (old.iter().collect(), new.iter().collect());
    let mut change = Change::default();
    let gone: Vec<&Line<'_>> = old.iter().filter(|line| !has.contains(line)).collect();
    let come: Vec<&Line<'_>> = new.iter().filter(|line| !had.contains(line)).collect();
    // A neighbor takes all that is said of it along, and an entry of a route map that is new in part is new.
    let left: BTreeSet<&str> = gone.iter().filter_map(|(_, line)| neighbor(line, " remote-as ")).collect();
    let is_map = |line: &str| line.starts_with("route-map ");
    let blocks = gone.iter().chain(&come).filter_map(|(around, line)| around.first().copied().or(Some(*line)));
    let maps: BTreeSet<&str> = blocks.filter(|line| is_map(line)).collect();
    for map in &maps {
        if had.iter().any(|(around, line)| around.is_empty() && line == map) {
            change.commands.push(format!("no {map}"));
        }
        change.sessions.extend(map.split(' ').nth(1).map(str::to_owned));
    }
    let typed = |change: &mut Change, around: &[&str], line: String| {
        change.commands.extend(around.iter().map(|block| (*block).to_owned()));
        change.commands.push(line);
        change.commands.extend(around.iter().rev().map(|block| leave(block).to_owned()));
    };
    for (around, line) in gone {
        let of_map = around.first().is_some_and(|block| is_map(block)) || is_map(line);
        let of_neighbor = left.iter().any(|name| line.starts_with(&format!("neighbor {name} ")));
        match neighbor(line, " remote-as ") {
            Some(name) => typed(&mut change, around, format!("no neighbor {name}")),
            None if of_map || of_neighbor => {}
            None => typed(&mut change, around, opposite(line)),
        }
    }
    // Lists first: a route map that names one that is not there matches nothing.
    let is_list = |line: &&&Line<'_>| line.0.is_empty() && !is_map(line.1);
    for (_, line) in come.iter().filter(is_list) {
        typed(&mut change, &[], (*line).to_owned());
    }
    for map in &maps {
        let within = new.iter().filter(|(around, _)| around.first() == Some(map)).map(|(_, line)| (*line).to_owned());
        let within: Vec<String> = within.collect();
        if has.iter().any(|(around, line)| around.is_empty() && line == map) {
            change.commands.push((*map).to_owned());
            change.commands.extend(within);
            change.commands.push("exit".to_owned());
        }
    }
    for (around, line) in come.iter().filter(|(around, _)| around.first().is_some_and(|block| !is_map(block))) {
        typed(&mut change, around, (*line).to_owned());
    }
    // Lists are named after the route map that they are for.
    let lists = change.commands.iter().filter_map(|line| line.split_once("-list ").map(|(_, rest)| rest.to_owned()));
    let lists: Vec<String> = lists.collect();
    for list in lists {
        let name = list.split(' ').find(|word| *word != "standard" && *word != "expanded").unwrap_or_default();
        for end in ["-in", "-out"] {
            change.sessions.extend(name.find(end).map(|at| name[..at + end.len()].to_owned()));
        }
    }
    change
}

/// `no` before it, or not any more.
fn opposite(line: &str) -> String {
    line.strip_prefix("no ").map_or_else(|| format!("no {line}"), str::to_owned)
}

/// The neighbor that a line with this word is about.
fn neighbor<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    line.strip_prefix("neighbor ")?.split_once(word).map(|(name, _)| name)
}

fn leave(block: &str) -> &'static str {
    if block.starts_with("address-family") { "exit-address-family" } else { "exit" }
}

fn lines(config: &str) -> Vec<Line<'_>> {
    let (mut lines, mut around) = (Vec::new(), Vec::new());
    for line in config.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('!')) {
        if line == "exit" || line == "exit-address-family" {
            around.pop();
            continue;
        }
        lines.push((around.clone(), line));
        if ["router ", "address-family ", "route-map "].iter().any(|block| line.starts_with(block)) || line == "rpki" {
            around.push(line);
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEFORE: &str = "! a comment
router bgp 100
 neighbor 10.0.0.1 remote-as 200
 neighbor 10.0.0.1 description ebgp-b
 neighbor 10.0.0.1 timers 3 9
 address-family ipv4 unicast
  neighbor 10.0.0.1 activate
 exit-address-family
exit
route-map ebgp-b-in permit 30
 set local-preference 200
exit
route-map ebgp-b-in permit 60000
exit
";

    #[test]
    fn nothing_is_typed_for_nothing() {
        assert_eq!(change(BEFORE, BEFORE), Change::default());
        assert_eq!(sessions(BEFORE), BTreeMap::from([("10.0.0.1", "ebgp-b")]));
    }

    #[test]
    fn an_aggregate_is_made_again_where_it_stands() {
        let config = BEFORE
            .replace(" exit-address", "  aggregate-address 10.1.0.0/26 summary-only route-map OWN\n exit-address");
        let prefix = |text: &str| text.parse::<IpNet>().expect("a prefix");
        let typed = [
            "configure terminal",
            "router bgp 100",
            "address-family ipv4 unicast",
            "no aggregate-address 10.1.0.0/26 summary-only route-map OWN",
            "aggregate-address 10.1.0.0/26 summary-only route-map OWN",
            "exit-address-family",
            "exit",
            "end",
        ];
        assert_eq!(aggregates(&config, &[prefix("10.1.0.0/26"), prefix("10.2.0.0/26")]), typed);
        assert!(aggregates(&config, &[prefix("10.1.0.0/27")]).is_empty());
    }

    #[test]
    fn an_entry_of_a_route_map_is_made_anew() {
        let after = BEFORE.replace("preference 200", "preference 50")
            + "ip prefix-list ebgp-b-out-1 seq 5 permit 198.51.100.1/32\n";
        let found = change(BEFORE, &after);
        let typed = [
            "no route-map ebgp-b-in permit 30",
            "ip prefix-list ebgp-b-out-1 seq 5 permit 198.51.100.1/32",
            "route-map ebgp-b-in permit 30",
            "set local-preference 50",
            "exit",
        ];
        assert_eq!(found.commands, typed);
        assert_eq!(found.sessions, BTreeSet::from(["ebgp-b-in".to_owned(), "ebgp-b-out".to_owned()]));
        let back = change(&after, BEFORE).commands;
        assert!(back.contains(&"no ip prefix-list ebgp-b-out-1 seq 5 permit 198.51.100.1/32".to_owned()), "{back:?}");
    }

    #[test]
    fn a_neighbor_with_another_address_is_another() {
        let found = change(BEFORE, &BEFORE.replace("10.0.0.1", "10.0.0.7")).commands;
        let begin = ["router bgp 100", "no neighbor 10.0.0.1", "exit", "router bgp 100"];
        assert_eq!(found[..4], begin, "{found:?}");
        assert_eq!(found.iter().filter(|line| line.starts_with("no ")).count(), 1, "{found:?}");
        let within = ["address-family ipv4 unicast", "neighbor 10.0.0.7 activate", "exit-address-family", "exit"];
        assert!(found.ends_with(&within.map(str::to_owned)), "{found:?}");
    }
}
