//! How fast the routing protocols of a node react: the presets, and what a link says instead.

use serde::Serialize;

use crate::topology::{Bfd, SessionOptions, TimerPreset};

/// Seconds.
#[derive(Clone, Copy, Default, Serialize)]
pub(super) struct Timers {
    connect_delay: u32,
    connect_retry: u32,
    error_wait_min: u32,
    error_wait_max: u32,
    hold: u32,
    keepalive: u32,
    /// How long neighbors keep the routes of a BIRD that restarts gracefully.
    pub(super) restart: u32,
    ospf_hello: u32,
    ospf_dead: u32,
}

/// The restart time is twelve bits of seconds (RFC 4724 §3).
const LONGEST_RESTART: u32 = 4095;

impl Timers {
    pub(super) fn of(preset: TimerPreset) -> Self {
        // BIRD floors the connect delay at 1 s. RFC 4724 suggests the hold time for a restart.
        let lab = Self {
            connect_delay: 1,
            connect_retry: 2,
            error_wait_min: 1,
            error_wait_max: 4,
            hold: 9,
            keepalive: 3,
            restart: 9,
            ospf_hello: 1,
            ospf_dead: 4,
        };
        match preset {
            TimerPreset::Lab => lab,
            // RFC 4271 §10 and RFC 2328 appendix C.
            TimerPreset::Rfc => Self { hold: 90, keepalive: 30, restart: 90, ospf_hello: 10, ospf_dead: 40, ..lab },
            TimerPreset::Bird => Self {
                connect_delay: 5,
                connect_retry: 120,
                error_wait_min: 60,
                error_wait_max: 300,
                hold: 240,
                keepalive: 80,
                restart: 120,
                ospf_hello: 10,
                ospf_dead: 40,
            },
        }
    }

    /// Those of a link's session in a lab with this preset.
    pub(super) fn of_session(lab: TimerPreset, session: &SessionOptions) -> Self {
        let preset = Self::of(session.timers.unwrap_or(lab));
        session.hold.map_or(preset, |hold| {
            let hold = u32::from(hold);
            Self { hold, keepalive: hold / 3, restart: hold.min(LONGEST_RESTART), ..preset }
        })
    }
}

/// An interface on which BFD is spoken. Times in milliseconds.
#[derive(Serialize)]
pub(super) struct BfdInterface {
    name: String,
    interval: u64,
    /// Between the packets of a session that is not up yet.
    idle: u64,
    multiplier: u8,
}

impl BfdInterface {
    pub(super) fn new(name: &str, bfd: Bfd, preset: TimerPreset) -> Self {
        let interval = bfd.interval.as_millis() as u64;
        // RFC 5880 §6.8.3 wants 1 s at least, lest a network be flooded; a lab has no time for that.
        let idle = if preset == TimerPreset::Lab { 200 } else { 1000 };
        Self { name: name.to_owned(), interval, idle: idle.max(interval), multiplier: bfd.multiplier }
    }
}
