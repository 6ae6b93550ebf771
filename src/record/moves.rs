//! Who moved between two surveys of a group: nodes that another member catches now.
//!
//! Witnesses are compared with themselves: a packet with a packet, routes with routes. Round trips, which
//! differ from one look to the next, say nothing about who moved.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::Serialize;

use super::survey::{Survey, Surveyed};

/// What changed between two surveys of one address.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Moves {
    pub group: String,
    pub address: IpAddr,
    /// Nodes of which the same witness told both times.
    pub compared: usize,
    pub moved: Vec<Move>,
    /// Nodes that only one of the surveys tells of, by the same witness.
    pub only_before: Vec<String>,
    pub only_after: Vec<String>,
    /// Site to the number of nodes that it caught before and after; the empty name is that of none.
    pub sites: BTreeMap<String, [usize; 2]>,
    /// Something changed during one of the surveys.
    pub unsettled: bool,
}

/// A node that moved. Several members: its routes branch. None: nobody catches it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Move {
    pub node: String,
    #[serde(rename = "as")]
    pub as_name: String,
    pub before: BTreeSet<String>,
    pub after: BTreeSet<String>,
}

/// Compares the surveys that both have of a group's address; the first of each.
pub fn moves(before: &[Survey], after: &[Survey]) -> Vec<Moves> {
    let pairs = before.iter().filter_map(|survey| {
        let same = |other: &&Survey| (&other.group, other.address) == (&survey.group, survey.address);
        Some(Moves::of(survey, after.iter().find(same)?))
    });
    pairs.collect()
}

impl Moves {
    fn of(before: &Survey, after: &Survey) -> Self {
        let mut earlier: BTreeMap<&str, &Surveyed> = before.nodes.iter().map(|n| (n.node.as_str(), n)).collect();
        let (mut compared, mut moved, mut only_after) = (0, Vec::new(), Vec::new());
        let mut sites: BTreeMap<String, [usize; 2]> = BTreeMap::new();
        for node in &after.nodes {
            let was = earlier.get(node.node.as_str()).and_then(|was| caught(was, node));
            let Some([was, is]) = was else {
                only_after.push(node.node.clone());
                continue;
            };
            earlier.remove(node.node.as_str());
            compared += 1;
            for (survey, members, side) in [(before, &was, 0), (after, &is, 1)] {
                let site = |member: &String| survey.sites.get(member).unwrap_or(member).clone();
                let names: BTreeSet<String> = members.iter().map(site).collect();
                let name = names.into_iter().collect::<Vec<_>>().join(" or ");
                sites.entry(name).or_default()[side] += 1;
            }
            if was != is {
                let (node, as_name) = (node.node.clone(), node.as_name.clone());
                moved.push(Move { node, as_name, before: was, after: is });
            }
        }
        let only_before = earlier.into_keys().map(str::to_owned).collect();
        let (group, address) = (after.group.clone(), after.address);
        let unsettled = !(before.settled && after.settled);
        Self { group, address, compared, moved, only_before, only_after, sites, unsettled }
    }
}

/// Who catches a node in both surveys, by the best witness that both have.
fn caught(before: &Surveyed, after: &Surveyed) -> Option<[BTreeSet<String>; 2]> {
    let one = |member: &Option<String>| member.iter().cloned().collect::<BTreeSet<_>>();
    let packets = |node: &Surveyed| node.packet.as_ref().map(|packet| one(&packet.member));
    let echoes = |node: &Surveyed| node.echo.as_ref().map(|echo| one(&echo.member));
    let routes = |node: &Surveyed| node.routes.as_ref().map(|routes| routes.members.clone());
    let both = |witness: &dyn Fn(&Surveyed) -> Option<BTreeSet<String>>| Some([witness(before)?, witness(after)?]);
    both(&packets).or_else(|| both(&routes)).or_else(|| both(&echoes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::survey::{Packet, Routes};

    fn node(name: &str, member: Option<&str>, rtt: u64) -> Surveyed {
        let packet = Packet { member: member.map(str::to_owned), rtt: Some(rtt), ..Packet::default() };
        let (packet, routes, echo) = (Some(packet), None, None);
        Surveyed { node: name.into(), kind: "client".into(), as_name: "home".into(), packet, routes, echo }
    }

    fn survey(nodes: Vec<Surveyed>) -> Survey {
        Survey {
            group: "dns".into(),
            address: "198.51.100.1".parse().expect("an address"),
            nodes,
            sites: [("w.n1", "west"), ("w.n2", "west"), ("e.n1", "east")].map(|(m, s)| (m.into(), s.into())).into(),
            ases: BTreeMap::new(),
            hash_policies: BTreeSet::new(),
            settled: true,
            echoed_by: None,
            cost: Vec::new(),
        }
    }

    #[test]
    fn whoever_another_member_catches_has_moved() {
        let before = survey(vec![
            node("a", Some("w.n1"), 1),
            node("b", Some("w.n1"), 1),
            node("c", Some("e.n1"), 1),
            node("d", Some("e.n1"), 1),
            node("gone", Some("e.n1"), 1),
        ]);
        let after = survey(vec![
            node("new", None, 1),
            node("d", None, 9),
            node("a", Some("w.n1"), 9),
            node("b", Some("w.n2"), 9),
            node("c", Some("w.n1"), 9),
        ]);
        let [found] = &moves(std::slice::from_ref(&before), &[after])[..] else { panic!("one address") };
        let moved: Vec<&str> = found.moved.iter().map(|m| &*m.node).collect();
        assert_eq!(moved, ["d", "b", "c"], "not a, whose round trip is another one");
        assert_eq!(
            (found.compared, &found.only_before[..], &found.only_after[..]),
            (4, &["gone".into()][..], &["new".into()][..])
        );
        let sites = [("", [0, 1]), ("east", [2, 0]), ("west", [2, 3])];
        assert_eq!(found.sites, sites.map(|(name, counts)| (name.to_owned(), counts)).into());
        assert!(moves(std::slice::from_ref(&before), std::slice::from_ref(&before))[0].moved.is_empty());
        let other = Survey { address: "198.51.100.2".parse().unwrap(), ..before.clone() };
        assert!(moves(&[before], &[other]).is_empty());
    }

    #[test]
    fn a_witness_is_compared_with_itself() {
        let routed = |members: &[&str]| Surveyed {
            packet: None,
            routes: Some(Routes { members: members.iter().map(|m| (*m).to_owned()).collect(), ways: Vec::new() }),
            ..node("a", None, 0)
        };
        let both = Surveyed { packet: node("a", Some("e.n1"), 1).packet, ..routed(&["w.n1", "w.n2"]) };
        let found = |before: &Surveyed, after: &Surveyed| {
            moves(&[survey(vec![before.clone()])], &[survey(vec![after.clone()])]).remove(0)
        };
        assert!(found(&both, &routed(&["w.n1", "w.n2"])).moved.is_empty(), "by their routes");
        assert_eq!(found(&routed(&["w.n1"]), &routed(&["w.n1", "w.n2"])).moved.len(), 1, "it branches now");
        let apart = found(&routed(&["w.n1"]), &node("a", Some("e.n1"), 1));
        assert_eq!((apart.compared, apart.moved.len(), apart.only_after.len()), (0, 0, 1));
    }
}
