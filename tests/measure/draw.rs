//! The report as people and as scripts read it.

use anybed::anycast::Means;
use anybed::measure::{Report, report};
use anybed::record::{NodeDid, What};
use anybed::report::{json, text};
use anybed::scenario::{Op, Value, When};
use serde_json::Value as Json;

use crate::metric::metric;
use crate::synthetic::{Synthetic, key, neighbors, waited};

fn phase(name: &str, seconds: f64, note: &str) -> What {
    What::Phase { name: name.into(), seconds, note: note.into() }
}

/// Two sites of a plain group; one is cut off and comes back.
pub(crate) fn two_sites() -> Synthetic {
    let mut lab = Synthetic::new("two-sites")
        .stubs(&[("left", &["n1"], &["c1", "c2"]), ("right", &["n1"], &["c1"])])
        .group("web");
    lab.at(-1.5, phase("network", 0.021, "8 namespaces, 7 links"));
    lab.at(-0.1, phase("routing", 1.31, "6 sessions up, 198.51.100.1/32 in 5 of 5 FIBs"));
    for client in ["left.c1", "left.c2"] {
        lab.probes(client, 0.0, 20.0, Some("left.n1"))
            .probes(client, 20.0, 20.4, None)
            .probes(client, 20.4, 40.3, Some("right.n1"))
            .probes(client, 40.3, 60.0, Some("left.n1"));
    }
    lab.probes("right.c1", 0.0, 60.0, Some("right.n1"));
    lab.fault(20.0, "crash left.n1 bird").fib(20.0031, "left.gw", None).fib(20.37, "left.gw", Some("core"));
    lab.fault(40.0, "restart left.n1 bird").fib(40.25, "left.gw", Some("left.n1"));
    lab.at(60.0, waited(1.4));
    let lost = metric("lost probes");
    lab.expect_named("few probes are lost", lost.clone(), Op::Lt, Value::Number(10.0), When::End);
    lab.expect_named("no probe is lost", lost, Op::Eq, Value::Number(0.0), When::End);
    let catchment = metric("catchment of left.c1");
    lab.expect_named(
        "c1 comes home",
        catchment,
        Op::Eq,
        Value::Name("left".into()),
        When::At { at: 40.0, within: 2.0 },
    );
    lab.end(60.0);
    lab
}

/// Members of an overlay; the first stub fails and recovers, and the colors bring it back.
pub(crate) fn stub_failure() -> Synthetic {
    const CAMPUS: [&str; 2] = ["campus.n1", "campus.n2"];
    const OTHERS: [&str; 4] = ["denver.n1", "denver.n2", "sea.n1", "sea.n2"];
    let all: Vec<&str> = CAMPUS.iter().chain(&OTHERS).copied().collect();
    let mut lab = Synthetic::new("stub-failure")
        .stubs(&[("campus", &["n1", "n2"], &["c1"]), ("denver", &["n1", "n2"], &[]), ("sea", &["n1", "n2"], &["c1"])])
        .group("music")
        .overlay("music", &all);
    lab.at(-1.0, phase("network", 0.09, "12 namespaces, 11 links"));
    lab.joined(1.0, all[0], None);
    for (i, host) in all.iter().enumerate().skip(1) {
        lab.joined(1.0 + i as f64 / 10.0, host, Some(all[i / 3]));
    }
    lab.ring(2.0, &all);
    lab.at(10.0, What::Put { overlay: "music".into(), stored: 240, failed: 0, seconds: 0.3 });
    lab.probes("campus.c1", 0.0, 60.0, Some("campus.n2")).probes("sea.c1", 0.0, 60.0, Some("sea.n1"));
    lab.fault(20.0, "fail campus")
        .at(20.0011, What::Carrier { node: "campus.gw".into(), interface: "core".into(), up: false });
    lab.fib(20.0097, "core", Some("sea.gw")).ring(23.0, &CAMPUS).ring(23.4, &OTHERS);
    lab.fault(40.0, "recover campus").fib(41.2, "core", Some("campus.gw"));
    lab.did(41.9, "campus.n2", NodeDid::Contact { peer: "sea.n1".into(), by: Means::Color, color: Some(7) })
        .did(42.0, "campus.n2", neighbors(&["denver.n1", "campus.n1"], Some("campus.n1"), &[]))
        .ring(44.1, &all);
    lab.at(
        50.0,
        What::Audit { overlay: "music".into(), found: 239, missing: vec!["k17".into()], conflicts: 2, seconds: 0.3 },
    );
    for i in 0..50 {
        let at = 5.0 + f64::from(i);
        lab.looked(at, all[i as usize % 6], key(3), (i % 17 != 3).then_some("denver.n2"));
    }
    let islands = || metric("islands of music");
    lab.expect_named(
        "two islands meanwhile",
        islands(),
        Op::Eq,
        Value::Number(2.0),
        When::At { at: 20.0, within: 10.0 },
    );
    lab.expect_named("one island again", islands(), Op::Eq, Value::Number(1.0), When::End);
    lab.end(60.0);
    lab
}

#[test]
fn two_sites_in_text() {
    insta::assert_snapshot!(text(&two_sites().report(), false));
}

#[test]
fn a_stub_failure_in_text() {
    insta::assert_snapshot!(text(&stub_failure().report(), false));
}

#[test]
fn an_empty_lab_has_no_noise() {
    let mut lab = Synthetic::new("empty").stubs(&[("left", &["n1"], &[])]);
    lab.end(1.0);
    assert_eq!(
        text(&lab.report(), false),
        "empty · seed 1 · 1 router, 1 stub, 1 member, 2 links\n\npass  nothing was expected\n"
    );
}

#[test]
fn many_clients_are_counted_instead_of_named() {
    let clients: Vec<String> = (0..40).map(|i| format!("c{i}")).collect();
    let names: Vec<&str> = clients.iter().map(String::as_str).collect();
    let mut lab = Synthetic::new("many").stubs(&[("left", &["n1"], &names), ("right", &["n1"], &[])]).group("web");
    for (i, client) in clients.iter().enumerate() {
        let client = format!("left.{client}");
        lab.probes(&client, 0.0, 5.0, Some("left.n1"));
        lab.probes(&client, 5.0, 9.0, Some(if i < 30 { "right.n1" } else { "left.n1" }));
    }
    lab.fault(5.0, "withdraw left.n1").end(9.0);
    insta::assert_snapshot!(text(&lab.report(), false));
}

#[test]
fn an_invalid_and_an_incomplete_run_say_why() {
    let mut lab = Synthetic::new("doubtful");
    lab.at(1.0, waited(350.0));
    lab.at(1.5, What::Refused { action: "cut a-b".into(), reason: "it is already cut".into() });
    lab.end(2.0);
    insta::assert_snapshot!(text(&lab.report(), false));
    lab.events.pop();
    assert!(
        text(&lab.report(), false).ends_with("incomplete  nothing was expected · the record stops without an end\n")
    );
}

#[test]
fn color_adds_escapes_and_nothing_else() {
    for report in [two_sites().report(), stub_failure().report()] {
        let colored = text(&report, true);
        let stripped = anstream::adapter::strip_str(&colored).to_string();
        assert!(colored.contains("\u{1b}["));
        // Trailing blanks may hide behind an escape.
        let trimmed: String = stripped.lines().map(|l| l.trim_end().to_owned() + "\n").collect();
        assert_eq!(trimmed, text(&report, false));
    }
}

#[test]
fn lines_fit_a_hundred_columns() {
    for report in [two_sites().report(), stub_failure().report()] {
        for line in text(&report, false).lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
    }
}

/// The names that scripts rely on.
#[test]
fn the_json_form_keeps_its_names() {
    let lab = stub_failure();
    let drawn = json(&lab.report());
    assert!(drawn.ends_with("}\n"));
    let json: Json = serde_json::from_str(&drawn).unwrap();
    let has = |pointer: &str, names: &[&str]| {
        let object =
            json.pointer(pointer).and_then(Json::as_object).unwrap_or_else(|| panic!("{pointer} is an object"));
        for name in names {
            assert!(object.contains_key(*name), "{pointer} has {name}");
        }
    };
    has("", &["schema", "lab", "seed", "verdict", "phases", "nodes", "catchments", "faults", "overlays"]);
    has("", &["expectations", "fidelity"]);
    has("/phases/0", &["name", "seconds"]);
    has("/nodes", &["routers", "hosts", "clients"]);
    has("/catchments/0", &["at", "group", "clients", "disagreements"]);
    has("/faults/0", &["at", "fault", "detect_ms", "last_fib_change_ms", "first_reply_ms", "lost"]);
    has("/overlays/music", &["protocol", "members", "islands_max", "islands_end", "merge_seconds", "joins", "lookups"]);
    has("/overlays/music/joins", &["ok", "failed", "p50_ms", "p99_ms", "served_by"]);
    has("/overlays/music/lookups", &["sent", "ok", "wrong", "hops_mean"]);
    has("/expectations/0", &["name", "verdict", "observed"]);
    has("/fidelity", &["valid", "worst_sched_delay_ms"]);
    assert_eq!(json["verdict"], "pass");
    assert_eq!(json["catchments"][0]["group"], "198.51.100.1");
    assert_eq!(json["overlays"]["music"]["protocol"], "chord");
}

#[test]
fn a_report_reads_back_and_a_record_always_gives_the_same_one() {
    let lab = stub_failure();
    let drawn = json(&lab.report());
    assert_eq!(serde_json::from_str::<Report>(&drawn).unwrap(), lab.report());
    // Lines of different times may come in any order.
    let mut lines: Vec<String> = lab.lines().lines().map(|l| l.to_owned() + "\n").collect();
    let swap = lines.len() - 40;
    lines.swap(swap, swap + 20);
    let again = anybed::record::Record::from_reader(lines.concat().as_bytes()).unwrap();
    assert_eq!(json(&report(&again)), drawn);
}
