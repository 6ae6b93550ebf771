//! The paper's Table 1: six rows, four columns, a word in each cell, and the tests of what it would have to mean.

use std::collections::BTreeMap;

use crate::anycast::Infrastructure;
use crate::paper::claim::{Finding, Test};
use crate::paper::page::{Page, Source, Table};

/// A row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cell {
    Range,
    Ease,
    Near,
    Neighbors,
    Random,
    Groups,
}

impl Cell {
    const ALL: [Self; 6] = [Self::Range, Self::Ease, Self::Near, Self::Neighbors, Self::Random, Self::Groups];

    fn title(self) -> &'static str {
        match self {
            Self::Range => "Current deployment range",
            Self::Ease => "Ease of overlay service deployment",
            Self::Near => "Proximity accuracy",
            Self::Neighbors => "Neighbor discovery",
            Self::Random => "Random peer discovery",
            Self::Groups => "Scalability in number of anycast groups",
        }
    }

    /// The paper's word of an infrastructure.
    pub(super) fn word(self, kind: Infrastructure) -> &'static str {
        Infrastructure::all().zip(self.words()).find(|(k, _)| *k == kind).map_or("", |(_, word)| word)
    }

    /// The paper's words, in the order of the table of infrastructures.
    fn words(self) -> [&'static str; 4] {
        match self {
            Self::Range => ["Global", "Limited area", "Global", "Global"],
            Self::Ease => ["Difficult", "Easy", "Easy", "Easy"],
            Self::Near => ["Fair", "Good", "Poor", "Good"],
            Self::Neighbors => ["N/A", "Good?", "Poor", "Fair"],
            Self::Random => ["No", "Yes", "Yes", "Yes"],
            Self::Groups => ["No", "Yes", "Yes", "Yes"],
        }
    }
}

/// What was measured for each cell.
#[derive(Debug, Default)]
pub(super) struct Cells(BTreeMap<(Cell, &'static str), Found>);

#[derive(Debug, Default)]
struct Found {
    tests: Vec<Test>,
    /// Why the paper's word and the numbers part, or what they rest on.
    because: Vec<String>,
}

impl Cells {
    pub(super) fn add(&mut self, cell: Cell, kind: Infrastructure, tests: impl IntoIterator<Item = Test>) {
        self.0.entry((cell, kind.name)).or_default().tests.extend(tests);
    }

    pub(super) fn because(&mut self, cell: Cell, kind: Infrastructure, why: impl Into<String>) {
        self.0.entry((cell, kind.name)).or_default().because.push(why.into());
    }

    /// One claim for each cell, and the table of what was found.
    pub(super) fn judge(self, page: &mut Page) {
        let header = ["", "IP anycast", "PIAS", "i3", "OASIS"];
        let mut table =
            Table::new("table-1", "The paper's words, and what was found of them", Source::Simulated, &header);
        for cell in Cell::ALL {
            let words = Infrastructure::all().zip(cell.words()).map(|(kind, word)| {
                let tests = self.0.get(&(cell, kind.name)).map(|found| found.tests.as_slice()).unwrap_or_default();
                format!("{word}: {}", Finding::of(tests).word())
            });
            table.row(std::iter::once(cell.title().to_owned()).chain(words));
        }
        page.table(table);
        for cell in Cell::ALL {
            for (kind, word) in Infrastructure::all().zip(cell.words()) {
                let found = self.0.get(&(cell, kind.name));
                let (tests, because) = found.map(|f| (f.tests.clone(), f.because.join("; "))).unwrap_or_default();
                page.judge(&format!("{} of {}: {word}", cell.title(), kind.title), tests, because);
            }
        }
    }
}
