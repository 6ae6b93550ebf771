//! How many keys a `put` or an `overwrite` stores, and through whom.

use super::verb::Given;
use crate::scenario::words::{ActionError, hosts_of, overlay};
use crate::topology::NodeId;

/// The most keys of one `put`.
const MOST_KEYS: u32 = 1_000_000;

/// `COUNT in OVERLAY`.
pub(super) fn count(given: &mut Given<'_>) -> Result<(u32, usize), ActionError> {
    let count = given.expect("a number of keys")?;
    let keys = match count.text.parse() {
        Ok(keys) if (1..=MOST_KEYS).contains(&keys) => keys,
        _ => {
            let message = format!("`{}` is no number of keys", count.text);
            return Err(count.error(message, format!("a whole number from 1 to {MOST_KEYS}")));
        }
    };
    given.words.demand("in", given.form)?;
    Ok((keys, overlay(&given.expect("an overlay")?, given.topology)?))
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
