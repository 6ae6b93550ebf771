//! Reading records, catchments, routing's reaction to faults.

use anybed::measure::RunVerdict;
use anybed::record::{Lateness, Strain, What};
use anybed::record::{Record, RecordError};

use crate::synthetic::{Synthetic, waited};

fn two_sites() -> Synthetic {
    Synthetic::new("two-sites").stubs(&[("left", &["n1"], &["c1"]), ("right", &["n1"], &["c1"])]).group("web")
}

#[test]
fn a_cut_last_line_is_left_out_and_told() {
    let mut lab = two_sites();
    lab.probes("left.c1", 0.0, 1.0, Some("left.n1")).end(2.0);
    let lines = lab.lines();
    let record = Record::from_reader(&lines.as_bytes()[..lines.len() - 10]).unwrap();
    assert!(record.cut && !record.complete());
    assert_eq!(record.events.len(), 2);
    let report = anybed::measure::report(&record);
    assert_eq!(report.verdict, RunVerdict::Incomplete);
    assert_eq!(report.exit_code(), 4);
}

#[test]
fn a_line_that_is_no_event_is_named() {
    let text = format!("{}{{\"at\": 1}}\n", two_sites().lines());
    let error = Record::from_reader(text.as_bytes()).unwrap_err();
    assert!(matches!(error, RecordError::Malformed { line: 3, .. }), "{error}");
    assert!(matches!(Record::from_reader(&b""[..]), Err(RecordError::NoLab)));
    let old = two_sites().lines().replace("\"schema\":1", "\"schema\":9");
    assert!(matches!(Record::from_reader(old.as_bytes()), Err(RecordError::Schema { found: 9, .. })));
}

#[test]
fn events_are_put_in_the_order_of_time() {
    let mut lab = two_sites();
    lab.fib(3.0, "core", Some("left.gw")).fib(1.0, "core", Some("right.gw")).end(4.0);
    let ats: Vec<u64> = lab.record().events.iter().map(|e| e.at).collect();
    assert!(ats.is_sorted());
}

#[test]
fn an_interrupted_run_exits_130() {
    let mut lab = two_sites();
    lab.at(2.0, What::End { reason: "interrupted".into() });
    let report = lab.report();
    assert_eq!((report.verdict, report.exit_code()), (RunVerdict::Incomplete, 130));
}

#[test]
fn a_refused_action_of_the_timeline_makes_a_run_incomplete_and_a_live_one_does_not() {
    let mut lab = two_sites();
    let refused = |action: &str| What::Refused { action: action.into(), reason: "no such link".into() };
    lab.at(1.0, refused("cut nowhere")).end(2.0);
    assert_eq!(lab.report().verdict, RunVerdict::Pass);
    lab.facts.timeline.push((1.0, "cut nowhere".into()));
    assert_eq!(lab.report().verdict, RunVerdict::Incomplete);
}

#[test]
fn what_the_machine_lost_or_delayed_makes_a_run_invalid() {
    let verdict = |strain: Strain| {
        let mut lab = two_sites();
        lab.at(0.5, What::Fidelity(Box::default()));
        lab.at(1.0, What::Fidelity(Box::new(strain))).end(2.0);
        let report = lab.report();
        assert_eq!(report.fidelity.reasons.len(), usize::from(report.verdict == RunVerdict::Invalid), "{report:?}");
        report.verdict
    };
    let wires = |over_1_ms, over_5_ms| {
        Some(Lateness { frames: 1000, p50_ms: 0.1, p99_ms: 7.0, worst_ms: 9.0, over_1_ms, over_5_ms })
    };
    let drops = |host: &str| [(host.to_owned(), 1)].into();
    let none = Strain::default();
    let fine = [
        Strain { cpu_busy: Some(1.0), cpu_stolen: Some(0.3), ..none.clone() },
        Strain { mean_sched_delay_ms: Some(49.0), ..none.clone() },
        Strain { wires: wires(100, 10), ..none.clone() },
        Strain { memory_left: Some(0.02), memory_stall: Some(0.4), ..none.clone() },
    ];
    let bad = [
        Strain { mean_sched_delay_ms: Some(51.0), ..none.clone() },
        Strain { wires: wires(101, 0), ..none.clone() },
        Strain { wires: wires(50, 11), ..none.clone() },
        Strain { backlog_drops: 1, ..none.clone() },
        Strain { socket_drops: 1, ..none.clone() },
        Strain { receive_drops: drops("west.n1"), ..none.clone() },
        Strain { memory_left: Some(0.005), ..none.clone() },
        Strain { memory_stall: Some(0.6), ..none.clone() },
    ];
    for strain in fine {
        assert_eq!(verdict(strain.clone()), RunVerdict::Pass, "{strain:?}");
    }
    for strain in bad {
        assert_eq!(verdict(strain.clone()), RunVerdict::Invalid, "{strain:?}");
    }
}

#[test]
fn who_was_frozen_drops_by_right() {
    let mut lab = two_sites();
    lab.fault(0.5, "freeze west.n1");
    let receive_drops = [("west.n1".to_owned(), 7)].into();
    lab.at(1.0, What::Fidelity(Box::new(Strain { receive_drops, ..Strain::default() }))).end(2.0);
    assert_eq!(lab.report().verdict, RunVerdict::Pass);
}

#[test]
fn an_overloaded_machine_or_a_dead_process_makes_a_run_invalid() {
    let mut lab = two_sites();
    lab.at(1.0, waited(299.0)).end(2.0);
    assert_eq!(lab.report().verdict, RunVerdict::Pass);
    lab.at(1.5, waited(301.0));
    let report = lab.report();
    assert_eq!((report.verdict, report.exit_code()), (RunVerdict::Invalid, 5));
    assert_eq!(report.fidelity.worst_sched_delay_ms, Some(301.0));

    // With BFD, somebody is less patient.
    let mut lab = two_sites();
    lab.facts.patience_ms = Some(150.0);
    lab.at(1.0, waited(160.0)).end(2.0);
    assert_eq!(lab.report().verdict, RunVerdict::Invalid);

    let mut lab = two_sites();
    let exit = |expected| What::Exit {
        node: "core".into(),
        process: "bird".into(),
        kind: None,
        status: "signal 9".into(),
        expected,
    };
    lab.at(1.0, exit(true)).end(2.0);
    assert_eq!(lab.report().verdict, RunVerdict::Pass);
    lab.at(1.0, exit(false));
    assert_eq!(lab.report().verdict, RunVerdict::Invalid);
}

#[test]
fn a_fault_moves_a_client_and_the_loss_in_between_is_counted() {
    let mut lab = two_sites();
    lab.probes("left.c1", 0.0, 20.0, Some("left.n1"))
        .probes("right.c1", 0.0, 40.0, Some("right.n1"))
        .fault(20.0, "crash left.n1")
        .probes("left.c1", 20.0, 20.5, None)
        .fib(20.003, "left.gw", None)
        .fib(20.4, "left.gw", Some("core"))
        .probes("left.c1", 20.5, 40.0, Some("right.n1"))
        .end(40.0);
    let report = lab.report();
    let fault = &report.faults[0];
    assert_eq!((fault.at, fault.until, fault.fault.as_str()), (20.0, 40.0, "crash left.n1"));
    assert_eq!((fault.detect_ms, fault.first_fib_change_ms), (Some(3.0), Some(3.0)));
    assert_eq!((fault.last_fib_change_ms, fault.fib_changes, fault.fib_nodes), (Some(400.0), 2, 1));
    assert_eq!((fault.lost, fault.probes), (5, 400));
    assert_eq!(fault.first_reply_ms, Some(502.0));
    assert_eq!(fault.moved.len(), 1);
    assert_eq!((fault.moved[0].from.as_deref(), fault.moved[0].to.as_deref()), (Some("left.n1"), Some("right.n1")));
    let moments: Vec<&str> = report.catchments.iter().map(|c| c.moment.as_str()).collect();
    assert_eq!(moments, ["begin", "before crash left.n1", "end"]);
    let of_left: Vec<_> = report.catchments.iter().map(|c| c.clients["left.c1"].as_deref().unwrap()).collect();
    assert_eq!(of_left, ["left.n1", "left.n1", "right.n1"]);
}

#[test]
fn a_fault_without_a_reaction_has_nulls() {
    let mut lab = two_sites();
    lab.probes("left.c1", 0.0, 40.0, Some("left.n1")).fault(20.0, "cut core-left.gw").end(40.0);
    let fault = &lab.report().faults[0];
    assert_eq!((fault.detect_ms, fault.first_fib_change_ms, fault.last_fib_change_ms), (None, None, None));
    assert_eq!((fault.first_reply_ms, fault.lost, fault.moved.len()), (None, 0, 0));
}

#[test]
fn the_begin_is_when_the_last_client_has_its_first_answer() {
    let mut lab = two_sites();
    lab.probes("left.c1", 0.0, 3.0, None)
        .probes("left.c1", 3.0, 10.0, Some("left.n1"))
        .probes("right.c1", 0.0, 2.0, Some("right.n1"))
        .probes("right.c1", 2.0, 10.0, None)
        .end(10.0);
    let report = lab.report();
    let begin = &report.catchments[0];
    assert_eq!((begin.moment.as_str(), begin.at), ("begin", 3.0));
    assert_eq!(begin.clients["left.c1"].as_deref(), Some("left.n1"));
    assert_eq!(begin.clients["right.c1"].as_deref(), Some("right.n1"));
    assert_eq!(report.catchments[1].clients["right.c1"], None);
}

#[test]
fn an_outage_begins_with_three_lost_probes_in_a_row() {
    let mut lab = two_sites();
    lab.probes("left.c1", 0.0, 10.0, Some("left.n1"))
        .fault(10.0, "cut core-left.gw")
        .probes("left.c1", 10.0, 10.2, None)
        .probes("left.c1", 10.2, 20.0, Some("left.n1"))
        .fault(20.0, "crash left.n1")
        .probes("left.c1", 20.0, 30.0, None)
        .end(30.0);
    let report = lab.report();
    let [two_lost, outage] = &report.faults[..] else { panic!("two faults") };
    assert_eq!((two_lost.lost, two_lost.moved.len()), (2, 0));
    assert_eq!(two_lost.first_reply_ms, Some(202.0));
    assert_eq!((outage.lost, outage.first_reply_ms), (100, None));
    assert_eq!(outage.moved[0].to, None);
    assert_eq!(report.catchments.last().unwrap().clients["left.c1"], None);
}

#[test]
fn a_fault_ends_with_the_next_or_when_routing_is_quiet() {
    let mut lab = two_sites();
    lab.fault(10.0, "cut core-left.gw")
        .fib(19.0, "core", Some("right.gw"))
        .fib(23.0, "core", Some("left.gw"))
        .fib(28.5, "core", Some("right.gw"))
        .fault(30.0, "mend core-left.gw")
        .fib(30.5, "core", Some("left.gw"))
        .end(40.0);
    let report = lab.report();
    let (cut, mend) = (&report.faults[0], &report.faults[1]);
    // The hold timer's 9 s count, the change after more than 5 s of quiet does not.
    assert_eq!((cut.detect_ms, cut.last_fib_change_ms, cut.fib_changes), (Some(9000.0), Some(13000.0), 2));
    assert_eq!((mend.last_fib_change_ms, mend.fib_changes), (Some(500.0), 1));
}

#[test]
fn faults_of_one_moment_are_one_and_joins_end_a_window() {
    let mut lab = two_sites();
    lab.fault(10.0, "cut core-left.gw").fault(10.01, "cut core-right.gw").fault(11.0, "join left.n1");
    lab.fault(11.5, "put 5 in music").fib(12.0, "core", Some("left.gw")).end(20.0);
    let report = lab.report();
    assert_eq!(report.faults.len(), 1);
    assert_eq!(report.faults[0].fault, "cut core-left.gw, cut core-right.gw");
    assert_eq!((report.faults[0].until, report.faults[0].fib_changes), (11.0, 0));
}

#[test]
fn routes_that_lead_elsewhere_than_the_answers_come_from_are_told() {
    let mut lab = two_sites();
    lab.fib(-0.5, "left.gw", Some("core"))
        .fib(-0.5, "core", Some("right.gw"))
        .fib(-0.5, "right.gw", Some("right.n1"))
        .probes("left.c1", 0.0, 10.0, Some("left.n1"))
        .probes("right.c1", 0.0, 10.0, Some("right.n1"))
        .end(10.0);
    let report = lab.report();
    let end = report.catchments.last().unwrap();
    assert_eq!(end.disagreements.len(), 1);
    let found = &end.disagreements[0];
    assert_eq!((found.client.as_str(), found.answered_by.as_str()), ("left.c1", "left.n1"));
    assert_eq!(found.routed_to, ["right.n1"]);
    // With a route missing on the way, nothing can be said.
    lab.fib(-0.1, "core", None);
    assert!(lab.report().catchments.iter().all(|c| c.disagreements.is_empty()));
}
