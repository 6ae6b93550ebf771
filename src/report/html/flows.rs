//! Flows on the page: who served how many of them over time, and what each fault broke.

use std::collections::BTreeMap;

use serde::Serialize;

use super::charts;
use crate::measure::{Report, Series};
use crate::report::flows::{HEAD, rows, summary};
use crate::report::svg::{Plot, Scale, n, plain};

/// Rows of a table of clients, and of any other.
pub(super) const MOST_ROWS: usize = 24;
/// Steps of the time axis: about two pixels each.
const STEPS: usize = 200;
/// Members that can be told apart; the others share the last band.
const MOST_BANDS: usize = 7;

#[derive(Serialize)]
pub(super) struct FlowsView {
    summary: Vec<String>,
    chart: Option<String>,
    /// Class and name of each band, from the bottom.
    members: Vec<(String, String)>,
    head: [&'static str; 6],
    rows: Vec<[String; 6]>,
    hidden: usize,
}

impl FlowsView {
    /// `None`: the run had no flows.
    pub(super) fn of(report: &Report, series: &Series<'_>) -> Option<Self> {
        let flows = report.flows.as_ref()?;
        let members = bands(series);
        let mut rows = rows(report);
        let hidden = rows.len().saturating_sub(MOST_ROWS);
        rows.truncate(MOST_ROWS);
        let chart = chart(report, series, &members);
        let names = (0..).zip(&members).map(|(band, name)| {
            let others = band + 1 == MOST_BANDS && count(series) > MOST_BANDS;
            (format!("b{band}"), if others { "others".to_owned() } else { (*name).to_owned() })
        });
        Some(Self { summary: summary(flows), chart, members: names.collect(), head: HEAD, rows, hidden })
    }
}

/// Connections by member.
fn served<'a>(series: &Series<'a>) -> BTreeMap<&'a str, usize> {
    let mut served = BTreeMap::new();
    for life in &series.flows {
        *served.entry(life.member).or_default() += 1;
    }
    served
}

fn count(series: &Series<'_>) -> usize {
    served(series).len()
}

/// The members that served most, by name.
fn bands<'a>(series: &Series<'a>) -> Vec<&'a str> {
    let mut members: Vec<(&str, usize)> = served(series).into_iter().collect();
    members.sort_by_key(|(name, count)| (std::cmp::Reverse(*count), *name));
    members.truncate(MOST_BANDS);
    members.sort_unstable();
    members.into_iter().map(|(name, _)| name).collect()
}

/// Open flows over time, a band for each member.
fn chart(report: &Report, series: &Series<'_>, members: &[&str]) -> Option<String> {
    let end = report.play_seconds.filter(|end| *end > 0.0)?;
    let band = |name: &str| members.iter().position(|m| *m == name).unwrap_or(MOST_BANDS - 1);
    let step = |at: f64| ((at.max(0.0) / end * STEPS as f64).ceil() as usize).min(STEPS);
    let mut changes = vec![[0_i64; MOST_BANDS]; STEPS + 1];
    for life in &series.flows {
        changes[step(life.at)][band(life.member)] += 1;
        if let Some(at) = life.broken_at {
            changes[step(at)][band(life.member)] -= 1;
        }
    }
    let mut open = [0_i64; MOST_BANDS];
    let counts: Vec<[i64; MOST_BANDS]> = changes
        .iter()
        .map(|change| {
            open.iter_mut().zip(change).for_each(|(open, change)| *open += change);
            open
        })
        .collect();
    let most = counts.iter().map(|c| c.iter().sum::<i64>()).max().filter(|most| *most > 0)?;
    let mut plot = Plot::half(Scale::linear(0.0, end), Scale::linear(0.0, most as f64));
    plot.x_axis("seconds of play", plain).y_axis("flows", plain);
    let second = |step: usize| end * step as f64 / STEPS as f64;
    for band in 0..members.len() {
        let (mut path, mut from) = (String::new(), 0);
        while from < STEPS {
            let (below, own) = (counts[from][..band].iter().sum::<i64>(), counts[from][band]);
            let same = |c: &[i64; MOST_BANDS]| c[band] == own && c[..band].iter().sum::<i64>() == below;
            let to = from + counts[from..STEPS].iter().take_while(|c| same(c)).count();
            let ((left, bottom), (right, top)) =
                (plot.at(second(from), below as f64), plot.at(second(to), (below + own) as f64));
            if own > 0 {
                path += &format!("M{} {}H{}V{}H{}z", n(left), n(bottom), n(right), n(top), n(left));
            }
            from = to;
        }
        plot.path(&format!("band b{band}"), &path);
    }
    charts::faults(&mut plot, report);
    Some(plot.finish("Open flows by the member that serves them, over time"))
}
