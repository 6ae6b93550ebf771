//! Records that builds before this one wrote: they are read, and say what they said.

use std::path::Path;

use anybed::measure::report;
use anybed::record::Record;
use anybed::report::{json, text};
use anybed::scenario::Metric;

use crate::metric::metric;

#[test]
fn records_without_kinds_make_the_same_report() {
    for lab in ["two-sites", "flood", "faults"] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/records").join(lab);
        let then = |file: &str| std::fs::read_to_string(folder.join(file)).unwrap();
        assert!(!then("events.jsonl").contains("\"deed\""), "{lab}: a record from before there were kinds");
        let report = report(&Record::read(&folder.join("events.jsonl")).unwrap());
        assert_eq!(json(&report).trim(), then("report.json").trim(), "{lab}");
        assert_eq!(text(&report, false).trim(), then("report.txt").trim(), "{lab}");
    }
}

/// As serde wrote them when metrics were an enum.
const METRICS: [(&str, &str); 41] = [
    (r#"{"joins":"music"}"#, "joins of music"),
    (r#"{"failed-joins":"music"}"#, "failed joins of music"),
    (r#"{"members":"music"}"#, "members of music"),
    (r#"{"islands":"music"}"#, "islands of music"),
    (r#"{"whole":"music"}"#, "whole of music"),
    (r#"{"merge":"music"}"#, "merge of music"),
    (r#"{"lookups":["music",null]}"#, "lookups of music"),
    (r#"{"lookups":["music","east"]}"#, "lookups of music from east"),
    (r#"{"lookup-success":["music","east"]}"#, "lookup success of music from east"),
    (r#"{"wrong-lookups":["music",null]}"#, "wrong lookups of music"),
    (r#"{"missing-keys":"music"}"#, "missing keys of music"),
    (r#"{"found-keys":"music"}"#, "found keys of music"),
    (r#"{"conflicting-keys":"music"}"#, "conflicting keys of music"),
    (r#"{"flood-gain":"music"}"#, "flood gain of music"),
    (r#"{"outage":["east.c1","web"]}"#, "outage of east.c1 for web"),
    (r#"{"round-trip":["east.n1","west.n1"]}"#, "rtt of east.n1 to node west.n1"),
    (r#""round-trip-error""#, "rtt error"),
    (r#"{"disagreements":"web"}"#, "disagreements of web"),
    (r#"{"catchment":["east.c1",null]}"#, "catchment of east.c1"),
    (r#""moved-clients""#, "moved clients"),
    (r#"{"lost-probes":null}"#, "lost probes"),
    (r#"{"lost-probes":"east.c1"}"#, "lost probes of east.c1"),
    (r#"{"stretch":["p50",null]}"#, "stretch p50"),
    (r#"{"stretch":["p90","web"]}"#, "stretch p90 of web"),
    (r#"{"stretch":["p99",null]}"#, "stretch p99"),
    (r#"{"best-site":null}"#, "best site"),
    (r#"{"fairness":"web"}"#, "fairness of web"),
    (r#"{"load":["east",null]}"#, "load of east"),
    (r#"{"load":["east","web"]}"#, "load of east for web"),
    (r#"{"flips":null}"#, "flips"),
    (r#"{"as-path":["east.c1",{"group":"web"}]}"#, "as path of east.c1 to group web"),
    (r#"{"hops":["east.c1",{"node":"west.n1"}]}"#, "hops of east.c1 to node west.n1"),
    (r#"{"reachable":["east.c1",{"group":"web"}]}"#, "reachable of east.c1 to group web"),
    (r#"{"routes":"east.gw"}"#, "routes of east.gw"),
    (r#"{"loops":null}"#, "loops"),
    (r#"{"blackholes":"web"}"#, "blackholes of web"),
    (r#""updates""#, "updates"),
    (r#"{"broken-flows":null}"#, "broken flows"),
    (r#"{"affinity":"east.c1"}"#, "affinity of east.c1"),
    (r#"{"flow-members":"east.c1"}"#, "flow members of east.c1"),
    (r#"{"name":"load","of":"east","for":"web"}"#, "load of east for web"),
];

#[test]
fn metrics_are_read_in_old_words_and_written_in_new_ones() {
    for (old, now) in METRICS {
        let read: Metric = serde_json::from_str(old).unwrap_or_else(|e| panic!("{old}: {e}"));
        assert_eq!(read, metric(now), "{old}");
        let written = serde_json::to_string(&read).unwrap();
        assert!(written.starts_with(&format!(r#"{{"name":"{}""#, read.row.name)), "{written}");
        assert_eq!(serde_json::from_str::<Metric>(&written).unwrap(), read);
    }
    assert!(serde_json::from_str::<Metric>(r#"{"fame":"music"}"#).is_err());
}
