//! What the ends of a session do.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::guards::Guards;

/// How fast the routing protocols react (written out in every BIRD config).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TimerPreset {
    /// Connect delay 1 s, retry 2 s, error wait 1–4 s, hold 9 s, keepalive 3 s.
    #[default]
    Lab,
    /// Hold 90 s, keepalive 30 s (RFC 4271 §10), otherwise as `lab`.
    Rfc,
    /// The daemon's defaults, written out.
    Bird,
}

/// What the routing protocols over one link do otherwise than the lab's timers say. Both ends do the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionOptions {
    /// Of BGP, or inside an AS of OSPF.
    pub bfd: Option<Bfd>,
    /// BGP's hold time in seconds, instead of that of the timers; the keepalive time is a third of it.
    pub hold: Option<u16>,
    /// Instead of the lab's.
    pub timers: Option<TimerPreset>,
    /// `None`: as BIRD does by itself, which is [`GracefulRestart::Aware`].
    pub graceful_restart: Option<GracefulRestart>,
    pub guards: Guards,
    /// Seconds between two announcements of a prefix to another AS, instead of the lab's.
    pub mrai: Option<u16>,
    /// Each end tells the other all the routes that it may have, not the best alone (RFC 7911).
    pub add_paths: bool,
}

/// Bidirectional forwarding detection (RFC 5880).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bfd {
    /// Between two packets, before jitter; whole milliseconds.
    pub interval: Duration,
    /// Intervals without a packet after which the other end counts as gone.
    pub multiplier: u8,
}

/// What BGP does when a neighbor comes back without its routes (RFC 4724), in BIRD's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum GracefulRestart {
    No,
    /// It keeps the routes of a neighbor that restarts, and asks for nothing like it.
    Aware,
    /// It asks the same of its neighbor.
    Yes,
}
