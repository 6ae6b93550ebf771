//! Which replicas of a service are the answer.

use std::net::SocketAddr;

use rand::Rng;
use rand::seq::IteratorRandom;

use super::message::{MOST, Order, Wanted};
use super::services::Services;
use crate::anycast::facts::Place;
use crate::machine::Time;

/// Farther than anything on earth: where it is not known.
const NOWHERE: f64 = 1e9;

/// The answer, the best first.
pub(super) fn select(services: &Services, now: Time, wanted: &Wanted, rng: &mut impl Rng) -> Vec<SocketAddr> {
    let count = usize::from(wanted.count).min(MOST);
    let fits =
        |member: &SocketAddr| Some(*member) != wanted.except && wanted.ipv6.is_none_or(|ipv6| member.is_ipv6() == ipv6);
    let live = services.live(now, wanted.service).filter(|(member, _)| fits(member));
    if wanted.how == Order::Random {
        return live.map(|(member, _)| member).sample(rng, count);
    }
    // A replica's own place is known better than its prefix's.
    let own = wanted
        .except
        .filter(|_| wanted.how != Order::At)
        .and_then(|member| services.get(wanted.service, member))
        .and_then(|replica| replica.place);
    let from = own.or(wanted.place);
    let mut all: Vec<_> = live.map(|(member, replica)| (distance(from, replica.place), replica.load, member)).collect();
    match wanted.how {
        Order::Idle => all.sort_by(|a, b| a.1.cmp(&b.1).then(a.0.total_cmp(&b.0)).then(a.2.cmp(&b.2))),
        _ => all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2))),
    }
    all.into_iter().take(count).map(|(.., member)| member).collect()
}

/// Along the great circle, in km.
fn distance(from: Option<Place>, to: Option<Place>) -> f64 {
    from.zip(to).map_or(NOWHERE, |(from, to)| from.distance(to))
}
