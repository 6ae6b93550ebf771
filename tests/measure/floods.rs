//! Floods of joiners: what they earned, who joined meanwhile, and what is expected of them.

use anybed::measure::{FloodReport, Joiners, Outcome};
use anybed::record::{NodeDid, Strain, What};
use anybed::scenario::{Op, Value, When};

use crate::metric::metric;
use crate::synthetic::{Synthetic, clock};

const HOSTS: [&str; 4] = ["east.n1", "west.n1", "east.n2", "west.n2"];

/// Two seconds of Hellos of 70 bytes, of which these were sent and answered with 35 bytes each.
fn flood(begun: f64, sent: u64, answers: u64) -> What {
    What::Flood {
        overlay: "music".into(),
        host: "east.c1".into(),
        begun: clock(begun),
        rate: 100,
        sent,
        sent_bytes: sent * 70,
        skipped: 200 - sent,
        answers,
        answered_bytes: answers * 35,
        seconds: 2.0,
    }
}

/// One begins the overlay, one joins it, one more and one in vain do while a flood goes on from 10 s to 12 s.
fn flooded() -> Synthetic {
    let mut lab = Synthetic::new("flooded")
        .stubs(&[("east", &["n1", "n2"], &["c1"]), ("west", &["n1", "n2"], &[])])
        .overlay("music", &HOSTS);
    let joined = |milliseconds: f64, by: Option<&str>| {
        let served_by = by.map(str::to_owned);
        NodeDid::Joined { served_by, milliseconds, attempts: 1, redirected: 0 }
    };
    lab.did(1.0, HOSTS[0], NodeDid::Joining)
        .did(3.0, HOSTS[0], joined(2000.0, None))
        .did(4.0, HOSTS[1], NodeDid::Joining)
        .did(4.003, HOSTS[1], joined(3.0, Some(HOSTS[0])))
        .fault(9.999, "flood music from east.c1 at 100/s for 2s")
        .did(11.0, HOSTS[2], NodeDid::Joining)
        .did(11.5, HOSTS[3], NodeDid::Joining)
        .did(12.5, HOSTS[2], joined(1500.0, Some(HOSTS[0])))
        .at(13.0, flood(10.0, 190, 150))
        .end(20.0);
    lab
}

#[test]
fn who_meant_to_join_is_told_from_the_flood() {
    let report = flooded().report();
    let joiners = |begun, joined, ms| Joiners { begun, joined, p50_ms: Some(ms), p99_ms: Some(ms) };
    let expected = FloodReport {
        at: 10.0,
        seconds: 2.0,
        host: "east.c1".into(),
        rate: 100,
        sent: 190,
        sent_bytes: 13_300,
        skipped: 10,
        answers: 150,
        answered_bytes: 5250,
        gain: Some(0.395),
        joins_before: joiners(1, 1, 3.0),
        joins_during: joiners(2, 1, 1500.0),
    };
    assert_eq!(report.overlays["music"].floods, [expected]);
    let text = anybed::report::text(&report, false);
    let words: Vec<&str> = text.split_whitespace().collect();
    let line = "flood of music from east.c1: 190 joiners' Hellos in 2.00 s, 10 not sent in time, 0.40 bytes answered \
                per byte asked, 1 of 2 others joined meanwhile, p50 1.50 s, p99 1.50 s (before it p50 3.0 ms, p99 3.0 ms)";
    assert!(words.join(" ").contains(line), "{text}");
}

#[test]
fn the_gain_is_of_the_floods_that_began_in_the_window() {
    let judged = |lab: &mut Synthetic, op, value, when| {
        let report = lab.expect(metric("flood gain of music"), op, Value::Number(value), when).report();
        (report.expectations[0].verdict, report.expectations[0].observed.clone())
    };
    let during = |from, to| When::During { from, to };
    let (pass, fail) = (Outcome::Pass, Outcome::Fail);
    let observed = "0.395 (5250 bytes for 13300)".to_owned();
    assert_eq!(judged(&mut flooded(), Op::Le, 1.0, When::End), (pass, observed.clone()));
    assert_eq!(judged(&mut flooded(), Op::Gt, 1.0, during(9.0, 10.5)), (fail, observed));
    assert_eq!(judged(&mut flooded(), Op::Le, 1.0, during(10.5, 20.0)), (fail, "nothing recorded".to_owned()));
    let twice = |second| {
        let mut lab = flooded();
        lab.at(17.0, second);
        lab
    };
    let both = "0.592 (7875 bytes for 13300)".to_owned();
    assert_eq!(judged(&mut twice(flood(14.0, 0, 75)), Op::Lt, 0.6, When::End), (pass, both));
    let none = "nothing was sent".to_owned();
    assert_eq!(judged(&mut twice(flood(14.0, 0, 0)), Op::Eq, 0.0, during(13.5, 20.0)), (fail, none));
}

/// What a flood does to the members' sockets is not the machine's fault; what happens to others is.
#[test]
fn a_members_full_socket_does_not_make_a_flood_invalid() {
    let full = |host: &str| {
        let mut lab = flooded();
        let receive_drops = [(host.to_owned(), 7)].into();
        lab.at(19.0, What::Fidelity(Box::new(Strain { receive_drops, ..Strain::default() })));
        lab.report().fidelity
    };
    assert!(full("east.n1").valid);
    assert_eq!(full("east.n1").receive_drops["east.n1"], 7, "but it is said");
    assert!(!full("east.c1").valid);
}
