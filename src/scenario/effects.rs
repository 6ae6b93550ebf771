//! The metrics of what faults do to clients and sites: stretch, load and flips.

use super::acts::{Action, LookAct, stretched_groups};
use super::expect::{only_group, site_of};
use super::expectation::{Metric, Quantile};
use super::timeline::Placed;
use super::words::{ActionError, Word, Words, probed};
use crate::topology::diagnose::suggest;
use crate::topology::{GroupId, NodeId, Topology};

impl Metric {
    /// Whether it has a value at every moment; others count or measure over a window.
    pub fn is_state(&self) -> bool {
        let of_overlay = matches!(self, Self::Members(_) | Self::Islands(_) | Self::Whole(_));
        let of_routing = matches!(self, Self::AsPath(..) | Self::Hops(..) | Self::Reachable(..) | Self::Routes(_));
        let of_clients =
            matches!(self, Self::Catchment(..) | Self::Fairness(_) | Self::Load(..) | Self::FlowMembers(_));
        of_overlay || of_routing || of_clients
    }
}

/// Whether a `stretch` between these times measures the group, or the only one that is probed.
pub(super) fn stretched(placed: &[Placed], topology: &Topology, group: Option<&str>, from: f64, to: f64) -> bool {
    let meant = |id: &GroupId| match group {
        Some(name) => topology.groups[id.0].name == name,
        None => probed(topology) == [*id],
    };
    placed.iter().any(|p| match p.entry.action {
        Action::Look(LookAct::Stretch(of)) => {
            (from..=to).contains(&p.entry.at.as_secs_f64()) && stretched_groups(of, topology).iter().any(meant)
        }
        _ => false,
    })
}

/// A metric of a group: the one that `of` names, else the only one that is probed.
pub(super) fn of_group(
    name: &str,
    first: &Word<'_>,
    subject: Option<&Word<'_>>,
    topology: &Topology,
) -> Result<Metric, ActionError> {
    // Every group can be stretched; load and fairness are seen by probes.
    let by_probes = name == "fairness";
    let group = match subject {
        None => only_group(first, "of", topology)?,
        Some(word) => {
            let known = || {
                let all = topology.groups.iter().enumerate();
                all.filter(|(i, _)| !by_probes || probed(topology).contains(&GroupId(*i))).map(|(_, g)| g.name.as_str())
            };
            if !known().any(|name| name == word.text) {
                let message = match by_probes {
                    true => format!("clients probe no group `{}`", word.text),
                    false => format!("there is no group `{}`", word.text),
                };
                return Err(word.error(message, suggest(word.text, known())));
            }
            Some(word.text.to_owned())
        }
    };
    Ok(match name {
        "stretch p50" => Metric::Stretch(Quantile::P50, group),
        "stretch p90" => Metric::Stretch(Quantile::P90, group),
        "stretch p99" => Metric::Stretch(Quantile::P99, group),
        "best site" => Metric::BestSite(group),
        _ => Metric::Fairness(group),
    })
}

/// `load of SITE [for GROUP]`.
pub(super) fn load(
    subject: &Word<'_>,
    words: &mut Words<'_>,
    form: &str,
    topology: &Topology,
) -> Result<Metric, ActionError> {
    let group = if words.take("for") {
        let word = words.expect("a group", form)?;
        let known = || probed(topology).iter().map(|id| topology.groups[id.0].name.as_str());
        if !known().any(|name| name == word.text) {
            return Err(word.error(format!("clients probe no group `{}`", word.text), suggest(word.text, known())));
        }
        Some(word.text.to_owned())
    } else {
        only_group(subject, "for", topology)?
    };
    Ok(Metric::Load(site_of(subject, group.as_deref(), topology)?, group))
}

/// The least that a metric can be. Shares and counts begin with nothing; Jain's index with all clients at one
/// site of the group, and the load of its only site with all there is.
pub(super) fn least(metric: &Metric, topology: &Topology) -> f64 {
    // From one node to another there is a link at least.
    if matches!(metric, Metric::Hops(..)) {
        return 1.0;
    }
    let (Metric::Fairness(name) | Metric::Load(_, name)) = metric else { return 0.0 };
    let mut groups = topology.groups.iter().enumerate();
    let meant = groups.find(|(index, g)| match name {
        Some(name) => g.name == *name,
        None => probed(topology).contains(&GroupId(*index)),
    });
    let Some((_, group)) = meant else { return 0.0 };
    match metric {
        Metric::Load(site, _) => {
            let is_site = |id: &NodeId| {
                let member = topology.node(*id);
                member.name == *site || topology.ases[member.as_id.0].name == *site
            };
            if group.members.iter().all(is_site) { 1.0 } else { 0.0 }
        }
        _ => 1.0 / group.members.len().max(1) as f64,
    }
}
