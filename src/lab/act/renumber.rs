//! A new unicast address for a host, as a new DHCP lease brings one.

use std::collections::BTreeSet;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::timeout;

use crate::lab::Lab;
use crate::lab::launch::write_texts;
use crate::node::channel::Order;
use crate::plan::NodePlan;
use crate::plan::renumber::access_link;
use crate::program::{Process, ProcessKind};
use crate::record::What;
use crate::scenario::damage::{Damage, ProcessState};
use crate::topology::{NodeId, Topology};

/// How long a daemon may take to apply a config.
const PATIENCE: Duration = Duration::from_secs(10);

impl Lab {
    /// Moves a host to the next free addresses of its stub: the kernels at both ends of its access link,
    /// then their routing daemons, then the host's node. What is down, dead or stopped follows when it returns.
    pub(super) async fn renumber(&self, host: NodeId, damage: &Damage) -> Result<()> {
        let before = self.plan();
        let after =
            before.renumbered(&damage.network(&self.topology), &self.fleet, host).context("render new configs")?;
        let (link, after) = (access_link(&self.topology, host), Arc::new(after));
        *self.plan.write().expect("no holder of the plan panics") = after.clone();
        self.network.renumber(&before, &after, link, damage.link(link, &self.topology).up).await?;
        let [gateway, _] = after.ends(link);
        if damage.routing(gateway.0, &self.topology) == ProcessState::Dead {
            // What it left behind no daemon recognizes as its own any more, and in IPv6 would add another to it.
            self.network.remove_stale_routes(&before, &after, gateway).await?;
        }
        let ends = after.ends(link).map(|(node, _)| after.node(node));
        for planned in ends {
            let (node, addresses) = (planned.name.clone(), planned.addresses());
            self.recorder.now(What::Renumbered { node, addresses });
        }
        for planned in ends {
            self.read_again(planned, damage).await?;
        }
        let address = after.addresses.host(host, self.topology.family.families()[0]);
        // One that is dead is told its address when it starts.
        self.nodes.order(&self.topology.node(host).name, Order::Renumber { address });
        Ok(())
    }

    /// Has a router announce and believe what its rules say now. One that is dead or stopped does when it returns.
    pub(super) async fn announce_otherwise(&self, router: NodeId, damage: &Damage) -> Result<()> {
        self.announce_as(router, &damage.network(&self.topology), damage).await
    }

    /// The same, of such a network.
    pub(super) async fn announce_as(&self, router: NodeId, network: &Topology, damage: &Damage) -> Result<()> {
        let after = self.plan().announcing(network, &self.fleet, router);
        let after = Arc::new(after.context("render new configs")?);
        *self.plan.write().expect("no holder of the plan panics") = after.clone();
        self.read_again(after.node(router), damage).await
    }

    /// Has the routing daemon of a node, if it has one, read its new config as soon as it can.
    async fn read_again(&self, planned: &NodePlan, damage: &Damage) -> Result<()> {
        let Some(routing) = planned.routing() else { return Ok(()) };
        write_texts(routing)?;
        match damage.process(planned.id, routing.process) {
            ProcessState::Running => self.reconfigure(planned.id).await?,
            ProcessState::Stopped => drop(self.outdated().insert(planned.id)),
            ProcessState::Dead => {}
        }
        Ok(())
    }

    /// A process goes on: if it is a routing daemon, it reads what it has missed.
    pub(super) async fn catch_up(&self, node: NodeId, process: Process) -> Result<()> {
        let missed = process.kind == ProcessKind::Routing && self.outdated().remove(&node);
        if missed { self.reconfigure(node).await } else { Ok(()) }
    }

    /// Lets a routing daemon read its config again. Sessions that have not changed stay up.
    async fn reconfigure(&self, node: NodeId) -> Result<()> {
        let name = &self.topology.node(node).name;
        let apply = async { self.control(node).await?.reconfigure().await };
        let applied = timeout(PATIENCE, apply).await;
        applied
            .context("it takes too long")
            .and_then(|done| done)
            .with_context(|| format!("reconfigure the {} of {name}", self.daemon(node).title()))
    }

    fn outdated(&self) -> MutexGuard<'_, BTreeSet<NodeId>> {
        self.outdated.lock().expect("no holder of the outdated daemons panics")
    }
}
