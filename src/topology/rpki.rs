//! `[[roa]]` and `rov`: who may originate which prefixes, and who looks (RFC 6482, RFC 6811).

use ipnet::IpNet;
use toml::Spanned;
use toml::de::DeValue;

use super::check::Builder;
use super::diagnose::{Problems, suggest};
use super::file::{Conduct, LabFile, RoaEntry};
use super::id::NodeId;
use super::model::{Link, LinkKind, Topology};
use super::origin::{Roa, Rov, is_invalid};
use super::prefixes::read_prefixes;
use super::table::{Table, wrong_type};

/// What `rov` may be.
const ROV: &str = "`true`, `false`, `\"drop\"` or `\"prefer-valid\"`";

impl RoaEntry {
    pub(super) fn read(table: &Table<'_>, f: &mut Problems) -> Option<Self> {
        let prefixes = read_prefixes(table, "prefix", f);
        if table.get("prefix").is_none() {
            table.missing("prefix", f);
        }
        if let Some(empty) =
            table.get("prefix").filter(|value| value.get_ref().as_array().is_some_and(|a| a.is_empty()))
        {
            f.error("missing-key", empty.span(), "a ROA is about a prefix at least").label("none");
        }
        let max_length = table.integer("max_length", 0..=128, f);
        if let Some(length) = &max_length {
            let wrong = prefixes.iter().find(|prefix| {
                let prefix = prefix.get_ref();
                !(u64::from(prefix.prefix_len())..=u64::from(prefix.max_prefix_len())).contains(length.get_ref())
            });
            if let Some(prefix) = wrong {
                let prefix = prefix.get_ref();
                let found = f.error("out-of-range", length.span(), "`max_length` is no length of a part of it");
                found.label(format!("for {prefix} from {} to {}", prefix.prefix_len(), prefix.max_prefix_len()));
            }
        }
        let origin = match table.get("origin") {
            None => {
                table.missing("origin", f);
                None
            }
            Some(value) => match value.get_ref() {
                DeValue::Integer(_) => table
                    .integer("origin", 0..=u64::from(u32::MAX), f)
                    .map(|n| Spanned::new(n.span(), n.get_ref().to_string())),
                DeValue::String(_) => table.string("origin", f),
                _ => {
                    wrong_type("origin", "an AS, or an AS number", &value, f);
                    None
                }
            },
        };
        Some(Self { prefixes, max_length, origin: origin? })
    }
}

impl Conduct {
    pub(super) fn read(table: &Table<'_>, f: &mut Problems) -> Self {
        let meds = [("always", true), ("same-neighbor", false)];
        let compare_med = table.word("compare_med", &meds, f).is_some_and(Spanned::into_inner);
        let prefer_older = table.boolean("prefer_older", f).unwrap_or(false);
        let add_paths = table.boolean("add_paths", f).unwrap_or(false);
        Self { roles: table.boolean("roles", f), rov: read_rov(table, f), compare_med, prefer_older, add_paths }
    }
}

/// `rov = true`, `rov = "prefer-valid"`.
fn read_rov(table: &Table<'_>, f: &mut Problems) -> Option<Spanned<Rov>> {
    let value = table.get("rov")?;
    let rov = match value.get_ref() {
        DeValue::Boolean(true) => Rov::Drop,
        DeValue::Boolean(false) => Rov::Off,
        DeValue::String(word) if word == "drop" => Rov::Drop,
        DeValue::String(word) if word == "prefer-valid" => Rov::PreferValid,
        DeValue::String(word) => {
            let found = f.error("unknown-word", value.span(), format!("`{word}` is no value of `rov`"));
            found.label(format!("must be {ROV}"));
            return None;
        }
        _ => {
            wrong_type("rov", ROV, &value, f);
            return None;
        }
    };
    Some(Spanned::new(value.span(), rov))
}

impl Builder<'_> {
    pub(super) fn roas(&mut self, file: &LabFile) {
        for entry in &file.roas {
            let Some(origin) = self.topology.asn(entry.origin.get_ref()) else {
                let name = &entry.origin;
                let help = suggest(name.get_ref(), self.topology.ases.iter().map(|own| own.name.as_str()));
                let message = format!("there is no AS or stub `{name}`");
                self.problems.error("unknown-name", name.span(), message).label("unknown").help(help);
                continue;
            };
            for prefix in entry.prefixes.iter().map(|prefix| *prefix.get_ref()) {
                let longest = entry.max_length.as_ref().and_then(|n| u8::try_from(*n.get_ref()).ok());
                let max_length = longest.unwrap_or(prefix.prefix_len());
                self.topology.roas.push(Roa { prefix, max_length, origin });
            }
        }
    }
}

impl Topology {
    /// Whether a router has ROAs: by its config, or because it asks the RTR server.
    pub fn looks_at_roas(&self, router: NodeId) -> bool {
        let looks = self.ases[self.node(router).as_id.0].rov != Rov::Off;
        looks && (self.rtr.is_none() || self.asks_for_roas(router))
    }

    /// Whether a router holds what other ASes tell it against ROAs.
    pub fn asks_for_roas(&self, router: NodeId) -> bool {
        let external = |link: &&Link| matches!(link.kind, LinkKind::External(_));
        let own = &self.ases[self.node(router).as_id.0];
        own.rov != Rov::Off && self.links.iter().filter(external).any(|link| link.a == router || link.b == router)
    }

    /// Whether some AS that looks may take a route to this prefix for invalid: its own are not expected everywhere then.
    pub fn may_be_invalid(&self, prefix: &IpNet, origin: u32) -> bool {
        self.ases.iter().any(|own| own.rov != Rov::Off) && is_invalid(&self.roas, prefix, Some(origin))
    }
}
