//! Published numbers beside ours, a row for each.

use crate::paper::claim::Test;
use crate::paper::estimate::{Estimate, shown};
use crate::paper::page::{Source, Table, number};

/// Where a published number was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// In the paper, or in its abstract.
    Read,
    /// It is remembered; nobody has looked it up for this page.
    Memory,
}

/// A number of a paper.
pub(super) struct Published {
    pub(super) what: String,
    /// What has to be so, as the paper says it.
    pub(super) value: f64,
    pub(super) paper: &'static str,
    pub(super) seen: Seen,
}

/// All rows of the page.
pub(super) struct Sheet(Table);

impl Published {
    pub(super) fn read(what: impl Into<String>, value: f64, paper: &'static str) -> Self {
        Self { what: what.into(), value, paper, seen: Seen::Read }
    }

    pub(super) fn remembered(what: impl Into<String>, value: f64, paper: &'static str) -> Self {
        Self { what: what.into(), value, paper, seen: Seen::Memory }
    }
}

impl Sheet {
    pub(super) fn new() -> Self {
        let header = ["what", "published", "from", "ours", "ours / published", "line", "found"];
        let caption = "Published numbers beside ours: means over runs, with the interval of the mean";
        Self(Table::new("published", caption, Source::Simulated, &header))
    }

    /// Ours should be the published number, give or take this share of it.
    pub(super) fn near(&mut self, published: Published, ours: Option<Estimate>, share: f64) -> Test {
        let ratio = ours.map(|ours| ours.scaled(1.0 / published.value));
        let test = Test::within(format!("{}, ours / published", published.what), ratio, 1.0 - share, 1.0 + share);
        let line = format!("ratio {} to {}", number(1.0 - share, 2), number(1.0 + share, 2));
        self.row(&published, ours, line, &test, ["as published", "differs"]);
        test
    }

    /// Ours should be no more than the published number.
    pub(super) fn at_most(&mut self, published: Published, ours: Option<Estimate>) -> Test {
        let line = published.value;
        self.below(published, ours, line)
    }

    /// Ours should be no more than this, where the published number is too good to be a line.
    pub(super) fn below(&mut self, published: Published, ours: Option<Estimate>, line: f64) -> Test {
        let test = Test::at_most(published.what.clone(), ours, line).digits(digits(line));
        self.row(&published, ours, format!("at most {}", number(line, digits(line))), &test, ["no more", "more"]);
        test
    }

    fn row(&mut self, of: &Published, ours: Option<Estimate>, line: String, test: &Test, words: [&str; 2]) {
        let ratio = ours.filter(|_| of.value > 0.0).map(|ours| ours.scaled(1.0 / of.value));
        let from = match of.seen {
            Seen::Read => of.paper.to_owned(),
            Seen::Memory => format!("{}; from memory", of.paper),
        };
        let found = match test.passes() {
            Some(true) => words[0],
            Some(false) => words[1],
            None => "open",
        };
        let digits = digits(of.value);
        let cells = [of.what.clone(), number(of.value, digits), from, shown(ours, digits), shown(ratio, 2), line];
        self.0.row(cells.into_iter().chain([found.to_owned()]));
    }

    pub(super) fn table(self) -> Table {
        self.0
    }
}

/// Shares need more digits than hops do.
fn digits(value: f64) -> usize {
    if value < 1.0 { 4 } else { 2 }
}
