//! Records that builds before this one wrote: they are read, and say what they said.

use std::path::Path;

use anybed::measure::report;
use anybed::record::Record;
use anybed::report::{json, text};

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
