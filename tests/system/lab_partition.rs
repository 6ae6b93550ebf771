//! Partitions, by carrier and silently, shown by packets and by the kernels' routes.

use crate::support::{Lab, Place, faulty, scenes};

const ANSWERS: [&str; 2] = ["that partition is there already", "there is no partition between these and the rest"];

scenes!(networks_are_parted_and_healed: root rootless_ipv6);

fn networks_are_parted_and_healed(place: &Place) {
    let lab = Lab::up(place, &place.copy(faulty::FILE));
    // Both ends of `west-a`, carrier and black hole; a partition is a cut or a hole, whatever it is called.
    for (silently, carrier) in [("", false), (" silently", true)] {
        let partition = format!("partition west{silently}");
        let since = lab.now();
        lab.try_out(&partition, "heal west", ANSWERS, || {
            assert_eq!(lab.damage(), [partition.as_str()]);
            assert_eq!(lab.has_carrier("west", "to-a"), carrier);
            assert_eq!(lab.has_carrier("a", "to-west"), carrier);
            assert!(lab.has_carrier("west", "to-n1"), "inside");
            // Two nodes against six.
            assert_eq!(lab.verified(&partition, since), "12 pairs: no echo, no path");
            lab.wait_for_site("east");
        });
        let found = lab.verified("heal west", since);
        assert!(found.ends_with("pairs answer") && !found.starts_with("0 of"), "{found}");
        lab.wait_for_site("west");
    }
}

scenes!(three_parts_are_healed_in_another_order: root rootless_dual);

fn three_parts_are_healed_in_another_order(place: &Place) {
    let lab = Lab::up(place, &place.copy(faulty::FILE));
    let since = lab.now();
    lab.fault("partition west a home").ok();
    assert_eq!(lab.verified("partition a west home", since), "15 pairs: no echo, no path");
    // The order of the names says nothing, nor whether it is to be silent.
    lab.fault("partition home a west silently").expect_code(2).expect_stderr(&[ANSWERS[0]]);
    lab.fault("partition home silently").ok();
    lab.verified("partition home silently", since);
    assert_eq!(lab.damage(), ["partition a west home", "partition home silently"]);
    lab.fault("heal b east").expect_code(2).expect_stderr(&[ANSWERS[1]]);

    // home against west, and both against b and east.
    lab.fault("heal home a west").ok();
    assert!(lab.has_carrier("a", "to-b"));
    assert_eq!(lab.holes("home-a"), [true, true]);
    let found = lab.verified("heal a west home", since);
    assert!(found.ends_with("pairs answer"), "{found}");
    lab.fault("heal home").ok();
    lab.verified("heal home", since);
    assert_eq!(lab.damage(), [""; 0]);
    lab.wait_for_site("west");
}

scenes!(a_heal_is_judged_by_what_else_is_broken: root);

fn a_heal_is_judged_by_what_else_is_broken(place: &Place) {
    let lab = Lab::up(place, &place.copy(faulty::FILE));
    // Nobody gets an answer over a link that carries one way only: nobody is to wait for one.
    let since = lab.now();
    lab.fault("blackhole west-west.n1 from west.n1").ok();
    lab.fault("partition east").ok();
    lab.verified("partition east", since);
    lab.fault("heal east").ok();
    let found = lab.verified("heal east", since);
    assert!(found.ends_with("pairs answer"), "{found}");

    lab.fault("crash b").ok();
    lab.fault("partition east").ok();
    let since = lab.now();
    lab.fault("heal east").ok();
    assert_eq!(lab.verified("heal east", since), "not verified: the BIRD of b does not run");
    lab.fault("restart b").ok();
    lab.fault("clear west-west.n1").ok();
    lab.wait_for_site("west");
    let failed = lab.events().iter().any(|e| e["event"] == "end");
    assert!(!failed, "the lab is still there");
}

scenes!(partitions_that_part_nothing_are_refused: root);

fn partitions_that_part_nothing_are_refused(place: &Place) {
    let lab = Lab::up(place, &place.copy(faulty::FILE));
    for (action, why) in [
        ("partition", "a name"),
        ("partition nowhere", "no AS, router or host `nowhere`"),
        ("partition a b west east home", "nothing to cut"),
        ("heal west", ANSWERS[1]),
    ] {
        lab.fault(action).expect_code(2).expect_stderr(&[why]);
    }
    assert_eq!(lab.damage(), [""; 0]);
}
