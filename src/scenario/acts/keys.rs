//! How many keys a `put` or an `overwrite` stores, and through whom.

use super::verb::Given;
use crate::overlay::AskKind;
use crate::scenario::words::{ActionError, Word, able, hosts_of};
use crate::topology::NodeId;

/// The most keys of one `put`.
const MOST_KEYS: u32 = 1_000_000;

/// `COUNT in OVERLAY`, of keys.
pub(super) fn count(given: &mut Given<'_>) -> Result<(u32, usize), ActionError> {
    number(given, "keys", MOST_KEYS, AskKind::Put)
}

/// `COUNT in OVERLAY`, of which this may be asked.
pub(super) fn number(given: &mut Given<'_>, what: &str, most: u32, kind: AskKind) -> Result<(u32, usize), ActionError> {
    let count = counted(given, what, most)?;
    given.words.demand("in", given.form)?;
    Ok((count, able(&given.expect("an overlay")?, given.topology, kind)?))
}

/// `COUNT`.
pub(super) fn counted(given: &mut Given<'_>, what: &str, most: u32) -> Result<u32, ActionError> {
    let count = given.expect(&format!("a number of {what}"))?;
    match count.text.parse() {
        Ok(count) if (1..=most).contains(&count) => Ok(count),
        _ => {
            let message = format!("`{}` is no number of {what}", count.text);
            Err(count.error(message, format!("a whole number from 1 to {most}")))
        }
    }
}

/// `[from HOST|STUB …]`, of hosts that may ask, members or not.
pub(super) fn askers(given: &mut Given<'_>, overlay: usize) -> Result<Vec<NodeId>, ActionError> {
    let hosts = from(given)?;
    let of = &given.topology.overlays[overlay];
    if let Some((word, _)) = hosts.iter().find(|(_, host)| !of.lives_on(*host)) {
        let help = format!("add it to the `members` of `{}`, or to its `guests`, who ask without joining", of.name);
        return Err(word.error(format!("`{}` has nothing of overlay `{}`", word.text, of.name), help));
    }
    Ok(hosts.into_iter().map(|(_, host)| host).collect())
}

/// `[from HOST|STUB …]`, of members.
pub(super) fn writers(given: &mut Given<'_>, overlay: usize) -> Result<Vec<NodeId>, ActionError> {
    let hosts = from(given)?;
    let of = &given.topology.overlays[overlay];
    if let Some((word, _)) = hosts.iter().find(|(_, host)| !of.members.contains(host)) {
        let help = "only members can be asked to store something".to_owned();
        return Err(word.error(format!("`{}` is not in overlay `{}`", word.text, of.name), help));
    }
    Ok(hosts.into_iter().map(|(_, host)| host).collect())
}

fn from<'t>(given: &mut Given<'t>) -> Result<Vec<(Word<'t>, NodeId)>, ActionError> {
    let mut named = Vec::new();
    if given.words.take("from") {
        named.push(given.expect("a host or a stub")?);
        named.extend(std::iter::from_fn(|| given.words.next()));
    }
    Ok(hosts_of(&named, given.topology)?.into_iter().map(|(word, host)| (word.clone(), host)).collect())
}
