//! The paper's questions, answered with numbers: `anybed paper 4.1`, `4.2`, `4.3`, `4.4`, `table1`, `failures`; and
//! the overlays' own papers, `faithful`, `searching`.
//!
//! Each section plays labs in namespaces where they fit on a machine, and the same nodes in the simulated
//! network where they do not; every number says which. What comes out is a [`page::Page`]: what the paper
//! says, whether it holds, and the tables and drawings that say so. 4.1 to 4.3 are over plain IP anycast; a part
//! of each is over every infrastructure (`infrastructures.rs` in its room).
//!
//! - [`joining`]: 4.1, who serves those who join
//! - [`nearness`]: 4.2, neighbor lists, and lookups that take the short way
//! - [`healing`]: 4.3, how islands find each other again
//! - [`interconnection`]: 4.4, several overlays at once
//! - [`faithful`]: what the overlays' own papers print; [`searching`]: overlays that search
//! - [`table`]: Table 1, infrastructures compared
//! - [`failures`]: what infrastructures do when they fail themselves; `four_ways`: the lab that is played for both
//! - [`labs`]: playing a lab; `runs`: many simulations at once
//! - [`estimate`]: a number and its interval; `fit`: a power law through points; [`claim`]: what that says of a sentence
//! - [`page`], [`figure`]: writing down what was found

pub mod claim;
pub mod estimate;
pub mod failures;
pub mod faithful;
pub mod figure;
mod fit;
mod four_ways;
pub mod healing;
pub mod interconnection;
pub mod joining;
pub mod labs;
pub mod nearness;
pub mod numbers;
pub mod page;
mod runs;
pub mod searching;
mod setup;
pub mod table;

use anyhow::Result;
use clap::ValueEnum;

use page::Page;
pub use setup::Setup;

/// A section of the paper.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Section {
    /// Node initialization and load balancing
    #[value(name = "4.1")]
    Joining,
    /// Topology awareness
    #[value(name = "4.2")]
    Nearness,
    /// System partitioning
    #[value(name = "4.3")]
    Healing,
    /// Multi-overlay interconnection
    #[value(name = "4.4")]
    Interconnection,
    /// The overlays' own papers
    Faithful,
    /// Overlays that search
    Searching,
    /// Four anycast infrastructures
    Table1,
    /// Failures of the infrastructures themselves
    Failures,
}

/// Does the section's experiments.
///
/// # Errors
/// If a lab could not be played, or a file with real distances cannot be read.
pub fn run(section: Section, setup: &Setup) -> Result<Page> {
    match section {
        Section::Joining => joining::measure(setup),
        Section::Nearness => nearness::measure(setup),
        Section::Healing => healing::measure(setup),
        Section::Interconnection => interconnection::measure(setup),
        Section::Faithful => Ok(faithful::measure(setup)),
        Section::Searching => Ok(searching::measure(setup)),
        Section::Table1 => table::measure(setup),
        Section::Failures => failures::measure(setup),
    }
}
