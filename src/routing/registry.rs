//! The routing daemons that labs can run. Nobody else knows one by its name.

use super::daemon::{Daemon, Feature, FindError, Installed, Places};
use super::{bird, frr};
use crate::topology::{Node, NodeKind};

/// In the order in which they are looked for.
pub const DAEMONS: &[&dyn Daemon] = &[&bird::BIRD_2, &bird::BIRD_3, &frr::FRR];

/// The one that a plan is for while none has been looked for.
pub fn preferred() -> &'static dyn Daemon {
    DAEMONS[0]
}

/// The row with this name.
pub fn named(name: &str) -> Option<&'static dyn Daemon> {
    DAEMONS.iter().copied().find(|daemon| daemon.name() == name)
}

/// What a lab file may ask for: a make, or one of its rows.
pub fn words() -> Vec<&'static str> {
    let mut words = Vec::new();
    for word in DAEMONS.iter().flat_map(|daemon| [daemon.make(), daemon.name()]) {
        if !words.contains(&word) {
            words.push(word);
        }
    }
    words
}

/// The rows that a lab file's word means, the preferred first.
pub fn rows(word: &str) -> impl Iterator<Item = &'static dyn Daemon> {
    DAEMONS.iter().copied().filter(move |daemon| daemon.make() == word || daemon.name() == word)
}

/// The word for the routing daemon of a node: the lab file's, or that of whichever is preferred.
pub fn word(node: &Node) -> &'static str {
    let given = node.daemon.as_deref().and_then(|word| words().into_iter().find(|known| *known == word));
    let runs = |word: &&str| match node.kind {
        NodeKind::Member => rows(word).all(Daemon::on_hosts),
        NodeKind::Exchange => rows(word).all(|daemon| daemon.has(Feature::RouteServer)),
        _ => true,
    };
    given.filter(runs).unwrap_or(preferred().make())
}

/// The row that a node has while none has been looked for.
pub fn meant(node: &Node) -> &'static dyn Daemon {
    rows(word(node)).next().unwrap_or(preferred())
}

/// The one on this machine that a lab file's word means: of a make the first that is there, of a row the first that is
/// this row's.
///
/// # Errors
/// Why none can be used.
pub fn find(word: &str, named: &Places) -> Result<Installed, FindError> {
    let mut first = None;
    for row in rows(word) {
        let places = row.places(named)?;
        let among = if word == row.make() { &places[..1] } else { &places[..] };
        for path in among {
            match row.examine(path) {
                Ok(found) => return Ok(found),
                Err(error) => drop(first.get_or_insert(error)),
            }
        }
    }
    Err(first.expect("a word means a row, and a row has been looked for somewhere"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::routing::daemon::Needs;

    #[test]
    fn a_row_is_known_by_its_name() {
        let names: BTreeSet<_> = DAEMONS.iter().map(|daemon| daemon.name()).collect();
        assert_eq!(names.len(), DAEMONS.len());
        for daemon in DAEMONS {
            assert_eq!(named(daemon.name()).map(|found| found.title()), Some(daemon.title()));
            assert!(!daemon.processes(&Needs::default()).is_empty(), "{} runs nothing", daemon.name());
            assert!(rows(daemon.make()).any(|row| row.name() == daemon.name()));
        }
        assert!(named("nothing").is_none() && rows("nothing").next().is_none());
        assert!(preferred().on_hosts(), "what hosts run when theirs does not run there");
    }
}
