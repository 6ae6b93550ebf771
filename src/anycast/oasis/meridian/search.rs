//! The closest-node search (§4 of Meridian), as rules, and as a whole where all can be measured at once.

use std::time::Duration;

/// Each step has to come so much nearer, or the search ends (β).
pub(in super::super) const BETA: f64 = 0.5;
/// A search goes through no more nodes. With each step at most half the latency is left.
pub(in super::super) const HOPS: u8 = 16;

/// Latencies of the ring members that a node asks which is so far from the target.
pub(in super::super) fn annulus(own: Duration, beta: f64) -> (Duration, Duration) {
    (own.mul_f64(1.0 - beta), own.mul_f64(1.0 + beta))
}

/// Who is to go on with the search, after these answers: nobody, if nobody is so much nearer.
pub(in super::super) fn next<T: Copy + Ord>(own: Duration, answers: &[(T, Duration)], beta: f64) -> Option<T> {
    let nearest = answers.iter().min_by_key(|(node, latency)| (*latency, *node))?;
    (nearest.1 <= own.mul_f64(beta)).then_some(nearest.0)
}

#[cfg(test)]
pub(in super::super) mod whole {
    use super::super::rings::Rings;
    use super::*;

    /// What a search has found, and what it has cost.
    #[derive(Debug)]
    pub(in super::super::super) struct Found<T> {
        pub(in super::super::super) best: (T, Duration),
        pub(in super::super::super) probes: usize,
        pub(in super::super::super) hops: usize,
    }

    /// A search from this node on. The best that was ever seen is the answer, not the last.
    pub(in super::super::super) fn closest<'a, T: Copy + Ord + 'a>(
        start: T,
        beta: f64,
        rings: impl Fn(T) -> &'a Rings<T>,
        mut measure: impl FnMut(T) -> Duration,
    ) -> Found<T> {
        let (mut at, mut own) = (start, measure(start));
        let mut found = Found { best: (at, own), probes: 1, hops: 0 };
        while found.hops < usize::from(HOPS) {
            let (from, to) = annulus(own, beta);
            let answers: Vec<_> = rings(at).within(from, to).into_iter().map(|node| (node, measure(node))).collect();
            found.probes += answers.len();
            if let Some(best) = answers.iter().min_by_key(|(node, latency)| (*latency, *node))
                && best.1 < found.best.1
            {
                found.best = *best;
            }
            let Some(node) = next(own, &answers, beta) else { break };
            own = answers.iter().find(|(n, _)| *n == node).map_or(own, |(_, latency)| *latency);
            at = node;
            found.hops += 1;
        }
        found
    }
}
