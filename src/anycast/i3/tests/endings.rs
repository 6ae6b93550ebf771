//! What ends: servers, members, links, datagrams.

use super::*;

/// When packets to a group arrived, for who sends one every 50 ms.
fn stream(world: &mut World, from: usize, time: f64) -> Vec<Time> {
    let begin = world.sim.now();
    for count in 0..(time / 0.05) as u64 {
        let target = world.targets(from, Question::Nearest)[0];
        world.tell(from, Call::Send { to: target, bytes: (1 << 32 | count).to_be_bytes().to_vec() });
        world.run(0.05);
    }
    let heard = |deed: &Deed| matches!(deed, Deed::Endpoint(Heard::Delivered { .. }));
    world.sim.events().iter().filter(|e| e.at >= begin && heard(&e.event)).map(|e| e.at).collect()
}

/// The longest time without an arrival.
fn outage(begin: Time, arrivals: &[Time], end: Time) -> f64 {
    let all: Vec<Time> = [begin].into_iter().chain(arrivals.iter().copied()).chain([end]).collect();
    all.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).fold(0.0, f64::max)
}

const REFRESH: f64 = 5.0;
/// What the ring takes to notice that a server is dead, and senders to ask anew who is responsible.
const REPAIR: f64 = 2.0;

/// How long a group of so many members is silent when its server is killed, at different times since they joined.
fn killed(members: usize) -> Vec<f64> {
    let silent = |seed: u64| {
        let mut world = World::new(20 + seed, 8, 25, &[]);
        world.run(5.0);
        (8..8 + members).for_each(|host| world.tell(host, Call::Join));
        world.run(3.0 + 0.8 * seed as f64);
        let (keeper, _) = world.keepers()[0];
        stream(&mut world, 32, 1.0);
        world.sim.crash(keeper);
        let begin = world.sim.now();
        let arrivals = stream(&mut world, 32, REFRESH + REPAIR + 3.0);
        let keepers = world.keepers();
        assert!(keepers.len() == 1 && keepers[0].0 != keeper && keepers[0].1 == members, "all are back: {keepers:?}");
        outage(begin, &arrivals, world.sim.now())
    };
    (0..6).map(silent).collect()
}

/// The group is silent until a member inserts its trigger at the server that follows, and senders ask anew who that is:
/// at most a refresh period and the ring's repair. Of many members some renew soon; one alone is silent for longer.
#[test]
fn a_killed_server_silences_its_group_for_a_refresh_period_at_most() {
    let (many, one) = (killed(24), killed(1));
    println!("server killed, {REFRESH} s refresh: 24 members are silent for {many:.2?} s, one alone for {one:.2?} s");
    assert!(many.iter().chain(&one).all(|silent| (0.2..=REFRESH + REPAIR).contains(silent)));
    assert!(one.iter().sum::<f64>() > many.iter().sum::<f64>());
}

/// None of those that all others ask: each may begin a ring of its own, and they become one.
#[test]
fn servers_become_one_ring_without_the_first() {
    let mut world = World::new(31, 24, 24, &[]);
    (0..10).for_each(|server| world.sim.crash(server));
    world.run(20.0);
    world.endpoints().for_each(|host| world.tell(host, Call::Join));
    world.run(12.0);
    let keepers = world.keepers();
    assert!(keepers.len() == 1 && keepers[0].1 == 24, "{keepers:?}");
}

/// It comes back under the same address, and is responsible again; the triggers are elsewhere until they are renewed.
#[test]
fn a_restarted_server_takes_its_place_again() {
    let mut world = World::joined(30, 8, 16, &[]);
    let (keeper, _) = world.keepers()[0];
    world.sim.crash(keeper);
    world.run(12.0);
    assert_ne!(world.keepers()[0].0, keeper);
    world.sim.restart(keeper);
    world.run(20.0);
    assert_eq!(world.keepers(), [(keeper, 16)]);
    let found = world.found(9, Question::Nearest).unwrap();
    assert_eq!(world.bin(found), world.bin(9));
}

/// The only member of a bin: nobody renews its trigger, and until the lease ends packets go to it.
#[test]
fn a_killed_member_is_sent_to_until_its_lease_ends() {
    let lease = 8.0;
    let mut outages = Vec::new();
    for seed in 0..4 {
        let mut world = World::joined(40 + seed, 6, 6, &[]);
        world.run(1.1 * seed as f64);
        // Not a member itself: who stands in the same bin.
        let victim = 8;
        world.tell(8 + 3, Call::Leave);
        world.run(1.0);
        let target = world.targets(9, Question::Region("s2".into(), 1))[0];
        assert_eq!(world.reach(9, target), Some(victim));
        world.sim.crash(victim);
        let begin = world.sim.now();
        let mut after = None;
        while after.is_none() && world.sim.now() - begin < seconds(20.0) {
            let target = world.targets(9, Question::Region("s2".into(), 1))[0];
            after = world.reach(9, target).map(|_| (world.sim.now() - begin).as_secs_f64());
        }
        outages.push(after.unwrap());
    }
    println!("member killed, {lease} s lease: sent to for {outages:.2?} s");
    assert!(outages.iter().all(|o| (lease - 5.0 - 0.5..=lease + 1.5).contains(o)), "{outages:?}");
}

/// While the ring is in two, each half serves its own; then it is one again, and one server has all triggers.
#[test]
fn a_divided_ring_becomes_one_again() {
    let mut world = World::joined(50, 8, 24, &[]);
    let half: Vec<usize> = (0..32).filter(|host| host % 8 < 4).collect();
    world.sim.partition(&half);
    world.run(20.0);
    let keepers = world.keepers();
    assert_eq!(keepers.len(), 2, "{keepers:?}");
    assert!(keepers.iter().all(|(_, kept)| *kept == 12), "{keepers:?}");
    for host in [8, 9, 14, 15] {
        assert_eq!(world.found(host, Question::Nearest).map(|found| world.bin(found)), Some(world.bin(host)));
    }
    world.sim.heal();
    let begin = world.sim.now();
    let one = |sim: &Sim<Resident>| {
        let kept = |r: &Resident| r.server().map(|server| server.tables()[0].1).filter(|kept| *kept > 0);
        let all: Vec<usize> = sim.machines().filter_map(|(_, r)| kept(r)).collect();
        all == [24]
    };
    assert!(world.sim.run_until(seconds(30.0), one), "{:?}", world.keepers());
    println!("healed: all triggers at one server after {:.1} s", (world.sim.now() - begin).as_secs_f64());
    for host in world.endpoints() {
        assert_eq!(world.found(host, Question::Nearest).map(|found| world.bin(found)), Some(world.bin(host)));
    }
}

/// Frozen, or behind a link that fails: for the others it is dead; then it is back with what it kept.
#[test]
fn a_server_that_was_cut_off_comes_back() {
    let mut world = World::joined(55, 8, 24, &[]);
    let (keeper, _) = world.keepers()[0];
    let sender = 8 + (keeper + 3) % 8;
    stream(&mut world, sender, 1.0);
    world.sim.partition(&[keeper]);
    let begin = world.sim.now();
    let arrivals = stream(&mut world, sender, 12.0);
    let cut = outage(begin, &arrivals, world.sim.now());
    world.sim.heal();
    let begin = world.sim.now();
    let arrivals = stream(&mut world, sender, 20.0);
    let back = outage(begin, &arrivals, world.sim.now());
    println!("server cut off: silent for {cut:.2} s; back again: {back:.2} s");
    assert!((0.2..7.0).contains(&cut) && back < 7.0, "{cut} {back}");
    assert_eq!(world.keepers(), [(keeper, 24)]);
}

#[test]
fn with_loss_members_stay_members_and_are_found() {
    let mut world = World::new(60, 8, 24, &[]);
    world.sim.set_loss(0.05);
    world.run(6.0);
    world.endpoints().for_each(|host| world.tell(host, Call::Join));
    world.run(6.0);
    assert_eq!(world.members(Time::default()), 24);
    world.run(30.0);
    let expired =
        |e: &&crate::machine::sim::Happened<Deed>| matches!(&e.event, Deed::Server(served) if served.what == "expired");
    assert_eq!(world.sim.events().iter().filter(expired).count(), 0, "what is lost is repeated before the lease ends");
    assert_eq!(world.keepers().len(), 1);
    let hosts = world.endpoints();
    let found = hosts.filter(|host| world.found(*host, Question::Nearest).is_some()).count();
    println!("with 5 % loss {found} of 24 first packets to the nearest member arrived");
    assert!(found >= 17, "three or four datagrams each: {found}");
}

/// What one join and one question cost.
#[test]
fn costs() {
    let mut world = World::joined(70, 8, 24, &[]);
    let total = |world: &World| world.endpoints().map(|host| world.sim.sent_by(host)).sum::<u64>();
    let joined = total(&world);
    let bytes = world.sim.machines().filter_map(|(_, r)| r.server()).map(|server| server.bytes()).max().unwrap();
    let before = total(&world);
    world.run(60.0);
    let renewed = total(&world) - before;
    println!(
        "datagrams of an agent: {:.1} to join, {:.2} a refresh; the keeper's state {bytes} bytes for 24 members",
        joined as f64 / 24.0,
        renewed as f64 / 24.0 / 12.0
    );
    assert!((10..40).contains(&(joined / 24)) && (24 * 12..24 * 16).contains(&renewed), "{joined} {renewed}");
}
