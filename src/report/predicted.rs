//! Predictions of the text report and of the page: whether BGP did what its configs say, after each action.

use std::collections::BTreeMap;

use crate::measure::Report;
use crate::record::{Compared, Difference, Predicted};
use crate::report::page::{BOLD, DIM, Page, moment, plural};

/// Differences of one comparison that are told; all are in report.json.
const MOST: usize = 4;

/// What became of routing after each action, beside what was predicted.
pub(crate) fn predictions(page: &mut Page, report: &Report) {
    let lines = lines(report);
    if lines.is_empty() {
        return;
    }
    page.blank();
    let what = page.paint(DIM, "· every router's best route, beside what follows from the configs");
    page.raw(&format!("{} {what}", page.paint(BOLD, "prediction")));
    for (at, line, differ) in lines {
        page.labeled(&at, &line);
        for line in differ {
            page.labeled("differs", &line);
        }
    }
}

/// When, what was found, and what differs. What is not a surprise is told together.
pub(crate) fn lines(report: &Report) -> Vec<(String, String, Vec<String>)> {
    let of = |wanted| report.predictions.iter().filter(move |prediction| prediction.found.outcome == wanted);
    let mut lines = Vec::new();
    let right: Vec<&Predicted> = of(Compared::AsPredicted).map(|prediction| &prediction.found).collect();
    if !right.is_empty() {
        let slowest = right.iter().map(|found| found.seconds).fold(0.0, f64::max);
        let routes: usize = right.iter().map(|found| found.compared).sum();
        let times = plural(right.len(), "time");
        let text = format!("{routes} of {routes}, looked at {times}; after {slowest:.1} s at the latest");
        lines.push(("right".to_owned(), text, Vec::new()));
    }
    for prediction in of(Compared::Otherwise) {
        let differ = prediction.found.differences.iter().take(MOST).map(difference).collect();
        lines.push((moment(prediction.at), line(&prediction.found), differ));
    }
    let soon = of(Compared::TooSoon).count();
    if soon > 0 {
        let text = format!("after {}: the next one came first", plural(soon, "action"));
        lines.push(("not seen".to_owned(), text, Vec::new()));
    }
    let mut reasons: BTreeMap<&str, usize> = BTreeMap::new();
    for prediction in of(Compared::NotPredicted) {
        *reasons.entry(prediction.found.reason.as_deref().unwrap_or_default()).or_default() += 1;
    }
    for (reason, count) in reasons {
        lines.push(("not said".to_owned(), format!("after {}: {reason}", plural(count, "action")), Vec::new()));
    }
    lines
}

/// `after cut near-isp: 2 of 12 best routes are not as predicted`
pub(crate) fn line(found: &Predicted) -> String {
    let after = found.after.as_ref().map_or("at first".to_owned(), |action| format!("after {action}"));
    let what = match found.outcome {
        Compared::AsPredicted => format!("as predicted, {} best routes, after {:.1} s", found.compared, found.seconds),
        Compared::Otherwise => {
            format!("{} of {} best routes are not as predicted", found.differences.len(), found.compared)
        }
        Compared::TooSoon => "the next action came before all was as predicted".to_owned(),
        Compared::NotPredicted => format!("not predicted: {}", found.reason.as_deref().unwrap_or("no reason is known")),
    };
    format!("{after}: {what}")
}

fn difference(found: &Difference) -> String {
    let path = |path: &Option<String>| path.as_ref().map_or("no route".to_owned(), |path| format!("\"{path}\""));
    let step = found.step.as_ref().map(|step| format!(", by {step}")).unwrap_or_default();
    let order = if found.by_order { "; which one wins depends on which came first" } else { "" };
    let (real, predicted) = (path(&found.real), path(&found.predicted));
    format!("{} to {}: {real} instead of {predicted}{step}{order}", found.router, found.prefix)
}
