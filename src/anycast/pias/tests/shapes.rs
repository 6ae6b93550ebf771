//! Numbers that show the shape of what the papers tell.

use super::super::lists::Lists;
use super::super::settings::Settings;
use super::*;

fn quantile(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// To the same member, and to the nearest.
type Stretches = (Vec<f64>, Vec<f64>);

/// Of what clients send through the proxies: the way against the direct one to the same member, and against the
/// direct one to the nearest member. Sorted.
fn stretches(servers: usize, seed: u64) -> Stretches {
    let plan = Plan::random(servers, 24, 40, seed).time("heartbeat", 1000);
    let mut world = plan.clone().world();
    world.join_all();
    let (mut ways, mut whole) = (Vec::new(), Vec::new());
    for round in ["first", "second"] {
        world.sim.take_events();
        let start = world.sim.now();
        for client in plan.clients() {
            let bytes = round.as_bytes().to_vec();
            world.sim.command(client, Wish::Send { from: 5000, to: group_address(1), bytes });
        }
        world.sim.run_for(seconds(0.6));
        let events = world.sim.take_events();
        for happened in events.iter().filter(|_| round == "second") {
            let Some(Heard::Delivered { from, .. }) = heard(happened) else { continue };
            let (client, round_trip) = (host_of(*from), 2e3 * (happened.at - start).as_secs_f64());
            ways.push(round_trip / plan.round_trip(client, happened.host));
            whole.push(round_trip / plan.round_trip(client, plan.nearest(client, plan.members())));
        }
    }
    assert_eq!(ways.len(), 40, "all were delivered");
    ways.sort_by(f64::total_cmp);
    whole.sort_by(f64::total_cmp);
    (ways, whole)
}

#[test]
fn stretch_shrinks_as_proxies_grow() {
    let mut medians = Vec::new();
    for servers in [1, 2, 4, 8, 16, 32, 100] {
        let all: Vec<_> = (0..2).map(|seed| stretches(servers, 70 + seed)).collect();
        let merged = |of: fn(&Stretches) -> &Vec<f64>| {
            let mut merged: Vec<f64> = all.iter().flat_map(of).copied().collect();
            merged.sort_by(f64::total_cmp);
            merged
        };
        let (ways, whole) = (merged(|all| &all.0), merged(|all| &all.1));
        let line = |sorted: &[f64]| [0.1, 0.5, 0.9].map(|share| (quantile(sorted, share) * 100.0).round() / 100.0);
        show!("{servers:3} proxies: stretch to the same member {:?}, to the nearest {:?}", line(&ways), line(&whole));
        assert!(ways[0] > 0.99, "no way is shorter than the direct one");
        medians.push((quantile(&whole, 0.5), quantile(&whole, 0.9)));
    }
    let (first, last) = (medians[0], medians[medians.len() - 1]);
    assert!(last.0 < first.0 / 2.0 && last.1 < first.1 / 2.0, "{medians:?}");
}

/// Messages to a RAP per second, of one JAP with so many targets, of which `churn` come or go every second.
fn reports(targets: u32, churn: u32, change: f64, seed: u64) -> f64 {
    const SECONDS: u64 = 600;
    let settings = Settings {
        report: Duration::from_secs(30),
        ..Settings::of(&Plan::random(1, 0, 0, 1).with("change", Value::Float(change)).facts())
    };
    let (mut rng, mut lists, mut count, mut told) = (ChaCha8Rng::seed_from_u64(seed), Lists::default(), targets, 0);
    for step in 0..SECONDS * u64::from(churn) {
        let now = Time(Duration::from_micros(step * 1_000_000 / u64::from(churn)));
        count = if rng.random_bool(f64::from(targets) / f64::from(targets + count)) { count + 1 } else { count - 1 };
        told += u32::from(lists.has_to_tell(now, 1, 0, count, &settings));
    }
    f64::from(told) / SECONDS as f64
}

#[test]
fn a_rap_hears_little_of_churn_below_the_change_that_is_reported() {
    for targets in [10, 100, 1000] {
        let [all, some] = [0.0, 0.1].map(|change| reports(targets, 20, change, 80));
        show!("{targets} targets, 20 come or go a second: {all:.2} messages a second, {some:.2} with a tenth");
        assert!(all > 19.0, "{all}");
        assert!(some < if targets == 10 { all } else { all / 20.0 }, "{targets} {some}");
    }
}

#[test]
fn what_a_join_a_member_and_a_flow_cost() {
    let quiet = |plan: Plan| plan.time("heartbeat", 60_000).time("health", 60_000).time("lease", 600_000);
    let mut plan = quiet(Plan::random(1, 40, 40, 90));
    plan.plain = true;
    let mut world = plan.clone().world();
    let bytes = |world: &World| {
        let machine = world.sim.machine(0).unwrap();
        machine.being.resident.as_ref().and_then(Resident::server).unwrap().bytes()
    };
    let (datagrams, sent, state) = (world.sim.datagrams(), world.sim.bytes(), bytes(&world));
    world.join_all();
    let (datagrams, sent) = (world.sim.datagrams() - datagrams, world.sim.bytes() - sent);
    let of_member = (bytes(&world) - state) / 40;
    assert_eq!(datagrams, 40 * 4, "request, challenge, proof, acknowledgment");
    let state = bytes(&world);
    for client in plan.clients() {
        world.send(client, 1, b"x").expect("delivered");
        world.sim.take_events();
        if world.sim.now() > Time(Duration::from_secs(9)) {
            break;
        }
    }
    let flows = world.table(0, "exits");
    assert!(flows >= 8 && world.table(0, "entries") == flows && world.table(0, "nat") == flows);
    let of_flow = (bytes(&world) - state) / flows;
    show!(
        "a join: 4 datagrams, {} bytes; a member: {of_member} bytes; a flow of a plain program: {of_flow}",
        sent / 40
    );
    assert!(of_member < 300 && of_flow < 600, "{of_member} {of_flow}");
}
