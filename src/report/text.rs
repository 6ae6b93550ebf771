//! The report as text, for a terminal of 100 columns.

use crate::measure::{Audit, Outcome, OverlayReport, Report, RoundTrip, RunVerdict, SearchReport};
use crate::report::catchments::catchments;
use crate::report::effects;
use crate::report::faults::{draw_fault, found};
use crate::report::flows;
use crate::report::machine::machine;
use crate::report::page::{
    BAD, BOLD, Cell, DIM, GOOD, NOTICE, Page, abbreviated, duration, maybe, moment, plural, shortened,
};
use crate::report::predicted::predictions;
use crate::report::surveys::surveys;

/// Draws a report; with `color`, in the terminal's colors.
pub fn text(report: &Report, color: bool) -> String {
    let mut page = Page::new(color);
    head(&mut page, report);
    for fault in &report.faults {
        draw_fault(&mut page, report, fault);
    }
    catchments(&mut page, report);
    effects::draw_loads(&mut page, report);
    effects::draw_stretches(&mut page, report);
    flows::section(&mut page, report);
    surveys(&mut page, report);
    predictions(&mut page, report);
    round_trips(&mut page, report);
    for (name, overlay) in &report.overlays {
        lookups(&mut page, name, overlay);
    }
    expectations(&mut page, report);
    trust(&mut page, report);
    bottom(&mut page, report);
    page.finish()
}

fn head(page: &mut Page, report: &Report) {
    let counts = counts(report);
    let counts = if counts.is_empty() { counts } else { format!(" · {counts}") };
    let name = page.paint(BOLD, &report.lab);
    page.raw(&format!("{name} · seed {}{counts}", report.seed));
    for phase in &report.phases {
        page.labeled(&phase.name, &format!("{:\u{a0}>7}   {}", duration(phase.seconds * 1e3), phase.note));
    }
    for (name, overlay) in &report.overlays {
        let joins = &overlay.joins;
        if joins.ok + joins.failed > 0 {
            page.labeled("joined", &format!("{}{}", prefix(report, name), joined(overlay)));
        }
    }
}

/// `11 routers, 6 stubs, 51 links`.
pub(crate) fn counts(report: &Report) -> String {
    let nodes = report.nodes;
    let counts = [
        (nodes.routers, "router"),
        (nodes.stubs, "stub"),
        (nodes.members, "member"),
        (nodes.clients, "client"),
        (report.links, "link"),
    ];
    let counts: Vec<String> = counts.iter().filter(|(n, _)| *n > 0).map(|(n, noun)| plural(*n, noun)).collect();
    counts.join(", ")
}

/// The overlay's name, if there are several to tell apart.
fn prefix(report: &Report, overlay: &str) -> String {
    if report.overlays.len() > 1 { format!("{overlay}: ") } else { String::new() }
}

pub(crate) fn joined(overlay: &OverlayReport) -> String {
    let joins = &overlay.joins;
    let by = &overlay.bootstrap;
    let mut parts = vec![if joins.ok > overlay.hosts {
        format!("{} by {by} of {}", plural(joins.ok, "join"), plural(overlay.hosts, "host"))
    } else {
        format!("{} of {} by {by}", joins.ok, overlay.hosts)
    }];
    if joins.ok > 0 {
        parts.push(format!("p50 {}, p99 {}", maybe(joins.p50_ms), maybe(joins.p99_ms)));
    }
    let there = &joins.with_members;
    if (1..joins.ok).contains(&there.joined) {
        let times = format!("p50 {}, p99 {}", maybe(there.p50_ms), maybe(there.p99_ms));
        parts.push(format!("of the {} who found a member there {times}", there.joined));
    }
    if let Some((most, count)) = joins.served_by.iter().max_by_key(|(name, count)| (**count, std::cmp::Reverse(*name)))
    {
        let servers = plural(joins.served_by.len(), "member");
        parts.push(if joins.served_by.len() > 1 {
            format!("served by {servers}, most by {most} ({count})")
        } else {
            format!("served by {most}")
        });
    }
    if let Some(most) = joins.balance.max_over_mean.filter(|_| joins.balance.over > 1) {
        parts.push(format!(
            "{most:.1}\u{a0}times the mean at most, fairness {}",
            effects::index(joins.balance.fairness)
        ));
    }
    if joins.retries > 0 {
        parts.push(plural(joins.retries as usize, "request") + " repeated");
    }
    if joins.failed > 0 {
        parts.push(format!("{} failed", joins.failed));
    }
    parts.join(", ")
}

/// The pairs pinged: how many, and the one that is farthest from what is configured.
fn round_trips(page: &mut Page, report: &Report) {
    let pairs = &report.round_trips;
    let Some(worst) = pairs.iter().max_by(|a, b| f64::total_cmp(&error(a), &error(b))) else { return };
    page.blank();
    let of = format!("{} to {}", worst.from, worst.to);
    let drawn = match worst.rtt_ms {
        None => format!("{} pinged; {of}: no answer", plural(pairs.len(), "pair")),
        Some(rtt) => format!(
            "{} pinged; farthest from the configured delay: {of}, {rtt:.2} ms against {:.2} ms",
            plural(pairs.len(), "pair"),
            worst.configured_ms
        ),
    };
    page.labeled("distance", &drawn);
}

/// A pair that does not answer is farther off than any.
fn error(pair: &RoundTrip) -> f64 {
    pair.error.unwrap_or(f64::INFINITY)
}

fn lookups(page: &mut Page, name: &str, overlay: &OverlayReport) {
    let total = &overlay.lookups.total;
    let keys = &overlay.keys;
    if total.sent == 0 && keys.stored + keys.failed == 0 && keys.audits.is_empty() && overlay.searches.is_none() {
        return;
    }
    page.blank();
    let (title, about) = (page.paint(BOLD, name), page.paint(DIM, &format!("· {}", overlay.protocol)));
    page.raw(&format!("{title} {about}"));
    if total.sent > 0 {
        let hops = total.hops_mean.map_or(String::new(), |h| format!(", {h:.1} hops on average"));
        let counts = format!("{} of {} right{hops}", total.ok, plural(total.sent, "lookup"));
        page.labeled("lookups", &counts);
        page.table(&lookup_table(overlay));
    }
    if keys.stored + keys.failed > 0 || !keys.audits.is_empty() {
        page.labeled("keys", &draw_keys(overlay));
    }
    if let Some(searches) = &overlay.searches {
        page.labeled("searches", &draw_searches(searches));
    }
}

fn lookup_table(overlay: &OverlayReport) -> Vec<Vec<Cell>> {
    let heads = ["sent", "ok", "failed", "wrong", "p50", "p99"];
    let indent = || Cell::left(" ".repeat(10));
    let mut rows = vec![vec![indent(), Cell::left("")]];
    rows[0].extend(heads.map(|h| Cell::right(h).styled(DIM)));
    let lookups = &overlay.lookups;
    let phases = lookups.phases.iter().map(|p| {
        let after = p.after.as_deref().map_or("from the begin".to_owned(), |after| format!("after {after}"));
        (shortened(&after, 36), &p.counts)
    });
    let whole = (lookups.phases.len() != 1).then(|| ("in all".to_owned(), &lookups.total));
    for (label, counts) in phases.chain(whole) {
        let alarming = |count: usize| Cell::right(count).styled(if count > 0 { NOTICE } else { anstyle::Style::new() });
        rows.push(vec![
            indent(),
            Cell::left(label),
            Cell::right(counts.sent),
            Cell::right(counts.ok),
            alarming(counts.failed),
            alarming(counts.wrong),
            Cell::right(maybe(counts.p50_ms)),
            Cell::right(maybe(counts.p99_ms)),
        ]);
    }
    rows
}

pub(crate) fn draw_searches(searches: &SearchReport) -> String {
    let SearchReport { ended, found, missed, apart, nothing, wrong, .. } = searches;
    let others = [(missed, "missed"), (apart, "in other islands"), (nothing, "for nothing"), (wrong, "wrong")];
    let others = others.iter().filter(|(count, _)| **count > 0).map(|(count, what)| format!(", {count} {what}"));
    let cost = searches.messages_mean.map_or(String::new(), |each| format!("; {each:.1} messages each"));
    let reach = searches.reach_mean.map_or(String::new(), |each| format!(", heard by {each:.1} nodes"));
    let times = format!("p50 {}, p99 {}", maybe(searches.p50_ms), maybe(searches.p99_ms));
    format!("{found} of {ended} searches found{}{cost}{reach}; {times}", others.collect::<String>())
}

pub(crate) fn draw_keys(overlay: &OverlayReport) -> String {
    let keys = &overlay.keys;
    let failed = if keys.failed > 0 { format!(" ({} not)", keys.failed) } else { String::new() };
    let several = |a: &Audit| match a.conflicts {
        0 => String::new(),
        conflicts => format!(" ({conflicts} with several values)"),
    };
    let audits = keys.audits.iter().map(|a| format!("{} at\u{a0}{}{}", found(a), moment(a.at), several(a)));
    let overwritten = if keys.overwritten > 0 { format!(", {} overwritten", keys.overwritten) } else { String::new() };
    let stored = format!("{} stored{overwritten}{failed}", keys.stored);
    if keys.audits.is_empty() { stored } else { format!("{stored}; found {}", abbreviated(audits, 4)) }
}

fn expectations(page: &mut Page, report: &Report) {
    if report.expectations.is_empty() {
        return;
    }
    page.blank();
    let row = |verdict: &crate::measure::Verdict| {
        let (sign, style) = match verdict.verdict {
            Outcome::Pass => ("✓", GOOD),
            Outcome::Fail => ("✗", BAD),
            Outcome::Skipped => ("–", NOTICE),
        };
        vec![
            Cell::left(sign).styled(style),
            Cell::left(shortened(&verdict.name, 60)),
            Cell::left(verdict.observed.clone()).styled(DIM),
        ]
    };
    let rows: Vec<Vec<Cell>> = report.expectations.iter().map(row).collect();
    page.table(&rows);
}

/// How the machine kept up, and what else makes the numbers doubtful, if anything.
fn trust(page: &mut Page, report: &Report) {
    let refused = report.refused.iter().map(|r| format!("at {}, {}: {}", moment(r.at), r.action, r.reason));
    let lines: Vec<(&str, String)> = refused
        .map(|text| ("refused", text))
        .chain(report.fidelity.reasons.iter().map(|reason| ("not valid", reason.clone())))
        .collect();
    let machine = machine(&report.fidelity);
    if !lines.is_empty() || !machine.is_empty() {
        page.blank();
    }
    if !machine.is_empty() {
        page.labeled("machine", &machine.join("; "));
    }
    for (label, text) in lines {
        page.labeled(label, &text);
    }
}

fn bottom(page: &mut Page, report: &Report) {
    page.blank();
    let (word, style) = match report.verdict {
        RunVerdict::Pass => ("pass", GOOD),
        RunVerdict::Fail => ("fail", BAD),
        RunVerdict::Invalid => ("invalid", BAD),
        RunVerdict::Incomplete => ("incomplete", NOTICE),
    };
    let passed = report.passed();
    let counts = match report.expectations.len() {
        0 => "nothing was expected".to_owned(),
        all => format!("{passed} of {}", plural(all, "expectation")),
    };
    let mut line = format!("{}  {}", page.paint(style.bold(), word), counts);
    if let Some(why) = incomplete(report) {
        line += &format!(" · {why}");
    }
    page.raw(&line);
}

/// Why a run is incomplete, if it is.
pub(crate) fn incomplete(report: &Report) -> Option<String> {
    (report.verdict == RunVerdict::Incomplete).then(|| match &report.end {
        _ if report.play_seconds.is_none() => "the play never began".to_owned(),
        Some(reason) if reason == crate::record::PLAYED => "an action of the timeline was refused".to_owned(),
        Some(reason) => reason.clone(),
        None => "the record stops without an end".to_owned(),
    })
}

/// The stretch in which an expectation was judged: `13.0 s`, `13.0 s to 22.0 s`, `the end`.
pub(crate) fn when(verdict: &crate::measure::Verdict) -> String {
    match (verdict.from, verdict.to) {
        (Some(from), Some(to)) if from == to => moment(from),
        (Some(from), Some(to)) => format!("{} to {}", moment(from), moment(to)),
        _ => "the end".to_owned(),
    }
}
