//! Random schedules of everything that can happen to an overlay: whenever it is left alone for a while
//! it is whole, answers rightly, and has every key whose copies did not all fail.

use std::collections::BTreeSet;
use std::time::Duration;

use anybed::anycast::Command;
use anybed::overlay::{Given, Phase, Proximity};
use anybed::topology::{Healing, LookupMode};
use proptest::prelude::*;

use crate::world::{self, Options, World};

const SECOND: Duration = Duration::from_secs(1);
const HOSTS: usize = 12;
/// What the world gives every overlay.
const REPLICAS: usize = 3;

#[derive(Clone, Debug)]
enum Op {
    Join(usize),
    Crash(usize),
    Leave(usize),
    Renumber(usize),
    /// Cuts off the hosts whose bits are set, if they are fewer than there are colors.
    Partition(u16),
    Heal,
    Put(usize),
    Lookup(usize),
    Wait(u64),
    /// Everything undone, and time to recover.
    Quiet,
}

fn op() -> impl Strategy<Value = Op> {
    // Host 0 stays: someone must be there to join.
    prop_oneof![
        4 => (1..HOSTS).prop_map(Op::Join),
        2 => (1..HOSTS).prop_map(Op::Crash),
        2 => (1..HOSTS).prop_map(Op::Leave),
        1 => (0..HOSTS).prop_map(Op::Renumber),
        1 => (1..1u16 << HOSTS).prop_map(Op::Partition),
        1 => Just(Op::Heal),
        3 => (0..HOSTS).prop_map(Op::Put),
        2 => (0..HOSTS).prop_map(Op::Lookup),
        6 => (5..4000u64).prop_map(Op::Wait),
        1 => Just(Op::Quiet),
    ]
}

fn protocol() -> impl Strategy<Value = Given> {
    let proximity = prop_oneof![Just(Proximity::None), Just(Proximity::Probed), Just(Proximity::Anycast)];
    let settings = (1..=4u8, 2..=8usize, 0..=16usize, proximity);
    let pastry = settings.prop_map(|(b, half, neighborhood, proximity)| {
        world::given("pastry")
            .with("b", u64::from(b))
            .with("leaf_set", 2 * half as u64)
            .with("neighborhood", neighborhood as u64)
            .with("proximity", proximity)
    });
    prop_oneof![1 => (3..=8u64).prop_map(world::chord), 3 => pastry]
}

/// What has happened to copies since the overlay was last whole.
#[derive(Default)]
struct Damage {
    crashes: usize,
    partitions: usize,
    /// Fewer members than copies need, and some to spare.
    small: bool,
}

impl Damage {
    /// Whether some copy of every acknowledged key must be left. A partition alone takes no copies, but
    /// in an island of two a key has two.
    fn spares_every_key(&self) -> bool {
        self.crashes == 0 || self.crashes < REPLICAS && self.partitions == 0 && !self.small
    }
}

fn happen(world: &mut World, op: Op, damage: &mut Damage) {
    let runs = |world: &World, host: usize| world.sim.machine(host).is_some();
    match op {
        Op::Join(host) => {
            if !runs(world, host) {
                world.sim.restart(host);
            }
            world.sim.command(host, Command::Join { found: false });
        }
        Op::Crash(host) => {
            damage.crashes += usize::from(runs(world, host));
            world.sim.crash(host);
        }
        Op::Leave(host) => world.sim.command(host, Command::Leave),
        Op::Renumber(host) if runs(world, host) => world.renumber(host),
        Op::Partition(mask) => {
            let side: Vec<usize> = (1..HOSTS).filter(|h| mask >> h & 1 == 1).collect();
            world.sim.heal();
            world.sim.partition(&side[..side.len().min(HOSTS / 2)]);
            damage.partitions += 1;
        }
        Op::Heal => world.sim.heal(),
        Op::Put(host) if world.sim.machine(host).is_some_and(world::is_member) => world.put_and_forget(host),
        Op::Lookup(host) => world.look_up_and_forget(host),
        Op::Wait(ms) => world.sim.run_for(Duration::from_millis(ms)),
        Op::Quiet | Op::Put(_) | Op::Renumber(_) => {}
    }
    damage.small |= world.ring().len() < REPLICAS + 2;
}

/// Undoes everything and waits; then all must be well.
fn quiet(world: &mut World, damage: &mut Damage) {
    world.sim.set_loss(0.0);
    world.sim.heal();
    // Who was told to leave withdraws first.
    world.sim.run_for(2 * SECOND);
    let busy = |phase| matches!(phase, Phase::Joining | Phase::Leaving);
    let decided = world.sim.run_until(60 * SECOND, |sim| sim.machines().all(|(_, m)| !busy(m.digest().phase)));
    assert!(decided, "someone neither joins nor fails to");
    world.expect_whole(90 * SECOND);
    world.sim.run_for(10 * SECOND);
    world.expect_whole(Duration::ZERO);
    let looked = world.lookups(24);
    assert_eq!((looked.unanswered, looked.wrong), (0, 0), "{looked:?}");
    world.note_acknowledged();
    let missing = world.missing();
    if damage.spares_every_key() {
        assert_eq!(missing, Vec::<String>::new());
    }
    world.give_up_keys(&missing.into_iter().collect::<BTreeSet<String>>());
    *damage = Damage { small: world.ring().len() < REPLICAS + 2, ..Damage::default() };
}

/// More by hand: `PROPTEST_CASES=2000 cargo test --release --test overlay_sim left_alone`.
fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(12)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn left_alone_it_is_whole(
        seed in any::<u64>(),
        protocol in protocol(),
        recursive in any::<bool>(),
        loss in prop_oneof![Just(0.0), 0.0..0.06f64],
        ops in prop::collection::vec(op(), 0..30),
    ) {
        let lookup = if recursive { LookupMode::Recursive } else { LookupMode::Iterative };
        let options = Options { hosts: HOSTS, seed, lookup, protocol, healing: Healing::Colors, ..Options::default() };
        let mut world = World::new(options);
        world.join_all();
        let mut damage = Damage::default();
        world.sim.set_loss(loss);
        for op in ops.into_iter().chain([Op::Quiet]) {
            if matches!(op, Op::Quiet) {
                quiet(&mut world, &mut damage);
                world.sim.set_loss(loss);
            } else {
                happen(&mut world, op, &mut damage);
            }
        }
    }
}
