//! How a fault spread: every change of a route as a dot, node by node, and what clients lost meanwhile.

use std::collections::BTreeMap;

use super::strips;
use crate::measure::{FaultReport, Probe, Report, RouteChange, Series};
use crate::report::page::{abbreviated, duration, plural, short_name};
use crate::report::sites::{Sites, color, letter};
use crate::report::svg::{Plot, Scale, brief, dots, escape, n};

/// Rows that have a name; more nodes share the height of [`MOST_ROWS`].
const NAMED_ROWS: usize = 44;
const MOST_ROWS: usize = 240;
const MOST_CLIENTS: usize = 16;
const TOP: f64 = 44.0;
const LEFT: f64 = 150.0;
const RIGHT: f64 = 944.0;

/// A node's changes: milliseconds since the fault, and whether a route was deleted.
type Row<'a> = (&'a str, Vec<(f64, bool)>);

/// The drawing of one fault; `None` if nothing followed from it.
pub(super) fn draw(report: &Report, fault: &FaultReport, series: &Series<'_>, sites: &Sites) -> Option<String> {
    let rows = routing(fault, series);
    let clients = losses(fault, series);
    let bars = strips::of(report, fault);
    let times = rows.iter().flat_map(|(_, c)| c.iter().map(|(ms, _)| *ms));
    let times = times.chain(clients.values().flatten().copied());
    let times = times.chain(bars.iter().flat_map(strips::Strip::times));
    let times: Vec<f64> = times.chain(fault.clients.iter().filter_map(|c| c.first_reply_ms)).collect();
    let last = times.iter().copied().fold(f64::NAN, f64::max);
    let first = times.iter().copied().chain(fault.detect_ms).fold(f64::NAN, f64::min);
    if times.is_empty() {
        return None;
    }
    let named = rows.len() <= NAMED_ROWS;
    let height = if named { 15.0 } else { (600.0 / rows.len() as f64).min(8.0) };
    let shown_rows = if named { rows.len() } else { rows.len().min(MOST_ROWS) };
    let upper = TOP + height * rows.len() as f64;
    let middle = upper + strips::height(&bars);
    let shown = fault.clients.iter().take(MOST_CLIENTS);
    let gap = if (rows.is_empty() && bars.is_empty()) || fault.clients.is_empty() { 0.0 } else { 26.0 };
    let bottom = middle + gap + 17.0 * shown.len() as f64 + 4.0;
    let x = if last > 8.0 * first.max(0.1) { Scale::log(first.max(0.1), last) } else { Scale::linear(0.0, last * 1.1) };
    let mut plot = Plot::new(960.0, bottom + 40.0, (LEFT, TOP, RIGHT, bottom), x, Scale::linear(0.0, 1.0));
    plot.x_axis("since the fault", brief);
    draw_routing(&mut plot, &rows, height, named && shown_rows > 0);
    strips::draw(&mut plot, &bars, upper, (LEFT, RIGHT));
    marks(&mut plot, fault);
    if gap > 0.0 {
        plot.text((LEFT - 8.0, middle + 17.0), "end", "axis", "clients");
    }
    let from = middle + gap;
    draw_clients(&mut plot, fault, &clients, from, sites);
    let about = format!(
        "Changes of kernel routes after {}: {} on {}",
        fault.fault,
        plural(fault.fib_changes, "change"),
        plural(fault.fib_nodes, "node")
    );
    Some(plot.finish(&about))
}

/// Changes that are the fault's, the node first that changed first.
fn routing<'a>(fault: &FaultReport, series: &Series<'a>) -> Vec<Row<'a>> {
    let Some(last) = fault.last_fib_change_ms else { return Vec::new() };
    // The report's times are rounded to the microsecond.
    let until = fault.at + last / 1e3 + 2e-6;
    let begin = series.routes.partition_point(|r| r.at < fault.at - 2e-6);
    let mut rows: Vec<Row<'a>> = Vec::new();
    let mut index: BTreeMap<&str, usize> = BTreeMap::new();
    for RouteChange { at, node, add, .. } in series.routes[begin..].iter().take_while(|r| r.at <= until) {
        let row = *index.entry(node).or_insert_with(|| {
            rows.push((node, Vec::new()));
            rows.len() - 1
        });
        rows[row].1.push(((at - fault.at).max(0.0) * 1e3, !add));
    }
    rows
}

/// Milliseconds since the fault at which probes were sent that were lost, by client and group.
fn losses<'a>(fault: &FaultReport, series: &Series<'a>) -> BTreeMap<(&'a str, &'a str), Vec<f64>> {
    let mut lost: BTreeMap<(&str, &str), Vec<f64>> = BTreeMap::new();
    let begin = series.probes.partition_point(|p| p.at < fault.at);
    for Probe { at, client, group, rtt_ms, .. } in series.probes[begin..].iter().take_while(|p| p.at < fault.until) {
        if rtt_ms.is_none() {
            lost.entry((client, group)).or_default().push((at - fault.at) * 1e3);
        }
    }
    lost
}

fn draw_routing(plot: &mut Plot, rows: &[Row<'_>], height: f64, named: bool) {
    let (mut added, mut deleted) = (Vec::new(), Vec::new());
    for (row, (node, changes)) in rows.iter().enumerate() {
        let y = TOP + height * (row as f64 + 0.5);
        if named {
            plot.text((LEFT - 8.0, y + 4.0), "end", "row", &short_name(node, 20));
        }
        for (ms, delete) in changes {
            let x = plot.at(*ms, 0.0).0;
            if *delete { deleted.push((x, y)) } else { added.push((x, y)) }
        }
    }
    if !rows.is_empty() && !named {
        plot.text((LEFT - 8.0, TOP + 10.0), "end", "row", &plural(rows.len(), "node"));
        plot.text((LEFT - 8.0, TOP + 24.0), "end", "row", "by first change");
    }
    let crosses = dots(deleted).replace("h0", "m-3 -3l6 6m0 -6l-6 6");
    let size = n(if named { 7.0 } else { height.clamp(2.0, 5.0) });
    plot.raw(&format!("<path class=\"dot c0\" stroke-width=\"{size}\" d=\"{}\"/>", dots(added)));
    plot.path("gone", &crosses);
}

fn marks(plot: &mut Plot, fault: &FaultReport) {
    let moments = [("noticed", fault.detect_ms), ("last route change", fault.last_fib_change_ms)];
    let at: Vec<(&str, f64, f64)> =
        moments.iter().filter_map(|(word, ms)| ms.map(|ms| (*word, ms, plot.at(ms, 0.0).0))).collect();
    // Two labels that would meet stand above each other.
    let near = at.len() == 2 && at[1].2 - at[0].2 < 250.0;
    for (i, (word, ms, x)) in at.iter().enumerate() {
        let up = if near && i == 0 { 14.0 } else { 0.0 };
        plot.path("mark", &format!("M{} {}V{}", n(*x), n(TOP - 10.0 - up), n(TOP - 2.0)));
        let anchor = if *x > (LEFT + RIGHT) / 2.0 { "end" } else { "start" };
        let label = format!("{word} +{}", duration(*ms));
        plot.text((*x, TOP - 14.0 - up), anchor, "note", &label);
    }
}

fn draw_clients(
    plot: &mut Plot,
    fault: &FaultReport,
    lost: &BTreeMap<(&str, &str), Vec<f64>>,
    top: f64,
    sites: &Sites,
) {
    let several = fault.clients.iter().any(|c| c.group != fault.clients[0].group);
    for (row, client) in fault.clients.iter().take(MOST_CLIENTS).enumerate() {
        let y = top + 17.0 * (row as f64 + 0.5);
        let name = if several { format!("{} {}", client.client, client.group) } else { client.client.clone() };
        plot.text((LEFT - 8.0, y + 4.0), "end", "row", &short_name(&name, 22));
        let sent = lost.get(&(client.client.as_str(), client.group.as_str())).map_or(&[][..], Vec::as_slice);
        let ticks = dots(sent.iter().map(|ms| (plot.at(*ms, 0.0).0, y))).replace("h0", "m0 -5v10");
        plot.path("lost", &ticks);
        if let (Some(ms), Some(site)) = (client.first_reply_ms, client.to.as_deref().and_then(|m| sites.find(m))) {
            let x = plot.at(ms, 0.0).0;
            let class = color(site);
            let title = format!("{} answers +{}", client.to.as_deref().unwrap_or_default(), duration(ms));
            plot.raw(&format!(
                "<circle class=\"{class}\" cx=\"{0}\" cy=\"{1}\" r=\"7\"><title>{2}</title></circle>\
                 <text class=\"letter t{class}\" x=\"{0}\" y=\"{3}\">{4}</text>",
                n(x),
                n(y),
                escape(&title),
                n(y + 3.5),
                letter(site)
            ));
        }
    }
    if fault.clients.len() > MOST_CLIENTS {
        let more = abbreviated(fault.clients[MOST_CLIENTS..].iter().map(|c| c.client.clone()), 2);
        plot.text((LEFT, top + 17.0 * MOST_CLIENTS as f64 + 2.0), "start", "note", &format!("and {more}"));
    }
}
