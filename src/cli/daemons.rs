//! Where routing daemons are, when they are not where they usually are.

use std::path::PathBuf;

use clap::Args;

use crate::routing::daemon::Places;

/// What commands that run daemons are given.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Daemons {
    /// Run this BIRD, of version 2 or 3; again for one of the other version [env: ANYBED_BIRD] [default: the first in
    /// PATH]
    #[arg(long, value_name = "PATH")]
    pub(super) bird: Vec<PathBuf>,
    /// Run the FRR in this folder [env: ANYBED_FRR] [default: /usr/lib/frr]
    #[arg(long, value_name = "DIR")]
    pub(super) frr: Vec<PathBuf>,
}

impl Daemons {
    /// By their make.
    pub(super) fn places(&self) -> Places {
        let of = |make, paths: &[PathBuf]| paths.iter().map(move |path| (make, path.clone())).collect::<Vec<_>>();
        Places([of("bird", &self.bird), of("frr", &self.frr)].concat())
    }

    pub(super) fn are_named(&self) -> bool {
        !self.bird.is_empty() || !self.frr.is_empty()
    }

    /// As options of a command.
    pub(super) fn options(&self) -> Vec<(&'static str, String)> {
        self.places().0.into_iter().map(|(make, path)| (make, path.display().to_string())).collect()
    }
}
