//! Joining, asking and leaving, end to end.

use super::*;
use crate::anycast::face::Question;

#[test]
fn members_join_are_found_and_leave() {
    let plan = Plan::random(6, 24, 4, 1);
    let mut world = plan.clone().world();
    world.join_all();
    // Each has registered with the proxy that is nearest to it.
    let nearest = |host| plan.nearest(host, 0..6);
    for server in 0..6 {
        let expected = plan.members().filter(|member| nearest(*member) == server).count();
        assert_eq!(world.table(server, "targets"), expected, "proxy {server}");
    }
    // What a client sends reaches a member of the JAP that is nearest to its own proxy.
    for client in plan.clients() {
        let (got, _) = world.send(client, 1, b"hello").expect("delivered");
        let japs = (0..6).filter(|server| plan.members().any(|member| nearest(member) == *server));
        assert_eq!(nearest(got), plan.nearest(nearest(client), japs), "client {client}");
    }
    let leaver = plan.members().start;
    world.call(leaver, Call::Leave);
    world.sim.run_for(seconds(1.0));
    assert!(world.sim.events().iter().any(|happened| heard(happened) == Some(&Heard::Member { joined: false })));
    assert_eq!(world.targets(), 23);
    for asker in plan.members().skip(1) {
        let all = world.ask(asker, Question::Neighbors(32)).expect("an answer");
        assert_eq!(all.len(), 22, "all but the asker and who has left");
        assert!(!all.contains(&asker) && !all.contains(&leaver));
    }
}

#[test]
fn no_member_announces_anything() {
    let mut world = Plan::random(6, 24, 0, 2).world();
    let agents = world.plan.members();
    for member in agents.clone() {
        world.call(member, Call::Join);
    }
    // The simulated network tells who announces: only proxies are in any group's catchment.
    world.sim.run_for(seconds(3.0));
    for group in 0..=GROUPS {
        for host in agents.clone() {
            assert_eq!(world.sim.catchment(group, host), Some(world.plan.nearest(host, 0..6)));
        }
    }
}

#[test]
fn neighbors_are_of_the_own_proxy_first_and_then_of_the_nearest_ones() {
    let plan = Plan::random(8, 32, 0, 3);
    let mut world = plan.clone().world();
    world.join_all();
    let jap = |host: usize| plan.nearest(host, 0..8);
    for asker in plan.members() {
        let named = world.ask(asker, Question::Neighbors(8)).expect("an answer");
        assert_eq!(named.len(), 8, "member {asker}");
        let distances: Vec<_> = named.iter().map(|host| plan.delay(jap(asker), jap(*host))).collect();
        assert!(distances.is_sorted(), "{asker}: {distances:?}");
        let own = plan.members().filter(|other| *other != asker && jap(*other) == jap(asker)).count();
        assert_eq!(named.iter().filter(|host| jap(**host) == jap(asker)).count(), own.min(8));
    }
}

#[test]
fn a_joiner_that_is_no_member_finds_neighbors() {
    let plan = Plan::random(6, 24, 0, 4);
    let mut world = plan.clone().world();
    let joiner = plan.members().start;
    for member in plan.members().skip(1) {
        world.call(member, Call::Join);
    }
    world.sim.run_for(seconds(2.0));
    let named = world.ask(joiner, Question::Neighbors(5)).expect("an answer");
    assert_eq!(named.len(), 5);
    assert!(!named.contains(&joiner));
}

#[test]
fn a_region_is_a_proxys_own_targets() {
    let plan = Plan::random(6, 24, 0, 5);
    let mut world = plan.clone().world();
    world.join_all();
    let asker = plan.members().start;
    for server in 0..6 {
        let mut named = world.ask(asker, Question::Region(format!("h{server}"), 32)).expect("an answer");
        named.sort_unstable();
        let there = |member: &usize| *member != asker && plan.nearest(*member, 0..6) == server;
        assert_eq!(named, plan.members().filter(there).collect::<Vec<_>>());
    }
    world.sim.take_events();
    world.call(asker, Call::Ask { token: 1 << 40, question: Question::Region("nowhere".into(), 1) });
    world.sim.run_for(seconds(0.1));
    assert!(world.sim.events().iter().filter_map(heard).any(|heard| matches!(heard, Heard::Unavailable { .. })));
}

#[test]
fn what_a_member_sends_to_its_own_group_reaches_another() {
    let plan = Plan::random(4, 6, 0, 6);
    let mut world = plan.clone().world();
    world.join_all();
    for member in plan.members() {
        for _ in 0..3 {
            let (got, _) = world.send(member, 1, b"who else?").expect("delivered");
            assert_ne!(got, member);
        }
    }
}

#[test]
fn a_network_that_loses_much_delays_and_no_more() {
    for (seed, loss) in [(7, 0.05), (8, 0.2)] {
        let mut plan = Plan::random(6, 24, 0, seed);
        plan.loss = loss;
        let mut world = plan.clone().world();
        for member in plan.members() {
            world.call(member, Call::Join);
        }
        world.sim.run_for(seconds(if loss < 0.1 { 4.0 } else { 15.0 }));
        let joined = world.sim.events().iter().filter(|h| heard(h) == Some(&Heard::Member { joined: true })).count();
        assert_eq!(joined, 24, "loss {loss}");
        let answers: Vec<_> =
            plan.members().map(|member| world.ask(member, Question::Neighbors(4)).expect("an answer").len()).collect();
        let whole = answers.iter().filter(|count| **count == 4).count();
        assert!(whole >= if loss < 0.1 { 22 } else { 16 }, "loss {loss}: {answers:?}");
    }
}

#[test]
fn one_seed_is_one_course_of_events() {
    let course = || {
        let mut world = Plan::random(6, 24, 2, 9).world();
        world.join_all();
        world.send(30, 1, b"hello");
        world.sim.trace()
    };
    assert_eq!(course(), course());
}
