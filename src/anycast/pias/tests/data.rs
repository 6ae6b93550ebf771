//! Datagrams of clients: how many segments they take, whose answers they get, whose they remain.

use super::*;
use crate::anycast::facts::Facts;

/// On a line: proxies 20 ms apart, each with what is told beside it.
fn line(servers: usize, members: &[f64], clients: &[f64]) -> Plan {
    let mut plan = Plan::random(servers, members.len(), clients.len(), 1);
    let proxies = (0..servers).map(|server| 20.0 * server as f64);
    plan.places = proxies.chain(members.iter().copied()).chain(clients.iter().copied()).map(|x| (x, 0.0)).collect();
    // Nothing else is sent meanwhile.
    plan.time("heartbeat", 60_000).time("health", 60_000).time("lease", 600_000).time("report", 600_000)
}

/// A group whose RAP is this.
fn group_of(facts: &Facts, server: usize) -> usize {
    (1..=GROUPS).find(|group| rap(facts, *group, &[]) == server).expect("one of the groups has it")
}

/// A RAP, and two others.
fn roles(facts: &Facts) -> (usize, usize, usize) {
    let raps: Vec<_> = (1..=GROUPS).map(|group| rap(facts, group, &[])).collect();
    let others: Vec<_> = (0..facts.servers.len()).filter(|server| *server != raps[0]).collect();
    (raps[0], others[0], others[1])
}

/// What a client and each proxy sends for one datagram to a group: in all, and by proxy.
fn segments(world: &mut World, client: usize, group: usize) -> (u64, Vec<u64>) {
    let sent = |world: &World, host| world.sim.sent_by(host);
    let hosts: Vec<_> = (0..world.plan.servers).chain([client]).collect();
    let before: Vec<_> = hosts.iter().map(|host| sent(world, *host)).collect();
    assert!(world.send(client, group, b"data").is_some(), "delivered");
    let by: Vec<_> = hosts.iter().zip(before).map(|(host, before)| sent(world, *host) - before).collect();
    (by.iter().sum(), by)
}

#[test]
fn the_first_datagram_takes_four_segments_and_later_ones_three() {
    let facts = line(6, &[], &[]).facts();
    let (rap, iap, jap) = roles(&facts);
    let group = group_of(&facts, rap);
    let at = |server: usize| 20.0 * server as f64 + 1.0;
    let mut world = line(6, &[at(jap)], &[at(iap)]).world_of(move |_| group);
    world.join_all();
    let (all, by) = segments(&mut world, 7, group);
    assert_eq!((by[iap], by[rap], by[jap], by[6]), (1, 2, 1, 1), "the RAP also tells the list: {by:?}");
    assert_eq!(all, 4 + 1);
    for _ in 0..3 {
        let (all, by) = segments(&mut world, 7, group);
        assert_eq!((all, by[iap], by[rap], by[jap], by[6]), (3, 1, 0, 1, 1), "{by:?}");
    }
}

#[test]
fn where_roles_coincide_there_are_fewer() {
    let facts = line(6, &[], &[]).facts();
    let (rap, iap, jap) = roles(&facts);
    let group = group_of(&facts, rap);
    let at = |server: usize| 20.0 * server as f64 + 1.0;
    // (the client's proxy, the target's proxy) to segments of the first datagram, lists told, segments of later ones
    let cases = [((iap, iap), (2, 0), 2), ((rap, jap), (3, 0), 3), ((iap, rap), (3, 1), 3), ((rap, rap), (2, 0), 2)];
    for ((of_client, of_target), (first, lists), later) in cases {
        let mut world = line(6, &[at(of_target)], &[at(of_client)]).world_of(move |_| group);
        world.join_all();
        assert_eq!(segments(&mut world, 7, group).0, first + lists, "{of_client} {of_target}");
        assert_eq!(segments(&mut world, 7, group).0, later, "{of_client} {of_target}");
    }
}

#[test]
fn a_plain_programs_answer_comes_from_the_groups_address_and_port() {
    let mut plan = Plan::random(6, 12, 40, 11);
    plan.plain = true;
    let mut world = plan.clone().world();
    world.join_all();
    for round in 0..2 {
        world.sim.take_events();
        for client in plan.clients() {
            let bytes = format!("from {client}").into_bytes();
            world.sim.command(client, Wish::Send { from: 5000, to: group_address(1), bytes });
        }
        world.sim.run_for(seconds(1.0));
        for client in plan.clients() {
            let mut got = world.sim.events().iter().filter(|happened| happened.host == client);
            let Some(Fact::Got { from, bytes }) = got.next().map(|happened| &happened.event) else {
                panic!("client {client} got nothing in round {round}");
            };
            assert_eq!(*from, group_address(1), "a connected socket would take nothing else");
            assert!(String::from_utf8_lossy(bytes).ends_with(&format!(":from {client}")), "its own answer");
            assert!(got.next().is_none());
        }
    }
    // The program sees its proxy, and not the client: so the paper's NAT is not transparent either way.
    let programs = world.sim.events().iter().filter(|happened| plan.members().contains(&happened.host));
    for happened in programs {
        let Fact::Got { from, .. } = happened.event else { continue };
        assert!(host_of(from) < plan.servers && from.port() >= super::super::ports::NAT);
    }
}

#[test]
fn more_clients_than_a_proxy_has_ports_are_refused_and_nobody_gets_anothers_answer() {
    let mut plan = Plan::random(1, 1, 12, 12).with("nat_ports", 8);
    plan.plain = true;
    let mut world = plan.clone().world();
    world.join_all();
    let ask_all = |world: &mut World| {
        world.sim.take_events();
        for client in plan.clients() {
            let bytes = format!("from {client}").into_bytes();
            world.sim.command(client, Wish::Send { from: 5000, to: group_address(1), bytes });
        }
        world.sim.run_for(seconds(0.5));
        plan.clients()
            .filter(|client| {
                world.sim.events().iter().filter(|happened| happened.host == *client).any(|happened| {
                    match &happened.event {
                        Fact::Got { bytes, .. } => {
                            assert!(String::from_utf8_lossy(bytes).ends_with(&format!(":from {client}")));
                            true
                        }
                        _ => false,
                    }
                })
            })
            .count()
    };
    assert_eq!(ask_all(&mut world), 8);
    assert_eq!(world.table(0, "nat"), 8);
    // After a second ports of idle clients are given to others.
    world.sim.run_for(seconds(2.0));
    assert_eq!(ask_all(&mut world), 8);
    world.sim.run_for(seconds(12.0));
    assert_eq!((world.table(0, "nat"), world.table(0, "exits")), (0, 0), "flows are forgotten");
}

#[test]
fn a_flow_keeps_its_target_while_others_come_and_go() {
    for selection in ["proximity", "load", "affinity"] {
        let plan = Plan::random(6, 24, 8, 13).with("selection", selection);
        let mut world = plan.clone().world();
        for member in plan.members().take(12) {
            world.call(member, Call::Join);
        }
        world.sim.run_for(seconds(2.0));
        let first: Vec<_> = plan.clients().map(|client| world.send(client, 1, b"1").expect("delivered").0).collect();
        for member in plan.members().skip(12) {
            world.call(member, Call::Join);
        }
        world.sim.run_for(seconds(3.0));
        let second: Vec<_> = plan.clients().map(|client| world.send(client, 1, b"2").expect("delivered").0).collect();
        assert_eq!(first, second, "{selection}");
    }
}

#[test]
fn with_affinity_a_client_keeps_its_target_though_routing_moves_it_to_another_proxy() {
    let moved = |selection: &'static str| {
        let mut kept = 0;
        let plan = Plan::random(6, 24, 8, 14).with("selection", selection);
        for (index, client) in plan.clients().enumerate() {
            let mut world = plan.clone().world();
            world.join_all();
            let before = world.send(client, 1, b"1").expect("delivered").0;
            // From now on the client is elsewhere, beside another proxy.
            let mut there = (*world.plan).clone();
            there.places[client] = there.places[(index + 1 + there.nearest(client, 0..6)) % 6];
            world.sim.set_delay(Box::new(move |from, to| there.delay(from, to)));
            kept += usize::from(world.send(client, 1, b"2").expect("delivered").0 == before);
        }
        kept
    };
    assert_eq!(moved("affinity"), 8);
    assert!(moved("proximity") <= 2, "by proximity another proxy has another target");
}

#[test]
fn by_load_all_targets_get_their_share() {
    let plan = Plan::random(6, 12, 96, 15).with("selection", "load").time("report", 200);
    let mut world = plan.clone().world();
    world.join_all();
    let mut flows = BTreeMap::new();
    for client in plan.clients() {
        *flows.entry(world.send(client, 1, b"1").expect("delivered").0).or_insert(0usize) += 1;
    }
    // Eight would be even; by proximity a few targets have them all.
    assert_eq!(flows.len(), 12, "{flows:?}");
    assert!(flows.values().all(|count| (4..=16).contains(count)), "{flows:?}");
}

#[test]
fn what_does_not_fit_into_a_frame_with_the_tunnels_head_is_dropped_and_what_does_is_carried() {
    let plan = Plan::random(3, 3, 1, 16);
    let mut world = plan.world();
    world.join_all();
    assert!(world.send(6, 1, &[7; super::super::message::MAX - 44]).is_some());
    assert!(world.send(6, 1, &[7; super::super::message::MAX]).is_none());
}
