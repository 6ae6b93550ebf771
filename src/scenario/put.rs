//! The grammar of `put` and `overwrite`.

use super::Action;
use super::action::members;
use super::words::{ActionError, Words, overlay};
use crate::topology::Topology;

/// The most keys of one `put`.
const MOST_KEYS: u32 = 1_000_000;

pub(super) fn put(words: &mut Words<'_>, form: &str, topology: &Topology) -> Result<Action, ActionError> {
    keys(words, form, topology).map(|(keys, overlay)| Action::Put { overlay, keys })
}

pub(super) fn overwrite(words: &mut Words<'_>, form: &str, topology: &Topology) -> Result<Action, ActionError> {
    let (keys, overlay) = keys(words, form, topology)?;
    let mut named = Vec::new();
    if words.take("from") {
        named.push(words.expect("a host or a stub", form)?);
        named.extend(std::iter::from_fn(|| words.next()));
    }
    let hosts = members(&named, topology)?;
    let of = &topology.overlays[overlay];
    if let Some((word, _)) = hosts.iter().find(|(_, host)| !of.members.contains(host)) {
        let help = "only members can be asked to store something".to_owned();
        return Err(word.error(format!("`{}` is not in overlay `{}`", word.text, of.name), help));
    }
    Ok(Action::Overwrite { overlay, keys, from: hosts.into_iter().map(|(_, host)| host).collect() })
}

/// `COUNT in OVERLAY`.
fn keys(words: &mut Words<'_>, form: &str, topology: &Topology) -> Result<(u32, usize), ActionError> {
    let count = words.expect("a number of keys", form)?;
    let keys = match count.text.parse() {
        Ok(keys) if (1..=MOST_KEYS).contains(&keys) => keys,
        _ => {
            let message = format!("`{}` is no number of keys", count.text);
            return Err(count.error(message, format!("a whole number from 1 to {MOST_KEYS}")));
        }
    };
    words.demand("in", form)?;
    Ok((keys, overlay(&words.expect("an overlay", form)?, topology)?))
}
