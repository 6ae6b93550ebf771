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

/// More routers than this in one AS are given time: every hello, every flooded LSA and every computation of routes
/// costs the same CPUs as that of all others.
const LARGE: usize = 100;

/// OSPF and iBGP inside an AS. Seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Inside {
    hello: u32,
    dead: u32,
    hold: u32,
    keepalive: u32,
    connect_retry: u32,
    /// What a large AS has besides.
    large: Option<Large>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
struct Large {
    /// Between two computations of routes.
    tick: u32,
    /// Until an LSA that nobody has acknowledged is sent again.
    retransmit: u32,
}

impl Inside {
    /// Of an AS with so many routers. Slower timers than these stay as they are.
    pub(super) fn of(preset: TimerPreset, routers: usize) -> Self {
        let timers = Timers::of(preset);
        let Timers { hold, keepalive, connect_retry, ospf_hello: hello, ospf_dead: dead, .. } = timers;
        let usual = Self { hello, dead, hold, keepalive, connect_retry, large: None };
        if routers <= LARGE {
            return usual;
        }
        let routers = u32::try_from(routers).unwrap_or(u32::MAX);
        let slow = (routers / 50).min(10);
        let large = Large { tick: routers.div_ceil(200).min(30), retransmit: (2 * slow).max(5) };
        Self {
            hello: hello.max(slow),
            dead: dead.max(4 * slow),
            hold: hold.max(90),
            keepalive: keepalive.max(30),
            connect_retry: connect_retry.max(slow),
            large: Some(large),
        }
    }

    pub(super) fn is_large(self) -> bool {
        self.large.is_some()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_large_is_given_time_and_never_less() {
        let usual = Inside::of(TimerPreset::Lab, 2);
        assert_eq!(Inside::of(TimerPreset::Lab, LARGE), usual);
        assert_eq!((usual.hello, usual.dead, usual.hold, usual.large), (1, 4, 9, None));
        let mut before = usual;
        for routers in [101, 200, 400, 1138, 60_000] {
            let now = Inside::of(TimerPreset::Lab, routers);
            assert!(now.is_large() && now.hello >= before.hello && now.dead == 4 * now.hello, "{routers}: {now:?}");
            assert!(now.hold == 3 * now.keepalive && now.hello <= 10, "{routers}: {now:?}");
            before = now;
        }
        let bird = Inside::of(TimerPreset::Bird, 1138);
        assert_eq!((bird.hello, bird.hold, bird.connect_retry), (10, 240, 120));
    }
}
