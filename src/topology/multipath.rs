//! Equal-cost multipath: where routers use it, and by what their kernels choose.

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::diagnose::Findings;
use super::table::Table;

/// What the routers of an AS do with BGP routes that are equally good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Multipath {
    /// They use all of them, not one.
    pub on: bool,
    pub hash: MultipathHash,
}

/// By what a kernel chooses among equal next hops.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MultipathHash {
    /// Addresses, and in IPv6 the flow label and the next header too (`fib_multipath_hash_policy=0`,
    /// the kernel's default).
    #[default]
    L3,
    /// Addresses, protocol and ports (`=1`).
    L4,
}

impl MultipathHash {
    pub fn name(self) -> &'static str {
        match self {
            Self::L3 => "l3",
            Self::L4 => "l4",
        }
    }
}

/// What one table says; what it leaves out, the lab decides.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MultipathEntry {
    on: Option<bool>,
    hash: Option<MultipathHash>,
}

impl MultipathEntry {
    pub(super) fn read(table: &Table<'_>, f: &mut Findings) -> Self {
        let hashes = [("l3", MultipathHash::L3), ("l4", MultipathHash::L4)];
        let hash = table.word("multipath_hash", &hashes, f).map(Spanned::into_inner);
        Self { on: table.boolean("multipath", f), hash }
    }

    /// What holds for an AS, given what the lab's table says.
    pub(super) fn within(self, lab: Self) -> Multipath {
        Multipath { on: self.on.or(lab.on).unwrap_or_default(), hash: self.hash.or(lab.hash).unwrap_or_default() }
    }
}
