//! A power law through points.

use crate::paper::estimate::{Estimate, students_t};
use crate::paper::page::number;

/// y = factor · x^exponent, by least squares of the logarithms.
pub(super) struct Power {
    pub(super) exponent: Estimate,
    pub(super) factor: f64,
}

impl Power {
    /// `None` of fewer than three points, of ones that are not positive, or of ones above each other. The interval of
    /// the exponent is Student's.
    pub(super) fn of(points: impl IntoIterator<Item = (f64, f64)>) -> Option<Self> {
        let logs: Vec<(f64, f64)> = points.into_iter().map(|(x, y)| (x.ln(), y.ln())).collect();
        let n = logs.len();
        if n < 3 || !logs.iter().all(|(x, y)| x.is_finite() && y.is_finite()) {
            return None;
        }
        let count = n as f64;
        let (mean_x, mean_y) = logs.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x / count, b + y / count));
        let spread: f64 = logs.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
        if spread <= 0.0 {
            return None;
        }
        let slope = logs.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum::<f64>() / spread;
        let left: f64 = logs.iter().map(|(x, y)| (y - mean_y - slope * (x - mean_x)).powi(2)).sum();
        let half = students_t(count - 2.0)? * (left / (count - 2.0) / spread).sqrt();
        let exponent = Estimate { value: slope, low: slope - half, high: slope + half, n };
        Some(Self { exponent, factor: (mean_y - slope * mean_x).exp() })
    }

    /// `rounds ≈ 0.7·N^0.98 (0.95–1.01)`
    pub(super) fn show(&self, y: &str, x: &str) -> String {
        format!("{y} ≈ {}·{x}^{}", number(self.factor, 2), self.exponent.show(2))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_power_law_is_found() {
        let fit = Power::of([2.0, 4.0, 8.0, 16.0].map(|x: f64| (x, 3.0 * x.powf(0.5)))).unwrap();
        assert!((fit.exponent.value - 0.5).abs() < 1e-9 && (fit.factor - 3.0).abs() < 1e-9);
        assert!(fit.exponent.high - fit.exponent.low < 1e-6);
        let noisy = Power::of([(1.0, 1.0), (2.0, 3.0), (4.0, 3.0), (8.0, 9.0)]).unwrap();
        assert!(noisy.exponent.low < 1.0 && noisy.exponent.high > 1.0, "{}", noisy.show("y", "x"));
        assert!(Power::of([(1.0, 1.0), (1.0, 2.0), (1.0, 3.0)]).is_none());
        assert!(Power::of([(1.0, 1.0), (2.0, 0.0), (3.0, 3.0)]).is_none());
    }
}
