//! Exact statistics over small samples.

/// The quantile by nearest rank: the smallest value that at least a share `q` of all values do not
/// exceed. It is always one of the values. `None` for an empty sample.
///
/// `sorted` ascends; `q` is within 0..=1.
pub fn quantile(sorted: &[f64], q: f64) -> Option<f64> {
    let rank = (q * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.max(1) - 1).or(sorted.last()).copied()
}

/// Arithmetic mean; `None` for an empty sample.
pub fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.into_iter().fold((0.0, 0_u64), |(sum, count), v| (sum + v, count + 1));
    (count > 0).then(|| sum / count as f64)
}

/// Median and 99th percentile of values in any order, rounded to a thousandth.
pub(crate) fn p50_p99(values: impl IntoIterator<Item = f64>) -> (Option<f64>, Option<f64>) {
    let mut sorted: Vec<f64> = values.into_iter().collect();
    sorted.sort_by(f64::total_cmp);
    (quantile(&sorted, 0.5).map(thousandths), quantile(&sorted, 0.99).map(thousandths))
}

/// Rounds to a thousandth: milliseconds to the microsecond.
pub(crate) fn thousandths(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}

/// Milliseconds from one clock reading to a later one.
pub(crate) fn ms_between(from: u64, to: u64) -> f64 {
    thousandths(to.saturating_sub(from) as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nearest_rank_by_hand() {
        let values = [15.0, 20.0, 35.0, 40.0, 50.0];
        assert_eq!(quantile(&values, 0.05), Some(15.0));
        assert_eq!(quantile(&values, 0.3), Some(20.0));
        assert_eq!(quantile(&values, 0.4), Some(20.0));
        assert_eq!(quantile(&values, 0.5), Some(35.0));
        assert_eq!(quantile(&values, 1.0), Some(50.0));
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(mean([]), None);
        assert_eq!(mean([1.0, 2.0]), Some(1.5));
    }

    proptest! {
        #[test]
        fn a_quantile_has_its_share_at_or_below_it(mut values in prop::collection::vec(-1e9..1e9_f64, 1..200), q in 0.0..=1.0_f64) {
            values.sort_by(f64::total_cmp);
            let found = quantile(&values, q).unwrap();
            let share = |count: usize| count as f64 / values.len() as f64;
            prop_assert!(values.contains(&found));
            prop_assert!(share(values.iter().filter(|v| **v <= found).count()) >= q - 1e-12);
            prop_assert!(share(values.iter().filter(|v| **v < found).count()) <= q);
        }

        #[test]
        fn quantiles_rise(mut values in prop::collection::vec(0.0..1e6_f64, 1..100), a in 0.0..=1.0_f64, b in 0.0..=1.0_f64) {
            values.sort_by(f64::total_cmp);
            prop_assert!(quantile(&values, a.min(b)) <= quantile(&values, a.max(b)));
        }
    }
}
