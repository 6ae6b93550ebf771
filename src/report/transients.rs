//! Loops and black holes in words, and what BGP said meanwhile.

use crate::measure::{FaultReport, Nowhere, Report, Transient, TransientKind, Updates};
use crate::report::page::{abbreviated, duration, moment, plural};

/// Loops and black holes told of each fault; the others are counted.
const TOLD: usize = 3;

/// Those that followed a fault.
pub(crate) fn of_fault<'a>(report: &'a Report, fault: &FaultReport) -> Vec<&'a Transient> {
    let index = report.faults.iter().position(|f| std::ptr::eq(f, fault));
    report.transients.iter().filter(|t| index.is_some() && t.fault == index).collect()
}

/// Those that followed a fault, in a line; `None` if there were none.
pub(crate) fn line(report: &Report, fault: &FaultReport) -> Option<String> {
    let mut found = of_fault(report, fault);
    if found.is_empty() {
        return None;
    }
    let counted: Vec<String> = [(fault.loops, "loop"), (fault.blackholes, "black hole")]
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, noun)| plural(*count, noun))
        .collect();
    // Those that clients ran into first, then the longest.
    found.sort_by(|a, b| (b.clients.len().cmp(&a.clients.len())).then(f64::total_cmp(&b.ms, &a.ms)));
    let told = found.iter().map(|t| tell(report, fault, t));
    Some(format!("{}: {}", counted.join(", "), abbreviated(told, TOLD)))
}

fn tell(report: &Report, fault: &FaultReport, transient: &Transient) -> String {
    let mut about = vec![reason(transient).to_owned()];
    let groups = report.transients.iter().any(|t| t.group != transient.group);
    about.extend(groups.then(|| transient.group.clone()));
    about.extend(match &transient.clients[..] {
        [] => None,
        [only] => Some(only.clone()),
        several => Some(plural(several.len(), "client")),
    });
    let about: Vec<String> = about.into_iter().filter(|part| !part.is_empty()).collect();
    let about = if about.is_empty() { String::new() } else { format!(" ({})", about.join(", ")) };
    let begun = duration((transient.from - fault.at) * 1e3);
    format!("{} +{begun} {}{about}", place(transient), lasting(transient))
}

/// `r1 → r2 → r1`, or the node where packets end.
pub(crate) fn place(transient: &Transient) -> String {
    match transient.kind {
        TransientKind::Blackhole => transient.nodes.join(", "),
        TransientKind::Loop => {
            let back = transient.nodes.first().cloned();
            let nodes: Vec<String> = transient.nodes.iter().cloned().chain(back).collect();
            nodes.join("\u{a0}→\u{a0}")
        }
    }
}

/// Why packets end there, in words; nothing of a loop.
pub(crate) fn reason(transient: &Transient) -> &'static str {
    match transient.reason {
        None => "",
        Some(Nowhere::NoRoute) => "no route",
        Some(Nowhere::SilentLink) => "silent link",
        Some(Nowhere::SilentHost) => "silent host",
    }
}

/// How long it lasted.
pub(crate) fn lasting(transient: &Transient) -> String {
    let lasted = duration(transient.ms);
    if transient.to.is_some() { format!("for\u{a0}{lasted}") } else { "to\u{a0}the\u{a0}end".to_owned() }
}

/// `412 updates, 300 routes announced and 200 withdrawn, most from r1 (31)`.
pub(crate) fn updates(updates: &Updates) -> String {
    if updates.messages == 0 {
        return "no update".to_owned();
    }
    let routes = format!("{} announced and {} withdrawn", plural(updates.announced, "route"), updates.withdrawn);
    let most = updates.nodes.iter().max_by_key(|(name, n)| (n.sent, std::cmp::Reverse(*name)));
    let most = most.map_or(String::new(), |(name, n)| format!("; most from {name} ({})", n.sent));
    format!("{}: {routes}{most}", plural(updates.messages, "update"))
}

/// The cells of a table: kind, group, when, how long, where, why, whose packets.
pub(crate) fn row(transient: &Transient) -> [String; 6] {
    let kind = match transient.kind {
        TransientKind::Loop => "loop".to_owned(),
        TransientKind::Blackhole => format!("black hole, {}", reason(transient)),
    };
    let clients = abbreviated(transient.clients.iter().cloned(), 2);
    [
        kind,
        transient.group.clone(),
        place(transient),
        moment(transient.from),
        lasting(transient).trim_start_matches("for\u{a0}").to_owned(),
        clients,
    ]
}
