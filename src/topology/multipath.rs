//! Equal-cost multipath: where routers use it, and by what their kernels choose.

use serde::{Deserialize, Serialize};

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
