//! Waiting until routing has settled, and saying what is missing when it does not.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::{Result, bail};
use futures_util::future::join_all;
use ipnet::IpNet;
use tokio::time::{sleep, timeout};

use super::Lab;
use super::fibs::Expected;
use crate::plan::reach::valley_free;
use crate::program::Ready;
use crate::routing::daemon::SessionState;
use crate::scenario::damage::Damage;
use crate::topology::{AsId, NodeId, TimerPreset};

/// Between two looks at BGP sessions that are not up: a daemon does not announce state changes.
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Routing tables that do not change for so long have settled: a new BGP session tells what it knows
/// within a few milliseconds, on a loaded machine within tens.
const QUIET: Duration = Duration::from_millis(100);
/// BIRD holds what it has heard against its ROAs when they have not changed for a second.
const ROAS_SETTLE: Duration = Duration::from_millis(1300);
/// Routes are there sooner unless something was lost.
const REMIND: Duration = Duration::from_secs(8);
/// Daemons asked at the same time.
const AT_ONCE: usize = 128;
/// Missing things named in an error; the rest is counted.
const NAMED: usize = 12;
/// After the deadline nobody waits long for the reasons: for one daemon, and for all of them.
const ANSWER: Duration = Duration::from_secs(1);
const REASONS: Duration = Duration::from_secs(5);
/// More processes than this that want a CPU, for each there is, and the machine is what is missing.
const OVERLOADED: f64 = 4.0;

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
            self.informed(&Damage::default()).await;
            self.quiet().await;
            sessions
        };
        let wait = async {
            tokio::select! {
                sessions = wait => sessions,
                never = self.insist() => never,
            }
        };
        match timeout(patience, wait).await {
            Ok(sessions) => Ok(sessions),
            Err(_) => {
                let (missing, overloaded) = (self.what_is_missing().await, self.overloaded());
                bail!("routing has not converged within {} s\n{missing}{overloaded}", patience.as_secs())
            }
        }
    }

    /// Now and then reminds daemons of what is not in their kernels.
    async fn insist(&self) -> usize {
        loop {
            sleep(REMIND).await;
            let mut missing: BTreeMap<NodeId, Vec<IpNet>> = BTreeMap::new();
            for (node, prefix) in self.fibs.missing() {
                missing.entry(node).or_default().extend(prefix.parse::<IpNet>());
            }
            for (node, prefixes) in missing {
                // Who does not answer is waited for anyway.
                if let Ok(mut control) = self.control(node).await {
                    let _ = timeout(ANSWER, control.insist(&prefixes)).await;
                }
            }
        }
    }

    /// How long routing may take to converge: some times the longest timer, and longer in a large AS.
    pub(super) fn routing_takes_at_most(&self) -> Duration {
        let timers = match self.topology.timers {
            TimerPreset::Lab => Duration::from_secs(60),
            TimerPreset::Rfc | TimerPreset::Bird => Duration::from_secs(400),
        };
        timers.max(Duration::from_millis(400) * self.largest().1 as u32)
    }

    /// The AS of the most routers, and how many these are.
    fn largest(&self) -> (&str, usize) {
        let ases = self.topology.ases.iter().map(|own| (own.name.as_str(), own.routers.len()));
        ases.max_by_key(|(_, routers)| *routers).unwrap_or_default()
    }

    /// What to do when the machine, not the network, is why. Empty: it is not.
    fn overloaded(&self) -> String {
        let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load: f64 = text.split(' ').next().and_then(|load| load.parse().ok()).unwrap_or(0.0);
        let cpus = std::thread::available_parallelism().map_or(1, usize::from);
        overload(load, cpus, self.topology.nodes.len(), self.largest())
    }

    /// Stub prefixes and plain groups at every router that valley-free paths bring them to.
    fn expected(&self) -> Vec<Expected> {
        let heard = valley_free(&self.topology, &BTreeSet::new());
        let plain: Vec<_> = self.topology.groups.iter().filter(|g| g.is_plain()).collect();
        let mut told: Vec<(AsId, IpNet)> = Vec::new();
        for (index, _) in self.topology.ases.iter().enumerate().filter(|(_, a)| a.stub) {
            let id = AsId(index);
            let families = self.topology.family.families().iter();
            told.extend(families.map(|family| (id, self.plan().addresses.stub_prefix(id, *family))));
            let is_site = |members: &[NodeId]| members.iter().any(|m| self.topology.node(*m).as_id == id);
            let groups = plain.iter().filter(|g| is_site(&g.members));
            told.extend(groups.flat_map(|group| group.prefixes()).map(|prefix| (id, prefix)));
        }
        // Who has others is decided by more than relations. Whoever is told of an invalid route is not told of another.
        let invalid =
            told.iter().filter(|(id, prefix)| self.topology.may_be_invalid(prefix, self.topology.ases[id.0].asn));
        let invalid: BTreeSet<IpNet> = invalid.map(|(_, prefix)| *prefix).collect();
        let limits = self.topology.links.iter().any(|link| link.session.guards.max_prefix.is_some());
        let ruled = |prefix: &IpNet| self.topology.policies.iter().any(|rule| rule.may_withhold(prefix));
        let mut by_origin: BTreeMap<AsId, BTreeSet<String>> = BTreeMap::new();
        for (id, prefix) in
            told.into_iter().filter(|(_, prefix)| !limits && !ruled(prefix) && !invalid.contains(prefix))
        {
            by_origin.entry(id).or_default().insert(prefix.to_string());
        }
        let mut expected = BTreeSet::new();
        for (receiver, origins) in self.topology.ases.iter().zip(&heard) {
            let prefixes: BTreeSet<&String> = origins.iter().filter_map(|o| by_origin.get(o)).flatten().collect();
            // An exchange forwards no packets.
            for router in receiver.routers.iter().filter(|id| !self.topology.is_exchange(**id)) {
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
            // Each look costs those who are asked: many are asked less often.
            let pause = LOOK_EVERY * (1 + still.len() as u32 / 32);
            waiting = still;
            sleep(pause).await;
        }
    }

    /// Waits until no routing table has changed for a while: the route that came first need not be the
    /// best, and a session that is up has not yet said all it knows.
    async fn quiet(&self) {
        let told = if self.topology.rtr.is_some() { ROAS_SETTLE } else { Duration::ZERO };
        let while_nothing_changes = QUIET + self.fleet.hesitates() + told;
        let mut before = self.fibs.changes();
        loop {
            sleep(while_nothing_changes).await;
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
        let uninformed = timeout(ANSWER, self.uninformed(&Damage::default())).await.unwrap_or_default();
        lines.extend(uninformed.iter().map(|(node, why)| format!("  {}: {why}", self.topology.node(*node).name)));
        let talkers = self.talkers();
        let mut answered = 0;
        let ask = async {
            for chunk in talkers.chunks(AT_ONCE) {
                let answers = join_all(chunk.iter().map(|node| timeout(ANSWER, self.bgp(*node)))).await;
                for (node, answer) in chunk.iter().zip(answers) {
                    let name = &self.topology.node(*node).name;
                    answered += usize::from(answer.is_ok());
                    match answer {
                        Ok(Ok(sessions)) => {
                            let down = sessions.iter().filter(|session| !session.up);
                            lines.extend(down.map(|s| format!("  {name}: session {} is {}", s.name, s.state)));
                        }
                        Ok(Err(error)) => lines.push(format!("  {name}: {error:#}")),
                        Err(_) => {}
                    }
                }
            }
        };
        let _ = timeout(REASONS, ask).await;
        let more = lines.len().saturating_sub(NAMED);
        lines.truncate(NAMED);
        if more > 0 {
            lines.push(format!("  … and {more} more"));
        }
        if answered < talkers.len() {
            let (silent, title) = (talkers.len() - answered, self.fleet.title());
            lines.push(format!(
                "  {silent} of {} {title}s have not answered when asked for their sessions",
                talkers.len()
            ));
        }
        lines.join("\n")
    }
}

/// What a load average says of a machine, and what to do about it.
fn overload(load: f64, cpus: usize, nodes: usize, (largest, routers): (&str, usize)) -> String {
    if load < OVERLOADED * cpus as f64 {
        return String::new();
    }
    let of_one = if routers > 1 { format!(", {routers} of them routers of {largest}") } else { String::new() };
    format!(
        "\n  the machine is overloaded: {load:.0} processes want its {cpus} CPUs. Slower timers cost less and are waited \
         for longer: timers = \"rfc\" in [lab], or --timers rfc; fewer nodes cost less still: there are {nodes}{of_one}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_overloaded_machine_is_blamed() {
        assert_eq!(overload(3.0, 2, 20, ("core", 12)), "");
        let said = overload(568.2, 2, 1144, ("core", 1138));
        for word in ["568 processes", "2 CPUs", "--timers rfc", "there are 1144, 1138 of them routers of core"] {
            assert!(said.contains(word), "{said}");
        }
        assert!(overload(20.0, 2, 9, ("core", 1)).ends_with("there are 9"));
    }
}
