//! The expectations as JUnit XML, for continuous integration: `junit.xml`.
//!
//! It keeps to what the schemas of Jenkins and of Maven Surefire have in common. A test case takes as long
//! as the stretch of play that it judges.

use std::fmt::Write;

use super::svg::escape;
use super::text::{incomplete, when};
use crate::measure::{Outcome, Report, RunVerdict, Verdict};

/// Draws the file. A run whose numbers mean nothing has an error, in a test case of its own.
pub fn junit(report: &Report) -> String {
    let count = |outcome| report.expectations.iter().filter(|e| e.verdict == outcome).count();
    let trouble = trouble(report);
    let tests = report.expectations.len() + usize::from(trouble.is_some());
    let counts = format!(
        "tests=\"{tests}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\"",
        count(Outcome::Fail),
        usize::from(trouble.is_some()),
        count(Outcome::Skipped),
        seconds(report.play_seconds.unwrap_or(0.0))
    );
    let lab = escape(&report.lab);
    let suites = counts.split(" skipped").next().unwrap_or_default();
    let mut xml = format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"anybed\" {suites}>\n");
    // Writing to a string cannot fail.
    let _ = writeln!(xml, "  <testsuite name=\"{lab}\" {counts}>\n    <properties>");
    let seed = report.seed.to_string();
    let properties = [("seed", &seed), ("command", &report.command), ("anybed", &report.anybed)];
    for (name, value) in properties.into_iter().chain([("bird", &report.bird), ("kernel", &report.kernel)]) {
        let _ = writeln!(xml, "      <property name=\"{name}\" value=\"{}\"/>", escape(value));
    }
    xml += "    </properties>\n";
    if let Some((kind, why)) = trouble {
        let _ = writeln!(xml, "    <testcase name=\"the run counts\" classname=\"{lab}\" time=\"0.000\">");
        let _ = writeln!(xml, "      <error type=\"{kind}\" message=\"{0}\">{0}</error>", escape(&why));
        xml += "    </testcase>\n";
    }
    for verdict in &report.expectations {
        case(&mut xml, report, &lab, verdict);
    }
    xml + "  </testsuite>\n</testsuites>\n"
}

fn case(xml: &mut String, report: &Report, lab: &str, verdict: &Verdict) {
    let took = match (verdict.from, verdict.to) {
        (Some(from), Some(to)) => to - from,
        _ => report.play_seconds.unwrap_or(0.0),
    };
    let (name, took) = (escape(&verdict.name), seconds(took));
    let _ = write!(xml, "    <testcase name=\"{name}\" classname=\"{lab}\" time=\"{took}\"");
    let observed = escape(&verdict.observed);
    let judged = escape(&when(verdict).replace('\u{a0}', " "));
    let _ = match verdict.verdict {
        Outcome::Pass => writeln!(xml, "/>"),
        Outcome::Fail => writeln!(
            xml,
            ">\n      <failure type=\"expectation\" message=\"observed: {observed}\">observed: {observed}\njudged: \
             {judged}</failure>\n    </testcase>"
        ),
        Outcome::Skipped => writeln!(xml, ">\n      <skipped message=\"{observed}\"/>\n    </testcase>"),
    };
}

/// Why nothing of the run counts, if that is so.
fn trouble(report: &Report) -> Option<(&'static str, String)> {
    match report.verdict {
        RunVerdict::Invalid => Some(("invalid", report.fidelity.reasons.join("; "))),
        RunVerdict::Incomplete => Some(("incomplete", incomplete(report).unwrap_or_default())),
        RunVerdict::Pass | RunVerdict::Fail => None,
    }
}

fn seconds(value: f64) -> String {
    format!("{:.3}", value.max(0.0))
}
