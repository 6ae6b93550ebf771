//! How fast the routing protocols of a node react: the presets, and what a link says instead.

use std::time::Duration;

use crate::routing::speaker::{BfdInterface, Inside, Large, Timers};
use crate::topology::{Bfd, Link, SessionOptions, TimerPreset, Topology};

/// The restart time is twelve bits of seconds (RFC 4724 §3).
const LONGEST_RESTART: u32 = 4095;

/// More routers than this in one AS are given time: every hello, every flooded LSA and every computation of routes
/// costs the same CPUs as that of all others.
const LARGE: usize = 100;

/// Those of a preset.
pub(super) fn of_preset(preset: TimerPreset) -> Timers {
    // BIRD floors the connect delay at 1 s. RFC 4724 suggests the hold time for a restart.
    let lab = Timers {
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
        TimerPreset::Rfc => Timers { hold: 90, keepalive: 30, restart: 90, ospf_hello: 10, ospf_dead: 40, ..lab },
        TimerPreset::Bird => Timers {
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

/// For how long nobody may see that a neighbor at an exchange is gone: its port is not theirs, and they wait for the
/// hold time. Zero where there is no exchange.
pub(crate) fn unseen(topology: &Topology) -> Duration {
    let at_exchange = |link: &&Link| link.over.is_some() || topology.is_exchange(link.b);
    let silent = topology.links.iter().filter(at_exchange).filter(|link| link.session.bfd.is_none());
    let hold = silent.map(|link| of_session(topology.timers, &link.session).hold).max();
    Duration::from_secs(hold.unwrap_or(0).into())
}

/// Those of a link's session in a lab with this preset.
pub(super) fn of_session(lab: TimerPreset, session: &SessionOptions) -> Timers {
    let preset = of_preset(session.timers.unwrap_or(lab));
    session.hold.map_or(preset, |hold| {
        let hold = u32::from(hold);
        Timers { hold, keepalive: hold / 3, restart: hold.min(LONGEST_RESTART), ..preset }
    })
}

/// BFD on an interface in a lab, or on a link, with this preset.
pub(super) fn bfd(name: &str, bfd: Bfd, preset: TimerPreset) -> BfdInterface {
    let interval = bfd.interval.as_millis() as u64;
    // RFC 5880 §6.8.3 wants 1 s at least, lest a network be flooded; a lab has no time for that.
    let idle = if preset == TimerPreset::Lab { 200 } else { 1000 };
    BfdInterface { name: name.to_owned(), interval, idle: idle.max(interval), multiplier: bfd.multiplier }
}

/// OSPF and iBGP of an AS with so many routers. Presets that are slower than it needs stay as they are.
pub(super) fn inside(preset: TimerPreset, routers: usize) -> Inside {
    let Timers { hold, keepalive, connect_retry, ospf_hello: hello, ospf_dead: dead, .. } = of_preset(preset);
    let usual = Inside { hello, dead, hold, keepalive, connect_retry, large: None };
    if routers <= LARGE {
        return usual;
    }
    let routers = u32::try_from(routers).unwrap_or(u32::MAX);
    let slow = (routers / 50).min(10);
    Inside {
        hello: hello.max(slow),
        dead: dead.max(4 * slow),
        hold: hold.max(90),
        keepalive: keepalive.max(30),
        connect_retry: connect_retry.max(slow),
        large: Some(Large { tick: routers.div_ceil(100).min(30), retransmit: (2 * slow).max(5) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_large_is_given_time_and_never_less() {
        let usual = inside(TimerPreset::Lab, 2);
        assert_eq!(inside(TimerPreset::Lab, LARGE), usual);
        assert_eq!((usual.hello, usual.dead, usual.hold, usual.large), (1, 4, 9, None));
        let mut before = usual;
        for routers in [101, 200, 400, 1138, 60_000] {
            let now = inside(TimerPreset::Lab, routers);
            assert!(
                now.large.is_some() && now.hello >= before.hello && now.dead == 4 * now.hello,
                "{routers}: {now:?}"
            );
            assert!(now.hold == 3 * now.keepalive && now.hello <= 10, "{routers}: {now:?}");
            before = now;
        }
        let own = inside(TimerPreset::Bird, 1138);
        assert_eq!((own.hello, own.hold, own.connect_retry), (10, 240, 120));
    }
}
