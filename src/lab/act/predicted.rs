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
use crate::predict::{Best, State, predict_in, written};
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

/// What a router is to have of a prefix: the best route, and whether that depends on which came first.
type Of = (IpNet, Option<Best>, bool);
type Wanted = BTreeMap<NodeId, Vec<Of>>;

/// The paths that routers use.
type Real = BTreeMap<(NodeId, IpNet), Vec<u32>>;

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
        let mut wanted = match wanted(damage, &self.topology, &Real::new()) {
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
            let Ok(real) = self.real(&wanted).await else { continue };
            let mut differences = self.differences(&wanted, &real);
            if !differences.is_empty() && wanted.values().flatten().any(|(.., by_order)| *by_order) {
                // Which of equal routes came first is for the lab to say.
                match self::wanted(damage, &self.topology, &real) {
                    Ok(again) => wanted = again,
                    Err(reason) => return Predicted { reason: Some(reason), ..found },
                }
                differences = self.differences(&wanted, &real);
            }
            if differences.is_empty() {
                return Predicted { outcome: Compared::AsPredicted, differences, ..found };
            }
            if since.elapsed() > settled {
                if let Some((router, why)) = self.uninformed(damage).await.first() {
                    let router = &self.topology.node(*router).name;
                    let reason = Some(format!("the RTR server has not told {router} of all ROAs: {why}"));
                    return Predicted { reason, ..found };
                }
                return Predicted { outcome: Compared::Otherwise, differences, ..found };
            }
        }
    }

    /// Asks every router.
    async fn real(&self, wanted: &Wanted) -> Result<Real> {
        let all: Vec<_> = wanted.iter().collect();
        let mut found = Real::new();
        for chunk in all.chunks(AT_ONCE) {
            let answers = join_all(chunk.iter().map(|(router, wanted)| self.of_router(**router, wanted))).await;
            for answer in answers {
                found.extend(answer?);
            }
        }
        Ok(found)
    }

    async fn of_router(&self, router: NodeId, wanted: &[Of]) -> Result<Real> {
        let mut control = self.control(router).await?;
        let mut found = Real::new();
        for (prefix, ..) in wanted {
            let routes = control.routes(&Destination::Prefix(*prefix)).await?;
            found.extend(routes.iter().find(|route| route.best).map(|best| ((router, *prefix), best.numbers())));
        }
        Ok(found)
    }

    fn differences(&self, wanted: &Wanted, real: &Real) -> Vec<Difference> {
        let mut found = Vec::new();
        for (router, (prefix, best, by_order)) in wanted.iter().flat_map(|(id, all)| all.iter().map(move |of| (id, of)))
        {
            let (predicted, real) = (best.as_ref().map(|best| &best.path), real.get(&(*router, *prefix)));
            if predicted != real {
                found.push(Difference {
                    router: self.topology.node(*router).name.clone(),
                    prefix: prefix.to_string(),
                    predicted: predicted.map(|path| written(path)),
                    real: real.map(|path| written(path)),
                    step: best.as_ref().map(|best| best.step.to_string()),
                    by_order: *by_order,
                });
            }
        }
        found
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

fn wanted(damage: &Damage, topology: &Topology, real: &Real) -> Result<Wanted, String> {
    let network = damage.network(topology);
    let silent: BTreeSet<NodeId> =
        topology.ids().filter(|id| damage.routing(*id, topology) != ProcessState::Running).collect();
    let cut = damage.cut_links(topology);
    let announces = |host: NodeId, group: GroupId| !damage.is_withdrawn(host, group);
    // Members of overlays come and go.
    let fell = |router, prefix| real.get(&(router, prefix)).cloned();
    let about = |group: GroupId| topology.groups[group.0].is_plain();
    let state = State { about: &about, announces: &announces, silent: &silent, cut: &cut, fell: &fell };
    let mut wanted = Wanted::new();
    for prediction in predict_in(&network, &state).map_err(|unsettled| unsettled.to_string())? {
        for router in topology.of_kind(|kind| kind.is_router()).filter(|id| !silent.contains(id)) {
            let best = prediction.best.get(&router).cloned();
            wanted.entry(router).or_default().push((prediction.prefix, best, prediction.by_order.contains(&router)));
        }
    }
    Ok(wanted)
}
