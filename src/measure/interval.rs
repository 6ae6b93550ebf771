//! What several runs say of one quantity: its middle, its range, and how sure that is.
//!
//! Intervals assume that runs are independent and alike, and nothing of how values are distributed.

use serde::{Deserialize, Serialize};

use super::stats::{mean, quantile, thousandths};

/// How often an interval of this kind misses the true value, at most.
pub const ALPHA: f64 = 0.05;

/// 97.5th percentile of the normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Where a quantity lies with a confidence of at least 95 %.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// A sample in a few numbers.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
pub struct Spread {
    /// Values: runs in which the quantity was observed.
    pub n: usize,
    pub median: f64,
    /// Of the median; `null`: too few values for one.
    pub interval: Option<Interval>,
    pub mean: f64,
    pub min: f64,
    pub max: f64,
}

impl Spread {
    /// `None` for an empty sample.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        Some(Self {
            n: sorted.len(),
            median: middle(&sorted)?,
            interval: quantile_interval(&sorted, 0.5),
            mean: thousandths(mean(sorted.iter().copied())?),
            min: *sorted.first()?,
            max: *sorted.last()?,
        })
    }
}

/// The median; of an even number of values, halfway between the two in the middle.
fn middle(sorted: &[f64]) -> Option<f64> {
    let low = quantile(sorted, 0.5)?;
    let high = if sorted.len().is_multiple_of(2) { sorted[sorted.len() / 2] } else { low };
    Some((low + high) / 2.0)
}

/// A confidence interval of the quantile `q` from order statistics: the number of values below it is
/// binomial, whatever their distribution (Hahn & Meeker, Statistical Intervals, section 5.2). Each end
/// misses with a probability of at most half of [`ALPHA`]. `None`: too few values, of which six are
/// needed for a median.
///
/// `sorted` ascends; `q` is within 0..=1.
pub fn quantile_interval(sorted: &[f64], q: f64) -> Option<Interval> {
    let n = sorted.len();
    let below = cumulative(n, q);
    // Values at most `low` in number lie below the quantile with a probability of no more than ALPHA / 2.
    let low = below.iter().take_while(|p| **p <= ALPHA / 2.0).count();
    let high = below.iter().position(|p| *p >= 1.0 - ALPHA / 2.0)?;
    let low = low.checked_sub(1)?;
    Some(Interval { low: *sorted.get(low)?, high: *sorted.get(high)? })
}

/// P(B ≤ k) for k from 0 to n, of a binomial B with n trials of probability `p`.
fn cumulative(n: usize, p: f64) -> Vec<f64> {
    let (hit, miss) = (p.ln(), (1.0 - p).ln());
    // In logarithms: 0.5 to the power of 2000 is no f64.
    let times = |count: usize, log: f64| if count == 0 { 0.0 } else { count as f64 * log };
    let (mut choose, mut sum, mut found) = (0.0_f64, 0.0, Vec::with_capacity(n + 1));
    for k in 0..=n {
        sum += (choose + times(k, hit) + times(n - k, miss)).exp();
        found.push(sum.min(1.0));
        choose += ((n - k) as f64).ln() - ((k + 1) as f64).ln();
    }
    found
}

/// Wilson's interval of a share: `part` of `whole` (E. B. Wilson, JASA 22, 1927). `None`: of nothing.
pub fn share_interval(part: usize, whole: usize) -> Option<Interval> {
    if whole == 0 {
        return None;
    }
    let (n, share) = (whole as f64, part as f64 / whole as f64);
    let scale = 1.0 + Z * Z / n;
    let center = (share + Z * Z / (2.0 * n)) / scale;
    let half = Z / scale * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    // Nothing, or all of it, is at the very end, which rounding may miss.
    let low = if part == 0 { 0.0 } else { (center - half).max(0.0) };
    let high = if part == whole { 1.0 } else { (center + half).min(1.0) };
    // What five digits more would say, no number of runs supports.
    let digits = |share: f64| (share * 1e4).round() / 1e4;
    Some(Interval { low: digits(low), high: digits(high) })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand::{RngExt, SeedableRng};
    use rand_chacha::ChaCha8Rng;

    use super::*;

    /// Ranks of the median's interval, from 1.
    fn ranks(n: usize) -> Option<(usize, usize)> {
        let values: Vec<f64> = (1..=n).map(|i| i as f64).collect();
        quantile_interval(&values, 0.5).map(|i| (i.low as usize, i.high as usize))
    }

    /// As tables of the sign test's interval have them, such as Hollander & Wolfe, table A.4.
    #[test]
    fn ranks_are_those_of_the_tables() {
        assert_eq!([ranks(0), ranks(1), ranks(5)], [None; 3]);
        let found = [6, 7, 8, 9, 10, 15, 20, 25, 30, 50, 100].map(|n| ranks(n).unwrap());
        let tables = [(1, 6), (1, 7), (1, 8), (2, 8), (2, 9), (4, 12), (6, 15), (8, 18), (10, 21), (18, 33), (40, 61)];
        assert_eq!(found, tables);
        // 2 · P(B(10, ½) ≤ 1) = 2 · 11 / 1024.
        assert!((cumulative(10, 0.5)[1] - 11.0 / 1024.0).abs() < 1e-15);
        assert!((cumulative(5_000, 0.5)[5_000] - 1.0).abs() < 1e-9);
    }

    #[test]
    fn a_high_quantile_wants_more_values() {
        let values: Vec<f64> = (0..100).map(f64::from).collect();
        assert_eq!(quantile_interval(&values, 0.99), None);
        let values: Vec<f64> = (0..1000).map(f64::from).collect();
        let interval = quantile_interval(&values, 0.99).unwrap();
        assert!(interval.low < 989.0 && interval.high > 990.0 && interval.low > 970.0);
        assert_eq!([quantile_interval(&values, 0.0), quantile_interval(&values, 1.0)], [None; 2]);
    }

    #[test]
    fn shares_are_wilsons() {
        let close = |found: Option<Interval>, low: f64, high: f64| {
            let found = found.unwrap();
            assert!((found.low - low).abs() < 5e-4 && (found.high - high).abs() < 5e-4, "{found:?}");
        };
        close(share_interval(5, 10), 0.2366, 0.7634);
        close(share_interval(0, 10), 0.0, 0.2775);
        close(share_interval(10, 10), 0.7225, 1.0);
        close(share_interval(81, 263), 0.2553, 0.3662);
        assert_eq!(share_interval(0, 0), None);
    }

    #[test]
    fn a_spread_by_hand() {
        let spread = Spread::of([4.0, 1.0, 2.0, 9.0]).unwrap();
        assert_eq!((spread.n, spread.median, spread.mean, spread.min, spread.max), (4, 3.0, 4.0, 1.0, 9.0));
        assert_eq!(spread.interval, None);
        assert_eq!(Spread::of([3.0, 1.0, 2.0]).map(|s| s.median), Some(2.0));
        assert_eq!(Spread::of([]), None);
    }

    /// Of samples of a skewed distribution, at least 95 in 100 intervals have the true median.
    #[test]
    fn intervals_keep_their_word() {
        let mut rng = ChaCha8Rng::seed_from_u64(7);
        for n in [6, 10, 21, 50] {
            let hits = (0..4000).filter(|_| {
                let mut values: Vec<f64> = (0..n).map(|_| -rng.random_range(f64::EPSILON..1.0).ln()).collect();
                values.sort_by(f64::total_cmp);
                let found = quantile_interval(&values, 0.5).unwrap();
                (found.low..=found.high).contains(&std::f64::consts::LN_2)
            });
            // Four standard deviations of 4000 draws are 1.4 %.
            assert!(hits.count() as f64 / 4000.0 > 0.95 - 0.014, "{n} values");
        }
    }

    proptest! {
        #[test]
        fn the_median_is_in_its_interval(mut values in prop::collection::vec(-1e9..1e9_f64, 6..80)) {
            values.sort_by(f64::total_cmp);
            let spread = Spread::of(values.iter().copied()).unwrap();
            let interval = spread.interval.unwrap();
            prop_assert!(spread.min <= interval.low && interval.low <= spread.median);
            prop_assert!(spread.median <= interval.high && interval.high <= spread.max);
        }
    }
}
