//! Drawings of the whole run: latencies, islands, lookups, distances.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::measure::{Answered, OverlayReport, Report, Series, Stretch, quantile};
use crate::report::effects;
use crate::report::page::{maybe, plural, shortened};
use crate::report::svg::{Plot, Scale, brief, dots, line, n, plain};

/// Lines of one plot that can still be told apart.
const MOST_LINES: usize = 6;
/// Points of one line: there are no more pixels.
const MOST_POINTS: usize = 200;
const MOST_BANDS: usize = 7;

/// A plot of lines, and what stands beside each.
#[derive(Serialize)]
pub(super) struct Lines {
    pub(super) svg: String,
    pub(super) keys: Vec<Key>,
}

#[derive(Serialize)]
pub(super) struct Key {
    pub(super) class: String,
    pub(super) name: String,
    pub(super) count: usize,
    pub(super) p50: String,
    pub(super) p99: String,
}

/// Round trips of clients' probes, before the first fault and after each.
pub(super) fn latency(report: &Report, series: &Series<'_>) -> Option<Lines> {
    let begins: Vec<f64> = report.faults.iter().map(|f| f.at).collect();
    // Of many faults, the last says how it ended.
    let shown = if begins.len() < MOST_LINES { 0 } else { begins.len() - (MOST_LINES - 1) };
    let mut samples: BTreeMap<usize, Vec<f64>> = BTreeMap::new();
    for probe in &series.probes {
        let stretch = begins.partition_point(|at| *at <= probe.at);
        if let Some(rtt) = probe.rtt_ms.filter(|_| stretch == 0 || stretch > shown) {
            samples.entry(stretch).or_default().push(rtt);
        }
    }
    let name = |stretch: usize| match stretch.checked_sub(1) {
        None if begins.is_empty() => "all probes".to_owned(),
        None => "before the first fault".to_owned(),
        Some(fault) => format!("after {}", shortened(&report.faults[fault].fault, 44)),
    };
    let samples = samples.into_iter().map(|(stretch, sample)| (name(stretch), sample)).collect();
    cumulative(samples, "round trip", TIMES, "Cumulative distribution of probes' round trips")
}

/// How long joins took.
pub(super) fn joins(overlay: &str, series: &Series<'_>) -> Option<Lines> {
    let took = series.joins.iter().filter(|j| j.overlay == overlay).filter_map(|j| j.milliseconds);
    let took: Vec<f64> = took.collect();
    if took.len() < 4 {
        return None;
    }
    let about = "Cumulative distribution of the time that joins took";
    cumulative(vec![("joins".to_owned(), took)], "time to join", TIMES, about)
}

/// Clients' stretch, a line for each time that it was taken.
pub(super) fn stretch(of_group: &[&Stretch]) -> Option<Lines> {
    let sample = |s: &&Stretch| {
        let values = s.by_client.iter().filter_map(|c| c.stretch).collect();
        (shortened(&effects::of_moment(s), 44), values)
    };
    // Of many, the first and the last.
    let hidden = of_group.len().saturating_sub(MOST_LINES);
    let shown = of_group.iter().enumerate().filter(|(i, _)| *i == 0 || *i > hidden).map(|(_, s)| sample(s)).collect();
    cumulative(shown, "stretch", FACTORS, "Cumulative distribution of clients' stretch")
}

/// How values are written: on an axis, and beside it.
type Unit = (fn(f64) -> String, fn(Option<f64>) -> String);
const TIMES: Unit = (brief, maybe);
const FACTORS: Unit = (plain, effects::factor);

fn cumulative(samples: Vec<(String, Vec<f64>)>, axis: &str, unit: Unit, about: &str) -> Option<Lines> {
    let mut samples = samples;
    samples.iter_mut().for_each(|(_, sample)| sample.sort_by(f64::total_cmp));
    samples.retain(|(_, sample)| !sample.is_empty());
    let low = samples.iter().map(|(_, s)| s[0]).fold(f64::INFINITY, f64::min);
    let high = samples.iter().filter_map(|(_, s)| quantile(s, 1.0)).fold(0.0, f64::max);
    if samples.is_empty() {
        return None;
    }
    let mut plot = Plot::half(Scale::log(low, high), Scale::linear(0.0, 1.0));
    plot.x_axis(axis, unit.0).y_axis("share", |share| format!("{} %", plain(share * 100.0)));
    let mut keys = Vec::new();
    for (i, (name, sample)) in samples.into_iter().enumerate() {
        let count = sample.len();
        let points = count.min(MOST_POINTS);
        let ranks = (0..=points).map(|p| p as f64 / points as f64);
        // A staircase: nobody is between two values.
        let mut below = 0.0;
        let steps =
            ranks.filter_map(|share| Some((quantile(&sample, share)?, std::mem::replace(&mut below, share), share)));
        let path = line(steps.flat_map(|(value, below, share)| [plot.at(value, below), plot.at(value, share)]));
        plot.path(&format!("line l{i}"), &path);
        let at = |q| unit.1(quantile(&sample, q));
        keys.push(Key { class: format!("l{i}"), name, count, p50: at(0.5), p99: at(0.99) });
    }
    Some(Lines { svg: plot.finish(about), keys })
}

/// Numbered lines where faults began.
pub(super) fn faults(plot: &mut Plot, report: &Report) {
    let many = report.faults.len() > 12;
    for (i, fault) in report.faults.iter().enumerate() {
        let label = if many { String::new() } else { (i + 1).to_string() };
        plot.mark(fault.at, "fault", &label);
    }
}

/// Members over time, in bands: one for each island, the largest at the bottom.
pub(super) fn islands(report: &Report, overlay: &OverlayReport) -> Option<String> {
    let end = report.play_seconds?;
    let most = overlay.islands.iter().map(|p| p.sizes.iter().sum::<usize>()).max().filter(|most| *most > 0)?;
    let mut plot = Plot::half(Scale::linear(0.0, end), Scale::linear(0.0, most as f64));
    plot.x_axis("seconds of play", plain).y_axis("members", plain);
    let until = |i: usize| overlay.islands.get(i + 1).map_or(end, |next| next.at);
    let stretches: Vec<(f64, f64, &[usize])> =
        overlay.islands.iter().enumerate().map(|(i, p)| (p.at.max(0.0), until(i), p.sizes.as_slice())).collect();
    let mut labels = Vec::new();
    for band in 0..MOST_BANDS {
        let mut path = String::new();
        let mut pixel = f64::NEG_INFINITY;
        for (from, to, sizes) in &stretches {
            let below: usize = sizes.iter().take(band).sum();
            let own: usize =
                if band == MOST_BANDS - 1 { sizes.iter().skip(band).sum() } else { *sizes.get(band).unwrap_or(&0) };
            let (left, bottom) = plot.at(*from, below as f64);
            let (right, top) = plot.at(*to, (below + own) as f64);
            // Shorter than half a pixel: the next one draws over it.
            if own == 0 || *to < 0.0 || right - pixel < 0.5 {
                continue;
            }
            pixel = right;
            path += &format!("M{} {}H{}V{}H{}z", n(left), n(bottom), n(right), n(top), n(left));
            if right - left > 26.0 && bottom - top > 12.0 {
                labels.push(((left + right) / 2.0, (top + bottom) / 2.0 + 4.0, own));
            }
        }
        plot.path(&format!("band b{band}"), &path);
    }
    for (x, y, size) in labels {
        plot.text((x, y), "middle", "count", &size.to_string());
    }
    faults(&mut plot, report);
    Some(plot.finish("Members of each island over time"))
}

/// Lookups per second of play, by what became of them.
pub(super) fn lookups(report: &Report, overlay: &str, series: &Series<'_>) -> Option<String> {
    let end = report.play_seconds?;
    let bin = (end / 80.0).max(0.25);
    let mut bins: BTreeMap<usize, [usize; 3]> = BTreeMap::new();
    for looked in series.lookups.iter().filter(|l| l.overlay == overlay) {
        bins.entry((looked.at.max(0.0) / bin) as usize).or_default()[looked.answer as usize] += 1;
    }
    let most = bins.values().map(|b| b.iter().sum::<usize>()).max()?;
    let mut plot = Plot::half(Scale::linear(0.0, end), Scale::linear(0.0, most as f64 / bin));
    plot.x_axis("seconds of play", plain).y_axis("lookups per second", plain);
    for answer in [Answered::Right, Answered::Failed, Answered::Wrong] {
        let mut path = String::new();
        for (i, counts) in &bins {
            let below: usize = counts[..answer as usize].iter().sum();
            let own = counts[answer as usize];
            let (left, bottom) = plot.at(*i as f64 * bin, below as f64 / bin);
            let (right, top) = plot.at((*i + 1) as f64 * bin, (below + own) as f64 / bin);
            if own > 0 {
                path += &format!("M{} {}H{}V{}H{}z", n(left + 0.3), n(bottom), n(right - 0.3), n(top), n(left + 0.3));
            }
        }
        plot.path(&format!("bar {}", answer.name()), &path);
    }
    faults(&mut plot, report);
    Some(plot.finish("Lookups per second that were right, failed and wrong"))
}

/// Measured round trips against configured ones.
pub(super) fn distances(report: &Report) -> Option<String> {
    let pairs: Vec<(f64, f64)> = report.round_trips.iter().filter_map(|p| Some((p.configured_ms, p.rtt_ms?))).collect();
    let most = pairs.iter().map(|(c, m)| c.max(*m)).fold(0.0, f64::max);
    if pairs.is_empty() {
        return None;
    }
    let scale = Scale::linear(0.0, most * 1.05);
    let mut plot = Plot::half(scale, scale);
    plot.x_axis("configured round trip, ms", plain).y_axis("measured, ms", plain);
    let (from, to) = (plot.at(0.0, 0.0), plot.at(most * 1.05, most * 1.05));
    plot.path("diagonal", &line([from, to]));
    let points: Vec<_> = pairs.iter().map(|(c, m)| plot.at(*c, *m)).collect();
    plot.raw(&format!("<path class=\"dot c5\" stroke-width=\"6\" d=\"{}\"/>", dots(points)));
    Some(plot.finish(&format!("{}: measured against configured round trips", plural(pairs.len(), "pair"))))
}
