//! Crowds that join at once.

use std::time::Duration;

use anybed::overlay::{Protocol, Proximity};
use anybed::sim::{Crowd, Crowded, Newcomer, Tail, settings};

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

/// Where a joiner walked past the newcomers of its gap one by one, 300 took some 20 questions each, more than half a
/// minute, and not all came in.
#[test]
fn a_crowd_of_300_is_in_a_ring_within_three_rounds() {
    let of = play("chord", 300, 1);
    assert_eq!((of.joined, of.noticed, of.failed), (300, 300, 0));
    assert!(of.join_ms.p99.is_some_and(|ms| ms < 3000.0), "{:?}", of.join_ms);
    assert!(of.whole_rounds.is_some_and(|rounds| rounds <= 3.0), "{:?}", of.whole_rounds);
    let hops = of.hops.expect("they have joined");
    let log2 = (304f64).log2();
    assert!(hops.mean <= 1.25 * log2 && hops.max <= 4.0 * log2, "{hops:?} of {log2}");
    // To say that it has joined, a node waits until its neighbors know it. One that has been let in between it and its
    // successor, and has not heard so yet, hides it from who looks on: no longer than the longest way takes, 142 ms.
    let way = Duration::from_millis(142);
    let early = |n: &&Newcomer| n.joined.zip(n.noticed).is_none_or(|(joined, noticed)| noticed > joined + way);
    assert_eq!(of.newcomers.iter().filter(early).collect::<Vec<_>>(), Vec::<&Newcomer>::new());
}
