//! A number from several runs, and where the true one lies.

use serde::Serialize;
use statrs::distribution::{ContinuousCDF, StudentsT};

use super::numbers::number;
use crate::measure::{ALPHA, Spread, quantile_interval, share_interval};

/// A number and the interval in which the true one lies with a confidence of 95 %. What each run says is one value:
/// runs are independent, what happens within one is not.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    pub value: f64,
    /// −∞ and ∞ where there are too few values for an interval.
    pub low: f64,
    pub high: f64,
    /// Values that it rests on.
    pub n: usize,
}

impl Estimate {
    /// The mean, by Student's t. `None` of nothing.
    pub fn mean(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let values: Vec<f64> = values.into_iter().collect();
        let n = values.len();
        let value = crate::measure::mean(values.iter().copied())?;
        if n < 2 {
            return Some(Self { value, low: f64::NEG_INFINITY, high: f64::INFINITY, n });
        }
        let variance = values.iter().map(|v| (v - value).powi(2)).sum::<f64>() / (n - 1) as f64;
        let t = students_t((n - 1) as f64)?;
        let half = t * (variance / n as f64).sqrt();
        Some(Self { value, low: value - half, high: value + half, n })
    }

    /// The median, by order statistics. `None` of nothing.
    pub fn median(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let (low, high) =
            quantile_interval(&values, 0.5).map_or((f64::NEG_INFINITY, f64::INFINITY), |i| (i.low, i.high));
        Some(Self { value: Spread::of(values.iter().copied())?.median, low, high, n: values.len() })
    }

    /// A share, by Wilson. `None` of nothing.
    pub fn share(part: usize, whole: usize) -> Option<Self> {
        let interval = share_interval(part, whole)?;
        Some(Self { value: part as f64 / whole as f64, low: interval.low, high: interval.high, n: whole })
    }

    /// A number that is not one of many that chance could have given: counted or computed.
    pub fn exact(value: f64) -> Self {
        Self { value, low: value, high: value, n: 1 }
    }

    /// The same in another unit.
    pub fn scaled(self, by: f64) -> Self {
        let (low, high) = if by < 0.0 { (self.high, self.low) } else { (self.low, self.high) };
        Self { value: self.value * by, low: low * by, high: high * by, n: self.n }
    }

    /// `1.5 (1.2–1.8)`
    pub fn show(&self, digits: usize) -> String {
        let of = |v| number(v, digits);
        if self.low == self.high {
            of(self.value)
        } else if self.low.is_finite() && self.high.is_finite() {
            format!("{} ({}–{})", of(self.value), of(self.low), of(self.high))
        } else {
            format!("{} (too few for an interval)", of(self.value))
        }
    }
}

/// So many standard errors are half an interval. `None` without a degree of freedom.
pub(super) fn students_t(freedom: f64) -> Option<f64> {
    Some(StudentsT::new(0.0, 1.0, freedom).ok()?.inverse_cdf(1.0 - ALPHA / 2.0))
}

/// An estimate as a cell of a table.
pub fn shown(estimate: Option<Estimate>, digits: usize) -> String {
    estimate.map_or("–".to_owned(), |e| e.show(digits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_are_students() {
        // Student's own example of 1908 (hours of sleep gained): mean 0.75, sd 1.789, ten patients; t is 2.262.
        let sleep = [0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0];
        let found = Estimate::mean(sleep).unwrap();
        assert!((found.value - 0.75).abs() < 1e-9);
        assert!((found.low + 0.53).abs() < 0.01 && (found.high - 2.03).abs() < 0.01, "{found:?}");
        assert_eq!(Estimate::mean([1.0]).unwrap().show(1), "1 (too few for an interval)");
        assert_eq!(Estimate::mean([]), None);
    }

    #[test]
    fn estimates_are_shown_with_their_interval() {
        assert_eq!(Estimate::share(10, 10).unwrap().show(2), "1 (0.72–1)");
        assert_eq!(Estimate::median((1..=20).map(f64::from)).unwrap().show(1), "10.5 (6–15)");
        assert_eq!(Estimate::exact(3.0).show(1), "3");
        assert_eq!(Estimate::share(5, 10).unwrap().scaled(100.0).show(0), "50 (24–76)");
    }
}
