//! Random and idle members.

use super::super::lists;
use super::super::message::Jap;
use super::*;

/// Half the sum of the differences between shares.
fn total_variation(drawn: &BTreeMap<usize, usize>, of: &[usize]) -> f64 {
    let draws: usize = drawn.values().sum();
    let share = |member: &usize| drawn.get(member).copied().unwrap_or(0) as f64 / draws as f64;
    of.iter().map(|member| (share(member) - 1.0 / of.len() as f64).abs()).sum::<f64>() / 2.0
}

#[test]
fn every_other_member_is_equally_likely() {
    const DRAWS: usize = 12_000;
    let plan = Plan::random(6, 24, 0, 40).time("heartbeat", 10_000).time("health", 30_000).time("lease", 600_000);
    let mut world = plan.clone().world();
    world.join_all();
    let sizes: Vec<_> = (0..6).map(|server| world.table(server, "targets")).collect();
    assert!(sizes.iter().max() >= sizes.iter().min().map(|least| least + 4).as_ref(), "uneven: {sizes:?}");
    let asker = plan.members().start;
    let others: Vec<_> = plan.members().skip(1).collect();
    let mut drawn = BTreeMap::new();
    for batch in 0..DRAWS / 48 {
        for index in 0..48 {
            let token = (batch * 48 + index) as u64;
            world.call(asker, Call::Ask { token, question: Question::Random });
        }
        world.sim.run_for(seconds(1.0));
        for happened in world.sim.take_events() {
            let Some(Heard::Found { targets, .. }) = heard(&happened) else { continue };
            let [Target::Address(found)] = targets[..] else { panic!("{targets:?}") };
            *drawn.entry(host_of(found)).or_insert(0) += 1;
        }
    }
    assert_eq!(drawn.values().sum::<usize>(), DRAWS, "every question was answered");
    assert!(!drawn.contains_key(&asker), "never the asker");
    let distance = total_variation(&drawn, &others);
    // Of perfect draws it would be 0.4 √(23 / 12000) = 0.0175 on average.
    show!("total variation of {DRAWS} draws from uniform over 23: {distance:.4}; proxies have {sizes:?}");
    assert!(distance < 0.025, "{distance}");
}

#[test]
fn an_idle_member_is_one_without_flows() {
    let plan = Plan::random(3, 6, 4, 41).time("report", 200);
    let mut world = plan.clone().world();
    world.join_all();
    let busy: Vec<_> = plan.clients().map(|client| world.send(client, 1, b"1").expect("delivered").0).collect();
    for asker in plan.members() {
        let idle = world.ask(asker, Question::Idle).expect("an answer");
        assert!(idle.len() == 1 && !busy.contains(&idle[0]) && idle[0] != asker, "{idle:?} of {busy:?}");
    }
}

#[test]
fn nobody_is_drawn_from_nobody() {
    let plan = Plan::random(3, 3, 0, 42);
    let mut world = plan.clone().world();
    let alone = plan.members().start;
    assert_eq!(world.ask(alone, Question::Random), Some(Vec::new()));
    world.call(alone, Call::Join);
    world.sim.run_for(seconds(2.0));
    assert_eq!(world.ask(alone, Question::Random), Some(Vec::new()), "there is none but the asker");
    assert_eq!(lists::draw(&[], false, 7), None);
    assert_eq!(lists::draw(&[Jap { server: 1, count: 0, flows: 0 }], false, 7), None);
}
