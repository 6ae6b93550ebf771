//! What faults did to clients and sites, in words and rows: load, fairness, flips, stretch.

use std::collections::BTreeSet;

use crate::measure::{GroupLoad, LoadChange, Report, Shares, Source, Stretch};
use crate::report::page::{BOLD, Cell, DIM, Page, abbreviated, duration, moment, plural, shortened};

/// Sites named in one line.
const MOST_SITES: usize = 4;
/// Rows of a table of stretches: the first ones and the last.
const MOST_ROWS: usize = 12;

/// `near.n1 2 → 0, far.n1 1 → 3; fairness 0.90 → 0.50`; `None`: every site has as many clients as before.
pub(crate) fn load_change(change: &LoadChange) -> Option<String> {
    let (before, after) = (&change.before, &change.after);
    if before.clients == after.clients && before.unanswered == after.unanswered {
        return None;
    }
    let sites: BTreeSet<&String> = before.clients.keys().chain(after.clients.keys()).collect();
    let number = |spread: &Shares, site: &str| spread.clients.get(site).copied();
    let mut changed: Vec<(&str, Option<usize>, Option<usize>)> = sites
        .into_iter()
        .map(|site| (site.as_str(), number(before, site), number(after, site)))
        .filter(|(_, was, is)| was != is)
        .collect();
    changed.sort_by_key(|(_, was, is)| std::cmp::Reverse(was.unwrap_or(0).abs_diff(is.unwrap_or(0))));
    // A site that is no longer one is told from one without clients.
    let count = |count: Option<usize>| count.map_or_else(|| "gone".to_owned(), |n| n.to_string());
    let drawn = changed.iter().map(|(site, was, is)| {
        let was = was.map_or_else(|| "new".to_owned(), |n| n.to_string());
        format!("{site} {was} → {}", count(*is)).replace(' ', "\u{a0}")
    });
    let mut parts = vec![abbreviated(drawn, MOST_SITES)];
    if before.unanswered != after.unanswered {
        parts.push(format!("without an answer {} → {}", before.unanswered, after.unanswered));
    }
    if before.fairness != after.fairness {
        parts.push(format!("fairness {} → {}", index(before.fairness), index(after.fairness)));
    }
    Some(parts.join("; "))
}

/// Jain's index: `0.90`.
pub(crate) fn index(fairness: Option<f64>) -> String {
    fairness.map_or_else(|| "–".to_owned(), |value| format!("{value:.2}"))
}

/// What a group's members were asked over the run: `2399 requests, 150 a second: far.n1 59 %, near.n1 41 %; …`
pub(crate) fn load(load: &GroupLoad) -> String {
    let requests = plural(load.requests, "request");
    if load.requests == 0 {
        return requests;
    }
    let mut members: Vec<_> = load.members.iter().collect();
    members.sort_by_key(|(name, m)| (std::cmp::Reverse(m.requests), *name));
    let share = |count: usize| format!("{:.0}\u{a0}%", 100.0 * count as f64 / load.requests as f64);
    let drawn = members.iter().map(|(name, m)| format!("{name}\u{a0}{}", share(m.requests)));
    let sites = plural(members.len(), "site");
    let rate = load.requests_per_second;
    let rate = if rate < 9.95 { format!("{rate:.1}") } else { format!("{rate:.0}") };
    let spread = abbreviated(drawn, MOST_SITES);
    format!("{requests}, {rate} a second: {spread}; fairness {} over {sites}", index(load.fairness))
}

/// `4 by 2 of 3 clients, the last at 9.2 s`; `None`: nobody.
pub(crate) fn flips(report: &Report) -> Option<String> {
    let last = report.flips.iter().flat_map(|c| c.flips.last()).map(|f| f.at).max_by(f64::total_cmp)?;
    let all: usize = report.flips.iter().map(|c| c.flips.len()).sum();
    let clients: BTreeSet<&str> = report.flips.iter().map(|c| c.client.as_str()).collect();
    let most = report.flips.iter().max_by_key(|c| (c.flips.len(), std::cmp::Reverse(&c.client)))?;
    let most = format!("most by {} ({})", most.client, most.flips.len());
    Some(format!("{all} by {}, {most}, the last at {}", plural(clients.len(), "client"), moment(last)))
}

/// One line for every group, and one for flips.
pub(crate) fn load_lines(report: &Report) -> Vec<(String, String)> {
    let label = |group: &str| if report.loads.len() > 1 { group.to_owned() } else { "load".to_owned() };
    let mut lines: Vec<(String, String)> = report.loads.iter().map(|l| (label(&l.group), load(l))).collect();
    lines.extend(flips(report).map(|line| ("flips".to_owned(), line)));
    lines
}

pub(crate) fn draw_loads(page: &mut Page, report: &Report) {
    let lines = load_lines(report);
    if report.loads.iter().all(|l| l.requests == 0) {
        return;
    }
    page.blank();
    for (label, line) in lines {
        page.labeled(&label, &line);
    }
}

/// `1.20`, `12.5`.
pub(crate) fn factor(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), |v| if v < 9.995 { format!("{v:.2}") } else { format!("{v:.1}") })
}

pub(crate) fn source(source: Source) -> &'static str {
    match source {
        Source::Measured => "measured",
        Source::Derived => "derived from configured delays",
    }
}

/// Which moment a stretch is of.
pub(crate) fn of_moment(stretch: &Stretch) -> String {
    stretch.after.as_ref().map_or_else(|| "at first".to_owned(), |after| format!("after {after}"))
}

/// A row: stretch p50, p90, p99, inflation p50, p90, clients at their best site.
pub(crate) fn stretch_row(stretch: &Stretch) -> [String; 6] {
    let inflation = |ms: Option<f64>| {
        ms.map_or_else(|| "–".to_owned(), |ms| format!("{}{}", if ms < 0.0 { "" } else { "+" }, duration(ms)))
    };
    [
        factor(stretch.p50),
        factor(stretch.p90),
        factor(stretch.p99),
        inflation(stretch.inflation_p50_ms),
        inflation(stretch.inflation_p90_ms),
        format!("{} of {}", stretch.at_best, stretch.clients),
    ]
}

pub(crate) const STRETCH_HEADS: [&str; 6] = ["p50", "p90", "p99", "longer p50", "p90", "at best site"];

/// One table for every group.
pub(crate) fn draw_stretches(page: &mut Page, report: &Report) {
    let groups: BTreeSet<&str> = report.stretches.iter().map(|s| s.group.as_str()).collect();
    for group in groups {
        let mut of_group: Vec<&Stretch> = report.stretches.iter().filter(|s| s.group == group).collect();
        page.blank();
        let title = page.paint(BOLD, &format!("stretch of {group}"));
        let about = of_group.first().map_or("", |s| source(s.source));
        page.raw(&format!("{title} {}", page.paint(DIM, &format!("· {about}"))));
        let hidden = of_group.len().saturating_sub(MOST_ROWS);
        of_group.drain(1..=hidden);
        let mut rows = vec![vec![Cell::left(" ".repeat(10)), Cell::left("")]];
        rows[0].extend(STRETCH_HEADS.map(|head| Cell::right(head).styled(DIM)));
        rows.extend(of_group.iter().map(|s| {
            let named = [Cell::right(moment(s.at)).styled(DIM), Cell::left(shortened(&of_moment(s), 30))];
            named.into_iter().chain(stretch_row(s).map(Cell::right)).collect()
        }));
        page.table(&rows);
        if hidden > 0 {
            page.labeled("", &format!("{hidden} more are in report.json"));
        }
    }
}
