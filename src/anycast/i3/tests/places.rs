//! Joining, finding, leaving; who is found.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::overlay::MAX_PEERS;

#[test]
fn members_join_at_one_server_are_found_and_leave() {
    let mut world = World::joined(1, 8, 24, &[]);
    let keepers = world.keepers();
    assert_eq!((keepers.len(), keepers[0].1), (1, 24), "all triggers of the group are at one server: {keepers:?}");
    for host in world.endpoints() {
        let found = world.found(host, Question::Nearest).unwrap();
        assert_eq!(world.bin(found), world.bin(host), "a member of the same bin");
    }
    world.sim.take_events();
    for host in 8..20 {
        world.tell(host, Call::Leave);
    }
    world.run(2.0);
    let left = |e: &&crate::machine::sim::Happened<Deed>| e.event == Deed::Endpoint(Heard::Member { joined: false });
    assert_eq!(world.sim.events().iter().filter(left).count(), 12);
    assert_eq!(world.keepers()[0].1, 12, "taken back, not left to expire");
    for host in world.endpoints() {
        assert!(world.found(host, Question::Nearest).unwrap() >= 20, "nobody who has left is found");
    }
}

#[test]
fn an_empty_group_answers_nobody() {
    let mut world = World::new(2, 6, 1, &[]);
    world.run(5.0);
    assert_eq!(world.found(6, Question::Nearest), None);
    assert_eq!(world.found(6, Question::Random), None);
}

#[test]
fn without_servers_that_answer_nothing_is_found_in_time() {
    let mut world = World::new(3, 6, 2, &[]);
    (0..6).for_each(|server| world.sim.crash(server));
    world.tell(6, Call::Join);
    assert_eq!(world.targets(6, Question::Nearest), Vec::new());
    world.tell(6, Call::Leave);
    world.run(3.0);
    let heard = world.sim.events().iter().rev().find(|e| e.host == 6).map(|e| e.event.clone());
    assert_eq!(heard, Some(Deed::Endpoint(Heard::Member { joined: false })));
}

#[test]
fn what_cannot_be_asked_is_unavailable() {
    let mut world = World::new(4, 6, 1, &[("landmarks", Value::Int(4))]);
    world.run(4.0);
    assert!(matches!(world.ask(6, Question::Idle), Heard::Unavailable { why, .. } if why.contains("load")));
    assert!(
        matches!(world.ask(6, Question::Region("s5".into(), 1)), Heard::Unavailable { why, .. } if why.contains("landmark"))
    );
    assert!(matches!(world.ask(6, Question::Region("s3".into(), 1)), Heard::Found { .. }));
}

#[test]
fn neighbors_and_regions_are_members_of_a_bin() {
    let mut world = World::joined(5, 6, 36, &[]);
    let mut selves = 0;
    for host in [6, 13, 22] {
        let targets = world.targets(host, Question::Neighbors(8));
        assert_eq!(targets.iter().collect::<BTreeSet<_>>().len(), 8);
        let reached: BTreeSet<usize> = targets.into_iter().filter_map(|t| world.reach(host, t)).collect();
        assert!(reached.iter().all(|r| world.bin(*r) == world.bin(host)), "{host}: {reached:?}");
        assert!(reached.len() >= 2, "{host}: {reached:?}");
        selves += usize::from(reached.contains(&host));
        let region = world.targets(host, Question::Region("s2".into(), 4));
        let reached: Vec<usize> = region.into_iter().filter_map(|t| world.reach(host, t)).collect();
        assert!(reached.len() == 4 && reached.iter().all(|r| world.bin(*r) == 2), "{reached:?}");
    }
    assert!(selves > 0, "a member is one of its bin, and meets itself there");
    assert_eq!(world.targets(6, Question::Neighbors(1000)).len(), MAX_PEERS);
}

/// A member is as likely as random identifiers are nearest to its own.
#[test]
fn a_random_member_is_not_uniformly_random() {
    let mut world = World::joined(6, 8, 24, &[]);
    let draws = 300;
    let mut drawn: BTreeMap<usize, usize> = BTreeMap::new();
    for _ in 0..draws {
        *drawn.entry(world.found(9, Question::Random).unwrap()).or_default() += 1;
    }
    let share = |host| drawn.get(&host).copied().unwrap_or_default() as f64 / f64::from(draws);
    let apart = world.endpoints().map(|host| (share(host) - 1.0 / 24.0).abs()).sum::<f64>() / 2.0;
    println!("random member of 24: total variation from uniform {apart:.3}, itself {:.3}", share(9));
    // A fair draw of 300 would be about 0.11 from uniform.
    assert!((0.2..0.6).contains(&apart), "{apart}");
}

#[test]
fn a_renumbered_member_is_found_at_its_new_address() {
    let mut world = World::joined(7, 6, 6, &[]);
    let new = SocketAddr::from(([10, 9, 9, 9], 4000));
    world.sim.renumber(8, new);
    world.tell(8, Call::Renumber { address: new });
    world.run(2.0);
    let from = 6;
    let target = world.targets(from, Question::Region("s2".into(), 1))[0];
    assert_eq!(world.reach(from, target), Some(8));
}

/// Selection finds the right bin; what is sent still goes over the one server of the group.
#[test]
fn near_members_are_found_and_data_takes_a_detour() {
    let mut world = World::joined(8, 8, 40, &[]);
    let (keeper, _) = world.keepers()[0];
    let (mut selection, mut path, mut selves) = (Vec::new(), Vec::new(), 0);
    for host in world.endpoints() {
        for _ in 0..5 {
            let found = world.found(host, Question::Nearest).unwrap();
            if found == host {
                selves += 1;
                continue;
            }
            let delay = |a, b| world.sim.delay(a, b).as_secs_f64();
            let best =
                world.endpoints().filter(|other| *other != host).map(|other| delay(host, other)).fold(1.0, f64::min);
            selection.push(delay(host, found) / best);
            path.push((delay(host, keeper) + delay(keeper, found)) / delay(host, found));
        }
    }
    for values in [&mut selection, &mut path] {
        values.sort_by(f64::total_cmp);
    }
    let at = |values: &[f64], share: f64| values[((values.len() - 1) as f64 * share) as usize];
    let of = |values: &[f64]| format!("median {:.2}, p90 {:.2}", at(values, 0.5), at(values, 0.9));
    println!("selection stretch {}; data path stretch {}; itself {selves} of 200", of(&selection), of(&path));
    assert!(at(&selection, 0.9) < 3.0 && at(&path, 0.5) > 2.0);
}

/// Identifiers of one prefix are at one server, the first of the ring that follows it: of twelve groups, before a server
/// dies and after, when all have renewed their triggers.
#[test]
fn each_prefix_is_at_the_server_that_follows_it() {
    let group = |host: usize| format!("group {}", host % 12);
    let mut world = World::with(9, 7, 36, &[], move |facts, host, now| {
        endpoint(AgentConfig { group: group(host), ..agent(facts, host, 9) }, now)
    });
    world.run(5.0);
    world.endpoints().for_each(|host| world.tell(host, Call::Join));
    world.run(3.0);
    let expected = |world: &World| {
        let ids: Vec<(usize, Id)> = world
            .sim
            .machines()
            .filter(|(host, _)| *host < 7)
            .map(|(host, _)| (host, Id::of_node(1, "i3", &format!("s{host}"))))
            .collect();
        let mut at: BTreeMap<usize, usize> = BTreeMap::new();
        for host in world.endpoints() {
            let prefix = crate::anycast::i3::ident::prefix_of(&group(host));
            *at.entry(ids.iter().min_by_key(|(_, id)| prefix.to(*id)).unwrap().0).or_default() += 1;
        }
        at.into_iter().collect::<Vec<_>>()
    };
    assert_eq!(world.keepers(), expected(&world));
    assert!(world.keepers().len() > 2, "{:?}", world.keepers());
    for _ in 0..3 {
        world.sim.crash(world.keepers()[0].0);
        world.run(15.0);
        assert_eq!(world.keepers(), expected(&world));
    }
}
