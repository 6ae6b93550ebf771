//! Processes that are killed, stopped, and started again.

use anyhow::{Context, Result, ensure};
use tokio::time::timeout;

use super::begun::PATIENCE;
use crate::lab::Lab;
use crate::plan::speakers;
use crate::program::{Process, Ready};
use crate::routing::Announce;
use crate::scenario::damage::{Damage, ProcessState};
use crate::scenario::programs;
use crate::topology::{GroupId, NodeId};

impl Lab {
    pub(super) async fn change_processes(&self, before: &Damage, after: &Damage) -> Result<()> {
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
        if process == Process::NODE { self.close_gates(node).await } else { Ok(()) }
    }

    /// What outlives the node on a host with a health gate withdraws the groups of the overlay, or the block of the
    /// infrastructure. A daemon that is not there announces nothing, and one that starts announces nothing before it is
    /// told.
    async fn close_gates(&self, node: NodeId) -> Result<()> {
        let name = &self.topology.node(node).name;
        let overlays = self.topology.overlays.iter().filter(|o| o.health_gate && o.members.contains(&node));
        let groups = overlays.flat_map(|o| o.groups.iter().map(|id| (&o.name, *id)));
        let infrastructures = self.topology.infrastructures.iter().filter(|i| i.health_gate && i.hosts.contains(&node));
        let blocks = infrastructures.filter_map(|i| Some((&i.name, i.block?)));
        let gated: Vec<(&String, GroupId)> = groups.chain(blocks).collect();
        for (of, id) in gated {
            let group = &self.topology.groups[id.0];
            if !self.nodes.is_announced(name, &group.name) {
                continue;
            }
            match timeout(PATIENCE, self.withdraw_for(node, id)).await {
                Ok(Ok(())) => self.nodes.withdrawn(name, of, &group.name),
                Ok(Err(error)) => tracing::debug!("the gate of {name}: {error:#}"),
                Err(_) => tracing::warn!("the {} of {name} does not withdraw", self.daemon(node).title()),
            }
        }
        Ok(())
    }

    async fn withdraw_for(&self, node: NodeId, group: GroupId) -> Result<()> {
        let protocol = speakers::group_protocol(&self.topology, group);
        let addresses = &self.topology.groups[group.0].addresses;
        self.control(node).await?.set(&protocol, addresses, Announce::Off).await
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
}
