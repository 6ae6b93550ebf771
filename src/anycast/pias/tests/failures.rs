//! Proxies and targets that die, networks that fall apart, proxies that disagree.

use super::*;
use crate::anycast::face::Question;

/// How often a client asks whether somebody is there.
const EVERY: Duration = Duration::from_millis(50);

/// Sends all the time while `during` is done to the network at once, for so long; the longest time without a
/// delivery.
fn outage(world: &mut World, client: usize, length: Duration, during: impl FnOnce(&mut World)) -> Duration {
    let start = world.sim.now();
    world.sim.take_events();
    let mut during = Some(during);
    let (mut last, mut longest) = (start, Duration::ZERO);
    while world.sim.now() - start < length {
        let to = group_address(1);
        world.sim.command(client, Wish::Send { from: 5000, to, bytes: b"there?".to_vec() });
        world.sim.run_for(EVERY);
        if world.sim.now() - start >= seconds(1.0)
            && let Some(during) = during.take()
        {
            during(world);
        }
        for happened in world.sim.take_events() {
            if matches!(heard(&happened), Some(Heard::Delivered { .. })) {
                longest = longest.max(happened.at - last);
                last = happened.at;
            }
        }
    }
    longest.max(world.sim.now() - last)
}

#[test]
fn a_proxys_death_costs_its_targets_at_most_a_refresh_and_its_clients_what_routing_takes() {
    let (mut of_targets, mut of_clients) = (Vec::new(), Vec::new());
    for seed in 20..28 {
        // All members beside one proxy; the client beside another.
        let mut plan = Plan::random(6, 6, 1, seed);
        let (server, client) = (seed as usize % 6, plan.clients().start);
        let place = plan.places[server];
        plan.places.iter_mut().skip(6).take(6).for_each(|member| *member = (place.0 + 0.5, place.1));
        plan.places[client] = plan.places[(server + 1) % 6];
        let mut world = plan.clone().world();
        world.join_all();
        world.sim.run_for(EVERY * (seed as u32 - 20) * 5);
        let gap = outage(&mut world, client, seconds(9.0), |world| world.sim.crash(server));
        // A third of the lease, the routes, and what a lost refresh waits before it is repeated.
        assert!(gap <= seconds(2.0) + PROPAGATION + seconds(1.2), "seed {seed}: {gap:?}");
        of_targets.push(gap);
        assert_eq!(world.targets(), 6, "all are members again, elsewhere");

        // The client's own proxy dies, and members are elsewhere.
        let (iap, jap) = (server, (server + 2) % 6);
        let place = plan.places[jap];
        plan.places.iter_mut().skip(6).take(6).for_each(|member| *member = (place.0 + 0.5, place.1));
        plan.places[client] = plan.places[iap];
        let mut world = plan.clone().world();
        world.join_all();
        let gap = outage(&mut world, client, seconds(9.0), |world| world.sim.crash(iap));
        // Whether the same proxy was the RAP as well is found by the missing heartbeats.
        assert!(gap <= PROPAGATION + seconds(1.75 + 0.6), "seed {seed}: {gap:?}");
        of_clients.push(gap);
    }
    show!("outage after a proxy's death, of its targets {of_targets:?}, of its clients {of_clients:?}");
    assert!(of_targets.iter().any(|gap| *gap > PROPAGATION * 2), "it is not routing that takes the time");
    assert!(of_clients.iter().any(|gap| *gap < PROPAGATION + EVERY * 4));
}

#[test]
fn a_targets_death_is_noticed_by_its_proxy() {
    for seed in 30..34 {
        let mut plan = Plan::random(4, 4, 1, seed).time("lease", 600_000);
        let place = plan.places[0];
        plan.places.iter_mut().skip(4).for_each(|beside| *beside = (place.0 + 0.5, place.1));
        let client = plan.clients().start;
        let mut world = plan.world();
        world.join_all();
        let (target, _) = world.send(client, 1, b"1").expect("delivered");
        let gap = outage(&mut world, client, seconds(9.0), |world| world.sim.crash(target));
        // It is dropped with the fourth question after three without an answer, one a second.
        assert!(gap > seconds(2.5) && gap < seconds(4.7), "seed {seed}: {gap:?}");
        show!("outage after a target's death {gap:?}");
        assert_eq!(world.table(0, "targets"), 3);
    }
}

#[test]
fn a_rap_forgets_a_jap_whose_targets_are_gone_within_a_refresh() {
    let plan = Plan::random(6, 24, 0, 35);
    let mut world = plan.clone().world();
    let mut rng = ChaCha8Rng::seed_from_u64(35);
    let rap = world.rap(1, &[]);
    // When each proxy had a target last.
    let mut had = [Time::default(); 6];
    let mut emptied = 0;
    for step in 0..600 {
        let member = rng.random_range(plan.members());
        match rng.random_range(0..12) {
            0 | 1 => world.call(member, Call::Join),
            2..=4 => world.call(member, Call::Leave),
            5 => {
                world.sim.crash(member);
                world.sim.restart(member);
            }
            _ => {}
        }
        world.sim.run_for(seconds(0.1));
        let now = world.sim.now();
        for (server, had) in had.iter_mut().enumerate() {
            if world.table(server, "targets") > 0 {
                *had = now;
            } else if step > 0 && now - *had < seconds(0.15) {
                emptied += 1;
            }
        }
        let lately = had.iter().filter(|had| now - **had <= seconds(3.0)).count();
        assert!(world.table(rap, "counts") <= lately, "at {now:?}: {} {lately}", world.table(rap, "counts"));
    }
    assert!(emptied > 10, "proxies lost all their targets: {emptied}");
}

#[test]
fn each_part_of_a_divided_network_goes_on_and_both_are_one_again() {
    let plan = Plan::random(6, 24, 2, 36);
    let mut world = plan.clone().world();
    world.join_all();
    let side = |host: usize| plan.nearest(host, 0..6) < 3;
    let one: Vec<_> = (0..plan.places.len()).filter(|host| side(*host)).collect();
    world.sim.partition(&one);
    world.sim.run_for(seconds(12.0));
    for asker in plan.members() {
        let named = world.ask(asker, Question::Neighbors(32)).expect("an answer");
        assert!(named.iter().all(|host| side(*host) == side(asker)), "{asker}: {named:?}");
        let there = plan.members().filter(|host| side(*host) == side(asker)).count();
        assert_eq!(named.len(), there - 1, "{asker}");
    }
    world.sim.heal();
    world.sim.run_for(seconds(4.0));
    for asker in plan.members() {
        assert_eq!(world.ask(asker, Question::Neighbors(32)).expect("an answer").len(), 23);
    }
}

#[test]
fn proxies_that_disagree_who_is_alive_split_the_counts_and_lose_none() {
    let mut plan = Plan::random(6, 12, 1, 37);
    for member in 0..12 {
        let (x, y) = plan.places[member % 6];
        plan.places[6 + member] = (x + 0.2, y);
    }
    let rap = rap(&plan.facts(), 1, &[]);
    let apart = (rap + 1) % 6;
    plan.places[18] = plan.places[apart];
    let mut world = plan.clone().world();
    world.join_all();
    assert_eq!(world.table(rap, "counts"), 6);
    // The two do not hear each other, and all others hear both.
    let cut = plan.clone();
    world.sim.set_delay(Box::new(move |from, to| {
        let far = [(rap, apart), (apart, rap)].contains(&(from, to));
        if far { seconds(36_000.0) } else { cut.delay(from, to) }
    }));
    world.sim.run_for(seconds(15.0));
    let other = world.rap(1, &[rap]);
    let counts: Vec<_> = (0..6).map(|server| world.table(server, "counts")).collect();
    if other == apart {
        assert_eq!((counts[rap], counts[apart]), (5, 1), "{counts:?}");
    } else {
        assert_eq!((counts[rap], counts[other]), (5, 1), "{counts:?}");
    }
    assert_eq!(counts.iter().sum::<usize>(), 6, "every proxy with members is known to one: {counts:?}");
    assert!(world.send(18, 1, b"from beside it").is_some());
    let mended = plan.clone();
    world.sim.set_delay(Box::new(move |from, to| mended.delay(from, to)));
    world.sim.run_for(seconds(12.0));
    assert_eq!(world.table(rap, "counts"), 6, "together again");
    assert_eq!((0..6).map(|server| world.table(server, "counts")).sum::<usize>(), 6, "nothing is left over");
}

#[test]
fn the_rap_moves_and_is_told_the_counts_again() {
    let plan = Plan::random(6, 24, 0, 38);
    let mut world = plan.clone().world();
    world.join_all();
    let old = world.rap(1, &[]);
    world.sim.crash(old);
    world.sim.run_for(seconds(6.0));
    let new = world.rap(1, &[old]);
    let japs = (0..6).filter(|server| *server != old && world.table(*server, "targets") > 0).count();
    assert_eq!(world.table(new, "counts"), japs);
    assert_eq!(world.targets(), 24);
}

#[test]
fn a_member_that_moves_to_another_address_is_found_there_and_not_at_the_former() {
    let plan = Plan::random(4, 8, 0, 39);
    let mut world = plan.clone().world();
    world.join_all();
    let mover = plan.members().start;
    let new = address(100, 4000);
    world.sim.renumber(mover, new);
    world.call(mover, Call::Renumber { address: new });
    world.sim.run_for(seconds(6.0));
    let named = world.ask(mover + 1, Question::Neighbors(32)).expect("an answer");
    assert!(named.contains(&100) && !named.contains(&mover) && named.len() == 7, "{named:?}");
}
