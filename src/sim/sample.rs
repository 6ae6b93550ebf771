//! A sample of numbers and what is said about it.

use serde::Serialize;

use crate::measure::quantile;

/// Exact quantiles by nearest rank; rounded to a thousandth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Sample {
    pub count: usize,
    pub mean: f64,
    pub p50: f64,
    pub p90: f64,
    pub p99: f64,
    pub max: f64,
}

impl Sample {
    /// `None` of nothing.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let at = |q| quantile(&values, q).map(rounded);
        let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
        Some(Self {
            count: values.len(),
            mean: rounded(mean),
            p50: at(0.5)?,
            p90: at(0.9)?,
            p99: at(0.99)?,
            max: at(1.0)?,
        })
    }
}

/// To a thousandth.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1e3).round() / 1e3
}
