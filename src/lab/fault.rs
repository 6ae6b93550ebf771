//! Carries out the actions of the timeline and of `anybed fault`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::time::timeout;

use super::process::Role;
use super::workload;
use super::{Lab, Shared};
use crate::anycast::Command;
use crate::event::What;
use crate::kernel::now;
use crate::node::channel::Order;
use crate::scenario::{Action, Victim};
use crate::topology::{AsId, GroupId, LinkId, NodeId, NodeKind};

/// How long a node may take to do as it is told.
const PATIENCE: Duration = Duration::from_secs(10);

/// What has been done to the lab and not undone.
#[derive(Debug, Default)]
pub(super) struct Damage {
    /// Why each link is down: cut by itself, or with a failed stub. It is up when nothing is left.
    down: BTreeMap<LinkId, BTreeSet<Cause>>,
    failed: BTreeSet<AsId>,
    /// Overlays each killed node was a member of.
    killed: BTreeMap<NodeId, Vec<usize>>,
    killed_birds: BTreeSet<NodeId>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cause {
    Cut,
    Stub(AsId),
}

impl Lab {
    /// Carries out one action and records it. Puts and audits go on in the background.
    ///
    /// # Errors
    /// It cannot be done as things are (undoing what was not done), or the kernel refused.
    pub(super) async fn act(self: &Arc<Self>, action: &Action, live: bool) -> Result<()> {
        let text = action.display(&self.topology).to_string();
        let at = now();
        let done = self.carry_out(action).await;
        match &done {
            Ok(()) if is_fault(action) => {
                let (verb, target) = (action.verb().into(), action.target(&self.topology).into());
                self.recorder.at(at, What::Fault { action: text.clone(), verb, target, done: now(), live });
            }
            Ok(()) => {}
            Err(error) => self.recorder.at(at, What::Refused { action: text.clone(), reason: format!("{error:#}") }),
        }
        done.with_context(|| format!("`{text}` could not be done"))
    }

    async fn carry_out(self: &Arc<Self>, action: &Action) -> Result<()> {
        match action {
            Action::Cut(link) => self.take_down(&[*link], Cause::Cut).await,
            Action::Mend(link) => self.bring_up(&[*link], Cause::Cut).await,
            Action::Fail(stub) => {
                self.take_down(&self.topology.uplinks(*stub), Cause::Stub(*stub)).await?;
                self.damage().failed.insert(*stub);
                Ok(())
            }
            Action::Recover(stub) => {
                let name = &self.topology.ases[stub.0].name;
                ensure!(self.damage().failed.remove(stub), "{name} has not failed");
                self.bring_up(&self.topology.uplinks(*stub), Cause::Stub(*stub)).await
            }
            Action::Crash(node, victim) => self.crash(*node, *victim).await,
            Action::Restart(node, victim) => self.restart(*node, *victim).await,
            Action::Join { host, overlay } => self.join(*host, *overlay),
            Action::Leave { host, overlay } => self.leave(*host, *overlay),
            Action::Announce { host, group } => self.announce(*host, *group, true).await,
            Action::Withdraw { host, group } => self.announce(*host, *group, false).await,
            Action::Put { overlay, keys } => {
                let (lab, overlay, keys) = (self.clone(), *overlay, *keys);
                self.background(async move { workload::put(&lab, overlay, keys).await });
                Ok(())
            }
            Action::Audit { overlay } => {
                let (lab, overlay) = (self.clone(), *overlay);
                self.background(async move { workload::audit(&lab, overlay).await });
                Ok(())
            }
        }
    }

    async fn take_down(&self, links: &[LinkId], cause: Cause) -> Result<()> {
        let mut to_cut = Vec::new();
        {
            let mut damage = self.damage();
            for link in links {
                let causes = damage.down.entry(*link).or_default();
                if causes.is_empty() {
                    to_cut.push(*link);
                }
                ensure!(causes.insert(cause), "{} is cut already", self.describe(*link, cause));
            }
        }
        for link in to_cut {
            self.network.set_carrier(&self.plan, link, false).await?;
        }
        Ok(())
    }

    async fn bring_up(&self, links: &[LinkId], cause: Cause) -> Result<()> {
        let mut to_mend = Vec::new();
        {
            let mut damage = self.damage();
            for link in links {
                let causes = damage.down.entry(*link).or_default();
                ensure!(causes.remove(&cause), "{} has not been cut", self.describe(*link, cause));
                if causes.is_empty() {
                    to_mend.push(*link);
                }
            }
        }
        for link in to_mend {
            self.network.set_carrier(&self.plan, link, true).await?;
        }
        Ok(())
    }

    fn describe(&self, link: LinkId, cause: Cause) -> String {
        match cause {
            Cause::Cut => format!("link {}", self.topology.links[link.0].name),
            Cause::Stub(stub) => format!("the uplink of {}", self.topology.ases[stub.0].name),
        }
    }

    async fn crash(&self, node: NodeId, victim: Victim) -> Result<()> {
        let name = &self.topology.node(node).name;
        // All or nothing: what is refused must not change what a restart brings back.
        for role in self.roles(node, victim) {
            ensure!(self.processes.is_running(node, role), "the {} of {name} is not running", role.name());
        }
        for role in self.roles(node, victim) {
            if role == Role::Node {
                let member_of = |o: &usize| self.nodes.is_wanted(&self.topology.overlays[*o].name, name);
                let overlays = (0..self.topology.overlays.len()).filter(member_of).collect();
                self.damage().killed.insert(node, overlays);
            } else {
                self.damage().killed_birds.insert(node);
            }
            ensure!(self.processes.kill(node, role).await?, "the {} of {name} is not running", role.name());
        }
        Ok(())
    }

    async fn restart(&self, node: NodeId, victim: Victim) -> Result<()> {
        let name = &self.topology.node(node).name;
        for role in self.roles(node, victim) {
            ensure!(!self.processes.is_running(node, role), "the {} of {name} is running", role.name());
            let mut launch = self.launch(node, role)?;
            if role == Role::Bird && self.plan.node(node).graceful {
                launch.1.arguments.push("-R".to_owned());
            }
            self.processes.spawn(vec![launch]).await?;
            if role == Role::Node {
                let connected = self.nodes.wait_until(|nodes| nodes.is_connected(name));
                timeout(PATIENCE, connected).await.with_context(|| format!("{name}'s node does not report"))?;
                let overlays = self.damage().killed.remove(&node).unwrap_or_default();
                for overlay in overlays {
                    self.nodes.join(&self.topology.overlays[overlay].name, name);
                }
            } else {
                self.damage().killed_birds.remove(&node);
            }
        }
        Ok(())
    }

    /// BIRD first: a node needs it to announce.
    fn roles(&self, node: NodeId, victim: Victim) -> Vec<Role> {
        match (self.topology.node(node).kind, victim) {
            (NodeKind::Member, Victim::Node) => vec![Role::Node],
            (NodeKind::Member, Victim::Both) => vec![Role::Bird, Role::Node],
            _ => vec![Role::Bird],
        }
    }

    fn join(&self, host: NodeId, overlay: usize) -> Result<()> {
        let (host, overlay) = (&self.topology.node(host).name, &self.topology.overlays[overlay].name);
        ensure!(!self.nodes.is_wanted(overlay, host), "{host} is a member of {overlay}, or is joining");
        ensure!(self.nodes.join(overlay, host), "the node of {host} is not running");
        Ok(())
    }

    fn leave(&self, host: NodeId, overlay: usize) -> Result<()> {
        let (host, overlay) = (&self.topology.node(host).name, &self.topology.overlays[overlay].name);
        ensure!(self.nodes.is_wanted(overlay, host), "{host} is no member of {overlay}");
        let order = Order::Overlay { overlay: overlay.clone(), what: Command::Leave };
        ensure!(self.nodes.order(host, order), "the node of {host} is not running");
        Ok(())
    }

    async fn announce(&self, host: NodeId, group: GroupId, on: bool) -> Result<()> {
        let (host, group) = (&self.topology.node(host).name, &self.topology.groups[group.0].name);
        if self.nodes.is_announced(host, group) == on {
            bail!("{host} {} {group}", if on { "announces already" } else { "does not announce" });
        }
        let group_name = group.clone();
        let order = if on { Order::Announce { group: group_name } } else { Order::Withdraw { group: group_name } };
        ensure!(self.nodes.order(host, order), "the node of {host} is not running");
        let done = self.nodes.wait_until(|nodes| nodes.is_announced(host, group) == on);
        timeout(PATIENCE, done).await.with_context(|| format!("the BIRD of {host} does not answer"))
    }

    fn background(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        let running = self.background.clone();
        running.send_modify(|count| *count += 1);
        tokio::spawn(async move {
            work.await;
            running.send_modify(|count| *count -= 1);
        });
    }

    /// Waits until no put or audit is under way.
    pub(super) async fn background_done(&self) {
        let mut running = self.background.subscribe();
        // The sender lives in self.
        let _ = running.wait_for(|count| *count == 0).await;
    }

    /// Faults not undone, in words.
    pub(super) fn damage_report(&self) -> Vec<String> {
        let damage = self.damage();
        let cut = damage.down.iter().filter(|(_, causes)| causes.contains(&Cause::Cut));
        let links = cut.map(|(link, _)| format!("cut {}", self.topology.links[link.0].name));
        let stubs = damage.failed.iter().map(|stub| format!("fail {}", self.topology.ases[stub.0].name));
        let nodes = damage.killed.keys().map(|node| format!("crash {} node", self.topology.node(*node).name));
        let birds = damage.killed_birds.iter().map(|node| format!("crash {} bird", self.topology.node(*node).name));
        links.chain(stubs).chain(nodes).chain(birds).collect()
    }

    fn damage(&self) -> MutexGuard<'_, Damage> {
        self.damage.lock().expect("no holder of the damage panics")
    }
}

/// Whether the record keeps the action as a fault; joins and the like are told by the nodes.
fn is_fault(action: &Action) -> bool {
    !matches!(action, Action::Join { .. } | Action::Leave { .. } | Action::Put { .. } | Action::Audit { .. })
}

/// Carries out all actions of one text, as `anybed fault` sends it.
pub(super) async fn act_live(lab: &Shared, text: &str) -> Result<Vec<String>> {
    let actions = crate::scenario::action::parse(text, &lab.topology);
    let actions = actions.map_err(|error| match &error.help {
        Some(help) => anyhow::anyhow!("{} ({help})", error.message),
        None => anyhow::anyhow!("{}", error.message),
    })?;
    let mut done = Vec::new();
    for action in &actions {
        lab.act(action, true).await?;
        done.push(action.display(&lab.topology).to_string());
    }
    Ok(done)
}
