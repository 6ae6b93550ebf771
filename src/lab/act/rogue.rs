//! Hijacks and leaks: routers that are told otherwise, and hosts that answer as if they were members.

use anyhow::Result;

use crate::lab::Lab;
use crate::node::channel::Order;
use crate::scenario::RogueAct;
use crate::scenario::damage::Damage;

impl Lab {
    /// Has an AS begin or end what it should not do.
    pub(super) async fn corrupt(&self, act: &RogueAct, damage: &Damage) -> Result<()> {
        let by = act.by();
        // Who is to answer can before anybody asks it.
        if let Some(host) = self.topology.impostor(by) {
            let addresses = damage.impersonated(host, &self.topology);
            // One that is dead is told when it starts.
            self.nodes.order(&self.topology.node(host).name, Order::Impersonate { addresses });
        }
        for router in &self.topology.ases[by.0].routers {
            self.announce_otherwise(*router, damage).await?;
        }
        Ok(())
    }
}
