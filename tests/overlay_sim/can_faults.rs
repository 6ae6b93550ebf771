//! Random joins, crashes, leaves, partitions and loss: afterwards a CAN's space is tiled exactly once.

use std::collections::BTreeSet;
use std::time::Duration;

use anybed::anycast::Command;
use anybed::topology::{Healing, LookupMode};
use proptest::prelude::*;

use crate::world::{self, Options, World};

const SECOND: Duration = Duration::from_secs(1);
/// Most hosts; faults of others than there are happen to those there are.
const HOSTS: usize = 12;

#[derive(Clone, Debug)]
enum Fault {
    Crash(usize),
    Restart(usize),
    Leave(usize),
    Renumber(usize),
    Put(usize),
    /// Cuts the hosts from this one on off, or heals.
    Cut(usize),
    Heal,
    Wait(u64),
}

fn fault() -> impl Strategy<Value = Fault> {
    // Host 0 stays: someone must be there to join.
    prop_oneof![
        2 => (1..HOSTS).prop_map(Fault::Crash),
        3 => (1..HOSTS).prop_map(Fault::Restart),
        1 => (1..HOSTS).prop_map(Fault::Leave),
        1 => (0..HOSTS).prop_map(Fault::Renumber),
        2 => (0..HOSTS).prop_map(Fault::Put),
        1 => (0..HOSTS).prop_map(Fault::Cut),
        1 => Just(Fault::Heal),
        4 => (50..4000u64).prop_map(Fault::Wait),
    ]
}

/// Such islands never hear of each other: a color that one has is answered from within.
fn has_islands_of_the_same_colors(world: &World) -> bool {
    let mut rest: BTreeSet<usize> = world.ring().into_iter().collect();
    let mut seen = BTreeSet::new();
    while let Some(first) = rest.pop_first() {
        let (mut island, mut next) = (BTreeSet::new(), vec![first]);
        while let Some(host) = next.pop() {
            rest.remove(&host);
            if island.insert(host) {
                next.extend(world.neighbors(host));
            }
        }
        if !seen.insert(island.into_iter().map(world::color).collect::<BTreeSet<u16>>()) {
            return true;
        }
    }
    false
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_the_space_is_tiled_in_the_end(
        seed in any::<u64>(),
        recursive in any::<bool>(),
        hosts in 3..=HOSTS,
        dimensions in 1..=4u32,
        loss in 0.0..0.08f64,
        faults in prop::collection::vec(fault(), 0..24),
    ) {
        let lookup = if recursive { LookupMode::Recursive } else { LookupMode::Iterative };
        let can = world::given("can").with("dimensions", u64::from(dimensions));
        let options = Options { hosts, seed, lookup, protocol: can, healing: Healing::Colors, ..Options::default() };
        let mut world = World::new(options);
        world.join_all();
        world.sim.set_loss(loss);
        let one = |host: usize| 1 + host % (hosts - 1);
        for fault in faults {
            match fault {
                Fault::Crash(host) => world.sim.crash(one(host)),
                Fault::Restart(host) => {
                    let host = one(host);
                    if world.sim.machine(host).is_none() {
                        world.sim.restart(host);
                    }
                    world.sim.command(host, Command::Join { found: false });
                }
                Fault::Leave(host) => world.sim.command(one(host), Command::Leave),
                Fault::Renumber(host) => world.renumber(one(host)),
                Fault::Put(host) => {
                    let (key, value) = (format!("at {:?}", world.sim.now()), "v".to_owned());
                    world.sim.command(one(host), Command::Put { token: 0, key, value });
                }
                Fault::Cut(from) => world.sim.partition(&(one(from)..hosts).collect::<Vec<_>>()),
                Fault::Heal => world.sim.heal(),
                Fault::Wait(ms) => world.sim.run_for(Duration::from_millis(ms)),
            }
        }
        world.sim.heal();
        world.sim.set_loss(0.0);
        world.sim.run_for(30 * SECOND);
        prop_assume!(!has_islands_of_the_same_colors(&world));
        world.expect_whole(30 * SECOND);
        world.sim.run_for(5 * SECOND);
        let looked = world.lookups(40);
        prop_assert_eq!((looked.unanswered, looked.wrong), (0, 0));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2, max_shrink_iters: 30, ..ProptestConfig::default() })]

    #[test]
    fn after_any_partition_that_lacks_a_color_no_key_is_missing(
        seed in any::<u64>(),
        loss in 0.0..0.03f64,
        stub in 0..3usize,
        cut in 0..30u64,
        dimensions in 1..=3u32,
    ) {
        let can = world::given("can").with("dimensions", u64::from(dimensions));
        let mut world = World::new(Options { hosts: 18, seed, protocol: can, healing: Healing::Colors, ..Options::default() });
        world.join_all();
        world.expect_whole(30 * SECOND);
        prop_assert_eq!(world.put(30), 30);
        world.sim.set_loss(loss);
        world.sim.partition(&(stub * 6..stub * 6 + 6).collect::<Vec<_>>());
        world.sim.run_for(Duration::from_secs(cut));
        world.sim.heal();
        world.sim.run_for(20 * SECOND);
        world.sim.set_loss(0.0);
        world.expect_whole(30 * SECOND);
        world.sim.run_for(10 * SECOND);
        prop_assert_eq!(world.missing(), Vec::<String>::new());
    }
}
