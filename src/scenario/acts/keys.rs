//! How many keys a `put` or an `overwrite` stores, and through whom.

use super::verb::Given;
use crate::overlay::AskKind;
use crate::scenario::words::{ActionError, able, hosts_of};
use crate::topology::NodeId;

/// The most keys of one `put`.
const MOST_KEYS: u32 = 1_000_000;

/// `COUNT in OVERLAY`, of keys.
pub(super) fn count(given: &mut Given<'_>) -> Result<(u32, usize), ActionError> {
    number(given, "keys", MOST_KEYS, AskKind::Put)
}

/// `COUNT in OVERLAY`, of which this may be asked.
pub(super) fn number(given: &mut Given<'_>, what: &str, most: u32, kind: AskKind) -> Result<(u32, usize), ActionError> {
    let count = given.expect(&format!("a number of {what}"))?;
    let keys = match count.text.parse() {
        Ok(keys) if (1..=most).contains(&keys) => keys,
        _ => {
            let message = format!("`{}` is no number of {what}", count.text);
            return Err(count.error(message, format!("a whole number from 1 to {most}")));
        }
    };
    given.words.demand("in", given.form)?;
    Ok((keys, able(&given.expect("an overlay")?, given.topology, kind)?))
}

/// `[from HOST|STUB …]`.
pub(super) fn writers(given: &mut Given<'_>, overlay: usize) -> Result<Vec<NodeId>, ActionError> {
    let mut named = Vec::new();
    if given.words.take("from") {
        named.push(given.expect("a host or a stub")?);
        named.extend(std::iter::from_fn(|| given.words.next()));
    }
    let hosts = hosts_of(&named, given.topology)?;
    let of = &given.topology.overlays[overlay];
    if let Some((word, _)) = hosts.iter().find(|(_, host)| !of.members.contains(host)) {
        let help = "only members can be asked to store something".to_owned();
        return Err(word.error(format!("`{}` is not in overlay `{}`", word.text, of.name), help));
    }
    Ok(hosts.into_iter().map(|(_, host)| host).collect())
}
