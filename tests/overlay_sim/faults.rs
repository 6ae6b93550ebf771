//! Random joins, crashes, partitions and loss: afterwards the overlay is whole again.

use std::collections::BTreeSet;
use std::time::Duration;

use anybed::anycast::Command;
use anybed::topology::{Healing, LookupMode};
use proptest::prelude::*;

use crate::world::{self, Options, World};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Clone, Debug)]
enum Fault {
    Crash(usize),
    Restart(usize),
    Leave(usize),
    Renumber(usize),
    Put(usize),
    Wait(u64),
}

fn fault(hosts: usize) -> impl Strategy<Value = Fault> {
    // Host 0 stays: someone must be there to join.
    prop_oneof![
        2 => (1..hosts).prop_map(Fault::Crash),
        3 => (1..hosts).prop_map(Fault::Restart),
        1 => (1..hosts).prop_map(Fault::Leave),
        2 => (0..hosts).prop_map(Fault::Renumber),
        2 => (0..hosts).prop_map(Fault::Put),
        4 => (50..3000u64).prop_map(Fault::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 40, ..ProptestConfig::default() })]

    #[test]
    fn churn_and_loss_leave_a_whole_ring(
        seed in any::<u64>(),
        recursive in any::<bool>(),
        loss in 0.0..0.08f64,
        faults in prop::collection::vec(fault(12), 0..24),
    ) {
        let lookup = if recursive { LookupMode::Recursive } else { LookupMode::Iterative };
        let mut world = World::new(Options { hosts: 12, seed, lookup, ..Options::default() });
        world.join_all();
        world.sim.set_loss(loss);
        for fault in faults {
            match fault {
                Fault::Crash(host) => world.sim.crash(host),
                Fault::Restart(host) => {
                    if world.sim.machine(host).is_none() {
                        world.sim.restart(host);
                    }
                    world.sim.command(host, Command::Join { found: false });
                }
                Fault::Leave(host) => world.sim.command(host, Command::Leave),
                Fault::Renumber(host) => world.renumber(host),
                Fault::Put(host) => {
                    let (key, value) = (format!("at {:?}", world.sim.now()), "v".to_owned());
                    world.sim.command(host, Command::Put { token: 0, key, value });
                }
                Fault::Wait(ms) => world.sim.run_for(Duration::from_millis(ms)),
            }
        }
        world.sim.set_loss(0.0);
        world.sim.run_for(40 * SECOND);
        world.expect_whole(20 * SECOND);
        world.sim.run_for(5 * SECOND);
        let looked = world.lookups(40);
        prop_assert_eq!((looked.unanswered, looked.wrong), (0, 0));
    }

}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 20, ..ProptestConfig::default() })]

    #[test]
    fn any_partition_that_lacks_a_color_heals(
        seed in any::<u64>(),
        loss in 0.0..0.03f64,
        stub in 0..3usize,
        cut in 0..30u64,
    ) {
        let options = Options { hosts: 18, seed, healing: Healing::Colors, ..Options::default() };
        let mut world = World::new(options);
        world.join_all();
        world.expect_whole(30 * SECOND);
        prop_assert_eq!(world.put(30), 30);
        world.sim.set_loss(loss);
        let island: Vec<usize> = (stub * 6..stub * 6 + 6).collect();
        let colors: BTreeSet<u16> = island.iter().map(|h| world::color(*h)).collect();
        prop_assert!(colors.len() < usize::from(world::COLORS), "six members cannot have eight colors");
        world.sim.partition(&island);
        world.sim.run_for(Duration::from_secs(cut));
        world.sim.heal();
        world.sim.run_for(20 * SECOND);
        world.sim.set_loss(0.0);
        world.expect_whole(30 * SECOND);
        world.sim.run_for(10 * SECOND);
        prop_assert_eq!(world.missing(), Vec::<String>::new());
    }
}
