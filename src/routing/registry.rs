//! The routing daemons that labs can run. Nobody else knows one by its name.

use std::path::Path;

use super::bird;
use super::daemon::{Daemon, FindError, Installed};

/// In the order in which they are looked for.
pub const DAEMONS: &[&dyn Daemon] = &[&bird::BIRD_2, &bird::BIRD_3];

/// The one that a plan is for while none has been looked for.
pub fn preferred() -> &'static dyn Daemon {
    DAEMONS[0]
}

/// The row with this name.
pub fn named(name: &str) -> Option<&'static dyn Daemon> {
    DAEMONS.iter().copied().find(|daemon| daemon.name() == name)
}

/// The first that is on this machine, or is at `path`.
///
/// # Errors
/// Why the preferred one cannot be used, if none can.
pub fn find(path: Option<&Path>) -> Result<Installed, FindError> {
    let mut first = None;
    for daemon in DAEMONS {
        match daemon.find(path) {
            Ok(found) => return Ok(found),
            Err(error) => drop(first.get_or_insert(error)),
        }
    }
    Err(first.expect("there is a row"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_row_is_known_by_its_name() {
        let names: BTreeSet<_> = DAEMONS.iter().map(|daemon| daemon.name()).collect();
        assert_eq!(names.len(), DAEMONS.len());
        for daemon in DAEMONS {
            assert_eq!(named(daemon.name()).map(|found| found.title()), Some(daemon.title()));
            assert!(!daemon.processes().is_empty(), "{} runs nothing", daemon.name());
        }
        assert!(named("nothing").is_none());
    }
}
