//! What is found about a sentence of the paper, computed from numbers by lines that are stated.

use serde::Serialize;

use super::estimate::Estimate;
use super::numbers::number;

/// Whether a sentence of the paper holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Finding {
    /// All of its tests pass.
    Confirmed,
    /// All of them fail.
    Refuted,
    /// Some pass and some fail: it holds where the page says, and not elsewhere.
    Conditional,
    /// The line of a test lies within its interval, and no test fails beside one that passes: there are too few
    /// runs, or it is as near as that.
    Undecided,
}

/// A sentence of the paper and what was found about it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Claim {
    /// Section of the paper.
    pub section: String,
    pub says: String,
    pub finding: Finding,
    /// What would have to be so.
    pub tests: Vec<Test>,
    /// The numbers that it rests on.
    pub because: String,
}

/// On which side of a line a number has to be for a sentence to hold.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Test {
    /// What the number is.
    pub what: String,
    /// `None`: it could not be measured.
    pub measured: Option<Estimate>,
    pub wanted: Wanted,
    #[serde(skip)]
    digits: usize,
}

/// Where a number has to be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Wanted {
    /// No less than this.
    AtLeast(f64),
    /// No more than this.
    AtMost(f64),
    /// From one to the other: as much as theory says, give or take.
    Within(f64, f64),
}

impl Finding {
    pub fn word(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Refuted => "refuted",
            Self::Conditional => "conditional",
            Self::Undecided => "undecided",
        }
    }

    /// What these tests say together.
    pub fn of(tests: &[Test]) -> Self {
        let passed: Vec<Option<bool>> = tests.iter().map(Test::passes).collect();
        match (passed.contains(&Some(true)), passed.contains(&Some(false)), passed.contains(&None)) {
            (true, true, _) => Self::Conditional,
            (_, _, true) | (false, false, false) => Self::Undecided,
            (true, false, false) => Self::Confirmed,
            (false, true, false) => Self::Refuted,
        }
    }
}

impl Test {
    pub fn new(what: impl Into<String>, measured: Option<Estimate>, wanted: Wanted) -> Self {
        Self { what: what.into(), measured, wanted, digits: 2 }
    }

    pub fn at_least(what: impl Into<String>, measured: Option<Estimate>, line: f64) -> Self {
        Self::new(what, measured, Wanted::AtLeast(line))
    }

    pub fn at_most(what: impl Into<String>, measured: Option<Estimate>, line: f64) -> Self {
        Self::new(what, measured, Wanted::AtMost(line))
    }

    pub fn within(what: impl Into<String>, measured: Option<Estimate>, low: f64, high: f64) -> Self {
        Self::new(what, measured, Wanted::Within(low, high))
    }

    /// Shown with so many digits after the point.
    #[must_use]
    pub fn digits(self, digits: usize) -> Self {
        Self { digits, ..self }
    }

    /// Whether all of the interval lies on the right side; `None`: the line is within it, or there is nothing.
    pub fn passes(&self) -> Option<bool> {
        let Estimate { low, high, .. } = self.measured?;
        let (inside, outside) = match self.wanted {
            Wanted::AtLeast(line) => (low >= line, high < line),
            Wanted::AtMost(line) => (high <= line, low > line),
            Wanted::Within(from, to) => (low >= from && high <= to, high < from || low > to),
        };
        (inside || outside).then_some(inside)
    }

    /// `share that joins 0.98 (0.96–0.99), at least 0.9: yes`
    pub fn show(&self) -> String {
        let of = |v| number(v, self.digits);
        let wanted = match self.wanted {
            Wanted::AtLeast(line) => format!("at least {}", of(line)),
            Wanted::AtMost(line) => format!("at most {}", of(line)),
            Wanted::Within(low, high) => format!("from {} to {}", of(low), of(high)),
        };
        let measured = self.measured.map_or("not measured".to_owned(), |m| m.show(self.digits));
        let passes = self.passes().map_or("open", |passes| if passes { "yes" } else { "no" });
        format!("{} {measured}, {wanted}: {passes}", self.what)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn test(low: f64, high: f64, wanted: Wanted) -> Test {
        Test::new("it", Some(Estimate { value: (low + high) / 2.0, low, high, n: 20 }), wanted)
    }

    #[test]
    fn an_interval_must_be_all_on_one_side() {
        let cases = [
            (0.9, 1.0, Wanted::AtLeast(0.9), Some(true)),
            (0.8, 1.0, Wanted::AtLeast(0.9), None),
            (0.7, 0.8, Wanted::AtLeast(0.9), Some(false)),
            (1.0, 2.0, Wanted::AtMost(2.0), Some(true)),
            (1.0, 2.0, Wanted::AtMost(0.5), Some(false)),
            (1.0, 2.0, Wanted::Within(0.9, 2.1), Some(true)),
            (1.0, 2.0, Wanted::Within(1.5, 2.1), None),
            (1.0, 2.0, Wanted::Within(2.5, 3.0), Some(false)),
            (f64::NEG_INFINITY, f64::INFINITY, Wanted::AtLeast(0.0), None),
        ];
        for (low, high, wanted, expected) in cases {
            assert_eq!(test(low, high, wanted).passes(), expected, "{low}–{high} {wanted:?}");
        }
        assert_eq!(Test::at_least("it", None, 0.0).passes(), None);
    }

    #[test]
    fn tests_decide_together() {
        let (yes, no) = (test(1.0, 2.0, Wanted::AtLeast(0.5)), test(1.0, 2.0, Wanted::AtLeast(3.0)));
        let open = test(1.0, 2.0, Wanted::AtLeast(1.5));
        let of = |tests: &[&Test]| Finding::of(&tests.iter().map(|t| (*t).clone()).collect::<Vec<_>>());
        assert_eq!(of(&[&yes, &yes]), Finding::Confirmed);
        assert_eq!(of(&[&no]), Finding::Refuted);
        assert_eq!(of(&[&yes, &no, &open]), Finding::Conditional);
        assert_eq!([of(&[&yes, &open]), of(&[&no, &open]), of(&[])], [Finding::Undecided; 3]);
    }

    #[test]
    fn a_test_says_what_was_wanted() {
        let shown = test(0.25, 0.75, Wanted::AtLeast(0.9)).show();
        assert_eq!(shown, "it 0.5 (0.25–0.75), at least 0.9: no");
    }
}
