//! Carries out the actions of the timeline and of `anybed fault`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use tokio::time::timeout;

use super::network::LinkChange;
use super::{Lab, Shared, ping, stretch, workload};
use crate::anycast::Command;
use crate::kernel::now;
use crate::node::channel::Order;
use crate::program::{Process, Ready};
use crate::record::What;
use crate::scenario::damage::{Damage, ProcessState};
use crate::scenario::scope::pinged;
use crate::scenario::{Action, LookAct, Origin, OverlayAct, SeriesAct, SiteAct, programs};
use crate::topology::{GroupId, LinkId, NodeId};

/// How long a node may take to do as it is told.
const PATIENCE: Duration = Duration::from_secs(10);

impl Lab {
    /// Carries out one action and records it. Puts, audits, floods and measurements go on in the background.
    ///
    /// # Errors
    /// It cannot be done as things are (undoing what was not done), or the kernel refused.
    pub(super) async fn act(self: &Arc<Self>, action: &Action, origin: Origin, live: bool) -> Result<()> {
        let text = action.display(&self.topology).to_string();
        let at = now();
        let done = self.carry_out(action, origin).await;
        match &done {
            Ok(()) if action.is_fault() => {
                let (verb, target) = (action.verb().into(), action.target(&self.topology).into());
                self.recorder.at(
                    at,
                    What::Fault { action: text.clone(), verb, target, deed: Some(action.deed()), done: now(), live },
                );
            }
            Ok(()) => {}
            Err(error) => self.recorder.at(at, What::Refused { action: text.clone(), reason: format!("{error:#}") }),
        }
        done.with_context(|| format!("`{text}` could not be done"))
    }

    async fn carry_out(self: &Arc<Self>, action: &Action, origin: Origin) -> Result<()> {
        match action {
            Action::Overlay(OverlayAct::Join { host, overlay }) => self.join(*host, *overlay),
            Action::Overlay(OverlayAct::Leave { host, overlay }) => self.leave(*host, *overlay),
            Action::Overlay(OverlayAct::Put { overlay, keys }) => {
                let (lab, overlay, keys) = (self.clone(), *overlay, *keys);
                self.background(async move { workload::put(&lab, overlay, keys).await });
                Ok(())
            }
            Action::Overlay(OverlayAct::Overwrite { overlay, keys, from }) => {
                let (lab, overlay, keys, from) = (self.clone(), *overlay, *keys, from.clone());
                self.background(async move { workload::overwrite(&lab, overlay, keys, &from).await });
                Ok(())
            }
            Action::Overlay(OverlayAct::Audit { overlay }) => {
                let (lab, overlay) = (self.clone(), *overlay);
                self.background(async move { workload::audit(&lab, overlay).await });
                Ok(())
            }
            Action::Overlay(OverlayAct::Flood { overlay, from, rate, time }) => {
                self.flood(*overlay, *from, *rate, *time).await
            }
            Action::Look(LookAct::Ping { parts }) => {
                let (lab, nodes) = (self.clone(), pinged(parts, &self.topology));
                self.background(async move { ping::ping(&lab, &nodes).await });
                Ok(())
            }
            Action::Look(LookAct::Stretch(group)) => {
                let (lab, group) = (self.clone(), *group);
                self.background(async move { stretch::stretch(&lab, group).await });
                Ok(())
            }
            Action::Look(LookAct::Catchment { group }) => {
                let (lab, group) = (self.clone(), *group);
                self.background(async move { lab.record_survey(group).await });
                Ok(())
            }
            Action::Series(SeriesAct::Flap { fault, every, times }) => self.flap(fault, *every, *times),
            Action::Series(SeriesAct::Stop(fault)) => self.stop_flap(fault).await,
            Action::Link(_) | Action::Process(_) | Action::Site(_) => self.inflict(action, origin).await,
        }
    }

    /// Takes a fault or its undo in, and makes links and processes what follows from all faults in force.
    async fn inflict(self: &Arc<Self>, action: &Action, origin: Origin) -> Result<()> {
        let mut damage = self.damage.lock().await;
        let mut after = damage.clone();
        after.apply(action, origin, &self.topology).map_err(|why| anyhow!(why))?;
        let links = self.link_changes(&damage, &after);
        self.network.can_do(&self.topology, &links).await?;
        self.faults.fetch_add(1, Ordering::Relaxed);
        self.order_site(action).await?;
        let before = std::mem::replace(&mut *damage, after);
        // Links first: what dies with its host must not say good-bye to its neighbors.
        self.network.change(&self.plan(), &links).await?;
        for LinkChange { link, after, .. } in links {
            let link = self.topology.links[link.0].name.clone();
            self.recorder.now(What::Link { link, up: after.up, egress: after.egress });
        }
        self.change_processes(&before, &damage).await?;
        if let Action::Site(SiteAct::Renumber(host)) = action {
            self.renumber(*host, &damage).await?;
        }
        self.verify(action, &damage);
        Ok(())
    }

    fn link_changes(&self, before: &Damage, after: &Damage) -> Vec<LinkChange> {
        let change = |index: usize| {
            let link = LinkId(index);
            LinkChange { link, before: before.link(link, &self.topology), after: after.link(link, &self.topology) }
        };
        (0..self.topology.links.len()).map(change).filter(|change| change.before != change.after).collect()
    }

    async fn change_processes(&self, before: &Damage, after: &Damage) -> Result<()> {
        for node in self.topology.ids() {
            for process in &programs::on(&self.topology, node) {
                let (was, is) = (before.process(node, *process), after.process(node, *process));
                match (was, is) {
                    (was, is) if was == is => {}
                    (_, ProcessState::Dead) => self.kill(node, *process).await?,
                    (ProcessState::Dead, _) => self.revive(node, *process, after).await?,
                    (_, ProcessState::Stopped) => self.processes.freeze(node, *process).await?,
                    (_, ProcessState::Running) => {
                        self.processes.thaw(node, *process)?;
                        self.catch_up(node, *process).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn kill(&self, node: NodeId, process: Process) -> Result<()> {
        let name = &self.topology.node(node).name;
        if process == Process::NODE {
            let member_of = |o: &usize| self.nodes.is_wanted(&self.topology.overlays[*o].name, name);
            let overlays = (0..self.topology.overlays.len()).filter(member_of).collect();
            self.memberships.lock().expect("no holder of the memberships panics").insert(node, overlays);
        }
        ensure!(self.processes.kill(node, process).await?, "the {} of {name} is not running", process.name);
        Ok(())
    }

    async fn revive(&self, node: NodeId, process: Process, damage: &Damage) -> Result<()> {
        let name = &self.topology.node(node).name;
        let plan = self.plan();
        let program = plan.node(node).program(process);
        let mut launch = self.launch(node, program, damage)?;
        launch.1.arguments.extend(program.again.iter().cloned());
        self.processes.spawn(vec![launch]).await?;
        if program.ready == Ready::Connected {
            let connected = self.nodes.wait_until(|nodes| nodes.is_connected(name));
            timeout(PATIENCE, connected).await.with_context(|| format!("{name}'s node does not report"))?;
            let overlays = self.memberships.lock().expect("no holder of the memberships panics").remove(&node);
            for overlay in overlays.unwrap_or_default() {
                self.nodes.join(&self.topology.overlays[overlay].name, name);
            }
        }
        Ok(())
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

    /// Has a site's node do what an action on its groups says.
    async fn order_site(&self, action: &Action) -> Result<()> {
        match action {
            Action::Site(SiteAct::Announce { host, group }) => {
                self.announce(*host, *group, true, |group| Order::Announce { group }).await
            }
            Action::Site(SiteAct::Withdraw { host, group }) => {
                self.announce(*host, *group, false, |group| Order::Withdraw { group }).await
            }
            Action::Site(SiteAct::Drain { host, group }) => {
                self.announce(*host, *group, false, |group| Order::Drain { group }).await
            }
            _ => Ok(()),
        }
    }

    async fn announce(&self, host: NodeId, group: GroupId, on: bool, order: fn(String) -> Order) -> Result<()> {
        let (host, group) = (&self.topology.node(host).name, &self.topology.groups[group.0].name);
        if self.nodes.is_announced(host, group) == on {
            bail!("{host} {} {group}", if on { "announces already" } else { "does not announce" });
        }
        ensure!(self.nodes.order(host, order(group.clone())), "the node of {host} is not running");
        let done = self.nodes.wait_until(|nodes| nodes.is_announced(host, group) == on);
        timeout(PATIENCE, done)
            .await
            .with_context(|| format!("the node or the {} of {host} does not answer", self.routing.daemon.title()))
    }

    pub(super) fn background(self: &Arc<Self>, work: impl Future<Output = ()> + Send + 'static) {
        let running = self.background.clone();
        running.send_modify(|count| *count += 1);
        tokio::spawn(async move {
            work.await;
            running.send_modify(|count| *count -= 1);
        });
    }

    /// Waits until no put, audit, flood or verification is under way.
    pub(super) async fn background_done(&self) {
        let mut running = self.background.subscribe();
        // The sender lives in self.
        let _ = running.wait_for(|count| *count == 0).await;
    }
}

/// Carries out all actions of one text, as `anybed fault` sends it.
pub(super) async fn act_live(lab: &Shared, text: &str) -> Result<Vec<String>> {
    let actions = crate::scenario::acts::parse(text, &lab.topology);
    let actions = actions.map_err(|error| match &error.help {
        Some(help) => anyhow!("{} ({help})", error.message),
        None => anyhow!("{}", error.message),
    })?;
    let mut done = Vec::new();
    for action in &actions {
        lab.act(action, Origin::Direct, true).await?;
        done.push(action.display(&lab.topology).to_string());
    }
    Ok(done)
}
