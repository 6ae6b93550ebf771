//! What an experiment is given.

use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};

use super::labs::Labs;
use crate::scenario::read_text;
use crate::topology::{Diagnostics, Overrides, Topology, graphml};

/// What an experiment is given.
pub struct Setup {
    /// Fewer nodes, fewer seeds, fewer labs: to see that everything works, not to believe the numbers.
    pub quick: bool,
    pub seed: u64,
    /// Round trips in milliseconds, N×N, of real hosts.
    pub rtt: Option<PathBuf>,
    /// Real networks, as the Topology Zoo has them.
    pub networks: Vec<PathBuf>,
    pub labs: Labs,
    /// Called with what is being done.
    pub progress: Box<dyn Fn(&str) + Send + Sync>,
}

impl Setup {
    /// `full`, or with `--quick` the other.
    pub(super) fn pick<T>(&self, full: T, quick: T) -> T {
        if self.quick { quick } else { full }
    }

    /// So many seeds, or with `--quick` the other number of them.
    pub(super) fn seeds(&self, full: u64, quick: u64) -> std::ops::Range<u64> {
        self.seed..self.seed + self.pick(full, quick)
    }

    pub(super) fn say(&self, what: &str) {
        (self.progress)(what);
    }
}

/// A Topology Zoo network as one AS.
pub(super) fn read_network(path: &Path) -> Result<Topology> {
    let said = |found: Diagnostics| anyhow!("{found}");
    let lab = graphml::to_lab_file(&graphml::read(path, graphml::Choice::default()).map_err(said)?);
    Ok(read_text(path, &lab, &Overrides::default()).map_err(said)?.0)
}
