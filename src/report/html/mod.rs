//! The report as one page: `report.html`, complete in itself.
//!
//! Everything on it is drawn here; its script only lets a reader step through the maps, which without
//! it, and in print, stand beside each other.

mod cascade;
mod charts;
mod flows;
mod strips;

use std::collections::{BTreeMap, BTreeSet};

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde::Serialize;

use super::machine::machine;
use super::map::{Map, State};
use super::network::Network;
use super::sites::{Sites, color, letter};
use super::{effects, faults, page, predicted, surveys, text};
use crate::measure::{Catchment, FaultReport, Outcome, OverlayReport, Report, RunVerdict, Series, SurveyReport};
use charts::Lines;
use flows::{FlowsView, MOST_ROWS};
use page::{moment, shortened};

/// Moments and groups that have a map of their own; a page for people has an end.
const MOST_STEPS: usize = 24;
const MOST_GROUPS: usize = 6;
/// Faults that are drawn; all of them are told.
const MOST_CASCADES: usize = 20;

/// Marks on all maps together: some megabytes.
const MOST_MARKS: usize = 120_000;

#[derive(Serialize)]
struct View<'a> {
    report: &'a Report,
    style: &'static str,
    map_style: &'static str,
    script: &'static str,
    verdict: &'static str,
    passed: usize,
    why: String,
    counts: String,
    phases: Vec<(String, String, String)>,
    map: MapView,
    groups: Vec<GroupView>,
    hidden_groups: usize,
    faults: Vec<FaultView>,
    latency: Option<Lines>,
    loads: Vec<(String, String)>,
    stretches: Vec<StretchView>,
    flows: Option<FlowsView>,
    overlays: Vec<OverlayView>,
    surveys: Vec<(String, String, Vec<String>)>,
    predictions: Vec<(String, String, Vec<String>)>,
    distances: Option<String>,
    unanswered: usize,
    expectations: Vec<(&'static str, &'a str, String, &'a str)>,
    machine: Vec<String>,
}

#[derive(Serialize)]
struct MapView {
    view_box: String,
    /// Pixels: on a wide page no more than it needs, on a narrow one enough to read it.
    most: usize,
    least: usize,
    base: String,
    names: String,
    hosts: String,
}

#[derive(Serialize)]
struct GroupView {
    name: String,
    address: String,
    steps: Vec<Step>,
    hidden: usize,
}

/// The map at one moment.
#[derive(Serialize)]
struct Step {
    title: String,
    at: String,
    svg: String,
    sites: Vec<SiteView>,
    down: usize,
}

#[derive(Serialize)]
struct SiteView {
    class: String,
    letter: String,
    name: String,
    clients: String,
}

#[derive(Serialize)]
struct FaultView {
    number: usize,
    at: String,
    title: String,
    live: bool,
    lost: usize,
    lines: Vec<(String, String)>,
    cascade: Option<String>,
    /// Loops and black holes.
    transients: Vec<[String; 6]>,
    hidden_transients: usize,
    clients: Vec<[String; 5]>,
    hidden: usize,
}

#[derive(Serialize)]
struct StretchView {
    group: String,
    source: &'static str,
    chart: Option<Lines>,
    rows: Vec<(String, String, [String; 6])>,
    hidden: usize,
}

#[derive(Serialize)]
struct OverlayView {
    name: String,
    about: String,
    lines: Vec<(String, String)>,
    islands: Option<String>,
    lookups: Option<String>,
    joins: Option<Lines>,
}

/// Draws the page.
pub fn html(report: &Report, network: &Network, series: &Series<'_>) -> String {
    let map = Map::of(network);
    let sites = Sites::of(report, network);
    let names: BTreeSet<&str> = report.catchments.iter().map(|c| c.group_name.as_str()).collect();
    let view = View {
        report,
        style: include_str!("style.css"),
        map_style: include_str!("map.css"),
        script: include_str!("steps.js"),
        verdict: verdict_word(report.verdict),
        passed: report.passed(),
        why: text::incomplete(report).unwrap_or_default(),
        counts: text::counts(report),
        phases: report
            .phases
            .iter()
            .map(|p| (p.name.clone(), page::duration(p.seconds * 1e3), p.note.clone()))
            .collect(),
        map: MapView {
            view_box: map.view_box(),
            most: (map.width() * 1.5) as usize,
            least: (map.width() * 0.65) as usize,
            base: map.base(),
            names: map.names(),
            hosts: if names.is_empty() { map.plain_hosts() } else { String::new() },
        },
        groups: groups(report, network, series, &map, &sites),
        hidden_groups: names.len().saturating_sub(MOST_GROUPS),
        faults: report.faults.iter().enumerate().map(|(i, f)| fault(report, series, &sites, i, f)).collect(),
        latency: charts::latency(report, series),
        loads: effects::load_lines(report),
        stretches: stretches(report),
        flows: FlowsView::of(report, series),
        overlays: report.overlays.iter().map(|(name, o)| overlay(report, series, name, o)).collect(),
        surveys: report.surveys.iter().map(survey).collect(),
        predictions: predicted::lines(report),
        distances: charts::distances(report),
        unanswered: report.round_trips.iter().filter(|p| p.rtt_ms.is_none()).count(),
        expectations: report.expectations.iter().map(expectation).collect(),
        machine: machine(&report.fidelity),
    };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    let page = environment.render_named_str("page.html", include_str!("page.html"), Serde(&view));
    page.expect("the page's template is part of the program, and tested")
}

fn stretches(report: &Report) -> Vec<StretchView> {
    let groups: BTreeSet<&str> = report.stretches.iter().map(|s| s.group.as_str()).collect();
    let view = |group: &str| {
        let of_group: Vec<_> = report.stretches.iter().filter(|s| s.group == group).collect();
        let hidden = of_group.len().saturating_sub(MOST_ROWS);
        let shown = of_group.iter().enumerate().filter(|(i, _)| *i == 0 || *i > hidden).map(|(_, s)| s);
        StretchView {
            group: group.to_owned(),
            source: of_group.first().map_or("", |s| effects::source(s.source)),
            chart: charts::stretch(&of_group),
            rows: shown.map(|s| (effects::of_moment(s), moment(s.at), effects::stretch_row(s))).collect(),
            hidden,
        }
    };
    groups.into_iter().take(MOST_GROUPS).map(view).collect()
}

/// A verdict's word.
pub(crate) fn verdict_word(verdict: RunVerdict) -> &'static str {
    match verdict {
        RunVerdict::Pass => "pass",
        RunVerdict::Fail => "fail",
        RunVerdict::Invalid => "invalid",
        RunVerdict::Incomplete => "incomplete",
    }
}

fn groups(report: &Report, network: &Network, series: &Series<'_>, map: &Map<'_>, sites: &Sites) -> Vec<GroupView> {
    let mut names: Vec<&str> = Vec::new();
    for catchment in &report.catchments {
        if !names.contains(&catchment.group_name.as_str()) {
            names.push(&catchment.group_name);
        }
    }
    names.truncate(MOST_GROUPS);
    let room = (MOST_MARKS / (network.nodes.len() * names.len()).max(1)).clamp(4, MOST_STEPS);
    let view = |name: &&str| {
        let all = report.catchments.iter().zip(0..).filter(|(c, _)| c.group_name == **name);
        let mut moments: Vec<(&Catchment, usize)> = Vec::new();
        for (catchment, index) in all {
            let same = moments.last().is_some_and(|(last, _)| last.clients == catchment.clients);
            // The end is also what the last fault led to, in links if not in answers.
            let tells =
                !catchment.moment.starts_with("before ") && (catchment.moment != "end" || !report.faults.is_empty());
            if !same || tells {
                moments.push((catchment, index));
            }
        }
        let hidden = moments.len().saturating_sub(room);
        let middle = room.min(moments.len()) / 2;
        moments.drain(middle..middle + hidden);
        let steps = moments.iter().map(|(c, index)| step(map, sites, series, c, series.routed.get(*index)));
        let address = moments.first().map_or_else(String::new, |(c, _)| c.group.clone());
        GroupView { name: (*name).to_owned(), address, steps: steps.collect(), hidden }
    };
    names.iter().map(view).collect()
}

fn step(
    map: &Map<'_>,
    sites: &Sites,
    series: &Series<'_>,
    catchment: &Catchment,
    routed: Option<&BTreeMap<&str, &str>>,
) -> Step {
    let mut down = BTreeSet::new();
    for link in series.links.iter().take_while(|l| l.at < catchment.at) {
        if link.passes {
            down.remove(link.link)
        } else {
            down.insert(link.link)
        };
    }
    let mut counts: BTreeMap<Option<usize>, Vec<&str>> = BTreeMap::new();
    for (client, member) in &catchment.clients {
        counts.entry(member.as_deref().and_then(|m| sites.find(m))).or_default().push(client);
    }
    let view = |(site, clients): (Option<usize>, Vec<&str>)| SiteView {
        class: site.map_or_else(|| "none".to_owned(), color),
        letter: site.map_or_else(|| "–".to_owned(), letter),
        name: site.map_or_else(|| "nobody".to_owned(), |s| sites.name(s).to_owned()),
        clients: match clients.as_slice() {
            [only] => (*only).to_owned(),
            several => page::plural(several.len(), "client"),
        },
    };
    Step {
        title: shortened(&catchment.moment, 90),
        at: moment(catchment.at),
        down: down.len(),
        svg: map.state(&State { clients: &catchment.clients, routed, down }, sites),
        sites: counts.into_iter().map(view).take(sites.len().min(MOST_ROWS) + 1).collect(),
    }
}

fn fault(report: &Report, series: &Series<'_>, sites: &Sites, index: usize, fault: &FaultReport) -> FaultView {
    let owned = |member: &Option<String>| member.clone().unwrap_or_else(|| "nobody".to_owned());
    let mut clients: Vec<_> = fault.clients.iter().collect();
    clients.sort_by_key(|c| std::cmp::Reverse(c.lost));
    let row = |c: &&crate::measure::ClientReport| {
        let way = if c.from == c.to { owned(&c.to) } else { format!("{} → {}", owned(&c.from), owned(&c.to)) };
        let name = format!("{} · {}", c.client, c.group);
        [name, way, c.lost.to_string(), page::duration(c.outage_ms), page::maybe(c.first_reply_ms)]
    };
    let transients = super::transients::of_fault(report, fault);
    FaultView {
        number: index + 1,
        at: moment(fault.at),
        title: fault.fault.clone(),
        live: fault.live,
        lost: fault.lost,
        lines: faults::fault_lines(report, fault),
        cascade: (index < MOST_CASCADES).then(|| cascade::draw(report, fault, series, sites)).flatten(),
        transients: transients.iter().take(MOST_ROWS).map(|t| super::transients::row(t)).collect(),
        hidden_transients: transients.len().saturating_sub(MOST_ROWS),
        clients: clients.iter().take(MOST_ROWS).map(row).collect(),
        hidden: clients.len().saturating_sub(MOST_ROWS),
    }
}

fn overlay(report: &Report, series: &Series<'_>, name: &str, overlay: &OverlayReport) -> OverlayView {
    let yes = |yes: bool| if yes { "yes" } else { "no" }.to_owned();
    let mut lines = Vec::new();
    if overlay.joins.ok + overlay.joins.failed > 0 {
        lines.push(("joined".to_owned(), text::joined(overlay)));
        lines.push((
            "at the end".to_owned(),
            format!(
                "{} in {}, ring whole: {}",
                page::plural(overlay.members, "member"),
                page::plural(overlay.islands_end, "island"),
                yes(overlay.whole_end)
            ),
        ));
    }
    if let Some(seconds) = overlay.merge_seconds {
        lines.push(("merged".to_owned(), format!("{} after the last repair", page::duration(seconds * 1e3))));
    }
    let total = &overlay.lookups.total;
    if total.sent > 0 {
        let counts = format!("{} of {} right, {} failed, {} wrong", total.ok, total.sent, total.failed, total.wrong);
        let times = format!("p50 {}, p99 {}", page::maybe(total.p50_ms), page::maybe(total.p99_ms));
        lines.push(("lookups".to_owned(), format!("{counts}; {times}")));
    }
    if overlay.keys.stored + overlay.keys.failed > 0 || !overlay.keys.audits.is_empty() {
        lines.push(("keys".to_owned(), text::draw_keys(overlay)));
    }
    if let Some(searches) = &overlay.searches {
        lines.push(("searches".to_owned(), text::draw_searches(searches)));
    }
    OverlayView {
        name: name.to_owned(),
        about: format!("{}, joined by {}, healed by {}", overlay.protocol, overlay.bootstrap, overlay.healing),
        lines,
        islands: charts::islands(report, overlay),
        lookups: charts::lookups(report, name, series),
        joins: charts::joins(name, series),
    }
}

/// When, what was found, and what differs with both traces.
fn survey(survey: &SurveyReport) -> (String, String, Vec<String>) {
    let differ = survey.disagreements.iter().take(MOST_ROWS).flat_map(surveys::lines);
    let differ = differ.map(|(label, text)| format!("{label}: {text}")).collect();
    (moment(survey.at), surveys::headline(survey), differ)
}

fn expectation(verdict: &crate::measure::Verdict) -> (&'static str, &str, String, &str) {
    let word = match verdict.verdict {
        Outcome::Pass => "pass",
        Outcome::Fail => "fail",
        Outcome::Skipped => "skipped",
    };
    (word, &verdict.name, text::when(verdict), &verdict.observed)
}
