//! The report as text, for a terminal of 100 columns.

use std::collections::{BTreeMap, BTreeSet};

use crate::measure::{
    Audit, FaultReport, NoticedBy, Outcome, OverlayReaction, OverlayReport, Report, RoundTrip, RunVerdict,
};
use crate::report::catchments::catchments;
use crate::report::effects;
use crate::report::floods;
use crate::report::flows;
use crate::report::machine::machine;
use crate::report::page::{
    BAD, BOLD, Cell, DIM, GOOD, NOTICE, Page, abbreviated, duration, maybe, moment, plural, shortened,
};
use crate::report::surveys::surveys;
use crate::report::transients;

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

fn draw_fault(page: &mut Page, report: &Report, fault: &FaultReport) {
    page.blank();
    let live = if fault.live { " (live)" } else { "" };
    let title = page.paint(BOLD, &format!("{}{live}", shortened(&fault.fault, 80)));
    page.raw(&format!("{:>7}  {title}", moment(fault.at)));
    for (label, line) in fault_lines(report, fault) {
        page.labeled(&label, &line);
    }
}

/// What followed from a fault: labels, and what there is to say.
pub(crate) fn fault_lines(report: &Report, fault: &FaultReport) -> Vec<(String, String)> {
    let mut lines = vec![("routing".to_owned(), routing(fault))];
    lines.extend(fault.updates.as_ref().map(|updates| ("bgp".to_owned(), transients::updates(updates))));
    lines.extend(transients::line(report, fault).map(|line| ("forwarding".to_owned(), line)));
    lines.extend(fault.verified.iter().map(|found| ("verified".to_owned(), found.clone())));
    if fault.probes > 0 {
        lines.push(("clients".to_owned(), clients(report, fault)));
    }
    for change in &fault.loads {
        let label = if fault.loads.len() > 1 { format!("load {}", change.group) } else { "load".to_owned() };
        lines.extend(effects::load_change(change).map(|line| (label, line)));
    }
    lines.extend(fault.flows.as_ref().map(|flows| ("flows".to_owned(), flows::reaction(flows))));
    for (name, overlay) in &report.overlays {
        let begun = overlay.floods.iter().filter(|f| (fault.at..fault.until).contains(&f.at));
        let label = if report.overlays.len() > 1 { format!("flood {name}") } else { "flood".to_owned() };
        lines.extend(begun.map(|flood| (label.clone(), floods::line(name, flood))));
    }
    for (name, reaction) in &fault.overlays {
        let label = if report.overlays.len() > 1 { name } else { "overlay" };
        lines.push((label.to_owned(), overlay_reaction(fault, reaction, &report.overlays[name])));
    }
    lines
}

fn routing(fault: &FaultReport) -> String {
    let by = fault.noticed.as_ref().map_or(String::new(), |noticed| {
        let kind = match noticed.by {
            NoticedBy::Interface => "interface",
            NoticedBy::Session => "session with",
            NoticedBy::Route => "route to",
        };
        format!(" by {} ({kind}\u{a0}{})", noticed.node, noticed.what)
    });
    match (fault.detect_ms, fault.last_fib_change_ms) {
        (Some(noticed), Some(last)) => format!(
            "noticed +{}{by}, last FIB change +{} ({} on {})",
            duration(noticed),
            duration(last),
            plural(fault.fib_changes, "change"),
            plural(fault.fib_nodes, "node")
        ),
        (Some(noticed), None) => format!("noticed +{}{by}, no route changed", duration(noticed)),
        (None, _) => "did not react".to_owned(),
    }
}

fn clients(report: &Report, fault: &FaultReport) -> String {
    let distinct = |names: &mut dyn Iterator<Item = &String>| names.collect::<BTreeSet<_>>().len();
    let moved = distinct(&mut fault.moved.iter().map(|m| &m.client));
    let all = distinct(&mut report.catchments.iter().flat_map(|c| c.clients.keys()));
    let mut parts = vec![match moved {
        0 => "none moved".to_owned(),
        _ => format!("{moved} of {all} moved: {}", moves(report, fault)),
    }];
    let probes = plural(fault.probes, "probe");
    parts.push(match fault.lost {
        0 => format!("none of {probes} lost"),
        lost => format!("{lost} of {probes} lost"),
    });
    if let Some(last) = fault.last_lost_ms {
        let lost = parts.len() - 1;
        parts[lost] += &format!(", the last +{}", duration(last));
    }
    let outage = fault.clients.iter().map(|c| c.outage_ms).fold(0.0, f64::max);
    if outage > 0.0 {
        parts.push(format!("longest outage {}", duration(outage)));
    }
    let silent = fault.clients.iter().filter(|c| c.first_reply_ms.is_none()).count();
    if silent > 0 {
        parts.push(format!("{silent} without an answer since"));
    }
    if let Some(first) = fault.first_reply_ms {
        let who = if silent > 0 { "the others" } else { "all" };
        parts.push(format!("{who} answered by +{}", duration(first)));
    }
    parts.join("; ")
}

/// Who moved, by where from and where to.
fn moves(report: &Report, fault: &FaultReport) -> String {
    let groups: BTreeSet<&str> = report.catchments.iter().map(|c| c.group_name.as_str()).collect();
    let mut ways: BTreeMap<(&str, &str, &str), Vec<&str>> = BTreeMap::new();
    for m in &fault.moved {
        let way = (m.group.as_str(), m.from.as_deref().unwrap_or("nobody"), m.to.as_deref().unwrap_or("nobody"));
        ways.entry(way).or_default().push(&m.client);
    }
    let drawn = ways.iter().map(|((group, from, to), clients)| {
        let group = if groups.len() > 1 { format!("{group} ") } else { String::new() };
        let way = format!("{group}{from} → {to}").replace(' ', "\u{a0}");
        format!("{way} ({})", abbreviated(clients.iter().map(|c| (*c).to_owned()), 2))
    });
    abbreviated(drawn, 3)
}

fn overlay_reaction(fault: &FaultReport, reaction: &OverlayReaction, overlay: &OverlayReport) -> String {
    let islands = |count: usize| if count == 1 { "one island".to_owned() } else { plural(count, "island") };
    let sizes = || abbreviated(reaction.sizes_at_max.iter().map(ToString::to_string), 5).replace(", ", " + ");
    let (before, after, most) = (reaction.islands_before, reaction.islands_after, reaction.islands_max);
    let mut parts = Vec::new();
    if let Some(contact) = &reaction.first_contact {
        let later = duration((contact.at - fault.at) * 1e3);
        parts.push(format!("contact +{later} ({} heard {})", contact.host, contact.by.asked(contact.color)));
    }
    if most > before.max(after) {
        parts.push(format!("up to {}: {}", islands(most), sizes()));
    }
    parts.push(match reaction.settled_ms {
        Some(settled) if after == most && after > 1 => {
            format!("{}: {}, +{}", islands(after), sizes(), duration(settled))
        }
        Some(settled) => format!("{} +{}", islands(after), duration(settled)),
        None => format!("{} throughout", islands(after)),
    });
    if let Some(whole) = reaction.whole_ms {
        parts.push(format!("ring whole +{}", duration(whole)));
    }
    let in_window = |at: f64| fault.at <= at && at < fault.until;
    if let Some(audit) = overlay.keys.audits.iter().rev().find(|a| in_window(a.at)) {
        parts.push(format!("{} keys there", found(audit)));
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
    if total.sent == 0 && keys.stored + keys.failed == 0 && keys.audits.is_empty() {
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

/// `239 of 240`.
fn found(audit: &Audit) -> String {
    format!("{}\u{a0}of\u{a0}{}", audit.found, audit.found as usize + audit.missing.len())
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
    let passed = report.expectations.iter().filter(|e| e.verdict == Outcome::Pass).count();
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
