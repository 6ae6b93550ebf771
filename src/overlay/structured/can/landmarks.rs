//! Choosing a place by distance from landmarks (CAN §3.7; Ratnasamy et al., INFOCOM 2002): nodes that
//! order the landmarks alike by round trip are likely to be near each other, and join in the same
//! part of the space.

use rand::RngExt;

use super::settings::Purpose;
use super::space::Can;
use crate::overlay::id::Id;
use crate::overlay::{Peer, Time};

impl Can {
    /// A joiner measures its distance from the landmarks first, if there are any and it has not yet.
    pub(super) fn measure_landmarks(&mut self, now: Time, through: Peer) -> bool {
        let others = self.geometry.landmarks.into_iter().flatten().filter(|l| l.id != self.me.id);
        let others: Vec<Peer> = others.collect();
        if others.is_empty() || self.geometry.binning.is_some() {
            return false;
        }
        self.geometry.binning = Some(through);
        for landmark in others {
            self.ping(now, landmark, Purpose::Landmark);
        }
        true
    }

    /// One landmark has answered, or will not: when it was the last, the join goes on.
    pub(super) fn landmark_measured(&mut self, now: Time) {
        let Some(through) = self.geometry.binning else { return };
        if self.asking(None, |p| *p == Purpose::Landmark) || !self.is_joining() {
            return;
        }
        let landmarks = self.geometry.landmarks.into_iter().flatten();
        let mut order: Vec<(std::time::Duration, usize)> = landmarks
            .enumerate()
            .map(|(i, l)| (if l.id == self.me.id { Some(std::time::Duration::ZERO) } else { self.round_trip(l.id) }, i))
            .map(|(round_trip, i)| (round_trip.unwrap_or(std::time::Duration::MAX), i))
            .collect();
        order.sort_unstable();
        let order: Vec<usize> = order.into_iter().map(|(_, i)| i).collect();
        let (first, length) = portion(&order);
        self.geometry.home = Id(first.wrapping_add(self.rng.random_range(0..length)));
        self.join_anew(now, self.geometry.home, through);
    }
}

/// The part of the space that belongs to an ordering of landmarks 0 to n - 1: its first id, and how
/// many there are. All parts are equal; those of orderings with a common beginning lie together.
fn portion(order: &[usize]) -> (u128, u128) {
    let (mut first, mut length) = (0, u128::MAX);
    for (i, landmark) in order.iter().enumerate() {
        let smaller = order[i + 1..].iter().filter(|l| *l < landmark).count() as u128;
        length /= (order.len() - i) as u128;
        first += smaller * length;
    }
    (first, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_ordering_has_its_part() {
        let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
        let parts = orders.map(|o| portion(&o));
        let sixth = u128::MAX / 6;
        for (n, (first, length)) in parts.into_iter().enumerate() {
            assert!(first.abs_diff(sixth * n as u128) < 10 && length.abs_diff(sixth) < 10, "{n}: {first:x}");
        }
        assert_eq!(portion(&[0]), (0, u128::MAX));
    }
}
