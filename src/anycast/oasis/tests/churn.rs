//! Gossip and consistent hashing while core nodes come and go.

use std::collections::BTreeSet;
use std::time::Duration;

use proptest::prelude::*;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use crate::anycast::oasis::hashing::Circle;
use crate::anycast::oasis::view::View;
use crate::machine::Time;
use crate::overlay::Peer;
use crate::overlay::id::Id;

fn circle(nodes: usize) -> Circle {
    let peer = |n: usize| Peer { id: Id::hash(&[b"n", &n.to_be_bytes()]), address: "10.0.0.1:4000".parse().unwrap() };
    let peers: Vec<_> = (0..nodes).map(peer).collect();
    Circle::new(peers.iter())
}

#[test]
fn few_services_move_with_a_core_node() {
    const NODES: usize = 20;
    const SERVICES: usize = 2000;
    let circle = circle(NODES);
    let owners = |alive: &[bool]| -> Vec<Vec<usize>> {
        (0..SERVICES).map(|s| circle.owners(Circle::of_service(&format!("s{s}")), 2, alive)).collect()
    };
    let mut alive = vec![true; NODES];
    let before = owners(&alive);
    alive[7] = false;
    let after = owners(&alive);
    let mut moved = 0;
    for (before, after) in before.iter().zip(&after) {
        if before.contains(&7) {
            moved += 1;
            let kept: Vec<_> = before.iter().filter(|n| **n != 7).collect();
            assert!(kept.iter().all(|n| after.contains(n)), "the other one stays");
        } else {
            assert_eq!(before, after, "it was not concerned");
        }
    }
    let share = moved as f64 / SERVICES as f64;
    println!("{:.1} % of services moved when one of {NODES} nodes died; 2 of {NODES} is 10 %", share * 100.0);
    assert!(share > 0.03 && share < 0.2, "{share}");
    let most = (0..NODES).map(|n| before.iter().filter(|o| o[0] == n).count()).max().unwrap();
    println!("the busiest is the first for {most} of {SERVICES} services, {} each on average", SERVICES / NODES);
    assert!(most < 4 * SERVICES / NODES);
}

proptest! {
    /// The circle, by hand: whose point comes next.
    #[test]
    fn owners_are_the_next_that_are_alive(key: u128, alive in prop::collection::vec(any::<bool>(), 12), most in 1usize..5) {
        let found = circle(12).owners(Id(key), most, &alive);
        let count = alive.iter().filter(|a| **a).count();
        prop_assert_eq!(found.len(), most.min(count));
        prop_assert_eq!(found.iter().collect::<BTreeSet<_>>().len(), found.len());
        prop_assert!(found.iter().all(|n| alive[*n]));
        // With one more that is dead, the others keep their order.
        if let Some(first) = found.first() {
            let mut fewer = alive.clone();
            fewer[*first] = false;
            let left = circle(12).owners(Id(key), most, &fewer);
            prop_assert!(left.starts_with(&found[1..]));
        }
    }

    /// Whatever is gossiped, the view has as many as there are, and itself.
    #[test]
    fn a_view_keeps_to_its_nodes(said in prop::collection::vec((any::<u16>(), any::<u64>()), 0..200)) {
        let mut view = View::new(3, 8, Duration::from_secs(2), Time::default());
        view.hear(Time::default(), &said);
        view.look(Time::default());
        prop_assert!(view.len() <= 8 && view.alive().len() == 8 && view.alive()[3]);
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        prop_assert!(view.versions(&mut rng).len() <= 64);
        prop_assert!(view.partners(&mut rng).iter().all(|n| *n < 8 && *n != 3));
    }
}

#[test]
fn gossip_comes_round_and_notices_who_is_silent() {
    const NODES: usize = 40;
    let silence = Duration::from_millis(2000);
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let mut views: Vec<_> = (0..NODES).map(|n| View::new(n, NODES, silence, Time::default())).collect();
    let mut rounds = None;
    let mut round = |views: &mut Vec<View>, n: u64, dead: Option<usize>| {
        let now = Time(Duration::from_millis(250 * n));
        for node in (0..NODES).filter(|node| Some(*node) != dead) {
            views[node].count(now);
            for to in views[node].partners(&mut rng) {
                if Some(to) != dead {
                    let versions = views[node].versions(&mut rng);
                    views[to].hear(now, &versions);
                }
            }
        }
        views.iter_mut().for_each(|view| drop(view.look(now)));
    };
    for n in 0..40 {
        round(&mut views, n, None);
        if rounds.is_none() && views.iter().all(|view| view.alive().iter().all(|alive| *alive)) {
            rounds = Some(n + 1);
        }
    }
    println!("{NODES} views were full after {rounds:?} rounds of gossip");
    assert!(rounds.unwrap() < 12);
    for n in 40..60 {
        round(&mut views, n, Some(5));
        let right = views.iter().enumerate().filter(|(v, _)| *v != 5).all(|(_, view)| view.alive()[6]);
        assert!(right, "who counts on is alive in every view");
    }
    assert!(views.iter().enumerate().filter(|(v, _)| *v != 5).all(|(_, view)| !view.alive()[5]));
}
