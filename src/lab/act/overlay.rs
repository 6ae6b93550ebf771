//! What an overlay's members are told, and what they suffer.

use std::sync::Arc;

use anyhow::{Result, ensure};

use super::{items, keys};
use crate::anycast::Command;
use crate::lab::Lab;
use crate::node::channel::Order;
use crate::scenario::OverlayAct;
use crate::topology::NodeId;

impl Lab {
    /// Puts, audits, searches and floods go on in the background.
    pub(super) async fn tell_overlay(self: &Arc<Self>, act: &OverlayAct) -> Result<()> {
        let lab = self.clone();
        match act {
            OverlayAct::Join { host, overlay } => self.join(*host, *overlay)?,
            OverlayAct::Leave { host, overlay } => self.leave(*host, *overlay)?,
            OverlayAct::Put { overlay, keys } => {
                let (overlay, keys) = (*overlay, *keys);
                self.background(async move { keys::put(&lab, overlay, keys).await });
            }
            OverlayAct::Overwrite { overlay, keys, from } => {
                let (overlay, keys, from) = (*overlay, *keys, from.clone());
                self.background(async move { keys::overwrite(&lab, overlay, keys, &from).await });
            }
            OverlayAct::Audit { overlay, asked, from } => {
                let (overlay, asked, from) = (*overlay, *asked, from.clone());
                self.background(async move { keys::audit(&lab, overlay, asked, &from).await });
            }
            OverlayAct::Share { overlay, items } => {
                let (overlay, items) = (*overlay, *items);
                self.background(async move { items::share(&lab, overlay, items).await });
            }
            OverlayAct::Search { overlay, of, searches, from } => {
                let (overlay, of, searches, from) = (*overlay, *of, *searches, from.clone());
                self.background(async move { items::search(&lab, overlay, of, searches, &from).await });
            }
            OverlayAct::Flood { overlay, from, rate, time } => self.flood(*overlay, *from, *rate, *time).await?,
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
}
