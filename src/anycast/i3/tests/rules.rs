//! The rule of the longest prefix, leases, and shares of a random suffix.

use std::collections::BTreeMap;
use std::net::IpAddr;

use proptest::prelude::*;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::*;
use crate::anycast::i3::homes::Homes;
use crate::anycast::i3::ident::{Ident, bits, prefix_of, suffix};
use crate::anycast::i3::triggers::{Full, Goal, MAX_OF_ONE, MAX_SAME, MAX_TRIGGERS, Triggers};
use crate::overlay::wire::Tag;

fn goal(host: usize) -> Goal {
    Goal::Address(address(host), Tag::of_agent("i3", GROUP))
}

fn ip(host: usize) -> IpAddr {
    address(host).ip()
}

const NEVER: Time = Time(Duration::from_secs(1 << 30));

/// Bit by bit.
fn common(a: Ident, b: Ident) -> u32 {
    let bit = |ident: Ident, at: u32| ident.0[(at / 8) as usize] >> (7 - at % 8) & 1;
    (0..256).take_while(|at| bit(a, *at) == bit(b, *at)).count() as u32
}

/// All are looked at. Of those that are equally good the nearest as a number.
fn naive(triggers: &[Ident], packet: Ident) -> Option<Ident> {
    let best = triggers.iter().map(|t| common(*t, packet)).max().filter(|best| *best >= 128)?;
    let equal = || triggers.iter().copied().filter(|t| common(*t, packet) == best);
    equal().filter(|t| *t >= packet).min().or_else(|| equal().filter(|t| *t < packet).max())
}

/// Near one another, so that prefixes of every length are common: few bits differ.
fn ident() -> impl Strategy<Value = Ident> {
    let bits = prop::collection::vec(prop_oneof![3 => 128u32..136, 1 => 0u32..256, 2 => 250u32..256], 0..4);
    bits.prop_map(|bits| {
        let mut ident = Ident::new(Id(1 << 64), 0x5555);
        bits.iter().for_each(|bit| ident.0[(bit / 8) as usize] ^= 0x80 >> (bit % 8));
        ident
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(800))]

    #[test]
    fn the_longest_prefix_is_found(all in prop::collection::vec(ident(), 0..24), packet in ident()) {
        let mut triggers = Triggers::default();
        for ident in &all {
            let _ = triggers.insert(*ident, goal(1), ip(1), NEVER);
        }
        prop_assert_eq!(triggers.longest(packet), naive(&all, packet));
        // Never is one on either side equally good.
        let above = all.iter().copied().filter(|t| *t > packet).map(|t| common(t, packet)).max();
        let below = all.iter().copied().filter(|t| *t < packet).map(|t| common(t, packet)).max();
        prop_assert!(above.is_none() || above != below);
    }

    #[test]
    fn common_bits_are_counted(a in ident(), b in ident()) {
        prop_assert_eq!(a.common(b), common(a, b));
        prop_assert_eq!(Ident::new(a.prefix(), a.suffix()), a);
    }

    /// Inserts, renewals and removals at increasing times, against a list of leases.
    #[test]
    fn a_lease_ends_when_it_ends(
        deeds in prop::collection::vec((0u64..400, ident(), 0usize..3, 0u64..1000, any::<bool>()), 1..60),
    ) {
        let mut triggers = Triggers::default();
        let mut naive: BTreeMap<(Ident, usize), u64> = BTreeMap::new();
        let mut now = 0;
        for (pause, ident, host, lease, insert) in deeds {
            now += pause;
            let time = |millis| Time(Duration::from_millis(millis));
            triggers.expire(time(now));
            naive.retain(|_, until| *until > now);
            if insert {
                let new = triggers.insert(ident, goal(host), ip(host), time(now + lease));
                prop_assert_eq!(new, Ok(naive.insert((ident, host), now + lease).is_none()));
                triggers.expire(time(now));
                naive.retain(|_, until| *until > now);
            } else {
                let there = triggers.remove(ident, &goal(host), ip(host));
                prop_assert_eq!(there, naive.remove(&(ident, host)).is_some());
            }
            prop_assert_eq!(triggers.len(), naive.len());
            for (ident, _) in naive.keys() {
                let expected = naive.keys().filter(|(other, _)| other == ident).count();
                prop_assert_eq!(triggers.matching(*ident).len(), expected);
            }
        }
        triggers.expire(NEVER);
        prop_assert_eq!((triggers.len(), triggers.owners(), triggers.bytes(), triggers.due()), (0, 0, 0, None));
    }
}

#[test]
fn the_table_is_bounded() {
    let mut triggers = Triggers::default();
    let same = Ident::new(Id(1), 1);
    let kept = (0..2 * MAX_SAME).filter(|host| triggers.insert(same, goal(*host), ip(*host), NEVER).is_ok()).count();
    assert_eq!(kept, MAX_SAME);
    let of_one = (0..2 * MAX_OF_ONE)
        .filter(|n| triggers.insert(Ident::new(Id(2), *n as u128), goal(100), ip(100), NEVER).is_ok());
    assert_eq!(of_one.count(), MAX_OF_ONE);
    for n in 0..2 * MAX_TRIGGERS {
        let owner = IpAddr::from(((n / 1000) as u32).to_be_bytes());
        let _ = triggers.insert(Ident::new(Id(3), n as u128), goal(1), owner, NEVER);
    }
    assert_eq!(triggers.len(), MAX_TRIGGERS);
    assert_eq!(triggers.insert(Ident::new(Id(4), 1), goal(2), ip(3), NEVER), Err(Full));
    assert_eq!(triggers.insert(same, goal(1), ip(1), NEVER), Ok(false), "what is kept may be renewed");
    println!("bytes of a trigger in the table: {}", triggers.bytes() / triggers.len());
}

#[test]
fn a_renewed_lease_does_not_make_the_table_of_ends_grow() {
    let mut triggers = Triggers::default();
    let ident = Ident::new(Id(1), 1);
    let one = triggers.insert(ident, goal(1), ip(1), Time(Duration::from_secs(1))).map(|_| triggers.bytes());
    for n in 0..10_000 {
        let _ = triggers.insert(ident, goal(1), ip(1), Time(Duration::from_millis(1000 + n)));
    }
    assert_eq!(Ok(triggers.bytes()), one);
}

/// Each trigger's share of random suffixes, drawn.
fn shares(count: usize, seed: u64) -> Vec<f64> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut triggers = Triggers::default();
    let prefix = prefix_of(GROUP);
    for n in 0..count {
        triggers.insert(Ident::new(prefix, rng.random()), goal(n), ip(n), NEVER).unwrap();
    }
    let draws = 10_000;
    let mut drawn: BTreeMap<Ident, u32> = BTreeMap::new();
    for _ in 0..draws {
        *drawn.entry(triggers.longest(Ident::new(prefix, rng.random())).unwrap()).or_default() += 1;
    }
    let absent = vec![0.0; count - drawn.len()];
    drawn.values().map(|n| f64::from(*n) / f64::from(draws)).chain(absent).collect()
}

/// Far from uniform, and no better with more members.
#[test]
fn shares_of_random_suffixes() {
    for count in [8, 32, 64] {
        let apart = |seed| shares(count, seed).iter().map(|s| (s - 1.0 / count as f64).abs()).sum::<f64>() / 2.0;
        let all: Vec<f64> = (0..16).map(apart).collect();
        let mean = all.iter().sum::<f64>() / all.len() as f64;
        let (least, most) = (all.iter().copied().fold(1.0, f64::min), all.iter().copied().fold(0.0, f64::max));
        println!("{count} members: total variation from uniform {mean:.3} on average, {least:.3} to {most:.3}");
        assert!((0.2..0.45).contains(&mean), "{count}: {mean}");
    }
}

#[test]
fn a_bin_is_what_a_suffix_begins_with() {
    assert_eq!([1, 2, 3, 8, 9, 64].map(bits), [0, 1, 2, 3, 4, 6]);
    for landmark in 0..8 {
        assert_eq!(suffix(landmark, 3, u128::MAX) >> 125, landmark as u128);
        assert_eq!(suffix(landmark, 3, 0), (landmark as u128) << 125);
    }
    assert_eq!(suffix(0, 0, 77), 77);
}

#[test]
fn what_is_believed_ends_and_is_bounded() {
    let mut homes = Homes::new(seconds(2.5));
    let at = |s| Time(seconds(s));
    homes.learn(at(0.0), Id(1), address(1));
    assert_eq!((homes.get(at(2.4), Id(1)), homes.get(at(2.5), Id(1))), (Some(address(1)), None));
    for n in 0..5000 {
        homes.learn(at(0.0), Id(n), address(n as usize % 3));
    }
    assert_eq!(homes.len(), 1024);
    homes.forget(address(1));
    assert!(homes.len() < 700 && homes.get(at(1.0), Id(4999)).is_none_or(|home| home != address(1)));
}
