//! What keeps routers from saying, or believing, everything at once: the interval between two announcements to a
//! neighbor, and damping of routes that flap.

use std::time::Duration;

use toml::Spanned;
use toml::de::DeValue;

use super::damping::Damping;
use super::diagnose::Problems;
use super::keys::keys;
use super::table::{Table, wrong_type};

const MINUTE: Duration = Duration::from_secs(60);

/// `mrai`: the least time between two announcements of a prefix to a neighbor (RFC 4271 §9.2.1.1), whole seconds.
pub(super) fn read_mrai(table: &Table<'_>, f: &mut Problems) -> Option<Spanned<u16>> {
    let given = table.duration("mrai", Duration::ZERO..=10 * MINUTE, f)?;
    if given.get_ref().subsec_nanos() != 0 {
        f.error("out-of-range", given.span(), "`mrai` is not whole seconds").label("must be whole seconds");
        return None;
    }
    Some(Spanned::new(given.span(), given.get_ref().as_secs() as u16))
}

impl Damping {
    /// `damping = true`, or a table.
    pub(super) fn read(table: &Table<'_>, f: &mut Problems) -> Option<Spanned<Self>> {
        let value = table.get("damping")?;
        let span = value.span();
        match value.get_ref() {
            DeValue::Boolean(yes) => yes.then(|| Spanned::new(span, Self::default())),
            DeValue::Table(_) => {
                let table = Table::new("`damping`", keys("as.damping"), value, f)?;
                let usual = Self::default();
                let damping = Self {
                    half_life: minutes(&table, "half_life", 45, f).unwrap_or(usual.half_life),
                    reuse: table.integer("reuse", 1..=20_000, f).map_or(usual.reuse, |n| *n.get_ref() as u32),
                    suppress: table.integer("suppress", 1..=50_000, f).map_or(usual.suppress, |n| *n.get_ref() as u32),
                    max: minutes(&table, "max", 255, f).unwrap_or(usual.max),
                };
                if let Some(why) = damping.problem() {
                    f.error("no-damping", span, "`damping` would never suppress a route, or never end").label(why);
                    return None;
                }
                Some(Spanned::new(span, damping))
            }
            _ => {
                let found = wrong_type("damping", "true, false or a table", &value, f);
                found.help(
                    "write true or { half_life = \"15m\", reuse = 750, suppress = 2000, max = \"60m\" }".to_owned(),
                );
                None
            }
        }
    }
}

fn minutes(table: &Table<'_>, key: &str, most: u8, f: &mut Problems) -> Option<u8> {
    let given = table.duration(key, MINUTE..=u32::from(most) * MINUTE, f)?;
    let seconds = given.get_ref().as_secs();
    if given.get_ref().subsec_nanos() != 0 || !seconds.is_multiple_of(60) {
        f.error("out-of-range", given.span(), format!("`{key}` is not whole minutes")).label("must be whole minutes");
        return None;
    }
    Some((seconds / 60) as u8)
}
