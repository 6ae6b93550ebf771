//! What sites are told: to announce, withdraw, drain, and to have another address.

use anyhow::{Context, Result, bail, ensure};
use tokio::time::{sleep, timeout};

use super::begun::PATIENCE;
use crate::lab::Lab;
use crate::node::announce::DRAIN;
use crate::node::channel::Order;
use crate::scenario::SiteAct;
use crate::scenario::damage::Damage;
use crate::topology::{GroupId, NodeId};

impl Lab {
    /// Has a site's node do what an action on its groups says.
    pub(super) async fn order_site(&self, act: &SiteAct, damage: &Damage) -> Result<()> {
        match act {
            SiteAct::Announce { host, .. } | SiteAct::Withdraw { host, .. } if self.is_gateway(*host) => Ok(()),
            SiteAct::Drain { host, group } if self.is_gateway(*host) => {
                let mut network = damage.network(&self.topology).into_owned();
                network.drain(*host, *group);
                self.announce_as(*host, &network, damage).await?;
                sleep(DRAIN).await;
                Ok(())
            }
            SiteAct::Announce { host, group } => {
                self.announce(*host, *group, true, |group| Order::Announce { group }).await
            }
            SiteAct::Withdraw { host, group } => {
                self.announce(*host, *group, false, |group| Order::Withdraw { group }).await
            }
            SiteAct::Drain { host, group } => self.announce(*host, *group, false, |group| Order::Drain { group }).await,
            SiteAct::Renumber(_) => Ok(()),
        }
    }

    /// Gives it another address, or a gateway another config, once links and processes are as they are to be.
    pub(super) async fn move_site(&self, act: &SiteAct, damage: &Damage) -> Result<()> {
        match act {
            SiteAct::Renumber(host) => self.renumber(*host, damage).await,
            SiteAct::Announce { host, .. } | SiteAct::Withdraw { host, .. } | SiteAct::Drain { host, .. }
                if self.is_gateway(*host) =>
            {
                self.announce_otherwise(*host, damage).await
            }
            SiteAct::Announce { .. } | SiteAct::Withdraw { .. } | SiteAct::Drain { .. } => Ok(()),
        }
    }

    /// Whether its routing daemon announces by its config, and no node has to be told.
    fn is_gateway(&self, node: NodeId) -> bool {
        self.topology.node(node).kind.is_router()
    }

    async fn announce(&self, host: NodeId, group: GroupId, on: bool, order: fn(String) -> Order) -> Result<()> {
        let title = self.daemon(host).title();
        let (host, group) = (&self.topology.node(host).name, &self.topology.groups[group.0].name);
        if self.nodes.is_announced(host, group) == on {
            bail!("{host} {} {group}", if on { "announces already" } else { "does not announce" });
        }
        ensure!(self.nodes.order(host, order(group.clone())), "the node of {host} is not running");
        let done = self.nodes.wait_until(|nodes| nodes.is_announced(host, group) == on);
        timeout(PATIENCE, done).await.with_context(|| format!("the node or the {title} of {host} does not answer"))
    }
}
