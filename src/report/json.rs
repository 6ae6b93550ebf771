//! The report as JSON: `report.json`.

use crate::measure::Report;

/// Pretty-printed, with a newline at its end.
pub fn json(report: &Report) -> String {
    let mut text = serde_json::to_string_pretty(report).expect("a report has string keys and plain values only");
    text.push('\n');
    text
}
