//! ROAs that are published and revoked, and whether routers have heard of it.

use std::collections::BTreeSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result};
use futures_util::future::join_all;
use tokio::time::sleep;

use crate::lab::Lab;
use crate::program::Process;
use crate::routing::rtr;
use crate::scenario::RoaAct;
use crate::scenario::damage::{Damage, ProcessState};
use crate::topology::{Family, NodeId, Roa};

/// Between two looks whether a router has the ROAs.
const LOOK_EVERY: Duration = Duration::from_millis(100);

impl Lab {
    /// Has routers look at the ROAs that there are now: their configs say so, or the server that they ask.
    pub(super) async fn tell_roas(&self, damage: &Damage) -> Result<()> {
        if self.topology.rtr.is_some() {
            return self.tell_server(damage).await;
        }
        for router in RoaAct::readers(&self.topology) {
            self.announce_otherwise(router, damage).await?;
        }
        Ok(())
    }

    /// Gives the server a new list. One that is dead reads it when it starts, one that is stopped when it goes on.
    async fn tell_server(&self, damage: &Damage) -> Result<()> {
        let Some(server) = &self.topology.rtr else { return Ok(()) };
        let plan = self.plan();
        let program = plan.node(server.host).program(Process::RTR);
        if let Some(file) = program.files.first() {
            // It must not read half of it.
            let new = file.path.with_extension("new");
            let written = fs::write(&new, rtr::list(&damage.network(&self.topology).roas));
            written
                .and_then(|()| fs::rename(&new, &file.path))
                .with_context(|| format!("write {}", file.path.display()))?;
        }
        match damage.process(server.host, Process::RTR) {
            ProcessState::Dead => Ok(()),
            ProcessState::Running | ProcessState::Stopped => self.processes.read_again(server.host, Process::RTR),
        }
    }

    /// Routers that ask an RTR server, and have other ROAs than it is to have; what they say instead.
    pub(in crate::lab) async fn uninformed(&self, damage: &Damage) -> Vec<(NodeId, String)> {
        if self.topology.rtr.is_none() {
            return Vec::new();
        }
        let spoken = |roas: &[Roa]| {
            let families = self.topology.family.families();
            let roas = roas.iter().filter(|roa| families.contains(&Family::of(roa.prefix.addr())));
            roas.copied().collect::<BTreeSet<Roa>>()
        };
        let wanted = spoken(&damage.network(&self.topology).roas);
        let readers = RoaAct::readers(&self.topology);
        let runs = |id: &NodeId| damage.routing(*id, &self.topology) == ProcessState::Running;
        let asked = join_all(readers.into_iter().filter(runs).map(|router| async move {
            let answer = async { self.control(router).await?.roas().await }.await;
            (router, answer)
        }));
        let differs = |(router, answer): (NodeId, Result<Vec<Roa>>)| match answer {
            Err(error) => Some((router, format!("{error:#}"))),
            Ok(roas) => {
                let roas = spoken(&roas);
                let known = roas.intersection(&wanted).count();
                let text = format!("it has {known} of {} ROAs, and {} others", wanted.len(), roas.len() - known);
                (roas != wanted).then_some((router, text))
            }
        };
        asked.await.into_iter().filter_map(differs).collect()
    }

    /// Waits until all routers have the ROAs that are published.
    pub(in crate::lab) async fn informed(&self, damage: &Damage) {
        self.inform_while(damage, || true).await;
    }

    /// The same in the background, until the next fault.
    pub(super) fn inform(self: &Arc<Self>, damage: &Damage) {
        let number = self.faults.load(Ordering::Relaxed);
        let (lab, damage) = (self.clone(), damage.clone());
        tokio::spawn(async move {
            lab.inform_while(&damage, || lab.faults.load(Ordering::Relaxed) == number).await;
        });
    }

    /// Has each router, when it has the ROAs that are published, look at what it has heard, if it does not of its own
    /// accord.
    async fn inform_while(&self, damage: &Damage, goes_on: impl Fn() -> bool) {
        let readers = RoaAct::readers(&self.topology).into_iter();
        let mut waiting: BTreeSet<NodeId> = readers.filter(|_| self.topology.rtr.is_some()).collect();
        while !waiting.is_empty() && goes_on() {
            let still: BTreeSet<NodeId> = self.uninformed(damage).await.into_iter().map(|(router, _)| router).collect();
            let told: Vec<NodeId> = waiting.difference(&still).copied().collect();
            join_all(told.iter().map(|router| self.validate(*router))).await;
            waiting.retain(|router| still.contains(router));
            if !waiting.is_empty() {
                sleep(LOOK_EVERY).await;
            }
        }
    }

    async fn validate(&self, router: NodeId) {
        let told = async { self.control(router).await?.validate().await };
        if let Err(error) = told.await {
            tracing::debug!("{} does not look at its routes: {error:#}", self.topology.node(router).name);
        }
    }
}
