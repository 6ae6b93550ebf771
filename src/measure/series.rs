//! What was observed, one by one and by time: for files of numbers, and for pictures.
//!
//! Times are seconds of play. Everything borrows from the record.

use std::collections::BTreeMap;

use crate::measure::Findings;
use crate::measure::catchment::group_index;
use crate::measure::flows::FlowLife;
use crate::measure::overlay::Correctness;
use crate::measure::reach::passes;
use crate::measure::stats::thousandths;
use crate::record::{NodeDid, Record, What};

/// All series of one run.
#[derive(Clone, Debug, Default)]
pub struct Series<'a> {
    /// By the time they were sent.
    pub probes: Vec<Probe<'a>>,
    /// Changes of the kernels' routes, those of the build too.
    pub routes: Vec<RouteChange<'a>>,
    /// BGP updates, where they arrived.
    pub updates: Vec<Updated<'a>>,
    /// Changes of links only.
    pub links: Vec<LinkState<'a>>,
    pub joins: Vec<Joined<'a>>,
    /// Overlay by overlay, by the time they were sent.
    pub lookups: Vec<Looked<'a>>,
    /// Flows' connections, by the time they began.
    pub flows: Vec<FlowLife<'a>>,
    /// Where the kernels' routes lead, for each of [`Report::catchments`](crate::measure::Report): router to member.
    pub routed: Vec<BTreeMap<&'a str, &'a str>>,
}

/// One probe of a client.
#[derive(Clone, Debug, PartialEq)]
pub struct Probe<'a> {
    pub at: f64,
    pub client: &'a str,
    /// The group's name.
    pub group: &'a str,
    /// `None`: lost.
    pub rtt_ms: Option<f64>,
    pub member: Option<&'a str>,
}

/// One change of one node's routes.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteChange<'a> {
    pub at: f64,
    pub node: &'a str,
    pub prefix: &'a str,
    /// False: the route was deleted.
    pub add: bool,
    /// Gateways, joined by spaces.
    pub via: String,
}

/// One BGP UPDATE.
#[derive(Clone, Debug, PartialEq)]
pub struct Updated<'a> {
    pub at: f64,
    pub node: &'a str,
    pub peer: &'a str,
    pub announced: u32,
    pub withdrawn: u32,
}

/// What a link does from then on.
#[derive(Clone, Debug, PartialEq)]
pub struct LinkState<'a> {
    pub at: f64,
    pub link: &'a str,
    /// It has a carrier, and neither end swallows all frames.
    pub passes: bool,
}

/// A join that ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Joined<'a> {
    pub at: f64,
    pub overlay: &'a str,
    pub node: &'a str,
    /// `None`: it failed.
    pub milliseconds: Option<f64>,
    pub served_by: Option<&'a str>,
    pub attempts: Option<u32>,
}

/// A lookup that ended.
#[derive(Clone, Debug, PartialEq)]
pub struct Looked<'a> {
    /// When it was sent.
    pub at: f64,
    pub overlay: &'a str,
    pub node: &'a str,
    pub answer: Answered,
    pub hops: u32,
    pub milliseconds: f64,
}

/// What became of a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Answered {
    Right,
    Failed,
    Wrong,
}

impl Answered {
    pub fn name(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Failed => "failed",
            Self::Wrong => "wrong",
        }
    }
}

impl<'a> Findings<'a> {
    /// Everything observed, one by one.
    pub fn series(&self) -> Series<'a> {
        let record = self.record;
        let mut series = Series::default();
        for event in &record.events {
            series.take(record, record.seconds(event.at), &event.what);
        }
        series.probes.sort_by(|a, b| f64::total_cmp(&a.at, &b.at));
        series.lookups = self.looked();
        series.flows = self.flows.series(record);
        series.routed = crate::measure::snapshot::routed(self);
        series
    }

    fn looked(&self) -> Vec<Looked<'a>> {
        let of_overlay = |history: &crate::measure::overlay::History<'a>| {
            let overlay = history.facts.name.as_str();
            let looked = history.lookups.iter().map(move |l| Looked {
                at: self.record.seconds(l.sent),
                overlay,
                node: l.asker,
                answer: match l.answer {
                    Correctness::Ok => Answered::Right,
                    Correctness::Failed => Answered::Failed,
                    Correctness::Wrong => Answered::Wrong,
                },
                hops: l.hops,
                milliseconds: l.milliseconds,
            });
            looked.collect::<Vec<_>>()
        };
        self.overlays.iter().flat_map(of_overlay).collect()
    }
}

impl<'a> Series<'a> {
    fn take(&mut self, record: &'a Record, at: f64, what: &'a What) {
        match what {
            What::Probes { client, group, probes, .. } => {
                let groups = &record.facts.groups;
                let group = group_index(groups, group).map_or(group.as_str(), |index| &groups[index].name);
                self.probes.extend(probes.iter().map(|p| Probe {
                    at: record.seconds(p.sent),
                    client,
                    group,
                    rtt_ms: p.rtt.map(|ns| thousandths(ns as f64 / 1e6)),
                    member: p.member.as_deref(),
                }));
            }
            What::Fib { node, change } => {
                let via: Vec<String> = change.via.iter().map(ToString::to_string).collect();
                let (prefix, add) = (change.prefix.as_str(), change.add);
                self.routes.push(RouteChange { at, node, prefix, add, via: via.join(" ") });
            }
            What::Update { node, peer, announced, withdrawn } => {
                self.updates.push(Updated { at, node, peer, announced: *announced, withdrawn: *withdrawn });
            }
            What::Link { link, up, egress } => {
                self.links.push(LinkState { at, link, passes: passes(*up, egress) });
            }
            What::Node { node, overlay, did } => self.joined(at, node, overlay, did),
            _ => {}
        }
    }

    fn joined(&mut self, at: f64, node: &'a str, overlay: &'a str, did: &'a NodeDid) {
        let joined = Joined { at, overlay, node, milliseconds: None, served_by: None, attempts: None };
        match did {
            NodeDid::Joined { served_by, milliseconds, attempts, .. } => self.joins.push(Joined {
                milliseconds: Some(*milliseconds),
                served_by: served_by.as_deref(),
                attempts: Some(*attempts),
                ..joined
            }),
            NodeDid::JoinFailed { .. } => self.joins.push(joined),
            _ => {}
        }
    }
}
