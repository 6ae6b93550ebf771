//! The surveys of the text report and of the page: shares of the sites, and where witnesses differ.

use crate::measure::{Report, SurveyDisagreement, SurveyReport};
use crate::report::page::{BOLD, DIM, Page, abbreviated, moment};

/// Disagreements of one survey that are told; all are in report.json.
const MOST: usize = 4;

/// What each `catchment` of the timeline found.
pub(crate) fn surveys(page: &mut Page, report: &Report) {
    if report.surveys.is_empty() {
        return;
    }
    page.blank();
    page.raw(&format!(
        "{} {}",
        page.paint(BOLD, "surveys"),
        page.paint(DIM, "· every node's packet, and its kernels' routes")
    ));
    for survey in &report.surveys {
        page.labeled(&moment(survey.at), &headline(survey));
        for found in survey.disagreements.iter().take(MOST) {
            for (label, text) in lines(found) {
                page.labeled(label, &text);
            }
        }
    }
}

/// `dns: east 4, west 6 of 10 nodes; 10 compared, all agree`
pub(crate) fn headline(survey: &SurveyReport) -> String {
    let sites = survey.sites.iter().map(|(site, nodes)| format!("{site}\u{a0}{nodes}"));
    let sites = if survey.sites.is_empty() { "no site".to_owned() } else { abbreviated(sites, 8) };
    let verdict = match (survey.settled, survey.disagreements.len()) {
        (false, _) => "not compared: something changed meanwhile".to_owned(),
        (true, 0) => format!("{} compared, all agree", survey.compared),
        (true, differ) => format!("{differ} of {} disagree", survey.compared),
    };
    format!("{}: {sites} of {} nodes; {verdict}", survey.group_name, survey.nodes.len())
}

/// What differs, and both traces.
pub(crate) fn lines(found: &SurveyDisagreement) -> Vec<(&'static str, String)> {
    let trace = |hops: &[String]| std::iter::once(&found.node).chain(hops).cloned().collect::<Vec<_>>().join(" → ");
    let mut lines = vec![("disagree", format!("{}: {}", found.node, found.found)), ("packet", trace(&found.packet))];
    lines.extend(found.routes.iter().map(|way| ("routes", format!("{} ({})", trace(&way.hops), way.end))));
    lines
}
