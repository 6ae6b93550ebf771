//! Names of ASes, routers and hosts, as a partition and a ping take them.

use super::verb::Given;
use crate::scenario::scope::{Part, members};
use crate::scenario::words::{ActionError, Word};
use crate::topology::diagnose::suggest;
use crate::topology::{AsId, Topology};

/// One side of a cut that leaves something on the other.
pub(super) fn partition(given: &mut Given<'_>) -> Result<Vec<Part>, ActionError> {
    let (first, parts) = several(given)?;
    let inside = members(&parts, given.topology);
    if !given.topology.links.iter().any(|l| inside.contains(&l.a) != inside.contains(&l.b)) {
        let help = "name some of the network, not all of it".to_owned();
        return Err(first.error("no link leads from these to the rest: there is nothing to cut", help));
    }
    Ok(parts)
}

/// At least one, each once, and the word of the first.
pub(super) fn several<'t>(given: &mut Given<'t>) -> Result<(Word<'t>, Vec<Part>), ActionError> {
    let first = given.expect("a name")?;
    let mut parts = vec![part(&first, given.topology)?];
    while given.words.peek().is_some_and(|word| word != "silently") {
        if let Some(word) = given.words.next() {
            parts.push(part(&word, given.topology)?);
        }
    }
    parts.sort_unstable();
    parts.dedup();
    Ok((first, parts))
}

/// An AS rather than the router of the same name.
fn part(word: &Word<'_>, topology: &Topology) -> Result<Part, ActionError> {
    if let Some(index) = topology.ases.iter().position(|a| a.name == word.text) {
        return Ok(Part::As(AsId(index)));
    }
    topology.find(word.text).map(Part::Node).ok_or_else(|| {
        let ases = topology.ases.iter().map(|a| a.name.as_str());
        let known = ases.chain(topology.nodes.iter().map(|n| n.name.as_str()));
        word.error(format!("there is no AS, router or host `{}`", word.text), suggest(word.text, known))
    })
}

pub(super) fn first<'a>(parts: &[Part], topology: &'a Topology) -> &'a str {
    parts.first().map_or("", |part| part.name(topology))
}

pub(super) fn names(parts: &[Part], topology: &Topology) -> String {
    parts.iter().map(|part| part.name(topology)).collect::<Vec<_>>().join(" ")
}
