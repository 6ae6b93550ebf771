//! Crowds that join at once.

use std::time::Duration;

use anybed::overlay::{Protocol, Proximity};
use anybed::sim::{Crowd, Crowded, Tail, settings};

/// What becomes of a crowd of so many.
fn play(protocol: &str, size: usize, seed: u64) -> Crowded {
    let protocol = Protocol::named(protocol).expect("a row of the table");
    Crowd::of(size, settings(protocol, Proximity::Anycast), seed).play()
}

#[test]
fn who_never_comes_is_later_than_everybody() {
    let ms = |n| Some(Duration::from_millis(n));
    let tail = Tail::of([ms(20), None, ms(10), ms(30)]);
    assert_eq!((tail.p50, tail.max), (Some(20.0), None));
    assert_eq!(Tail::of([None, None, ms(1)]).p50, None);
}

/// A few nodes that join one after another find nothing in their way.
#[test]
fn a_small_crowd_is_noticed() {
    for protocol in ["chord", "pastry", "can"] {
        let of = play(protocol, 8, 1);
        assert_eq!((of.joined, of.noticed, of.failed), (8, 8, 0), "{protocol}");
        assert!(of.newcomers.iter().all(|n| n.noticed.is_some() && n.served_by.is_some()), "{protocol}");
        assert_eq!(of.served.values().sum::<usize>(), 8, "{protocol}");
        assert!(of.whole_rounds.is_some_and(|rounds| rounds <= 3.0), "{protocol}: {:?}", of.whole_rounds);
        assert!(of.hops.is_some_and(|hops| hops.mean >= 1.0), "{protocol}: {:?}", of.hops);
        assert_eq!(of, play(protocol, 8, 1), "one seed, one course");
    }
}
