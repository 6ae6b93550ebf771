//! How many items a `share` has shared, and how many searches a `search` is.

use super::keys;
use super::verb::Given;
use crate::overlay::AskKind;
use crate::scenario::words::{ActionError, Word, able};
use crate::topology::NodeId;

/// The most items of one `share`, and searches of one `search`.
const MOST: u32 = 10_000;

/// `COUNT in OVERLAY`.
pub(super) fn share(given: &mut Given<'_>) -> Result<(u32, usize), ActionError> {
    keys::number(given, "items", MOST, AskKind::Share)
}

/// `COUNT [of OVERLAY] in OVERLAY [from HOST|STUB …]`: how many, of whose items, whom to ask, by whom.
pub(super) fn search(given: &mut Given<'_>) -> Result<(u32, usize, usize, Vec<NodeId>), ActionError> {
    let count = keys::counted(given, "searches", MOST)?;
    let of = if given.words.take("of") {
        Some(able(&given.expect("an overlay")?, given.topology, AskKind::Share)?)
    } else {
        None
    };
    given.words.demand("in", given.form)?;
    let asked = given.expect("an overlay")?;
    let overlay = able(&asked, given.topology, AskKind::Search)?;
    let of = of.unwrap_or(overlay);
    reaches(given, &asked, overlay, of)?;
    Ok((count, of, overlay, keys::askers(given, overlay)?))
}

/// `OVERLAY [in OVERLAY] [from HOST|STUB …]`: whose keys, whom to ask, by whom.
pub(super) fn audit(given: &mut Given<'_>) -> Result<(usize, usize, Vec<NodeId>), ActionError> {
    let named = given.expect("an overlay")?;
    let of = able(&named, given.topology, AskKind::Put)?;
    let (asked, overlay) = if given.words.take("in") {
        let asked = given.expect("an overlay")?;
        let overlay = able(&asked, given.topology, AskKind::Get)?;
        (asked, overlay)
    } else {
        (named, of)
    };
    reaches(given, &asked, overlay, of)?;
    Ok((of, overlay, keys::askers(given, overlay)?))
}

/// What is asked of one overlay comes to the other.
fn reaches(given: &Given<'_>, word: &Word<'_>, asked: usize, of: usize) -> Result<(), ActionError> {
    if given.topology.reached(asked).contains(&of) {
        return Ok(());
    }
    let name = &given.topology.overlays[of].name;
    let help = format!("add gateways = [\"{name}\"] to it, or ask `{name}` itself");
    Err(word.error(format!("what is asked of `{}` does not come to `{name}`", word.text), help))
}
