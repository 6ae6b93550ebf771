//! Surveys of the timeline: which member each node's packet reached, and what its kernels' routes say.

use crate::measure::Findings;
use crate::measure::catchment::is_group;
use crate::measure::model::{RoutedWay, SurveyDisagreement, SurveyReport};
use crate::measure::reading::{NOTHING, Reading, Seen};
use crate::measure::snapshot::comparisons;
use crate::record::survey::{Survey, Surveyed};
use crate::record::{Record, What};

fn surveys(record: &Record) -> impl Iterator<Item = (u64, &Survey)> {
    record.events.iter().filter_map(|event| match &event.what {
        What::Survey(survey) => Some((event.at, &**survey)),
        _ => None,
    })
}

/// What the report says of each.
pub(crate) fn reports(record: &Record) -> Vec<SurveyReport> {
    let report = |(at, survey): (u64, &Survey)| SurveyReport {
        at: record.seconds(at),
        group: survey.address.to_string(),
        group_name: survey.group.clone(),
        nodes: survey.nodes.iter().map(|n| (n.node.clone(), n.member().map(str::to_owned))).collect(),
        sites: survey.shares().into_iter().filter_map(|(site, nodes)| Some((site?.to_owned(), nodes))).collect(),
        settled: survey.settled,
        compared: survey.compared(),
        disagreements: survey.disagreements().into_iter().filter_map(disagreement).collect(),
    };
    surveys(record).map(report).collect()
}

fn disagreement(node: &Surveyed) -> Option<SurveyDisagreement> {
    let ways = node.routes.iter().flat_map(|routes| &routes.ways);
    Some(SurveyDisagreement {
        node: node.node.clone(),
        found: node.disagreement()?,
        packet: node.packet.as_ref().map(|packet| packet.hops.clone()).unwrap_or_default(),
        routes: ways.map(|way| RoutedWay { hops: way.hops.clone(), end: way.end.name().to_owned() }).collect(),
    })
}

/// Disagreements of surveys and of the report's catchments, by time; of one group, or all.
pub(crate) fn disagreements<'a>(findings: &Findings<'a>, group: Option<&str>) -> Seen<'a> {
    let record = findings.record;
    let facts = group.and_then(|group| record.facts.groups.iter().find(|g| is_group(g, group)));
    let meant = |survey: &Survey| group.is_none() || facts.is_some_and(|facts| facts.name == survey.group);
    let taken = surveys(record).filter(|(_, survey)| meant(survey));
    let mut found: Vec<(u64, usize, usize)> =
        taken.map(|(at, survey)| (at, survey.compared(), survey.disagreements().len())).collect();
    found.extend(comparisons(findings, group));
    found.sort_unstable();
    let changes = found.iter().map(|(at, ..)| *at).collect();
    let read = move |from, to| {
        let within = found.iter().filter(|(at, ..)| (from..to).contains(at));
        let (compared, differ) = within.fold((0, 0), |(all, bad), (_, more, worse)| (all + more, bad + worse));
        match compared {
            0 => Err(NOTHING.to_owned()),
            _ => Ok((Reading::Number(differ as f64), format!("{differ} of {compared} compared"))),
        }
    };
    Seen::Window { changes, read: Box::new(read) }
}
