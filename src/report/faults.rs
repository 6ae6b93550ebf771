//! What followed from a fault, in lines of text.

use std::collections::{BTreeMap, BTreeSet};

use crate::measure::{Audit, FaultReport, NoticedBy, OverlayReaction, OverlayReport, Report};
use crate::report::effects;
use crate::report::floods;
use crate::report::flows;
use crate::report::page::{BOLD, Page, abbreviated, duration, moment, plural, shortened};
use crate::report::transients;

pub(crate) fn draw_fault(page: &mut Page, report: &Report, fault: &FaultReport) {
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

/// `239 of 240`.
pub(crate) fn found(audit: &Audit) -> String {
    format!("{}\u{a0}of\u{a0}{}", audit.found, audit.found as usize + audit.missing.len())
}
