//! Islands: what one link between them does.

use std::time::Duration;

use super::*;

#[test]
fn one_link_makes_two_islands_one_for_searches_at_once() {
    for version in ["0.4", "0.6"] {
        let mut world = World::new(40, 1, &values().with("version", version));
        let (ours, theirs): (Vec<usize>, Vec<usize>) = (0..40).partition(|host| host % 2 == 0);
        world.join(&ours);
        world.join(&theirs);
        world.share(ours[19], "red fox");
        world.share(theirs[19], "grey fox");
        world.sim.run_for(Duration::from_secs(1));
        assert_eq!(world.found(ours[3], "fox"), [ours[19]].into(), "{version}");
        world.sim.take_events();
        world.sim.command(ours[1], Order::Merge(peer(theirs[1])));
        world.sim.run_for(Duration::from_millis(200));
        assert!(world.sim.events().iter().any(|h| h.event == Did::Merged { ok: true }), "{version}");
        assert_eq!(world.found(ours[3], "fox"), [ours[19], theirs[19]].into(), "{version}");
        assert_eq!(world.found(theirs[7], "fox"), [ours[19], theirs[19]].into(), "{version}");
        world.sim.run_for(Duration::from_secs(10));
        world.sim.take_events();
        world.sim.command(ours[1], Order::Merge(peer(theirs[1])));
        world.sim.run_for(Duration::from_secs(1));
        assert!(world.sim.events().iter().any(|h| h.event == Did::Merged { ok: false }), "{version}: it knows it");
    }
}

#[test]
fn a_leaf_hands_whom_it_meets_to_its_ultrapeers() {
    let mut world = World::new(40, 1, &values().with("ultrapeers", Value::Float(0.5)));
    // Ultrapeers are those below 20.
    let (ours, theirs): (Vec<usize>, Vec<usize>) = (0..40).partition(|host| host % 2 == 0);
    world.join(&ours);
    world.join(&theirs);
    world.share(theirs[19], "grey fox");
    world.sim.run_for(Duration::from_secs(1));
    assert_eq!((world.node(ours[15]).role, world.node(theirs[15]).role), (Role::Leaf, Role::Leaf));
    world.sim.command(ours[15], Order::Merge(peer(theirs[15])));
    world.sim.run_for(Duration::from_secs(2));
    assert_eq!(world.found(ours[3], "fox"), [theirs[19]].into());
}

#[test]
fn an_island_without_a_way_out_lives_on_and_is_found_again() {
    let mut world = World::joined(24, 6, &values().with("version", "0.4"));
    let away: Vec<usize> = (0..8).collect();
    (0..24).for_each(|host| world.share(host, "red fox"));
    world.sim.partition(&away);
    world.sim.run_for(Duration::from_secs(30));
    assert_eq!(world.found(3, "fox"), (0..8).collect());
    assert_eq!(world.found(20, "fox"), (8..24).collect());
    world.sim.heal();
    world.sim.run_for(Duration::from_secs(30));
    world.sim.command(3, Order::Merge(peer(20)));
    world.sim.run_for(Duration::from_secs(1));
    assert_eq!(world.found(20, "fox"), (0..24).collect());
}

#[test]
fn a_new_address_costs_links_and_nothing_else() {
    let mut world = World::joined(20, 7, &values().with("version", "0.4"));
    world.share(5, "rare heron");
    let new = SocketAddr::from(([10, 9, 9, 9], 4000));
    world.sim.renumber(5, new);
    let now = world.sim.now();
    world.sim.take_events();
    world.sim.tell(5, |bare| bare.node.renumber(now, new));
    world.sim.run_for(Duration::from_secs(10));
    assert!(world.sim.events().iter().any(|h| h.host == 5 && matches!(h.event, Did::Renewed { by: Some(_), .. })));
    assert_eq!(world.found(11, "heron"), [5].into());
}
