//! The report as Markdown, for the summaries of continuous integration.

use std::fmt::Write;

use super::effects;
use super::flows;
use super::html::verdict_word;
use super::page::{duration, maybe, moment, plural};
use super::text::{counts, incomplete, when};
use crate::measure::{FaultReport, Outcome, Report};

/// Draws verdict, faults, overlays and expectations.
pub fn markdown(report: &Report) -> String {
    let passed = report.passed();
    let mut lines = format!("## {}: {}\n\n", cell(&report.lab), verdict_word(report.verdict));
    lines += &match report.expectations.len() {
        0 => "Nothing was expected".to_owned(),
        all => format!("{passed} of {}", plural(all, "expectation")),
    };
    let why = incomplete(report).into_iter().chain([counts(report)]).filter(|part| !part.is_empty());
    lines += &why.map(|part| format!(" · {part}")).collect::<String>();
    let _ = writeln!(lines, "\n\n`{}` · seed {} · BIRD {}", report.command, report.seed, report.bird);
    for reason in &report.fidelity.reasons {
        let _ = writeln!(lines, "\n> **Not valid:** {reason}");
    }
    for refused in &report.refused {
        let _ = writeln!(lines, "\n> **Refused** at {}, {}: {}", moment(refused.at), refused.action, refused.reason);
    }
    if !report.faults.is_empty() {
        let head = [
            "at",
            "fault",
            "noticed",
            "last route change",
            "loops",
            "black holes",
            "updates",
            "moved",
            "lost probes",
            "answered by",
        ];
        table(&mut lines, "Faults", &head, report.faults.iter().map(fault));
    }
    if !report.loads.is_empty() {
        let head = ["group", "clients", "requests", "a second", "sites", "fairness"];
        let rows = report.loads.iter().map(|l| {
            let counts = [l.clients, l.requests].map(|n| n.to_string());
            let rest =
                [format!("{:.1}", l.requests_per_second), l.members.len().to_string(), effects::index(l.fairness)];
            std::iter::once(l.group.clone()).chain(counts).chain(rest).collect()
        });
        table(&mut lines, "Load", &head, rows);
    }
    if !report.stretches.is_empty() {
        let head = ["at", "group", "", "source"].into_iter().chain(effects::STRETCH_HEADS).collect::<Vec<_>>();
        let rows = report.stretches.iter().map(|s| {
            let of = [moment(s.at), s.group.clone(), effects::of_moment(s), effects::source(s.source).to_owned()];
            of.into_iter().chain(effects::stretch_row(s)).collect()
        });
        table(&mut lines, "Stretch", &head, rows);
    }
    if let Some(flows) = &report.flows {
        let rows = flows::rows(report).into_iter().map(|row| row.to_vec());
        table(&mut lines, "Flows", &flows::HEAD, rows);
        let _ = writeln!(lines, "\n{}", flows::summary(flows).join(" · "));
    }
    if !report.overlays.is_empty() {
        let head = ["overlay", "members", "islands, most", "at the end", "lookups", "failed", "wrong", "p99"];
        let rows = report.overlays.iter().map(|(name, o)| {
            let total = &o.lookups.total;
            let numbers = [o.members, o.islands_max, o.islands_end, total.sent, total.failed, total.wrong];
            let numbers = numbers.iter().map(ToString::to_string);
            std::iter::once(name.clone()).chain(numbers).chain([maybe(total.p99_ms)]).collect()
        });
        table(&mut lines, "Overlays", &head, rows);
    }
    if !report.expectations.is_empty() {
        let rows = report.expectations.iter().map(|e| {
            let word = match e.verdict {
                Outcome::Pass => "pass",
                Outcome::Fail => "**fail**",
                Outcome::Skipped => "skipped",
            };
            vec![word.to_owned(), e.name.clone(), when(e), e.observed.clone()]
        });
        table(&mut lines, "Expectations", &["", "expected", "judged", "observed"], rows);
    }
    lines.replace('\u{a0}', " ")
}

fn fault(fault: &FaultReport) -> Vec<String> {
    let after = |ms: Option<f64>| ms.map_or_else(|| "–".to_owned(), |ms| format!("+{}", duration(ms)));
    vec![
        moment(fault.at),
        fault.fault.clone(),
        after(fault.detect_ms),
        after(fault.last_fib_change_ms),
        fault.loops.to_string(),
        fault.blackholes.to_string(),
        fault.updates.as_ref().map_or_else(|| "–".to_owned(), |u| u.messages.to_string()),
        fault.moved.len().to_string(),
        format!("{} of {}", fault.lost, fault.probes),
        after(fault.first_reply_ms),
    ]
}

pub(super) fn table(lines: &mut String, title: &str, head: &[&str], rows: impl Iterator<Item = Vec<String>>) {
    // Writing to a string cannot fail.
    let _ = writeln!(lines, "\n### {title}\n\n| {} |", head.join(" | "));
    let _ = writeln!(lines, "|{}", "---|".repeat(head.len()));
    for row in rows {
        let cells: Vec<String> = row.iter().map(|text| cell(text)).collect();
        let _ = writeln!(lines, "| {} |", cells.join(" | "));
    }
}

/// Text that cannot end its cell or begin markup; the emphasis of our own words stays.
pub(super) fn cell(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;").replace(['\n', '\r'], " ");
    text.replace('`', "\\`").replace('_', "\\_")
}
