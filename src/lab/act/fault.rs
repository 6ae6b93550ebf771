//! Faults of links, processes and sites: what is in force is taken in, and the difference made true.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::{Result, anyhow};

use crate::lab::Lab;
use crate::lab::network::LinkChange;
use crate::record::What;
use crate::scenario::damage::Damage;
use crate::scenario::{Action, Origin};
use crate::topology::LinkId;

impl Lab {
    /// Takes a fault or its undo in, and makes links and processes what follows from all faults in force.
    pub(super) async fn inflict(self: &Arc<Self>, action: &Action, origin: Origin) -> Result<()> {
        let mut damage = self.damage.lock().await;
        let mut after = damage.clone();
        after.apply(action, origin, &self.topology).map_err(|why| anyhow!(why))?;
        let links = self.link_changes(&damage, &after);
        self.network.can_do(&self.topology, &links).await?;
        self.faults.fetch_add(1, Ordering::Relaxed);
        if let Action::Site(act) = action {
            self.order_site(act, &damage).await?;
        }
        let before = std::mem::replace(&mut *damage, after);
        // Links first: what dies with its host must not say good-bye to its neighbors.
        self.network.change(&self.plan(), &links).await?;
        for LinkChange { link, after, .. } in links {
            let link = self.topology.links[link.0].name.clone();
            self.recorder.now(What::Link { link, up: after.up, egress: after.egress });
        }
        self.change_processes(&before, &damage).await?;
        if let Action::Site(act) = action {
            self.move_site(act, &damage).await?;
        }
        if let Action::Policy(act) = action {
            self.announce_otherwise(act.speaker(&self.topology), &damage).await?;
        }
        if let Action::Rogue(act) = action {
            self.corrupt(act, &damage).await?;
        }
        if matches!(action, Action::Roa(_)) {
            self.tell_roas(&damage).await?;
        }
        self.inform(&damage);
        self.verify(action, &damage);
        self.compare(Some(action.display(&self.topology).to_string()), &damage);
        Ok(())
    }

    fn link_changes(&self, before: &Damage, after: &Damage) -> Vec<LinkChange> {
        let change = |index: usize| {
            let link = LinkId(index);
            LinkChange { link, before: before.link(link, &self.topology), after: after.link(link, &self.topology) }
        };
        let made = (0..self.topology.links.len()).filter(|index| self.topology.links[*index].over.is_none());
        made.map(change).filter(|change| change.before != change.after).collect()
    }
}
