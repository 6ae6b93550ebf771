//! Expectations: every metric, every kind of time.

use anybed::measure::{Outcome, RunVerdict};
use anybed::record::{NodeDid, What};
use anybed::scenario::{Metric, Op, Value, When};

use crate::metric::metric;
use crate::synthetic::{Synthetic, key};

const HOSTS: [&str; 2] = ["east.n1", "west.n1"];
const END: When = When::End;

fn number(value: f64) -> Value {
    Value::Number(value)
}

fn during(from: f64, to: f64) -> When {
    When::During { from, to }
}

fn at(at: f64, within: f64) -> When {
    When::At { at, within }
}

/// A pair whose stubs are parted from 20 s to 40 s and whole again from 44 s on, with a client that
/// moves at 20 s and loses five probes.
fn pair() -> Synthetic {
    let mut lab = Synthetic::new("pair")
        .stubs(&[("east", &["n1"], &["c1"]), ("west", &["n1"], &["c1"])])
        .group("web")
        .overlay("music", &HOSTS);
    lab.joined(1.0, HOSTS[0], None)
        .joined(1.0, HOSTS[1], Some(HOSTS[0]))
        .ring(2.0, &HOSTS)
        .probes("east.c1", 0.0, 20.0, Some("east.n1"))
        .probes("west.c1", 0.0, 60.0, Some("west.n1"))
        .fault(20.0, "fail east")
        .probes("east.c1", 20.0, 20.5, None)
        .probes("east.c1", 20.5, 60.0, Some("west.n1"))
        .ring(23.0, &HOSTS[..1])
        .ring(23.0, &HOSTS[1..])
        .fault(40.0, "recover east")
        .ring(44.0, &HOSTS)
        .end(60.0);
    lab
}

/// Verdict on one expectation, and what was observed.
fn judged(mut lab: Synthetic, metric: Metric, op: Op, value: Value, when: When) -> (Outcome, String) {
    lab.expect(metric, op, value, when);
    let report = lab.report();
    let [verdict] = &report.expectations[..] else { panic!("one expectation") };
    (verdict.verdict, verdict.observed.clone())
}

fn passes(metric: Metric, op: Op, value: Value, when: When, observed: &str) {
    assert_eq!(judged(pair(), metric, op, value, when), (Outcome::Pass, observed.to_owned()));
}

fn fails(metric: Metric, op: Op, value: Value, when: When, observed: &str) {
    assert_eq!(judged(pair(), metric, op, value, when), (Outcome::Fail, observed.to_owned()));
}

fn islands() -> Metric {
    metric("islands of music")
}

#[test]
fn a_state_at_the_end_is_the_last_one() {
    passes(islands(), Op::Eq, number(1.0), END, "1 since 44.0 s");
    fails(islands(), Op::Gt, number(1.0), END, "1 since 44.0 s");
    passes(metric("whole of music"), Op::Eq, Value::Yes, END, "yes since 44.0 s");
    passes(metric("members of music"), Op::Ge, number(2.0), END, "2 since 1.0 s");
}

#[test]
fn a_state_during_a_window_must_hold_at_its_begin_and_at_every_change() {
    passes(islands(), Op::Eq, number(2.0), during(23.0, 40.0), "2 throughout");
    passes(islands(), Op::Le, number(2.0), during(10.0, 60.0), "throughout");
    fails(islands(), Op::Eq, number(1.0), during(10.0, 60.0), "2 at 23.0 s");
    fails(islands(), Op::Eq, number(1.0), during(30.0, 60.0), "2 at 30.0 s");
    fails(metric("whole of music"), Op::Ne, Value::No, during(10.0, 60.0), "no at 23.0 s");
}

#[test]
fn a_state_at_a_moment_may_take_its_time() {
    passes(islands(), Op::Eq, number(2.0), at(30.0, 0.0), "2 at 30.0 s");
    passes(islands(), Op::Eq, number(1.0), at(40.0, 10.0), "1 at 44.0 s");
    fails(islands(), Op::Eq, number(1.0), at(40.0, 3.0), "2 at 43.0 s");
    fails(islands(), Op::Eq, number(3.0), at(40.0, 0.0), "2 at 40.0 s");
}

#[test]
fn a_catchment_is_a_host_or_its_stub() {
    let catchment = |group: Option<&str>| {
        metric(&format!("catchment of east.c1{}", group.map_or(String::new(), |g| format!(" for {g}"))))
    };
    let name = |n: &str| Value::Name(n.into());
    passes(catchment(None), Op::Eq, name("east.n1"), at(10.0, 0.0), "east.n1 at 10.0 s");
    passes(catchment(Some("web")), Op::Eq, name("west"), END, "west.n1 since 20.5 s");
    passes(catchment(Some("198.51.100.1")), Op::Ne, name("east"), END, "west.n1 since 20.5 s");
    fails(catchment(None), Op::Eq, name("east"), during(10.0, 30.0), "nobody at 20.0 s");
    fails(catchment(Some("other")), Op::Ne, name("east"), END, "nothing recorded");
}

#[test]
fn counts_are_taken_from_the_begin_or_in_the_window() {
    passes(metric("joins of music"), Op::Eq, number(2.0), END, "2");
    fails(metric("joins of music"), Op::Ge, number(1.0), during(10.0, 60.0), "0");
    passes(metric("joins of music"), Op::Eq, number(2.0), at(0.0, 5.0), "2 at 1.0 s");
    passes(metric("failed joins of music"), Op::Eq, number(0.0), END, "0");
    fails(metric("lost probes"), Op::Eq, number(0.0), END, "5 of 1200");
    passes(metric("lost probes of west.c1"), Op::Eq, number(0.0), END, "0 of 600");
    passes(metric("lost probes"), Op::Eq, number(0.0), during(30.0, 60.0), "0 of 600");
    passes(metric("moved clients"), Op::Eq, number(1.0), during(20.0, 40.0), "1 of 2");
    passes(metric("moved clients"), Op::Eq, number(0.0), during(30.0, 60.0), "0 of 2");
    passes(metric("moved clients"), Op::Eq, number(1.0), at(15.0, 10.0), "1 of 2 at 20.5 s");
}

#[test]
fn merging_is_timed_from_the_last_recovery() {
    let merge = || metric("merge of music");
    passes(merge(), Op::Lt, number(4.0), END, "4 s after recover east");
    fails(merge(), Op::Lt, number(3.0), END, "4 s after recover east");
    fails(merge(), Op::Lt, number(9.0), during(20.0, 43.0), "not whole after recover east");
    fails(merge(), Op::Lt, number(9.0), during(0.0, 39.0), "nothing recorded: no link was repaired");
    passes(merge(), Op::Lt, number(9.0), at(40.0, 10.0), "4 s after recover east at 44.0 s");
}

#[test]
fn lookups_are_judged_by_stub_and_window() {
    let lab = || {
        let mut lab = pair();
        lab.looked(5.0, HOSTS[0], key(1), Some(HOSTS[1])).looked(6.0, HOSTS[0], key(1), None).looked(
            7.0,
            HOSTS[1],
            key(1),
            Some(HOSTS[0]),
        );
        lab
    };
    let judge = |metric, op, value, when| judged(lab(), metric, op, number(value), when);
    assert_eq!(judge(metric("lookups of music"), Op::Eq, 3.0, END), (Outcome::Pass, "3".into()));
    assert_eq!(judge(metric("lookups of music from east"), Op::Eq, 2.0, END), (Outcome::Pass, "2".into()));
    let success = |from, when| judge(metric(&format!("lookup success of music{from}")), Op::Ge, 0.5, when);
    assert_eq!(success("", END), (Outcome::Fail, "33.3 % (1 of 3)".into()));
    assert_eq!(success(" from east", END), (Outcome::Pass, "50 % (1 of 2)".into()));
    assert_eq!(success("", during(4.0, 5.5)), (Outcome::Pass, "100 % (1 of 1)".into()));
    assert_eq!(success("", during(30.0, 40.0)), (Outcome::Fail, "nothing recorded".into()));
    let wrong = |when| judge(metric("wrong lookups of music"), Op::Eq, 0.0, when);
    assert_eq!(wrong(END), (Outcome::Fail, "1 of 3".into()));
    assert_eq!(wrong(during(0.0, 6.5)), (Outcome::Pass, "0 of 2".into()));
    assert_eq!(wrong(during(50.0, 60.0)), (Outcome::Fail, "nothing recorded".into()));
}

#[test]
fn keys_are_judged_by_the_audits_in_the_window() {
    let lab = || {
        let mut lab = pair();
        let audit = |found, missing: &[&str]| What::Audit {
            overlay: "music".into(),
            found,
            missing: missing.iter().map(|k| (*k).to_owned()).collect(),
            conflicts: 4 - found,
            seconds: 0.1,
        };
        lab.at(10.0, audit(4, &[])).at(30.0, audit(2, &["a", "b"])).at(50.0, audit(3, &["b"]));
        lab
    };
    let judge = |metric, value, when| judged(lab(), metric, Op::Eq, number(value), when);
    let (missing, found) = (|| metric("missing keys of music"), || metric("found keys of music"));
    assert_eq!(judge(missing(), 2.0, END), (Outcome::Pass, "2 of 4".into()));
    assert_eq!(judge(missing(), 0.0, during(0.0, 20.0)), (Outcome::Pass, "0 of 4".into()));
    assert_eq!(judge(found(), 3.0, END), (Outcome::Pass, "3 of 4".into()));
    assert_eq!(judge(found(), 2.0, at(25.0, 10.0)), (Outcome::Pass, "2 of 4 at 30.0 s".into()));
    let conflicting = || metric("conflicting keys of music");
    assert_eq!(judge(conflicting(), 2.0, END), (Outcome::Pass, "2 of 4".into()));
    assert_eq!(judge(conflicting(), 0.0, during(0.0, 20.0)), (Outcome::Pass, "0 of 4".into()));
    assert_eq!(judge(missing(), 0.0, during(51.0, 60.0)), (Outcome::Fail, "nothing recorded".into()));
}

#[test]
fn what_is_not_in_the_record_does_not_hold() {
    let silent = || {
        let mut lab =
            Synthetic::new("silent").stubs(&[("east", &["n1"], &[])]).group("web").overlay("music", &["east.n1"]);
        lab.end(60.0);
        lab
    };
    for absent in [
        metric("islands of music"),
        metric("failed joins of music"),
        metric("wrong lookups of music"),
        metric("missing keys of music"),
        metric("conflicting keys of music"),
        metric("flood gain of music"),
        metric("moved clients"),
        metric("lost probes"),
    ] {
        assert_eq!(judged(silent(), absent, Op::Eq, number(0.0), END), (Outcome::Fail, "nothing recorded".into()));
    }
}

#[test]
fn a_value_of_another_kind_does_not_hold() {
    assert_eq!(judged(pair(), islands(), Op::Ne, Value::Yes, END).0, Outcome::Fail);
    assert_eq!(judged(pair(), metric("whole of music"), Op::Gt, Value::Yes, END).0, Outcome::Fail);
}

#[test]
fn an_expectation_beyond_the_record_is_skipped() {
    let mut lab = pair();
    lab.events.retain(|e| !matches!(e.what, What::End { .. }));
    lab.did(30.0, HOSTS[0], NodeDid::Forgot { peer: HOSTS[1].into() });
    lab.events.retain(|e| e.at <= crate::synthetic::clock(30.0));
    lab.expect(islands(), Op::Eq, number(2.0), during(24.0, 29.0)).expect(islands(), Op::Eq, number(1.0), END);
    let report = lab.report();
    let verdicts: Vec<Outcome> = report.expectations.iter().map(|e| e.verdict).collect();
    assert_eq!(verdicts, [Outcome::Pass, Outcome::Skipped]);
    assert_eq!(report.expectations[1].observed, "the record stops at 30.0 s");
    assert_eq!(report.verdict, RunVerdict::Incomplete);
}

#[test]
fn one_failed_expectation_fails_the_run() {
    let mut lab = pair();
    lab.expect(islands(), Op::Eq, number(1.0), END);
    assert_eq!((lab.report().verdict, lab.report().exit_code()), (RunVerdict::Pass, 0));
    lab.expect(islands(), Op::Eq, number(2.0), END);
    assert_eq!((lab.report().verdict, lab.report().exit_code()), (RunVerdict::Fail, 1));
}
