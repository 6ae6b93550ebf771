//! Waiting until routing has settled, and saying what is missing when it does not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Result, bail};
use futures_util::future::join_all;
use tokio::time::{sleep, timeout};

use super::Lab;
use super::fibs::Expected;
use crate::plan::reach::valley_free;
use crate::program::Ready;
use crate::routing::daemon::SessionState;
use crate::topology::{AsId, GroupRole, NodeId, TimerPreset};

/// Between two looks at BGP sessions that are not up: a daemon does not announce state changes.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Routing tables that do not change for so long have settled: a new BGP session tells what it knows
/// within a few milliseconds, on a loaded machine within tens.
const QUIET: Duration = Duration::from_millis(100);
/// Daemons asked at the same time.
const AT_ONCE: usize = 128;
/// Missing things named in an error; the rest is counted.
const NAMED: usize = 12;

impl Lab {
    /// Waits until every router has every route it should have, every BGP session is up, and no routing
    /// table changes any more.
    /// Returns the number of sessions.
    ///
    /// # Errors
    /// At the deadline: which session and which prefix is missing where.
    pub(super) async fn converge(&self) -> Result<usize> {
        let patience = self.routing_takes_at_most();
        let wait = async {
            self.fibs.wait_for(self.expected()).await;
            let sessions = self.sessions_up().await;
            self.quiet().await;
            sessions
        };
        match timeout(patience, wait).await {
            Ok(sessions) => Ok(sessions),
            Err(_) => {
                bail!("routing has not converged within {} s\n{}", patience.as_secs(), self.what_is_missing().await)
            }
        }
    }

    /// How long routing may take to converge: some times the longest timer.
    pub(super) fn routing_takes_at_most(&self) -> Duration {
        match self.topology.timers {
            TimerPreset::Lab => Duration::from_secs(60),
            TimerPreset::Rfc | TimerPreset::Bird => Duration::from_secs(400),
        }
    }

    /// Stub prefixes and plain groups at every router that valley-free paths bring them to.
    fn expected(&self) -> Vec<Expected> {
        let heard = valley_free(&self.topology, &BTreeSet::new());
        let plain: Vec<_> = self.topology.groups.iter().filter(|g| g.role == GroupRole::Plain).collect();
        let mut by_origin: BTreeMap<AsId, BTreeSet<String>> = BTreeMap::new();
        for (index, _) in self.topology.ases.iter().enumerate().filter(|(_, a)| a.stub) {
            let prefixes = by_origin.entry(AsId(index)).or_default();
            for family in self.topology.family.families() {
                prefixes.insert(self.plan().addresses.stub_prefix(AsId(index), *family).to_string());
            }
            let is_site = |members: &[NodeId]| members.iter().any(|m| self.topology.node(*m).as_id == AsId(index));
            for group in plain.iter().filter(|g| is_site(&g.members)) {
                prefixes.extend(group.addresses.iter().map(|a| ipnet::IpNet::from(*a).to_string()));
            }
        }
        let mut expected = BTreeSet::new();
        for (receiver, origins) in self.topology.ases.iter().zip(&heard) {
            let prefixes: BTreeSet<&String> = origins.iter().filter_map(|o| by_origin.get(o)).flatten().collect();
            for router in &receiver.routers {
                expected.extend(prefixes.iter().map(|prefix| (*router, (*prefix).clone())));
            }
        }
        expected.into_iter().collect()
    }

    /// Waits until every BGP session is established; returns their number.
    async fn sessions_up(&self) -> usize {
        let mut waiting = self.talkers();
        let mut sessions = 0;
        loop {
            let mut still = Vec::new();
            for chunk in waiting.chunks(AT_ONCE) {
                let states = join_all(chunk.iter().map(|node| self.bgp(*node))).await;
                for (node, state) in chunk.iter().zip(states) {
                    match state {
                        Ok(state) if state.iter().all(|session| session.up) => sessions += state.len(),
                        _ => still.push(*node),
                    }
                }
            }
            if still.is_empty() {
                // Each session was counted at both ends.
                return sessions / 2;
            }
            waiting = still;
            sleep(LOOK_EVERY).await;
        }
    }

    /// Waits until no routing table has changed for a while: the route that came first need not be the
    /// best, and a session that is up has not yet said all it knows.
    async fn quiet(&self) {
        let mut before = self.fibs.changes();
        loop {
            sleep(QUIET).await;
            let now = self.fibs.changes();
            if now == before {
                return;
            }
            before = now;
        }
    }

    /// BGP sessions of a node's routing daemon.
    pub(super) async fn bgp(&self, node: NodeId) -> Result<Vec<SessionState>> {
        self.control(node).await?.sessions().await
    }

    /// The nodes with a program that is ready when its BGP sessions are.
    fn talkers(&self) -> Vec<NodeId> {
        let plan = self.plan();
        let talks = plan.nodes.iter().filter(|node| node.programs.iter().any(|p| p.ready == Ready::Sessions));
        talks.map(|node| node.id).collect()
    }

    async fn what_is_missing(&self) -> String {
        let mut lines = Vec::new();
        for (node, prefix) in self.fibs.missing() {
            lines.push(format!("  {}: no route for {prefix}", self.topology.node(node).name));
        }
        for node in self.talkers() {
            let name = &self.topology.node(node).name;
            match self.bgp(node).await {
                Ok(sessions) => {
                    let down = sessions.iter().filter(|session| !session.up);
                    lines.extend(down.map(|s| format!("  {name}: session {} is {}", s.name, s.state)));
                }
                Err(error) => lines.push(format!("  {name}: {error:#}")),
            }
        }
        let more = lines.len().saturating_sub(NAMED);
        lines.truncate(NAMED);
        if more > 0 {
            lines.push(format!("  … and {more} more"));
        }
        lines.join("\n")
    }
}
