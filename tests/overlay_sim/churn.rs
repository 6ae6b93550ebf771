//! Nodes that come and go: what is counted, and that it can come out badly.

use std::time::Duration;

use anybed::overlay::{Protocol, Proximity};
use anybed::sim::{Churn, Churned, Options, World, settings};

const NODES: usize = 30;

fn churn(session: u64) -> Churn {
    Churn {
        session: Duration::from_secs(session),
        every: Duration::from_secs(2),
        keys: 5,
        askers: 2,
        patience: Duration::from_secs(20),
    }
}

fn play(protocol: Protocol, session: u64) -> Churned {
    let (churn, time) = (churn(session), Duration::from_secs(100));
    let hosts = NODES + churn.newcomers(NODES, time);
    let mut options = Options::of(hosts, settings(protocol, Proximity::None), 7);
    options.stabilize_every = Duration::from_secs(2);
    options.rpc_timeout = Duration::from_millis(500);
    let mut world = World::new(&options);
    assert!(world.join_first(NODES));
    world.run_for(options.stabilize_every * 5);
    assert_eq!(world.members().len(), NODES, "the others have been told nothing");
    world.churn(&churn, time)
}

#[test]
fn nothing_is_wrong_while_nobody_goes() {
    for protocol in Protocol::keyed() {
        let quiet = play(protocol, 100_000_000);
        assert_eq!((quiet.crashes, quiet.joins), (0, 0));
        assert_eq!((quiet.failed, quiet.wrong, quiet.inconsistent), (0, 0, 0), "{protocol:?}");
        // Of 100 s the last 21 are for the answers.
        assert_eq!((quiet.asked, quiet.compared), (400, 200), "{protocol:?}");
        assert!((quiet.member_seconds - 3000.0).abs() < 1e-6 && quiet.datagrams > 0);
    }
}

#[test]
fn shorter_lives_are_worse() {
    let protocol = Protocol::default();
    let (long, short) = (play(protocol, 1000), play(protocol, 20));
    // 30 nodes · ln 2 · 100 s / 20 s: 104, give or take.
    assert!((60..150).contains(&short.crashes) && long.crashes < 15, "{short:?} {long:?}");
    let bad = |c: &Churned| (c.failed + c.wrong) as f64 / c.asked as f64;
    assert!(bad(&short) > bad(&long), "{short:?} {long:?}");
    assert!(short.joins > short.crashes / 2, "{short:?}");
    assert_eq!(short, play(protocol, 20), "the same course");
}
