//! What guards a BGP session: who may speak in it, how much, and whether one's own routes may come back.

use serde::Serialize;

/// Of the session over one link between ASes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Guards {
    /// Packets that have passed a router are not taken (GTSM, RFC 5082).
    pub ttl_security: bool,
    /// Of TCP's segments (RFC 2385).
    pub password: Option<String>,
    pub max_prefix: Option<MaxPrefix>,
    /// How often a route may have one's own AS number in its path.
    pub allow_own_as: u8,
}

/// How many routes a router takes over a session, and what happens then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MaxPrefix {
    pub limit: u32,
    pub action: Excess,
}

/// What is done about routes above a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Excess {
    Warn,
    /// They are not taken.
    Block,
    /// The session ends, and begins again after a while.
    #[default]
    Restart,
    /// The session ends for good.
    Disable,
}
