//! What BGP does after an action, beside what is predicted: every router's best route to every plain group.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::Result;
use futures_util::future::join_all;
use ipnet::IpNet;
use tokio::time::{Instant, sleep};

use crate::lab::Lab;
use crate::plan::unseen;
use crate::predict::{Best, State, predict_in};
use crate::record::{Compared, Difference, Predicted, What};
use crate::routing::Destination;
use crate::scenario::damage::{Damage, ProcessState};
use crate::topology::{GracefulRestart, GroupId, LinkId, NodeId, Topology};

/// Until the first look: what is noticed at once has been told by then.
const FIRST_LOOK: Duration = Duration::from_millis(500);
/// Between two looks.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// When no table has changed for so long, nothing more will: the lab's timers set up a session anew within two.
const SETTLED: Duration = Duration::from_secs(5);
/// Routers that are asked at once.
const AT_ONCE: usize = 16;

/// What each router is to have of each group's prefix: the best route, and whether that depends on which came first.
type Wanted = BTreeMap<NodeId, Vec<(IpNet, Option<Best>, bool)>>;

impl Lab {
    /// Compares, in the background, until all is as predicted, or nothing changes any more, or the next action comes.
    /// `after`: the action; `None`: the lab has come up.
    pub(in crate::lab) fn compare(self: &Arc<Self>, after: Option<String>, damage: &Damage) {
        if !self.topology.groups.iter().any(crate::topology::Group::is_plain) {
            return;
        }
        let number = self.faults.load(Ordering::Relaxed);
        let (lab, damage) = (self.clone(), damage.clone());
        tokio::spawn(async move {
            let begun = Instant::now();
            let mut predicted = lab.compared(&damage, number, begun).await;
            (predicted.after, predicted.seconds) = (after, begun.elapsed().as_secs_f64());
            lab.recorder.now(What::Predicted(Box::new(predicted)));
        });
    }

    async fn compared(&self, damage: &Damage, number: u64, begun: Instant) -> Predicted {
        let mut found = Predicted {
            after: None,
            outcome: Compared::NotPredicted,
            compared: 0,
            seconds: 0.0,
            differences: Vec::new(),
            reason: unpredictable(damage, number > 0, &self.topology),
        };
        if found.reason.is_some() {
            return found;
        }
        let wanted = match wanted(damage, &self.topology) {
            Ok(wanted) => wanted,
            Err(reason) => return Predicted { reason: Some(reason), ..found },
        };
        found.compared = wanted.values().map(Vec::len).sum();
        let settled = SETTLED + unseen(&self.topology);
        let (mut pause, mut before, mut since) = (FIRST_LOOK, self.fibs.changes(), begun);
        loop {
            sleep(pause).await;
            pause = LOOK_AGAIN;
            if self.faults.load(Ordering::Relaxed) != number {
                return Predicted { outcome: Compared::TooSoon, differences: Vec::new(), ..found };
            }
            let now = self.fibs.changes();
            if now != before {
                (before, since) = (now, Instant::now());
            }
            // A router that does not answer has not settled.
            match self.differences(&wanted).await {
                Ok(differences) if differences.is_empty() => {
                    return Predicted { outcome: Compared::AsPredicted, differences, ..found };
                }
                Ok(differences) if since.elapsed() > settled => {
                    return Predicted { outcome: Compared::Otherwise, differences, ..found };
                }
                Ok(_) | Err(_) => {}
            }
        }
    }

    async fn differences(&self, wanted: &Wanted) -> Result<Vec<Difference>> {
        let all: Vec<_> = wanted.iter().collect();
        let mut found = Vec::new();
        for chunk in all.chunks(AT_ONCE) {
            let answers = join_all(chunk.iter().map(|(router, wanted)| self.of_router(**router, wanted))).await;
            for answer in answers {
                found.extend(answer?);
            }
        }
        Ok(found)
    }

    async fn of_router(&self, router: NodeId, wanted: &[(IpNet, Option<Best>, bool)]) -> Result<Vec<Difference>> {
        let mut control = self.control(router).await?;
        let mut found = Vec::new();
        for (prefix, best, by_order) in wanted {
            let routes = control.routes(&Destination::Prefix(*prefix)).await?;
            let real = routes.iter().find(|route| route.best).map(|route| route.as_path().join(" "));
            let predicted = best.as_ref().map(Best::written);
            if real != predicted {
                found.push(Difference {
                    router: self.topology.node(router).name.clone(),
                    prefix: prefix.to_string(),
                    predicted,
                    real,
                    step: best.as_ref().map(|best| best.step.to_string()),
                    by_order: *by_order,
                });
            }
        }
        Ok(found)
    }
}

/// Why nothing can be said of a lab as it is.
fn unpredictable(damage: &Damage, acted: bool, topology: &Topology) -> Option<String> {
    if let Some(own) = topology.ases.iter().find(|own| own.prefer_older) {
        return Some(format!("what {} uses depends on which route came first", own.name));
    }
    if let Some(own) = topology.ases.iter().find(|own| acted && own.damping.is_some()) {
        return Some(format!("{} damps routes that have flapped (RFC 2439)", own.name));
    }
    let name = |id: NodeId| topology.node(id).name.as_str();
    let frozen = topology.ids().find(|id| damage.routing(*id, topology) == ProcessState::Stopped);
    if let Some(frozen) = frozen {
        return Some(format!("{} is frozen: its neighbors find out when their timers end", name(frozen)));
    }
    let dead =
        |id: &NodeId| topology.node(*id).kind.speaks_bgp() && damage.routing(*id, topology) == ProcessState::Dead;
    for (index, link) in topology.links.iter().enumerate() {
        let state = damage.link(LinkId(index), topology);
        if state.up && state.egress.iter().any(|egress| egress.blackhole) {
            return Some(format!("{} is a black hole: timers find out", link.name));
        }
        let graceful = link.session.graceful_restart == Some(GracefulRestart::Yes);
        if graceful && let Some(gone) = [link.a, link.b].into_iter().find(dead) {
            return Some(format!("neighbors of {} keep its routes for a while (RFC 4724)", name(gone)));
        }
    }
    None
}

fn wanted(damage: &Damage, topology: &Topology) -> Result<Wanted, String> {
    let network = damage.network(topology);
    let silent: BTreeSet<NodeId> =
        topology.ids().filter(|id| damage.routing(*id, topology) != ProcessState::Running).collect();
    let cut = damage.cut_links(topology);
    let announces = |host: NodeId, group: GroupId| !damage.is_withdrawn(host, group);
    // Members of overlays come and go.
    let about = |group: GroupId| topology.groups[group.0].is_plain();
    let state = State { about: &about, announces: &announces, silent: &silent, cut: &cut };
    let mut wanted = Wanted::new();
    for prediction in predict_in(&network, &state).map_err(|unsettled| unsettled.to_string())? {
        for router in topology.of_kind(|kind| kind.is_router()).filter(|id| !silent.contains(id)) {
            let best = prediction.best.get(&router).cloned();
            wanted.entry(router).or_default().push((prediction.prefix, best, prediction.by_order.contains(&router)));
        }
    }
    Ok(wanted)
}
