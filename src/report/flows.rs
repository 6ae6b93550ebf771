//! Flows in words and rows, for every form of the report.

use std::collections::BTreeMap;

use super::page::{BOLD, Cell, DIM, NOTICE, Page, abbreviated, duration, maybe, plural, shortened};
use crate::measure::{FlowReaction, FlowReport, Report};

/// Columns of [`rows`].
pub(crate) const HEAD: [&str; 6] = ["after", "protocol", "open", "broken", "re-established p50", "max"];

/// What a fault did to the flows.
pub(crate) fn reaction(flows: &FlowReaction) -> String {
    let again = match flows.broken_again {
        0 => String::new(),
        count => format!("; {} opened since broke too", plural(count, "flow")),
    };
    if flows.broken == 0 {
        return format!("none of {} broken{again}", plural(flows.alive, "flow"));
    }
    let mut parts = vec![format!("{} of {} broken ({})", flows.broken, plural(flows.alive, "flow"), reasons(flows))];
    let members = flows.members.iter().filter(|(_, counts)| counts.broken > 0);
    let members: Vec<String> =
        members.map(|(name, counts)| format!("{name} {} of {}", counts.broken, counts.alive)).collect();
    parts.push(format!("served by {}", abbreviated(members.into_iter(), 4)));
    let share = 100.0 * flows.broken as f64 / flows.of_their_flows as f64;
    parts.push(format!("{share:.0}\u{a0}% of the flows of {}", plural(flows.clients, "client")));
    let times = format!("re-established p50 {}, max {}", maybe(flows.p50_ms), maybe(flows.max_ms));
    parts.push(match flows.broken - flows.reestablished {
        0 => times,
        open if flows.reestablished == 0 => format!("{open} not re-established"),
        open => format!("{times}, {open} not"),
    });
    parts.join("; ") + &again
}

fn reasons(flows: &FlowReaction) -> String {
    let reasons = flows.reasons.iter().map(|(why, count)| format!("{count} {why}"));
    abbreviated(reasons.collect::<Vec<_>>().into_iter(), 5)
}

/// What is to be said of the whole run.
pub(crate) fn summary(flows: &FlowReport) -> Vec<String> {
    let mut counts = vec![format!("{} of {} open at the end", flows.alive_end, plural(flows.flows, "flow"))];
    counts.push(match flows.broken {
        0 => "none broke".to_owned(),
        broken => {
            let reasons = flows.reasons.iter().map(|(why, count)| format!("{count} {why}"));
            format!("{} ({})", plural(broken, "break"), reasons.collect::<Vec<_>>().join(", "))
        }
    });
    if flows.without_fault > 0 {
        counts.push(format!("{} of them without a fault", flows.without_fault));
    }
    counts.push(format!("{} of {} answered", flows.answered, plural(flows.requests as usize, "request")));
    let mut lines = vec![counts.join("; ")];
    if !flows.multipath.is_empty() {
        let mut routers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (router, hash) in &flows.multipath {
            routers.entry(hash).or_default().push(router.clone());
        }
        let routers =
            routers.into_iter().map(|(hash, names)| format!("by {hash}: {}", abbreviated(names.into_iter(), 4)));
        lines.push(format!("equal-cost multipath {}", routers.collect::<Vec<_>>().join("; ")));
    }
    lines
}

/// A row for each fault and protocol, as [`HEAD`] says.
pub(crate) fn rows(report: &Report) -> Vec<[String; 6]> {
    let of_fault = |fault: &crate::measure::FaultReport| {
        let reaction = fault.flows.clone().unwrap_or_default();
        let rows = reaction.protocols.into_iter().map(|(protocol, counts)| {
            let after = shortened(&fault.fault, 40);
            let (alive, broken) = (counts.alive.to_string(), counts.broken.to_string());
            [after, protocol, alive, broken, maybe(counts.p50_ms), maybe(counts.max_ms)]
        });
        rows.collect::<Vec<_>>()
    };
    report.faults.iter().flat_map(of_fault).collect()
}

/// The text report's part.
pub(crate) fn section(page: &mut Page, report: &Report) {
    let Some(flows) = &report.flows else { return };
    page.blank();
    let (title, unit) = (page.paint(BOLD, "flows"), page.paint(DIM, &transports(flows)));
    page.raw(&format!("{title} {unit}"));
    for line in summary(flows) {
        page.labeled("", &line);
    }
    let rows = rows(report);
    if rows.is_empty() {
        return;
    }
    let indent = || Cell::left(" ".repeat(10));
    let head = HEAD.iter().enumerate().map(|(i, head)| {
        let cell = if i < 2 { Cell::left(*head) } else { Cell::right(head) };
        cell.styled(DIM)
    });
    let mut table = vec![std::iter::once(indent()).chain(head).collect::<Vec<_>>()];
    for row in rows {
        let broken = if row[3] == "0" { anstyle::Style::new() } else { NOTICE };
        let cells = row.into_iter().enumerate().map(|(i, text)| match i {
            0 | 1 => Cell::left(text),
            3 => Cell::right(text).styled(broken),
            _ => Cell::right(text),
        });
        table.push(std::iter::once(indent()).chain(cells).collect());
    }
    page.table(&table);
}

fn transports(flows: &FlowReport) -> String {
    let drawn = flows.protocols.iter().map(|(name, counts)| {
        let opened = counts.alive;
        format!("{name} {opened} opened, {} broken", counts.broken)
    });
    let times = match flows.reestablished {
        0 => String::new(),
        _ => format!(
            " · re-established p50 {}, max {}",
            flows.p50_ms.map_or_else(String::new, duration),
            maybe(flows.max_ms)
        ),
    };
    format!("· {}{times}", drawn.collect::<Vec<_>>().join(", "))
}
