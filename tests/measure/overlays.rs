//! Islands, the whole ring, lookups, joins, keys.

use anybed::anycast::Means;
use anybed::measure::{OverlayReport, Report};
use anybed::overlay::Neighbors;
use anybed::overlay::id::Id;
use anybed::record::{NodeDid, What};
use anybed::topology::Protocol;
use proptest::prelude::*;

use crate::synthetic::{Synthetic, id, key, neighbors};

const HOSTS: [&str; 4] = ["east.n1", "west.n1", "east.n2", "west.n2"];
const EAST: [&str; 2] = ["east.n1", "east.n2"];
const WEST: [&str; 2] = ["west.n1", "west.n2"];

fn music() -> Synthetic {
    Synthetic::new("music")
        .stubs(&[("east", &["n1", "n2"], &[]), ("west", &["n1", "n2"], &[])])
        .overlay("music", &HOSTS)
}

/// All four have joined and know the ring by 2 s.
fn whole_ring() -> Synthetic {
    let mut lab = music();
    lab.joined(1.0, HOSTS[0], None);
    for host in &HOSTS[1..] {
        lab.joined(1.1, host, Some(HOSTS[0]));
    }
    lab.ring(2.0, &HOSTS);
    lab
}

fn of(report: &Report) -> &OverlayReport {
    &report.overlays["music"]
}

#[test]
fn a_joiner_belongs_to_its_server_until_it_reports_neighbors() {
    let mut lab = music();
    lab.joined(1.0, HOSTS[0], None).joined(1.5, HOSTS[1], Some(HOSTS[0])).end(2.0);
    let report = lab.report();
    assert_eq!((of(&report).islands_max, of(&report).members, of(&report).whole_end), (1, 2, false));
    lab.did(1.7, HOSTS[1], neighbors(&[], None, &[]));
    assert_eq!(of(&lab.report()).islands_end, 2);
}

#[test]
fn one_alone_is_whole() {
    let mut lab = music();
    lab.joined(1.0, HOSTS[0], None).end(2.0);
    assert!(of(&lab.report()).whole_end);
}

#[test]
fn a_wrong_successor_is_not_whole() {
    let mut lab = whole_ring();
    lab.end(10.0);
    assert!(of(&lab.report()).whole_end);
    lab.did(5.0, HOSTS[0], neighbors(&[HOSTS[2]], Some(HOSTS[3]), &[HOSTS[1]]));
    let report = lab.report();
    assert_eq!((of(&report).islands_end, of(&report).whole_end), (1, false));
}

#[test]
fn in_pastry_the_closest_owns() {
    let mut lab = whole_ring();
    lab.facts.overlays[0].protocol = Protocol::named("pastry").unwrap();
    // A key just behind host 1: its successor is host 2, its closest host 1.
    let behind = Id(id(1).0 + 1);
    lab.looked(5.0, HOSTS[0], behind, Some(HOSTS[1])).looked(5.1, HOSTS[0], behind, Some(HOSTS[2])).end(10.0);
    let report = lab.report();
    assert!(of(&report).whole_end);
    assert_eq!((of(&report).lookups.total.ok, of(&report).lookups.total.wrong), (1, 1));
}

#[test]
fn in_can_zones_tell_who_owns_and_whether_the_space_is_whole() {
    let half = u128::MAX / 2;
    let (lower, upper) = ((Id(0), Id(half)), (Id(half + 1), Id(u128::MAX)));
    let mut lab = music();
    lab.facts.overlays[0].protocol = Protocol::named("can").unwrap();
    let zone = |of: (Id, Id), knows: &str| match neighbors(&[], None, &[knows]) {
        NodeDid::Neighbors(neighbors) => NodeDid::Neighbors(Neighbors { zones: vec![of], ..neighbors }),
        other => other,
    };
    lab.joined(1.0, HOSTS[0], None).joined(1.1, HOSTS[1], Some(HOSTS[0]));
    lab.did(2.0, HOSTS[0], zone(lower, HOSTS[1])).did(2.0, HOSTS[1], zone(upper, HOSTS[0]));
    lab.looked(5.0, HOSTS[0], Id(7), Some(HOSTS[0])).looked(5.1, HOSTS[0], Id(7), Some(HOSTS[1])).end(10.0);
    let report = lab.report();
    assert!(of(&report).whole_end);
    assert_eq!((of(&report).lookups.total.ok, of(&report).lookups.total.wrong), (1, 1));
    lab.did(6.0, HOSTS[1], zone(lower, HOSTS[0]));
    assert!(!of(&lab.report()).whole_end, "one half is claimed twice, the other by nobody");
}

#[test]
fn members_leave_by_leaving_crashing_and_exiting_but_not_with_their_bird() {
    let members = |what: What| {
        let mut lab = whole_ring();
        lab.at(5.0, what).end(10.0);
        of(&lab.report()).members
    };
    let crash = |action: &str| What::Fault {
        action: action.into(),
        verb: "crash".into(),
        target: "east.n1".into(),
        deed: None,
        done: 0,
        live: false,
    };
    let exit = |process: &str| What::Exit {
        node: "east.n1".into(),
        process: process.into(),
        kind: None,
        status: "signal 9".into(),
        expected: true,
    };
    assert_eq!(members(What::Node { node: "east.n1".into(), overlay: "music".into(), did: NodeDid::Left }), 3);
    assert_eq!(members(crash("crash east.n1")), 3);
    assert_eq!(members(crash("crash east.n1 node")), 3);
    for other in ["frr", "node-exporter"] {
        assert_eq!(members(exit(other)), 4, "{other} is no overlay node");
    }
    assert_eq!(members(crash("crash east.n1 bird")), 4);
    assert_eq!(members(exit("node")), 3);
    assert_eq!(members(exit("bird")), 4);
}

#[test]
fn a_partition_splits_and_merges_and_both_are_timed() {
    let mut lab = whole_ring();
    lab.fault(20.0, "fail east").ring(23.0, &EAST).ring(23.5, &WEST).fault(40.0, "recover east");
    lab.did(41.0, EAST[0], NodeDid::Contact { peer: WEST[1].into(), by: Means::Color, color: Some(7) })
        .did(42.0, EAST[0], neighbors(&[WEST[0]], Some(EAST[1]), &[]))
        .ring(44.0, &HOSTS)
        .end(60.0);
    let report = lab.report();
    let overlay = of(&report);
    assert_eq!((overlay.islands_max, overlay.islands_end, overlay.whole_end), (2, 1, true));
    assert_eq!(overlay.merge_seconds, Some(3.9995), "the recover was done after 0.5 ms");
    let split = overlay.islands.iter().find(|p| p.islands == 2).unwrap();
    assert_eq!((split.at, &split.sizes, split.whole, split.rings_right), (23.5, &vec![2, 2], false, true));
    let (fail, recover) = (&report.faults[0].overlays["music"], &report.faults[1].overlays["music"]);
    assert_eq!((fail.islands_before, fail.islands_after, fail.settled_ms), (1, 2, Some(3500.0)));
    assert_eq!((recover.islands_before, recover.islands_after), (2, 1));
    assert_eq!((recover.settled_ms, recover.whole_ms), (Some(2000.0), Some(4000.0)));
    assert_eq!(recover.first_contact.as_ref().map(|c| (c.at, c.color)), Some((41.0, Some(7))));
}

#[test]
fn a_ring_that_never_heals_has_no_merge_time() {
    let mut lab = whole_ring();
    lab.fault(20.0, "fail east").ring(23.0, &EAST).ring(23.5, &WEST).fault(40.0, "recover east").end(60.0);
    let report = lab.report();
    assert_eq!((of(&report).merge_seconds, of(&report).islands_end), (None, 2));
    assert_eq!(report.faults[1].overlays["music"].settled_ms, None);
}

#[test]
fn lookups_are_right_by_the_ring_at_their_begin_or_end() {
    let mut lab = whole_ring();
    lab.looked(5.0, HOSTS[0], key(2), Some(HOSTS[2]))
        .looked(5.1, HOSTS[0], id(2), Some(HOSTS[2]))
        .looked(5.2, HOSTS[0], key(2), Some(HOSTS[3]))
        .looked(5.3, HOSTS[1], key(2), None)
        // The last id's next is the first one.
        .looked(5.4, HOSTS[1], key(4), Some(HOSTS[0]));
    // Its owner leaves while it is under way: both the old and the next one are right.
    lab.did(6.005, HOSTS[2], NodeDid::Left)
        .looked(6.009, HOSTS[0], key(2), Some(HOSTS[2]))
        .looked(6.009, HOSTS[0], key(2), Some(HOSTS[3]))
        .looked(7.0, HOSTS[0], key(2), Some(HOSTS[2]))
        .end(10.0);
    let report = lab.report();
    let counts = &of(&report).lookups.total;
    assert_eq!((counts.sent, counts.ok, counts.failed, counts.wrong), (8, 5, 1, 2));
    assert_eq!((counts.hops_mean, counts.p50_ms), (Some(2.0), Some(10.0)));
    assert_eq!(of(&report).lookups.stubs["west"].sent, 2);
}

#[test]
fn lookups_are_judged_by_the_askers_island() {
    let mut lab = whole_ring();
    lab.fault(20.0, "fail east")
        // Before all links are forgotten: the far side cannot be reached, so its ring does not count.
        .looked(21.0, EAST[0], key(1), Some(EAST[1]))
        .looked(21.0, EAST[0], key(1), Some(EAST[0]))
        .ring(23.0, &EAST)
        .ring(23.0, &WEST)
        .looked(30.0, EAST[0], key(1), Some(EAST[1]))
        .looked(30.0, EAST[0], key(1), Some(WEST[0]))
        .end(40.0);
    let report = lab.report();
    let phases = &of(&report).lookups.phases;
    assert_eq!(phases.len(), 1);
    assert_eq!((phases[0].after.as_deref(), phases[0].from), (Some("fail east"), 20.0));
    assert_eq!((phases[0].counts.ok, phases[0].counts.wrong), (2, 2));
}

#[test]
fn joins_and_keys_are_counted() {
    let mut lab = whole_ring();
    lab.did(3.0, HOSTS[1], NodeDid::JoinFailed { reason: "no answer".into() })
        .at(4.0, What::Put { overlay: "music".into(), stored: 9, failed: 1, seconds: 0.1 })
        .at(
            5.0,
            What::Audit { overlay: "music".into(), found: 8, missing: vec!["k1".into()], conflicts: 0, seconds: 0.1 },
        )
        .end(10.0);
    let report = lab.report();
    let joins = &of(&report).joins;
    assert_eq!((joins.ok, joins.failed, joins.founded, joins.p50_ms), (4, 1, 1, Some(3.0)));
    assert_eq!(joins.served_by, [(HOSTS[0].to_owned(), 3)].into());
    let keys = &of(&report).keys;
    assert_eq!((keys.stored, keys.failed, keys.audits[0].found, keys.audits[0].at), (9, 1, 8, 5.0));
}

#[derive(Clone, Debug)]
enum Step {
    Joined(usize),
    Left(usize),
    Neighbors(usize, Vec<usize>),
}

const MANY: usize = 7;

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        2 => (0..MANY).prop_map(Step::Joined),
        1 => (0..MANY).prop_map(Step::Left),
        5 => (0..MANY, prop::collection::vec(0..MANY, 0..4)).prop_map(|(n, list)| Step::Neighbors(n, list)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    /// Islands and the right ring, against their definitions taken literally.
    #[test]
    fn islands_agree_with_their_definition(steps in prop::collection::vec(step(), 1..60)) {
        let names: Vec<String> = (0..MANY).map(|i| format!("s.n{i}")).collect();
        let hosts: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut lab = Synthetic::new("many").stubs(&[("s", &["n0", "n1", "n2", "n3", "n4", "n5", "n6"], &[])]).overlay("many", &hosts);
        let (mut live, mut lists) = (vec![false; MANY], vec![Vec::<usize>::new(); MANY]);
        for (i, step) in steps.iter().enumerate() {
            let at = 1.0 + i as f64 / 1000.0;
            match step {
                Step::Joined(n) => { lab.joined(at, hosts[*n], None); live[*n] = true; }
                Step::Left(n) => { lab.did(at, hosts[*n], NodeDid::Left); live[*n] = false; lists[*n].clear(); }
                Step::Neighbors(n, list) => {
                    let known: Vec<&str> = list.iter().map(|i| hosts[*i]).collect();
                    lab.did(at, hosts[*n], neighbors(&known, None, &[]));
                    lists[*n].clone_from(list);
                }
            }
        }
        lab.end(10.0);
        let report = lab.report();
        let overlay = &report.overlays["many"];

        let members: Vec<usize> = (0..MANY).filter(|n| live[*n]).collect();
        let mut roots: Vec<usize> = (0..MANY).collect();
        for &a in &members {
            for &b in lists[a].iter().filter(|b| live[**b]) {
                let (from, to) = (roots[a], roots[b]);
                roots.iter_mut().filter(|r| **r == from).for_each(|r| *r = to);
            }
        }
        let islands: std::collections::BTreeSet<usize> = members.iter().map(|m| roots[*m]).collect();
        let right = |ring: &[usize]| (0..ring.len()).all(|i| {
            let next = ring[(i + 1) % ring.len()];
            lists[ring[i]].first().map_or(ring.len() == 1, |first| *first == next)
        });
        let rings_right = islands.iter().all(|island| {
            right(&members.iter().copied().filter(|m| roots[*m] == *island).collect::<Vec<_>>())
        });
        prop_assert_eq!(overlay.members, members.len());
        prop_assert_eq!(overlay.islands_end, islands.len());
        prop_assert_eq!(overlay.whole_end, islands.len() == 1 && rings_right);
        let last = overlay.islands.last().unwrap();
        prop_assert_eq!(last.rings_right, !members.is_empty() && rings_right);
    }
}
